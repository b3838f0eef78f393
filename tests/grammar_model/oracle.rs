//! What a life must have been, given all that was done to it.

use std::panic;
use std::sync::atomic::Ordering::SeqCst;

use ws4d_test_host::codes::*;
use ws4d_test_host::{check_grammar, name};

use crate::life::{ABORTED, CLOSED, End, Life, REFUSED, RETURNED, TERMINATED, TERMINATED_EARLY};
use crate::panics;
use crate::sends::Counts;
use crate::server::Road;
use crate::wire::{Answer, Ender, WireState, lock};
use crate::world::World;

/// One way in which a life may end; `None`: clean or not.
#[derive(Debug)]
struct Way {
    error: Option<i32>,
    code: u16,
    clean: Option<bool>,
    reason: String,
}

impl Way {
    fn lost(error: Option<i32>) -> Way {
        Way { error, code: 1006, clean: Some(false), reason: String::new() }
    }

    fn fits(&self, error: Option<i32>, end: &End) -> bool {
        self.error == error
            && self.code == end.code
            && self.clean.is_none_or(|clean| clean == end.clean)
            && self.reason == end.reason
    }
}

impl World {
    /// Judges every life, once all is over.
    pub(crate) fn judge(&self) {
        for life in self.all_lives() {
            life.judge();
        }
        if let Some(comeback) = self.comeback() {
            comeback.judge();
        }
        let broken: Vec<_> =
            self.all_lives().iter().filter(|life| life.is_broken()).map(|life| life.index).collect();
        if broken.len() > 1 {
            self.wrong(format!("one panic has ended sockets {broken:?}"));
        }
    }

    /// Whether the host, not the network, may have ended a life.
    fn may_have_ended(&self, life: &Life) -> bool {
        let causes = life.causes.load(SeqCst);
        let closed = self.is_closed() && !life.plan.inline && self.closed_early();
        causes & (ABORTED | TERMINATED_EARLY | CLOSED) != 0 || closed || self.shut_down.load(SeqCst)
    }
}

impl Life {
    /// Whether it has ended because of a panic that the test wanted.
    pub(crate) fn is_broken(&self) -> bool {
        if self.cut_short.load(SeqCst) {
            return true;
        }
        let refused = self.created.load(SeqCst) == REFUSED && self.failure.load(SeqCst) == WS_ERR_INTERNAL;
        panics::has_fired() && (refused || lock(&self.record).error == Some(WS_ERR_INTERNAL))
    }

    fn judge(&self) {
        let record = lock(&self.record);
        let wire = self.wire.state();
        if let Some(breach) = &wire.breach {
            self.wrong(breach.clone());
        }
        self.judge_sent(&wire, record.opened, record.error);
        if self.created.load(SeqCst) == REFUSED {
            self.judge_refusal(&record.trace, &wire);
            return;
        }
        let trace = record.trace.clone();
        if self.created.load(SeqCst) != RETURNED || panic::catch_unwind(|| check_grammar(&trace)).is_err() {
            return self.wrong(format!("the grammar is broken: {trace:?}"));
        }
        if self.freed.load(SeqCst) != 1 {
            self.wrong(format!("on_free ran {} times", self.freed.load(SeqCst)));
        }
        let Some(end) = &record.end else { return };
        if record.error == Some(WS_ERR_INTERNAL) && panics::has_fired() {
            return self.world.count("trace: broken by a panic");
        }
        let ways = self.ways(&wire, &record.codes);
        let fits = ways.iter().any(|way| way.fits(record.error, end));
        let complete = !self.must_be_complete(&wire) || record.messages == wire.whole;
        // After the host's own act no error is told.
        let lost = Way::lost(None).fits(record.error, end) || fits;
        if (!fits || !complete) && lost && self.causes.load(SeqCst) != 0 && panics::has_fired() {
            self.cut_short.store(true, SeqCst);
            return self.world.count("trace: cut short by a panic");
        }
        if !ways.iter().any(|way| way.fits(record.error, end)) {
            let error = record.error.map(name);
            self.wrong(format!("it ended with {error:?}, {end:?}, instead of {ways:?}"));
        }
        if record.drains > self.would_block.load(SeqCst) {
            self.wrong("on_drain with no WS_ERR_WOULD_BLOCK before it");
        }
        if record.messages > wire.whole {
            self.wrong(format!(
                "{} messages, of {} that were sent before the end",
                record.messages, wire.whole
            ));
        }
        if self.must_be_complete(&wire) && record.messages != wire.whole {
            self.wrong(format!("{} messages of {}, though nothing was lost", record.messages, wire.whole));
        }
        let accepted = wire.answer == Answer::Accept && self.plan.road != Road::Closed;
        // Connected is said before OPEN is there to be delivered: a close that does not wait may come between.
        let at_once = self.plan.close_timeout == Some(0) && self.causes.load(SeqCst) & TERMINATED != 0;
        let own = self.world.may_have_ended(self) || wire.enders.contains(&Ender::Rst) || at_once;
        if record.opened && !accepted || !record.opened && accepted && !own {
            self.wrong(format!("opened: {}, accepted: {accepted}", record.opened));
        }
        let error = record.error.map(|error| format!(" {}", name(error))).unwrap_or_default();
        let open = if record.opened { "open" } else { "never open" };
        let clean = if end.clean { " clean" } else { "" };
        self.world.count(format!("trace: {open}{error} terminate {}{clean}", end.code));
        self.world.count(match record.messages {
            0 => "messages: none",
            1..10 => "messages: a few",
            _ => "messages: many",
        });
        for (what, some) in
            [("drain", record.drains > 0), ("pong", trace.iter().any(|line| line.starts_with("pong")))]
        {
            if some {
                self.world.count(format!("trace with {what}"));
            }
        }
    }

