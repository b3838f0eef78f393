//! From a host name to its addresses. `getaddrinfo` cannot be cancelled, so it runs on a worker.

use super::url::Destination;
use crate::engine::{Kind, run_blocking};
use crate::error::{Error, ErrorCode};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

/// All addresses of the destination, in the system's order; at least one.
pub(crate) async fn lookup(to: &Destination) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(address) = to.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, to.port)]);
    }
    let name = (to.host.clone(), to.port);
    let found = run_blocking(Kind::Lookup, move || name.to_socket_addrs().map(Vec::from_iter)).await?;
    match found {
        Ok(addresses) if addresses.is_empty() => {
            Err(Error::new(ErrorCode::Dns, "dns ", format!("The name {} has no address", to.host)))
        }
        Ok(addresses) => Ok(addresses),
        Err(error) => Err(Error::new(
            ErrorCode::Dns,
            "dns ",
            format!(
                "The name {} could not be looked up: {error}; check its spelling and the network",
                to.host
            ),
        )
        .with_os_code(error.raw_os_error().unwrap_or(0))),
    }
}
