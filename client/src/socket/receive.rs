//! Receiving: one turn reads what is there, decodes it, and hands all its messages to the mailbox as batches
//! that share the read buffer. Buffers belong to the thread that turns, not to the socket: an idle socket
//! has none.

use super::Socket;
use crate::dispatch::Mailbox;
use crate::error::{Error, ErrorCode};
use crate::event::DataType;
use crate::event::{Batch, Item, ItemKind};
use crate::json::Json;
use crate::transport::{Received, Transport};
use std::cell::Cell;
use std::io;
use std::sync::Arc;
use ws4d_protocol::receive::{Data, Failure, Incoming as Decoded, Limits, Receiver};

/// One turn reads at most so much; then the next socket has its turn.
const TURN: usize = 256 * 1024;

/// What the `incoming` lock guards.
pub(super) struct Incoming {
    receiver: Receiver,
    /// Read, but not decoded, because the receive buffer was full.
    backlog: Vec<u8>,
}

impl Incoming {
    pub(super) fn new(max_message_size: u64) -> Incoming {
        Incoming { receiver: Receiver::new(Limits { max_message_size }), backlog: Vec::new() }
    }
}

/// What a turn found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// There may be more.
    More,
    /// The network has nothing for now.
    Drained,
    /// The receive buffer is full.
    Full,
    /// The connection is over.
    Over,
}

/// What one input was decoded into, in order.
#[derive(Default)]
struct Harvest {
    /// Messages in the read buffer, and batches of their own between them.
    pieces: Vec<Piece>,
    items: Vec<Item>,
    charge: usize,
    answers: bool,
    failure: Option<(u16, Error)>,
}

enum Piece {
    /// Items up to this index lie in the read buffer.
    Shared(usize),
    Own(Batch),
}

thread_local! {
    /// The read buffer, shared with batches that are still being delivered on this thread.
    static BUFFER: Cell<Option<Arc<Vec<u8>>>> = const { Cell::new(None) };
}

/// This thread's read buffer, empty; a new one if a batch has kept the last.
fn take_buffer() -> Result<Vec<u8>, ErrorCode> {
    if let Some(Ok(mut buffer)) = BUFFER.take().map(Arc::try_unwrap) {
        buffer.clear();
        return Ok(buffer);
    }
    let mut buffer = Vec::new();
    // One byte more, for the NUL behind a text that ends with the buffer.
    buffer.try_reserve_exact(TURN + 1).map_err(|_| ErrorCode::OutOfMemory)?;
    Ok(buffer)
}

fn out_of_memory() -> (u16, Error) {
    (1011, Error::new(ErrorCode::OutOfMemory, "ws  ", "There is no memory for what the server sent"))
}

impl Socket {
    /// Reads and decodes once. The I/O task calls it when the socket is readable or has a backlog.
    pub(super) fn turn_read(self: &Arc<Self>) -> Turn {
        let mut incoming = self.incoming.lock();
        let Some(transport) = self.outgoing.lock().transport.clone() else { return Turn::Over };
        let Some(key) = self.key.get().copied() else { return Turn::Over };
        // Without a mailbox (its dispatcher is closed) the server's close frame is still looked for.
        let (room, _) = self
            .dispatcher
            .update(key, |mailbox| if mailbox.stop_reading_if_full() { 0 } else { mailbox.room() });
        let room = room.unwrap_or(usize::MAX);
        if room == 0 {
            return Turn::Full;
        }
        let mut harvest = Harvest::default();
        let (buffer, received) = if incoming.backlog.is_empty() {
            match self.read(&mut incoming, &transport) {
                Ok(read) => read,
                Err(failure) => {
                    drop(incoming);
                    self.give_up(failure.0, failure.1);
                    return Turn::More;
                }
            }
        } else {
            (
                std::mem::take(&mut incoming.backlog),
                Ok(Received::Data { direct: 0, buffered: 0, drained: false }),
            )
        };
        let mut buffer = buffer;
        self.decode(&mut incoming, &mut buffer, room, &mut harvest);
        let batches = self.batches(buffer, &mut harvest);
        let signal = (!batches.is_empty() && self.handler.receives()).then(|| {
            self.dispatcher.update(key, |mailbox| batches.into_iter().for_each(|batch| mailbox.push(batch))).1
        });
        drop(incoming);
        // From here on no lock is held.
        if let Some(signal) = signal {
            signal.send(&self.dispatcher);
        }
        if harvest.answers {
            self.flush();
        }
        if let Some((close_code, error)) = harvest.failure {
            self.give_up(close_code, error);
        }
        match received {
            Ok(Received::Data { drained: true, .. } | Received::Nothing) => Turn::Drained,
            Ok(Received::Data { .. }) => Turn::More,
            Ok(Received::End) => {
                self.stream_ended(None);
                Turn::Over
            }
            Err(error) => {
                self.stream_ended(Some(self.read_error(&error)));
                Turn::Over
            }
        }
    }

