//! Many messages in one call: all are judged, then all take their places under one lock, so that no other thread's
//! message comes between them, and they leave together.
//!
//! Short ones are encoded under that lock, until one comes that has to be encoded outside it. From then on each has a
//! place that can be given up: without memory the call has accepted the messages before that point and none behind it.

mod places;

use super::fragments::Fragments;
use super::implied_cork::ImpliedCork;
use super::outgoing::{Encoder, Outgoing, OutgoingMessage, Phase};
use super::queue::{COMMIT, Chunk, LONG_CHUNK};
use super::roles::Loss;
use super::send::judge;
use super::way::{SHORT, Way};
use super::{SendKind, Socket};
use crate::buffer::Buffer;
use crate::error::ErrorCode;
use crate::event::MESSAGE_OVERHEAD;
use crate::fault::fault_point;
use crate::random::MaskKeys;
use places::{Places, Segment};
use std::ops::Range;
use std::sync::Arc;
use ws4d_protocol::deflate;
use ws4d_protocol::frame::OpCode;
use ws4d_protocol::send::{OutOfMemory, encode, encode_compressed, frame_len};

/// Messages that were checked.
struct Judged<'a> {
    opcode: OpCode,
    plain: bool,
    given: &'a [&'a [u8]],
    /// The minified texts that are sent instead, if the messages are JSON.
    minified: Vec<Vec<u8>>,
}

impl<'a> Judged<'a> {
    /// Errors as of [`Socket::send`], for the first message that is wrong.
    fn new(
        kind: SendKind,
        given: &'a [&'a [u8]],
        plain: bool,
        limit: usize,
    ) -> Result<Judged<'a>, ErrorCode> {
        let (mut opcode, mut minified) = (OpCode::Text, Vec::new());
        if kind == SendKind::Object {
            minified.try_reserve_exact(given.len()).map_err(|_| ErrorCode::OutOfMemory)?;
        }
        for data in given {
            let mut text = Vec::new();
            (opcode, _) = judge(kind, data, limit, &mut text)?;
            if kind == SendKind::Object {
                minified.push(text);
            }
        }
        Ok(Judged { opcode, plain, given, minified })
    }

    fn len(&self) -> usize {
        self.given.len()
    }

    fn message(&self, index: usize) -> OutgoingMessage<&[u8]> {
        let payload = self.minified.get(index).map_or(self.given[index], Vec::as_slice);
        OutgoingMessage { opcode: self.opcode, payload, plain: self.plain }
    }

    fn longest(&self) -> usize {
        (0..self.len()).map(|index| self.message(index).payload.len()).max().unwrap_or(0)
    }

    fn charge(&self, index: usize) -> usize {
        self.message(index).payload.len() + MESSAGE_OVERHEAD
    }
}

/// The messages that a call has accepted are those before this index; `stopped`: why the next one is not among them.
struct Accepted {
    count: usize,
    stopped: Option<ErrorCode>,
}

impl Socket {
    /// Sends messages as one [`send`](Socket::send) after the other would under a cork, with no other thread's message between
    /// them; a cork of the host's stays. Returns how many were accepted: fewer than all only because the send buffer is full,
    /// and then a drain follows, or because there is no memory. Errors as of [`Socket::send`], with nothing sent: a
    /// message is wrong, or not even the first was accepted.
    pub fn send_many(
        self: &Arc<Self>,
        kind: SendKind,
        messages: &[&[u8]],
        plain: bool,
    ) -> Result<usize, ErrorCode> {
        match messages {
            [] => return Ok(0),
            [one] => return self.send(kind, one, plain).map(|()| 1),
            _ => {}
        }
        let messages = Judged::new(kind, messages, plain, self.settings.max_message_size)?;
        let collects = self.begin_to_collect();
        // Declared before the lock's guard: see `roles`.
        let mut places = Places::none(self);
        let mut outgoing = self.outgoing.lock();
        fault_point!();
        let mut accepted = self.take_places(&mut outgoing, &messages, collects, &mut places);
        let full = accepted.stopped == Some(ErrorCode::WouldBlock);
        if full {
            outgoing.refuse_full();
        }
        // A full buffer ends a cork.
        let limit = self.settings.send_buffer_size;
        outgoing.corked &= limit == 0 || outgoing.queue.buffered() < limit;
        let corked = outgoing.corked;
        let deflate = outgoing.deflate.filter(|_| !plain);
        drop(outgoing);
        match self.fill_places(&messages, &mut places, deflate, collects, &mut accepted) {
            Loss::Message => self.lost_a_message(),
            // A full buffer, or a place that was given up, may have kept others waiting.
            Loss::None if accepted.stopped.is_some() => self.flush(),
            Loss::None if corked => {}
            // The first parts of a large message were sent already.
            Loss::None if messages.longest() > COMMIT || !ImpliedCork::collect(self) => self.flush(),
            Loss::None => {}
        }
        match accepted {
            Accepted { count: 0, stopped: Some(error) } => Err(error),
            Accepted { count, .. } => Ok(count),
        }
    }

