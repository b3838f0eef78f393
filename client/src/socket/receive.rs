//! Receiving: one call reads the available bytes, decodes them, and puts all messages into the mailbox as batches
//! that share the read buffer. Buffers belong to the reading thread, not to the socket, so that an idle socket has
//! none.

mod decoded;
mod decoding;
mod failures;
mod incoming;
mod notifications;

pub(super) use failures::broken;
pub(super) use incoming::Incoming;

use super::Socket;
use super::outgoing::ConnectionFailure;
use super::stats;
use crate::buffer::{Buffer, MAX_READ};
use crate::connect::upgrade::Accepted;
use crate::dispatch::{Key, Mailbox};
use crate::error::{Component, ErrorCode};
use crate::event::MESSAGE_OVERHEAD;
use crate::fault::fault_point;
use crate::log::log;
use crate::thread_slot::thread_slot;
use crate::transport::{Received, Transport};
use decoded::{Batches, DecodedInput, write_nuls};
use failures::out_of_memory;
use incoming::Backlog;
use notifications::{Notifications, Whole};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use ws4d_protocol::receive::SpareInflater;

/// A read of so many bytes may be the beginning of a large message.
const LARGE_READ: usize = 64 * 1024;

/// Charge that is decoded before the messages are handed on; uncompressed messages, bounded by one read, never exceed
/// it.
const STEP: usize = MAX_READ / 2 * MESSAGE_OVERHEAD;
/// The same, where the messages are discarded.
const SMALL_STEP: usize = 64 * 1024;

thread_slot! {
    /// Without context takeover one inflater serves all sockets that this thread reads.
    static INFLATER: SpareInflater;
}

/// Result of [`Socket::read_ready`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ReadOutcome {
    /// There may be more.
    More,
    /// There was nothing to read.
    Nothing,
    /// All available bytes were read.
    Drained,
    /// The receive buffer is full, or messages from before a failure are not delivered yet.
    Full,
    /// The connection is over.
    Over,
}

/// Bytes to decode in one call.
struct Input {
    buffer: Buffer,
    /// Offset of the first byte that is not decoded.
    at: usize,
    /// When the read returned.
    time_us: i64,
    received: io::Result<Received>,
}

impl Socket {
    /// Reads and decodes once. The I/O task calls it when the socket is readable or has a backlog.
    pub(super) fn read_ready(self: &Arc<Self>) -> ReadOutcome {
        // Sent, also after a panic, once the lock is free.
        let mut notifications = Notifications::new(&self.dispatcher);
        let mut incoming = self.incoming.lock();
        let (transport, key, room) = match self.begin_read() {
            Ok(begun) => begun,
            Err(outcome) => return outcome,
        };
        let whole = Whole::begin(self);
        // The last read has panicked, and lost something.
        incoming.failed |= std::mem::replace(&mut incoming.in_read, true);
        fault_point!();
        let (complete, received) = match self.next_input(&mut incoming, &transport) {
            Ok(mut input) => {
                let complete = self.take_in(&mut incoming, &mut input, key, room, &mut notifications);
                match input.received {
                    Ok(Received::Data { drained, .. }) => {
                        self.await_rest(&incoming.receiver, &transport, drained);
                    }
                    Ok(Received::Nothing) => self.await_rest(&incoming.receiver, &transport, true),
                    Ok(Received::End) | Err(_) => {}
                }
                if !complete {
                    let Input { buffer, at, time_us, .. } = input;
                    incoming.keep(Backlog { buffer, at, time_us });
                }
                (complete, input.received)
            }
            Err(failure) => {
                self.record_failure(failure);
                notifications.failed = true;
                (true, Ok(Received::Data { direct: 0, buffered: 0, drained: false }))
            }
        };
        fault_point!();
        whole.end();
        incoming.in_read = false;
        incoming.failed |= notifications.failed;
        let holds = incoming.holds_memory();
        drop(incoming);
        let ended = transport.has_ended() && !notifications.failed;
        // No lock is held from here on.
        self.send_notifications(notifications);
        let outcome = self.read_outcome(complete, received, ended);
        if holds && self.is_over() {
            // A thread that has ended it meanwhile may have found the lock taken.
            self.free_received();
        }
        outcome
    }

