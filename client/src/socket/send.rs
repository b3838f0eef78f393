//! Sending, on the caller's thread: check, take a place, encode, write. Only what the kernel does not take is
//! left to the I/O thread.

use super::outgoing::Phase;
use super::queue::{self, Chunk, FRAGMENT, SLICES, Wire};
use super::{SendKind, Socket, Transport};
use crate::context;
use crate::dispatch::Mailbox;
use crate::error::ErrorCode;
use crate::event::MESSAGE_OVERHEAD;
use crate::json;
use crate::random::mask_key;
use crate::transport::Written;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Instant;
use ws4d_protocol::frame::OpCode;
use ws4d_protocol::send::encode;

/// Up to this size a message is encoded under the lock: that costs less than taking the lock twice.
const SMALL: usize = 4 * 1024;
/// A ping's payload (RFC 6455 §5.5).
const MOST_PING: usize = 125;

impl Socket {
    /// Sends a message; success means accepted. Errors, with nothing sent: [`ErrorCode::InvalidUtf8`],
    /// [`ErrorCode::InvalidJson`], [`ErrorCode::TooLarge`], [`ErrorCode::Closed`], [`ErrorCode::WouldBlock`], [`ErrorCode::OutOfMemory`].
    pub fn send(self: &Arc<Self>, kind: SendKind, data: &[u8]) -> Result<(), ErrorCode> {
        let text = || std::str::from_utf8(data).map_err(|_| ErrorCode::InvalidUtf8);
        let (opcode, payload) = match kind {
            SendKind::Blob => (OpCode::Binary, Cow::Borrowed(data)),
            SendKind::Text => {
                simdutf8::basic::from_utf8(data).map_err(|_| ErrorCode::InvalidUtf8)?;
                (OpCode::Text, Cow::Borrowed(data))
            }
            SendKind::Object => {
                let json = json::minify(text()?).map_err(|_| ErrorCode::InvalidJson)?;
                (OpCode::Text, Cow::Owned(json))
            }
        };
        let limit = self.settings.max_message_size;
        if limit != 0 && payload.len() > limit {
            return Err(ErrorCode::TooLarge);
        }
        match self.enqueue(opcode, &payload) {
            // Messages that a callback on the I/O thread has collected leave before it is told to wait.
            Err(ErrorCode::WouldBlock) if Deferred::holds(self) => {
                self.flush();
                self.enqueue(opcode, &payload)?;
            }
            result => result?,
        }
        self.flush_or_defer();
        Ok(())
    }

    fn enqueue(&self, opcode: OpCode, payload: &[u8]) -> Result<(), ErrorCode> {
        let charge = payload.len() + MESSAGE_OVERHEAD;
        let limit = self.settings.send_buffer_size;
        let mut outgoing = self.outgoing.lock();
        outgoing.admit(limit)?;
        if payload.len() <= SMALL {
            let frame = outgoing.queue.tail(charge);
            if encode(opcode, true, payload, mask_key(), frame).is_err() {
                outgoing.queue.uncharge_tail(charge);
                return Err(ErrorCode::OutOfMemory);
            }
        } else {
            let ticket = outgoing.queue.reserve(charge);
            drop(outgoing);
            let chunks = fragments(opcode, payload);
            outgoing = self.outgoing.lock();
            match chunks {
                Ok(chunks) => outgoing.queue.fill(ticket, chunks, charge),
                Err(error) => {
                    outgoing.queue.fill(ticket, VecDeque::new(), charge);
                    return Err(error);
                }
            }
        }
        if outgoing.corked && limit != 0 && outgoing.queue.buffered() >= limit {
            outgoing.corked = false;
        }
        Ok(())
    }

    /// Sends a ping of at most 125 bytes; its pong is an event. [`ErrorCode::TooLarge`] for a longer one, and
    /// as [`Socket::send`].
    pub fn ping(self: &Arc<Self>, data: &[u8]) -> Result<(), ErrorCode> {
        if data.len() > MOST_PING {
            return Err(ErrorCode::TooLarge);
        }
        let mut frame = Vec::with_capacity(6 + data.len());
        encode(OpCode::Ping, true, data, mask_key(), &mut frame).map_err(|_| ErrorCode::OutOfMemory)?;
        let mut outgoing = self.outgoing.lock();
        outgoing.admit(self.settings.send_buffer_size)?;
        outgoing.queue.push_control(&frame, data.len() + MESSAGE_OVERHEAD);
        outgoing.remember_ping(data);
        drop(outgoing);
        self.flush();
        Ok(())
    }

    /// Holds messages back until [`Socket::uncork`].
    pub fn cork(self: &Arc<Self>) -> Result<(), ErrorCode> {
        let mut outgoing = self.outgoing.lock();
        if !matches!(outgoing.phase, Phase::Connecting | Phase::Open) {
            return Err(ErrorCode::Closed);
        }
        outgoing.corked = true;
        Ok(())
    }

