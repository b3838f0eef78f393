//! One event as a callback sees it, and the batch of messages from which most events come. An event borrows
//! nothing: it shares the batch's buffer, so that it can be kept.

use crate::buffer::Buffer;
use crate::error::{Error, ErrorCode};
use crate::json::Json;
use std::any::Any;
use std::sync::{Arc, OnceLock};

/// What happened.
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "4D's words, and drain and pong")]
pub enum EventKind {
    None = 0,
    Open = 1,
    Message = 2,
    Error = 3,
    Terminate = 4,
    Drain = 5,
    Pong = 6,
}

/// How text frames arrive (4D's `dataType`).
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "4D's words")]
pub enum DataType {
    Text = 0,
    Blob = 1,
    Object = 2,
}

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
    /// What it counts in the receive buffer.
    pub(crate) fn charge(&self) -> usize {
        self.len + MESSAGE_OVERHEAD
    }
}

/// Messages that share one buffer, and how many of them are delivered.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) bytes: Arc<Buffer>,
    pub(crate) items: Vec<Item>,
    pub(crate) next: usize,
    /// Of a single message that was parsed before delivery.
    pub(crate) json: Option<Arc<Json>>,
}

/// Up to this size a batch may take in the one behind it, so that a trickle of small messages does not
/// become a trickle of small buffers.
const MERGE_UP_TO: usize = 16 * 1024;

impl Batch {
    /// A batch of one message that owns its buffer. `bytes` has the message in front and one byte behind.
    pub(crate) fn single(kind: ItemKind, bytes: Vec<u8>, len: usize) -> Batch {
        Batch::shared(Arc::new(bytes.into()), vec![Item { kind, start: 0, len }])
    }

    /// A batch whose buffer others may share.
    pub(crate) fn shared(bytes: Arc<Buffer>, items: Vec<Item>) -> Batch {
        Batch { bytes, items, next: 0, json: None }
    }

    /// The items not yet delivered.
    pub(crate) fn rest(&self) -> &[Item] {
        &self.items[self.next..]
    }

    /// What the undelivered items count in the receive buffer.
    pub(crate) fn charge(&self) -> usize {
        self.rest().iter().map(Item::charge).sum()
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
        self.items.truncate(kept);
        dropped
    }

    /// Moves the undelivered items into a buffer of their own size where they fill less than half of theirs.
    pub(crate) fn compact(&mut self) -> Result<(), ErrorCode> {
        let needed: usize = self.rest().iter().map(|item| item.len + 1).sum();
        if needed * 2 >= self.bytes.capacity() {
            return Ok(());
        }
        *self = Batch { json: self.json.take(), ..Batch::copied(&self.bytes, self.rest())? };
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
        Ok(Batch::shared(Arc::new(bytes.into()), items))
    }

    /// Takes in `other`, which comes right behind, where both are small and this one's buffer is not shared;
    /// gives it back otherwise.
    pub(crate) fn merge(&mut self, other: Batch) -> Option<Batch> {
        let needed: usize = other.rest().iter().map(|item| item.len + 1).sum();
        if self.bytes.len() + needed > MERGE_UP_TO || self.json.is_some() || other.json.is_some() {
            return Some(other);
        }
        let Some(bytes) = Arc::get_mut(&mut self.bytes) else { return Some(other) };
        if bytes.try_reserve(needed).is_err() || self.items.try_reserve(other.rest().len()).is_err() {
            return Some(other);
        }
        append(bytes, &mut self.items, &other.bytes, other.rest());
        None
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

/// How a connection ended, as `on_terminate` tells it.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// The code of the close frame received; 1005 if it held none, 1006 if none was received.
    pub code: u16,
    /// The server's text; empty if none.
    pub reason: String,
    /// A close frame was both sent and received.
    pub was_clean: bool,
}

impl Ending {
    /// The end of a connection that received no close frame (RFC 6455 §7.1.5).
    pub(crate) fn abnormal() -> Ending {
        Ending { code: 1006, reason: String::new(), was_clean: false }
    }
}

/// One event: valid while its callback runs, or, from [`Event::retain`] or a pull, as long as its box.
/// Any thread may read it.
pub struct Event {
    kind: EventKind,
    received: ItemKind,
    mode: DataType,
    /// `None`: an event without data.
    bytes: Option<Arc<Buffer>>,
    start: usize,
    len: usize,
    lazy: OnceLock<Box<Lazy>>,
    ending: Option<Box<Ending>>,
    error: Option<Arc<Error>>,
    /// Dropped with the event: tells the dispatcher that a pulled TERMINATE was freed.
    _guard: Option<Box<dyn Any + Send + Sync>>,
}

/// What is made only when it is asked for.
#[derive(Default)]
struct Lazy {
    utf16: OnceLock<Option<Vec<u16>>>,
    json: OnceLock<Option<Arc<Json>>>,
}

static NOTHING: &[u8] = &[0];

impl Event {
    /// An event without data.
    pub(crate) fn plain(kind: EventKind) -> Event {
        Event {
            kind,
            received: ItemKind::Text,
            mode: DataType::Text,
            bytes: None,
            start: 0,
            len: 0,
            lazy: OnceLock::new(),
            ending: None,
            error: None,
            _guard: None,
        }
    }

    pub(crate) fn failed(error: Arc<Error>) -> Event {
        Event { error: Some(error), ..Event::plain(EventKind::Error) }
    }

    pub(crate) fn terminated(ending: Ending) -> Event {
        let mut bytes = ending.reason.clone().into_bytes();
        let len = bytes.len();
        bytes.push(0);
        Event {
            bytes: Some(Arc::new(bytes.into())),
            len,
            ending: Some(Box::new(ending)),
            ..Event::plain(EventKind::Terminate)
        }
    }

