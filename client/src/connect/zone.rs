//! Addresses with a zone (RFC 4007 §11): a link-local address names a machine only together with the interface behind
//! which it is. The zone has a meaning on this machine alone: it is sent to no server, and no certificate has it.

use crate::error::{Component, Error, ErrorCode};
use crate::sys::failure::{self, Failure};
use crate::sys::interface;
use std::fmt;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

/// An address, and its interface where one was named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Zoned {
    pub(crate) address: IpAddr,
    /// The name of an interface, or its number.
    pub(crate) zone: Option<String>,
}

impl From<IpAddr> for Zoned {
    fn from(address: IpAddr) -> Zoned {
        Zoned { address, zone: None }
    }
}

impl fmt::Display for Zoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.zone {
            Some(zone) => write!(f, "{}%{zone}", self.address),
            None => self.address.fmt(f),
        }
    }
}

impl Zoned {
    /// An address as people write it, the zone behind a `%`. `None`: it is none.
    pub(crate) fn parse(text: &str) -> Option<Zoned> {
        match text.split_once('%') {
            None => Some(text.parse::<IpAddr>().ok()?.into()),
            Some((address, zone)) => {
                let address = IpAddr::V6(address.parse().ok()?);
                is_zone(zone).then(|| Zoned { address, zone: Some(zone.to_owned()) })
            }
        }
    }

    /// With the number of its interface. [`ErrorCode::Unreachable`]: there is no such interface.
    pub(crate) fn at(&self, port: u16) -> Result<SocketAddr, Error> {
        let (IpAddr::V6(address), Some(zone)) = (self.address, &self.zone) else {
            return Ok(SocketAddr::new(self.address, port));
        };
        let interface = interface::number(zone).map_err(|error| {
            let (code, why) = match error.raw_os_error().and_then(failure::meaning) {
                Some(Failure::NoResources) => {
                    (ErrorCode::OutOfMemory, format!("the interface {zone} could not be looked up: {error}"))
                }
                _ => (ErrorCode::Unreachable, format!("this machine has no interface {zone}")),
            };
            let message = format!("Connecting by way of {self} is not possible: {why}");
            Error::new(code, Component::Tcp, message).with_os_code(error.raw_os_error().unwrap_or(0))
        })?;
        Ok(SocketAddrV6::new(address, port, 0, interface).into())
    }
}

/// Returns `true` for text that may be the name or the number of an interface.
pub(super) fn is_zone(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(|c: char| c.is_control() || c.is_whitespace() || "%/?#[]@\\".contains(c))
}

/// Returns `true` if the address means nothing without an interface.
pub(super) fn wants_zone(address: &SocketAddr) -> bool {
    matches!(address, SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_have_a_zone_if_it_is_ipv6() {
        for (text, shown) in [
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "::1"),
            ("FE80::1%eth0", "fe80::1%eth0"),
            ("fe80::1%2", "fe80::1%2"),
        ] {
            assert_eq!(Zoned::parse(text).unwrap().to_string(), shown);
        }
        for bad in ["", "name", "127.0.0.1%lo", "fe80::1%", "fe80::1%a%b", "fe80::1%a b", "%lo", "[::1]"] {
            assert_eq!(Zoned::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_interface_has_a_name_and_a_number() {
        let name = interface::LOOPBACK;
        let at = |text: &str| Zoned::parse(text).unwrap().at(80);
        let SocketAddr::V6(by_name) = at(&format!("fe80::1%{name}")).unwrap() else { panic!("IPv6") };
        assert_ne!(by_name.scope_id(), 0);
        assert_eq!(at(&format!("fe80::1%{}", by_name.scope_id())).unwrap(), by_name.into());
        for unknown in ["nosuchinterface", "0", "4000000000"] {
            let error = at(&format!("fe80::1%{unknown}")).unwrap_err();
            assert_eq!(error.code(), ErrorCode::Unreachable);
            assert!(error.to_string().contains(&format!("no interface {unknown}")), "{error}");
        }
        assert!(wants_zone(&at("fe80::1").unwrap()) && !wants_zone(&at("::1").unwrap()));
        assert!(!wants_zone(&by_name.into()));
    }
}
