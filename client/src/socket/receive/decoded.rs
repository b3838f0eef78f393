//! The messages that one step decodes, and the batches made of them.

use super::failures::out_of_memory;
use crate::buffer::Buffer;
use crate::error::ErrorCode;
use crate::event::{Batch, Item, ItemKind, Items, Origins};
use crate::socket::outgoing::ConnectionFailure;
use std::sync::Arc;

/// Decoded messages and control frames, in order.
#[derive(Default)]
pub(super) struct DecodedInput {
    /// Messages in the read buffer, and batches of their own between them.
    pieces: Vec<Piece>,
    pub(super) items: Items,
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
        DecodedInput { time_us, ..DecodedInput::default() }
    }

    /// When the read returned.
    pub(super) fn time_us(&self) -> i64 {
        self.time_us
    }

    #[inline]
    pub(super) fn shared(&mut self, item: Item) {
        self.charge += item.charge();
        if self.items.add(item).is_err() {
            self.failure = Some(out_of_memory());
        }
    }

    pub(super) fn own(&mut self, batch: Batch) {
        self.charge += batch.charge();
        if self.seal().is_err() || self.pieces.try_reserve(1).is_err() {
            self.failure = Some(out_of_memory());
            return;
        }
        self.pieces.push(Piece::Own(batch));
    }

    /// Returns the batches, in order. Messages stay in the read buffer; but unless `in_place`, those that fill less
    /// than half of it are copied into one of their size.
    pub(super) fn batches(&mut self, buffer: Arc<Buffer>, in_place: bool) -> Result<Vec<Batch>, ErrorCode> {
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
    pub(super) fn copied_batches(&mut self, buffer: &[u8]) -> Result<Vec<Batch>, ErrorCode> {
        self.each_batch(|items| Batch::copied(buffer, &items))
    }

    fn each_batch(
        &mut self,
        mut shared: impl FnMut(Items) -> Result<Batch, ErrorCode>,
    ) -> Result<Vec<Batch>, ErrorCode> {
        self.seal()?;
        let mut from = 0;
        let mut batches = Vec::new();
        batches.try_reserve_exact(self.pieces.len()).map_err(|_| ErrorCode::OutOfMemory)?;
        for piece in self.pieces.drain(..) {
            let batch = match piece {
                Piece::Own(batch) => batch,
                Piece::Shared(to) if from == 0 && to == self.items.len() => {
                    from = to;
                    shared(std::mem::take(&mut self.items))?
                }
                Piece::Shared(to) => {
                    let items = Items::copied(&self.items[from..to])?;
                    from = to;
                    shared(items)?
                }
            };
            batches.push(batch.with_origins(Origins::of_read(self.time_us)));
        }
        Ok(batches)
    }

    fn seal(&mut self) -> Result<(), ErrorCode> {
        let sealed = self.pieces.iter().rev().find_map(|piece| match piece {
            Piece::Shared(to) => Some(*to),
            Piece::Own(_) => None,
        });
        if sealed.unwrap_or(0) < self.items.len() {
            self.pieces.try_reserve(1).map_err(|_| ErrorCode::OutOfMemory)?;
            self.pieces.push(Piece::Shared(self.items.len()));
        }
        Ok(())
    }
}

/// Puts a NUL behind each text, over a byte that was decoded and is not needed any more.
pub(super) fn write_nuls(buffer: &mut Buffer, items: &[Item]) {
    for item in items.iter().filter(|item| item.kind == ItemKind::Text) {
        let end = item.start + item.len;
        match buffer.get_mut(end) {
            Some(byte) => *byte = 0,
            // The read has left room for it.
            None => buffer.push(0),
        }
    }
}
