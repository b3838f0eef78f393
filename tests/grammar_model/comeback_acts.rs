//! What the host and the server do with a reconnector, and what it must have come to.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use ws4d_test_host::codes::*;
use ws4d_test_host::{Dispatcher, Errors, OptionsToken, RawErrors, RawHandler, RawReconnectPolicy};
use ws4d_test_host::{Reconnector, Socket, api, name};

use crate::comeback::{self, Comeback};
use crate::comeback_plan::{ComebackAct, ComebackEnding, Moment};
use crate::life::{REFUSED, RETURNED, UNKNOWN};
use crate::panics;
use crate::wire::{Answer, lock};
use crate::world::{Call, World, this_thread};

impl World {
    pub(crate) fn comeback(&self) -> Option<Arc<Comeback>> {
        lock(&self.comeback).clone()
    }

    /// Makes the reconnector, once.
    pub(crate) fn open_comeback(self: &Arc<Self>) {
        let Some(plan) = &self.plan.comeback else { return };
        let comeback = Comeback::new(self, plan.clone());
        {
            let mut place = lock(&self.comeback);
            if place.is_some() {
                return;
            }
            *place = Some(Arc::clone(&comeback));
        }
        let dispatcher = if plan.inline { Dispatcher::NULL } else { self.handle() };
        let handler = RawHandler {
            user_data: comeback.user_data(),
            dispatcher,
            on_ping: None,
            on_free: Some(comeback::freed),
            ..RawHandler::calling(comeback::called)
        };
        let delay = if plan.slow { 600_000 } else { 1 };
        let policy = RawReconnectPolicy {
            base_delay_ms: delay,
            max_delay_ms: delay,
            min_delay_ms: delay,
            queue_size: plan.queue_size,
            on_attempt: Some(comeback::attempt),
            on_reconnect: Some(comeback::reconnects),
            on_end: Some(comeback::ends),
            is_final: Some(comeback::is_final),
            ..RawReconnectPolicy::INIT
        };
        let url = ws4d_test_host::c("ws://127.0.0.1:1/never");
        let mut errors: *mut RawErrors = ptr::null_mut();
        let framed = self.owns() && !plan.inline;
        if framed {
            self.begin(Call::NewAsync(usize::MAX));
        }
        let new = api().ws_reconnector_new;
        let r = new(url.as_ptr(), &handler, OptionsToken(0), &policy, &mut errors);
        if framed {
            self.end();
        }
        let failure = Errors::take(errors).code();
        if r == Reconnector(0) {
            self.take_report(usize::MAX);
            comeback.created.store(REFUSED, SeqCst);
            comeback.check_refusal(failure);
        } else {
            comeback.token.store(r.0, SeqCst);
            comeback.created.store(RETURNED, SeqCst);
            self.count("ws_reconnector_new");
        }
        self.bell.ring();
    }
}

impl Comeback {
    fn check_refusal(&self, failure: i32) {
        let right = match failure {
            WS_ERR_SHUT_DOWN => self.world.shut_down.load(SeqCst),
            WS_ERR_INVALID_HANDLE => self.world.is_closed() && !self.plan.inline,
            WS_ERR_INTERNAL => panics::has_fired(),
            _ => false,
        };
        if !right || self.trace() != ["free"] {
            self.wrong(format!("ws_reconnector_new: {}, {:?}", name(failure), self.trace()));
        }
    }

    /// Runs what the plan has for this callback.
    pub(crate) fn react(self: &Arc<Self>, moment: Option<Moment>, count: u32) {
        for (on, nth, act) in self.plan.reactions.iter().copied() {
            if Some(on) == moment && nth == count {
                self.world.note(format!("  reconnector, {on:?}: {act:?}"));
                self.world.count("inside a reconnector's callback");
                self.act(act);
            }
        }
    }

    /// Whether nothing keeps it from coming back at once.
    pub(crate) fn comes_back(&self) -> bool {
        let plan = &self.plan;
        let steady = !plan.slow && plan.final_at == u32::MAX && plan.reactions.is_empty();
        let accepted = plan.answers.iter().all(|answer| *answer == Answer::Accept);
        let lives = !self.ended.load(SeqCst) && !self.is_freed() && !self.world.may_end_all();
        self.created.load(SeqCst) == RETURNED && steady && accepted && lives
    }

    /// How often it was open.
    pub(crate) fn opens(&self) -> usize {
        self.trace().iter().filter(|line| *line == "open").count()
    }

