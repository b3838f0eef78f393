//! Handshakes that go wrong, or look as if they did.

use crate::response::{Head, accept_value};
use crate::route::Connection;
use std::time::Duration;

/// Answers as the path says. `Some`: a client may go on, and finds an echo.
pub(crate) async fn misbehave(mut c: Connection) -> Option<Connection> {
    let mut head = Head::upgrade(&c.request);
    let bytes = match c.request.path.as_str() {
        "/no-answer" => {
            c.stream.drain(&c.trace).await;
            return None;
        }
        "/eof" => {
            c.finish().await;
            return None;
        }
        "/reset" => {
            c.stream.reset_on_drop();
            return None;
        }
        "/close-in-head" => {
            let head = head.bytes();
            if c.write(&head[..head.len() / 2]).await {
                c.finish().await;
            }
            return None;
        }
        "/reset-in-head" => {
            let head = head.bytes();
            c.write(&head[..head.len() / 2]).await;
            c.stream.reset_on_drop();
            return None;
        }
        "/status" => return status(c).await,
        "/redirect" => {
            let to = c.request.query.text("to").unwrap_or_default();
            return redirect(c, &to).await;
        }
        "/redirect-loop" => return redirect(c, "/redirect-loop").await,
        "/endless-head" => return endless_head(c).await,
        "/drip" => return drip(c, &head.bytes()).await,
        "/huge-head" => huge(head, &c),
        "/early-hints" => early_hints(&head, &c),
        "/101-extra" => {
            let body = c.request.query.bytes("body").unwrap_or(b"hello".to_vec());
            head.add("Content-Length", &body.len().to_string());
            [head.bytes(), body].concat()
        }
        "/head" => {
            let raw = c.request.query.text("raw").unwrap_or_default();
            filled(&raw.replace("{accept}", &accept_value(&c.request))).into_bytes()
        }
        "/garbage" => b"\x00\xff\x16\x03 this is not HTTP at all\r\n\r\n\r\n".to_vec(),
        "/bare-lf" => text(&head).replace("\r\n", "\n").into_bytes(),
        "/nul-head" => text(&head).replace("\r\n\r\n", "\r\nX-Nul: a\0b\r\n\r\n").into_bytes(),
        "/folded-head" => text(&head).replace("\r\n\r\n", "\r\nX-Folded: one\r\n two\r\n\r\n").into_bytes(),
        "/space-before-colon" => text(&head).replace("Upgrade: w", "Upgrade : w").into_bytes(),
        path => {
            let path = path.to_owned();
            if !edit(&mut head, &path, &c) {
                c.refuse("404 Not Found", &format!("there is no {path} here")).await;
                return None;
            }
            head.bytes()
        }
    };
    c.write(&bytes).await.then_some(c)
}

/// The variants that are a header more, less or other.
fn edit(head: &mut Head, path: &str, c: &Connection) -> bool {
    let accept = accept_value(&c.request);
    match path {
        "/http10" => head.line = "HTTP/1.0 101 Switching Protocols".into(),
        "/bad-accept" if c.request.query.flag("case") => {
            head.set("Sec-WebSocket-Accept", &swap_case(&accept))
        }
        "/bad-accept" => head.set("Sec-WebSocket-Accept", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        "/no-accept" => head.omit("Sec-WebSocket-Accept"),
        "/two-accepts" => head.add("Sec-WebSocket-Accept", &accept),
        "/bad-upgrade" => head.set("Upgrade", "notwebsocket"),
        "/no-upgrade" => head.omit("Upgrade"),
        "/bad-connection" => head.set("Connection", "keep-alive"),
        "/no-connection" => head.omit("Connection"),
        "/unasked-protocol" => head.add("Sec-WebSocket-Protocol", "unasked"),
        "/unasked-extension" => head.add("Sec-WebSocket-Extensions", "x-unasked"),
        _ => return false,
    }
    true
}

fn text(head: &Head) -> String {
    String::from_utf8_lossy(&head.bytes()).into_owned()
}

fn swap_case(text: &str) -> String {
    let swap = |letter: char| {
        if letter.is_ascii_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
    };
    text.chars().map(swap).collect()
}

fn huge(mut head: Head, c: &Connection) -> Vec<u8> {
    let size = c.request.query.number("size", 128 * 1024);
    let line = c.request.query.number("line", 1000).max(20);
    let mut left = size.saturating_sub(head.bytes().len());
    let mut number = 0;
    // "X-00000000: " and CR LF make 14.
    while left > 14 {
        let len = left.min(line);
        head.add(&format!("X-{number:08}"), &"x".repeat(len.saturating_sub(14)));
        left -= len;
        number += 1;
    }
    head.bytes()
}

fn early_hints(head: &Head, c: &Connection) -> Vec<u8> {
    let code = c.request.query.number("code", 103);
    let interim = format!("HTTP/1.1 {code} Wait\r\nLink: </style.css>; rel=preload\r\n\r\n");
    let mut bytes = interim.repeat(c.request.query.number("n", 1)).into_bytes();
    bytes.extend(head.bytes());
    bytes
}

async fn drip(mut c: Connection, bytes: &[u8]) -> Option<Connection> {
    let pause = Duration::from_millis(c.request.query.number("ms", 1) as u64);
    for byte in bytes.chunks(1) {
        if !c.write(byte).await {
            return None;
        }
        tokio::time::sleep(pause).await;
    }
    Some(c)
}

async fn endless_head(mut c: Connection) -> Option<Connection> {
    let lines = "X-More: and more and more and more\r\n".repeat(100);
    if c.write(b"HTTP/1.1 101 Switching Protocols\r\n").await {
        while c.write(lines.as_bytes()).await {}
    }
    None
}

async fn redirect(mut c: Connection, to: &str) -> Option<Connection> {
    let mut head = Head::new(&format!("HTTP/1.1 {} Elsewhere", c.request.query.number("code", 302)));
    head.add("Location", to);
    head.add("Content-Length", "0");
    head.add_from(&c.request);
    if c.write(&head.bytes()).await {
        c.finish().await;
    }
    None
}

async fn status(mut c: Connection) -> Option<Connection> {
    let query = &c.request.query;
    let (endless, stall, chunked) = (query.flag("endless"), query.flag("stall"), query.flag("chunked"));
    let mut body = query.bytes("body").unwrap_or_default();
    body.resize(query.number("size", body.len()), b'x');
    let mut head = Head::new(&format!("HTTP/1.1 {} Status", query.number("code", 503)));
    head.add_from(&c.request);
    if chunked {
        head.add("Transfer-Encoding", "chunked");
        let chunks = body
            .chunks(1000)
            .map(|part| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat());
        body = chunks.chain([b"0\r\n\r\n".to_vec()]).collect::<Vec<_>>().concat();
    } else if !endless {
        head.add("Content-Length", &body.len().to_string());
    }
    if stall {
        body.truncate(body.len() / 2);
    }
    if !c.write(&[head.bytes(), body].concat()).await {
        return None;
    }
    if endless {
        let more = "more of it, ".repeat(1000);
        while c.write(more.as_bytes()).await {}
    } else if stall {
        c.stream.drain(&c.trace).await;
    } else {
        c.finish().await;
    }
    None
}

/// `{x:5}` is five times the letter: what is longer than a URL may be.
fn filled(raw: &str) -> String {
    let mut parts = raw.split("{x:");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (count, rest) = part.split_once('}').unwrap_or_default();
        whole.push_str(&"x".repeat(count.parse().unwrap_or(0)));
        whole.push_str(rest);
    }
    whole
}
