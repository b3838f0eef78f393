//! One event as a callback sees it. It borrows nothing: it shares the buffer of the batch from which it comes, or has its
//! data to itself, so that it can be kept.

mod batch;
mod origin;

pub(crate) use batch::{Batch, Item, ItemKind, Items, MESSAGE_OVERHEAD, Message};
pub(crate) use origin::{Origin, Origins};

use crate::buffer::Buffer;
use crate::error::{Error, ErrorCode};
use crate::json::{self, Json, JsonError};
use crate::utf16;
use std::any::Any;
use std::sync::{Arc, OnceLock};

/// Kind of an event.
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "4D's words, and drain, part, ping and pong")]
pub enum EventKind {
    None = 0,
    Open = 1,
    Message = 2,
    Error = 3,
    Terminate = 4,
    Drain = 5,
    Pong = 6,
    Part = 7,
    Ping = 8,
}

/// Type in which text frames arrive (4D's `dataType`).
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "4D's words")]
pub enum DataType {
    Text = 0,
    Blob = 1,
    Object = 2,
}

/// The end of a connection, as passed to `on_terminate`.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// The code of the close frame received; 1005 if it held none, 1006 if none was received.
    pub code: u16,
    /// The reason in the server's close frame; empty if none.
    pub reason: String,
    /// A close frame was both sent and received.
    pub was_clean: bool,
    /// When the close frame came, in microseconds since 1970; 0 if none was received.
    pub time_us: i64,
}

impl Ending {
    /// The end of a connection that received no close frame (RFC 6455 §7.1.5).
    pub(crate) fn abnormal() -> Ending {
        Ending { code: 1006, reason: String::new(), was_clean: false, time_us: 0 }
    }
}

/// One event: valid while its callback runs, or, from [`Event::retain`] or a pull, as long as its box.
/// Any thread may read it.
pub struct Event {
    kind: EventKind,
    received: ItemKind,
    mode: DataType,
    place: Storage,
    start: usize,
    len: usize,
    origin: Origin,
    lazy: OnceLock<Box<Lazy>>,
    /// Data of the kinds of events other than messages.
    rare: Option<Box<Rare>>,
}

/// Where the data are.
enum Storage {
    Nowhere,
    /// In a buffer that other events share.
    Shared(Arc<Buffer>),
    /// In a buffer of its own, with a NUL behind them.
    Own(Box<[u8]>),
}

#[derive(Default)]
struct Rare {
    ending: Option<Ending>,
    error: Option<Arc<Error>>,
    /// Dropped with the event: tells the dispatcher that a pulled TERMINATE was freed.
    guard: Option<Box<dyn Any + Send + Sync>>,
}