    /// One deed, with what it must return.
    pub(crate) fn act(self: &Arc<Self>, act: ComebackAct) {
        let r = self.reconnector();
        if r == Reconnector(0) {
            return;
        }
        let wire = self.wires().pop();
        let over = self.over.load(SeqCst);
        let result = match act {
            ComebackAct::Send => self.send(r),
            ComebackAct::RetryNow => (api().ws_reconnector_retry_now)(r),
            ComebackAct::Terminate => {
                self.ended.store(true, SeqCst);
                (api().ws_reconnector_terminate)(r, 3000, ptr::null())
            }
            ComebackAct::Close => return self.close(r),
            ComebackAct::Release => {
                self.giver.store(this_thread().number(), SeqCst);
                let first = !self.given_back.swap(true, SeqCst);
                let result = (api().ws_reconnector_release)(r);
                self.giver.store(0, SeqCst);
                if first != (result == WS_OK) && !self.closed.load(SeqCst) {
                    self.wrong(format!("ws_reconnector_release: {}, the first: {first}", name(result)));
                }
                return;
            }
            ComebackAct::TerminateSocket | ComebackAct::AbortSocket | ComebackAct::CloseSocket => {
                return self.act_on_socket(act, (api().ws_reconnector_get_socket)(r));
            }
            ComebackAct::CloseDispatcher => return self.world.close(),
            ComebackAct::ServerMessages(count) => {
                return wire.into_iter().for_each(|wire| wire.burst(count, 20));
            }
            ComebackAct::ServerClose => {
                return wire.into_iter().for_each(|wire| wire.close(Some(1001), "later"));
            }
            ComebackAct::ServerFin => return wire.into_iter().for_each(|wire| wire.fin()),
            ComebackAct::ServerAnswer => {
                return wire.into_iter().for_each(|wire| wire.answer(Answer::Accept));
            }
        };
        if self.world.excuses(act, result) {
            // It was done, or it was not.
            if act != ComebackAct::Send {
                self.act(act);
            }
            return;
        }
        let ended = self.ended.load(SeqCst) || self.end().is_some() || self.world.may_end_all();
        let right = match result {
            WS_OK => !(over && self.given_back.load(SeqCst)) || act != ComebackAct::Send,
            WS_ERR_CLOSED => ended && act != ComebackAct::Terminate,
            WS_ERR_WOULD_BLOCK => act == ComebackAct::Send,
            WS_ERR_INVALID_HANDLE => self.given_back.load(SeqCst) || self.created.load(SeqCst) == UNKNOWN,
            _ => false,
        };
        if !right {
            self.wrong(format!("{act:?}: {} (over: {over})", name(result)));
        }
    }

    fn send(&self, r: Reconnector) -> i32 {
        let number = self.sent.fetch_add(1, SeqCst);
        let message = format!("7.{number}:");
        let (data, len) = (message.as_ptr().cast(), message.len());
        (api().ws_reconnector_send)(r, WS_DATA_TYPE_TEXT, data, len, 0)
    }

    fn act_on_socket(&self, act: ComebackAct, ws: Socket) {
        if ws == Socket::NULL {
            return;
        }
        let (result, expected) = match act {
            ComebackAct::TerminateSocket => (ws.terminate(1000, "on it goes"), WS_OK),
            ComebackAct::AbortSocket => (ws.abort(), WS_OK),
            _ => ((api().ws_close)(ws), WS_ERR_UNSUPPORTED),
        };
        let strange = result == WS_ERR_WRONG_THREAD && act == ComebackAct::CloseSocket;
        let strange = strange && !self.plan.inline && !self.world.owns();
        let right = result == expected || result == WS_ERR_INVALID_HANDLE || strange;
        if !right && !self.world.excuses(act, result) {
            self.wrong(format!("{act:?}: {}", name(result)));
        }
    }

