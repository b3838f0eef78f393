//! From a host name to its addresses. One lookup for each family, so that the addresses of one need not wait for a
//! name server that is slow with the other (RFC 8305 §3). `getaddrinfo` cannot be cancelled, so it runs on a worker.

use super::happy_eyeballs::{Family, Lookup};
use super::in_flight;
use super::network::NetworkOptions;
use super::zone::Zoned;
use crate::engine::{Kind, run_blocking, runs_here};
use crate::error::{Component, Error, ErrorCode, code_of_io};
use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind};
use socket2::{Domain, Type};
use std::future::ready;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// The lookups of a host's addresses; they begin when they are first polled.
pub(super) fn lookups(host: &str, zone: Option<&str>, port: u16, options: &NetworkOptions) -> Vec<Lookup> {
    let from = options.local_address.as_ref().map(|from| Family::of(&from.address));
    let wanted = |family: Family| from.is_none_or(|from| from == family);
    let literal = |address| Zoned { address, zone: zone.map(str::to_owned) };
    let known = options
        .resolved(host, port)
        .or_else(|| host.parse::<IpAddr>().ok().map(|address| vec![literal(address)]))
        .or_else(|| is_this_machine(host).then(|| LOOPBACK.map(Zoned::from).to_vec()));
    if let Some(known) = known {
        let known = known.iter().filter(|known| wanted(Family::of(&known.address)));
        let (mut addresses, mut lookups) = (Vec::new(), Vec::new());
        for judged in known.map(|known| known.at(port)) {
            match judged {
                Ok(address) => addresses.push(address),
                Err(error) => lookups.push(answered(Err(error))),
            }
        }
        lookups.push(answered(Ok(addresses)));
        return lookups;
    }
    let families = [Family::V6, Family::V4];
    families
        .into_iter()
        .filter(|family| wanted(*family))
        .map(|family| of_family(host, port, family))
        .collect()
}

fn answered(answer: Result<Vec<SocketAddr>, Error>) -> Lookup {
    Lookup { family: None, begun: None, answer: Box::pin(ready(answer)) }
}

const LOOPBACK: [IpAddr; 2] = [IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)];

/// Names of which no name server is asked (RFC 6761 §6.3): one that does not know them would only cost time, and one that
/// does could lead elsewhere.
fn is_this_machine(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let (before, last) = host.rsplit_once('.').unwrap_or(("localhost", host));
    !before.is_empty() && last.eq_ignore_ascii_case("localhost")
}

fn of_family(host: &str, port: u16, family: Family) -> Lookup {
    let name = host.to_owned();
    let look_up = move || ask(&name, family).map_err(|error| describe(&name, error));
    let with_port = move |mut addresses: Vec<SocketAddr>| {
        addresses.iter_mut().for_each(|address| address.set_port(port));
        addresses
    };
    if runs_here(Kind::Lookup) {
        let answer = async move { run_blocking(Kind::Lookup, look_up).await?.map(with_port) };
        return Lookup { family: Some(family), begun: None, answer: Box::pin(answer) };
    }
    match in_flight::ask(host, family, look_up) {
        Ok(ticket) => Lookup {
            family: Some(family),
            begun: Some(Arc::clone(&ticket.begun)),
            answer: Box::pin(async move { ticket.answer().await.map(with_port) }),
        },
        Err(error) => Lookup { family: Some(family), begun: None, answer: Box::pin(ready(Err(error))) },
    }
}

/// In the order of the system (RFC 6724). A name without an address of the family has none; that is no error.
fn ask(name: &str, family: Family) -> Result<Vec<SocketAddr>, LookupError> {
    let address = match family {
        Family::V4 => Domain::IPV4,
        Family::V6 => Domain::IPV6,
    };
    let hints =
        AddrInfoHints { address: address.into(), socktype: Type::STREAM.into(), ..AddrInfoHints::default() };
    match dns_lookup::getaddrinfo(Some(name), None, Some(hints)) {
        Ok(found) => Ok(found.filter_map(Result::ok).map(|found| found.sockaddr).collect()),
        Err(error) if matches!(error.kind(), LookupErrorKind::NoData | LookupErrorKind::Family) => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

fn describe(host: &str, error: LookupError) -> Error {
    let hint = match error.kind() {
        LookupErrorKind::Again => "is the network up, and the name server?",
        _ => "check its spelling and the network",
    };
    let error = std::io::Error::from(error);
    // A failure of the system has a cure of its own.
    let (code, hint) = match code_of_io(&error) {
        ErrorCode::OutOfMemory => (ErrorCode::OutOfMemory, "the system has no descriptors or memory left"),
        _ => (ErrorCode::Dns, hint),
    };
    let message = format!("The name {host} could not be looked up: {error}; {hint}");
    Error::new(code, Component::Dns, message).with_os_code(error.raw_os_error().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_and_what_is_below_it_is_this_machine() {
        for name in ["localhost", "LOCALHOST", "localhost.", "dev.localhost", "a.b.localhost."] {
            assert!(is_this_machine(name), "{name}");
        }
        for name in
            ["", ".", "localhost.example", "notlocalhost", "localhost..", ".localhost", "local", "127.0.0.1"]
        {
            assert!(!is_this_machine(name), "{name}");
        }
    }
}
