//! The short way of a small message that finds nothing before it: from the caller's bytes through one buffer of the
//! thread to the kernel, with no place in the queue. What the kernel does not take goes on the long way.

use super::Socket;
use super::outgoing::{Message, Phase};
use super::send::Deferred;
use crate::error::ErrorCode;
use crate::event::MESSAGE_OVERHEAD;
use crate::random::mask_key;
use crate::transport::Written;
use std::cell::Cell;
use std::io::IoSlice;
use std::sync::Arc;
use ws4d_protocol::send::encode;

/// Longer messages are encoded where they stay.
const SHORT: usize = 4 * 1024;

thread_local! {
    /// Belongs to the thread that sends: a socket that is silent has none.
    static FRAME: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Socket {
    /// Sends the message at once; `None`: it has to go the long way, and nothing has happened.
    pub(super) fn send_at_once(self: &Arc<Self>, message: &Message<&[u8]>) -> Option<Result<(), ErrorCode>> {
        let len = message.payload.len();
        if len > SHORT || Deferred::collects() {
            return None;
        }
        let charge = len + MESSAGE_OVERHEAD;
        let mut outgoing = self.outgoing.lock();
        let clear = outgoing.phase == Phase::Open
            && !outgoing.flushing
            && !outgoing.blocked
            && !outgoing.corked
            && outgoing.write_error.is_none()
            && outgoing.queue.is_empty()
            && (outgoing.deflate.is_none() || !self.is_worth_compressing(message));
        if !clear {
            return None;
        }
        let transport = outgoing.transport.clone()?;
        let mut frame = FRAME.take();
        frame.clear();
        if encode(message.opcode, true, message.payload, mask_key(), &mut frame).is_err() {
            return Some(Err(ErrorCode::OutOfMemory));
        }
        outgoing.flushing = true;
        outgoing.queue.begin_direct(charge);
        outgoing.sent.message(len);
        drop(outgoing);
        let written = transport.write(&[IoSlice::new(&frame)]);
        let mut outgoing = self.outgoing.lock();
        let taken = written.as_ref().map_or(0, |Written { taken, .. }| *taken);
        outgoing.queue.end_direct(&frame, taken, charge);
        FRAME.set(frame);
        let tell_io = self.note_written(&mut outgoing, written);
        // Who came meanwhile has left it to this call.
        let more = !outgoing.queue.is_empty();
        self.end_flush(outgoing, tell_io);
        if more {
            self.flush();
        }
        Some(Ok(()))
    }
}
