//! From a host and port to a connected, non-blocking TCP stream.

use super::dns;
use super::happy_eyeballs::{Attempts, Connecting, Family, MOST_ATTEMPTS, Outcome, Race, Tried};
use super::network::NetworkOptions;
use super::readiness::Readiness;
use super::url::Destination;
use super::zone::wants_zone;
use crate::error::{Component, Error, ErrorCode, code_of_io};
use crate::log::log;
use crate::sys::{failure, stream};
use socket2::{Domain, Protocol, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// So many addresses of one attempt are tried beyond TCP.
pub(super) const MOST_PAST_TCP: usize = 3;

/// The addresses of a machine, one after the other: each is an open connection.
pub(super) struct Reach<'a> {
    race: Race<'a, Readiness>,
    to: &'a Destination,
    options: &'a NetworkOptions,
    attempts: &'a Attempts,
}

impl<'a> Reach<'a> {
    /// `begun` is called with each attempt; `attempts` is for errors, also after a timeout.
    pub(super) fn new(
        to: &'a Destination,
        options: &'a NetworkOptions,
        attempts: &'a Attempts,
        begun: impl Fn() + Send + Sync + 'a,
    ) -> Result<Reach<'a>, Error> {
        let Destination { host, zone, port, .. } = to;
        let from = local_address(options)?;
        attempts.take();
        log!(Debug, Component::Dns, "looking up {host}");
        let lookups = dns::lookups(host, zone.as_deref(), *port, options);
        let connect = move |address| -> Connecting<'a, Readiness> {
            begun();
            log!(Debug, Component::Tcp, "connecting to {address}");
            Box::pin(async move {
                let connected = connect_one(address, from, options).await;
                if let Err(error) = &connected {
                    log!(Debug, Component::Tcp, "{address}: {error}");
                }
                connected
            })
        };
        let race = Race::new(lookups, options.begin_behind, attempts, Box::new(connect));
        Ok(Reach { race, to, options, attempts })
    }

    /// The first of the addresses left that answers.
    pub(super) async fn next(&mut self) -> Option<(Readiness, SocketAddr)> {
        let (stream, address) = self.race.next().await?;
        log!(Debug, Component::Tcp, "connected to {address}");
        Some((stream, address))
    }

    /// So many addresses are known that were not tried.
    pub(super) async fn known(&mut self) -> usize {
        self.race.known().await
    }

    /// The error where none answered. It has an entry for each.
    pub(super) fn failure(&self) -> Error {
        failure(&self.to.host, self.to.port, self.options, self.attempts.take())
    }
}

/// One more connection to an address that took one before.
pub(super) async fn connect_again(address: SocketAddr, options: &NetworkOptions) -> Result<Readiness, Error> {
    log!(Debug, Component::Tcp, "connecting to {address} once more");
    let connected = connect_one(address, local_address(options)?, options).await;
    connected.map_err(|error| {
        Error::from_io(Component::Tcp, &format!("Connecting to {address} once more failed"), &error)
    })
}

fn local_address(options: &NetworkOptions) -> Result<Option<SocketAddr>, Error> {
    let from = options.local_address.as_ref().map(|from| from.at(0)).transpose();
    from.map_err(|error| error.while_doing("ws_options_set_local_address"))
}

/// The error where no address could be connected to.
fn failure(host: &str, port: u16, options: &NetworkOptions, tried: Tried) -> Error {
    let place = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let Some((address, outcome)) = tried.addresses.first() else {
        return no_address(host, options, tried);
    };
    let cause = outcome.error();
    let code = cause.map_or(ErrorCode::Internal, code_of_io);
    let os_code = cause.and_then(io::Error::raw_os_error).unwrap_or(0);
    // A machine has so many ports to come from, for each address that it goes to.
    let no_port = failure::is_no_port(os_code, address.is_ipv4() && options.local_address.is_none());
    let code = if no_port { ErrorCode::OutOfMemory } else { code };
    let (what, cure) = match code {
        ErrorCode::OutOfMemory if no_port => {
            ("could not begin", "all local ports to it are in use; use fewer connections, or wait a minute")
        }
        ErrorCode::ConnectionRefused => ("was refused", "is the server running, and the port right?"),
        ErrorCode::Timeout => ("got no answer", "is a firewall in between?"),
        ErrorCode::OutOfMemory => ("could not begin", "the system has no descriptors or memory left"),
        _ if wants_zone(address) => (
            "is not possible",
            "it is a link-local address, to be given with the interface behind which it is, as in [fe80::1%25eth0]",
        ),
        _ if options.local_address.is_some() => {
            ("failed", "check the network, and the address of ws_options_set_local_address")
        }
        _ => ("failed", "check the network"),
    };
    let message = format!("Connecting to {place} {what}; {cure}");
    with_details(Error::new(code, Component::Tcp, message).with_os_code(os_code), tried)
}

