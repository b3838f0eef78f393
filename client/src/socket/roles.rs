//! The roles of the sending side, each a value whose drop gives the role up, also by a panic: the place of a message
//! that is being encoded, with the use of the deflater, and the role of the flusher. After a panic no thread waits
//! for a role that is gone: the socket goes on, or ends with an error.
//!
//! A role is declared before the guard of `outgoing`, because its drop locks that. No function of the host runs while
//! a role is held, nor in its drop; the task does the rest of the work ([`Socket::finish_undone`]).

use super::Socket;
use super::outgoing::{Encoder, Outgoing};
use crate::error::{Component, Error, ErrorCode};
use crate::sync::MutexGuard;
use std::sync::Arc;
use ws4d_protocol::send::OutOfMemory;

/// The place in the queue of a message that is being encoded.
pub(super) struct QueuePlace<'a> {
    socket: &'a Arc<Socket>,
    taken: Option<Taken>,
}

#[derive(Clone, Copy)]
struct Taken {
    ticket: u64,
    charge: usize,
    /// Taken together with the socket's deflater.
    with_context: bool,
    /// The message was accepted, so that it may not be lost.
    accepted: bool,
}

/// The loss where a role was given up.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Loss {
    /// No message was lost. Others may have waited behind it, for a flush.
    None,
    /// The connection has lost a message, or a part of one.
    Message,
}

impl<'a> QueuePlace<'a> {
    /// No place yet.
    pub(super) fn none(socket: &'a Arc<Socket>) -> QueuePlace<'a> {
        QueuePlace { socket, taken: None }
    }

    /// Takes the next place in the queue, and, if `with_context`, the socket's deflater, which must be free.
    pub(super) fn take(
        &mut self,
        outgoing: &mut Outgoing,
        charge: usize,
        with_context: bool,
    ) -> Result<u64, OutOfMemory> {
        let ticket = outgoing.queue.reserve(charge)?;
        if with_context {
            outgoing.encoder = Encoder::Sender;
        }
        self.taken = Some(Taken { ticket, charge, with_context, accepted: false });
        Ok(ticket)
    }

    /// Takes over the place of a message that has waited. The deflater stays with the I/O thread.
    pub(super) fn resume(&mut self, ticket: u64, charge: usize) {
        self.taken = Some(Taken { ticket, charge, with_context: false, accepted: true });
    }

    /// Called when the whole message is in its place. Returns whether the I/O thread has messages to encode.
    pub(super) fn filled(&mut self, outgoing: &mut Outgoing) -> bool {
        self.taken.take().is_some_and(|taken| taken.hand_over(outgoing))
    }

    /// Gives up the place of a message that cannot be encoded.
    pub(super) fn give_up(&mut self) -> Loss {
        let Some(taken) = self.taken.take() else { return Loss::None };
        let mut outgoing = self.socket.outgoing.lock();
        let loss = taken.give_up(&mut outgoing);
        let encodes = taken.hand_over(&mut outgoing);
        drop(outgoing);
        if encodes {
            self.socket.tell_task();
        }
        loss
    }
}

impl Taken {
    fn give_up(self, outgoing: &mut Outgoing) -> Loss {
        if outgoing.queue.give_up(self.ticket, self.charge) && !self.accepted {
            Loss::None
        } else {
            Loss::Message
        }
    }

    /// Leaves messages that were queued meanwhile to the I/O thread, because a sender does not encode those of other
    /// threads.
    fn hand_over(self, outgoing: &mut Outgoing) -> bool {
        if self.with_context {
            outgoing.hand_over();
        }
        self.with_context && outgoing.encoder == Encoder::IoThread
    }
}

impl Drop for QueuePlace<'_> {
    fn drop(&mut self) {
        let Some(taken) = self.taken.take() else { return };
        self.socket.forget_compressed();
        let mut outgoing = self.socket.outgoing.lock();
        let loss = taken.give_up(&mut outgoing);
        taken.hand_over(&mut outgoing);
        leave_undone(self.socket, outgoing, loss);
    }
}

