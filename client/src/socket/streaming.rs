//! A message that goes out in parts, because it is larger than the memory that its sender has for it.
//!
//! From its begin to its end it has one place in the queue, so whatever is sent meanwhile stands behind it. A part is
//! encoded whole before any of it is put there: a part that is refused has changed nothing. The lock is held while a part
//! is encoded, so that the parts of several threads leave one after the other, but not while it is written.

mod open_message;

pub(super) use open_message::OpenMessage;
use open_message::Squeezed;

use super::frames::{Frames, Payload};
use super::implied_cork::ImpliedCork;
use super::outgoing::{Encoder, Outgoing, OutgoingMessage, Phase, Waiting, WaitsFor};
use super::queue::{COMMIT, Chunk};
use super::roles::Unsent;
use super::{SendKind, Socket};
use crate::compressors;
use crate::error::ErrorCode;
use crate::event::MESSAGE_OVERHEAD;
use crate::fault::fault_point;
use crate::options::Compression;
use std::sync::Arc;
use ws4d_protocol::deflate::{Deflater, END_OF_PARTS, Params};
use ws4d_protocol::frame::OpCode;
use ws4d_protocol::send::OutOfMemory;

impl Socket {
    /// Begins a message whose parts follow. Errors: [`ErrorCode::Unsupported`] for an object; [`ErrorCode::InvalidArgument`]
    /// while one is open; and as of [`Socket::send`].
    pub fn send_begin(self: &Arc<Self>, kind: SendKind, plain: bool) -> Result<(), ErrorCode> {
        let opcode = match kind {
            SendKind::Text => OpCode::Text,
            SendKind::Blob => OpCode::Binary,
            SendKind::Object => return Err(ErrorCode::Unsupported),
        };
        let mut streaming = self.streaming.lock();
        self.check_open()?;
        if streaming.is_some() {
            return Err(ErrorCode::InvalidArgument);
        }
        let mut outgoing = self.outgoing.lock();
        if let Err(error) = outgoing.admit(self.settings.send_buffer_size) {
            drop(outgoing);
            drop(streaming);
            self.flush();
            return Err(error);
        }
        fault_point!();
        outgoing.waiting.try_reserve(1).map_err(|_| ErrorCode::OutOfMemory)?;
        let ticket = outgoing.queue.begin_parts(MESSAGE_OVERHEAD).map_err(|_| ErrorCode::OutOfMemory)?;
        let mut message = Box::new(OpenMessage::new(ticket, opcode, plain));
        match self.squeezes(&mut outgoing, plain, Encoder::Nobody) {
            Some(squeezed) => message.squeezed = squeezed,
            None => {
                message.kept = Some(Vec::new());
                outgoing.waiting.push_back(Waiting { ticket, what: WaitsFor::Parts });
            }
        }
        *streaming = Some(message);
        Ok(())
    }

    /// Decides whether a message that goes out in parts is compressed, and takes the deflater's turn for all of it where that
    /// is needed: what is sent meanwhile stands behind it, also in the context. `None`: its turn has not come.
    fn squeezes(&self, outgoing: &mut Outgoing, plain: bool, turn: Encoder) -> Option<Squeezed> {
        if outgoing.phase == Phase::Connecting {
            // The agreement on compression is not known yet.
            return None;
        }
        match outgoing.deflate.filter(|_| !plain) {
            None => Some(Squeezed::No),
            Some(params) if !params.client_context_takeover => {
                Some(Squeezed::Alone(Box::new(self.new_deflater(&params))))
            }
            Some(_) if outgoing.encoder == turn => {
                outgoing.encoder = Encoder::Parts;
                Some(Squeezed::InTurn)
            }
            Some(_) => None,
        }
    }

