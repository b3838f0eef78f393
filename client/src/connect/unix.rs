//! To a Unix socket instead of the URL's host.

use super::network::SocketFn;
use super::readiness::Readiness;
use crate::error::{Component, Error, ErrorCode, code_of_io};
use crate::log::log;
use crate::sys::stream;
use crate::timer;
use socket2::{Domain, SockAddr};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A server whose queue of connections is full does not say when there is room.
const AGAIN: Duration = Duration::from_millis(10);

/// The peer as it is shown.
pub(super) fn shown(path: &Path) -> String {
    format!("unix:{}", path.display())
}

pub(super) async fn connect(path: &Path, socket_fn: Option<&SocketFn>) -> Result<Readiness, Error> {
    let shown = shown(path);
    log!(Debug, Component::Tcp, "connecting to {shown}");
    match connect_to(path, &shown, socket_fn).await {
        Ok(readiness) => Ok(readiness),
        Err(error) => {
            let cure = match error.kind() {
                io::ErrorKind::NotFound => "is the server running, and the path right?",
                io::ErrorKind::ConnectionRefused => "is the server running?",
                io::ErrorKind::PermissionDenied => "may this process write to it?",
                _ => "is it the socket of a server?",
            };
            let code = match code_of_io(&error) {
                // No such file, no socket, another kind of socket.
                ErrorCode::Internal => ErrorCode::Unreachable,
                code => code,
            };
            let message = format!("Connecting to {shown} failed: {error}; {cure}");
            let os_code = error.raw_os_error().unwrap_or(0);
            Err(Error::new(code, Component::Tcp, message).with_os_code(os_code))
        }
    }
}

async fn connect_to(path: &Path, shown: &str, socket_fn: Option<&SocketFn>) -> io::Result<Readiness> {
    let address = SockAddr::unix(path)?;
    let socket = stream::non_blocking(Domain::UNIX, None)?;
    if let Some(socket_fn) = socket_fn {
        socket_fn.prepare(stream::number(&socket), shown)?;
    }
    loop {
        match socket.connect(&address) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => timer::sleep(AGAIN).await,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(()) => return Readiness::new(Arc::new(socket)),
        }
    }
}