/// Values that are made on the first request.
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
            place: Storage::Nowhere,
            start: 0,
            len: 0,
            origin: Origin::default(),
            lazy: OnceLock::new(),
            rare: None,
        }
    }

    /// Makes the event of an open connection, whose answer to the upgrade came at this time.
    pub(crate) fn opened(time_us: i64) -> Event {
        Event { origin: Origin { time_us, offset: 0 }, ..Event::plain(EventKind::Open) }
    }

    pub(crate) fn failed(error: Arc<Error>) -> Event {
        let rare = Rare { error: Some(error), ..Rare::default() };
        Event { rare: Some(Box::new(rare)), ..Event::plain(EventKind::Error) }
    }

    pub(crate) fn terminated(ending: Ending) -> Event {
        let mut bytes = ending.reason.clone().into_bytes();
        let len = bytes.len();
        bytes.push(0);
        let origin = Origin { time_us: ending.time_us, offset: 0 };
        let rare = Rare { ending: Some(ending), ..Rare::default() };
        Event {
            place: Storage::Own(bytes.into_boxed_slice()),
            len,
            origin,
            rare: Some(Box::new(rare)),
            ..Event::plain(EventKind::Terminate)
        }
    }

    /// Makes the event of a pulled message.
    pub(crate) fn of_message(message: Message, mode: DataType) -> Event {
        let (place, origin) = (message.place, message.origin);
        let mut event = Event { mode, place, origin, ..Event::plain(EventKind::None) };
        event.show(message.item);
        event
    }

    /// Makes an event that stands for one message of a batch after the other.
    pub(crate) fn of_batch(batch: &Batch, mode: DataType) -> Event {
        let place = Storage::Shared(Arc::clone(&batch.bytes));
        Event { mode, place, origin: batch.origin(batch.next), ..Event::plain(EventKind::None) }
    }

    /// Makes this event stand for `item` of its batch.
    #[inline]
    pub(crate) fn show(&mut self, item: Item) {
        self.kind = item.event_kind();
        self.received = item.kind;
        self.start = item.start;
        self.len = item.len;
    }

    /// Makes this event's origin that of the item that it stands for.
    pub(crate) fn show_origin(&mut self, origin: Origin) {
        self.origin = origin;
    }

    /// Drops the values made for the message before.
    #[inline]
    pub(crate) fn forget_lazy(&mut self) {
        if self.lazy.get().is_some() {
            self.lazy = OnceLock::new();
        }
    }

    /// Attaches something to be dropped with the event.
    pub(crate) fn with_guard(mut self, guard: Box<dyn Any + Send + Sync>) -> Event {
        self.rare.get_or_insert_default().guard = Some(guard);
        self
    }

    /// Returns whether more happens when the event is dropped than that its memory is freed.
    pub fn has_guard(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.guard.is_some())
    }

    /// Returns the kind of the event.
    pub fn kind(&self) -> EventKind {
        self.kind
    }

    fn bytes(&self) -> &[u8] {
        match &self.place {
            Storage::Nowhere => &NOTHING[..0],
            Storage::Shared(bytes) => &bytes[self.start..self.start + self.len],
            Storage::Own(bytes) => &bytes[self.start..self.start + self.len],
        }
    }

    fn is_text(&self) -> bool {
        match self.kind {
            EventKind::Message | EventKind::Part => self.received.wants_nul() && self.mode != DataType::Blob,
            EventKind::Terminate => true,
            _ => false,
        }
    }

    /// Type of the message, in the terms of the socket's `dataType`. In object mode the first call parses the JSON.
    pub fn data_type(&self) -> DataType {
        if self.kind != EventKind::Message {
            return self.received_type();
        }
        match (self.received, self.mode) {
            (ItemKind::Text, DataType::Text) => DataType::Text,
            (ItemKind::Text, DataType::Object) if self.is_json() => DataType::Object,
            (ItemKind::Text, DataType::Object) => DataType::Text,
            _ => DataType::Blob,
        }
    }

    /// The payload of a message, a part, a ping or a pong; the reason of a TERMINATE. A NUL follows text, pings, pongs and reasons in
    /// memory. `None` for the other kinds.
    pub fn data(&self) -> Option<&[u8]> {
        match self.kind {
            EventKind::Message
            | EventKind::Part
            | EventKind::Ping
            | EventKind::Pong
            | EventKind::Terminate => Some(self.bytes()),
            _ => None,
        }
    }

    /// Text as UTF-16, followed by a 0 in memory; converted at the first call. `None` if this is not text.
    pub fn utf16(&self) -> Option<&[u16]> {
        if !self.is_text() {
            return None;
        }
        let lazy = self.lazy.get_or_init(Box::default);
        let units = lazy.utf16.get_or_init(|| utf16::with_zero(self.bytes()));
        units.as_deref().map(|units| &units[..units.len() - 1])
    }

    /// Returns whether the text is JSON, even if there is no memory for its value.
    fn is_json(&self) -> bool {
        match self.parsed() {
            Ok(json) => json.is_some(),
            Err(_) => std::str::from_utf8(self.bytes()).is_ok_and(|text| json::check(text).is_ok()),
        }
    }

    /// The JSON value of a text message in object mode; parsed at the first call. `None` if it is not JSON, or if
    /// there is no memory for it; in the latter case a later call tries again.
    pub fn json(&self) -> Option<&Json> {
        self.parsed().ok()?
    }

    /// The value, if the text is JSON.
    fn parsed(&self) -> Result<Option<&Json>, JsonError> {
        if self.kind != EventKind::Message || self.received != ItemKind::Text || self.mode != DataType::Object
        {
            return Ok(None);
        }
        let lazy = self.lazy.get_or_init(Box::default);
        if lazy.json.get().is_none() {
            let parsed = match std::str::from_utf8(self.bytes()).map(Json::parse) {
                Ok(Ok(json)) => Some(Arc::new(json)),
                Ok(Err(JsonError::OutOfMemory)) => return Err(JsonError::OutOfMemory),
                _ => None,
            };
            // If another thread was faster, its value stays.
            let _ = lazy.json.set(parsed);
        }
        Ok(lazy.json.get().and_then(Option::as_deref))
    }

    /// Number of bytes of the message before this part; 0 for other events.
    pub fn part_offset(&self) -> u64 {
        self.origin.offset
    }

    /// Returns whether this is the last part of its message.
    pub fn part_last(&self) -> bool {
        self.kind == EventKind::Part && !self.received.is_unfinished()
    }

    /// When the read returned that brought its last byte, in microseconds since 1970; 0 for what no read has brought.
    pub fn time_us(&self) -> i64 {
        self.origin.time_us
    }

    /// The error stack of an ERROR.
    pub fn error(&self) -> Option<&Error> {
        self.rare.as_ref()?.error.as_deref()
    }

    /// The close code of a TERMINATE, else 0.
    pub fn code(&self) -> u16 {
        self.ending().map_or(0, |ending| ending.code)
    }

    /// Returns whether a close frame was both sent and received.
    pub fn was_clean(&self) -> bool {
        self.ending().is_some_and(|ending| ending.was_clean)
    }

    fn ending(&self) -> Option<&Ending> {
        self.rare.as_ref()?.ending.as_ref()
    }

    /// Returns an independent event, usable on any thread at any time. Shares the buffer only where it fills at least
    /// half of it, so that a kept byte does not keep a megabyte.
    pub fn retain(&self) -> Result<Box<Event>, ErrorCode> {
        let shared = match &self.place {
            Storage::Shared(bytes) if (self.len + 1) * 2 >= bytes.capacity() => Some(Arc::clone(bytes)),
            _ => None,
        };
        let (place, start) = match (shared, &self.place) {
            (Some(bytes), _) => (Storage::Shared(bytes), self.start),
            (None, Storage::Nowhere) => (Storage::Nowhere, 0),
            (None, _) => (Storage::Own(batch::with_nul(self.bytes())?), 0),
        };
        let rare = self.rare.as_ref().map(|rare| {
            Box::new(Rare { ending: rare.ending.clone(), error: rare.error.clone(), guard: None })
        });
        let kept = Event {
            kind: self.kind,
            received: self.received,
            mode: self.mode,
            place,
            start,
            len: self.len,
            origin: self.origin,
            lazy: OnceLock::new(),
            rare,
        };
        if let Some(json) = self.lazy.get().and_then(|lazy| lazy.json.get()) {
            let _ = kept.lazy.get_or_init(Box::default).json.set(json.clone());
        }
        Ok(Box::new(kept))
    }

    /// Type of the frame that brought it: text or blob. Like [`data_type`](Event::data_type), but without parsing.
    pub fn received_type(&self) -> DataType {
        match self.kind {
            EventKind::Message | EventKind::Part => received_type(self.received, self.mode),
            _ => DataType::Text,
        }
    }
}

fn received_type(received: ItemKind, mode: DataType) -> DataType {
    match (received, mode) {
        (ItemKind::Blob | ItemKind::BlobPart { .. }, _) => DataType::Blob,
        (ItemKind::Text | ItemKind::TextPart { .. }, DataType::Blob) => DataType::Blob,
        (ItemKind::Text | ItemKind::TextPart { .. } | ItemKind::Ping | ItemKind::Pong, _) => DataType::Text,
    }
}
