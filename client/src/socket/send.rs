//! Sending, on the caller's thread: check, take a place, encode, write. Only bytes that the kernel does not take are
//! left to the I/O thread.

use super::frames::{Frames, Payload};
use super::implied_cork::ImpliedCork;
use super::outgoing::{Encoder, Outgoing, OutgoingMessage, Phase, Waiting, WaitsFor};
use super::queue::COMMIT;
use super::roles::{Flusher, Loss, QueuePlace};
use super::way::{Situation, Way};
use super::{SendKind, Socket};
use crate::compressors;
use crate::error::{Component, Error, ErrorCode};
use crate::event::MESSAGE_OVERHEAD;
use crate::fault::fault_point;
use crate::json;
use crate::options::Compression;
use crate::random::mask_key;
use crate::sync::MutexGuard;
use crate::sys::thread::CancellationHeld;
use std::sync::Arc;
use ws4d_protocol::deflate::{self, Deflater};
use ws4d_protocol::frame::OpCode;
use ws4d_protocol::send::OutOfMemory;
use ws4d_protocol::utf8;

fn compress_with(deflater: &mut Deflater, payload: &[u8], out: &mut Vec<u8>) -> Result<bool, OutOfMemory> {
    compressors::lend(deflater, |deflater, compressor| deflater.compress(payload, out, compressor))
}

/// Checks a message and returns its opcode and payload, which is `data`, or, for JSON, is put into `minified`.
#[inline]
pub(super) fn judge<'a>(
    kind: SendKind,
    data: &'a [u8],
    limit: usize,
    minified: &'a mut Vec<u8>,
) -> Result<(OpCode, &'a [u8]), ErrorCode> {
    let (opcode, payload) = match kind {
        SendKind::Blob => (OpCode::Binary, data),
        SendKind::Text => {
            utf8::check(data).map_err(|_| ErrorCode::InvalidUtf8)?;
            (OpCode::Text, data)
        }
        SendKind::Object => {
            let text = std::str::from_utf8(data).map_err(|_| ErrorCode::InvalidUtf8)?;
            *minified = json::minify(text).map_err(|error| error.code())?;
            (OpCode::Text, minified.as_slice())
        }
    };
    if limit != 0 && payload.len() > limit {
        return Err(ErrorCode::TooLarge);
    }
    Ok((opcode, payload))
}

/// A message that was checked and copied before there was a connection for it.
pub(crate) struct Kept(OutgoingMessage<Vec<u8>>);

impl Kept {
    /// Checks and copies a message. Errors as of [`Socket::send`].
    pub(crate) fn new(kind: SendKind, data: &[u8], plain: bool, limit: usize) -> Result<Kept, ErrorCode> {
        let mut payload = Vec::new();
        let (opcode, _) = judge(kind, data, limit, &mut payload)?;
        if kind != SendKind::Object {
            payload.try_reserve_exact(data.len()).map_err(|_| ErrorCode::OutOfMemory)?;
            payload.extend_from_slice(data);
        }
        Ok(Kept(OutgoingMessage { opcode, payload, plain }))
    }

    /// Bytes charged to a buffer.
    pub(crate) fn charge(&self) -> usize {
        self.0.payload.len() + MESSAGE_OVERHEAD
    }
}

impl Socket {
    /// Puts a message before all others, inside [`Handler::connected`](super::Handler::connected). Ignores the send
    /// buffer's limit, because the message was counted where it was kept. Returns it if the connection was aborted.
    pub(crate) fn send_ahead(&self, message: Kept) -> Result<(), Kept> {
        let charge = message.charge();
        let mut outgoing = self.outgoing.lock();
        if outgoing.phase != Phase::Connecting {
            return Err(message);
        }
        let len = message.0.payload.len();
        outgoing.keep(message.0, charge).map_err(Kept)?;
        outgoing.sent.message(len);
        Ok(())
    }

    /// Promises a DRAIN, inside [`Handler::connected`](super::Handler::connected), because a message was refused
    /// before there was a connection.
    pub(crate) fn owe_drain(&self) {
        self.outgoing.lock().want_drain = true;
    }

