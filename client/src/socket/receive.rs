//! Receiving: one turn reads what is there, decodes it, and hands all its messages to the mailbox as batches
//! that share the read buffer. Buffers belong to the thread that turns, not to the socket: an idle socket
//! has none.

use super::Socket;
use super::outgoing::ConnectionFailure;
use super::stats;
use crate::buffer::Buffer;
use crate::connect::tls;
use crate::dispatch::Mailbox;
use crate::error::{Component, Error, ErrorCode};
use crate::event::DataType;
use crate::event::{Batch, Item, ItemKind, Items};
use crate::json::Json;
use crate::transport::{Received, Transport, tls_failure};
use std::cell::Cell;
use std::io;
use std::sync::Arc;
use ws4d_protocol::deflate;
use ws4d_protocol::receive::{Data, Failure, Incoming as Decoded, Limits, Receiver, SpareInflater};

/// So many bytes in one read are much.
const LARGE_READ: usize = 64 * 1024;

thread_local! {
    /// Without context takeover one inflater serves all sockets that this thread turns.
    static INFLATER: Cell<Option<SpareInflater>> = const { Cell::new(None) };
}

/// What the `incoming` lock guards.
pub(super) struct Incoming {
    pub(super) receiver: Receiver,
    /// Read, but not decoded from this byte on, because the receive buffer was full.
    backlog: Option<Box<(Buffer, usize)>>,
}

impl Incoming {
    pub(super) fn new(max_message_size: u64) -> Incoming {
        Incoming { receiver: Receiver::new(Limits { max_message_size }), backlog: None }
    }
}

/// What a turn found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ReadOutcome {
    /// There may be more.
    More,
    /// The network had nothing.
    Nothing,
    /// It has nothing more for now.
    Drained,
    /// The receive buffer is full, or what came before a failure is not delivered yet.
    Full,
    /// The connection is over.
    Over,
}

/// What one input was decoded into, in order.
#[derive(Default)]
struct DecodedInput {
    /// Messages in the read buffer, and batches of their own between them.
    pieces: Vec<Piece>,
    items: Items,
    charge: usize,
    messages: u64,
    bytes: u64,
    answers: bool,
    failure: Option<ConnectionFailure>,
}

enum Piece {
    /// Items up to this index lie in the read buffer.
    Shared(usize),
    Own(Batch),
}

fn out_of_memory() -> ConnectionFailure {
    let what = "There is no memory for what the server sent";
    let error = Error::new(ErrorCode::OutOfMemory, Component::WebSocket, what);
    ConnectionFailure { close_code: 1011, reason: "out of memory".to_owned(), error }
}