    /// Whether the last turn has left something to decode.
    pub(super) fn has_backlog(&self) -> bool {
        !self.incoming.lock().backlog.is_empty()
    }

    /// What came behind the server's answer to the upgrade.
    pub(super) fn set_backlog(&self, bytes: Vec<u8>) {
        self.incoming.lock().backlog = bytes;
    }

    /// One read: straight into the message that is being received, where that is large, and into the buffer.
    #[allow(clippy::type_complexity)]
    fn read(
        &self,
        incoming: &mut Incoming,
        transport: &Transport,
    ) -> Result<(Vec<u8>, io::Result<Received>), (u16, Error)> {
        let mut buffer = take_buffer().map_err(|_| out_of_memory())?;
        let filled =
            incoming.receiver.fill(|message, room| transport.read(Some((message, room)), &mut buffer));
        let received = match filled {
            Ok(Some(received)) => received,
            Ok(None) => transport.read(None, &mut buffer),
            Err(failure) => return Err(self.describe(failure)),
        };
        Ok((buffer, received))
    }

    /// Decodes the buffer until it is used up or the receive buffer is full; the rest becomes the backlog.
    fn decode(
        self: &Arc<Self>,
        incoming: &mut Incoming,
        buffer: &mut Vec<u8>,
        room: usize,
        harvest: &mut Harvest,
    ) {
        let mut at = 0;
        loop {
            if harvest.charge >= room {
                if at < buffer.len() {
                    incoming.backlog = buffer[at..].to_vec();
                }
                break;
            }
            match incoming.receiver.next(buffer, &mut at) {
                Ok(None) => break,
                Ok(Some(Decoded::Text(data))) => self.message(ItemKind::Text, data, buffer, harvest),
                Ok(Some(Decoded::Binary(data))) => self.message(ItemKind::Blob, data, buffer, harvest),
                Ok(Some(Decoded::Ping(payload))) => {
                    self.outgoing.lock().pong(&payload);
                    harvest.answers = true;
                }
                Ok(Some(Decoded::Pong(payload))) => {
                    if self.outgoing.lock().answers_ping(&payload) {
                        let mut bytes = payload.to_vec();
                        bytes.push(0);
                        harvest.own(Batch::single(ItemKind::Pong, bytes, payload.len()));
                    }
                }
                Ok(Some(Decoded::Close(frame))) => {
                    self.close_received(frame);
                    harvest.answers = true;
                }
                Err(failure) => {
                    harvest.failure = Some(self.describe(failure));
                    break;
                }
            }
            if harvest.failure.is_some() {
                break;
            }
        }
    }

    fn message(&self, kind: ItemKind, data: Data, buffer: &[u8], harvest: &mut Harvest) {
        if kind == ItemKind::Text && self.settings.strict_json && self.settings.data_type == DataType::Object
        {
            return self.strict_message(&data, buffer, harvest);
        }
        match data {
            Data::Range(range) => harvest.shared(Item { kind, start: range.start, len: range.len() }),
            Data::Assembled(mut bytes) => {
                let len = bytes.len();
                // The receiver has left room for it.
                bytes.push(0);
                harvest.own(Batch::single(kind, bytes, len));
            }
        }
    }

