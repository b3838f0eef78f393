//! URLs and the places to which they lead. Parsed by the `url` crate; what it would mend (white space, backslashes, a missing
//! `://`) is refused first, because a mended URL is not the one that the host meant.

use super::auth::Login;
use super::reference;
use super::zone::is_zone;
use crate::error::{Component, Error, ErrorCode};
use crate::options::texts::{MOST_TEXT, ensure_memory};
use rustls::pki_types::ServerName;
use std::borrow::Cow;
use url::{Host, ParseError, Position, Url};

/// A judged URL.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    /// As the host wrote it, less user info: what `ws_get_url` shows.
    pub(crate) url: String,
    /// The same without its query, which may hold a token: what logs and errors show.
    pub(crate) shown: String,
    /// The name that its certificate must have; `None`: TLS is not spoken with it.
    pub(super) server_name: Option<ServerName<'static>>,
    /// A name in ASCII, or an IP address without brackets.
    pub(crate) host: String,
    /// The interface of this machine behind which it is; it is never sent.
    pub(crate) zone: Option<String>,
    pub(crate) port: u16,
    /// `host[:port]` as the Host header has it.
    pub(crate) authority: String,
    /// Path and query as the request line has them.
    pub(crate) resource: String,
    /// The user info of the URL.
    pub(crate) login: Option<Login>,
}

/// Judges a URL. [`ErrorCode::InvalidUrl`] with the reason, in which user info never appears; [`ErrorCode::TooLarge`].
pub(crate) fn parse(text: &str) -> Result<Destination, Error> {
    ensure_bearable(text)?;
    judge(text).map_err(|why| {
        let shown: String = without_secrets(text).escape_debug().take(200).collect();
        Error::new(ErrorCode::InvalidUrl, Component::Socket, format!("The URL \"{shown}\" is refused: {why}"))
    })
}

fn ensure_bearable(text: &str) -> Result<(), Error> {
    if text.len() > MOST_TEXT {
        let message = format!("The URL has {} bytes; at most {} KiB are taken", text.len(), MOST_TEXT / 1024);
        return Err(Error::new(ErrorCode::TooLarge, Component::Socket, message));
    }
    // The parser copies it several times, and percent-encoding makes three bytes of one.
    ensure_memory(8 * text.len())
        .map_err(|code| Error::new(code, Component::Socket, "There is no memory left to read the URL in"))
}

/// Says in a sentence what is wrong with a host and port as they are written; the parser's own words have no verb.
pub(super) fn words(error: ParseError, written: &str) -> &'static str {
    match error {
        ParseError::EmptyHost => "it has no host",
        ParseError::InvalidPort => "its port is no number from 1 to 65535",
        ParseError::InvalidIpv4Address => "its host looks like an IPv4 address and is none",
        ParseError::InvalidIpv6Address => "what it has between brackets is no IPv6 address",
        // IDNA has a say in names that are not ASCII, and in those that stand for one.
        ParseError::IdnaError if !written.is_ascii() || written.to_ascii_lowercase().contains("xn--") => {
            "its host is no name that IDNA knows (RFC 5891)"
        }
        _ => "its host has a character that names cannot have",
    }
}