    /// Sends what was held back.
    pub fn uncork(self: &Arc<Self>) -> Result<(), ErrorCode> {
        let mut outgoing = self.outgoing.lock();
        if !matches!(outgoing.phase, Phase::Connecting | Phase::Open) {
            return Err(ErrorCode::Closed);
        }
        outgoing.corked = false;
        drop(outgoing);
        self.flush_or_defer();
        Ok(())
    }

    /// How full the send buffer is: the bytes of messages that have not left, plus 64 each.
    pub fn buffered_amount(&self) -> usize {
        self.outgoing.lock().queue.buffered()
    }

    fn flush_or_defer(self: &Arc<Self>) {
        if !Deferred::take_in(self) {
            self.flush();
        }
    }

    /// Writes what waits, as far as the kernel takes it. Any thread; never waits.
    pub(super) fn flush(self: &Arc<Self>) {
        let mut outgoing = self.outgoing.lock();
        if outgoing.flushing {
            return;
        }
        outgoing.flushing = true;
        let mut tell_io = false;
        while !outgoing.blocked && outgoing.write_error.is_none() {
            let Some(transport) = outgoing.transport.clone() else { break };
            let held = outgoing.corked;
            let wire = outgoing.queue.take_wire(held);
            if wire.is_empty() {
                break;
            }
            let close_sent = std::mem::replace(&mut outgoing.close_sent, wire.iter().any(Chunk::closes));
            drop(outgoing);
            let written = write(&transport, &wire);
            outgoing = self.outgoing.lock();
            outgoing.close_sent = close_sent;
            match written {
                Ok(Written { taken, blocked }) => {
                    outgoing.close_sent |= outgoing.queue.put_back(wire, taken);
                    outgoing.blocked = blocked;
                    tell_io |= blocked;
                    if taken > 0 && outgoing.deadline.is_some() {
                        // The close timeout starts again whenever the network takes queued bytes.
                        outgoing.deadline = Some(Instant::now() + self.settings.close_timeout);
                    }
                }
                Err(error) => {
                    // What the server has sent before is still read; then the reader says how it ended.
                    outgoing.queue.clear();
                    outgoing.write_error = Some(error);
                    outgoing.deadline.get_or_insert(Instant::now() + self.settings.close_timeout);
                    tell_io = true;
                }
            }
        }
        outgoing.flushing = false;
        if matches!(outgoing.phase, Phase::Over) {
            outgoing.queue.clear();
        }
        let drain = outgoing.take_drain(self.settings.send_buffer_size);
        drop(outgoing);
        if tell_io {
            self.changed.notify_one();
        }
        if drain {
            self.post(Mailbox::drained);
        }
    }
}

fn write(transport: &Transport, wire: &Wire) -> io::Result<Written> {
    let mut storage = [IoSlice::new(&[]); SLICES];
    let n = queue::slices(wire, &mut storage);
    transport.write(&storage[..n])
}

/// A message as frames of at most [`FRAGMENT`] bytes.
fn fragments(opcode: OpCode, payload: &[u8]) -> Result<VecDeque<Chunk>, ErrorCode> {
    let mut chunks = VecDeque::new();
    let count = payload.len().div_ceil(FRAGMENT);
    chunks.try_reserve_exact(count).map_err(|_| ErrorCode::OutOfMemory)?;
    for (i, part) in payload.chunks(FRAGMENT).enumerate() {
        let opcode = if i == 0 { opcode } else { OpCode::Continuation };
        let mut frame = Vec::new();
        encode(opcode, i + 1 == count, part, mask_key(), &mut frame).map_err(|_| ErrorCode::OutOfMemory)?;
        chunks.push_back(Chunk::new(frame, part.len() + if i == 0 { MESSAGE_OVERHEAD } else { 0 }));
    }
    Ok(chunks)
}

thread_local! {
    static DEFERRED: RefCell<Option<Vec<Arc<Socket>>>> = const { RefCell::new(None) };
}

/// The implied cork: while a callback runs on an I/O thread, what is sent is collected, and leaves together when
/// the callback has returned.
pub(super) struct Deferred(());

impl Deferred {
    /// Collects from now on, on this thread.
    pub(super) fn begin() -> Deferred {
        DEFERRED.set(Some(Vec::new()));
        Deferred(())
    }

    /// Whether what `socket` sends now is collected.
    fn take_in(socket: &Arc<Socket>) -> bool {
        context::in_callback()
            && DEFERRED.with_borrow_mut(|deferred| {
                let Some(sockets) = deferred else { return false };
                if !sockets.iter().any(|other| Arc::ptr_eq(other, socket)) {
                    sockets.push(Arc::clone(socket));
                }
                true
            })
    }

    fn holds(socket: &Arc<Socket>) -> bool {
        DEFERRED.with_borrow(|deferred| {
            deferred.as_ref().is_some_and(|sockets| sockets.iter().any(|other| Arc::ptr_eq(other, socket)))
        })
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        for socket in DEFERRED.take().unwrap_or_default() {
            socket.flush();
        }
    }
}
