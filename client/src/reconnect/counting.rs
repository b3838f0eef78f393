//! What a reconnector has counted over all of its sockets.

use super::Reconnector;
use crate::socket::{Socket, Stats};

/// Of the sockets that are gone.
pub(super) struct Past {
    stats: Stats,
    /// How many of them were open.
    connections: u32,
}

impl Past {
    pub(super) fn new() -> Past {
        Past { stats: Stats::none(), connections: 0 }
    }

    /// A socket is gone. Nobody may look at both between.
    pub(super) fn add(&mut self, socket: &Socket) {
        self.stats = Stats { send_buffered: 0, receive_buffered: 0, ..self.with(socket) };
        self.connections = self.connections.saturating_add(socket.was_open().into());
    }

    /// Times are those of the last connection that was open; of the last attempt as long as none was.
    fn with(&self, socket: &Socket) -> Stats {
        let together = self.stats.and_then(&socket.stats());
        if self.connections == 0 || socket.was_open() {
            return together;
        }
        together.with_times_of(&self.stats)
    }
}

impl Reconnector {
    /// What its sockets have counted together; the queue counts as sending.
    pub fn stats(&self) -> Stats {
        let state = self.state.lock();
        let now = state.now.as_ref().filter(|now| !now.is_wait);
        let mut stats = now.map_or_else(|| state.past.stats.clone(), |now| state.past.with(&now.socket));
        stats.send_buffered += state.queue.charge();
        stats
    }

    /// How often it was connected.
    pub fn connections(&self) -> u32 {
        let state = self.state.lock();
        let now = state.now.as_ref().is_some_and(|now| now.socket.was_open());
        state.past.connections.saturating_add(now.into())
    }
}
