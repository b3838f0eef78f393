//! The words for an answer that is no upgrade: what the server said, and what to do about it.

use super::headers::is_token;
use super::response::Head;
use super::url::{self, Destination};
use crate::error::{Component, Error, ErrorCode, HttpAnswer};
use crate::options::Options;

/// The error for `head`, which keeps all of the answer.
pub(super) fn refusal(to: &Destination, options: &Options, head: Head, body: Vec<u8>) -> Error {
    let reason = shown(&head.reason);
    let message = format!(
        "The server of {} answered the upgrade with {} {reason} instead of 101 Switching Protocols{}",
        to.shown,
        head.status,
        cure(&head, options)
    );
    let answer = HttpAnswer { status: head.status, headers: head.headers, body };
    Error::new(ErrorCode::HttpStatus, Component::Http, message).with_http(answer)
}

fn cure(head: &Head, options: &Options) -> String {
    let all = |name| head.all(name).map(shown).collect::<Vec<_>>().join(", ");
    match head.status {
        200..=299 => {
            "; is this the path of a WebSocket, and does each proxy in between pass upgrades on?".into()
        }
        301 | 302 | 303 | 307 | 308 if options.max_redirects == 0 => format!(
            "; it redirects to \"{}\", which is not followed unless ws_options_set_max_redirects allows it",
            shown(&url::presentable(head.all("Location").next().unwrap_or("")))
        ),
        401 => format!(
            "; it wants authorization ({}): user:password@ in the URL, or an Authorization header by \
             ws_options_set_header",
            schemes(head, "WWW-Authenticate")
        ),
        403 => "; it forbids this client, perhaps for its Origin, cookie or authorization".into(),
        404 => "; is the path right?".into(),
        407 => format!(
            "; a proxy in front of it wants authorization ({}): user:password@ in the URL of the proxy",
            schemes(head, "Proxy-Authenticate")
        ),
        426 => match all("Sec-WebSocket-Version").as_str() {
            "" => format!("; it wants another protocol (Upgrade: {})", all("Upgrade")),
            versions => format!("; it wants another version of WebSocket than 13: {versions}"),
        },
        429 | 503 => match all("Retry-After").as_str() {
            "" => "; try again later, and then more and more seldom".into(),
            when => format!("; try again later (Retry-After: {when})"),
        },
        _ => String::new(),
    }
}

/// The names of the schemes of all challenges (RFC 9110 §11.6.1): each is a token behind which no `=` follows.
fn schemes(head: &Head, name: &str) -> String {
    let challenges = head.all(name).flat_map(|value| {
        let mut quoted = false;
        value.split(move |c| {
            quoted ^= c == '"';
            c == ',' && !quoted
        })
    });
    let words = challenges.filter_map(|part| part.split_whitespace().next());
    let names = words.filter(|word| is_token(word)).map(shown).collect::<Vec<_>>().join(", ");
    if names.is_empty() { "it does not say which".into() } else { names }
}

/// What a stranger sent, fit for a message.
pub(super) fn shown(text: &str) -> String {
    text.escape_debug().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::super::response::HeadReader;
    use super::*;

    fn told(status: &str, lines: &str) -> String {
        let mut reader = HeadReader::default();
        reader.buffer().extend_from_slice(format!("HTTP/1.1 {status}\r\n{lines}\r\n").as_bytes());
        let head = reader.next().unwrap().unwrap();
        let to = url::parse("wss://host/path").unwrap();
        refusal(&to, &Options::default(), head, Vec::new()).to_string()
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
            ("403 No", "", "Origin"),
            ("404 No", "", "path right"),
            (
                "407 No",
                "Proxy-Authenticate: Negotiate\r\n",
                "(Negotiate): user:password@ in the URL of the proxy",
            ),
            ("426 No", "Sec-WebSocket-Version: 8, 7\r\n", "than 13: 8, 7"),
            ("426 No", "Upgrade: h2c\r\n", "Upgrade: h2c"),
            ("429 Slow", "Retry-After: 120\r\n", "Retry-After: 120"),
            ("503 Busy", "", "later"),
        ] {
            let error = told(status, lines);
            assert!(error.contains(words) && error.contains("wss://host/path"), "{error}");
        }
    }
}
