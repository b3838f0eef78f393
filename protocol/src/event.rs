//! The events that the receiver returns, one after the other.
//!
//! Plain data; knows nothing of how it was decoded.

use crate::close::CloseFrame;
use crate::frame::MAX_CONTROL_PAYLOAD;
use std::fmt;
use std::ops::{Deref, Range};

/// One event of the connection, in the order in which the server sent it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Incoming {
    /// A text message; it is valid UTF-8.
    Text(Data),
    /// A binary message.
    Binary(Data),
    /// A part of a message that is longer than the part size; without one there are none.
    Part(Part),
    /// A ping: it wants a pong with the same payload (RFC 6455 §5.5.2).
    Ping(ControlPayload),
    /// A pong, asked for or not.
    Pong(ControlPayload),
    /// The server's close frame, the last event.
    Close(CloseFrame),
}

/// A part of a message that is too long to be given at once. Its parts come in order, with nothing but pings and pongs
/// between them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// The kind of its message.
    pub kind: PartKind,
    /// The bytes. Those of a text message are valid UTF-8 by themselves.
    pub data: Data,
    /// The number of bytes of the message before this part.
    pub offset: u64,
    /// The message ends with this part, which may be empty.
    pub last: bool,
}

/// The kind of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PartKind {
    /// A text message.
    Text,
    /// A binary message.
    Binary,
}

/// The payload of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Data {
    /// Where it lies in the input of this call of `next`.
    ///
    /// Once `next` has returned `None` for this input, the byte behind the range (which may be the first byte behind
    /// the input) is not needed any more: the place for a NUL. The exception is a part of a binary message, whose next
    /// part may begin there.
    Range(Range<usize>),
    /// It came in pieces, and was put together here. The capacity is larger than the length: a NUL
    /// can be pushed.
    Assembled(Vec<u8>),
}

impl Data {
    /// The bytes; `input` is the input of the call of `next` that gave this.
    ///
    /// # Panics
    ///
    /// If `input` is shorter than that one.
    #[inline]
    pub fn bytes<'a>(&'a self, input: &'a [u8]) -> &'a [u8] {
        match self {
            Data::Range(range) => &input[range.clone()],
            Data::Assembled(bytes) => bytes,
        }
    }
}

/// The payload of a ping or pong: at most 125 bytes, in place.
#[derive(Clone)]
pub struct ControlPayload {
    bytes: [u8; MAX_CONTROL_PAYLOAD],
    len: u8,
}

impl ControlPayload {
    pub(crate) const fn new() -> ControlPayload {
        ControlPayload { bytes: [0; MAX_CONTROL_PAYLOAD], len: 0 }
    }

    /// Adds payload bytes of a control frame, whose length was checked with its header.
    pub(crate) fn extend(&mut self, more: &[u8]) {
        let len = self.len();
        self.bytes[len..len + more.len()].copy_from_slice(more);
        self.len += more.len() as u8;
    }
}

impl Deref for ControlPayload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl PartialEq for ControlPayload {
    fn eq(&self, other: &ControlPayload) -> bool {
        **self == **other
    }
}

impl Eq for ControlPayload {}

impl fmt::Debug for ControlPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
