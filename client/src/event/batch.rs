//! The messages of one read, which share a buffer, on their way to the host.

use super::{DataType, EventKind, Place};
use crate::buffer::Buffer;
use crate::error::ErrorCode;
use crate::fork::PerProcess;
use crate::sync::Mutex;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// What an item of a batch is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ItemKind {
    Text,
    Blob,
    Pong,
}

/// One message or pong inside a batch's buffer. The byte behind it exists, and is NUL behind text and pongs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub(crate) kind: ItemKind,
    pub(crate) start: usize,
    pub(crate) len: usize,
}

/// What each queued message is charged beside its bytes, so that a flood of empty ones is bounded too.
pub(crate) const MESSAGE_OVERHEAD: usize = 64;

impl Item {
    pub(crate) fn event_kind(&self) -> EventKind {
        if self.kind == ItemKind::Pong { EventKind::Pong } else { EventKind::Message }
    }

    /// As [`Event::received_type`](super::Event::received_type), for a socket of this mode.
    pub(crate) fn received_type(&self, mode: DataType) -> DataType {
        super::received_type(self.kind, mode)
    }

    /// What it counts in the receive buffer.
    pub(crate) fn charge(&self) -> usize {
        self.len + MESSAGE_OVERHEAD
    }
}

/// So many items are worth a place in the pool, and so many are too many for it.
const POOLED_CAPACITIES: std::ops::RangeInclusive<usize> = 256..=16 * 1024;
/// So many lists are kept, by the whole process.
const MAX_POOLED: usize = 8;

static POOL: PerProcess<Mutex<Vec<Vec<Item>>>> = PerProcess::new(|| Mutex::new(Vec::new()));

/// The items of a batch. A long list is lent, as read buffers are: to ask the system for its pages at each turn costs more
/// than to fill it.
#[derive(Default, Debug)]
pub(crate) struct Items(Vec<Item>);

impl Items {
    /// Adds an item; a list that becomes long moves to one that was long before.
    #[inline]
    pub(crate) fn add(&mut self, item: Item) -> Result<(), ErrorCode> {
        if self.0.len() == self.0.capacity() {
            self.grow()?;
        }
        self.0.push(item);
        Ok(())
    }

    #[cold]
    fn grow(&mut self) -> Result<(), ErrorCode> {
        if self.0.len() == *POOLED_CAPACITIES.start()
            && let Some(mut long) = POOL.get().lock().pop()
        {
            // Each in the pool has room for more.
            long.extend_from_slice(&self.0);
            self.0 = long;
        }
        self.0.try_reserve(1).map_err(|_| ErrorCode::OutOfMemory)
    }

    /// A list of its own.
    pub(crate) fn copied(these: &[Item]) -> Result<Items, ErrorCode> {
        let mut items = Vec::new();
        items.try_reserve_exact(these.len()).map_err(|_| ErrorCode::OutOfMemory)?;
        items.extend_from_slice(these);
        Ok(Items(items))
    }

    /// Gives the memory of the lists that wait back to the system.
    #[cfg(not(ws4d_loom))]
    pub(crate) fn free_pool() {
        POOL.get().lock().clear();
    }
}

impl From<Vec<Item>> for Items {
    fn from(items: Vec<Item>) -> Items {
        Items(items)
    }
}

impl Deref for Items {
    type Target = Vec<Item>;

    #[inline]
    fn deref(&self) -> &Vec<Item> {
        &self.0
    }
}

impl DerefMut for Items {
    #[inline]
    fn deref_mut(&mut self) -> &mut Vec<Item> {
        &mut self.0
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        if self.0.capacity() > *POOLED_CAPACITIES.start() && POOLED_CAPACITIES.contains(&self.0.capacity()) {
            let mut items = std::mem::take(&mut self.0);
            let mut pool = POOL.get().lock();
            if pool.len() < MAX_POOLED {
                items.clear();
                pool.push(items);
            }
        }
    }
}

/// Messages that share one buffer, and how many of them are delivered.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) bytes: Arc<Buffer>,
    pub(crate) items: Items,
    pub(crate) next: usize,
    /// What the undelivered items count in the receive buffer.
    charge: usize,
}

/// Up to this size a batch may take in the one behind it, so that a trickle of small messages does not
/// become a trickle of small buffers.
const MERGE_UP_TO: usize = 16 * 1024;

impl Batch {
    /// A batch of one message that owns its buffer. `bytes` has the message in front and one byte behind.
    pub(crate) fn single(kind: ItemKind, bytes: Vec<u8>, len: usize) -> Batch {
        Batch::shared(Arc::new(bytes.into()), vec![Item { kind, start: 0, len }].into())
    }

    /// A batch whose buffer others may share.
    pub(crate) fn shared(bytes: Arc<Buffer>, items: Items) -> Batch {
        let charge = items.iter().map(Item::charge).sum();
        Batch { bytes, items, next: 0, charge }
    }

    /// The items not yet delivered.
    pub(crate) fn rest(&self) -> &[Item] {
        &self.items[self.next..]
    }

    /// What the undelivered items count in the receive buffer.
    pub(crate) fn charge(&self) -> usize {
        self.charge
    }

