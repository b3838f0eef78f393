//! The messages of one read, which share a buffer, on their way to the host.

use super::{DataType, EventKind, Origin, Origins, Storage};
use crate::buffer::Buffer;
use crate::error::ErrorCode;
use crate::fork::PerProcess;
use crate::sync::Mutex;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// Type of an item of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ItemKind {
    Text,
    Blob,
    /// A ping of the server's.
    Ping,
    Pong,
    /// Part of a text message.
    TextPart {
        last: bool,
    },
    /// Part of a binary message.
    BlobPart {
        last: bool,
    },
}

impl ItemKind {
    /// Returns whether more of its message follows.
    pub(crate) fn is_unfinished(self) -> bool {
        matches!(self, ItemKind::TextPart { last: false } | ItemKind::BlobPart { last: false })
    }

    /// Returns whether it is delivered even while the socket is paused.
    pub(crate) fn passes_pause(self) -> bool {
        matches!(self, ItemKind::Ping | ItemKind::Pong)
    }

    /// Returns whether a NUL has to follow it.
    pub(crate) fn wants_nul(self) -> bool {
        matches!(self, ItemKind::Text | ItemKind::TextPart { .. })
    }
}

/// One message or pong inside a batch's buffer. The byte behind it exists, and is NUL behind text and pongs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub(crate) kind: ItemKind,
    pub(crate) start: usize,
    pub(crate) len: usize,
}

/// Charge of each queued message on top of its bytes, so that a flood of empty messages is bounded too.
pub(crate) const MESSAGE_OVERHEAD: usize = 64;

impl Item {
    pub(crate) fn event_kind(&self) -> EventKind {
        match self.kind {
            ItemKind::Text | ItemKind::Blob => EventKind::Message,
            ItemKind::TextPart { .. } | ItemKind::BlobPart { .. } => EventKind::Part,
            ItemKind::Ping => EventKind::Ping,
            ItemKind::Pong => EventKind::Pong,
        }
    }

    /// Like [`Event::received_type`](super::Event::received_type), for a socket of this mode.
    pub(crate) fn received_type(&self, mode: DataType) -> DataType {
        super::received_type(self.kind, mode)
    }

    /// Bytes charged to the receive buffer.
    pub(crate) fn charge(&self) -> usize {
        self.len + MESSAGE_OVERHEAD
    }
}

/// Capacities of the lists that are pooled: shorter ones are not worth it, longer ones keep too much memory.
const POOLED_CAPACITIES: std::ops::RangeInclusive<usize> = 256..=16 * 1024;
/// Number of lists that the whole process keeps.
const MAX_POOLED: usize = 8;

static POOL: PerProcess<Mutex<Vec<Vec<Item>>>> = PerProcess::new(|| Mutex::new(Vec::new()));

/// The items of a batch. Long lists are pooled, as read buffers are: allocating their pages for each read costs more
/// than filling them.
#[derive(Default, Debug)]
pub(crate) struct Items(Vec<Item>);

impl Items {
    /// Adds an item; a list that becomes long moves into a pooled one.
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
            // Each list in the pool has room for more.
            long.extend_from_slice(&self.0);
            self.0 = long;
        }
        self.0.try_reserve(1).map_err(|_| ErrorCode::OutOfMemory)
    }

    /// Makes an empty list for so many items.
    fn with_room(count: usize) -> Result<Items, ErrorCode> {
        let mut items = Vec::new();
        items.try_reserve_exact(count).map_err(|_| ErrorCode::OutOfMemory)?;
        Ok(Items(items))
    }

    /// Returns whether the list is one of those that are pooled, which may be much longer than its items need.
    fn is_long(&self) -> bool {
        self.0.capacity() > *POOLED_CAPACITIES.start()
    }

    /// Copies items into a new list.
    pub(crate) fn copied(these: &[Item]) -> Result<Items, ErrorCode> {
        let mut items = Items::with_room(these.len())?;
        items.0.extend_from_slice(these);
        Ok(items)
    }

    /// Frees the pooled lists.
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
        if self.is_long() && POOLED_CAPACITIES.contains(&self.0.capacity()) {
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
    /// Charge of the undelivered items.
    charge: usize,
    origins: Origins,
}

