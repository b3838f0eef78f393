//! Through a proxy to the destination: `choose` says which one, `http_connect` and `socks` ask it for a tunnel, `url`
//! judges what it is called. The result is a stream to the destination: TLS with the server and the upgrade go through
//! it unchanged. No name of the destination is looked up here but for `socks5://`.

mod choose;
mod http_connect;
mod socks;
mod url;

pub(crate) use choose::Choice;

use super::auth::{Authorization, Login};
use super::network::NetworkOptions;
use super::readiness::Readiness;
use super::tls::{self, TlsOptions};
use super::url::Destination;
use crate::error::{Component, Error, ErrorCode};
use crate::log::log;
use crate::transport::Transport;
use std::fmt;
use std::time::Instant;

/// The protocol that a proxy speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scheme {
    Http,
    Https,
    /// The destination's name is looked up here.
    Socks5,
    /// It is looked up at the proxy.
    Socks5h,
}

/// User and password for a proxy. Never shown, never sent to anybody else.
#[derive(Clone, PartialEq, Eq)]
enum Credentials {
    /// For `Proxy-Authorization`.
    Http(Login),
    /// User and password of RFC 1929.
    Password(String, String),
}

/// A judged proxy.
#[derive(Clone)]
pub(crate) struct Proxy {
    scheme: Scheme,
    /// Its place, as `dns`, `tcp` and `tls` take it; no user info.
    pub(crate) address: Destination,
    credentials: Option<Credentials>,
    /// The option or the variable that named it.
    set_by: &'static str,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// `http://host:port`, without user info.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address.shown)
    }
}

/// The part of the options with which a proxy is asked.
pub(crate) struct Asked<'a> {
    pub(crate) tls: &'a TlsOptions,
    pub(crate) network: &'a NetworkOptions,
    /// For an HTTP proxy alone.
    pub(crate) headers: &'a [(String, String)],
    pub(super) authorization: &'a mut Authorization,
    pub(crate) deadline: Option<Instant>,
}

impl Proxy {
    fn error(&self, message: impl fmt::Display) -> Error {
        let Proxy { set_by, .. } = self;
        Error::new(
            ErrorCode::Proxy,
            Component::Proxy,
            format!("The proxy {self} (set by {set_by}) {message}"),
        )
    }

    /// Reports an error on the way to the proxy as one of the proxy's.
    pub(crate) fn unreachable(&self, cause: Error) -> Error {
        match cause.code() {
            ErrorCode::Dns
            | ErrorCode::ConnectionRefused
            | ErrorCode::Unreachable
            | ErrorCode::Timeout
            | ErrorCode::ConnectionReset => {
                self.error("could not be reached; is it running, and its address right?").with_cause(cause)
            }
            _ => cause.while_doing(&format!("Connecting to the proxy {self}")),
        }
    }

    /// Turns a stream to the proxy into one to the destination.
    pub(crate) async fn tunnel(
        &self,
        to: &Destination,
        asked: Asked<'_>,
        transport: &mut Transport,
        readiness: &Readiness,
    ) -> Result<(), Error> {
        let mut early = Vec::new();
        if let Some(name) = &self.address.server_name {
            let tls = asked.tls.for_proxy();
            let handshake = tls::handshake(name, &self.address.authority, &tls, transport, readiness).await;
            let secured =
                handshake.map_err(|error| error.while_doing(&format!("TLS with the proxy {self}")))?;
            early = secured.early;
            transport.secure(secured.session);
            log!(Debug, Component::Tls, "secured with the proxy {self}");
        }
        match self.scheme {
            Scheme::Http | Scheme::Https => {
                http_connect::ask(self, to, asked, transport, readiness, early).await?;
            }
            Scheme::Socks5 | Scheme::Socks5h => {
                socks::ask(self, to, asked.network, transport, readiness).await?
            }
        }
        log!(Debug, Component::Proxy, "{self} has connected to {}", to.authority_with_port());
        Ok(())
    }
}