    /// All ways in which it may end, by all that was done.
    fn ways(&self, wire: &WireState, codes: &[u16]) -> Vec<Way> {
        let causes = self.causes.load(SeqCst);
        let host = self.world.may_have_ended(self);
        let terminated = causes & TERMINATED != 0;
        let impatient = self.plan.close_timeout.is_some();
        let reset = wire.enders.contains(&Ender::Rst);
        let mut ways = Vec::new();
        if host || (terminated && (impatient || !wire.enders.is_empty())) {
            ways.push(Way::lost(None));
        }
        if terminated || (host && causes != 0) {
            let answered = |code: &u16| {
                let (error, clean, reason) = (None, (!host).then_some(true), "the host's".to_owned());
                Way { error, code: *code, clean, reason }
            };
            ways.extend(codes.iter().map(answered));
        }
        if self.world.shut_down.load(SeqCst) {
            // A fast server's answer to the 1001 of ws_shutdown.
            ways.push(Way { error: None, code: 1001, clean: None, reason: String::new() });
        }
        let sure = !host && !terminated && !reset;
        let handshake = wire
            .enders
            .iter()
            .find(|ender| matches!(ender, Ender::Refused | Ender::Malformed | Ender::Early));
        if self.plan.road == Road::Closed {
            ways.push(Way::lost(Some(WS_ERR_CONNECTION_REFUSED)));
        } else if let Some(handshake) = handshake {
            ways.push(Way::lost(Some(match handshake {
                Ender::Refused => WS_ERR_HTTP_STATUS,
                Ender::Malformed => WS_ERR_HANDSHAKE,
                _ => WS_ERR_CONNECTION_RESET,
            })));
        } else {
            // Where a reset may have destroyed the first, the others count as well.
            let counts = if sure { 1 } else { wire.enders.len() };
            ways.extend(wire.enders[..counts.min(wire.enders.len())].iter().map(|ender| match ender {
                Ender::Close(code, reason) => Way {
                    error: None,
                    code: code.unwrap_or(1005),
                    clean: (sure && wire.enders.len() == 1 && !impatient).then_some(true),
                    reason: reason.clone(),
                },
                Ender::Garbage => Way::lost(Some(WS_ERR_PROTOCOL)),
                _ => Way::lost(Some(WS_ERR_CONNECTION_RESET)),
            }));
        }
        ways
    }

    /// Whether every message that the server sent must have come.
    fn must_be_complete(&self, wire: &WireState) -> bool {
        let terminated = self.causes.load(SeqCst) & TERMINATED != 0;
        let undisturbed =
            self.plan.close_timeout.is_none() && self.plan.receive_buffer == 0 && wire.enders.is_empty();
        !self.world.may_have_ended(self) && !wire.enders.contains(&Ender::Rst) && (!terminated || undisturbed)
    }

    /// What the host sent has come in order; all of it, where the host ended in order.
    fn judge_sent(&self, wire: &WireState, opened: bool, record_error: Option<i32>) {
        let next = match self.check_order(wire) {
            Ok(next) => next,
            Err(wrong) => return self.wrong(wrong),
        };
        let accepted = lock(&self.accepted);
        let too_many = next.iter().any(|(tag, n)| accepted.get(tag).copied().unwrap_or(0) < *n);
        let answered = self.causes.load(SeqCst) & TERMINATED != 0 && wire.enders.is_empty();
        let broken = record_error == Some(WS_ERR_INTERNAL);
        let in_order = opened
            && !broken
            && answered
            && self.plan.close_timeout.is_none()
            && !self.world.may_have_ended(self);
        // What waits behind a message that is never ended is dropped.
        let in_order = in_order && !self.sends.is_open() && !self.is_unsure();
        let sum = |counts: &Counts| counts.values().sum::<u64>();
        if too_many || (in_order && sum(&next) != sum(&accepted)) {
            self.wrong(format!("the server got {next:?}, accepted were {accepted:?}"));
        }
    }

    fn judge_refusal(&self, trace: &[String], wire: &WireState) {
        if trace != ["free"] {
            self.wrong(format!("ws_new failed, but there was {trace:?}"));
        }
        let failure = self.failure.load(SeqCst);
        let (plan, world) = (&self.plan, &self.world);
        let has = |ender: &Ender| wire.enders.contains(ender);
        let right = match failure {
            WS_ERR_INVALID_URL => plan.bad_url,
            WS_ERR_CONNECTION_REFUSED => plan.road == Road::Closed,
            WS_ERR_HTTP_STATUS => has(&Ender::Refused),
            WS_ERR_HANDSHAKE => has(&Ender::Malformed),
            WS_ERR_CONNECTION_RESET => has(&Ender::Early) || has(&Ender::Rst),
            WS_ERR_INTERRUPTED => world.is_interruptible() && !plan.inline,
            WS_ERR_CANCELLED => world.stops.load(SeqCst) > 0,
            WS_ERR_SHUT_DOWN => world.shut_down.load(SeqCst),
            WS_ERR_INVALID_HANDLE => world.is_closed() && !plan.inline,
            WS_ERR_INTERNAL => panics::has_fired(),
            // From a callback on an I/O thread.
            WS_ERR_WRONG_THREAD => world.plan.sockets.len() == self.index,
            _ => false,
        };
        if !right {
            self.wrong(format!("ws_new failed with {}", name(failure)));
        }
        world.count(format!("trace: no socket, {}", name(failure)));
    }
}