/// Size up to which a batch may take in the next one, so that a trickle of small messages does not become a trickle
/// of small buffers.
const MERGE_UP_TO: usize = 16 * 1024;

impl Batch {
    /// Makes a batch of one message with a buffer of its own. `bytes` holds the message and one byte behind it.
    pub(crate) fn single(kind: ItemKind, bytes: Vec<u8>, len: usize) -> Batch {
        Batch::shared(Arc::new(bytes.into()), Items(vec![Item { kind, start: 0, len }]))
    }

    /// Makes a batch whose buffer may be shared.
    pub(crate) fn shared(bytes: Arc<Buffer>, items: Items) -> Batch {
        let charge = items.iter().map(Item::charge).sum();
        Batch { bytes, items, next: 0, charge, origins: Origins::default() }
    }

    /// Gives the items their origins.
    pub(crate) fn with_origins(mut self, origins: Origins) -> Batch {
        self.origins = origins;
        self
    }

    /// Returns the origin of the item at this index.
    pub(crate) fn origin(&self, index: usize) -> Origin {
        self.origins.of(index)
    }

    /// Returns whether all items have the same origin.
    #[inline]
    pub(crate) fn has_one_origin(&self) -> bool {
        self.origins.is_uniform()
    }

    /// The items not yet delivered.
    pub(crate) fn rest(&self) -> &[Item] {
        &self.items[self.next..]
    }

    /// Returns the charge of the undelivered items.
    pub(crate) fn charge(&self) -> usize {
        self.charge
    }

    /// Removes the charge of delivered items.
    pub(crate) fn delivered(&mut self, charge: usize) {
        self.charge -= charge;
    }

    /// Bytes that the undelivered items need, with the NUL behind each.
    fn needed(&self) -> usize {
        needed(self.rest().len(), self.charge)
    }

    /// Keeps items while less than `room` is charged before them; returns the number of dropped items.
    pub(crate) fn keep_charge(&mut self, room: usize) -> usize {
        let mut charge = 0;
        let kept = self.rest().iter().take_while(|item| {
            let fits = charge < room;
            charge += item.charge();
            fits
        });
        let kept = self.next + kept.count();
        let dropped = self.items[kept..].iter().filter(|item| !item.kind.is_unfinished()).count();
        self.charge -= self.items[kept..].iter().map(Item::charge).sum::<usize>();
        self.items.truncate(kept);
        self.origins.truncate(kept);
        dropped
    }

    /// Moves the undelivered items into a buffer of their own size where they fill less than half of theirs.
    pub(crate) fn compact(&mut self) -> Result<(), ErrorCode> {
        if !is_sparse(self.needed(), &self.bytes) {
            return Ok(());
        }
        let origins = self.origins.copied(self.next..self.items.len())?;
        *self = Batch::copied(&self.bytes, self.rest())?.with_origins(origins);
        Ok(())
    }

    /// Makes a batch of copies of these items, in a buffer of their own size.
    pub(crate) fn copied(from: &[u8], these: &[Item]) -> Result<Batch, ErrorCode> {
        let needed = these.iter().map(|item| item.len + 1).sum();
        let mut bytes = Buffer::with_room(needed)?;
        let mut items = Items::with_room(these.len())?;
        append(&mut bytes, &mut items, from, these);
        Ok(Batch::shared(Arc::new(bytes), items))
    }

    /// Makes a batch of these items, all that `bytes` holds, for a host that keeps them: where they fill less than half
    /// of it, they are copied into a buffer of their own size.
    pub(crate) fn compacted(mut bytes: Buffer, mut items: Items, charge: usize) -> Result<Batch, ErrorCode> {
        let needed = needed(items.len(), charge);
        if is_sparse(needed, &bytes) {
            let mut own = Buffer::with_room(needed)?;
            for item in items.iter_mut() {
                item.start = append_one(&mut own, &bytes, item);
            }
            bytes = own;
            if items.is_long() {
                items = Items::copied(&items)?;
            }
        }
        Ok(Batch { bytes: Arc::new(bytes), items, next: 0, charge, origins: Origins::default() })
    }

