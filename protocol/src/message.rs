//! The message that is being assembled: its bytes, its UTF-8 state, and the bound of its memory.
//!
//! Knows payloads, not frames: the receiver says what belongs to the message and when it ends.

mod part;

use crate::event::{Data, Incoming, PartKind};
use crate::failure::Failure;
use crate::utf8::{self, Utf8Validator};

/// Bytes that the buffer may be ahead of those received, beside doubling.
const AHEAD: usize = 192 * 1024;

/// Number of missing bytes from which on reading straight into the buffer is worth a system call.
pub(crate) const FILL_MIN: usize = 16 * 1024;

/// Minimum room to inflate into, in which a short message fits with its NUL.
const LEAST_INFLATED: usize = 256;

pub(crate) const BAD_TEXT: Failure = Failure::InvalidText("a text message is not UTF-8 (RFC 6455 8.1)");

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Text,
    /// Text that is not checked for UTF-8.
    UncheckedText,
    Binary,
}

impl Kind {
    #[inline]
    pub(crate) fn incoming(self, data: Data) -> Incoming {
        match self {
            Kind::Text | Kind::UncheckedText => Incoming::Text(data),
            Kind::Binary => Incoming::Binary(data),
        }
    }

    #[inline]
    pub(crate) fn of_part(self) -> PartKind {
        match self {
            Kind::Text | Kind::UncheckedText => PartKind::Text,
            Kind::Binary => PartKind::Binary,
        }
    }
}

/// The current frame's announcement of the bytes to come.
#[derive(Clone, Copy)]
pub(crate) struct Expected {
    /// Payload bytes that the frame still owes, those at hand included.
    pub(crate) remaining: u64,
    /// No frame of this message follows.
    pub(crate) fin: bool,
    /// No message may be longer.
    pub(crate) limit: u64,
}

/// A message from its first byte to its last; one at a time (RFC 6455 §5.4).
#[derive(Debug)]
pub(crate) struct Message {
    kind: Option<Kind>,
    /// Bytes that came and were not given out yet.
    bytes: Vec<u8>,
    utf8: Utf8Validator,
    /// The number of bytes that were given out in parts.
    given: u64,
}

impl Message {
    pub(crate) const fn none() -> Message {
        Message { kind: None, bytes: Vec::new(), utf8: Utf8Validator::new(), given: 0 }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.kind.is_some()
    }

    /// Returns whether the message has to be UTF-8.
    pub(crate) fn is_text(&self) -> bool {
        self.kind == Some(Kind::Text)
    }

    /// Returns whether it is text, checked or not.
    pub(crate) fn is_any_text(&self) -> bool {
        self.kind.is_some_and(|kind| kind != Kind::Binary)
    }

    /// Of an open message: payload comes only after the header that opens one.
    fn kind(&self) -> Kind {
        debug_assert!(self.is_open());
        self.kind.unwrap_or(Kind::Binary)
    }

    /// The number of bytes that came, those given out in parts included.
    pub(crate) fn len(&self) -> u64 {
        self.given + self.bytes.len() as u64
    }

    pub(crate) fn begin(&mut self, kind: Kind) {
        *self = Message { kind: Some(kind), ..Message::none() };
    }

    /// Returns whether nothing of the message was copied yet.
    pub(crate) fn has_no_buffer(&self) -> bool {
        self.bytes.capacity() == 0
    }

    /// Puts the message that has just begun into an empty buffer.
    pub(crate) fn begin_in(&mut self, buffer: Vec<u8>) {
        self.bytes = buffer;
    }

    /// Checks the next bytes of the message and copies them.
    ///
    /// A failure comes with the number of bytes up to the one that shows it.
    pub(crate) fn append(&mut self, bytes: &[u8], expected: Expected) -> Result<(), (usize, Failure)> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.kind() == Kind::Text {
            self.utf8.push(bytes).map_err(|error| (error.at + 1, BAD_TEXT))?;
        }
        self.reserve(bytes.len(), expected).map_err(|failure| (bytes.len(), failure))?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Ends a message that lies whole in the input, at `start`, and of which nothing was copied.
    pub(crate) fn finish_in_place(
        &mut self,
        start: usize,
        bytes: &[u8],
    ) -> Result<Incoming, (usize, Failure)> {
        let kind = self.kind();
        if kind == Kind::Text {
            utf8::check(bytes).map_err(|error| (error.at + 1, BAD_TEXT))?;
        }
        *self = Message::none();
        Ok(kind.incoming(Data::Range(start..start + bytes.len())))
    }

    /// Ends a message all of whose bytes were appended; [`reserve`](Message::reserve) has left room
    /// for a NUL behind them.
    pub(crate) fn finish(&mut self) -> Result<Incoming, Failure> {
        let mut message = std::mem::replace(self, Message::none());
        message.utf8.finish().map_err(|_| BAD_TEXT)?;
        let kind = message.kind();
        Ok(kind.incoming(Data::Assembled(message.bytes)))
    }

    /// Lets `read` append to the buffer, and checks the appended bytes.
    pub(crate) fn fill<R>(
        &mut self,
        expected: Expected,
        read: impl FnOnce(&mut Vec<u8>, usize) -> R,
    ) -> Result<(R, usize), Failure> {
        let owed = usize::try_from(expected.remaining).unwrap_or(usize::MAX);
        self.reserve(owed.min(FILL_MIN), expected)?;
        let start = self.bytes.len();
        let room = owed.min(self.bytes.capacity() - start - 1);
        let result = read(&mut self.bytes, room);
        let end = self.bytes.len();
        assert!(
            start <= end && end - start <= room,
            "the reader of `fill` appends at most the room it was given"
        );
        if self.kind() == Kind::Text {
            self.utf8.push(&self.bytes[start..]).map_err(|_| BAD_TEXT)?;
        }
        Ok((result, end - start))
    }

