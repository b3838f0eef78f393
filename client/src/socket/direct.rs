//! The fast path of a small message when nothing waits before it: from the caller's bytes through one buffer of the
//! thread to the kernel, with no place in the queue. Bytes that the kernel does not take are queued.

use super::Socket;
use super::flush::Drain;
use super::outgoing::{Outgoing, OutgoingMessage};
use super::roles::Flusher;
use crate::dispatch::Mailbox;
use crate::error::ErrorCode;
use crate::event::MESSAGE_OVERHEAD;
use crate::fault::fault_point;
use crate::random::mask_key;
use crate::sync::MutexGuard;
use crate::thread_slot::thread_slot;
use crate::transport::Written;
use std::io::IoSlice;
use std::sync::Arc;
use ws4d_protocol::send::encode;

thread_slot! {
    /// Belongs to the sending thread, so that an idle socket needs none.
    static FRAME: Vec<u8>;
}

impl Socket {
    /// Sends the message at once: the queue is empty and no thread is writing. On a panic the guard is dropped before
    /// `flusher` locks.
    pub(super) fn send_direct<'a>(
        self: &'a Arc<Self>,
        message: &OutgoingMessage<&[u8]>,
        flusher: &mut Flusher<'a>,
        mut outgoing: MutexGuard<'a, Outgoing>,
    ) -> Result<(), ErrorCode> {
        let len = message.payload.len();
        let charge = len + MESSAGE_OVERHEAD;
        let Some(transport) = outgoing.transport.clone() else { return Err(ErrorCode::Closed) };
        let mut frame = FRAME.take().unwrap_or_default();
        frame.clear();
        encode(message.opcode, true, message.payload, mask_key(), &mut frame)
            .map_err(|_| ErrorCode::OutOfMemory)?;
        if !flusher.take(&mut outgoing) {
            return Err(ErrorCode::Internal);
        }
        fault_point!();
        outgoing.queue.begin_direct(charge);
        flusher.begin_writing();
        drop(outgoing);
        fault_point!();
        let written = transport.write(&[IoSlice::new(&frame)]);
        fault_point!();
        let mut outgoing = self.outgoing.lock();
        outgoing.sent.message(len);
        let taken = written.as_ref().map_or(0, |Written { taken, .. }| *taken);
        outgoing.queue.end_direct(&frame, taken, charge);
        fault_point!();
        flusher.end_writing();
        fault_point!();
        let tell_io = self.note_written(&mut outgoing, written);
        // Threads that sent meanwhile have left their messages to this call.
        let more = !outgoing.queue.is_empty();
        let drain = self.end_flush(flusher, outgoing, tell_io, true);
        FRAME.keep(frame);
        if drain == Drain::Due {
            self.post(Mailbox::drained);
        }
        if more {
            self.flush();
        }
        Ok(())
    }
}
