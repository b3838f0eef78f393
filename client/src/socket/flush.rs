//! Writing: one thread at a time is the flusher, and holds no lock while it writes.

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
    /// Writes what waits, as far as the kernel takes it. Any thread; never waits.
    pub(super) fn flush(self: &Arc<Self>) {
        if self.write_out(true) == Drain::Due {
            self.post(Mailbox::drained);
        }
    }

    /// The same for whoever has a role: the host is told of nothing. `drains`: a drain that is due is the caller's to tell.
    pub(super) fn write_out(self: &Arc<Self>, drains: bool) -> Drain {
        let mut flusher = Flusher::none(self);
        let mut outgoing = self.outgoing.lock();
        if !flusher.take(&mut outgoing) {
            return Drain::No;
        }
        fault_point!();
        let mut tell_io = false;
        while !outgoing.blocked && !outgoing.is_broken() {
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

    /// What a write says of the connection. Says whether the I/O thread has to know.
    pub(super) fn note_written(&self, outgoing: &mut Outgoing, written: io::Result<Written>) -> bool {
        match written {
            Ok(Written { taken, blocked }) => {
                outgoing.blocked = blocked;
                if taken > 0 && outgoing.deadline.is_some() {
                    // The close timeout starts again whenever the network takes queued bytes.
                    outgoing.deadline = Some(Instant::now() + self.settings.close_timeout);
                }
                blocked
            }
            Err(error) => {
                // What the server has sent before is still read; then the reader says how it ended.
                outgoing.clear();
                outgoing.write_error = Some(error);
                outgoing.deadline.get_or_insert(Instant::now() + self.settings.close_timeout);
                true
            }
        }
    }

    /// Gives the role of the flusher up. Says whether the host is owed a drain, now that it is gone.
    pub(super) fn end_flush(
        &self,
        flusher: &mut Flusher<'_>,
        mut outgoing: MutexGuard<'_, Outgoing>,
        tell_io: bool,
        drains: bool,
    ) -> Drain {
        flusher.end(&mut outgoing);
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

/// Whether the host is to be told that there is room again.
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
