//! What the server saw, in order, for tests that wait for events instead of sleeping.

use std::fmt::Write as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// One thing that the server saw a client do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A TCP connection.
    Accepted,
    /// A finished TLS handshake: version, server name, ALPN, whether the session was resumed, whether the client showed a
    /// certificate.
    Tls(String),
    /// A TLS handshake that failed, mostly by the client's alert.
    TlsFailed(String),
    /// A request head, as it came.
    Request {
        /// Path and query.
        path: String,
        /// The head up to and with its empty line.
        head: String,
    },
    /// A whole text message.
    Text(String),
    /// A whole binary message.
    Binary(Vec<u8>),
    /// A ping and its payload.
    Ping(Vec<u8>),
    /// A pong and its payload.
    Pong(Vec<u8>),
    /// A close frame: its code, if it had one, and its reason.
    Close(Option<u16>, String),
    /// A script has reached this gate.
    Gate(String),
    /// The client broke the protocol.
    Violation(String),
    /// The client ended its side of the connection.
    Eof,
    /// The client reset the connection.
    Reset,
}

/// A [`Seen`] with its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Counted from 1 over all ports of one server.
    pub connection: u64,
    /// Path and query of the request; empty before it came.
    pub path: String,
    /// What happened.
    pub seen: Seen,
}

/// The log: appended to by connections, read by the test's thread.
pub(crate) struct Log {
    enabled: bool,
    events: Mutex<Vec<Event>>,
    changed: Condvar,
}

impl Log {
    pub(crate) fn new(enabled: bool) -> Self {
        Log { enabled, events: Mutex::new(Vec::new()), changed: Condvar::new() }
    }

    pub(crate) fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn push(&self, event: Event) {
        if self.enabled {
            self.events().push(event);
            self.changed.notify_all();
        }
    }

    /// Waits until `found` gives something, looking again after each event.
    pub(crate) fn wait<T>(
        &self,
        timeout: Duration,
        mut found: impl FnMut(&[Event]) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + timeout;
        let mut events = self.events();
        loop {
            if let Some(result) = found(&events) {
                return Some(result);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            events = match self.changed.wait_timeout(events, left) {
                Ok((events, _)) => events,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// The log as a person reads it, for the message of a wait that failed.
    pub(crate) fn dump(&self) -> String {
        let mut text = String::new();
        for event in self.events().iter() {
            let mut seen = format!("{:?}", event.seen);
            if seen.len() > 200 {
                let end = (0..=200).rev().find(|&i| seen.is_char_boundary(i)).unwrap_or(0);
                seen.truncate(end);
                seen.push('…');
            }
            let _ = writeln!(text, "  #{} {} {}", event.connection, event.path, seen);
        }
        text
    }
}

/// One connection's pen.
#[derive(Clone)]
pub(crate) struct Trace {
    log: Arc<Log>,
    connection: u64,
    path: String,
    /// Messages and pings go unlogged.
    quiet: bool,
}

impl Trace {
    pub(crate) fn new(log: Arc<Log>, connection: u64) -> Self {
        Trace { log, connection, path: String::new(), quiet: false }
    }

    pub(crate) fn name(&mut self, path: &str, quiet: bool) {
        self.path = path.to_owned();
        self.quiet = quiet;
    }

    pub(crate) fn saw(&self, seen: Seen) {
        let message = matches!(seen, Seen::Text(_) | Seen::Binary(_) | Seen::Ping(_) | Seen::Pong(_));
        if !(self.quiet && message) {
            self.log.push(Event { connection: self.connection, path: self.path.clone(), seen });
        }
    }

    /// Whether messages are wanted: saves their copies where they are not.
    pub(crate) fn wants_messages(&self) -> bool {
        self.log.enabled && !self.quiet
    }
}
