//! The payloads of frames: copied, checked, or read straight into their message.
//!
//! Knows only the frame that is being read; the receiver knows the stream.

use super::{ControlPayload, Failure, Incoming, NOT_AGREED, Receiver, Stage};
use crate::close;
use crate::deflate::{INFLATER_MEMORY, InflateError};
use crate::frame::OpCode;
use crate::message::{Expected, FILL_MIN};

const BAD_DEFLATE: Failure = Failure::InvalidText("compressed data is not DEFLATE (RFC 7692 7.2.2)");
const BAD_END: Failure =
    Failure::InvalidText("compressed data does not end where its message does (RFC 7692 7.2.2)");

const NO_INFLATER: Failure = Failure::OutOfMemory { wanted: INFLATER_MEMORY };

/// The failure of an inflater; `broken` says where its data were wrong.
fn inflate_failure(error: InflateError, broken: Failure) -> Failure {
    match error {
        InflateError::Broken => broken,
        InflateError::OutOfMemory => NO_INFLATER,
    }
}

impl Receiver {
    /// Returns how much of the frame's payload lies in the input at `at`.
    pub(super) fn at_hand<'a>(&self, input: &'a [u8], at: usize) -> &'a [u8] {
        let rest = &input[at..];
        let len = usize::try_from(self.remaining).map_or(rest.len(), |remaining| remaining.min(rest.len()));
        &rest[..len]
    }

    /// Returns what is to come of the message, or of its next part.
    fn expected(&self) -> Expected {
        let room = self.part_room() as u64;
        Expected {
            remaining: self.remaining.min(room),
            fin: self.frame.fin || self.remaining >= room,
            limit: self.limit.min(self.message.held() as u64 + room),
        }
    }

    pub(super) fn read_data(&mut self, input: &[u8], at: &mut usize) -> Result<Option<Incoming>, Failure> {
        let start = *at;
        let payload = self.at_hand(input, start);
        let all_here = payload.len() as u64 == self.remaining;
        let is_whole = self.frame.fin && all_here && self.message.len() == 0;
        if is_whole && payload.len() <= self.part_size {
            let event = self.message.finish_in_place(start, payload).map_err(|(taken, failure)| {
                *at += taken;
                failure
            })?;
            *at += payload.len();
            self.remaining = 0;
            return Ok(Some(event));
        }
        if self.has_parts() {
            return self.read_parts(input, at);
        }
        self.copy(payload, at)?;
        if self.frame.fin && all_here { self.message.finish().map(Some) } else { Ok(None) }
    }

    /// Copies the next bytes of the payload to what is put together.
    pub(super) fn copy(&mut self, payload: &[u8], at: &mut usize) -> Result<(), Failure> {
        let expected = self.expected();
        if expected.fin && self.message.has_no_buffer() {
            // With the NUL behind it.
            let wanted = usize::try_from(expected.remaining).unwrap_or(usize::MAX).saturating_add(1);
            if (wanted..=wanted.saturating_mul(2)).contains(&self.spare.capacity()) {
                self.message.begin_in(std::mem::take(&mut self.spare));
            }
        }
        self.message.append(payload, expected).map_err(|(taken, failure)| {
            *at += taken;
            failure
        })?;
        *at += payload.len();
        self.remaining -= payload.len() as u64;
        Ok(())
    }

    /// Inflates the payload bytes in the input, all of them or as many as the next part needs; a failure does not say at
    /// which of them it occurred.
    pub(super) fn read_compressed(
        &mut self,
        input: &[u8],
        at: &mut usize,
    ) -> Result<Option<Incoming>, Failure> {
        let mut payload = self.at_hand(input, *at);
        let end = *at + payload.len();
        // Where something is wrong.
        *at = end;
        let event = self.inflate(&mut payload)?;
        *at = end - payload.len();
        if event.is_some() || !self.frame.fin || self.remaining > 0 {
            return Ok(event);
        }
        self.compressed = false;
        let Some(inflation) = &mut self.inflation else { return Err(NOT_AGREED) };
        inflation.finish_message().map_err(|error| inflate_failure(error, BAD_END))?;
        self.message.fit()?;
        self.finish().map(Some)
    }

    /// Inflates the payload, and moves it behind what it took: until a part is full, or to its end.
    fn inflate(&mut self, payload: &mut &[u8]) -> Result<Option<Incoming>, Failure> {
        loop {
            if self.is_part_full() {
                // There may be more, or no more but the end of the message.
                self.pending = true;
                return self.message.take_part(self.part_size).map(Some);
            }
            if payload.is_empty() && !self.pending {
                return Ok(None);
            }
            let Some(inflation) = &mut self.inflation else { return Err(NOT_AGREED) };
            let inflater = inflation.inflater().map_err(|_| NO_INFLATER)?;
            let (arriving, most) = (payload.len(), self.message.part_end(self.part_size, true));
            self.pending = self
                .message
                .inflate(arriving, self.limit, most, |out| inflater.inflate(payload, out))?
                .map_err(|error| inflate_failure(error, BAD_DEFLATE))?;
            self.remaining -= (arriving - payload.len()) as u64;
        }
    }

    pub(super) fn read_control(&mut self, input: &[u8], at: &mut usize) -> Result<Option<Incoming>, Failure> {
        let payload = self.at_hand(input, *at);
        let (arrived, close) = (payload.len() as u64, self.frame.opcode == OpCode::Close);
        // Only one that is not whole in this input waits in the receiver.
        let mut control = self.control.take().map_or_else(ControlPayload::new, |begun| *begun);
        if close {
            for (i, byte) in payload.iter().enumerate() {
                control.extend(&[*byte]);
                *at += 1;
                if let Err(failure) = close::check_beginning(&control) {
                    // Kept for the error's message (`forbidden_close`).
                    control.extend(&payload[i + 1..]);
                    self.control = Some(Box::new(control));
                    return Err(failure);
                }
            }
        } else {
            control.extend(payload);
            *at += payload.len();
        }
        self.remaining -= arrived;
        if self.remaining > 0 {
            self.control = Some(Box::new(control));
            return Ok(None);
        }
        Ok(Some(match self.frame.opcode {
            OpCode::Ping => Incoming::Ping(control),
            OpCode::Pong => Incoming::Pong(control),
            _ => {
                let close = close::parse(&control)?;
                self.end();
                Incoming::Close(close)
            }
        }))
    }

    /// Returns whether [`fill`](Receiver::fill) would read: the payload of a data frame has begun and 16 KiB or more
    /// of it, or of the next part, are missing. Always `false` for a compressed message, because its buffer holds the
    /// inflated bytes.
    pub fn wants_fill(&self) -> bool {
        self.stage == Stage::Data && !self.compressed && self.expected().remaining >= FILL_MIN as u64
    }

    /// Lets the caller read the next bytes of a large message straight into the buffer of that
    /// message.
    ///
    /// Called between inputs, after [`next`](Receiver::next) has returned `None`. Returns `None` without an effect
    /// unless [`wants_fill`](Receiver::wants_fill). Otherwise `read` is called once with the buffer and the room `n`
    /// in it, at least 16 KiB. It may append up to `n` bytes read from the server (they belong to the current frame,
    /// and fit into `spare_capacity_mut()[..n]` without an allocation), and must leave the bytes before untouched;
    /// its result is returned. Appended bytes count as an input of `next`. When they complete the message, the next
    /// call of `next`, also with an empty input, returns it: so call `next(&[], &mut 0)` after each `fill` that has
    /// appended bytes.
    ///
    /// The buffer grows with the bytes received: at most to twice as many and 256 KiB.
    ///
    /// # Errors
    ///
    /// [`Failure::InvalidText`] when the appended bytes are not UTF-8, [`Failure::OutOfMemory`] before `read` is
    /// called; afterwards the receiver has ended, as after a failure of `next`.
    ///
    /// # Panics
    ///
    /// If `read` took bytes away or appended more than the room.
    pub fn fill<R>(&mut self, read: impl FnOnce(&mut Vec<u8>, usize) -> R) -> Result<Option<R>, Failure> {
        if !self.wants_fill() {
            return Ok(None);
        }
        let (result, appended) = self.message.fill(self.expected(), read).inspect_err(|_| self.end())?;
        self.remaining -= appended as u64;
        Ok(Some(result))
    }
}
