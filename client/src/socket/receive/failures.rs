//! The errors of connections whose end the reader has found.

use crate::connect::tls;
use crate::error::{Component, Error, ErrorCode};
use crate::json::{self, Json, JsonError};
use crate::socket::Socket;
use crate::socket::outgoing::ConnectionFailure;
use crate::transport::tls_failure;
use std::io;
use ws4d_protocol::receive::Failure;

/// Adds the code and the reason of a close frame that is a failure by its code.
pub(super) fn name_close(failure: ConnectionFailure, close: Option<(u16, &[u8])>) -> ConnectionFailure {
    let Some((code, reason)) = close else { return failure };
    let reason: String = String::from_utf8_lossy(reason).escape_debug().collect();
    let said = match reason.as_str() {
        "" => format!("the code is {code}, with no reason"),
        reason => format!("the code is {code}, with the reason \"{reason}\""),
    };
    let message = format!("{}; {said}", failure.error.entries()[0].message);
    let error = Error::new(failure.error.code(), Component::WebSocket, message).with_close_code(code);
    ConnectionFailure { error, ..failure }
}

pub(super) fn out_of_memory() -> ConnectionFailure {
    let what = "There is no memory for what the server sent";
    let error = Error::new(ErrorCode::OutOfMemory, Component::WebSocket, what);
    ConnectionFailure { close_code: 1011, reason: "out of memory".to_owned(), error }
}

/// A panic has lost something that had come.
pub(in crate::socket) fn broken() -> ConnectionFailure {
    let what = "A fault in the library itself ended the connection";
    let error = Error::new(ErrorCode::Internal, Component::WebSocket, what);
    ConnectionFailure { close_code: 1011, reason: String::new(), error }
}

impl Socket {
    /// Checks that a text is JSON, for strict mode. It is parsed when the host asks for its value.
    pub(super) fn check_json(&self, text: &[u8]) -> Result<(), ConnectionFailure> {
        let checked = std::str::from_utf8(text).map(json::check);
        let why = match checked {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(JsonError::OutOfMemory)) => return Err(out_of_memory()),
            Ok(Err(JsonError::TooDeep)) => format!("it is nested deeper than {}", Json::MAX_DEPTH),
            Ok(Err(JsonError::Syntax(words))) => words,
            Err(error) => error.to_string(),
        };
        let error = Error::new(
            ErrorCode::InvalidJson,
            Component::Json,
            format!(
                "The server of {} sent a text message that is not JSON: {why} (ws_options_set_strict_json)",
                self.shown()
            ),
        );
        let reason = "a text message is not JSON".to_owned();
        Err(ConnectionFailure { close_code: 1007, reason, error })
    }

    pub(super) fn describe(&self, failure: Failure) -> ConnectionFailure {
        const TOO_MUCH: &str = "sent more than is taken";
        let (code, what, cure) = match failure {
            Failure::Protocol(_) | Failure::InvalidText(_) => (ErrorCode::Protocol, "broke the protocol", ""),
            Failure::TooLarge { .. } => (ErrorCode::TooLarge, TOO_MUCH, " (ws_options_set_max_message_size)"),
            Failure::OutOfMemory { .. } => (ErrorCode::OutOfMemory, TOO_MUCH, ""),
        };
        let message = format!("The server of {} {what}: {failure}{cure}", self.shown());
        ConnectionFailure {
            close_code: failure.close_code(),
            reason: failure.to_string(),
            error: Error::new(code, Component::WebSocket, message),
        }
    }

    pub(super) fn read_error(&self, error: &io::Error) -> Error {
        match tls_failure(error) {
            Some(failure) => tls::broken(&format!("TLS with {} broke", self.shown()), failure),
            None => {
                let what = format!("The connection to {} was lost", self.shown());
                let lost = Error::from_io(Component::Tcp, &what, error);
                // The connection is gone, whichever error the system names.
                if lost.code() == ErrorCode::Internal {
                    return Error::new(
                        ErrorCode::ConnectionReset,
                        Component::Tcp,
                        format!("{what}: {error}"),
                    )
                    .with_os_code(error.raw_os_error().unwrap_or(0));
                }
                lost
            }
        }
    }
}