    /// Items that count so much were delivered.
    pub(crate) fn delivered(&mut self, charge: usize) {
        self.charge -= charge;
    }

    /// What the undelivered items need, with the NUL behind each.
    fn needed(&self) -> usize {
        self.charge - self.rest().len() * (MESSAGE_OVERHEAD - 1)
    }

    /// Keeps items while less than `room` is charged before them; says how many were dropped.
    pub(crate) fn keep_charge(&mut self, room: usize) -> usize {
        let mut charge = 0;
        let kept = self.rest().iter().take_while(|item| {
            let fits = charge < room;
            charge += item.charge();
            fits
        });
        let kept = self.next + kept.count();
        let dropped = self.items.len() - kept;
        self.charge -= self.items[kept..].iter().map(Item::charge).sum::<usize>();
        self.items.truncate(kept);
        dropped
    }

    /// Moves the undelivered items into a buffer of their own size where they fill less than half of theirs.
    pub(crate) fn compact(&mut self) -> Result<(), ErrorCode> {
        if self.needed() * 2 >= self.bytes.capacity() {
            return Ok(());
        }
        *self = Batch::copied(&self.bytes, self.rest())?;
        Ok(())
    }

    /// A batch that has these items of a buffer in one of their own size.
    pub(crate) fn copied(from: &[u8], these: &[Item]) -> Result<Batch, ErrorCode> {
        let needed = these.iter().map(|item| item.len + 1).sum();
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(needed).map_err(|_| ErrorCode::OutOfMemory)?;
        let mut items = Vec::new();
        items.try_reserve_exact(these.len()).map_err(|_| ErrorCode::OutOfMemory)?;
        append(&mut bytes, &mut items, from, these);
        Ok(Batch::shared(Arc::new(bytes.into()), items.into()))
    }

    /// Takes the next message out.
    pub(crate) fn take_one(&mut self) -> Result<Option<Message>, ErrorCode> {
        let Some(item) = self.rest().first().copied() else { return Ok(None) };
        let message = if (item.len + 1) * 2 >= self.bytes.capacity() {
            Message::shared(&self.bytes, item)
        } else {
            let place = Place::Own(with_nul(&self.bytes[item.start..item.start + item.len])?);
            Message { place, item: Item { start: 0, ..item } }
        };
        self.next += 1;
        self.charge -= item.charge();
        Ok(Some(message))
    }

    /// Takes messages out that are at most `most_bytes` long each, into a block where each has a NUL behind it; `take`
    /// is told where, and says whether another one is wanted. Ends at the first that is longer.
    pub(crate) fn take_into(
        &mut self,
        block: &mut Vec<u8>,
        most_bytes: usize,
        mut take: impl FnMut(Item) -> bool,
    ) -> Result<(), ErrorCode> {
        while let Some(item) = self.rest().first().copied() {
            if item.len > most_bytes {
                break;
            }
            block.try_reserve(item.len + 1).map_err(|_| ErrorCode::OutOfMemory)?;
            let start = block.len();
            block.extend_from_slice(&self.bytes[item.start..item.start + item.len]);
            block.push(0);
            self.next += 1;
            self.charge -= item.charge();
            if !take(Item { start, ..item }) {
                break;
            }
        }
        Ok(())
    }

    /// Takes in `other`, which comes right behind, where both are small and this one's buffer is not shared;
    /// gives it back otherwise.
    pub(crate) fn merge(&mut self, other: Batch) -> Option<Batch> {
        let needed = other.needed();
        if self.bytes.len() + needed > MERGE_UP_TO {
            return Some(other);
        }
        let Some(bytes) = Arc::get_mut(&mut self.bytes) else { return Some(other) };
        if bytes.try_reserve(needed).is_err() || self.items.try_reserve(other.rest().len()).is_err() {
            return Some(other);
        }
        append(bytes, &mut self.items, &other.bytes, other.rest());
        self.charge += other.charge;
        None
    }
}

/// One message or pong that has left its batch, with data that keep no more than twice their size.
pub(crate) struct Message {
    pub(super) place: Place,
    pub(crate) item: Item,
}

impl Message {
    /// One whose data lie in a buffer that others share.
    pub(crate) fn shared(bytes: &Arc<Buffer>, item: Item) -> Message {
        Message { place: Place::Shared(Arc::clone(bytes)), item }
    }
}

fn append(bytes: &mut Vec<u8>, items: &mut Vec<Item>, from: &[u8], these: &[Item]) {
    for item in these {
        let start = bytes.len();
        bytes.extend_from_slice(&from[item.start..item.start + item.len]);
        bytes.push(0);
        items.push(Item { start, ..*item });
    }
}

/// A copy of its own size, with a NUL behind it.
pub(super) fn with_nul(data: &[u8]) -> Result<Box<[u8]>, ErrorCode> {
    let mut own = Vec::new();
    own.try_reserve_exact(data.len() + 1).map_err(|_| ErrorCode::OutOfMemory)?;
    own.extend_from_slice(data);
    own.push(0);
    Ok(own.into_boxed_slice())
}
