//! The short way of a small message that finds nothing before it: from the caller's bytes through one buffer of the thread
//! to the kernel, with no place in the queue. What the kernel does not take goes on the long way.

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
    /// Belongs to the thread that sends: a socket that is silent has none.
    static FRAME: Vec<u8>;
}

impl Socket {
    /// Sends the message at once: nothing waits, and nobody writes. Of its two arguments the guard goes first where this
    /// panics.
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
        // Who came meanwhile has left it to this call.
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