    /// An event that will stand for each message of a batch in turn.
    pub(crate) fn of_batch(batch: &Batch, mode: DataType) -> Event {
        let event = Event { mode, bytes: Some(Arc::clone(&batch.bytes)), ..Event::plain(EventKind::None) };
        if let Some(json) = &batch.json {
            let _ = event.lazy.get_or_init(Box::default).json.set(Some(Arc::clone(json)));
        }
        event
    }

    /// Makes this event stand for `item` of its batch.
    #[inline]
    pub(crate) fn show(&mut self, item: Item) {
        self.kind = if item.kind == ItemKind::Pong { EventKind::Pong } else { EventKind::Message };
        self.received = item.kind;
        self.start = item.start;
        self.len = item.len;
    }

    /// Forgets what was made for the message before. Not for the first of a batch, whose JSON may be there.
    #[inline]
    pub(crate) fn forget_lazy(&mut self) {
        if self.lazy.get().is_some() {
            self.lazy = OnceLock::new();
        }
    }

    /// Attaches something to be dropped with the event.
    pub(crate) fn with_guard(mut self, guard: Box<dyn Any + Send + Sync>) -> Event {
        self._guard = Some(guard);
        self
    }

    /// What happened.
    pub fn kind(&self) -> EventKind {
        self.kind
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.as_ref().map_or(&NOTHING[..0], |bytes| &bytes[self.start..self.start + self.len])
    }

    fn is_text(&self) -> bool {
        match self.kind {
            EventKind::Message => self.received == ItemKind::Text && self.mode != DataType::Blob,
            EventKind::Terminate => true,
            _ => false,
        }
    }

    /// What arrived, in the terms of the socket's `dataType`. In object mode the first call parses the JSON.
    pub fn data_type(&self) -> DataType {
        if self.kind != EventKind::Message {
            return DataType::Text;
        }
        match (self.received, self.mode) {
            (ItemKind::Text, DataType::Text) => DataType::Text,
            (ItemKind::Text, DataType::Object) if self.json().is_some() => DataType::Object,
            (ItemKind::Text, DataType::Object) => DataType::Text,
            _ => DataType::Blob,
        }
    }

    /// The payload of a message or a pong; the reason of a TERMINATE. A NUL follows text, pongs and reasons in
    /// memory. `None` for the other kinds.
    pub fn data(&self) -> Option<&[u8]> {
        match self.kind {
            EventKind::Message | EventKind::Pong | EventKind::Terminate => Some(self.bytes()),
            _ => None,
        }
    }

    /// Text as UTF-16, a 0 behind it in memory; converted at the first call. `None` if this is not text.
    pub fn utf16(&self) -> Option<&[u16]> {
        if !self.is_text() {
            return None;
        }
        let lazy = self.lazy.get_or_init(Box::default);
        let units = lazy.utf16.get_or_init(|| {
            let text = std::str::from_utf8(self.bytes()).ok()?;
            let mut units = Vec::new();
            units.try_reserve_exact(text.encode_utf16().count() + 1).ok()?;
            units.extend(text.encode_utf16());
            units.push(0);
            Some(units)
        });
        units.as_deref().map(|units| &units[..units.len() - 1])
    }

    /// The value of a text message in object mode; parsed at the first call. `None` if it is not JSON.
    pub fn json(&self) -> Option<&Json> {
        if self.kind != EventKind::Message || self.received != ItemKind::Text || self.mode != DataType::Object
        {
            return None;
        }
        let lazy = self.lazy.get_or_init(Box::default);
        let parsed = lazy.json.get_or_init(|| {
            let text = std::str::from_utf8(self.bytes()).ok()?;
            Json::parse(text).ok().map(Arc::new)
        });
        parsed.as_deref()
    }

    /// The error stack of an ERROR.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_deref()
    }

    /// The close code of a TERMINATE, else 0.
    pub fn code(&self) -> u16 {
        self.ending.as_ref().map_or(0, |ending| ending.code)
    }

    /// Whether a close frame was both sent and received.
    pub fn was_clean(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| ending.was_clean)
    }

    /// An independent event: any thread, any time. Shares the buffer only where it fills at least half of it,
    /// so that a kept byte does not keep a megabyte.
    pub fn retain(&self) -> Result<Box<Event>, ErrorCode> {
        let mut kept = Event {
            kind: self.kind,
            received: self.received,
            mode: self.mode,
            bytes: self.bytes.clone(),
            start: self.start,
            len: self.len,
            lazy: OnceLock::new(),
            ending: self.ending.clone(),
            error: self.error.clone(),
            _guard: None,
        };
        kept.own_bytes()?;
        if let Some(json) = self.lazy.get().and_then(|lazy| lazy.json.get()) {
            let _ = kept.lazy.get_or_init(Box::default).json.set(json.clone());
        }
        Ok(Box::new(kept))
    }

    /// Leaves a buffer of which this event is the lesser part.
    pub(crate) fn own_bytes(&mut self) -> Result<(), ErrorCode> {
        if self.bytes.as_ref().is_none_or(|bytes| (self.len + 1) * 2 >= bytes.capacity()) {
            return Ok(());
        }
        let mut own = Vec::new();
        own.try_reserve_exact(self.len + 1).map_err(|_| ErrorCode::OutOfMemory)?;
        own.extend_from_slice(self.bytes());
        own.push(0);
        self.bytes = Some(Arc::new(own.into()));
        self.start = 0;
        Ok(())
    }
}