    /// In strict mode the JSON is parsed before delivery, and kept for it.
    fn strict_message(&self, data: &Data, buffer: &[u8], harvest: &mut Harvest) {
        let text = data.bytes(buffer);
        let parsed = std::str::from_utf8(text).ok().map(Json::parse);
        let Some(Ok(json)) = parsed else {
            let error = Error::new(
                ErrorCode::InvalidJson,
                "json",
                format!(
                    "The server of {} sent a text message that is not JSON (strict_json is on)",
                    self.url()
                ),
            );
            harvest.failure = Some((1007, error));
            return;
        };
        let mut bytes = Vec::new();
        if bytes.try_reserve_exact(text.len() + 1).is_err() {
            harvest.failure = Some(out_of_memory());
            return;
        }
        bytes.extend_from_slice(text);
        bytes.push(0);
        let mut batch = Batch::single(ItemKind::Text, bytes, text.len());
        batch.json = Some(Arc::new(json));
        harvest.own(batch);
    }

    /// Turns the harvest into batches. Writes the NULs: nothing behind a text is needed any more.
    fn batches(&self, mut buffer: Vec<u8>, harvest: &mut Harvest) -> Vec<Batch> {
        if harvest.pieces.is_empty() && harvest.items.is_empty() {
            BUFFER.set(Some(Arc::new(buffer)));
            return Vec::new();
        }
        harvest.seal();
        for item in &harvest.items {
            let end = item.start + item.len;
            if item.kind == ItemKind::Text {
                if end == buffer.len() {
                    buffer.push(0);
                } else {
                    buffer[end] = 0;
                }
            }
        }
        let keep = self.dispatcher.is_private();
        let buffer = Arc::new(buffer);
        let mut batches = Vec::with_capacity(harvest.pieces.len());
        let mut from = 0;
        for piece in harvest.pieces.drain(..) {
            match piece {
                Piece::Own(batch) => batches.push(batch),
                Piece::Shared(to) => {
                    let items = if from == 0 && to == harvest.items.len() {
                        std::mem::take(&mut harvest.items)
                    } else {
                        harvest.items[from..to].to_vec()
                    };
                    from = to;
                    let mut batch = Batch::shared(Arc::clone(&buffer), items);
                    // On the I/O thread callbacks get slices of the read buffer itself.
                    if !keep && batch.compact().is_err() {
                        harvest.failure = Some(out_of_memory());
                        break;
                    }
                    batches.push(batch);
                }
            }
        }
        BUFFER.set(Some(buffer));
        batches
    }

    fn describe(&self, failure: Failure) -> (u16, Error) {
        let (code, cure) = match failure {
            Failure::Protocol(_) | Failure::InvalidText(_) => (ErrorCode::Protocol, ""),
            Failure::TooLarge { .. } => (ErrorCode::TooLarge, " (ws_options_set_max_message_size)"),
            Failure::OutOfMemory { .. } => (ErrorCode::OutOfMemory, ""),
        };
        let message = format!("The server of {} broke the protocol: {failure}{cure}", self.url());
        (failure.close_code(), Error::new(code, "ws  ", message))
    }

    fn read_error(&self, error: &io::Error) -> Error {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match tls {
            Some(tls) => Error::new(ErrorCode::Tls, "tls ", format!("TLS with {} broke: {tls}", self.url())),
            None => {
                let what = format!("The connection to {} was lost", self.url());
                let lost = Error::from_io("tcp ", &what, error);
                // Whatever the system calls it, the connection is gone.
                if lost.code() == ErrorCode::Internal {
                    return Error::new(ErrorCode::ConnectionReset, "tcp ", format!("{what}: {error}"))
                        .with_os_code(error.raw_os_error().unwrap_or(0));
                }
                lost
            }
        }
    }

    /// Whether the mailbox has room; remembers if it had not.
    pub(super) fn may_read(&self) -> bool {
        let Some(key) = self.key.get().copied() else { return false };
        !self.dispatcher.update(key, Mailbox::stop_reading_if_full).0.unwrap_or(false)
    }
}

impl Harvest {
    fn shared(&mut self, item: Item) {
        self.charge += item.charge();
        self.items.push(item);
    }

    fn own(&mut self, batch: Batch) {
        self.charge += batch.charge();
        self.seal();
        self.pieces.push(Piece::Own(batch));
    }

    fn seal(&mut self) {
        let sealed = self.pieces.iter().rev().find_map(|piece| match piece {
            Piece::Shared(to) => Some(*to),
            Piece::Own(_) => None,
        });
        if sealed.unwrap_or(0) < self.items.len() {
            self.pieces.push(Piece::Shared(self.items.len()));
        }
    }
}
