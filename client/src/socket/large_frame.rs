//! The rest of a large frame: the reader is woken when it has arrived, not for each packet. Where the bytes so far
//! may already show that the frame is invalid, they are checked from time to time; where no more came in between, the
//! next byte wakes again.

use super::Socket;
use super::receive::{Incoming, ReadOutcome};
use crate::transport::{Transport, Wakes};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use ws4d_protocol::receive::Receiver;

/// Interval at which the task checks a partial frame whose payload is validated as it arrives.
const PARTIAL_FRAME_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// The timer of the checks of a partial frame.
#[derive(Default)]
pub(super) struct PartialFrameCheck(Option<Instant>);

impl PartialFrameCheck {
    /// Returns when the next check is due; called once per pass of the task's loop.
    pub(super) fn due(&mut self, socket: &Socket) -> Option<Instant> {
        if socket.rest_awaited.load(Ordering::Acquire) {
            self.0 = self.0.or_else(|| Instant::now().checked_add(PARTIAL_FRAME_CHECK_INTERVAL));
        } else {
            self.0 = None;
        }
        self.0
    }

    /// The time that [`due`](Self::due) has returned last, unless the check was done.
    pub(super) fn planned(&self) -> Option<Instant> {
        self.0
    }

    /// Checks the partial frame.
    pub(super) fn check(&mut self, socket: &Arc<Socket>) {
        self.0 = None;
        if socket.still_awaits_rest() && socket.read_pending() == ReadOutcome::Nothing {
            socket.wake_for_any();
        }
    }
}

impl Socket {
    /// Called after a read and the decoding of its bytes. `receiver` is guarded by `incoming`.
    pub(super) fn await_rest(&self, receiver: &Receiver, transport: &Transport, drained: bool) {
        let may_fail = receiver.may_fail();
        // The task of a driving dispatcher runs only while its owner drives it.
        let unseen = may_fail && self.dispatcher.task_driver().is_some();
        let missing = if unseen { 0 } else { receiver.missing() };
        let checks = match transport.expect(missing, drained) {
            Wakes::ForAnyByte => false,
            Wakes::ForMany => may_fail,
            Wakes::TooLate => true,
        };
        // One notification for a burst of such frames.
        if checks && !self.rest_awaited.swap(true, Ordering::AcqRel) {
            self.tell_task();
        }
    }

    /// Returns whether the rest of such a frame is awaited; if not, the checks stop until the next one.
    fn still_awaits_rest(&self) -> bool {
        let Incoming { receiver, .. } = &*self.incoming.lock();
        let transport = self.outgoing.lock().transport.clone();
        let wakes_too_late = transport.is_some_and(|transport| transport.wakes_too_late());
        let awaits = receiver.may_fail() || wakes_too_late;
        self.rest_awaited.store(awaits, Ordering::Release);
        awaits
    }

    /// The server has stopped inside the frame: the next byte wakes, and there are no checks before.
    fn wake_for_any(&self) {
        let _incoming = self.incoming.lock();
        let transport = self.outgoing.lock().transport.clone();
        let wakes = transport.map(|transport| transport.expect(0, true));
        // The checks go on as long as the system refuses that.
        self.rest_awaited.store(wakes == Some(Wakes::TooLate), Ordering::Release);
    }
}
