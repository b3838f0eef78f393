//! The request of the opening handshake (RFC 6455 §4.1), as the options have it.

use super::auth::Login;
use super::url::Destination;
use crate::error::{Component, Error, ErrorCode};
use crate::options::Options;
#[cfg(feature = "compression")]
use ws4d_protocol::deflate;

/// The User-Agent, unless the host gives one. Some servers and what stands before them refuse a request without.
const USER_AGENT: &str = concat!("libws4d/", env!("CARGO_PKG_VERSION"));

/// The offer of permessage-deflate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Offer {
    /// As the options have it.
    AsSet,
    /// As by default: a server that does not know a parameter may have answered 400 to it. The options bind our side all
    /// the same.
    Plain,
}

/// Returns `true` if the answer may be to a parameter that an option put into the offer, so that it is worth asking without.
pub(super) fn may_mind_the_offer(refusal: &Error, options: &Options) -> bool {
    let is_400 =
        refusal.code() == ErrorCode::HttpStatus && refusal.http().is_some_and(|http| http.status == 400);
    is_400 && offered_extensions(options, Offer::AsSet) != offered_extensions(options, Offer::Plain)
}

/// The value of `Sec-WebSocket-Extensions`.
#[cfg(feature = "compression")]
pub(super) fn offered_extensions(options: &Options, offer: Offer) -> Option<String> {
    let config = match offer {
        Offer::AsSet => options.compression.offer,
        Offer::Plain => deflate::Config::default(),
    };
    (options.compression.level > 0).then(|| deflate::offer(&config))
}

/// Without compression there is no extension to offer.
#[cfg(not(feature = "compression"))]
pub(super) fn offered_extensions(_: &Options, _: Offer) -> Option<String> {
    None
}

/// The user and password to be sent, unless the host has a header of its own for that.
pub(crate) fn login<'a>(to: &'a Destination, options: &Options) -> Option<&'a Login> {
    let host_authorizes = options.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    to.login.as_ref().filter(|_| !host_authorizes)
}

/// `authorization`: what goes beside the host's own headers.
pub(crate) fn request(
    to: &Destination,
    options: &Options,
    offer: Offer,
    authorization: Option<&str>,
    key: &str,
) -> Result<String, Error> {
    let mut request = Request::with_room(to, options, authorization)?;
    request.line(&["GET ", &to.resource, " HTTP/1.1"]);
    request.line(&["Host: ", &to.authority]);
    request.line(&["Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"]);
    request.line(&["Sec-WebSocket-Key: ", key]);
    request.list("Sec-WebSocket-Protocol", &options.subprotocols, ", ");
    if let Some(extensions) = offered_extensions(options, offer) {
        request.line(&["Sec-WebSocket-Extensions: ", &extensions]);
    }
    if let Some(authorization) = authorization {
        request.line(&["Authorization: ", authorization]);
    }
    request.list("Cookie", &options.cookies, "; ");
    let is_agent = |name: &str| name.eq_ignore_ascii_case("user-agent");
    if !options.headers.iter().any(|(name, _)| is_agent(name)) {
        request.line(&["User-Agent: ", USER_AGENT]);
    }
    for (name, value) in options.headers.iter() {
        // An empty one says that none is to be sent.
        if !(is_agent(name) && value.is_empty()) {
            request.line(&[name, ": ", value]);
        }
    }
    request.line(&[]);
    Ok(request.0)
}

/// A request with room for all that will be in it: it may have megabytes of the host's headers.
struct Request(String);

/// Room for the part that is in each request, with some to spare.
const FIXED_PART: usize = 1024;

impl Request {
    fn with_room(to: &Destination, options: &Options, authorization: Option<&str>) -> Result<Request, Error> {
        let piece = |text: &String| text.len() + 4;
        let size = to.resource.len()
            + to.authority.len()
            + authorization.map_or(0, str::len)
            + options.headers.iter().map(|(name, value)| name.len() + piece(value)).sum::<usize>()
            + options.cookies.iter().chain(options.subprotocols.iter()).map(piece).sum::<usize>();
        let mut text = String::new();
        text.try_reserve_exact(FIXED_PART + size).map_err(|_| {
            let message = format!("There is no memory left for the upgrade's request to {}", to.shown);
            Error::new(ErrorCode::OutOfMemory, Component::Http, message)
        })?;
        Ok(Request(text))
    }

    fn line(&mut self, parts: &[&str]) {
        self.0.extend(parts.iter().copied().chain(["\r\n"]));
    }

    /// All of a list in one header, if there are any.
    fn list(&mut self, name: &str, values: &[String], separator: &str) {
        for (i, value) in values.iter().enumerate() {
            self.0.extend([if i == 0 { name } else { separator }, if i == 0 { ": " } else { "" }, value]);
        }
        if !values.is_empty() {
            self.line(&[]);
        }
    }
}
