//! The options for the way to the server's machine: what stands in for the system's name lookup, where we come from, and
//! what the connected socket is asked to do. Judged when it is set.

use super::url::{self, Destination};
use super::zone::Zoned;
use crate::error::ErrorCode;
use crate::options::refusal::Refusal;
use crate::sys::file;
use crate::sys::stream::HAS_UNIX_SOCKETS;
use std::borrow::Cow;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The options that concern the way to the server.
#[derive(Clone, Default, Debug)]
pub(crate) struct NetworkOptions {
    resolve: Vec<Resolved>,
    connect_to: Vec<ConnectTo>,
    /// The address that connections come from.
    pub(crate) local_address: Option<Zoned>,
    /// When and how often the system asks whether a silent peer is still there.
    pub(crate) tcp_keepalive: Option<Duration>,
    /// The socket to connect to instead of to the URL's host.
    pub(crate) unix_socket: Option<PathBuf>,
    /// No option of the host's: the address that was no good before; those behind it are tried first.
    pub(crate) begin_behind: Option<SocketAddr>,
    /// The host's function that is called before a socket connects.
    pub(crate) socket_fn: Option<SocketFn>,
}

#[derive(Clone, Debug)]
struct Resolved {
    /// `*`: every one that has no entry of its own.
    host: String,
    port: u16,
    address: Zoned,
}

/// A host and port to connect to instead of to others.
#[derive(Clone, Debug)]
struct ConnectTo {
    /// `None`: any.
    host: Option<String>,
    port: Option<u16>,
    /// And its zone. `None`: the same as before.
    to_host: Option<(String, Option<String>)>,
    to_port: Option<u16>,
}

/// The host's function for each socket before it connects: descriptor and peer; 0, or the error that ends the attempt.
pub type PrepareSocket = dyn Fn(isize, &str) -> i32 + Send + Sync;

/// A [`PrepareSocket`] that options share.
#[derive(Clone)]
pub(crate) struct SocketFn(Arc<PrepareSocket>);

impl fmt::Debug for SocketFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SocketFn")
    }
}

impl SocketFn {
    pub(crate) fn new(prepare: Arc<PrepareSocket>) -> SocketFn {
        SocketFn(prepare)
    }

    /// An error is the system's, as if connecting had failed with it.
    pub(super) fn prepare(&self, descriptor: isize, peer: &str) -> io::Result<()> {
        match (self.0)(descriptor, peer) {
            0 => Ok(()),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }
}

const NO_HOST: &str =
    "the host is none: it wants a name or an address as in the URL, without scheme, port and path";
const NO_ADDRESS: &str = "the address is no IPv4 or IPv6 address, a zone behind the latter: names of hosts, and ports, are not taken";

/// No name that is longer can be looked up, whatever its letters take in UTF-8.
const LONGEST_HOST: usize = 1024;

impl NetworkOptions {
    /// One more address for a host and port. [`ErrorCode::InvalidArgument`]: no host, port 0, or no IP address.
    pub(crate) fn add_resolve(&mut self, host: &str, port: u16, address: &str) -> Result<(), Refusal> {
        let refuse = |why: &'static str| Refusal::new(ErrorCode::InvalidArgument, why);
        if host.len() > LONGEST_HOST {
            return Err(refuse(NO_HOST));
        }
        let host = match host {
            "*" => host.to_owned(),
            host => url::canonical_host(host).ok_or_else(|| refuse(NO_HOST))?,
        };
        let address = Zoned::parse(bare(address)).ok_or_else(|| refuse(NO_ADDRESS))?;
        if port == 0 {
            return Err(refuse("the port is 0; it is that of the URL, 80 or 443 where it has none"));
        }
        self.resolve.push(Resolved { host, port, address });
        Ok(())
    }

