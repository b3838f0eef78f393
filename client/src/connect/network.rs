//! How to get to the server's machine: what stands in for the system's name lookup, where we come from, and what the
//! connected socket is asked to do. Judged when it is set.

use super::url;
use crate::error::ErrorCode;
use crate::options::refusal::Refusal;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The options that concern the way to the server.
#[derive(Clone, Default, Debug)]
pub(crate) struct NetworkOptions {
    resolve: Vec<Resolved>,
    /// The address that connections come from.
    pub(crate) local_address: Option<IpAddr>,
    /// When and how often the system asks whether a silent peer is still there.
    pub(crate) tcp_keepalive: Option<Duration>,
    /// Where to connect instead of to the URL's host.
    pub(crate) unix_socket: Option<PathBuf>,
    /// No option of the host's: the address that was no good before; those behind it are tried first.
    pub(crate) begin_behind: Option<SocketAddr>,
}

#[derive(Clone, Debug)]
struct Resolved {
    host: String,
    port: u16,
    address: IpAddr,
}

const NO_HOST: &str =
    "the host is none: it wants a name or an address as in the URL, without scheme, port and path";
const NO_ADDRESS: &str =
    "the address is no IPv4 or IPv6 address: names of hosts and interfaces, and ports, are not taken";

/// No name that is longer can be looked up, whatever its letters take in UTF-8.
const LONGEST_HOST: usize = 1024;

impl NetworkOptions {
    /// One more address for a host and port. [`ErrorCode::InvalidArgument`]: no host, port 0, or no IP address.
    pub(crate) fn add_resolve(&mut self, host: &str, port: u16, address: &str) -> Result<(), Refusal> {
        let refuse = |why: &'static str| Refusal::new(ErrorCode::InvalidArgument, why);
        if host.len() > LONGEST_HOST {
            return Err(refuse(NO_HOST));
        }
        let host = url::canonical_host(host).ok_or_else(|| refuse(NO_HOST))?;
        let bare = address.strip_prefix('[').and_then(|address| address.strip_suffix(']')).unwrap_or(address);
        let address = bare.parse().map_err(|_| refuse(NO_ADDRESS))?;
        if port == 0 {
            return Err(refuse("the port is 0; it is that of the URL, 80 or 443 where it has none"));
        }
        self.resolve.push(Resolved { host, port, address });
        Ok(())
    }

    /// [`ErrorCode::InvalidArgument`]: no IP address.
    pub(crate) fn set_local_address(&mut self, address: &str) -> Result<(), Refusal> {
        let refuse = |_| Refusal::new(ErrorCode::InvalidArgument, NO_ADDRESS);
        self.local_address = Some(address.parse().map_err(refuse)?);
        Ok(())
    }

    /// [`ErrorCode::InvalidArgument`]: empty, or too long for the system; [`ErrorCode::Unsupported`]: the system has
    /// no such sockets that could be used here.
    pub(crate) fn set_unix_socket(&mut self, path: &str) -> Result<(), Refusal> {
        if !cfg!(unix) {
            return Err(Refusal::new(ErrorCode::Unsupported, "there are no Unix sockets on this system"));
        }
        if path.is_empty()
            || path.len() >= libc::PATH_MAX as usize
            || socket2::SockAddr::unix(Path::new(path)).is_err()
        {
            let why = "the path is empty, or longer than the system allows (107 bytes on Linux)";
            return Err(Refusal::new(ErrorCode::InvalidArgument, why));
        }
        self.unix_socket = Some(path.into());
        Ok(())
    }

    /// What the host said that the name's addresses are; `None`: it said nothing.
    pub(super) fn resolved(&self, host: &str, port: u16) -> Option<Vec<SocketAddr>> {
        let those = self.resolve.iter().filter(|entry| entry.port == port && entry.host == host);
        let addresses: Vec<_> = those.map(|entry| SocketAddr::new(entry.address, port)).collect();
        (!addresses.is_empty()).then_some(addresses)
    }
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
            found.iter().map(SocketAddr::to_string).collect::<Vec<_>>(),
            ["192.0.2.1:443", "[2001:db8::1]:443", "[2001:db8::2]:443"]
        );
        assert_eq!(options.resolved("xn--bcher-kva.example", 80), None);
        assert_eq!(options.resolved("other.example", 443), None);
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
            ("a", 80, "fe80::1%1"),
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
