//! The next step of a socket's I/O task: decided without waiting, from what other threads and the times have left to do.

use super::Socket;
use super::descriptor::Descriptor;
use super::keepalive::KeepAlive;
use super::large_frame::PartialFrameCheck;
use super::outgoing::TaskView;
use crate::fault::fault_point;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// The parts of the task that watch an open connection.
pub(super) struct Watch {
    pub(super) descriptor: Box<Descriptor>,
    keepalive: Option<Box<KeepAlive>>,
    partial_frame: PartialFrameCheck,
}

/// The next step of a task.
pub(super) enum Step {
    /// The connection is over, and so is the task.
    Over,
    /// Something was settled: decide again.
    Again,
    /// Decode the backlog.
    Read,
    /// The close timeout, or the time for a failure to be delivered, is over.
    EndAtDeadline,
    /// Write, because the kernel takes more while the descriptor is lent.
    Write,
    /// Let other tasks run, then decide again.
    Yield,
    /// Service the sockets of the dispatcher in the owner's place.
    Serve,
    /// Wait for the first event.
    Wait(Wait),
}

/// The events to wait for, beside notifications and those of the dispatcher's poller.
#[derive(Clone, Copy)]
pub(super) struct Wait {
    /// Until the kernel takes more.
    pub(super) blocked: bool,
    /// Until there are bytes to read.
    pub(super) may_read: bool,
    /// Until the first of all times.
    pub(super) until: Option<Instant>,
    /// Polls for bytes before it sleeps.
    pub(super) spins: bool,
}

impl Watch {
    pub(super) fn begin(socket: &Socket, descriptor: Box<Descriptor>) -> Watch {
        let keepalive = KeepAlive::begin(socket);
        Watch { descriptor, keepalive, partial_frame: PartialFrameCheck::default() }
    }

    /// Does the checks whose time has come.
    pub(super) fn check_what_is_due(&mut self, socket: &Arc<Socket>) {
        let is_due = |time: Option<Instant>| time.is_some_and(|time| time <= Instant::now());
        if is_due(self.descriptor.due()) {
            self.descriptor.check_owner();
        }
        if let Some(keepalive) = &mut self.keepalive
            && is_due(keepalive.until())
        {
            keepalive.check(socket);
        }
        if is_due(self.partial_frame.planned()) {
            self.partial_frame.check(socket);
        }
    }
}

impl Socket {
    /// Does all that needs no waiting, and returns the step that follows.
    pub(super) fn next_step(self: &Arc<Self>, watch: &mut Watch) -> Step {
        let Watch { descriptor, keepalive, partial_frame } = watch;
        self.task_runs();
        fault_point!();
        self.deliver_here();
        fault_point!();
        if self.is_over() {
            return Step::Over;
        }
        // Whoever changes something after this look notifies the task.
        let mut view = self.outgoing.lock().for_task();
        if view.has_work {
            if self.finish_undone() {
                return Step::Again;
            }
            self.fail_when_delivered();
            self.encode_waiting();
            view = self.outgoing.lock().for_task();
        }
        let TaskView { reads, blocked, deadline, .. } = view;
        let awaits_rest = self.rest_awaited.load(Ordering::Acquire);
        let timed = awaits_rest || keepalive.is_some() || deadline.is_some();
        if let Err(error) = descriptor.update_watcher(timed) {
            self.poller_failed("The socket could not be watched", &error);
            return Step::Over;
        }
        let lent = descriptor.is_lent();
        fault_point!();
        // Called also while the owner reads, because it records whether reading is paused.
        let may_read = reads && self.has_room() && !lent;
        if let Some(keepalive) = keepalive {
            keepalive.update(self);
        }
        if may_read && self.has_backlog() {
            return Step::Read;
        }
        // Not left to the wait, where a server that never stops sending always has bytes ready.
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Step::EndAtDeadline;
        }
        if lent && blocked && descriptor.is_writable() {
            return Step::Write;
        }
        if descriptor.service_unread() {
            return Step::Yield;
        }
        if descriptor.is_to_serve() {
            return Step::Serve;
        }
        let silence_check = keepalive.as_ref().and_then(|keepalive| keepalive.until());
        let times = [deadline, descriptor.due(), silence_check, partial_frame.due(self)];
        let spins = may_read && !self.settings.busy_poll.is_zero();
        Step::Wait(Wait { blocked, may_read, until: times.into_iter().flatten().min(), spins })
    }
}
