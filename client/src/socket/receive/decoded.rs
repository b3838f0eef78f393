//! The messages that one step decodes, and the batches made of them.

use super::failures::out_of_memory;
use crate::buffer::Buffer;
use crate::error::ErrorCode;
use crate::event::{Batch, Item, Items, Origin, Origins};
use crate::socket::outgoing::ConnectionFailure;
use smallvec::SmallVec;
use std::sync::Arc;

/// The batches of one step, which are mostly one.
pub(super) type Batches = SmallVec<[Batch; 1]>;

/// Decoded messages and control frames, in order.
#[derive(Default)]
pub(super) struct DecodedInput {
    /// Messages in the read buffer, and batches of their own between them.
    pieces: SmallVec<[Piece; 1]>,
    pub(super) items: Items,
    /// Of the items, those that `pieces` names already.
    sealed: usize,
    /// Of the items in the read buffer.
    origins: Origins,
    /// When the read returned that brought them.
    time_us: i64,
    pub(super) charge: usize,
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) answers: bool,
    pub(super) close_code: Option<u16>,
    pub(super) failure: Option<ConnectionFailure>,
}

enum Piece {
    /// Items up to this index lie in the read buffer.
    Shared(usize),
    Own(Batch),
}

impl DecodedInput {
    /// Begins with nothing, of a read that returned at this time.
    pub(super) fn of_read(time_us: i64) -> DecodedInput {
        DecodedInput { time_us, origins: Origins::of_read(time_us), ..DecodedInput::default() }
    }

    /// When the read returned.
    pub(super) fn time_us(&self) -> i64 {
        self.time_us
    }

    /// Adds a part in the read buffer.
    pub(super) fn shared_part(&mut self, item: Item, offset: u64) {
        if self.origins.add_part(self.items.len(), offset).is_err() {
            self.no_memory();
        }
        self.shared(item);
    }

    /// Adds a part with a buffer of its own.
    pub(super) fn own_part(&mut self, part: Batch, offset: u64) {
        let mut origins = Origins::default();
        if origins.add(0, Origin { time_us: self.time_us, offset }).is_err() {
            self.no_memory();
        }
        self.push_own(part.with_origins(origins));
    }

    /// Counts a message of so many bytes.
    #[inline]
    pub(super) fn count_message(&mut self, len: usize) {
        self.messages += 1;
        self.bytes += len as u64;
    }

    /// Adds a whole message in the read buffer, and counts it.
    // As a call, this would pass the item through memory, and the processor would wait for it there.
    #[inline(always)]
    pub(super) fn whole(&mut self, item: Item) {
        self.count_message(item.len);
        self.shared(item);
    }

    #[inline(always)]
    pub(super) fn shared(&mut self, item: Item) {
        self.charge += item.charge();
        if self.items.add(item).is_err() {
            self.no_memory();
        }
    }

    #[cold]
    fn no_memory(&mut self) {
        self.failure = Some(out_of_memory());
    }

    pub(super) fn own(&mut self, batch: Batch) {
        self.push_own(batch.with_origins(Origins::of_read(self.time_us)));
    }

    fn push_own(&mut self, batch: Batch) {
        self.charge += batch.charge();
        if self.seal().is_err() || self.pieces.try_reserve(1).is_err() {
            return self.no_memory();
        }
        self.pieces.push(Piece::Own(batch));
    }

    /// Returns the batches, in order. Messages stay in the read buffer; but unless `in_place`, those that fill less
    /// than half of it are copied into one of their size.
    pub(super) fn batches(&mut self, buffer: Buffer, in_place: bool) -> Result<Batches, ErrorCode> {
        if self.items.is_empty() && self.pieces.is_empty() {
            return Ok(Batches::new());
        }
        if self.pieces.is_empty() && !in_place {
            // The usual case: all messages of the read lie in its buffer.
            let batch = Batch::compacted(buffer, std::mem::take(&mut self.items), self.charge)?;
            return Ok(Batches::from_buf([batch.with_origins(std::mem::take(&mut self.origins))]));
        }
        let buffer = Arc::new(buffer);
        self.each_batch(|items| {
            let mut batch = Batch::shared(Arc::clone(&buffer), items);
            // On the I/O thread callbacks get slices of the read buffer itself.
            if !in_place {
                batch.compact()?;
            }
            Ok(batch)
        })
    }

    /// Returns the batches, in order, with all messages copied out of the buffer.
    pub(super) fn copied_batches(&mut self, buffer: &[u8]) -> Result<Batches, ErrorCode> {
        self.each_batch(|items| Batch::copied(buffer, &items))
    }

    fn each_batch(
        &mut self,
        mut shared: impl FnMut(Items) -> Result<Batch, ErrorCode>,
    ) -> Result<Batches, ErrorCode> {
        self.seal()?;
        let mut from = 0;
        let mut batches = Batches::new();
        batches.try_reserve_exact(self.pieces.len()).map_err(|_| ErrorCode::OutOfMemory)?;
        for piece in self.pieces.drain(..) {
            batches.push(match piece {
                Piece::Own(batch) => batch,
                Piece::Shared(to) if from == 0 && to == self.items.len() => {
                    from = to;
                    shared(std::mem::take(&mut self.items))?.with_origins(std::mem::take(&mut self.origins))
                }
                Piece::Shared(to) => {
                    let items = Items::copied(&self.items[from..to])?;
                    let origins = self.origins.copied(from..to)?;
                    from = to;
                    shared(items)?.with_origins(origins)
                }
            });
        }
        Ok(batches)
    }

    /// Ends the piece of the items that were added since the last one.
    fn seal(&mut self) -> Result<(), ErrorCode> {
        if self.sealed < self.items.len() {
            self.pieces.try_reserve(1).map_err(|_| ErrorCode::OutOfMemory)?;
            self.sealed = self.items.len();
            self.pieces.push(Piece::Shared(self.sealed));
        }
        Ok(())
    }
}

/// Puts a NUL behind each text, over a byte that was decoded and is not needed any more.
pub(super) fn write_nuls(buffer: &mut Buffer, items: &[Item]) {
    for item in items.iter().filter(|item| item.kind.wants_nul()) {
        let end = item.start + item.len;
        match buffer.get_mut(end) {
            Some(byte) => *byte = 0,
            // The read has left room for it.
            None => buffer.push(0),
        }
    }
}
