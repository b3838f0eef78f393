//! SOCKS5 (RFC 1928, RFC 1929) by tokio-socks, over our own non-blocking socket.

use super::{Credentials, Proxy, Scheme};
use crate::connect::dns;
use crate::connect::network::NetworkOptions;
use crate::connect::readiness::Readiness;
use crate::connect::url::Destination;
use crate::error::{Component, Error, ErrorCode};
use crate::transport::{Received, Transport};
use std::borrow::Cow;
use std::io::{self, ErrorKind, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio_socks::TargetAddr;
use tokio_socks::io::AsyncSocket;
use tokio_socks::tcp::socks5::Socks5Stream;

/// A name's length is one byte (RFC 1928 §5).
const LONGEST_NAME: usize = 255;

/// Has the proxy connect to the destination.
pub(super) async fn ask(
    proxy: &Proxy,
    to: &Destination,
    options: &NetworkOptions,
    transport: &Transport,
    readiness: &Readiness,
) -> Result<(), Error> {
    let target = target(proxy, to, options).await?;
    let socket = Socket { transport, readiness };
    let asked = match &proxy.credentials {
        Some(Credentials::Password(user, password)) => {
            Socks5Stream::connect_with_password_and_socket(socket, target, user, password).await
        }
        _ => Socks5Stream::connect_with_socket(socket, target).await,
    };
    asked.map(drop).map_err(|error| describe(proxy, to, &error))
}

async fn target(
    proxy: &Proxy,
    to: &Destination,
    options: &NetworkOptions,
) -> Result<TargetAddr<'static>, Error> {
    if let Ok(address) = to.host.parse::<IpAddr>() {
        return Ok(TargetAddr::Ip(SocketAddr::new(address, to.port)));
    }
    if proxy.scheme == Scheme::Socks5h {
        if to.host.len() > LONGEST_NAME {
            let len = to.host.len();
            return Err(proxy
                .error(format_args!("cannot be told a name of {len} bytes: SOCKS5 takes {LONGEST_NAME}")));
        }
        return Ok(TargetAddr::Domain(Cow::Owned(to.host.clone()), to.port));
    }
    // The proxy connects, not we: where we come from does not matter.
    let mut options = options.clone();
    options.local_address = None;
    let mut failure = None;
    // One address can be asked for. IPv4 first: a proxy that has no IPv6 says so only by failing.
    for lookup in dns::lookups(&to.host, to.zone.as_deref(), to.port, &options).into_iter().rev() {
        let first = |addresses: Vec<SocketAddr>| {
            addresses.iter().find(|address| address.is_ipv4()).or(addresses.first()).copied()
        };
        match lookup.answer.await.map(first) {
            Ok(Some(address)) => return Ok(TargetAddr::Ip(address)),
            Ok(None) => {}
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    let nowhere =
        || Error::new(ErrorCode::Dns, Component::Dns, format!("The name {} has no address", to.host));
    Err(failure.unwrap_or_else(nowhere))
}

fn describe(proxy: &Proxy, to: &Destination, error: &tokio_socks::Error) -> Error {
    use tokio_socks::Error as Socks;
    let target = to.authority_with_port();
    match error {
        Socks::Io(error) if error.kind() == ErrorKind::UnexpectedEof => proxy
            .error(format_args!(
                "ended the connection before it had answered for {target}; is it a SOCKS5 proxy?"
            ))
            .without_verdict(),
        Socks::Io(error) => proxy
            .error(format_args!("broke off when it was asked for {target}: {error}"))
            .without_verdict()
            .with_os_code(error.raw_os_error().unwrap_or(0)),
        Socks::PasswordAuthFailure(_) => proxy.error("does not take the user and password of its URL"),
        Socks::NoAcceptableAuthMethods | Socks::AuthorizationRequired if proxy.credentials.is_none() => {
            proxy.error("wants authorization: user:password@ in its URL")
        }
        Socks::NoAcceptableAuthMethods => proxy.error(
            "takes neither a password nor a client without one; it wants a way that is not spoken here",
        ),
        Socks::InvalidResponseVersion | Socks::InvalidReservedByte | Socks::UnknownAddressType => {
            proxy.error(format_args!("does not speak SOCKS5 ({error})"))
        }
        other => proxy.error(format_args!("refused to connect to {target}: {other}")),
    }
}

/// The socket as tokio-socks wants it. Reads no byte more than it is asked for: the next ones are the destination's.
struct Socket<'a> {
    transport: &'a Transport,
    readiness: &'a Readiness,
}

impl AsyncSocket for Socket<'_> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut bytes = Vec::with_capacity(buffer.len());
        loop {
            let mut guard = ready!(self.readiness.poll_readable(cx))?;
            match self.transport.read(Some((&mut bytes, buffer.len())), &mut Vec::new())? {
                Received::Data { direct, .. } if direct > 0 => {
                    self.readiness.hear();
                    buffer[..direct].copy_from_slice(&bytes);
                    return Poll::Ready(Ok(direct));
                }
                Received::End => return Poll::Ready(Ok(0)),
                Received::Data { .. } | Received::Nothing => guard.clear_ready(),
            }
        }
    }

    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let written = self.transport.write(&[IoSlice::new(bytes)])?;
            if written.taken > 0 {
                return Poll::Ready(Ok(written.taken));
            }
            ready!(self.readiness.poll_writable(cx))?.clear_ready();
        }
    }
}
