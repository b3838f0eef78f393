//! An HTTP answer where frames were expected.

use super::Socket;
use super::outgoing::ConnectionFailure;
use crate::error::{Component, Error, ErrorCode};

impl Socket {
    /// Names an HTTP answer in the error. An intermediary may not know that the connection was upgraded, and answer
    /// for a server that is gone; decoded as a frame, the answer is one with a reserved bit.
    pub(super) fn name_http(&self, failure: ConnectionFailure, bytes: &[u8]) -> ConnectionFailure {
        if !bytes.starts_with(b"HTTP/1.") {
            return failure;
        }
        let line = bytes.split(|byte| *byte < b' ').next().unwrap_or(bytes);
        let message = format!(
            "The server of {} sent an HTTP answer, \"{}\", into the open connection; is there a proxy in between that \
             does not know of the upgrade?",
            self.shown(),
            line[..line.len().min(60)].escape_ascii()
        );
        let error = Error::new(ErrorCode::Protocol, Component::WebSocket, message);
        ConnectionFailure { error, ..failure }
    }
}