/// The role of the flusher: only its thread writes. A thread that finds the role taken returns, and its messages are
/// written by the flusher.
pub(super) struct Flusher<'a> {
    socket: &'a Arc<Socket>,
    role: Role,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    No,
    Yes,
    /// Bytes are out of the queue, and only the kernel knows how many it has taken.
    Writing,
}

impl<'a> Flusher<'a> {
    /// Not the flusher yet.
    pub(super) fn none(socket: &'a Arc<Socket>) -> Flusher<'a> {
        Flusher { socket, role: Role::No }
    }

    /// Takes the role; returns `false` if another thread has it.
    pub(super) fn take(&mut self, outgoing: &mut Outgoing) -> bool {
        if std::mem::replace(&mut outgoing.flushing, true) {
            return false;
        }
        self.role = Role::Yes;
        true
    }

    pub(super) fn begin_writing(&mut self) {
        self.role = Role::Writing;
    }

    /// Called when the unwritten chunks are back in the queue.
    pub(super) fn end_writing(&mut self) {
        self.role = Role::Yes;
    }

    pub(super) fn end(&mut self, outgoing: &mut Outgoing) {
        self.role = Role::No;
        outgoing.flushing = false;
    }
}

impl Drop for Flusher<'_> {
    fn drop(&mut self) {
        if self.role == Role::No {
            return;
        }
        let mut outgoing = self.socket.outgoing.lock();
        outgoing.flushing = false;
        let loss = if self.role == Role::Writing { Loss::Message } else { Loss::None };
        leave_undone(self.socket, outgoing, loss);
    }
}

/// Bytes of an open message that the deflater has taken and the queue has not got: without them the server could not read
/// what follows.
pub(super) struct Unsent<'a> {
    socket: &'a Arc<Socket>,
    torn: bool,
}

impl<'a> Unsent<'a> {
    pub(super) fn none(socket: &'a Arc<Socket>) -> Unsent<'a> {
        Unsent { socket, torn: false }
    }

    pub(super) fn begin(&mut self) {
        self.torn = true;
    }

    /// They are in the queue, or nobody waits for them any more.
    pub(super) fn is_sent(&mut self) {
        self.torn = false;
    }

    /// Returns whether there are any; if so, the caller has to end the connection.
    pub(super) fn is_torn(&mut self) -> bool {
        std::mem::take(&mut self.torn)
    }
}

impl Drop for Unsent<'_> {
    fn drop(&mut self) {
        if self.torn {
            leave_undone(self.socket, self.socket.outgoing.lock(), Loss::Message);
        }
    }
}

pub(super) fn leave_undone(socket: &Socket, mut outgoing: MutexGuard<'_, Outgoing>, loss: Loss) {
    outgoing.undone = true;
    if loss == Loss::Message {
        outgoing.lost = true;
        outgoing.clear();
    }
    drop(outgoing);
    socket.tell_task();
}

impl Socket {
    /// Does the work left to the task: after a panic has given a role up, ends the connection if a message was lost,
    /// and flushes otherwise; ends a connection whose close frame was the last to send. Returns whether the
    /// connection is over.
    pub(super) fn finish_undone(self: &Arc<Self>) -> bool {
        let (undone, lost, answered) = {
            let mut outgoing = self.outgoing.lock();
            (std::mem::take(&mut outgoing.undone), outgoing.lost, outgoing.is_answered())
        };
        if answered {
            self.finish(None);
            return true;
        }
        if !undone {
            return false;
        }
        if !lost {
            self.flush();
            return false;
        }
        let what = format!("A fault in the library itself has lost a message to {}", self.shown());
        self.finish(Some(Error::new(ErrorCode::Internal, Component::Socket, what)));
        true
    }
}
