//! The roles of the sending side, each a value that a panic gives up: the place of a message that is being encoded, with
//! the turn of the deflater, and the role of the flusher. Whatever happens on the way, nobody waits for one that is gone:
//! the socket goes on, or ends with an error.
//!
//! A role is declared before the guard of `outgoing`, which it locks when it is dropped. No function of the host's runs
//! while one is held; and none runs in a drop, so what is left to do then is the task's ([`Socket::finish_undone`]).

use super::Socket;
use super::outgoing::{Encoder, Outgoing};
use crate::error::{Component, Error, ErrorCode};
use std::sync::Arc;
use ws4d_protocol::send::OutOfMemory;

/// The place in the queue of a message that is being encoded.
pub(super) struct Place<'a> {
    socket: &'a Arc<Socket>,
    taken: Option<Taken>,
}

#[derive(Clone, Copy)]
struct Taken {
    ticket: u64,
    charge: usize,
    /// With the turn of the deflater.
    in_turn: bool,
    /// The host was told that it was taken: it may not be lost.
    accepted: bool,
}

/// What a place that was given up has left.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum GivenUp {
    /// Nothing of the message had left: others may have waited behind it, for a flush.
    Whole,
    /// The connection has lost a message, or a part of one.
    Torn,
}

impl<'a> Place<'a> {
    /// No place yet.
    pub(super) fn none(socket: &'a Arc<Socket>) -> Place<'a> {
        Place { socket, taken: None }
    }

    /// Takes the next place in the queue, and the deflater's turn where that is needed, which is nobody's.
    pub(super) fn take(
        &mut self,
        outgoing: &mut Outgoing,
        charge: usize,
        in_turn: bool,
    ) -> Result<u64, OutOfMemory> {
        let ticket = outgoing.queue.reserve(charge)?;
        if in_turn {
            outgoing.encoder = Encoder::Sender;
        }
        self.taken = Some(Taken { ticket, charge, in_turn, accepted: false });
        Ok(ticket)
    }

    /// Goes on with the place of a message that has waited. The turn stays the I/O thread's.
    pub(super) fn resume(&mut self, ticket: u64, charge: usize) {
        self.taken = Some(Taken { ticket, charge, in_turn: false, accepted: true });
    }

    /// All of the message is in its place. Says whether the I/O thread has something to encode.
    pub(super) fn filled(&mut self, outgoing: &mut Outgoing) -> bool {
        self.taken.take().is_some_and(|taken| taken.hand_over(outgoing))
    }

    /// The message cannot be encoded.
    pub(super) fn give_up(&mut self) -> GivenUp {
        let Some(taken) = self.taken.take() else { return GivenUp::Whole };
        let mut outgoing = self.socket.outgoing.lock();
        let given_up = taken.give_up(&mut outgoing);
        let told = taken.hand_over(&mut outgoing);
        drop(outgoing);
        if told {
            self.socket.tell_task();
        }
        given_up
    }
}

impl Taken {
    fn give_up(self, outgoing: &mut Outgoing) -> GivenUp {
        if outgoing.queue.give_up(self.ticket, self.charge) && !self.accepted {
            GivenUp::Whole
        } else {
            GivenUp::Torn
        }
    }

    /// Messages that came meanwhile are encoded by the I/O thread: this call is nobody else's worker.
    fn hand_over(self, outgoing: &mut Outgoing) -> bool {
        if self.in_turn {
            outgoing.hand_over();
        }
        self.in_turn && outgoing.encoder == Encoder::IoThread
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Some(taken) = self.taken.take() else { return };
        self.socket.forget_compressed();
        let mut outgoing = self.socket.outgoing.lock();
        let given_up = taken.give_up(&mut outgoing);
        taken.hand_over(&mut outgoing);
        leave_undone(self.socket, outgoing, given_up);
    }
}

/// The role of the flusher: only its thread writes. Whoever finds it taken has something before it and goes home.
pub(super) struct Flusher<'a> {
    socket: &'a Arc<Socket>,
    role: Role,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    No,
    Yes,
    /// Bytes are out of the queue, and nobody but the kernel knows how many it has taken.
    Writing,
}

impl<'a> Flusher<'a> {
    /// Not the flusher yet.
    pub(super) fn none(socket: &'a Arc<Socket>) -> Flusher<'a> {
        Flusher { socket, role: Role::No }
    }

    /// `false`: another thread has the role.
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

    /// What was not taken is back in the queue.
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
        let given_up = if self.role == Role::Writing { GivenUp::Torn } else { GivenUp::Whole };
        leave_undone(self.socket, outgoing, given_up);
    }
}

fn leave_undone(socket: &Socket, mut outgoing: crate::sync::MutexGuard<'_, Outgoing>, given_up: GivenUp) {
    outgoing.undone = true;
    if given_up == GivenUp::Torn {
        outgoing.lost = true;
        outgoing.clear();
    }
    drop(outgoing);
    socket.tell_task();
}

impl Socket {
    /// Does what was left to the task: where a panic has given a role up, the connection that lost something ends, and any
    /// other goes on; and one ends whose last word has left. Says whether this one is over.
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
