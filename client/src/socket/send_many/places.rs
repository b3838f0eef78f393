//! The places in the queue of the messages of one call that are encoded outside the lock, with the use of the deflater:
//! a value whose drop gives them up, also by a panic, like those of `roles`.

use crate::socket::Socket;
use crate::socket::outgoing::{Encoder, Outgoing};
use crate::socket::queue::Chunk;
use crate::socket::roles::{Loss, leave_undone};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use ws4d_protocol::send::OutOfMemory;

/// The place of one message, or of short ones that follow each other.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) ticket: u64,
    /// The messages that are not in the queue yet, by their index in the call.
    pub(super) messages: Range<usize>,
    /// The charge of all its messages.
    charge: usize,
    /// Part of the charge that chunks in the queue carry.
    queued: usize,
    /// It takes several messages, which share chunks.
    pub(super) short: bool,
}

impl Segment {
    /// The charge of the messages that are not in the queue yet.
    pub(super) fn charge(&self) -> usize {
        self.charge - self.queued
    }
}

/// The places that a call has taken and not filled yet, in order.
pub(super) struct Places<'a> {
    socket: &'a Arc<Socket>,
    segments: VecDeque<Segment>,
    /// The call uses the socket's deflater: taken with its first message that needs it, for all of them.
    has_deflater: bool,
}

impl<'a> Places<'a> {
    /// No place yet.
    pub(super) fn none(socket: &'a Arc<Socket>) -> Places<'a> {
        Places { socket, segments: VecDeque::new(), has_deflater: false }
    }

    pub(super) fn has_deflater(&self) -> bool {
        self.has_deflater
    }

    /// Takes the next place in the queue for the message with that index. `short`: it may share that of the message
    /// before it. `with_context`: it needs the socket's deflater, which is free, or the call's already. On an error
    /// nothing has changed.
    pub(super) fn take(
        &mut self,
        outgoing: &mut Outgoing,
        (index, charge): (usize, usize),
        short: bool,
        with_context: bool,
    ) -> Result<(), OutOfMemory> {
        match self.segments.back_mut() {
            Some(last) if short && last.short => {
                outgoing.queue.add_charge(charge);
                last.charge += charge;
                last.messages.end = index + 1;
            }
            _ => {
                self.segments.try_reserve(1).map_err(|_| OutOfMemory { wanted: size_of::<Segment>() })?;
                let ticket = outgoing.queue.reserve(charge)?;

                self.segments.push_back(Segment {
                    ticket,
                    messages: index..index + 1,
                    charge,
                    queued: 0,
                    short,
                });
            }
        }
        if with_context {
            outgoing.encoder = Encoder::Sender;
            self.has_deflater = true;
        }
        Ok(())
    }

    /// The first place that is not filled.
    pub(super) fn first(&self) -> Option<Segment> {
        self.segments.front().cloned()
    }

    /// Puts the first `count` messages of the first place, which `chunk` holds, into the queue. `Ok` also where the place was
    /// dropped, because the connection is over.
    pub(super) fn add(
        &mut self,
        outgoing: &mut Outgoing,
        chunk: Chunk,
        count: usize,
    ) -> Result<(), OutOfMemory> {
        let Some(first) = self.segments.front_mut() else { return Ok(()) };
        let (charge, last) = (chunk.charge, count == first.messages.len());
        outgoing.queue.add(first.ticket, chunk, last)?;
        first.queued += charge;
        first.messages.start += count;
        // Under the same lock: from now on messages of others may share the chunk.
        if last {
            self.segments.pop_front();
        }
        Ok(())
    }

    /// Called when the whole message of the first place is in the queue.
    pub(super) fn filled(&mut self) {
        self.segments.pop_front();
    }

    /// Called when every place is filled or given up. Passes the deflater on, and returns whether the I/O thread has
    /// messages to encode.
    pub(super) fn end(&mut self, outgoing: &mut Outgoing) -> bool {
        if std::mem::take(&mut self.has_deflater) {
            outgoing.hand_over();
            return outgoing.encoder == Encoder::IoThread;
        }
        false
    }

    /// Gives up the messages that are not in the queue yet. Returns the index of the first of them.
    pub(super) fn give_up_rest(&mut self, outgoing: &mut Outgoing) -> (usize, Loss) {
        let index = self.segments.front().map_or(0, |first| first.messages.start);
        if let Some(first) = self.segments.front()
            && first.queued > 0
        {
            outgoing.queue.cut(first.ticket, first.charge());
            self.segments.pop_front();
        }
        (index, self.give_up(outgoing))
    }

    fn give_up(&mut self, outgoing: &mut Outgoing) -> Loss {
        let mut loss = Loss::None;
        for segment in self.segments.drain(..) {
            if !outgoing.queue.give_up(segment.ticket, segment.charge) {
                loss = Loss::Message;
            }
        }
        loss
    }
}

impl Drop for Places<'_> {
    fn drop(&mut self) {
        if self.segments.is_empty() && !self.has_deflater {
            return;
        }
        self.socket.forget_compressed();
        let mut outgoing = self.socket.outgoing.lock();
        let loss = self.give_up(&mut outgoing);
        self.end(&mut outgoing);
        leave_undone(self.socket, outgoing, loss);
    }
}