impl Socket {
    /// Reads and decodes once. The I/O task calls it when the socket is readable or has a backlog.
    pub(super) fn read_ready(self: &Arc<Self>) -> ReadOutcome {
        let mut incoming = self.incoming.lock();
        let transport = {
            let outgoing = self.outgoing.lock();
            if outgoing.failure.is_some() {
                return ReadOutcome::Full;
            }
            outgoing.transport.clone()
        };
        let Some(transport) = transport else { return ReadOutcome::Over };
        let Some(key) = self.key.get().copied() else { return ReadOutcome::Over };
        // Without a mailbox (its dispatcher is closed) the server's close frame is still looked for.
        let room = self
            .dispatcher
            .update_quietly(key, |mailbox| if mailbox.stop_reading_if_full() { 0 } else { mailbox.room() });
        let room = room.unwrap_or(usize::MAX);
        if self.receive_activity.set_reading_paused(room == 0) && self.settings.liveness.has_limits() {
            // The I/O task's timer stands still.
            self.tell_task();
        }
        if room == 0 {
            return ReadOutcome::Full;
        }
        let mut decoded = DecodedInput::default();
        let (mut buffer, from, received) = match incoming.backlog.take() {
            Some(backlog) => {
                let (buffer, at) = *backlog;
                (buffer, at, Ok(Received::Data { direct: 0, buffered: 0, drained: false }))
            }
            None => match self.read(&mut incoming, &transport) {
                Ok((buffer, received)) => (buffer, 0, received),
                Err(failure) => {
                    self.record_failure(failure);
                    drop(incoming);
                    self.fail_when_delivered();
                    return ReadOutcome::More;
                }
            },
        };
        // Where much came, a large message may begin.
        let large = buffer.len() >= LARGE_READ;
        if large && let Some(spare) = Buffer::spare() {
            incoming.receiver.lend(spare.into_vec());
        }
        let inflates = incoming.receiver.wants_inflater();
        if inflates {
            incoming.receiver.lend_inflater(INFLATER.take());
        }
        let end = self.decode(&mut incoming, &buffer, from, room, &mut decoded);
        if inflates {
            INFLATER.set(incoming.receiver.take_back_inflater());
        }
        if large {
            drop(Buffer::from(incoming.receiver.take_back()));
        }
        let complete = end == buffer.len();
        match received {
            Ok(Received::Data { drained, .. }) => self.await_rest(&incoming.receiver, &transport, drained),
            Ok(Received::Nothing) => self.await_rest(&incoming.receiver, &transport, true),
            Ok(Received::End) | Err(_) => {}
        }
        let batches = if complete {
            write_nuls(&mut buffer, &decoded.items);
            let in_place = self.dispatcher.is_private();
            decoded.batches(Arc::new(buffer), in_place)
        } else {
            // What was decoded moves out, because what was not stays.
            let batches = decoded.copied_batches(&buffer);
            incoming.keep(buffer, end);
            batches
        };
        let batches = batches.unwrap_or_else(|_| {
            decoded.failure.get_or_insert_with(out_of_memory);
            Vec::new()
        });
        stats::add(&self.received.messages, decoded.messages);
        stats::add(&self.received.bytes, decoded.bytes);
        let signal = (!batches.is_empty() && self.handler.receives()).then(|| {
            let push = |mailbox: &mut Mailbox| batches.into_iter().map(|batch| mailbox.push(batch)).sum();
            let (discarded, signal) = self.dispatcher.update(key, push);
            stats::add(&self.received.discarded, discarded.unwrap_or(0));
            signal
        });
        let failed = decoded.failure.is_some();
        if let Some(failure) = decoded.failure {
            self.record_failure(failure);
        }
        drop(incoming);
        // From here on no lock is held.
        if let Some(signal) = signal {
            signal.send(&self.dispatcher);
        }
        if decoded.answers {
            self.flush();
        }
        if failed {
            self.fail_when_delivered();
        }
        match received {
            Ok(Received::Data { .. }) if !complete => ReadOutcome::Full,
            Ok(Received::Nothing) => ReadOutcome::Nothing,
            Ok(Received::Data { drained: true, .. }) => ReadOutcome::Drained,
            Ok(Received::Data { .. }) => ReadOutcome::More,
            Ok(Received::End) => {
                self.stream_ended(None);
                ReadOutcome::Over
            }
            Err(error) => {
                self.stream_ended(Some(self.read_error(&error)));
                ReadOutcome::Over
            }
        }
    }

    /// Whether the last turn has left something to decode.
    pub(super) fn has_backlog(&self) -> bool {
        self.incoming.lock().backlog.is_some()
    }

    /// What was agreed, and what came behind the server's answer to the upgrade.
    pub(super) fn begin_receiving(&self, deflate: Option<&deflate::Params>, bytes: Vec<u8>) {
        let mut incoming = self.incoming.lock();
        let max_message_size = self.settings.max_message_size as u64;
        incoming.receiver = Receiver::with_deflate(Limits { max_message_size }, deflate);
        incoming.backlog = (!bytes.is_empty()).then(|| Box::new((bytes.into(), 0)));
    }

