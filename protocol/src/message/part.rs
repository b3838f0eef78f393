//! A message that is given in parts: where one ends, and what is left for the next one.

use super::{BAD_TEXT, Kind, Message};
use crate::event::{Data, Incoming, Part};
use crate::failure::Failure;
use std::ops::Range;

impl Message {
    /// The number of bytes that came and were not given out yet.
    pub(crate) fn held(&self) -> usize {
        self.bytes.len()
    }

    /// A part of it was given out.
    pub(crate) fn has_parts(&self) -> bool {
        self.given > 0
    }

    /// The number of bytes that must be held for a part of `size` to be cut off. `ahead`: one byte more, by which a message whose
    /// length nobody announces shows that it goes on.
    pub(crate) fn part_end(&self, size: usize, ahead: bool) -> usize {
        let end = size.saturating_add(usize::from(ahead));
        end.max(self.first_character())
    }

    /// The length of the first character that is held, which has to stay whole; 1 where characters do not count.
    fn first_character(&self) -> usize {
        match (self.kind, self.bytes.first()) {
            (Some(Kind::Text), Some(0xf0..)) => 4,
            (Some(Kind::Text), Some(0xe0..)) => 3,
            (Some(Kind::Text), Some(0xc0..)) => 2,
            _ => 1,
        }
    }

    /// Where a part of at most `size` bytes ends: of a text between two characters, behind the first one at least.
    fn cut(&self, size: usize) -> usize {
        let held = self.bytes.len();
        if self.kind() != Kind::Text {
            return size.min(held);
        }
        let mut cut = if size < held { size } else { held - self.utf8.unfinished() };
        while self.bytes.get(cut).is_some_and(|byte| (0x80..0xc0).contains(byte)) {
            cut -= 1;
        }
        if cut == 0 { self.first_character() } else { cut }
    }

    /// Gives a part of at most `size` bytes, or of one character, of what is held, which is not the last one.
    pub(crate) fn take_part(&mut self, size: usize) -> Result<Incoming, Failure> {
        let cut = self.cut(size);
        let mut rest = Vec::new();
        let left = &self.bytes[cut..];
        if !left.is_empty() {
            rest.try_reserve_exact(left.len()).map_err(|_| Failure::OutOfMemory { wanted: left.len() })?;
            rest.extend_from_slice(left);
        }
        let mut bytes = std::mem::replace(&mut self.bytes, rest);
        bytes.truncate(cut);
        bytes.try_reserve_exact(1).map_err(|_| Failure::OutOfMemory { wanted: cut })?;
        Ok(self.part(Data::Assembled(bytes), cut, false))
    }

    /// Gives what is held as the last part.
    pub(crate) fn finish_part(&mut self) -> Result<Incoming, Failure> {
        self.utf8.finish().map_err(|_| BAD_TEXT)?;
        let bytes = std::mem::take(&mut self.bytes);
        let len = bytes.len();
        Ok(self.part(Data::Assembled(bytes), len, true))
    }

    /// Gives a part that lies in the input, where nothing is held. Of a text it was judged.
    pub(crate) fn part_in_place(&mut self, range: Range<usize>, last: bool) -> Incoming {
        debug_assert!(self.bytes.is_empty());
        let len = range.len();
        self.part(Data::Range(range), len, last)
    }

    fn part(&mut self, data: Data, len: usize, last: bool) -> Incoming {
        let part = Part { kind: self.kind().of_part(), data, offset: self.given, last };
        self.given += len as u64;
        if last {
            *self = Message::none();
        }
        Incoming::Part(part)
    }
}
