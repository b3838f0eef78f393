//! Writing: one thread at a time is the flusher; it holds no lock while it writes.

use super::Socket;
use super::outgoing::{Outgoing, Phase};
use super::queue::{self, Chunk, SLICES, Wire};
use super::roles::Flusher;
use crate::dispatch::Mailbox;
use crate::fault::fault_point;
use crate::sync::MutexGuard;
use crate::transport::{Transport, Written};
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Instant;

impl Socket {
    /// Writes the queue as far as the kernel takes it. Any thread; never blocks.
    pub(super) fn flush(self: &Arc<Self>) {
        if self.write_out(true) == Drain::Due {
            self.post(Mailbox::drained);
        }
    }

    /// Like [`flush`](Self::flush), for a caller that holds a role: it reports nothing to the host. `drains`: the
    /// caller reports a drain that is due.
    pub(super) fn write_out(self: &Arc<Self>, drains: bool) -> Drain {
        let mut flusher = Flusher::none(self);
        let mut outgoing = self.outgoing.lock();
        if !flusher.take(&mut outgoing) {
            return Drain::No;
        }
        fault_point!();
        let mut tell_io = false;
        while !outgoing.blocked && !outgoing.is_broken() && !outgoing.queue.is_empty() {
            let Some(transport) = outgoing.transport.clone() else { break };
            let held = outgoing.corked;
            flusher.begin_writing();
            let wire = outgoing.queue.take_wire(held);
            if wire.is_empty() {
                flusher.end_writing();
                break;
            }
            let close_sent = std::mem::replace(&mut outgoing.close_sent, wire.iter().any(Chunk::closes));
            drop(outgoing);
            fault_point!();
            let written = write(&transport, &wire);
            fault_point!();
            outgoing = self.outgoing.lock();
            outgoing.close_sent = close_sent;
            if let Ok(Written { taken, .. }) = written {
                outgoing.close_sent |= outgoing.queue.put_back(wire, taken);
            }
            fault_point!();
            flusher.end_writing();
            fault_point!();
            tell_io |= self.note_written(&mut outgoing, written);
        }
        self.end_flush(&mut flusher, outgoing, tell_io, drains)
    }

    /// Records the result of a write. Returns whether the I/O thread has to be notified.
    pub(super) fn note_written(&self, outgoing: &mut Outgoing, written: io::Result<Written>) -> bool {
        match written {
            Ok(Written { taken, blocked }) => {
                outgoing.blocked = blocked;
                if taken > 0 && outgoing.deadline.is_some() {
                    // The close timeout restarts whenever the network takes queued bytes.
                    outgoing.deadline = Some(Instant::now() + self.settings.close_timeout);
                }
                blocked
            }
            Err(error) => {
                // Bytes that the server sent before are still read; then the reader reports the end.
                outgoing.clear();
                outgoing.write_error = Some(error);
                outgoing.deadline.get_or_insert(Instant::now() + self.settings.close_timeout);
                true
            }
        }
    }

    /// Gives up the flusher's role. Returns whether the host is now owed a drain.
    pub(super) fn end_flush(
        &self,
        flusher: &mut Flusher<'_>,
        mut outgoing: MutexGuard<'_, Outgoing>,
        tell_io: bool,
        drains: bool,
    ) -> Drain {
        flusher.end(&mut outgoing);
        outgoing.end_sending();
        if matches!(outgoing.phase, Phase::Over) {
            outgoing.clear();
        }
        let answered = outgoing.is_answered();
        let due = drains && outgoing.take_drain(self.settings.send_buffer_size);
        drop(outgoing);
        if tell_io || answered {
            self.tell_task();
        }
        if due { Drain::Due } else { Drain::No }
    }
}

/// A drain, which reports to the host that the send buffer has room again: due, or not.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Drain {
    No,
    Due,
}

fn write(transport: &Transport, wire: &Wire) -> io::Result<Written> {
    let mut storage = [IoSlice::new(&[]); SLICES];
    let n = queue::slices(wire, &mut storage);
    transport.write(&storage[..n])
}
