//! What the callbacks did, in order, for tests that wait for it instead of sleeping.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// How long a wait goes on before it fails the test. Under wine, each wait of a runtime is a call of another process.
pub const PATIENCE: Duration = Duration::from_secs(if cfg!(windows) { 600 } else { 20 });

/// One callback.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The name that the test gave the socket; mostly empty.
    pub socket: String,
    /// `open`, `message text hello`, `terminate 1000 bye clean`, …
    pub text: String,
    /// Where it ran.
    pub thread: ThreadId,
}

impl Entry {
    /// The text, behind the socket's name if it has one.
    pub fn line(&self) -> String {
        if self.socket.is_empty() { self.text.clone() } else { format!("{} {}", self.socket, self.text) }
    }

    /// Whether the line is `what`, or begins with it and goes on with a further word.
    pub fn is(&self, what: &str) -> bool {
        self.line().strip_prefix(what).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    }
}

#[derive(Default)]
pub(crate) struct Trace {
    entries: Mutex<Vec<Entry>>,
    changed: Condvar,
}

impl Trace {
    pub(crate) fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, socket: &str, text: String) {
        self.entries().push(Entry { socket: socket.to_owned(), text, thread: thread::current().id() });
        self.changed.notify_all();
    }

    /// Waits until `found` holds; says whether it did in time.
    pub(crate) fn wait(&self, mut found: impl FnMut(&[Entry]) -> bool) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let mut entries = self.entries();
        while !found(&entries) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            entries = match self.changed.wait_timeout(entries, left) {
                Ok((entries, _)) => entries,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        true
    }
}
