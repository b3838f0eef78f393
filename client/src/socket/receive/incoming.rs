//! What a socket holds between two reads.

use crate::buffer::Buffer;
use crate::socket::Settings;
use ws4d_protocol::receive::Receiver;

/// Receive state, guarded by `Socket::incoming`.
pub(in crate::socket) struct Incoming {
    pub(in crate::socket) receiver: Receiver,
    /// A read buffer, and the offset from which it is not decoded yet, because the receive buffer was full.
    pub(super) backlog: Option<Box<(Buffer, usize)>>,
}

impl Incoming {
    pub(in crate::socket) fn new(settings: &Settings) -> Incoming {
        Incoming { receiver: settings.receiver(None), backlog: None }
    }

    /// Keeps the bytes that were not decoded, in a buffer that they fill at least by half, if there is memory for
    /// one.
    pub(super) fn keep(&mut self, buffer: Buffer, at: usize) {
        let rest = &buffer[at..];
        let mut fitting = Vec::new();
        let kept = if rest.len() * 2 < buffer.capacity() && fitting.try_reserve_exact(rest.len()).is_ok() {
            fitting.extend_from_slice(rest);
            (fitting.into(), 0)
        } else {
            (buffer, at)
        };
        self.backlog = Some(Box::new(kept));
    }

    /// Returns whether there is memory to free when the connection ends.
    pub(super) fn holds_memory(&self) -> bool {
        self.backlog.is_some() || !self.receiver.is_idle() || self.receiver.has_inflater()
    }
}