    /// Accepts messages until one is refused: encodes them, copies them, or takes places for them.
    fn take_places(
        self: &Arc<Self>,
        outgoing: &mut Outgoing,
        messages: &Judged<'_>,
        collects: bool,
        places: &mut Places<'_>,
    ) -> Accepted {
        let takeover = outgoing.deflate.is_some_and(|deflate| deflate.client_context_takeover);
        let waits = outgoing.phase == Phase::Connecting
            || (takeover && !messages.plain && outgoing.encoder != Encoder::Nobody);
        let mut keys = MaskKeys::new();
        // A message that is not encoded yet precedes.
        let mut behind = false;
        let mut index = 0;
        while index < messages.len() {
            let message = messages.message(index);
            let (len, charge) = (message.payload.len(), messages.charge(index));
            let mut situation = self.situation(outgoing, &message, collects);
            if places.has_deflater() {
                situation.encoder = Encoder::Nobody;
            }
            let short = len <= SHORT && !situation.fragmented;
            let taken = match situation.way() {
                Way::Refused(error) => Err(error),
                Way::Direct | Way::Held | Way::Appended if !behind => {
                    let (count, appended) = self.append_run(outgoing, messages, index, &mut keys);
                    index += count;
                    match appended {
                        Ok(()) => continue,
                        Err(_) => Err(ErrorCode::OutOfMemory),
                    }
                }
                _ if waits => {
                    behind = true;
                    outgoing.wait(message, charge).map(|()| outgoing.sent.message(len))
                }
                way => {
                    behind = true;
                    let with_context = matches!(way, Way::Ticket { with_context: true, .. });
                    let taken = places.take(outgoing, (index, charge), short, with_context);
                    fault_point!();
                    taken.map_err(|_| ErrorCode::OutOfMemory)
                }
            };
            if let Err(error) = taken {
                return Accepted { count: index, stopped: Some(error) };
            }
            index += 1;
        }
        Accepted { count: messages.len(), stopped: None }
    }

    /// Encodes the message at `first`, which goes to the end of the queue, and those behind it that go there too.
    fn append_run(
        &self,
        outgoing: &mut Outgoing,
        messages: &Judged<'_>,
        first: usize,
        keys: &mut MaskKeys,
    ) -> (usize, Result<(), OutOfMemory>) {
        let compresses = outgoing.deflate.is_some();
        let is_alike = |message: &OutgoingMessage<&[u8]>| {
            let len = message.payload.len();
            len <= SHORT && !self.is_fragmented(len) && !(compresses && self.is_worth_compressing(message))
        };
        let run = (first..messages.len()).map(|index| messages.message(index)).take_while(is_alike);
        let run = run.map(|message| (message.payload, message.payload.len() + MESSAGE_OVERHEAD));
        let limit = self.settings.send_buffer_size;
        let appended = outgoing.queue.append_many(messages.opcode, run, limit, || keys.next());
        for index in first..first + appended.0 {
            outgoing.sent.message(messages.message(index).payload.len());
        }
        appended
    }

