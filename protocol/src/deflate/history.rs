//! The end of what a socket has sent: all that its next compressed message may refer to.

use super::stream::LEAST_WINDOW_BITS;
use crate::send::OutOfMemory;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// The library's matches stay so far away from the far end of a window.
const KEPT_AWAY: usize = 262;

/// The last bytes of a socket's compressed messages, as they were before.
#[derive(Debug)]
pub(super) struct History {
    bytes: VecDeque<u8>,
    most: usize,
    /// Gone with the socket.
    socket: Arc<()>,
    messages: u64,
}

/// A socket, behind so many of its messages.
#[derive(Debug)]
pub(super) struct Turn {
    socket: Weak<()>,
    messages: u64,
}

impl Turn {
    /// Returns whether that socket still exists.
    pub(super) fn is_anybodys(&self) -> bool {
        self.socket.strong_count() > 0
    }
}

impl History {
    /// One of so many bytes at most as a window of this size is good for.
    pub(super) fn new(window_bits: u8) -> History {
        let most = (1 << window_bits.max(LEAST_WINDOW_BITS)) - KEPT_AWAY;
        History { bytes: VecDeque::new(), most, socket: Arc::new(()), messages: 0 }
    }

    /// Returns whether a compressor of this turn has all of it in its window.
    pub(super) fn is_in(&self, turn: Option<&Turn>) -> bool {
        turn.is_some_and(|turn| {
            turn.messages == self.messages && std::ptr::eq(turn.socket.as_ptr(), Arc::as_ptr(&self.socket))
        })
    }

    pub(super) fn bytes(&mut self) -> &[u8] {
        self.bytes.make_contiguous()
    }

    /// Before a message of so many bytes is compressed, because afterwards it must be kept.
    pub(super) fn make_room(&mut self, message: usize) -> Result<(), OutOfMemory> {
        let (len, capacity) = (self.bytes.len(), self.bytes.capacity());
        let needed = self.most.min(len.saturating_add(message));
        if needed > capacity {
            let wanted = self.most.min(needed.max(2 * capacity));
            self.bytes.try_reserve_exact(wanted - len).map_err(|_| OutOfMemory { wanted })?;
        }
        Ok(())
    }

    /// A message that was compressed, and is on its way.
    pub(super) fn append(&mut self, message: &[u8]) -> Turn {
        let message = &message[message.len().saturating_sub(self.most)..];
        let excess = (self.bytes.len() + message.len()).saturating_sub(self.most);
        self.bytes.drain(..excess);
        self.bytes.extend(message);
        self.messages += 1;
        Turn { socket: Arc::downgrade(&self.socket), messages: self.messages }
    }

    /// The server has not got the last message: nothing is referred to any more.
    pub(super) fn forget(&mut self) {
        self.bytes.clear();
        self.messages += 1;
    }
}