    /// [`ErrorCode::InvalidArgument`]: no IP address.
    pub(crate) fn set_local_address(&mut self, address: &str) -> Result<(), Refusal> {
        let refuse = || Refusal::new(ErrorCode::InvalidArgument, NO_ADDRESS);
        self.local_address = Some(Zoned::parse(address).ok_or_else(refuse)?);
        Ok(())
    }

    /// One more host and port to connect to instead of to another. Empty, or 0: any, or the same as before.
    /// [`ErrorCode::InvalidArgument`]: no host.
    pub(crate) fn add_connect_to(
        &mut self,
        host: &str,
        port: u16,
        to_host: &str,
        to_port: u16,
    ) -> Result<(), Refusal> {
        let refuse = || Refusal::new(ErrorCode::InvalidArgument, NO_HOST);
        if host.len().max(to_host.len()) > LONGEST_HOST {
            return Err(refuse());
        }
        let canonical = |host: &str| url::canonical_host(host).ok_or_else(refuse);
        let number = |port: u16| (port != 0).then_some(port);
        let to_host = match Zoned::parse(bare(to_host)) {
            Some(Zoned { address, zone }) => Some((address.to_string(), zone)),
            None if to_host.is_empty() => None,
            None => Some((canonical(to_host)?, None)),
        };
        let host = if host.is_empty() { None } else { Some(canonical(host)?) };
        self.connect_to.push(ConnectTo { host, port: number(port), to_host, to_port: number(to_port) });
        Ok(())
    }

    /// The place to connect to on the way to `to`; only host, zone and port may differ.
    pub(super) fn connect_to<'a>(&self, to: &'a Destination) -> Cow<'a, Destination> {
        let fits = |entry: &&ConnectTo| {
            entry.host.as_ref().is_none_or(|host| *host == to.host)
                && entry.port.is_none_or(|port| port == to.port)
        };
        let Some(entry) = self.connect_to.iter().find(fits) else { return Cow::Borrowed(to) };
        let mut other = to.clone();
        if let Some(host) = &entry.to_host {
            (other.host, other.zone) = host.clone();
        }
        other.port = entry.to_port.unwrap_or(to.port);
        Cow::Owned(other)
    }

    /// [`ErrorCode::InvalidArgument`]: empty, or too long for the system; [`ErrorCode::Unsupported`]: the system has
    /// no such sockets that could be used here.
    pub(crate) fn set_unix_socket(&mut self, path: &str) -> Result<(), Refusal> {
        if !HAS_UNIX_SOCKETS {
            return Err(Refusal::new(ErrorCode::Unsupported, "there are no Unix sockets on this system"));
        }
        if path.is_empty()
            || file::check_length(path).is_err()
            || socket2::SockAddr::unix(Path::new(path)).is_err()
        {
            let why = "the path is empty, or longer than the system allows (107 bytes on Linux)";
            return Err(Refusal::new(ErrorCode::InvalidArgument, why));
        }
        self.unix_socket = Some(path.into());
        Ok(())
    }

    /// The addresses that the host has set for the name; `None` if it has set none.
    pub(super) fn resolved(&self, host: &str, port: u16) -> Option<Vec<Zoned>> {
        let of = |host: &str| {
            let those = self.resolve.iter().filter(|entry| entry.port == port && entry.host == host);
            let addresses: Vec<_> = those.map(|entry| entry.address.clone()).collect();
            (!addresses.is_empty()).then_some(addresses)
        };
        of(host).or_else(|| of("*"))
    }
}