/// The parts of a URL of bearable length, or why it is refused.
fn judge(text: &str) -> Result<Destination, String> {
    let refuse = |why: &str| why.to_owned();
    if let Some(bad) = first_mended(text) {
        return Err(refuse(&format!("it contains {}", name_of_mended(bad))));
    }
    let (scheme, rest) = text
        .split_once("://")
        .ok_or_else(|| refuse("it has no \"://\"; it must begin with ws:// or wss://"))?;
    let secure = match scheme {
        _ if scheme.eq_ignore_ascii_case("ws") => false,
        _ if scheme.eq_ignore_ascii_case("wss") => true,
        _ => return Err(refuse("its scheme must be ws or wss")),
    };
    if text.contains('#') {
        return Err(refuse("it has a fragment (#), which WebSocket URLs must not have (RFC 6455 section 3)"));
    }
    let (authority, behind) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if authority.rsplit('@').next().is_none_or(str::is_empty) {
        return Err(refuse("it has no host"));
    }
    if authority.matches('@').count() > 1 {
        return Err(refuse(
            "it has more than one \"@\" before the path; in a user name or password it is written %40",
        ));
    }
    let (user_info, written) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    let (written, zone) = cut_zone(written).map_err(refuse)?;
    check_written_host(&written).map_err(refuse)?;
    // The parser knows no zones; and of what is behind the host it would refuse nothing.
    let cut = match zone {
        None => Cow::Borrowed(&text[..text.len() - behind.len()]),
        Some(_) => Cow::Owned(format!("{scheme}://{user_info}{written}")),
    };
    let url = Url::parse(&cut).map_err(|error| refuse(words(error, &written)))?;
    let host = match url.host() {
        Some(Host::Domain(name)) if !name.is_empty() => name.to_owned(),
        // The parser writes it in the same way.
        Some(Host::Ipv4(_)) => url.host_str().unwrap_or_default().to_owned(),
        Some(Host::Ipv6(address)) => address.to_string(),
        _ => return Err(refuse("it has no host")),
    };
    let port = url.port_or_known_default().ok_or_else(|| refuse("it has no port"))?;
    if port == 0 {
        return Err(refuse("port 0 cannot be connected to"));
    }
    let server_name = if secure { Some(server_name(&host).map_err(refuse)?) } else { None };
    let resource = reference::resource(behind);
    // With the port, unless that is the scheme's own.
    let authority = url[Position::BeforeHost..Position::AfterPort].to_owned();
    let login = login(&url).map_err(refuse)?;
    let url = without_user_info(text);
    let shown = without_query(url.clone());
    Ok(Destination { url, shown, server_name, host, zone, port, authority, resource, login })
}

/// The name that the certificate of a host must have.
pub(super) fn server_name(host: &str) -> Result<ServerName<'static>, &'static str> {
    const NONE: &str = "its host is no name that a certificate can have: at most 63 letters, digits or hyphens between two dots";
    ServerName::try_from(host.to_owned()).map_err(|_| NONE)
}

/// The place to which a `Location` header leads that was said at `from`, judged as strictly as a URL of the host's. Its
/// fragment is not the server's business (RFC 9110 §10.2.2). `http` and `https` mean `ws` and `wss`.
pub(crate) fn redirected(from: &Destination, location: &str) -> Result<Destination, String> {
    let shown: String = without_secrets(location).escape_debug().take(200).collect();
    let refuse = |why: &str| format!("its Location \"{shown}\" is refused: {why}");
    if let Some(bad) = first_mended(location) {
        return Err(refuse(&format!("it contains {}", name_of_mended(bad))));
    }
    let location = location.split('#').next().unwrap_or("");
    let (scheme, reference) = match location.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)))
    {
        Some(at) if location[at..].starts_with(':') => location.split_at(at),
        _ => ("", location),
    };
    let secure = match scheme.to_ascii_lowercase().as_str() {
        "" if !location.starts_with(':') => from.is_secure(),
        "ws" | "http" if reference.starts_with("://") => false,
        "wss" | "https" if reference.starts_with("://") => true,
        _ => return Err(refuse("it has a scheme that is none of ws://, wss://, http:// and https://")),
    };
    let (authority, resource) =
        reference::resolve(&from.resource, reference.strip_prefix(':').unwrap_or(reference));
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Err(refuse("it has a user name or password, which are the host's to choose"));
    }
    let scheme = if secure { "wss" } else { "ws" };
    let next = format!("{scheme}://{}{resource}", authority.unwrap_or(&from.authority));
    ensure_bearable(&next).map_err(|error| refuse(&error.to_string()))?;
    let mut next = judge(&next).map_err(|why| refuse(&why))?;
    if next.zone.is_some() {
        return Err(refuse("it has a zone, and interfaces are this machine's business"));
    }
    if next.host == from.host {
        next.zone.clone_from(&from.zone);
    }
    Ok(next)
}

/// The host without the zone of an IPv6 address, and the zone: `[fe80::1%25eth0]` (RFC 6874), or with a bare `%`.
pub(super) fn cut_zone(written: &str) -> Result<(Cow<'_, str>, Option<String>), &'static str> {
    let inside = written.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let Some((address, zone, rest)) =
        inside.and_then(|(inside, rest)| inside.split_once('%').map(|(address, zone)| (address, zone, rest)))
    else {
        return Ok((Cow::Borrowed(written), None));
    };
    let zone = String::from_utf8(percent_decode(zone.strip_prefix("25").unwrap_or(zone)));
    let zone = zone.ok().filter(|zone| is_zone(zone)).ok_or("its zone is no name of an interface")?;
    Ok((Cow::Owned(format!("[{address}]{rest}")), Some(zone)))
}

/// Refuses a host that the parser would turn into another one than stands there. `text` may have a port.
pub(super) fn check_written_host(text: &str) -> Result<(), &'static str> {
    if text.contains('%') {
        return Err(
            "its host has a percent sign: it cannot have encoded letters, and zones only in an IPv6 address",
        );
    }
    // They are dropped without a trace.
    if !text.is_ascii()
        && text.contains(['\u{ad}', '\u{34f}', '\u{180e}', '\u{200b}', '\u{2060}', '\u{2064}', '\u{feff}'])
    {
        return Err("its host has an invisible character");
    }
    if text.starts_with('.') || text.contains("..") {
        return Err("its host has an empty label");
    }
    Ok(())
}

