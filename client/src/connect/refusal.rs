//! The words for an answer that is no upgrade: what the server said, and what to do about it.

use super::auth::{UNKNOWN_DIGEST, offers, schemes, wanted};
use super::response::Head;
use super::stranger::shown_text;
use super::url::{self, Destination};
use crate::error::{Component, Error, ErrorCode, HttpAnswer};
use crate::options::Options;

/// The error for `head`, which keeps all of the answer. `digest`: the algorithm of the digest that was given, if one was.
pub(super) fn refusal(
    to: &Destination,
    options: &Options,
    digest: Option<&str>,
    head: Head,
    body: Vec<u8>,
) -> Error {
    let reason = shown_text(&head.reason);
    let said = first_line(&body).map(|line| without_query(&line, to));
    let message = format!(
        "The server of {} answered the upgrade with {} {reason} instead of 101 Switching Protocols{}{}",
        to.shown,
        head.status,
        said.as_ref().map(|line| format!(", \"{}\"", shown_text(line))).unwrap_or_default(),
        cure(&head, to, options, digest, said.as_deref().unwrap_or(""))
    );
    let answer = HttpAnswer { status: head.status, headers: head.headers, body };
    Error::new(ErrorCode::HttpStatus, Component::Http, message).with_http(answer)
}

/// The first words of a page: its title, if it has one. `None`: it is empty, or no text.
fn first_line(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&body[..body.len().min(2048)]).into_owned();
    if text.contains('\0') {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").map(|at| at + "<title>".len());
    let line = match title {
        Some(at) => text[at..].split(['<', '\r', '\n']).next().unwrap_or(""),
        None => text.lines().map(str::trim).find(|line| !line.is_empty())?,
    };
    Some(line.trim().to_owned()).filter(|line| !line.is_empty())
}

/// Some servers repeat what they were asked for, and a query may hold a token.
fn without_query(line: &str, to: &Destination) -> String {
    match to.resource.split_once('?') {
        Some((_, query)) if !query.is_empty() => line.replace(query, "..."),
        _ => line.to_owned(),
    }
}

fn cure(head: &Head, to: &Destination, options: &Options, digest: Option<&str>, said: &str) -> String {
    let all = |name| head.all(name).map(shown_text).collect::<Vec<_>>().join(", ");
    let later = |why: &str| match all("Retry-After").as_str() {
        "" => format!("{why}try again later, and then more and more seldom"),
        when => format!("{why}try again later (Retry-After: {when})"),
    };
    match head.status {
        200..=299 => {
            "; is this the path of a WebSocket, and does each proxy in between pass upgrades on?".into()
        }
        301 | 302 | 303 | 307 | 308 if options.max_redirects == 0 => match head.all("Location").next() {
            Some(location) => format!(
                "; it redirects to \"{}\", which is not followed unless ws_options_set_max_redirects allows it",
                shown_text(&url::presentable(location))
            ),
            None => "; it redirects, but does not say where to".into(),
        },
        400 if !to.is_secure() && ["HTTPS", "SSL", "TLS"].iter().any(|word| said.contains(word)) => {
            "; its port is one of TLS: try wss://".into()
        }
        400 => format!(
            "; perhaps it minds compression (ws_options_set_compression 0 goes without), the host and port of the URL{}",
            if to.is_secure() { "" } else { ", or that it is not wss://" }
        ),
        401 => unauthorized(head, to, options, digest),
        403 => "; it forbids this client, perhaps for its Origin, User-Agent, cookie or authorization".into(),
        404 => "; is the path right?".into(),
        407 => format!(
            "; a proxy in front of it wants authorization ({}): user:password@ in the URL of the proxy",
            schemes(head, "Proxy-Authenticate")
        ),
        426 => match all("Sec-WebSocket-Version").as_str() {
            "" if all("Upgrade").is_empty() => "; it wants another protocol, but does not say which".into(),
            "" => format!("; it wants another protocol (Upgrade: {})", all("Upgrade")),
            versions => format!("; it wants another version of WebSocket than 13: {versions}"),
        },
        429 => later("; "),
        502 => "; a proxy in front of it says so: it did not reach the server, or got no good answer".into(),
        503 => later("; it is overloaded, or a proxy in front of it reaches no server: "),
        504 => "; a proxy in front of it says so: the server did not answer it in time".into(),
        _ => String::new(),
    }
}

