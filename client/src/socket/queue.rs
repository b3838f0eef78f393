//! The send queue, in the order of sending. Bytes and bookkeeping only: no I/O, no lock.
//!
//! A message takes its place when it is accepted and may be encoded later: its slot keeps the place, so that a large
//! message is masked outside the lock and the order of the calls is kept. Control frames are sent at the next frame
//! boundary.

use crate::buffer::Buffer;
use std::collections::VecDeque;
use std::io::IoSlice;
use ws4d_protocol::frame::OpCode;
use ws4d_protocol::send::{OutOfMemory, encode};

/// The frames of one message share a chunk up to this size, header included; a longer frame has one of its own. Pings and pongs
/// go between chunks.
pub(super) const LONG_CHUNK: usize = 128 * 1024 + 14;
/// Small messages share a chunk up to this size, so that they leave in one write.
const SHARED_CHUNK: usize = 16 * 1024;
/// Initial capacity of a shared chunk.
const FIRST_ROOM: usize = 1024;
/// Bytes written in one system call, and encoded of a large message before the first are written. With less, the
/// server is woken more often, which costs the sender most; more would have left the cache when the kernel copies it.
/// A control frame waits for no more than that.
pub(super) const COMMIT: usize = 512 * 1024;
/// Maximum number of chunks in one system call.
pub(super) const SLICES: usize = 32;

/// One or more whole frames.
#[derive(Default, Debug)]
pub(super) struct Chunk {
    pub(super) bytes: Buffer,
    written: usize,
    /// Bytes charged to the send buffer until the chunk was written.
    pub(super) charge: usize,
    closes: bool,
}

impl Chunk {
    pub(super) fn new(bytes: impl Into<Buffer>, charge: usize) -> Chunk {
        Chunk { bytes: bytes.into(), written: 0, charge, closes: false }
    }

    /// Returns whether this is the close frame.
    pub(super) fn closes(&self) -> bool {
        self.closes
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.written..]
    }
}

/// The place of one accepted message, or of small ones that came together.
#[derive(Debug)]
struct Slot {
    chunks: VecDeque<Chunk>,
    /// All chunks are there. Before that, those that are there may already be sent.
    encoded: bool,
    begun: bool,
    /// Its message will not be sent.
    dropped: bool,
}

impl Slot {
    fn whole(chunk: Chunk) -> Slot {
        Slot { chunks: VecDeque::from([chunk]), encoded: true, begun: false, dropped: false }
    }
}

/// Chunks in their final order; the first may be partly written.
pub(super) type Wire = VecDeque<Chunk>;

#[derive(Default, Debug)]
pub(super) struct OutQueue {
    wire: Wire,
    control: Chunk,
    /// While the kernel takes nothing, only the newest unsent pong is kept.
    late_pong: Option<Vec<u8>>,
    slots: VecDeque<Slot>,
    /// The ticket of `slots[0]`.
    first_ticket: u64,
    buffered: usize,
    /// The message that goes out in parts, from its begin to its end.
    open: Option<Open>,
}

/// A message whose parts are still to come. Its slot is not encoded before its end, so whatever is sent meanwhile waits.
#[derive(Debug)]
struct Open {
    ticket: u64,
    /// The charge of the message itself, until its first chunk takes it.
    unassigned: usize,
    /// The charge of the messages behind it, which cannot leave before its end.
    behind: usize,
}

impl OutQueue {
    /// Bytes of unsent messages, plus 64 each.
    pub(super) fn buffered(&self) -> usize {
        self.buffered
    }

    /// Encodes a small message at the end of the queue. On an error nothing has changed.
    pub(super) fn append(
        &mut self,
        opcode: OpCode,
        payload: &[u8],
        charge: usize,
        mask: [u8; 4],
    ) -> Result<(), OutOfMemory> {
        let chunk = self.tail()?;
        encode(opcode, true, payload, mask, &mut chunk.bytes)?;
        chunk.charge += charge;
        self.add_charge(charge);
        Ok(())
    }