/// Characters that the parser would mend, or a reader overlook.
pub(super) fn is_mended(c: char) -> bool {
    c.is_control() || c.is_whitespace() || c == '\\'
}

/// The first of them in a text. Almost every text has only ASCII, where they are easily told.
fn first_mended(text: &str) -> Option<char> {
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'\\';
    if text.as_bytes().iter().all(is_plain) { None } else { text.chars().find(|c| is_mended(*c)) }
}

fn name_of_mended(c: char) -> &'static str {
    if c == '\\' { "a backslash" } else { "a space or control character" }
}

/// A host as [`Destination::host`] has it; `None`: it is none. An IPv6 address may have its brackets.
pub(crate) fn canonical_host(text: &str) -> Option<String> {
    if let Ok(address) = text.parse::<std::net::Ipv6Addr>() {
        return Some(address.to_string());
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || "/\\?#@".contains(c)) {
        return None;
    }
    check_written_host(text).ok()?;
    match Host::parse(text).ok()? {
        Host::Domain(name) if name.is_empty() => None,
        Host::Domain(name) => Some(name),
        Host::Ipv4(address) => Some(address.to_string()),
        Host::Ipv6(address) => Some(address.to_string()),
    }
}

/// The text without `user:password@`.
fn without_user_info(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let end = text[start..].find(['/', '?', '#', '\\']).map_or(text.len(), |at| start + at);
    match text[start..end].rfind('@') {
        Some(at) => format!("{}{}", &text[..start], &text[start + at + 1..]),
        None => text.to_owned(),
    }
}

/// The text without what may be secret: user info, the query, a fragment.
pub(super) fn presentable(text: &str) -> String {
    without_query(without_user_info(text))
}

fn without_query(mut text: String) -> String {
    if let Some(at) = text.find(['?', '#']) {
        text.truncate(at + 1);
        text.push_str("...");
    }
    text
}

/// As [`presentable`], for a text that is no URL of ours: a password with a `/`, `?` or `#` in it ends what a parser
/// takes for the host, and its rest looks like a path. So nothing before the last `@` is shown.
pub fn without_secrets(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let shown = without_user_info(text);
    match shown[start..].rfind('@') {
        Some(at) => without_query(format!("{}...{}", &shown[..start], &shown[start + at..])),
        None => without_query(shown),
    }
}

/// User and password of a URL, for HTTP's ways of authorization.
pub(super) fn login(url: &Url) -> Result<Option<Login>, &'static str> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    Login::new(percent_decode(url.username()), percent_decode(url.password().unwrap_or(""))).map(Some)
}

/// `%41` is A; a `%` that is followed by something else stands for itself.
pub(super) fn percent_decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).and_then(|byte| (*byte as char).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

impl Destination {
    /// Returns `true` if TLS is spoken with it.
    pub(crate) fn is_secure(&self) -> bool {
        self.server_name.is_some()
    }

    /// RFC 6454 §4: scheme, host and port.
    pub(crate) fn origin(&self) -> (bool, &str, u16) {
        (self.is_secure(), &self.host, self.port)
    }

    /// The place of a proxy: nothing is asked of it but a tunnel.
    pub(super) fn of_proxy(
        scheme: &str,
        server_name: Option<ServerName<'static>>,
        host: String,
        port: u16,
    ) -> Destination {
        let mut address = Destination {
            url: String::new(),
            shown: String::new(),
            server_name,
            host,
            zone: None,
            port,
            authority: String::new(),
            resource: String::new(),
            login: None,
        };
        address.authority = address.authority_with_port();
        address.shown = format!("{scheme}://{}", address.authority);
        address
    }

    /// `host:port`, also where the port is the scheme's own.
    pub(crate) fn authority_with_port(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests;
