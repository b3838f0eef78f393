//! The statistics of a reconnector over all of its sockets.

use super::Reconnector;
use crate::socket::{Socket, Stats};

/// The statistics of the sockets that are gone.
pub(super) struct Past {
    stats: Stats,
    /// Number of those sockets that were open.
    connections: u32,
}

impl Past {
    pub(super) fn new() -> Past {
        Past { stats: Stats::none(), connections: 0 }
    }

    /// Adds a socket that is gone. Called under the lock of the state, together with its removal, so that it is never
    /// counted twice.
    pub(super) fn add(&mut self, socket: &Socket) {
        self.stats = Stats { send_buffered: 0, receive_buffered: 0, ..self.with(socket) };
        self.connections = self.connections.saturating_add(socket.was_open().into());
    }

    /// Adds the statistics of `socket`. Times are those of the last connection that was open, or, before there was
    /// one, of the last attempt.
    fn with(&self, socket: &Socket) -> Stats {
        let together = self.stats.and_then(&socket.stats());
        if self.connections == 0 || socket.was_open() {
            return together;
        }
        together.with_times_of(&self.stats)
    }
}

impl Reconnector {
    /// Returns the statistics of all sockets together; the queue is included in `send_buffered`.
    pub fn stats(&self) -> Stats {
        let state = self.state.lock();
        let now = state.now.as_ref().filter(|now| !now.is_wait);
        let mut stats = now.map_or_else(|| state.past.stats.clone(), |now| state.past.with(&now.socket));
        stats.send_buffered += state.queue.charge();
        stats
    }

    /// Returns how many connections there were.
    pub fn connections(&self) -> u32 {
        let state = self.state.lock();
        let now = state.now.as_ref().is_some_and(|now| now.socket.was_open());
        state.past.connections.saturating_add(now.into())
    }
}