    /// Sends the next part of the open message; an empty one changes nothing. Errors, with the message as it was:
    /// [`ErrorCode::InvalidArgument`] where none is open; [`ErrorCode::InvalidUtf8`]; [`ErrorCode::TooLarge`] for all parts
    /// together; [`ErrorCode::Closed`]; [`ErrorCode::WouldBlock`], followed by a drain; [`ErrorCode::OutOfMemory`], which
    /// ends the connection if the part was compressed already, because the server could not read what would follow.
    pub fn send_part(self: &Arc<Self>, part: &[u8]) -> Result<(), ErrorCode> {
        let limit = self.settings.send_buffer_size;
        if limit != 0
            && ImpliedCork::collects()
            && ImpliedCork::has_collected(self)
            && self.is_full_for_parts(limit)
        {
            // As for a whole message: see `send`.
            self.flush();
        }
        let mut unsent = Unsent::none(self);
        let mut streaming = self.streaming.lock();
        let sent = self.take_part(&mut streaming, part, &mut unsent);
        if self.is_over() {
            *streaming = None;
        }
        drop(streaming);
        match sent {
            Ok(corked) if corked || part.is_empty() => Ok(()),
            Ok(_) => {
                if part.len() > COMMIT || !ImpliedCork::collect(self) {
                    self.flush();
                }
                Ok(())
            }
            Err(ErrorCode::WouldBlock) => {
                // Messages that a cork has held make room.
                self.flush();
                Err(ErrorCode::WouldBlock)
            }
            Err(error) => {
                if unsent.is_torn() {
                    self.lost_a_message();
                }
                Err(error)
            }
        }
    }

    fn is_full_for_parts(&self, limit: usize) -> bool {
        self.outgoing.lock().queue.buffered_before_parts() >= limit
    }