    /// Checks whether to read, and how much may be decoded.
    fn begin_read(&self) -> Result<(Arc<Transport>, Key, usize), ReadOutcome> {
        let transport = {
            let outgoing = self.outgoing.lock();
            if outgoing.failure.is_some() {
                return Err(ReadOutcome::Full);
            }
            if outgoing.read_ended {
                return Err(ReadOutcome::Over);
            }
            outgoing.transport.clone()
        };
        let (Some(transport), Some(key)) = (transport, self.key.get().copied()) else {
            return Err(ReadOutcome::Over);
        };
        let room = self.room(key);
        if self.receive_activity.set_reading_paused(room == 0) && self.settings.liveness.has_limits() {
            // The I/O task has to pause its timer.
            self.tell_task();
        }
        if room == 0 { Err(ReadOutcome::Full) } else { Ok((transport, key, room)) }
    }

    /// Returns the charge that may be decoded now; 0 if the receive buffer is full.
    fn room(&self, key: Key) -> usize {
        let room = self.dispatcher.update_quietly(key, |mailbox| {
            if mailbox.stop_reading_if_full() {
                return 0;
            }
            let room = mailbox.room();
            if mailbox.is_closing() { room.max(SMALL_STEP) } else { room }
        });
        // Without a mailbox (its dispatcher is closed) the server's close frame is still read.
        room.unwrap_or(SMALL_STEP).min(STEP)
    }

    /// Returns the backlog, or else the bytes of one read.
    fn next_input(&self, incoming: &mut Incoming, transport: &Transport) -> Result<Input, ConnectionFailure> {
        match incoming.backlog.take() {
            Some(backlog) => {
                let Backlog { buffer, at, time_us } = *backlog;
                let received = Ok(Received::Data { direct: 0, buffered: 0, drained: false });
                Ok(Input { buffer, at, time_us, received })
            }
            None => self.read(incoming, transport),
        }
    }

    /// Decodes the input step by step and hands on the messages. Returns `false` if the receive buffer is full before
    /// the end.
    fn take_in(
        self: &Arc<Self>,
        incoming: &mut Incoming,
        input: &mut Input,
        key: Key,
        mut room: usize,
        notifications: &mut Notifications<'_>,
    ) -> bool {
        // After a large read, a large message may begin.
        let large = input.buffer.len() >= LARGE_READ;
        if large && let Some(spare) = Buffer::spare() {
            incoming.receiver.lend(spare.into_vec());
        }
        let inflates = incoming.receiver.wants_inflater();
        if inflates {
            incoming.receiver.lend_inflater(INFLATER.take());
        }
        let complete = loop {
            let mut decoded = DecodedInput::of_read(input.time_us);
            input.at = self.decode(incoming, &input.buffer, input.at, room, &mut decoded);
            let complete = input.at == input.buffer.len() && !incoming.receiver.has_pending();
            let batches = if complete {
                let mut buffer = std::mem::take(&mut input.buffer);
                write_nuls(&mut buffer, &decoded.items);
                decoded.batches(buffer, self.dispatcher.is_private())
            } else {
                // The decoded messages are copied, because the rest of the buffer stays.
                decoded.copied_batches(&input.buffer)
            };
            let batches = if incoming.failed { Ok(Batches::new()) } else { batches };
            self.hand_on(key, decoded, batches, notifications);
            fault_point!();
            if complete {
                break true;
            }
            room = if notifications.failed { 0 } else { self.room(key) };
            if room == 0 {
                break false;
            }
        };
        if inflates && let Some(spare) = incoming.receiver.take_back_inflater() {
            INFLATER.keep(spare);
        }
        if large {
            drop(Buffer::from(incoming.receiver.take_back()));
        }
        complete
    }

