//! The short ways of a small message. One that finds nothing before it goes from the caller's bytes through one buffer of
//! the thread to the kernel, with no place in the queue; what the kernel does not take goes on the long way. One that is
//! held, by a cork or by a callback, is encoded where it will leave from.

use super::Socket;
use super::implied_cork::Deferred;
use super::outgoing::{Outgoing, OutgoingMessage, Phase};
use crate::error::ErrorCode;
use crate::event::MESSAGE_OVERHEAD;
use crate::random::mask_key;
use crate::sync::MutexGuard;
use crate::thread_slot::thread_slot;
use crate::transport::Written;
use std::io::IoSlice;
use std::sync::Arc;
use ws4d_protocol::send::encode;

/// Longer messages are encoded where they stay.
const SHORT: usize = 4 * 1024;

thread_slot! {
    /// Belongs to the thread that sends: a socket that is silent has none.
    static FRAME: Vec<u8>;
}

impl Socket {
    /// Sends the message at once, or, where a cork or a callback on the I/O thread (`collects`) holds it, puts it to those
    /// that it will leave with. `None`: it has to go the long way, and nothing has happened.
    pub(super) fn send_short(
        self: &Arc<Self>,
        message: &OutgoingMessage<&[u8]>,
        collects: bool,
    ) -> Option<Result<(), ErrorCode>> {
        if message.payload.len() > SHORT {
            return None;
        }
        let outgoing = self.outgoing.lock();
        let plain = outgoing.phase == Phase::Open
            && outgoing.write_error.is_none()
            && (outgoing.deflate.is_none() || !self.is_worth_compressing(message));
        match plain {
            true if outgoing.corked || collects => self.hold(message, outgoing),
            true => self.send_at_once(message, outgoing),
            false => None,
        }
    }

    /// Under a cork one lock is all that a message costs.
    fn hold(
        self: &Arc<Self>,
        message: &OutgoingMessage<&[u8]>,
        mut outgoing: MutexGuard<'_, Outgoing>,
    ) -> Option<Result<(), ErrorCode>> {
        let (len, limit) = (message.payload.len(), self.settings.send_buffer_size);
        let is_full = |outgoing: &Outgoing| limit != 0 && outgoing.queue.buffered() >= limit;
        if is_full(&outgoing) {
            return None;
        }
        if outgoing.queue.append(message.opcode, message.payload, len + MESSAGE_OVERHEAD).is_err() {
            return Some(Err(ErrorCode::OutOfMemory));
        }
        outgoing.sent.message(len);
        // A full buffer ends the cork.
        outgoing.corked &= !is_full(&outgoing);
        let corked = outgoing.corked;
        drop(outgoing);
        if !corked && !Deferred::take_in(self) {
            self.flush();
        }
        Some(Ok(()))
    }

    fn send_at_once(
        self: &Arc<Self>,
        message: &OutgoingMessage<&[u8]>,
        mut outgoing: MutexGuard<'_, Outgoing>,
    ) -> Option<Result<(), ErrorCode>> {
        let len = message.payload.len();
        let charge = len + MESSAGE_OVERHEAD;
        if outgoing.flushing || outgoing.blocked || !outgoing.queue.is_empty() {
            return None;
        }
        let transport = outgoing.transport.clone()?;
        let mut frame = FRAME.take().unwrap_or_default();
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
        FRAME.keep(frame);
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
