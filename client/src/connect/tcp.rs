//! From addresses to a connected, non-blocking TCP stream: one address after the other, the first wins.

use super::url::Destination;
use crate::error::{Error, ErrorCode, code_of_io};
use crate::log::log;
use crate::transport::Stream;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Connects to the first address that answers. If none does, the error has an entry for each.
pub(crate) async fn connect(
    to: &Destination,
    addresses: &[SocketAddr],
) -> Result<(Arc<Stream>, SocketAddr), Error> {
    let mut failures = Vec::new();
    for address in addresses {
        match connect_one(address).await {
            Ok(stream) => return Ok((Arc::new(stream), *address)),
            Err(error) => {
                log!(Debug, "tcp ", "{address}: {error}");
                failures.push((address, error));
            }
        }
    }
    let code = failures.first().map_or(ErrorCode::Internal, |(_, error)| code_of_io(error));
    let os_code = failures.first().and_then(|(_, error)| error.raw_os_error()).unwrap_or(0);
    let (what, cure) = match code {
        ErrorCode::ConnectionRefused => ("was refused", "is the server running, and the port right?"),
        ErrorCode::Timeout => ("got no answer", "is a firewall in between?"),
        ErrorCode::OutOfMemory => ("could not begin", "the system has no descriptors or memory left"),
        _ => ("failed", "check the network"),
    };
    let message = format!("Connecting to {} {what}; {cure}", to.authority_with_port());
    Err(failures
        .iter()
        .fold(Error::new(code, "tcp ", message).with_os_code(os_code), |stack, (address, error)| {
            stack.with_detail(code_of_io(error), "tcp ", format!("{address}: {error}"))
        }))
}

async fn connect_one(address: &SocketAddr) -> io::Result<Stream> {
    let socket = Socket::new(Domain::for_address(*address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // Each message leaves as one write: waiting for more would only delay it.
    socket.set_tcp_nodelay(true)?;
    #[cfg(any(target_os = "macos", target_os = "ios"))]
    socket.set_nosigpipe(true)?;
    let stream = match socket.connect(&(*address).into()) {
        Ok(()) => socket,
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {
            // SAFETY: a `Socket` always names the same descriptor and owns it, and the registration owns the socket.
            let watched = unsafe { AsyncFd::register_with_interest(socket, Interest::WRITABLE) }?;
            watched.writable().await?.retain_ready();
            let socket = watched.into_inner();
            match socket.take_error()? {
                Some(error) => return Err(error),
                None => socket,
            }
        }
        Err(error) => return Err(error),
    };
    Ok(stream)
}
