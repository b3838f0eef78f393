//! The 101 response, right or, when the query says so, wrong.

use crate::request::Request;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

pub(crate) struct Head {
    pub(crate) line: String,
    headers: Vec<(String, String)>,
}

impl Head {
    /// The 101 that answers `request`, with the changes that its query asks for.
    pub(crate) fn upgrade(request: &Request) -> Head {
        let query = &request.query;
        let mut head = Head::new(&query.text("line").unwrap_or("HTTP/1.1 101 Switching Protocols".into()));
        head.add("Upgrade", "websocket");
        head.add("Connection", "Upgrade");
        head.add("Sec-WebSocket-Accept", &accept_value(request));
        if let Some(protocol) = query.text("protocol") {
            head.add("Sec-WebSocket-Protocol", &protocol);
        }
        if let Some(extensions) = query.text("extensions") {
            head.add("Sec-WebSocket-Extensions", &extensions);
        }
        for name in query.texts("omit") {
            head.omit(&name);
        }
        for pair in query.texts("set") {
            let (name, value) = pair.split_once(':').unwrap_or((&pair, ""));
            head.set(name, value.trim_start());
        }
        head.add_from(request);
        head
    }

    pub(crate) fn new(line: &str) -> Head {
        Head { line: line.to_owned(), headers: Vec::new() }
    }

    /// The `header=Name:Value` of the query.
    pub(crate) fn add_from(&mut self, request: &Request) {
        for pair in request.query.texts("header") {
            let (name, value) = pair.split_once(':').unwrap_or((&pair, ""));
            self.add(name, value.trim_start());
        }
    }

    pub(crate) fn add(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn omit(&mut self, name: &str) {
        self.headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        match self.headers.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case(name)) {
            Some((_, old)) => *old = value.to_owned(),
            None => self.add(name, value),
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.line);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }
}

/// The Sec-WebSocket-Accept that is due.
pub(crate) fn accept_value(request: &Request) -> String {
    accept_for(request.header("sec-websocket-key").unwrap_or(""))
}

/// The Sec-WebSocket-Accept for a key, for servers that tests write themselves.
pub fn accept_for(key: &str) -> String {
    derive_accept_key(key.as_bytes())
}