    /// Encodes small messages, each given with its charge, at the end of the queue, until `limit` bytes are buffered
    /// (0: there is no limit). Returns how many it has encoded; and an error if there was no memory for the next one.
    pub(super) fn append_many<'a>(
        &mut self,
        opcode: OpCode,
        mut messages: impl Iterator<Item = (&'a [u8], usize)>,
        limit: usize,
        mut mask: impl FnMut() -> [u8; 4],
    ) -> (usize, Result<(), OutOfMemory>) {
        let (mut count, mut encoded) = (0, Ok(()));
        let mut next = messages.next();
        while encoded.is_ok() && next.is_some() && (limit == 0 || self.buffered < limit) {
            let left = if limit == 0 { usize::MAX } else { limit - self.buffered };
            let chunk = match self.tail() {
                Ok(chunk) => chunk,
                Err(error) => return (count, Err(error)),
            };
            let mut charged = 0;
            while let Some((payload, charge)) = next
                && charged < left
                && chunk.bytes.len() < SHARED_CHUNK
            {
                encoded = encode(opcode, true, payload, mask(), &mut chunk.bytes);
                if encoded.is_err() {
                    break;
                }
                charged += charge;
                count += 1;
                next = messages.next();
            }
            chunk.charge += charged;
            self.add_charge(charged);
        }
        (count, encoded)
    }

    /// Charges another message, whose place is the last one.
    pub(super) fn add_charge(&mut self, charge: usize) {
        self.buffered += charge;
        if let Some(open) = &mut self.open {
            open.behind += charge;
        }
    }

    /// The chunk at the end of the queue, which small messages share.
    fn tail(&mut self) -> Result<&mut Chunk, OutOfMemory> {
        let shared = self.slots.back().is_some_and(|slot| {
            slot.encoded
                && slot.chunks.back().is_some_and(|chunk| chunk.bytes.len() < SHARED_CHUNK && !chunk.closes)
        });
        if !shared {
            self.add_shared()?;
        }
        let last = self.slots.back_mut().and_then(|slot| slot.chunks.back_mut());
        Ok(last.expect("the last slot was found to have a chunk, or was just made with one"))
    }

