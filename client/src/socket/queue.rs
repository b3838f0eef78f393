//! The send queue, in the order of sending. Bytes and bookkeeping only: no I/O, no lock.
//!
//! A message takes its place when it is accepted and may be encoded later: its slot keeps the place, so that a large
//! message is masked outside the lock and the order of the calls is kept. Control frames are sent at the next frame
//! boundary.

use crate::buffer::Buffer;
use crate::random::mask_key;
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
}

impl Slot {
    fn whole(chunk: Chunk) -> Slot {
        Slot { chunks: VecDeque::from([chunk]), encoded: true, begun: false }
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
    ) -> Result<(), OutOfMemory> {
        let chunk = self.tail()?;
        encode(opcode, true, payload, mask_key(), &mut chunk.bytes)?;
        chunk.charge += charge;
        self.buffered += charge;
        Ok(())
    }

    /// The chunk at the end of the queue, which small messages share.
    fn tail(&mut self) -> Result<&mut Chunk, OutOfMemory> {
        let shared = self.slots.back().is_some_and(|slot| {
            slot.encoded
                && slot.chunks.back().is_some_and(|chunk| chunk.bytes.len() < SHARED_CHUNK && !chunk.closes)
        });
        if !shared {
            // Others are about to share it.
            let chunk = Chunk::new(Vec::with_capacity(FIRST_ROOM), 0);
            self.reserve_slot()?;
            self.slots.push_back(Slot::whole(chunk));
        }
        // A slot is there, and an encoded one has a chunk, by the lines above.
        let slots = self.slots.len();
        Ok(self.slots[slots - 1].chunks.back_mut().expect("an encoded slot has a chunk"))
    }

    fn reserve_slot(&mut self) -> Result<(), OutOfMemory> {
        self.slots.try_reserve(1).map_err(|_| OutOfMemory { wanted: size_of::<Slot>() })
    }

    /// Reserves the place of a message that will be encoded outside the lock.
    pub(super) fn reserve(&mut self, charge: usize) -> Result<u64, OutOfMemory> {
        self.reserve_slot()?;
        self.buffered += charge;
        self.slots.push_back(Slot { chunks: VecDeque::new(), encoded: false, begun: false });
        Ok(self.first_ticket + self.slots.len() as u64 - 1)
    }

    /// Returns the slot of a ticket, or `None` if it was dropped meanwhile, because the connection is over.
    fn slot(&mut self, ticket: u64) -> Option<&mut Slot> {
        let at = ticket.checked_sub(self.first_ticket)?;
        self.slots.get_mut(at as usize)
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
        true
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
mod tests {
    use super::*;

    fn text(wire: &Wire) -> String {
        wire.iter().map(|chunk| String::from_utf8_lossy(chunk.rest()).into_owned()).collect()
    }

    fn push(queue: &mut OutQueue, text: &str) {
        let chunk = queue.tail().unwrap();
        chunk.bytes.extend_from_slice(text.as_bytes());
        chunk.charge += 1;
        queue.buffered += 1;
    }

    fn fill(queue: &mut OutQueue, ticket: u64, texts: &[&str]) {
        for (n, text) in texts.iter().enumerate() {
            queue.add(ticket, Chunk::new(text.as_bytes().to_vec(), 1), n + 1 == texts.len()).unwrap();
        }
    }

    #[test]
    fn a_message_that_is_still_encoded_keeps_its_place() {
        let mut queue = OutQueue::default();
        push(&mut queue, "a");
        let large = queue.reserve(2).unwrap();
        push(&mut queue, "z");
        let wire = queue.take_wire(false);
        assert_eq!(text(&wire), "a");
        queue.put_back(wire, 1);
        fill(&mut queue, large, &["L1", "L2"]);
        let wire = queue.take_wire(false);
        assert_eq!(text(&wire), "L1L2z");
        queue.put_back(wire, 5);
        assert_eq!(queue.buffered(), 0);
        assert!(queue.take_wire(false).is_empty() && queue.is_empty());
    }

    #[test]
    fn control_frames_leave_at_the_next_frame_boundary() {
        let mut queue = OutQueue::default();
        let large = queue.reserve(2).unwrap();
        fill(&mut queue, large, &["1111", "2222"]);
        let wire = queue.take_wire(false);
        queue.put_back(wire, 2);
        queue.push_control(b"P", 0).unwrap();
        queue.push_late_pong(b"old".to_vec());
        queue.push_late_pong(b"new".to_vec());
        let wire = queue.take_wire(false);
        assert_eq!(text(&wire), "11Pnew2222");
        queue.put_back(wire, 0);
    }

    #[test]
    fn a_cork_holds_messages_but_no_control_frames() {
        let mut queue = OutQueue::default();
        push(&mut queue, "a");
        queue.push_control(b"P", 0).unwrap();
        let wire = queue.take_wire(true);
        assert_eq!(text(&wire), "P");
        queue.put_back(wire, 1);
        assert_eq!(text(&queue.take_wire(false)), "a");
    }

    #[test]
    fn dropping_finishes_the_frame_that_has_begun() {
        let mut queue = OutQueue::default();
        let large = queue.reserve(3).unwrap();
        fill(&mut queue, large, &["1111", "2222", "3333"]);
        let wire = queue.take_wire(false);
        queue.put_back(wire, 1);
        let stale = queue.reserve(7).unwrap();
        queue.drop_unsent();
        queue.push_close(b"C".to_vec());
        fill(&mut queue, stale, &["late"]);
        let wire = queue.take_wire(false);
        assert_eq!(text(&wire), "111C");
        assert!(queue.put_back(wire, 4));
        assert_eq!(queue.buffered(), 0);
    }

    #[test]
    fn a_message_that_could_not_be_encoded_gives_its_place_up() {
        let mut queue = OutQueue::default();
        let lost = queue.reserve(9).unwrap();
        push(&mut queue, "b");
        queue.add(lost, Chunk::new(b"half".to_vec(), 4), false).unwrap();
        assert!(queue.give_up(lost, 9));
        assert_eq!(queue.buffered(), 1);
        assert_eq!(text(&queue.take_wire(false)), "b");
    }

    #[test]
    fn a_message_leaves_frame_by_frame_and_what_comes_behind_it_waits() {
        let mut queue = OutQueue::default();
        let large = queue.reserve(2).unwrap();
        push(&mut queue, "z");
        queue.add(large, Chunk::new(b"L1".to_vec(), 1), false).unwrap();
        let wire = queue.take_wire(false);
        assert_eq!(text(&wire), "L1");
        queue.put_back(wire, 2);
        assert_eq!(queue.buffered(), 2);
        assert!(!queue.is_empty() && queue.take_wire(false).is_empty());
        queue.push_control(b"P", 0).unwrap();
        queue.add(large, Chunk::new(b"L2".to_vec(), 1), true).unwrap();
        let wire = queue.take_wire(false);
        assert_eq!(text(&wire), "PL2z");
        queue.put_back(wire, 4);
        assert_eq!(queue.buffered(), 0);
    }

    #[test]
    fn a_message_that_has_begun_to_leave_is_not_taken_back() {
        let mut queue = OutQueue::default();
        let large = queue.reserve(2).unwrap();
        queue.add(large, Chunk::new(b"L1".to_vec(), 1), false).unwrap();
        let wire = queue.take_wire(false);
        queue.put_back(wire, 2);
        assert!(!queue.give_up(large, 2));
    }
}