/// Adds an entry for each address and lookup that was tried.
pub(super) fn with_details(error: Error, tried: Tried) -> Error {
    let Tried { addresses, lookups, left, .. } = tried;
    let stack = addresses.into_iter().fold(error, |stack, (address, outcome)| match outcome {
        Outcome::Failed(cause) => {
            stack.with_detail(code_of_io(&cause), Component::Tcp, format!("{address}: {cause}"))
        }
        Outcome::Waiting => {
            stack.with_detail(ErrorCode::Timeout, Component::Tcp, format!("{address}: it has not answered"))
        }
        Outcome::FailedLater(error) => {
            let first = &error.entries()[0];
            stack.with_detail(first.code, first.component, format!("{address}: {}", first.message))
        }
        Outcome::Connected => stack,
    });
    let stack = lookups.into_iter().fold(stack, Error::with_cause);
    if left == 0 {
        return stack;
    }
    let message = format!(
        "{left} more addresses were not tried (at most {MOST_ATTEMPTS} are, and {MOST_PAST_TCP} beyond TCP)"
    );
    let code = stack.code();
    stack.with_detail(code, Component::Tcp, message)
}

fn no_address(host: &str, options: &NetworkOptions, tried: Tried) -> Error {
    let mut lookups = tried.lookups.into_iter();
    if let Some(first) = lookups.next() {
        // Both families' lookups say the same where nobody knows the name.
        let others = lookups.filter(|other| other.entries() != first.entries()).collect::<Vec<_>>();
        return others.into_iter().fold(first, Error::with_cause);
    }
    let message = match &options.local_address {
        Some(from) => format!(
            "{host} has no {} address, and connections are to come from {from} \
             (ws_options_set_local_address)",
            Family::of(&from.address).name()
        ),
        None => format!("The name {host} has no address"),
    };
    Error::new(ErrorCode::Dns, Component::Dns, message)
}

async fn connect_one(
    address: SocketAddr,
    from: Option<SocketAddr>,
    options: &NetworkOptions,
) -> io::Result<Readiness> {
    let socket = stream::non_blocking(Domain::for_address(address), Some(Protocol::TCP))?;
    // Each message leaves as one write: waiting for more would only delay it.
    socket.set_tcp_nodelay(true)?;
    if let Some(idle) = options.tcp_keepalive {
        // The system counts in seconds and refuses 0.
        let idle = Duration::from_secs(idle.as_millis().div_ceil(1000) as u64);
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle).with_interval(idle))?;
    }
    if let Some(socket_fn) = &options.socket_fn {
        socket_fn.prepare(stream::number(&socket), &address.to_string())?;
    }
    if let Some(from) = from {
        stream::choose_port_late(&socket);
        socket.bind(&from.into())?;
    }
    match socket.connect(&address.into()) {
        Ok(()) => Readiness::new(Arc::new(socket)),
        Err(error) if stream::is_in_progress(&error) => {
            // The same registration serves until the connection is open.
            let readiness = Readiness::new(Arc::new(socket))?;
            let may_have_failed = readiness.writable().await?.may_have_failed();
            match if may_have_failed { readiness.stream().take_error()? } else { None } {
                Some(error) => Err(error),
                None => Ok(readiness),
            }
        }
        Err(error) => Err(error),
    }
}
