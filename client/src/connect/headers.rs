//! The rules for request headers. Bytes that could split the request (CR, LF, NUL) and the handshake's own
//! names are refused where the host sets them.

use crate::error::ErrorCode;
use crate::options::refusal::Refusal;

/// Set by the handshake itself, or by nothing at all: a body would be read as frames.
const OURS: &[&str] = &[
    "host",
    "upgrade",
    "connection",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
    "sec-websocket-accept",
    "content-length",
    "transfer-encoding",
    "trailer",
    "te",
    "expect",
];

/// RFC 9110 §5.6.2.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 9110 §5.5: visible characters, space, tab, and bytes above 127.
fn is_field_value(text: &str) -> bool {
    text.bytes().all(|b| b == b'\t' || (b >= b' ' && b != 0x7f))
}

fn refuse(why: &'static str) -> Result<(), Refusal> {
    Err(Refusal::new(ErrorCode::InvalidHeader, why))
}

/// In a request for a tunnel (RFC 9110 §9.3.6): its own, and those of a body that it has not.
const OURS_FOR_PROXIES: &[&str] =
    &["host", "content-length", "transfer-encoding", "connection", "proxy-connection"];

pub(crate) fn check_proxy_header(name: &str, value: &str) -> Result<(), Refusal> {
    if !is_token(name) {
        return refuse("the name is empty, or has a character that names of headers cannot have");
    }
    if OURS_FOR_PROXIES.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
        return refuse("the request to the proxy sets this header itself, or cannot have it");
    }
    if !is_field_value(value) {
        return refuse("the value has a line break or another control character");
    }
    Ok(())
}

pub(crate) fn check_host_header(name: &str, value: &str) -> Result<(), Refusal> {
    if !is_token(name) {
        return refuse("the name is empty, or has a character that names of headers cannot have");
    }
    // The server would receive the password for the proxy.
    if name.eq_ignore_ascii_case("proxy-authorization") {
        return refuse(
            "the handshake goes to the server, which is no proxy: headers for the proxy are set with \
             ws_options_set_proxy_header",
        );
    }
    if OURS.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
        return refuse(
            "the handshake sets this header itself; subprotocols and compression have options of their own, and the Host \
             header is the URL's",
        );
    }
    if !is_field_value(value) {
        return refuse("the value has a line break or another control character");
    }
    Ok(())
}

/// `a=1; b=2`: at least one pair, each with a name (RFC 6265 §4.2.1).
pub(crate) fn check_cookies(cookies: &str) -> Result<(), Refusal> {
    let pairs = cookies.trim_matches([' ', '\t', ';']);
    let every_pair_is_one = pairs.split(';').all(|pair| {
        let name = pair.split_once('=').map(|(name, _)| name.trim_matches([' ', '\t']));
        name.is_some_and(is_token)
    });
    if !is_field_value(cookies) {
        return refuse("it has a line break or another control character");
    }
    if !every_pair_is_one {
        return refuse("it is not name=value, or several of these with \"; \" between them");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::refusal::code;

    #[test]
    fn what_could_split_a_request_is_refused() {
        for value in ["a\r\nb: c", "a\nb", "a\0b", "a\u{7f}"] {
            assert_eq!(code(check_host_header("X-A", value)), Err(ErrorCode::InvalidHeader), "{value:?}");
        }
        for name in ["", "a b", "a:", "ä", "a\r\n"] {
            assert_eq!(code(check_host_header(name, "v")), Err(ErrorCode::InvalidHeader), "{name:?}");
        }
        assert_eq!(code(check_host_header("X-Name", "värde\tand more")), Ok(()));
    }

    #[test]
    fn the_handshakes_own_headers_cannot_be_set() {
        for name in [
            "Host",
            "UPGRADE",
            "Sec-WebSocket-Key",
            "sec-websocket-extensions",
            "Content-Length",
            "Proxy-Authorization",
        ] {
            assert_eq!(code(check_host_header(name, "x")), Err(ErrorCode::InvalidHeader), "{name}");
        }
    }

    #[test]
    fn cookies_are_pairs() {
        for good in ["a=1", "a=1; b=2", "a=", "a=x=y;", " a=1 "] {
            assert_eq!(code(check_cookies(good)), Ok(()), "{good:?}");
        }
        for bad in ["", "a", "=1", "a=1; b", "a=1;; b=2", "a=1\r\n", "a b=1"] {
            assert_eq!(code(check_cookies(bad)), Err(ErrorCode::InvalidHeader), "{bad:?}");
        }
    }
}