    /// Puts the decoded messages into the mailbox.
    fn hand_on(
        &self,
        key: Key,
        mut decoded: DecodedInput,
        batches: Result<Batches, ErrorCode>,
        notifications: &mut Notifications<'_>,
    ) {
        let batches = batches.unwrap_or_else(|_| {
            decoded.failure.get_or_insert_with(out_of_memory);
            Batches::new()
        });
        stats::add(&self.received.messages, decoded.messages);
        stats::add(&self.received.bytes, decoded.bytes);
        fault_point!();
        if !batches.is_empty() && self.handler.receives() {
            let (discarded, signal) = self.dispatcher.update(key, |mailbox: &mut Mailbox| {
                mailbox.reserve(batches.len())?;
                Ok::<u64, ErrorCode>(batches.into_iter().map(|batch| mailbox.push(batch)).sum())
            });
            notifications.signals.add(signal);
            match discarded {
                Some(Ok(discarded)) => stats::add(&self.received.discarded, discarded),
                Some(Err(_)) => {
                    decoded.failure.get_or_insert_with(out_of_memory);
                }
                None => {}
            }
        }
        notifications.answers |= decoded.answers;
        notifications.close_code = notifications.close_code.or(decoded.close_code);
        if let Some(failure) = decoded.failure {
            self.record_failure(failure);
            notifications.failed = true;
        }
    }

    /// Sends the notifications. No lock is held.
    fn send_notifications(self: &Arc<Self>, notifications: Notifications<'_>) {
        let Notifications { signals, answers, failed, close_code } = notifications;
        if let Some(code) = close_code {
            log!(Debug, Component::WebSocket, "socket {}: close frame received, code {code}", self.id());
        }
        drop(signals);
        if answers {
            self.flush();
        }
        if failed {
            self.fail_when_delivered();
        }
    }

    /// `ended`: what was read is the last, and no other read will find the end.
    fn read_outcome(
        self: &Arc<Self>,
        complete: bool,
        received: io::Result<Received>,
        ended: bool,
    ) -> ReadOutcome {
        match received {
            Ok(Received::Data { .. }) if !complete => ReadOutcome::Full,
            Ok(Received::Data { .. }) if ended => {
                self.stream_ended(None);
                ReadOutcome::Over
            }
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

    /// Frees partly received messages when the connection is over. A reader that holds the lock does the same at its
    /// end.
    pub(super) fn free_received(&self) {
        let gone = self
            .incoming
            .try_lock()
            .map(|mut incoming| std::mem::replace(&mut *incoming, Incoming::new(&self.settings)));
        drop(gone);
    }

    /// Returns whether the last read has left bytes to decode.
    pub(super) fn has_backlog(&self) -> bool {
        self.incoming.lock().backlog.is_some()
    }

    /// Begins to receive, with the agreed compression and the bytes that followed the server's answer to the upgrade.
    pub(super) fn begin_receiving(&self, transport: &Transport, accepted: &mut Accepted) {
        let (bytes, time_us) = (std::mem::take(&mut accepted.rest), accepted.time_us);
        let mut incoming = self.incoming.lock();
        incoming.receiver = self.settings.receiver(accepted.deflate.as_ref());
        // The end that came with the answer is found behind these bytes, also where there are none.
        let is_left = !bytes.is_empty() || transport.has_ended();
        incoming.backlog = is_left.then(|| Box::new(Backlog { buffer: bytes.into(), at: 0, time_us }));
        self.received.last_us.store(time_us, Ordering::Relaxed);
    }

    /// Reads once: straight into the current message, if that is large, and into the buffer.
    fn read(&self, incoming: &mut Incoming, transport: &Transport) -> Result<Input, ConnectionFailure> {
        let mut buffer = Buffer::for_reading().map_err(|_| out_of_memory())?;
        let before = transport.traffic().received();
        let filled =
            incoming.receiver.fill(|message, room| transport.read(Some((message, room)), &mut buffer));
        let received = match filled {
            Ok(Some(received)) => received,
            Ok(None) => transport.read(None, &mut buffer),
            Err(failure) => return Err(self.describe(failure)),
        };
        let time_us = self.record_read(transport, before);
        fault_point!();
        Ok(Input { buffer, at: 0, time_us, received })
    }

    /// Returns whether to read, and records whether reading is paused.
    pub(super) fn may_read(&self) -> bool {
        let reads = self.outgoing.lock().for_task().reads;
        reads && self.has_room()
    }

    /// Returns whether the mailbox has room, and records whether reading is paused.
    pub(super) fn has_room(&self) -> bool {
        let Some(key) = self.key.get().copied() else { return false };
        let full = self.dispatcher.update_quietly(key, Mailbox::stop_reading_if_full).unwrap_or(false);
        self.receive_activity.set_reading_paused(full);
        !full
    }
}
