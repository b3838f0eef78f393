//! Messages that are given in parts, as their payloads come.
//!
//! Knows frames and the size of a part; where a text may be cut is the message's.

use super::{Failure, Incoming, Receiver};
use crate::utf8;

impl Receiver {
    pub(super) fn has_parts(&self) -> bool {
        self.part_size != usize::MAX
    }

    /// The room that is left in the part being put together.
    pub(super) fn part_room(&self) -> usize {
        self.message.part_end(self.part_size, self.compressed).saturating_sub(self.message.held())
    }

    /// Returns whether [`next`](Receiver::next) may give something although the input is used up: more of a compressed
    /// message, whose parts are inflated one by one.
    pub fn has_pending(&self) -> bool {
        self.pending
    }

    /// Returns whether the message is known to be longer than a part, by the bytes that came, and by those that the
    /// frame announces.
    fn exceeds_part(&self) -> bool {
        let announced = if self.compressed { 0 } else { self.remaining };
        self.message.has_parts() || announced.saturating_add(self.message.len()) > self.part_size as u64
    }

    /// Returns whether a part of a message that goes on is complete.
    pub(super) fn is_part_full(&self) -> bool {
        self.part_room() == 0 && self.exceeds_part()
    }

    /// Reads the payload of an uncompressed frame until a part is full, or to the end of the input.
    pub(super) fn read_parts(&mut self, input: &[u8], at: &mut usize) -> Result<Option<Incoming>, Failure> {
        loop {
            let payload = self.part_at_hand(input, *at);
            if let Some(event) = self.part_in_place(payload, *at) {
                *at += payload.len();
                self.remaining -= payload.len() as u64;
                return Ok(Some(event));
            }
            self.copy(payload, at)?;
            if self.frame.fin && self.remaining == 0 {
                return self.finish().map(Some);
            }
            if self.is_part_full() {
                return self.message.take_part(self.part_size).map(Some);
            }
            if *at == input.len() || self.remaining == 0 {
                return Ok(None);
            }
        }
    }

    /// The bytes of the next part that lie in the input at `at`.
    fn part_at_hand<'a>(&self, input: &'a [u8], at: usize) -> &'a [u8] {
        let payload = self.at_hand(input, at);
        &payload[..payload.len().min(self.part_room())]
    }

    /// The next part, where it lies whole in the input at `start`. A NUL goes behind one of a text: so that must end with its
    /// frame.
    fn part_in_place(&mut self, payload: &[u8], start: usize) -> Option<Incoming> {
        let ends_frame = payload.len() as u64 == self.remaining;
        let last = ends_frame && self.frame.fin;
        let is_whole = last || payload.len() == self.part_room();
        if self.message.held() > 0 || !is_whole || !self.exceeds_part() {
            return None;
        }
        if self.message.is_any_text() && !ends_frame
            || self.message.is_text() && utf8::check(payload).is_err()
        {
            return None;
        }
        Some(self.message.part_in_place(start..start + payload.len(), last))
    }

    /// Ends the message all of whose bytes came.
    pub(super) fn finish(&mut self) -> Result<Incoming, Failure> {
        if self.message.len() > self.part_size as u64 {
            self.message.finish_part()
        } else {
            self.message.finish()
        }
    }
}