    /// Takes the next message out.
    pub(crate) fn take_one(&mut self) -> Result<Option<Message>, ErrorCode> {
        let Some(item) = self.rest().first().copied() else { return Ok(None) };
        let origin = self.origin(self.next);
        let message = if (item.len + 1) * 2 >= self.bytes.capacity() {
            Message::shared(&self.bytes, item, origin)
        } else {
            let place = Storage::Own(with_nul(&self.bytes[item.start..item.start + item.len])?);
            Message { place, item: Item { start: 0, ..item }, origin }
        };
        self.next += 1;
        self.charge -= item.charge();
        Ok(Some(message))
    }

    /// Takes out messages of at most `most_bytes` each, into a block where each has a NUL behind it; `take` is called
    /// with the place of each and returns whether another one is wanted. Ends at the first longer message.
    pub(crate) fn take_into(
        &mut self,
        block: &mut Vec<u8>,
        most_bytes: usize,
        mut take: impl FnMut(Item, Origin) -> bool,
    ) -> Result<(), ErrorCode> {
        while let Some(item) = self.rest().first().copied() {
            if item.len > most_bytes {
                break;
            }
            block.try_reserve(item.len + 1).map_err(|_| ErrorCode::OutOfMemory)?;
            let start = block.len();
            block.extend_from_slice(&self.bytes[item.start..item.start + item.len]);
            block.push(0);
            let origin = self.origin(self.next);
            self.next += 1;
            self.charge -= item.charge();
            if !take(Item { start, ..item }, origin) {
                break;
            }
        }
        Ok(())
    }

    /// Takes in `other`, the next batch, if both are small and this one's buffer is not shared; returns it otherwise.
    pub(crate) fn merge(&mut self, other: Batch) -> Option<Batch> {
        let needed = other.needed();
        if self.bytes.len() + needed > MERGE_UP_TO {
            return Some(other);
        }
        let Some(bytes) = Arc::get_mut(&mut self.bytes) else { return Some(other) };
        if bytes.try_reserve(needed).is_err() || self.items.try_reserve(other.rest().len()).is_err() {
            return Some(other);
        }
        if self.origins.append(self.items.len(), &other.origins, other.next..other.items.len()).is_err() {
            return Some(other);
        }
        append(bytes, &mut self.items, &other.bytes, other.rest());
        self.charge += other.charge;
        None
    }
}

/// One message or pong taken out of its batch, whose data keep no more than twice their size in memory.
pub(crate) struct Message {
    pub(super) place: Storage,
    pub(crate) item: Item,
    pub(crate) origin: Origin,
}

impl Message {
    /// Makes a message whose data lie in a shared buffer.
    pub(crate) fn shared(bytes: &Arc<Buffer>, item: Item, origin: Origin) -> Message {
        Message { place: Storage::Shared(Arc::clone(bytes)), item, origin }
    }
}

/// Bytes that so many items of this charge need, with the NUL behind each.
fn needed(count: usize, charge: usize) -> usize {
    charge - count * (MESSAGE_OVERHEAD - 1)
}

/// Returns whether items that need so many bytes fill less than half of their buffer.
fn is_sparse(needed: usize, bytes: &Buffer) -> bool {
    needed * 2 < bytes.capacity()
}

fn append(bytes: &mut Vec<u8>, items: &mut Items, from: &[u8], these: &[Item]) {
    for item in these {
        let start = append_one(bytes, from, item);
        items.push(Item { start, ..*item });
    }
}

/// Appends the bytes of an item, with a NUL behind them; returns where they start.
#[inline]
fn append_one(bytes: &mut Vec<u8>, from: &[u8], item: &Item) -> usize {
    let start = bytes.len();
    bytes.extend_from_slice(&from[item.start..item.start + item.len]);
    bytes.push(0);
    start
}

/// Copies the data exactly, with a NUL behind them.
pub(super) fn with_nul(data: &[u8]) -> Result<Box<[u8]>, ErrorCode> {
    let mut own = Vec::new();
    own.try_reserve_exact(data.len() + 1).map_err(|_| ErrorCode::OutOfMemory)?;
    own.extend_from_slice(data);
    own.push(0);
    Ok(own.into_boxed_slice())
}
