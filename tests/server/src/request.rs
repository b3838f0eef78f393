//! The client's request: its head, path and query, and whether it is a proper upgrade (RFC 6455 §4.2.1).

use crate::log::{Seen, Trace};
use crate::stream::{Stream, end_of};
use bytes::BytesMut;
use tokio::io::AsyncReadExt;

const HEAD_LIMIT: usize = 1024 * 1024;

pub(crate) struct Request {
    /// The path alone.
    pub(crate) path: String,
    pub(crate) query: Query,
    pub(crate) head: String,
}

impl Request {
    /// Reads one head; what came behind it stays in `buffer`. `None`: the client has gone, and the log knows.
    pub(crate) async fn read(
        stream: &mut Stream,
        buffer: &mut BytesMut,
        trace: &mut Trace,
    ) -> Option<Request> {
        let mut searched = 0;
        let end = loop {
            if let Some(at) = buffer[searched..].windows(4).position(|window| window == b"\r\n\r\n") {
                break searched + at + 4;
            }
            searched = buffer.len().saturating_sub(3);
            if buffer.len() > HEAD_LIMIT {
                trace.saw(Seen::Violation("the request head has no end".into()));
                return None;
            }
            buffer.reserve(4096);
            match stream.read_buf(buffer).await {
                Ok(0) => {
                    trace.saw(Seen::Eof);
                    return None;
                }
                Ok(_) => {}
                Err(error) => {
                    trace.saw(end_of(&error));
                    return None;
                }
            }
        };
        let head = String::from_utf8_lossy(&buffer.split_to(end)).into_owned();
        let target = head.split(' ').nth(1).unwrap_or("").to_owned();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let request = Request { path: path.to_owned(), query: Query::parse(query), head: head.clone() };
        trace.name(&target, request.query.raw("log") == Some("0"));
        trace.saw(Seen::Request { path: target, head });
        Some(request)
    }

    /// The first header of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .split("\r\n")
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim_matches([' ', '\t']))
    }

    /// What is wrong with it as an upgrade.
    pub(crate) fn complaint(&self) -> Option<&'static str> {
        let lists = |name, token: &str| {
            self.header(name)
                .is_some_and(|list| list.split(',').any(|item| item.trim().eq_ignore_ascii_case(token)))
        };
        let line = self.head.split("\r\n").next().unwrap_or("");
        if !(line.starts_with("GET /") && line.ends_with(" HTTP/1.1")) {
            Some("the request line is not GET /… HTTP/1.1")
        } else if self.header("host").is_none_or(str::is_empty) {
            Some("Host is missing")
        } else if !lists("upgrade", "websocket") {
            Some("Upgrade is not websocket")
        } else if !lists("connection", "upgrade") {
            Some("Connection does not list upgrade")
        } else if self.header("sec-websocket-version") != Some("13") {
            Some("Sec-WebSocket-Version is not 13")
        } else if !self.header("sec-websocket-key").is_some_and(|key| key.len() == 24 && key.ends_with("=="))
        {
            Some("Sec-WebSocket-Key is not 16 bytes in base64")
        } else {
            None
        }
    }
}

/// A query string; values are decoded when they are asked for.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    fn parse(text: &str) -> Self {
        let pair = |item: &str| {
            let (key, value) = item.split_once('=').unwrap_or((item, ""));
            (key.to_owned(), value.to_owned())
        };
        Query(text.split('&').filter(|item| !item.is_empty()).map(pair).collect())
    }

    pub(crate) fn raw(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        self.raw(name).map(percent_decoded)
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.bytes(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// All values of a name that may come again.
    pub(crate) fn texts(&self, name: &str) -> impl Iterator<Item = String> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| String::from_utf8_lossy(&percent_decoded(value)).into_owned())
    }

    pub(crate) fn number(&self, name: &str, otherwise: usize) -> usize {
        self.raw(name).and_then(|value| value.parse().ok()).unwrap_or(otherwise)
    }

    /// Present, and not 0.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.raw(name).is_some_and(|value| value != "0")
    }
}

/// `%41` is A; a `%` that is followed by something else stands for itself, and so does `+`.
pub(crate) fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|&byte| (byte as char).to_digit(16));
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_keeps_order_and_decodes_late() {
        let query = Query::parse("do=text:a%2Cb,drop&header=A:1&header=B:%202&stay&log=0");
        assert_eq!(query.raw("do"), Some("text:a%2Cb,drop"));
        assert_eq!(query.texts("header").collect::<Vec<_>>(), ["A:1", "B: 2"]);
        assert!(query.flag("stay") && !query.flag("log") && !query.flag("none"));
        assert_eq!(percent_decoded("%00%ff%zz+%4"), b"\0\xff%zz+%4");
    }
}
