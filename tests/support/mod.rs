//! Where the tests meet the server: scripts, and the certainty that something has arrived.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::time::Instant;

use ws4d_test_host::{PATIENCE, Socket};
use ws4d_test_server::{Seen, Server};

/// The URL at which the server plays these commands.
pub(crate) fn script(server: &Server, commands: &str) -> String {
    server.ws(&format!("/script?do={}", commands.replace('|', "%7C")))
}

/// Waits until the client has answered the command `ping:name`: all that the server sent before it has arrived and
/// was queued for the host.
pub(crate) fn arrived(server: &Server, name: &str) {
    server.wait_for(|event| event.seen == Seen::Pong(name.as_bytes().to_vec()));
}

/// Waits until the server has seen the client's close frame.
pub(crate) fn closed_with(server: &Server, code: u16) {
    server.wait_for(|event| matches!(event.seen, Seen::Close(Some(seen), _) if seen == code));
}

/// Waits for a status that comes without a callback.
///
/// # Panics
/// If it does not come.
pub(crate) fn until_status(ws: Socket, status: i32) {
    let start = Instant::now();
    while ws.status() != status {
        assert!(start.elapsed() < PATIENCE, "status {} instead of {status}", ws.status());
        std::thread::yield_now();
    }
}
