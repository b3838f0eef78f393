//! The rest of a large frame: who waits for it is woken when it is there, and not for each packet. Where what has come may show
//! already that the frame is wrong, it is looked at now and then, and where nothing more came, the next byte wakes again.

use super::Socket;
use super::receive::{Incoming, ReadOutcome};
use crate::transport::{Transport, Wakes};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use ws4d_protocol::receive::Receiver;

/// So often the task looks at what has come of a frame whose payload is judged as it comes.
const PARTIAL_FRAME_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// When the task looks next.
#[derive(Default)]
pub(super) struct Look(Option<Instant>);

impl Look {
    /// To be called once a turn: when it is time.
    pub(super) fn due(&mut self, socket: &Socket) -> Option<Instant> {
        if socket.rest_awaited.load(Ordering::Acquire) {
            self.0 = self.0.or_else(|| Instant::now().checked_add(PARTIAL_FRAME_CHECK_INTERVAL));
        } else {
            self.0 = None;
        }
        self.0
    }

    /// It is time.
    pub(super) fn look(&mut self, socket: &Arc<Socket>) {
        self.0 = None;
        if socket.still_awaits_rest() && socket.look_for_bytes() == ReadOutcome::Nothing {
            socket.wake_for_any();
        }
    }
}

impl Socket {
    /// A read is over, and what it brought is decoded. `receiver` is what `incoming` guards.
    pub(super) fn await_rest(&self, receiver: &Receiver, transport: &Transport, drained: bool) {
        let may_fail = receiver.may_fail();
        // The task of a driving dispatcher looks only when its owner does.
        let unseen = may_fail && self.dispatcher.task_driver().is_some();
        let missing = if unseen { 0 } else { receiver.missing() };
        let looks = match transport.expect(missing, drained) {
            Wakes::ForAnyByte => false,
            Wakes::ForMany => may_fail,
            Wakes::TooLate => true,
        };
        // Once for a burst of such frames.
        if looks && !self.rest_awaited.swap(true, Ordering::AcqRel) {
            self.tell_task();
        }
    }

    /// Whether there is such a frame; if not, none is looked for until the next one.
    fn still_awaits_rest(&self) -> bool {
        let Incoming { receiver, .. } = &*self.incoming.lock();
        let transport = self.outgoing.lock().transport.clone();
        let wakes_too_late = transport.is_some_and(|transport| transport.wakes_too_late());
        let awaits = receiver.may_fail() || wakes_too_late;
        self.rest_awaited.store(awaits, Ordering::Release);
        awaits
    }

    /// The server has stopped inside the frame: the next byte wakes, and nobody looks before.
    fn wake_for_any(&self) {
        let _incoming = self.incoming.lock();
        let transport = self.outgoing.lock().transport.clone();
        let wakes = transport.map(|transport| transport.expect(0, true));
        // As long as that is refused, it is looked.
        self.rest_awaited.store(wakes == Some(Wakes::TooLate), Ordering::Release);
    }
}