    /// `ws_reconnector_close`, with what must hold when it returns; see `Life::close`.
    fn close(self: &Arc<Self>, r: Reconnector) {
        let (world, inline) = (&self.world, self.plan.inline);
        let dispatchers_end = world.has_closed();
        let close = || (api().ws_reconnector_close)(r);
        if !inline && !world.owns() && !dispatchers_end {
            if world.is_closed() || this_thread().is_io() {
                return;
            }
            let result = close();
            if !matches!(result, WS_ERR_WRONG_THREAD | WS_ERR_INVALID_HANDLE) {
                self.wrong(format!("ws_reconnector_close, not by the owner: {}", name(result)));
            }
            return;
        }
        let inside = self.runs_here();
        if !inline && !inside && !world.owns() && self.on_stack.load(SeqCst) {
            // It waits for that callback, which may be waiting for this thread.
            return;
        }
        self.closed.store(true, SeqCst);
        self.closers.fetch_add(1, SeqCst);
        self.ended.store(true, SeqCst);
        self.giver.store(this_thread().number(), SeqCst);
        let given_back = self.given_back.swap(true, SeqCst);
        let framed = !inline && world.owns();
        if framed {
            world.begin(Call::CloseOne);
        }
        let mut result = close();
        if world.excuses("ws_reconnector_close", result) {
            result = close();
            result = if result == WS_ERR_INVALID_HANDLE { WS_OK } else { result };
        }
        self.giver.store(0, SeqCst);
        if framed {
            world.end();
        }
        if result != WS_OK {
            // Stale once it is over and was given back.
            // Two threads may close it at once: one of them does.
            if result != WS_ERR_INVALID_HANDLE || !(given_back || self.closers.load(SeqCst) > 1) {
                self.wrong(format!("ws_reconnector_close: {}", name(result)));
            }
            return;
        }
        if self.closes.fetch_add(1, SeqCst) > 0 {
            self.wrong("ws_reconnector_close twice");
        }
        if !inside && !this_thread().is_io() && (!self.is_freed() || self.on_stack.load(SeqCst)) {
            self.wrong(format!("is not freed when ws_reconnector_close returns: {:?}", self.trace()));
        }
        world.count(match (inside, inline) {
            (true, _) => "reconnector closed inside its callback",
            (false, true) => "reconnector closed inline",
            (false, false) => "reconnector closed by its owner",
        });
    }

    /// Sees to it that it ends.
    pub(crate) fn finish(self: &Arc<Self>) {
        if self.finished.swap(true, SeqCst) {
            return;
        }
        for wire in self.wires() {
            wire.answer(Answer::Accept);
        }
        if self.is_freed() || self.ended.load(SeqCst) {
            return;
        }
        self.world.count(format!("reconnector ending {:?}", self.plan.ending));
        match self.plan.ending {
            ComebackEnding::Close => self.act(ComebackAct::Close),
            ComebackEnding::Terminate => self.act(ComebackAct::Terminate),
            ComebackEnding::TerminateElsewhere => {
                let comeback = Arc::clone(self);
                self.world.assistant.now(move || comeback.act(ComebackAct::Terminate));
            }
            ComebackEnding::CloseDispatcher if self.plan.inline => self.act(ComebackAct::Close),
            ComebackEnding::CloseDispatcher => {}
        }
        if !self.ended.load(SeqCst) && self.world.is_closed() {
            self.act(ComebackAct::Terminate);
        }
    }

    /// What it must have been, once all is over.
    pub(crate) fn judge(&self) {
        if self.created.load(SeqCst) == REFUSED {
            return;
        }
        let (trace, end) = (self.trace(), self.end());
        let (world, ended) = (&self.world, self.ended.load(SeqCst));
        let right = match end {
            // A panic that the test wanted.
            Some(WS_RECONNECT_END_NONE) => true,
            Some(WS_RECONNECT_END_HOST) => ended,
            Some(WS_RECONNECT_END_DISPATCHER) => world.is_closed() && !self.plan.inline,
            Some(WS_RECONNECT_END_SHUT_DOWN) => world.shut_down.load(SeqCst),
            Some(WS_RECONNECT_END_CLOSE_CODE | WS_RECONNECT_END_REFUSED) => self.plan.final_at != u32::MAX,
            _ => false,
        };
        if !right || self.freed.load(SeqCst) != 1 || trace.last().is_none_or(|last| last != "free") {
            self.wrong(format!("it ended with {end:?}: {trace:?}"));
        }
        if let Some(end) = end {
            let end = ws4d_test_host::text((api().ws_reconnect_end_name)(end)).unwrap_or_default();
            world.count(format!("reconnector: {end}"));
        }
        if self.opens() > 1 {
            world.count("reconnector: open again");
        }
        self.judge_sent();
    }

    /// What it sent came in order, and nothing of it twice.
    fn judge_sent(&self) {
        let mut last = None;
        for wire in self.wires() {
            let state = wire.state();
            if let Some(breach) = &state.breach {
                self.wrong(breach.clone());
            }
            for message in &state.got {
                let number = message.strip_prefix("7.").and_then(|number| number.parse::<u64>().ok());
                if number.is_none() || number <= last || number >= Some(self.sent.load(SeqCst)) {
                    return self.wrong(format!("a server got {message:?} behind {last:?}"));
                }
                last = number;
            }
        }
    }
}