    /// Adds a chunk that others are about to share.
    #[cold]
    fn add_shared(&mut self) -> Result<(), OutOfMemory> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(FIRST_ROOM).map_err(|_| OutOfMemory { wanted: FIRST_ROOM })?;
        self.reserve_slot()?;
        self.slots.push_back(Slot::whole(Chunk::new(bytes, 0)));
        Ok(())
    }

    fn reserve_slot(&mut self) -> Result<(), OutOfMemory> {
        self.slots.try_reserve(1).map_err(|_| OutOfMemory { wanted: size_of::<Slot>() })
    }

    /// Reserves the place of a message that will be encoded outside the lock.
    pub(super) fn reserve(&mut self, charge: usize) -> Result<u64, OutOfMemory> {
        self.reserve_slot()?;
        self.add_charge(charge);
        self.slots.push_back(Slot { chunks: VecDeque::new(), encoded: false, begun: false, dropped: false });
        Ok(self.first_ticket + self.slots.len() as u64 - 1)
    }

    /// Returns the slot of a ticket, or `None` if it was dropped meanwhile, because the connection is over.
    fn slot(&mut self, ticket: u64) -> Option<&mut Slot> {
        let at = ticket.checked_sub(self.first_ticket)?;
        self.slots.get_mut(at as usize).filter(|slot| !slot.dropped)
    }

    /// Adds the next part of the message at that place; it may be sent before the rest is there. `last`: it completes
    /// the message. Returns `false` if the place was dropped.
    pub(super) fn add(&mut self, ticket: u64, chunk: Chunk, last: bool) -> Result<bool, OutOfMemory> {
        let Some(slot) = self.slot(ticket) else { return Ok(false) };
        slot.chunks.try_reserve(1).map_err(|_| OutOfMemory { wanted: size_of::<Chunk>() })?;
        slot.chunks.push_back(chunk);
        slot.encoded = last;
        Ok(true)
    }

    /// Gives up the place with its chunks. Returns `false` if a part of the message may have been sent, so that it
    /// cannot be taken back.
    pub(super) fn give_up(&mut self, ticket: u64, charge: usize) -> bool {
        let Some(slot) = self.slot(ticket) else { return true };
        if slot.begun {
            return false;
        }
        slot.chunks.clear();
        slot.encoded = true;
        self.buffered -= charge;
        if let Some(open) = self.open.as_mut().filter(|open| open.ticket < ticket) {
            open.behind -= charge;
        }
        true
    }

    /// Ends the place of several messages with the chunks that are there; those without a chunk, which are charged with
    /// `charge`, are given up.
    pub(super) fn cut(&mut self, ticket: u64, charge: usize) {
        let Some(slot) = self.slot(ticket) else { return };
        slot.encoded = true;
        self.buffered -= charge;
        if let Some(open) = self.open.as_mut().filter(|open| open.ticket < ticket) {
            open.behind -= charge;
        }
    }

    /// Takes the place of a message that goes out in parts. No other one is open.
    pub(super) fn begin_parts(&mut self, charge: usize) -> Result<u64, OutOfMemory> {
        debug_assert!(self.open.is_none());
        let ticket = self.reserve(charge)?;
        self.open = Some(Open { ticket, unassigned: charge, behind: 0 });
        Ok(ticket)
    }

    /// Bytes that a part is judged by: those of messages before it, and of its own message. What the message is charged
    /// with itself does not count before its first part is there, because nothing of it could leave to make room.
    pub(super) fn buffered_before_parts(&self) -> usize {
        self.buffered - self.open.as_ref().map_or(0, |open| open.behind + open.unassigned)
    }

    /// Counts the bytes of a part, which will be encoded later.
    pub(super) fn charge_part(&mut self, charge: usize) {
        self.buffered += charge;
    }

    /// The charge of the message itself, which its first chunk has to carry.
    pub(super) fn take_unassigned(&mut self) -> usize {
        self.open.as_mut().map_or(0, |open| std::mem::take(&mut open.unassigned))
    }

    /// Makes room for so many more chunks of the message with this ticket.
    pub(super) fn reserve_part(&mut self, ticket: u64, chunks: usize) -> Result<(), OutOfMemory> {
        let Some(slot) = self.slot(ticket) else { return Ok(()) };
        slot.chunks.try_reserve(chunks).map_err(|_| OutOfMemory { wanted: chunks * size_of::<Chunk>() })
    }

    /// Adds chunks, already counted, for which there is room. Nothing happens if the message was dropped meanwhile.
    pub(super) fn add_parts(&mut self, ticket: u64, mut chunks: Vec<Chunk>) {
        if let Some(first) = chunks.first_mut() {
            first.charge += self.take_unassigned();
        }
        if let Some(slot) = self.slot(ticket) {
            slot.chunks.extend(chunks);
        }
    }

    /// Ends the open message: all of it is in its slot, or, unless `encoded`, waits to be encoded like any other.
    pub(super) fn end_parts(&mut self, encoded: bool) {
        if let Some(Open { ticket, .. }) = self.open.take()
            && let Some(slot) = self.slot(ticket)
        {
            slot.encoded = encoded;
        }
    }

    /// The message with this ticket, whose parts ended early, is encoded as far as it goes.
    pub(super) fn cut_parts(&mut self, ticket: u64) {
        if let Some(slot) = self.slot(ticket) {
            slot.encoded = true;
        }
    }

    /// Drops what waits behind the open message, which ends here. Returns its ticket.
    pub(super) fn drop_behind_parts(&mut self) -> Option<u64> {
        let Open { ticket, behind, unassigned } = self.open.take()?;
        self.buffered -= behind + unassigned;
        let kept = ticket.checked_sub(self.first_ticket).map_or(0, |at| at as usize + 1);
        // Their tickets are not given to others, because a thread may still be encoding.
        for slot in self.slots.iter_mut().skip(kept) {
            *slot = Slot { chunks: VecDeque::new(), encoded: true, begun: false, dropped: true };
        }
        Some(ticket)
    }

    /// Charges a message that is written without a place in the queue.
    pub(super) fn begin_direct(&mut self, charge: usize) {
        self.buffered += charge;
    }

    /// Ends such a write, of which `taken` bytes were written; the rest goes to the front of the queue.
    pub(super) fn end_direct(&mut self, frame: &[u8], taken: usize, charge: usize) {
        if taken < frame.len() {
            let chunk = Chunk { written: taken, ..Chunk::new(frame.to_vec(), charge) };
            self.wire.push_front(chunk);
        } else {
            // Saturating, because a drop in between has reset the charge.
            self.buffered = self.buffered.saturating_sub(charge);
        }
    }

    /// Adds a ping, or a pong that can leave at once. On an error nothing has changed.
    pub(super) fn push_control(&mut self, frame: &[u8], charge: usize) -> Result<(), OutOfMemory> {
        let wanted = frame.len();
        self.control.bytes.try_reserve(wanted).map_err(|_| OutOfMemory { wanted })?;
        self.buffered += charge;
        self.control.charge += charge;
        self.control.bytes.extend_from_slice(frame);
        Ok(())
    }

    /// Keeps a pong for later, in place of the one kept before.
    pub(super) fn push_late_pong(&mut self, frame: Vec<u8>) {
        self.late_pong = Some(frame);
    }

    /// Queues the close frame behind all messages.
    pub(super) fn push_close(&mut self, frame: Vec<u8>) {
        let chunk = Chunk { closes: true, ..Chunk::new(frame, 0) };
        self.slots.push_back(Slot::whole(chunk));
    }

    /// Drops all chunks but one that is partly written, so that frames stay whole.
    pub(super) fn drop_unsent(&mut self) {
        let begun = self.wire.front().is_some_and(|chunk| chunk.written > 0);
        self.wire.truncate(usize::from(begun));
        self.first_ticket += self.slots.len() as u64;
        self.slots.clear();
        self.control = Chunk::default();
        self.late_pong = None;
        self.open = None;
        self.buffered = self.wire.iter().map(|chunk| chunk.charge).sum();
    }

    /// Drops everything: the connection is over.
    pub(super) fn clear(&mut self) {
        self.drop_unsent();
        self.wire.clear();
        self.buffered = 0;
    }

    /// Takes out the chunks to write next; `put_back` returns the rest. `held`: messages are corked.
    pub(super) fn take_wire(&mut self, held: bool) -> Wire {
        if let Some(pong) = self.late_pong.take() {
            self.control.bytes.extend_from_slice(&pong);
        }
        if !self.control.bytes.is_empty() {
            let control = std::mem::take(&mut self.control);
            // Behind a frame that has begun, before all others.
            let begun = self.wire.front().is_some_and(|chunk| chunk.written > 0);
            self.wire.insert(usize::from(begun), control);
        }
        let mut committed: usize = self.wire.iter().map(|chunk| chunk.rest().len()).sum();
        while !held && committed < COMMIT {
            let Some(slot) = self.slots.front_mut() else { break };
            // Without memory for its place a chunk waits for those before it.
            if self.wire.try_reserve(1).is_err() && !self.wire.is_empty() {
                break;
            }
            match slot.chunks.pop_front() {
                Some(chunk) => {
                    slot.begun = true;
                    committed += chunk.rest().len();
                    self.wire.push_back(chunk);
                }
                None if slot.encoded => {
                    self.slots.pop_front();
                    self.first_ticket += 1;
                }
                None => break,
            }
        }
        std::mem::take(&mut self.wire)
    }

    /// Returns the chunks to the queue, of which `taken` bytes were written. Returns whether the close frame was.
    pub(super) fn put_back(&mut self, mut wire: Wire, mut taken: usize) -> bool {
        let mut closed = false;
        while let Some(chunk) = wire.front_mut() {
            let rest = chunk.rest().len();
            if taken < rest {
                chunk.written += taken;
                break;
            }
            taken -= rest;
            self.buffered = self.buffered.saturating_sub(chunk.charge);
            closed |= chunk.closes;
            wire.pop_front();
        }
        self.wire = wire;
        closed
    }

    /// Returns whether nothing is queued.
    pub(super) fn is_empty(&self) -> bool {
        self.wire.is_empty()
            && self.control.bytes.is_empty()
            && self.late_pong.is_none()
            && self.slots.is_empty()
    }
}

/// Fills `storage` with the first chunks, for one system call; returns their number.
pub(super) fn slices<'a>(wire: &'a Wire, storage: &mut [IoSlice<'a>; SLICES]) -> usize {
    let mut n = 0;
    for chunk in wire.iter().take(SLICES) {
        storage[n] = IoSlice::new(chunk.rest());
        n += 1;
    }
    n
}

#[cfg(test)]
mod tests;