    /// One read: straight into the message that is being received, where that is large, and into the buffer.
    #[allow(clippy::type_complexity)]
    fn read(
        &self,
        incoming: &mut Incoming,
        transport: &Transport,
    ) -> Result<(Buffer, io::Result<Received>), ConnectionFailure> {
        let mut buffer = Buffer::for_reading().map_err(|_| out_of_memory())?;
        let before = transport.traffic().received();
        let filled =
            incoming.receiver.fill(|message, room| transport.read(Some((message, room)), &mut buffer));
        let received = match filled {
            Ok(Some(received)) => received,
            Ok(None) => transport.read(None, &mut buffer),
            Err(failure) => return Err(self.describe(failure)),
        };
        self.record_read(transport, before);
        Ok((buffer, received))
    }

    /// Decodes the buffer until it is used up or the receive buffer is full; says how far it came.
    fn decode(
        self: &Arc<Self>,
        incoming: &mut Incoming,
        buffer: &[u8],
        mut at: usize,
        room: usize,
        decoded: &mut DecodedInput,
    ) -> usize {
        while decoded.charge < room && decoded.failure.is_none() {
            match incoming.receiver.next(buffer, &mut at) {
                Ok(None) => break,
                Ok(Some(Decoded::Text(data))) => self.message(ItemKind::Text, data, buffer, decoded),
                Ok(Some(Decoded::Binary(data))) => self.message(ItemKind::Blob, data, buffer, decoded),
                Ok(Some(Decoded::Ping(payload))) => {
                    self.outgoing.lock().pong(&payload);
                    decoded.answers = true;
                }
                Ok(Some(Decoded::Pong(payload))) => {
                    if self.outgoing.lock().answers_ping(&payload) {
                        let mut bytes = payload.to_vec();
                        bytes.push(0);
                        decoded.own(Batch::single(ItemKind::Pong, bytes, payload.len()));
                    }
                }
                Ok(Some(Decoded::Close(frame))) => {
                    self.close_received(frame);
                    decoded.answers = true;
                }
                Err(failure) => decoded.failure = Some(self.describe(failure)),
            }
        }
        // After a failure nothing more is decoded, so nothing is kept.
        if decoded.failure.is_some() { buffer.len() } else { at }
    }

    fn message(&self, kind: ItemKind, data: Data, buffer: &[u8], decoded: &mut DecodedInput) {
        decoded.messages += 1;
        decoded.bytes += data.bytes(buffer).len() as u64;
        if kind == ItemKind::Text && self.settings.strict_json && self.settings.data_type == DataType::Object
        {
            return self.strict_message(&data, buffer, decoded);
        }
        match data {
            Data::Range(range) => decoded.shared(Item { kind, start: range.start, len: range.len() }),
            Data::Assembled(mut bytes) => {
                let len = bytes.len();
                // The receiver has left room for it.
                bytes.push(0);
                decoded.own(Batch::single(kind, bytes, len));
            }
        }
    }

    /// In strict mode the JSON is parsed before delivery, and kept for it.
    fn strict_message(&self, data: &Data, buffer: &[u8], decoded: &mut DecodedInput) {
        let text = data.bytes(buffer);
        let parsed = std::str::from_utf8(text).ok().map(Json::parse);
        let Some(Ok(json)) = parsed else {
            let error = Error::new(
                ErrorCode::InvalidJson,
                Component::Json,
                format!(
                    "The server of {} sent a text message that is not JSON (strict_json is on)",
                    self.shown()
                ),
            );
            let reason = "a text message is not JSON".to_owned();
            decoded.failure = Some(ConnectionFailure { close_code: 1007, reason, error });
            return;
        };
        let mut bytes = Vec::new();
        if bytes.try_reserve_exact(text.len() + 1).is_err() {
            decoded.failure = Some(out_of_memory());
            return;
        }
        bytes.extend_from_slice(text);
        bytes.push(0);
        let mut batch = Batch::single(ItemKind::Text, bytes, text.len());
        batch.json = Some(Arc::new(json));
        decoded.own(batch);
    }

    fn describe(&self, failure: Failure) -> ConnectionFailure {
        let (code, cure) = match failure {
            Failure::Protocol(_) | Failure::InvalidText(_) => (ErrorCode::Protocol, ""),
            Failure::TooLarge { .. } => (ErrorCode::TooLarge, " (ws_options_set_max_message_size)"),
            Failure::OutOfMemory { .. } => (ErrorCode::OutOfMemory, ""),
        };
        let message = format!("The server of {} broke the protocol: {failure}{cure}", self.shown());
        ConnectionFailure {
            close_code: failure.close_code(),
            reason: failure.to_string(),
            error: Error::new(code, Component::WebSocket, message),
        }
    }