/// Names the schemes that the server wants, and says whether the given credentials were refused.
fn unauthorized(head: &Head, to: &Destination, options: &Options, digest: Option<&str>) -> String {
    const ASKED_BY: &str = "WWW-Authenticate";
    let by_header = options.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    if by_header {
        return format!(
            "; it does not take the Authorization header that was set ({})",
            wanted(head, ASKED_BY)
        );
    }
    if to.login.is_none() {
        return format!(
            "; it wants authorization ({}): user:password@ in the URL, or an Authorization header by \
             ws_options_set_header",
            schemes(head, ASKED_BY)
        );
    }
    const REFUSED: &str = "; it does not take the user and password of the URL";
    match digest {
        Some(algorithm) => {
            format!("{REFUSED}, neither as Basic nor as Digest ({algorithm}): are they right?")
        }
        None if offers(head, ASKED_BY, "basic") => REFUSED.into(),
        None if offers(head, ASKED_BY, "digest") => {
            format!("{REFUSED}, which went as Basic, and {UNKNOWN_DIGEST}")
        }
        None => format!("{REFUSED}, which go as Basic or Digest: {}", wanted(head, ASKED_BY)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::response::HeadReader;
    use super::*;

    fn told(status: &str, lines: &str) -> String {
        told_at("wss://host/path", &Options::default(), status, lines, "")
    }

    fn told_at(url: &str, options: &Options, status: &str, lines: &str, body: &str) -> String {
        let mut reader = HeadReader::default();
        reader.buffer().extend_from_slice(format!("HTTP/1.1 {status}\r\n{lines}\r\n").as_bytes());
        let head = reader.next().unwrap().unwrap();
        let to = url::parse(url).unwrap();
        refusal(&to, options, None, head, body.into()).to_string()
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        for (status, lines, words) in [
            ("200 OK", "", "path of a WebSocket"),
            ("302 Found", "Location: /x?secret\r\n", "\"/x?...\", which is not followed"),
            (
                "401 No",
                "WWW-Authenticate: Basic realm=\"a, b\", Bearer\r\nwww-authenticate: Digest x=y, z=\"q\"\r\n",
                "(Basic, Bearer, Digest)",
            ),
            ("401 No", "", "(it does not say which)"),
            ("400 No", "", "ws_options_set_compression 0"),
            ("403 No", "", "Origin, User-Agent, cookie"),
            ("502 No", "", "a proxy in front of it"),
            ("504 No", "", "a proxy in front of it"),
            ("404 No", "", "path right"),
            (
                "407 No",
                "Proxy-Authenticate: Negotiate\r\n",
                "(Negotiate): user:password@ in the URL of the proxy",
            ),
            ("426 No", "Sec-WebSocket-Version: 8, 7\r\n", "than 13: 8, 7"),
            ("426 No", "Upgrade: h2c\r\n", "Upgrade: h2c"),
            ("426 No", "", "it wants another protocol, but does not say which"),
            ("301 Moved", "", "it redirects, but does not say where to"),
            ("429 Slow", "Retry-After: 120\r\n", "Retry-After: 120"),
            ("503 Busy", "", "later"),
        ] {
            let error = told(status, lines);
            assert!(error.contains(words) && error.contains("wss://host/path"), "{error}");
        }
    }

    #[test]
    fn what_the_url_gave_is_not_advised_again() {
        let with_user = "ws://user:secret@host/";
        for (lines, words) in [
            ("WWW-Authenticate: Basic realm=x\r\n", "does not take the user and password of the URL"),
            ("WWW-Authenticate: Bearer\r\n", "which go as Basic or Digest: it wants Bearer"),
            ("", "which go as Basic or Digest: it does not say what it wants"),
            (
                "WWW-Authenticate: Digest realm=x, nonce=y, algorithm=z\r\n",
                "Digest is of a kind that is not known",
            ),
        ] {
            let error = told_at(with_user, &Options::default(), "401 No", lines, "");
            assert!(!error.contains("user:password@"), "{error}");
            assert!(error.contains(words), "{error}");
        }
        let mut options = Options::default();
        options.set_header("authorization", "Bearer x").unwrap();
        let error = told_at("ws://host/", &options, "401 No", "WWW-Authenticate: Bearer\r\n", "");
        assert!(error.contains("Authorization header that was set (it wants Bearer)"), "{error}");
    }

    #[test]
    fn the_first_line_of_the_body_is_shown_without_the_query() {
        let page = "<html>\r\n<head><TITLE>400 The plain HTTP request was sent to HTTPS port</TITLE></head>";
        let at = |url: &str, body: &str| told_at(url, &Options::default(), "400 Bad Request", "", body);
        let error = at("ws://host/", page);
        assert!(
            error.contains("\"400 The plain HTTP request was sent to HTTPS port\"; its port is one of TLS"),
            "{error}"
        );
        assert!(at("ws://host/", "\n unsupported offer \nmore").contains("\"unsupported offer\";"));
        let error = at("ws://host/a?token=secret", "no /a?token=secret here");
        assert!(error.contains("\"no /a?... here\"") && !error.contains("secret"), "{error}");
        assert!(!at("ws://host/", "\0\x01").contains("Protocols,"));
    }
}