/// An address without the brackets that a URL has.
fn bare(address: &str) -> &str {
    address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::refusal::code;

    #[test]
    fn a_name_has_the_addresses_that_were_set_for_its_port_in_order() {
        let mut options = NetworkOptions::default();
        for address in ["192.0.2.1", "2001:db8::1", "[2001:db8::2]"] {
            options.add_resolve("B\u{fc}cher.Example", 443, address).unwrap();
        }
        let found = options.resolved("xn--bcher-kva.example", 443).unwrap();
        assert_eq!(
            found.iter().map(Zoned::to_string).collect::<Vec<_>>(),
            ["192.0.2.1", "2001:db8::1", "2001:db8::2"]
        );
        assert_eq!(options.resolved("xn--bcher-kva.example", 80), None);
        assert_eq!(options.resolved("other.example", 443), None);
        options.add_resolve("*", 443, "fe80::1%eth0").unwrap();
        assert_eq!(options.resolved("other.example", 443).unwrap()[0].to_string(), "fe80::1%eth0");
        assert_eq!(options.resolved("xn--bcher-kva.example", 443).unwrap().len(), 3, "an exact entry wins");
        assert_eq!(options.resolved("other.example", 80), None);
    }

    #[test]
    fn the_first_entry_that_fits_says_where_to_connect_to() {
        let to = |url: &str, entries: &[(&str, u16, &str, u16)]| {
            let mut options = NetworkOptions::default();
            for (host, port, to_host, to_port) in entries {
                options.add_connect_to(host, *port, to_host, *to_port).unwrap();
            }
            let given = url::parse(url).unwrap();
            let to = options.connect_to(&given);
            assert_eq!(
                (&to.authority, &to.resource, to.is_secure()),
                (&given.authority, &given.resource, given.is_secure())
            );
            (to.authority_with_port(), to.zone.clone())
        };
        for (entry, leads) in [
            (("host", 80, "other", 81), "other:81"),
            (("HOST", 0, "[::1]", 0), "[::1]:80"),
            (("", 80, "", 81), "host:81"),
            (("", 0, "127.1", 0), "127.0.0.1:80"),
            (("", 0, "", 0), "host:80"),
            (("host", 81, "other", 82), "host:80"),
            (("hos", 80, "other", 82), "host:80"),
        ] {
            assert_eq!(to("ws://host/a", &[entry]), (leads.to_owned(), None), "{entry:?}");
        }
        let both = [("host", 443, "a", 1), ("", 0, "fe80::1%eth0", 2)];
        assert_eq!(to("wss://host/", &both).0, "a:1");
        assert_eq!(to("ws://host/", &both), ("[fe80::1]:2".to_owned(), Some("eth0".to_owned())));
        let mut options = NetworkOptions::default();
        for (host, to_host) in [("a b", "b"), ("a", "b/c"), ("a", "b:80"), ("*:", "b"), ("a", "127.0.0.1%lo")]
        {
            let refused = options.add_connect_to(host, 0, to_host, 0).map_err(|refusal| refusal.code());
            assert_eq!(refused, Err(ErrorCode::InvalidArgument), "{host} {to_host}");
        }
    }

    #[test]
    fn what_is_no_host_port_or_address_is_refused() {
        let mut options = NetworkOptions::default();
        for (host, port, address) in [
            ("", 80, "127.0.0.1"),
            ("a b", 80, "127.0.0.1"),
            ("a/b", 80, "127.0.0.1"),
            ("a:80", 80, "127.0.0.1"),
            ("a\r\n", 80, "127.0.0.1"),
            ("a", 0, "127.0.0.1"),
            ("a", 80, ""),
            ("a", 80, "localhost"),
            ("a", 80, "127.0.0.1:80"),
            ("a", 80, "127.0.0.256"),
            ("a", 80, "fe80::1%"),
            ("a", 80, "127.0.0.1%lo"),
            ("a", 80, "[::1"),
        ] {
            assert_eq!(
                code(options.add_resolve(host, port, address)),
                Err(ErrorCode::InvalidArgument),
                "{host} {port} {address}"
            );
        }
        assert_eq!(code(options.set_local_address("0x7f.1")), Err(ErrorCode::InvalidArgument));
        assert_eq!(code(options.set_unix_socket("")), Err(ErrorCode::InvalidArgument));
        assert_eq!(code(options.set_unix_socket(&"x".repeat(200))), Err(ErrorCode::InvalidArgument));
        assert!(options.resolved("a", 80).is_none() && options.unix_socket.is_none());
    }
}