    fn read_error(&self, error: &io::Error) -> Error {
        match tls_failure(error) {
            Some(failure) => tls::broken(&format!("TLS with {} broke", self.shown()), failure),
            None => {
                let what = format!("The connection to {} was lost", self.shown());
                let lost = Error::from_io(Component::Tcp, &what, error);
                // Whatever the system calls it, the connection is gone.
                if lost.code() == ErrorCode::Internal {
                    return Error::new(
                        ErrorCode::ConnectionReset,
                        Component::Tcp,
                        format!("{what}: {error}"),
                    )
                    .with_os_code(error.raw_os_error().unwrap_or(0));
                }
                lost
            }
        }
    }

    /// Whether the mailbox has room; remembers if it had not.
    pub(super) fn may_read(&self) -> bool {
        let Some(key) = self.key.get().copied() else { return false };
        if self.outgoing.lock().failure.is_some() {
            return false;
        }
        let full = self.dispatcher.update_quietly(key, Mailbox::stop_reading_if_full).unwrap_or(false);
        self.receive_activity.set_reading_paused(full);
        !full
    }
}

impl DecodedInput {
    fn shared(&mut self, item: Item) {
        self.charge += item.charge();
        self.items.add(item);
    }

    fn own(&mut self, batch: Batch) {
        self.charge += batch.charge();
        self.seal();
        self.pieces.push(Piece::Own(batch));
    }

    /// The batches, in order; the messages of the buffer stay in it, or, unless `in_place`, move to one of their size
    /// where they fill less than half.
    fn batches(&mut self, buffer: Arc<Buffer>, in_place: bool) -> Result<Vec<Batch>, ErrorCode> {
        self.each_batch(|items| {
            let mut batch = Batch::shared(Arc::clone(&buffer), items);
            // On the I/O thread callbacks get slices of the read buffer itself.
            if !in_place {
                batch.compact()?;
            }
            Ok(batch)
        })
    }

    /// The batches, in order, with nothing left in the buffer.
    fn copied_batches(&mut self, buffer: &[u8]) -> Result<Vec<Batch>, ErrorCode> {
        self.each_batch(|items| Batch::copied(buffer, &items))
    }

    fn each_batch(
        &mut self,
        mut shared: impl FnMut(Items) -> Result<Batch, ErrorCode>,
    ) -> Result<Vec<Batch>, ErrorCode> {
        self.seal();
        let mut from = 0;
        let mut batches = Vec::with_capacity(self.pieces.len());
        for piece in self.pieces.drain(..) {
            batches.push(match piece {
                Piece::Own(batch) => batch,
                Piece::Shared(to) if from == 0 && to == self.items.len() => {
                    from = to;
                    shared(std::mem::take(&mut self.items))?
                }
                Piece::Shared(to) => {
                    let items = Items::from(self.items[from..to].to_vec());
                    from = to;
                    shared(items)?
                }
            });
        }
        Ok(batches)
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

impl Incoming {
    /// Keeps what was not decoded, in a buffer that it fills to a half at least.
    fn keep(&mut self, buffer: Buffer, at: usize) {
        let rest = buffer.len() - at;
        let kept =
            if rest * 2 < buffer.capacity() { (buffer[at..].to_vec().into(), 0) } else { (buffer, at) };
        self.backlog = Some(Box::new(kept));
    }
}

/// Puts a NUL behind each text: what stands there was decoded, and nobody needs it any more.
fn write_nuls(buffer: &mut Buffer, items: &[Item]) {
    for item in items.iter().filter(|item| item.kind == ItemKind::Text) {
        let end = item.start + item.len;
        match buffer.get_mut(end) {
            Some(byte) => *byte = 0,
            // The reader has left room for it.
            None => buffer.push(0),
        }
    }
}
