//! What `ws_dispatcher_close` and `ws_close` still send: all that was accepted, and a close frame with `code`. Asked where the network
//! certainly takes it at once, and nothing that the server has sent is unread, which would destroy it on its way.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use ws4d_test_host::codes::*;

use crate::life::{CLOSED, Life, RETURNED};
use crate::panics;
use crate::server::Road;
use crate::wire::lock;
use crate::world::World;

impl World {
    /// Whose server must hear all, should the dispatcher be closed now.
    pub(crate) fn owing(&self) -> Vec<Arc<Life>> {
        let undisturbed = self.assistant.is_idle() && !self.shut_down.load(SeqCst);
        if !undisturbed || !lock(&self.frames).is_empty() {
            return Vec::new();
        }
        self.all_lives().into_iter().filter(|life| life.owes()).collect()
    }

    pub(crate) fn await_goodbye(&self, life: &Life, code: u16) {
        let expected = code;
        // A callback that ran inside may have closed it by itself, before its turn came.
        let closed = life.causes.load(SeqCst) & CLOSED != 0;
        // Callbacks that ran inside may have ended it, or made its server deaf; a panic may have cost it its goodbye.
        if panics::has_fired()
            || life.causes.load(SeqCst) & !CLOSED != 0
            || life.sends.is_open()
            || !life.wire.state().listens()
        {
            return;
        }
        let heard = || {
            let wire = life.wire.state();
            wire.close_got.is_some() || wire.gone
        };
        self.look_until(&format!("what socket {} sends when it is closed with {code}", life.index), heard);
        let wire = life.wire.state();
        let accepted: u64 = lock(&life.accepted).values().sum();
        let code = wire.close_got.as_deref().map(|payload| payload.get(..2).unwrap_or_default());
        let is_right =
            code == Some(&expected.to_be_bytes()) || (closed && code == Some(&1000u16.to_be_bytes()));
        if wire.got.len() as u64 != accepted || !is_right {
            let (got, close) = (&wire.got, &wire.close_got);
            life.wrong(format!("{accepted} messages were accepted; the server got {got:?}, close {close:?}"));
        }
        self.count(match (self.plan.driving, expected) {
            (_, 1000) => "goodbye of one",
            (true, _) => "goodbye of a driving one",
            (false, _) => "goodbye",
        });
    }
}

impl Life {
    fn owes(&self) -> bool {
        let (record, wire) = (lock(&self.record), self.wire.state());
        let open = self.created.load(SeqCst) == RETURNED && record.opened && record.end.is_none();
        let untouched = self.causes.load(SeqCst) == 0 && self.socket().status() == WS_STATUS_CONNECTED;
        let all_read = record.messages == wire.sent.len() && !wire.chatted && !self.has_pinged();
        let takes = self.plan.road == Road::Wide && self.would_block.load(SeqCst) == 0;
        // A thread of the library that sends just now may still be at it when the time is over.
        let lasts = self.world.plan.driving || self.plan.close_timeout.is_none();
        // What waits behind a message that is never ended is dropped.
        let flows = !self.sends.is_open();
        !self.plan.inline && flows && open && untouched && all_read && wire.listens() && takes && lasts
    }
}