    /// Sends a message; success means accepted. `plain`: it is not compressed, because it mixes secrets with text of
    /// a third party. Errors, with nothing sent: [`ErrorCode::InvalidUtf8`], [`ErrorCode::InvalidJson`],
    /// [`ErrorCode::TooLarge`], [`ErrorCode::Closed`], [`ErrorCode::WouldBlock`], [`ErrorCode::OutOfMemory`]. After
    /// the last, the connection may be over, if a part of a fragmented message was sent.
    ///
    /// Holds cancellation off by itself, and only where more is done than to queue a message, which costs little more.
    pub fn send(self: &Arc<Self>, kind: SendKind, data: &[u8], plain: bool) -> Result<(), ErrorCode> {
        let mut minified = Vec::new();
        let (opcode, payload) = judge(kind, data, self.settings.max_message_size, &mut minified)?;
        let message = OutgoingMessage { opcode, payload, plain };
        let collects = self.begin_to_collect();
        self.accept(message, collects)
    }

    /// Returns whether messages of the current callback are collected. Those that a callback on the I/O thread has
    /// collected are sent before a new one is refused, so that they alone do not make the buffer full.
    pub(super) fn begin_to_collect(self: &Arc<Self>) -> bool {
        let collects = ImpliedCork::collects();
        let limit = self.settings.send_buffer_size;
        if collects && limit != 0 && ImpliedCork::has_collected(self) && self.buffered_amount() >= limit {
            let _held = CancellationHeld::begin();
            self.flush();
        }
        collects
    }

    /// Sends a checked message on the way that suits it. `collects`: messages of the current callback are collected.
    fn accept(self: &Arc<Self>, message: OutgoingMessage<&[u8]>, collects: bool) -> Result<(), ErrorCode> {
        let len = message.payload.len();
        let charge = len + MESSAGE_OVERHEAD;
        let limit = self.settings.send_buffer_size;
        // Declared before what may still write when it is dropped.
        let mut held = None;
        // Declared before the lock's guard: see `roles`.
        let mut flusher = Flusher::none(self);
        let mut outgoing = self.outgoing.lock();
        fault_point!();
        let way = self.situation(&outgoing, &message, collects).way();
        if !matches!(way, Way::Held | Way::Appended | Way::Waiting) {
            held = Some(CancellationHeld::begin());
        }
        match way {
            Way::Refused(error) => {
                let full = error == ErrorCode::WouldBlock;
                if full {
                    outgoing.refuse_full();
                }
                drop(outgoing);
                if full {
                    // Sending the corked messages makes room.
                    self.flush();
                }
                return Err(error);
            }
            Way::Direct => return self.send_direct(&message, &mut flusher, outgoing),
            Way::Held | Way::Appended => outgoing
                .queue
                .append(message.opcode, message.payload, charge, mask_key())
                .map_err(|_| ErrorCode::OutOfMemory)?,
            Way::Waiting => outgoing.wait(message, charge)?,
            Way::Ticket { compressed, with_context } => {
                let deflate = outgoing.deflate.filter(|_| compressed);
                outgoing = self.encode_in_place(message, charge, deflate, with_context, outgoing)?;
            }
        }
        outgoing.sent.message(len);
        // A full buffer ends a cork.
        outgoing.corked &= limit == 0 || outgoing.queue.buffered() < limit;
        let corked = outgoing.corked;
        drop(outgoing);
        // The first parts of a large message were sent already.
        if !corked && (len > COMMIT || !ImpliedCork::collect(self)) {
            held.get_or_insert_with(CancellationHeld::begin);
            self.flush();
        }
        Ok(())
    }