    /// Takes a part, and says whether a cork holds it.
    fn take_part<'a>(
        self: &'a Arc<Self>,
        streaming: &mut Option<Box<OpenMessage>>,
        part: &[u8],
        unsent: &mut Unsent<'a>,
    ) -> Result<bool, ErrorCode> {
        self.check_open()?;
        let message = streaming.as_deref_mut().ok_or(ErrorCode::InvalidArgument)?;
        if part.is_empty() {
            return Ok(true);
        }
        let most = self.settings.max_message_size;
        if most != 0 && part.len() > most - message.len.min(most) {
            return Err(ErrorCode::TooLarge);
        }
        let (leaves, utf8) = message.judge(part)?;
        self.admit_part()?;
        fault_point!();
        if let Some(kept) = &mut message.kept {
            kept.try_reserve(leaves.len()).map_err(|_| ErrorCode::OutOfMemory)?;
            kept.extend_from_slice(&leaves);
            message.accept(part, utf8);
            return Ok(self.charge_part(&mut self.outgoing.lock(), leaves.len()));
        }
        let chunks = self.encode_part(message, &leaves, unsent)?;
        fault_point!();
        let mut outgoing = self.outgoing.lock();
        if outgoing.phase != Phase::Open || outgoing.is_broken() {
            unsent.is_sent();
            return Err(ErrorCode::Closed);
        }
        outgoing.queue.reserve_part(message.ticket, chunks.len()).map_err(|_| ErrorCode::OutOfMemory)?;
        fault_point!();
        outgoing.queue.add_parts(message.ticket, chunks);
        unsent.is_sent();
        message.begun |= !leaves.is_empty();
        message.accept(part, utf8);
        Ok(self.charge_part(&mut outgoing, leaves.len()))
    }

    /// Ends the open message. Errors: [`ErrorCode::InvalidArgument`] where none is open; [`ErrorCode::InvalidUtf8`], with the
    /// message still open, where its text ends inside a character; [`ErrorCode::Closed`]; [`ErrorCode::OutOfMemory`].
    pub fn send_end(self: &Arc<Self>) -> Result<(), ErrorCode> {
        let mut streaming = self.streaming.lock();
        let ended = self.end_message(&mut streaming);
        if ended.is_ok() || self.is_over() {
            *streaming = None;
        }
        drop(streaming);
        let tell_io = ended?;
        if tell_io {
            self.tell_task();
        }
        if !self.outgoing.lock().corked && !ImpliedCork::collect(self) {
            self.flush();
        }
        Ok(())
    }

    /// Ends the message, and says whether messages wait for the I/O thread.
    fn end_message(&self, streaming: &mut Option<Box<OpenMessage>>) -> Result<bool, ErrorCode> {
        self.check_open()?;
        let message = streaming.as_deref_mut().ok_or(ErrorCode::InvalidArgument)?;
        if !message.unfinished.is_empty() {
            return Err(ErrorCode::InvalidUtf8);
        }
        let compressed = message.begun && message.is_compressed();
        let mut outgoing = self.outgoing.lock();
        fault_point!();
        if let Some(kept) = message.kept.take() {
            end_kept(&mut outgoing, message, kept);
            outgoing.sent.message(message.len);
            return Ok(false);
        }
        let opcode = if message.begun { OpCode::Continuation } else { message.opcode };
        let bytes = if compressed { END_OF_PARTS } else { &[] };
        let payload = Payload { opcode, bytes, text: false, compressed: false, ends: true };
        outgoing.queue.reserve_part(message.ticket, 1).map_err(|_| ErrorCode::OutOfMemory)?;
        let end = Frames::of(payload, 0, 0).next_chunk().map_err(|_| ErrorCode::OutOfMemory)?;
        outgoing.queue.add_parts(message.ticket, Vec::from_iter(end.map(|(chunk, _)| chunk)));
        outgoing.queue.end_parts(true);
        outgoing.sent.message(message.len);
        if !matches!(message.squeezed, Squeezed::InTurn) {
            return Ok(false);
        }
        outgoing.hand_over();
        let tell_io = outgoing.encoder == Encoder::IoThread;
        drop(outgoing);
        Ok(tell_io)
    }

    fn check_open(&self) -> Result<(), ErrorCode> {
        let outgoing = self.outgoing.lock();
        match outgoing.phase {
            Phase::Connecting | Phase::Open if !outgoing.is_broken() => Ok(()),
            _ => Err(ErrorCode::Closed),
        }
    }

    /// Checks that there is room for a part. Messages behind its own do not count, because they cannot leave before it.
    fn admit_part(&self) -> Result<(), ErrorCode> {
        let limit = self.settings.send_buffer_size;
        let mut outgoing = self.outgoing.lock();
        if limit != 0 && outgoing.queue.buffered_before_parts() >= limit {
            outgoing.part_wants_drain = true;
            outgoing.corked = false;
            return Err(ErrorCode::WouldBlock);
        }
        Ok(())
    }

    /// Counts an accepted part, and says whether a cork holds it.
    fn charge_part(&self, outgoing: &mut Outgoing, len: usize) -> bool {
        let limit = self.settings.send_buffer_size;
        outgoing.queue.charge_part(len);
        // A full buffer ends a cork.
        outgoing.corked &= limit == 0 || outgoing.queue.buffered_before_parts() < limit;
        outgoing.corked
    }

    /// Encodes bytes of the message. On an error `unsent` says whether the server could not read what
    /// would follow.
    fn encode_part<'a>(
        self: &'a Arc<Self>,
        message: &mut OpenMessage,
        bytes: &[u8],
        unsent: &mut Unsent<'a>,
    ) -> Result<Vec<Chunk>, ErrorCode> {
        let mut chunks = Vec::new();
        if bytes.is_empty() {
            return Ok(chunks);
        }
        let squeezed = self.squeeze_part(message, bytes, unsent)?;
        let compressed = squeezed.is_some();
        let payload = Payload {
            opcode: if message.begun { OpCode::Continuation } else { message.opcode },
            bytes: squeezed.as_deref().unwrap_or(bytes),
            text: message.opcode == OpCode::Text && !compressed,
            compressed: compressed && !message.begun,
            ends: false,
        };
        fault_point!();
        let mut frames = Frames::of(payload, self.settings.frame_size, bytes.len());
        while let Some((chunk, _)) = frames.next_chunk().map_err(|_| ErrorCode::OutOfMemory)? {
            chunks.try_reserve(1).map_err(|_| ErrorCode::OutOfMemory)?;
            chunks.push(chunk);
            fault_point!();
        }
        Ok(chunks)
    }

    /// The compressed bytes of a part; `None`: the message is not compressed.
    fn squeeze_part<'a>(
        self: &'a Arc<Self>,
        message: &mut OpenMessage,
        bytes: &[u8],
        unsent: &mut Unsent<'a>,
    ) -> Result<Option<Vec<u8>>, ErrorCode> {
        let mut squeezed = Vec::new();
        let done = match &mut message.squeezed {
            Squeezed::No => return Ok(None),
            Squeezed::Alone(deflater) => compress_part(deflater, bytes, &mut squeezed),
            Squeezed::InTurn => self.squeeze_in_turn(bytes, &mut squeezed),
        };
        match done {
            Ok(()) => {
                unsent.begin();
                Ok(Some(squeezed))
            }
            Err(_) if message.begun => Err(ErrorCode::OutOfMemory),
            Err(_) => {
                // Without memory to compress it, the message is sent as it is. Those behind it wait no longer for the deflater.
                if let Squeezed::InTurn = std::mem::replace(&mut message.squeezed, Squeezed::No) {
                    self.outgoing.lock().hand_over();
                    self.tell_task();
                }
                Ok(None)
            }
        }
    }

    fn squeeze_in_turn(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), OutOfMemory> {
        let Some(params) = self.outgoing.lock().deflate else { return Err(OutOfMemory { wanted: 0 }) };
        let mut deflater = self.deflater.lock();
        let own = deflater.get_or_insert_with(|| Box::new(self.new_deflater(&params)));
        let done = compress_part(own, bytes, out);
        drop(deflater);
        if self.is_over() {
            // The thread that ended the connection may have found the lock taken.
            self.free_deflater();
        }
        done
    }

    fn new_deflater(&self, params: &Params) -> Deflater {
        let Compression { level, memory, .. } = self.settings.compression;
        Deflater::new(level, memory, params)
    }

    /// The turn of the open message among those that wait: encodes the parts that were kept; those to come are encoded at
    /// once. On an error a part is lost.
    pub(super) fn encode_kept(
        self: &Arc<Self>,
        streaming: &mut Option<Box<OpenMessage>>,
        ticket: u64,
    ) -> Result<(), ErrorCode> {
        let Some(message) = streaming.as_deref_mut().filter(|message| message.ticket == ticket) else {
            return Ok(());
        };
        let Some(kept) = message.kept.take() else { return Ok(()) };
        let mut unsent = Unsent::none(self);
        unsent.begin();
        let encoded = self.encode_all_kept(message, &kept, &mut unsent);
        unsent.is_sent();
        encoded
    }

    fn encode_all_kept<'a>(
        self: &'a Arc<Self>,
        message: &mut OpenMessage,
        kept: &[u8],
        unsent: &mut Unsent<'a>,
    ) -> Result<(), ErrorCode> {
        let squeezed = self.squeezes(&mut self.outgoing.lock(), message.plain, Encoder::IoThread);
        message.squeezed = squeezed.unwrap_or(Squeezed::No);
        let chunks = self.encode_part(message, kept, unsent)?;
        fault_point!();
        let mut outgoing = self.outgoing.lock();
        outgoing.queue.reserve_part(message.ticket, chunks.len()).map_err(|_| ErrorCode::OutOfMemory)?;
        message.begun |= !chunks.is_empty();
        outgoing.queue.add_parts(message.ticket, chunks);
        if outgoing.phase != Phase::Open {
            // The host has closed in the middle of it.
            outgoing.queue.cut_parts(message.ticket);
            outgoing.hand_over();
        }
        Ok(())
    }

    /// Frees the open message when the connection is over. A sender that holds the lock does the same at its end.
    pub(super) fn free_streaming(&self) {
        let gone = self.streaming.try_lock().map(|mut streaming| streaming.take());
        drop(gone);
    }
}

fn compress_part(deflater: &mut Deflater, part: &[u8], out: &mut Vec<u8>) -> Result<(), OutOfMemory> {
    compressors::lend(deflater, |deflater, compressor| deflater.compress_part(part, out, compressor))
}

/// The message ends before its turn has come: from now on it waits like any other one.
fn end_kept(outgoing: &mut Outgoing, message: &OpenMessage, kept: Vec<u8>) {
    let (ticket, opcode, plain) = (message.ticket, message.opcode, message.plain);
    let charge = kept.len() + outgoing.queue.take_unassigned();
    if let Some(waiting) = outgoing.waiting.iter_mut().find(|waiting| waiting.ticket == ticket) {
        waiting.what =
            WaitsFor::Message { charge, message: OutgoingMessage { opcode, payload: kept, plain } };
    }
    outgoing.queue.end_parts(false);
}
