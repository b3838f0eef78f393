//! The state of the receiving side between two reads.

use crate::buffer::Buffer;
use crate::socket::Settings;
use ws4d_protocol::receive::Receiver;

/// Receive state, guarded by `Socket::incoming`.
pub(in crate::socket) struct Incoming {
    pub(in crate::socket) receiver: Receiver,
    /// A read buffer, and the offset from which it is not decoded yet, because the receive buffer was full.
    pub(super) backlog: Option<Box<Backlog>>,
    /// A message could not be taken, so nothing behind it is delivered, although the connection is read to its end.
    pub(super) failed: bool,
    /// A read has begun, and has not come to its end.
    pub(super) in_read: bool,
}

/// The bytes of one read, of which some are not decoded yet.
pub(super) struct Backlog {
    pub(super) buffer: Buffer,
    pub(super) at: usize,
    /// When the read returned.
    pub(super) time_us: i64,
}

impl Incoming {
    pub(in crate::socket) fn new(settings: &Settings) -> Incoming {
        Incoming { receiver: settings.receiver(None), backlog: None, failed: false, in_read: false }
    }

    /// Keeps the bytes that were not decoded, in a buffer that they fill at least by half, if there is memory for
    /// one.
    pub(super) fn keep(&mut self, mut backlog: Backlog) {
        let rest = &backlog.buffer[backlog.at..];
        let mut fitting = Vec::new();
        if rest.len() * 2 < backlog.buffer.capacity() && fitting.try_reserve_exact(rest.len()).is_ok() {
            fitting.extend_from_slice(rest);
            backlog = Backlog { buffer: fitting.into(), at: 0, ..backlog };
        }
        self.backlog = Some(Box::new(backlog));
    }

    /// Returns whether there is memory to free when the connection ends.
    pub(super) fn holds_memory(&self) -> bool {
        self.backlog.is_some() || !self.receiver.is_idle() || self.receiver.has_inflater()
    }
}