    /// Takes a place in the queue, and encodes a message there without the lock.
    fn encode_in_place<'a>(
        self: &'a Arc<Self>,
        message: OutgoingMessage<&[u8]>,
        charge: usize,
        deflate: Option<deflate::Params>,
        with_context: bool,
        outgoing: MutexGuard<'a, Outgoing>,
    ) -> Result<MutexGuard<'a, Outgoing>, ErrorCode> {
        // Declared before the lock's guard: see `roles`.
        let mut place = QueuePlace::none(self);
        let mut outgoing = outgoing;
        let ticket = place.take(&mut outgoing, charge, with_context).map_err(|_| ErrorCode::OutOfMemory)?;
        fault_point!();
        drop(outgoing);
        if self.encode_at(ticket, message, charge, deflate).is_err() {
            self.could_not_encode(place.give_up());
            return Err(ErrorCode::OutOfMemory);
        }
        let mut outgoing = self.outgoing.lock();
        fault_point!();
        if place.filled(&mut outgoing) {
            self.tell_task();
        }
        Ok(outgoing)
    }

    /// Collects the facts that decide about the way of a message.
    pub(super) fn situation(
        &self,
        outgoing: &Outgoing,
        message: &OutgoingMessage<&[u8]>,
        collects: bool,
    ) -> Situation {
        let limit = self.settings.send_buffer_size;
        Situation {
            phase: outgoing.phase,
            broken: outgoing.is_broken(),
            full: limit != 0 && outgoing.queue.buffered() >= limit,
            len: message.payload.len(),
            fragmented: self.is_fragmented(message.payload.len()),
            held: outgoing.corked || collects,
            compressed: outgoing.deflate.is_some() && self.is_worth_compressing(message),
            takeover: outgoing.deflate.is_some_and(|deflate| deflate.client_context_takeover),
            encoder: outgoing.encoder,
            clear: !outgoing.flushing
                && !outgoing.blocked
                && outgoing.transport.is_some()
                && outgoing.queue.is_empty(),
        }
    }

    pub(super) fn could_not_encode(self: &Arc<Self>, loss: Loss) {
        match loss {
            // Others may have waited behind it.
            Loss::None => self.flush(),
            Loss::Message => self.lost_a_message(),
        }
    }

    /// Returns whether a payload of `len` bytes needs several frames.
    pub(super) fn is_fragmented(&self, len: usize) -> bool {
        let most = self.settings.frame_size;
        most != 0 && len > most
    }

    /// Returns whether to compress the message, if compression was agreed.
    pub(super) fn is_worth_compressing(&self, message: &OutgoingMessage<&[u8]>) -> bool {
        let len = message.payload.len();
        !message.plain && len > 0 && len >= self.settings.compression.min_size
    }

    /// Encodes the waiting messages, in order, if the I/O thread has the deflater: after the connection was opened,
    /// and after a sender found the deflater busy.
    pub(super) fn encode_waiting(self: &Arc<Self>) {
        loop {
            if self.outgoing.lock().encoder != Encoder::IoThread {
                return;
            }
            let mut place = QueuePlace::none(self);
            let mut streaming = self.streaming.lock();
            let mut outgoing = self.outgoing.lock();
            if outgoing.encoder != Encoder::IoThread {
                return;
            }
            let Some(Waiting { ticket, what }) = outgoing.waiting.pop_front() else {
                outgoing.encoder = Encoder::Nobody;
                return;
            };
            let (charge, message) = match what {
                WaitsFor::Message { charge, message } => (charge, message),
                WaitsFor::Parts => {
                    drop(outgoing);
                    let encoded = self.encode_kept(&mut streaming, ticket);
                    drop(streaming);
                    if encoded.is_err() {
                        return self.lost_a_message();
                    }
                    self.flush();
                    continue;
                }
            };
            drop(streaming);
            place.resume(ticket, charge);
            let OutgoingMessage { opcode, payload, plain } = message;
            let message = OutgoingMessage { opcode, payload: payload.as_slice(), plain };
            let deflate = outgoing.deflate.filter(|_| self.is_worth_compressing(&message));
            drop(outgoing);
            if self.encode_at(ticket, message, charge, deflate).is_err() {
                // The message was accepted, so the connection ends.
                return self.could_not_encode(place.give_up());
            }
            place.filled(&mut self.outgoing.lock());
            self.flush();
        }
    }

    /// Ends a connection that lost a message, or a part of one.
    pub(super) fn lost_a_message(self: &Arc<Self>) {
        let what = format!("There is no memory for a message to {}", self.shown());
        self.finish(Some(Error::new(ErrorCode::OutOfMemory, Component::WebSocket, what)));
    }

    /// Encodes a message at its place, compressed with `deflate` if given, as frames of at most `frame_size` bytes,
    /// which share its charge. The encoded frames are written after each [`COMMIT`], from the cache, and their memory
    /// is used again for the next.
    pub(super) fn encode_at(
        self: &Arc<Self>,
        ticket: u64,
        message: OutgoingMessage<&[u8]>,
        charge: usize,
        deflate: Option<deflate::Params>,
    ) -> Result<(), OutOfMemory> {
        let mut squeezed = Vec::new();
        // Without memory to compress it, the message is sent as it is, which is always legal and takes less memory.
        let compressed =
            deflate.is_some_and(|params| self.compress(&params, message.payload, &mut squeezed) == Ok(true));
        fault_point!();
        let payload = if compressed { &squeezed } else { message.payload };
        let encoded = self.encode_frames(ticket, OutgoingMessage { payload, ..message }, charge, compressed);
        if compressed && encoded.is_err() {
            self.forget_compressed();
        }
        encoded
    }

    fn encode_frames(
        self: &Arc<Self>,
        ticket: u64,
        message: OutgoingMessage<&[u8]>,
        charge: usize,
        compressed: bool,
    ) -> Result<(), OutOfMemory> {
        let OutgoingMessage { opcode, payload: bytes, .. } = message;
        let text = opcode == OpCode::Text && !compressed;
        let payload = Payload { opcode, bytes, text, compressed, ends: true };
        let mut frames = Frames::of(payload, self.settings.frame_size, charge);
        let mut uncommitted = 0;
        while let Some((chunk, last)) = frames.next_chunk()? {
            fault_point!();
            uncommitted += chunk.bytes.len();
            if !self.outgoing.lock().queue.add(ticket, chunk, last)? {
                // The connection is over.
                return Ok(());
            }
            fault_point!();
            if !last && uncommitted >= COMMIT {
                uncommitted = 0;
                // The thread that flushes reports a drain when the place is filled.
                let _ = self.write_out(false);
            }
        }
        Ok(())
    }

    pub(super) fn compress(
        &self,
        params: &deflate::Params,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<bool, OutOfMemory> {
        let Compression { level, memory, .. } = self.settings.compression;
        if !params.client_context_takeover {
            return compress_with(&mut Deflater::new(level, memory, params), payload, out);
        }
        // One at a time, in the order of the tickets: whose turn it is says `Encoder`.
        let mut deflater = self.deflater.lock();
        let own = deflater.get_or_insert_with(|| Box::new(Deflater::new(level, memory, params)));
        let compressed = compress_with(own, payload, out);
        drop(deflater);
        if self.is_over() {
            // A thread that has ended it meanwhile may have found the lock taken.
            self.free_deflater();
        }
        compressed
    }

    /// Frees the deflater when the connection is over. A sender that holds the lock does the same at its end.
    pub(super) fn free_deflater(&self) {
        let gone = self.deflater.try_lock().map(|mut deflater| deflater.take());
        drop(gone);
    }

    /// Drops the deflater's context after a message that was compressed but not sent, because the server's context
    /// lacks it.
    pub(super) fn forget_compressed(&self) {
        if let Some(deflater) = &mut *self.deflater.lock() {
            deflater.forget();
        }
    }

    /// Holds messages back until [`Socket::uncork`].
    pub fn cork(self: &Arc<Self>) -> Result<(), ErrorCode> {
        let mut outgoing = self.outgoing.lock();
        if !matches!(outgoing.phase, Phase::Connecting | Phase::Open) {
            return Err(ErrorCode::Closed);
        }
        // A full buffer is not held back, because a thread may wait for room.
        let limit = self.settings.send_buffer_size;
        outgoing.corked = limit == 0 || outgoing.queue.buffered() < limit;
        Ok(())
    }

    /// Sends the messages that were held back.
    pub fn uncork(self: &Arc<Self>) -> Result<(), ErrorCode> {
        let mut outgoing = self.outgoing.lock();
        if !matches!(outgoing.phase, Phase::Connecting | Phase::Open) {
            return Err(ErrorCode::Closed);
        }
        outgoing.corked = false;
        drop(outgoing);
        self.flush_or_collect();
        Ok(())
    }

    /// Bytes in the send buffer: those of unsent messages, plus 64 each.
    pub fn buffered_amount(&self) -> usize {
        self.outgoing.lock().queue.buffered()
    }

    fn flush_or_collect(self: &Arc<Self>) {
        if !ImpliedCork::collect(self) {
            self.flush();
        }
    }
}