    /// Encodes the messages that have places; without memory, gives up the rest of them.
    fn fill_places(
        self: &Arc<Self>,
        messages: &Judged<'_>,
        places: &mut Places<'_>,
        deflate: Option<deflate::Params>,
        collects: bool,
        accepted: &mut Accepted,
    ) -> Loss {
        let Some(Segment { messages: Range { start, .. }, .. }) = places.first() else { return Loss::None };
        let encoded = self.encode_places(messages, places, deflate, collects);
        let mut loss = Loss::None;
        let mut outgoing = self.outgoing.lock();
        if encoded.is_err() {
            (accepted.count, loss) = places.give_up_rest(&mut outgoing);
            accepted.stopped = Some(ErrorCode::OutOfMemory);
        }
        for index in start..accepted.count {
            outgoing.sent.message(messages.message(index).payload.len());
        }
        let encodes = places.end(&mut outgoing);
        drop(outgoing);
        if encodes {
            self.tell_task();
        }
        loss
    }

    /// Encodes the messages at their places, in order, compressed with `deflate` if given.
    fn encode_places(
        self: &Arc<Self>,
        messages: &Judged<'_>,
        places: &mut Places<'_>,
        deflate: Option<deflate::Params>,
        collects: bool,
    ) -> Result<(), OutOfMemory> {
        let (mut uncommitted, mut keys) = (0, MaskKeys::new());
        while let Some(segment) = places.first() {
            if uncommitted >= COMMIT && !collects {
                uncommitted = 0;
                // The thread that flushes reports a drain when all places are filled.
                let _ = self.write_out(false);
            }
            if segment.short {
                let (chunk, count) = self.encode_short(messages, &segment, deflate, &mut keys)?;
                fault_point!();
                uncommitted += chunk.bytes.len();
                places.add(&mut self.outgoing.lock(), chunk, count)?;
            } else {
                let message = messages.message(segment.messages.start);
                let deflate = deflate.filter(|_| self.is_worth_compressing(&message));
                self.encode_at(segment.ticket, message, segment.charge(), deflate)?;
                fault_point!();
                uncommitted += message.payload.len();
                places.filled();
            }
            fault_point!();
        }
        Ok(())
    }

    /// Encodes the next messages of a place into one chunk. Returns it, and their number, which is at least one.
    fn encode_short(
        &self,
        messages: &Judged<'_>,
        segment: &Segment,
        deflate: Option<deflate::Params>,
        keys: &mut MaskKeys,
    ) -> Result<(Chunk, usize), OutOfMemory> {
        // The overhead of a message's charge is more than the header of its frame.
        let wanted = segment.charge().min(LONG_CHUNK);
        let mut frames = Buffer::with_room(wanted).map_err(|_| OutOfMemory { wanted })?;
        let (mut charge, mut count) = (0, 0);
        let mut squeezed = Vec::new();
        for index in segment.messages.clone() {
            let message = messages.message(index);
            let before = frames.len();
            if count > 0 && before + frame_len(message.payload.len()) > LONG_CHUNK {
                break;
            }
            squeezed.clear();
            let deflate = deflate.filter(|_| self.is_worth_compressing(&message));
            // Without memory to compress it, the message is sent as it is.
            let compressed = deflate
                .is_some_and(|params| self.compress(&params, message.payload, &mut squeezed) == Ok(true));
            let payload = if compressed { squeezed.as_slice() } else { message.payload };
            let message = OutgoingMessage { payload, ..message };
            if let Err(error) = self.append_frames(&message, compressed, keys, &mut frames) {
                if compressed {
                    self.forget_compressed();
                }
                frames.truncate(before);
                if count == 0 {
                    return Err(error);
                }
                break;
            }
            charge += messages.charge(index);
            count += 1;
        }
        Ok((Chunk::new(frames, charge), count))
    }

    /// Appends the frames of a short message: one, or several where compression has made it longer than a frame may be.
    fn append_frames(
        &self,
        message: &OutgoingMessage<&[u8]>,
        compressed: bool,
        keys: &mut MaskKeys,
        frames: &mut Vec<u8>,
    ) -> Result<(), OutOfMemory> {
        let mut opcode = message.opcode;
        for (payload, fin) in Fragments::of(message.payload, self.settings.frame_size, false) {
            match opcode {
                OpCode::Text | OpCode::Binary if compressed => {
                    encode_compressed(opcode, fin, payload, keys.next(), frames)?;
                }
                _ => encode(opcode, fin, payload, keys.next(), frames)?,
            }
            opcode = OpCode::Continuation;
        }
        Ok(())
    }
}