    /// Lets `inflate` append to the buffer, within its room of at least one byte, and checks the appended bytes.
    /// `arriving`: number of compressed bytes about to be inflated. `most`: the buffer does not become larger; it holds
    /// fewer bytes now.
    ///
    /// The room ends one byte above the limit, so that a message above it is found at once. Failures are reported in
    /// the order of the message: bad text first, then the limit, and last an error of `inflate`.
    pub(crate) fn inflate<E>(
        &mut self,
        arriving: usize,
        limit: u64,
        most: usize,
        inflate: impl FnOnce(&mut Vec<u8>) -> Result<bool, E>,
    ) -> Result<Result<bool, E>, Failure> {
        let start = self.bytes.len();
        let left = clamp(limit.saturating_sub(self.given));
        if self.bytes.capacity() == start {
            // Double the size of what came; at the beginning the size that the arriving bytes usually inflate to.
            let came = self.given.saturating_add(start as u64 * 2);
            let size = clamp(came).max(arriving.saturating_mul(4)).max(start + LEAST_INFLATED);
            let size = size.min(left.saturating_add(1)).min(most);
            self.bytes.try_reserve_exact(size - start).map_err(|_| Failure::OutOfMemory { wanted: size })?;
        }
        let result = inflate(&mut self.bytes);
        if self.kind() == Kind::Text {
            let end = self.bytes.len().min(left);
            self.utf8.push(&self.bytes[start.min(end)..end]).map_err(|_| BAD_TEXT)?;
        }
        if self.len() > limit {
            return Err(Failure::TooLarge { limit });
        }
        Ok(result)
    }

    /// Makes room for a NUL behind an inflated message, and frees excess memory: a message holds at most twice its
    /// bytes and [`LEAST_INFLATED`].
    pub(crate) fn fit(&mut self) -> Result<(), Failure> {
        let len = self.bytes.len();
        let mut fitting = Vec::new();
        if self.bytes.capacity() > 2 * len + LEAST_INFLATED && fitting.try_reserve_exact(len + 1).is_ok() {
            fitting.extend_from_slice(&self.bytes);
            self.bytes = fitting;
        }
        self.bytes.try_reserve_exact(1).map_err(|_| Failure::OutOfMemory { wanted: len.saturating_add(1) })
    }

    /// Makes room for `more` bytes and a NUL.
    ///
    /// The buffer takes the size that the frame announces, if that is not far ahead of the bytes received: at most
    /// twice as many and [`AHEAD`]. Where frames follow it doubles, so that many small ones cost linear time.
    fn reserve(&mut self, more: usize, expected: Expected) -> Result<(), Failure> {
        let len = self.bytes.len();
        if self.bytes.capacity() - len > more {
            return Ok(());
        }
        let arrived = len.saturating_add(more);
        let doubled = arrived.saturating_mul(2);
        let announced = clamp(expected.remaining.saturating_add(len as u64));
        let mut size = announced.min(doubled.saturating_add(AHEAD));
        if !expected.fin {
            size = size.max(doubled);
        }
        // A NUL goes behind the message.
        let size = size.min(clamp(expected.limit)).max(arrived).saturating_add(1);
        self.bytes
            .try_reserve_exact(size - len)
            .or_else(|_| self.bytes.try_reserve_exact(more.saturating_add(1)))
            .map_err(|_| Failure::OutOfMemory { wanted: size })
    }
}

fn clamp(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(remaining: u64, fin: bool) -> Expected {
        Expected { remaining, fin, limit: u64::MAX }
    }

    #[test]
    fn the_buffer_is_exact_where_the_end_is_near_and_never_far_ahead() {
        let mut message = Message::none();
        message.begin(Kind::Binary);
        message.append(&[0; 20], expected(1000, true)).unwrap();
        assert_eq!(message.bytes.capacity(), 1001);

        let mut message = Message::none();
        message.begin(Kind::Binary);
        message.append(&[0; 20], expected(u64::MAX >> 1, true)).unwrap();
        assert!(message.bytes.capacity() <= 2 * 20 + AHEAD + 1, "{}", message.bytes.capacity());
    }

    #[test]
    fn many_small_appends_reallocate_only_now_and_then() {
        for fin in [false, true] {
            let (mut message, mut growths) = (Message::none(), 0);
            message.begin(Kind::Binary);
            for left in (1..=1_000_000u64).rev() {
                let before = message.bytes.capacity();
                let remaining = if fin { left } else { 1 };
                message.append(&[1], expected(remaining, fin)).unwrap();
                growths += usize::from(message.bytes.capacity() != before);
                assert!(message.bytes.capacity() <= 2 * message.bytes.len() + 256 * 1024);
            }
            assert!(growths <= 32, "{growths}");
        }
    }

    #[test]
    fn doubling_stops_at_the_limit() {
        let mut message = Message::none();
        message.begin(Kind::Binary);
        let near = Expected { remaining: 600, fin: false, limit: 1000 };
        message.append(&[0; 600], near).unwrap();
        assert_eq!(message.bytes.capacity(), 1001);
    }
}
