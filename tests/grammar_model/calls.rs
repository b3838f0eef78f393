//! Calls of the dispatcher, with what each must return.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use ws4d_test_host::codes::*;
use ws4d_test_host::{Errors, Options, RawErrors, RawHandler, Socket, api};

use crate::life::{self, Life, REFUSED, RETURNED, shown};
use crate::panics;
use crate::plan::{Mode, SocketPlan};
use crate::wire::lock;
use crate::world::{Call, Frame, World};

impl World {
    /// Makes one call that delivers.
    pub(crate) fn call(&self, call: Call, run: impl FnOnce() -> i32) -> i32 {
        let (owns, closed) = (self.owns(), self.is_closed());
        if !owns || closed {
            let result = run();
            if !self.refuses(owns, result) && !self.excuses(call, result) {
                self.wrong(format!("{call:?}: {} (owner: {owns}, closed: {closed})", shown(result)));
            }
            return result;
        }
        let owed = self.owed();
        let remembered = self.begin(call);
        let result = run();
        let frame = self.end();
        let counted = |result: i32| {
            // A panic may have kept one callback away, or its being counted.
            let least = frame.events.saturating_sub(panics::has_fired().into());
            let most = frame.events + frame.unsure + u32::from(panics::has_fired());
            u32::try_from(result).is_ok_and(|result| (least..=most).contains(&result))
        };
        let whole = result != WS_ERR_INTERNAL || !panics::has_fired();
        for life in owed.iter().filter(|life| whole && !life.is_freed()) {
            life.wrong(format!("{call:?} did not run the on_free that was owed for a pulled TERMINATE"));
        }
        let right = match call {
            // What the caller does about it is the same: call again.
            _ if self.excuses(call, result) => true,
            _ if self.is_closed() => result == WS_ERR_CANCELLED,
            // What was delivered goes first, so that nothing is lost.
            Call::Wait | Call::Next | Call::NextBatch(_) | Call::Run if result == WS_ERR_INTERRUPTED => {
                self.is_interruptible() && (frame.events == 0 || call == Call::Run)
            }
            _ if remembered => result == 0 && frame.events == 0,
            Call::Dispatch(most) => counted(result) && (most == 0 || result <= most as i32),
            Call::Wait => counted(result),
            Call::Next => result == 0 || result == 1,
            Call::NextBatch(most) => (0..=most as i32).contains(&result),
            _ => result == WS_OK,
        };
        if !right {
            let ran = frame.events;
            self.wrong(format!(
                "{call:?}: {}, {ran} callbacks ran, stopped before: {remembered}",
                shown(result)
            ));
        }
        self.check_bound(&frame);
        self.after();
        result
    }

    /// Whether this is how a call is refused; the owner may close the dispatcher meanwhile.
    fn refuses(&self, owns: bool, result: i32) -> bool {
        match result {
            WS_ERR_WRONG_THREAD => !owns,
            WS_ERR_INVALID_HANDLE => self.is_closed(),
            _ => false,
        }
    }

    /// Says whether a stop waits for this call.
    pub(crate) fn begin(&self, call: Call) -> bool {
        let mut frames = lock(&self.frames);
        let remembered = !frames.iter().any(|frame| frame.call.delivers()) && self.remembered.load(SeqCst);
        frames.iter_mut().for_each(|frame| frame.nested = true);
        frames.push(Frame {
            call,
            events: 0,
            unsure: 0,
            stopped: false,
            nested: false,
            charges: Default::default(),
        });
        drop(frames);
        if remembered && call.delivers() {
            self.remembered.store(false, SeqCst);
        }
        remembered && call.delivers()
    }

    pub(crate) fn end(&self) -> Frame {
        lock(&self.frames).pop().expect("pushed before")
    }

    /// Behind the outermost call after a close, nothing of the dispatcher lives any more.
    fn after(&self) {
        if self.is_closed() && lock(&self.frames).is_empty() {
            for life in self.all_lives().iter().filter(|life| !life.plan.inline) {
                if life.created.load(SeqCst) == RETURNED && !life.is_freed() {
                    life.wrong("is not freed though its dispatcher was closed");
                }
            }
        }
    }

    /// Sockets whose pulled TERMINATE was freed: the next call runs their `on_free`.
    pub(crate) fn owed(&self) -> Vec<Arc<Life>> {
        let owed =
            |life: &Arc<Life>| self.pulls_terminate(life) && life.over.load(SeqCst) && !life.is_freed();
        self.all_lives().into_iter().filter(owed).collect()
    }

    pub(crate) fn dispatch(&self, most: u32) -> i32 {
        self.call(Call::Dispatch(most), || self.handle().dispatch(most))
    }

    pub(crate) fn wait(&self, timeout_ms: i32) -> i32 {
        self.call(Call::Wait, || self.handle().wait(timeout_ms))
    }

    pub(crate) fn run(&self) -> i32 {
        self.call(Call::Run, || self.handle().run())
    }

    /// `certain`: no call can begin or end meanwhile.
    pub(crate) fn stop(&self, certain: bool) {
        self.stops.fetch_add(1, SeqCst);
        let closed = self.is_closed();
        if certain && !closed {
            let mut frames = lock(&self.frames);
            frames.iter_mut().for_each(|frame| frame.stopped = true);
            if !frames.iter().any(|frame| frame.call.delivers()) {
                self.remembered.store(true, SeqCst);
            }
        }
        let result = self.handle().stop();
        if result != WS_OK && !(result == WS_ERR_INVALID_HANDLE && self.is_closed()) {
            self.wrong(format!("stop: {}", shown(result)));
        }
    }

    pub(crate) fn close(&self) {
        let (owns, closed) = (self.owns(), self.is_closed());
        if !owns || closed {
            let result = self.handle().close();
            if !self.refuses(owns, result) && !self.excuses("close", result) {
                self.wrong(format!("close: {} (owner: {owns}, closed: {closed})", shown(result)));
            }
            return;
        }
        let owing = self.owing();
        self.begin_close();
        self.begin(Call::Close);
        let handle = self.handle();
        let mut result = handle.close();
        if self.excuses("close", result) {
            // It has begun, or it has not.
            result = handle.close();
            result = if result == WS_ERR_INVALID_HANDLE { WS_OK } else { result };
        }
        self.end();
        self.set_closed();
        if result != WS_OK {
            self.wrong(format!("close: {}", shown(result)));
        }
        if handle.dispatch(0) != WS_ERR_INVALID_HANDLE || handle.fd() != -1 {
            self.wrong("the dispatcher's handle is not stale after close");
        }
        for life in self.all_lives().iter().filter(|life| !life.plan.inline) {
            let there = life.created.load(SeqCst) == RETURNED && !life.on_stack.load(SeqCst);
            if there && !life.is_freed() {
                life.wrong("is not freed when ws_dispatcher_close returns");
            }
        }
        if let Some(comeback) = self.comeback().filter(|comeback| !comeback.plan.inline) {
            let there = comeback.created.load(SeqCst) == RETURNED && !comeback.on_stack.load(SeqCst);
            if there && !comeback.is_freed() {
                comeback
                    .wrong(format!("is not freed when ws_dispatcher_close returns: {:?}", comeback.trace()));
            }
        }
        owing.iter().for_each(|life| self.await_goodbye(life, 1001));
        self.after();
    }

    /// Gives the dispatcher to the calling thread.
    pub(crate) fn attach(&self) -> i32 {
        let result = self.handle().attach();
        let busy = lock(&self.frames).iter().any(|frame| frame.call.delivers());
        let expected = match (self.is_closed(), busy) {
            (true, _) => WS_ERR_INVALID_HANDLE,
            (false, true) => WS_ERR_WRONG_THREAD,
            (false, false) => WS_OK,
        };
        if result != expected {
            self.wrong(format!("attach: {}, not {}", shown(result), shown(expected)));
        }
        if result == WS_OK {
            self.own();
        }
        result
    }

    /// Opens the socket of that number, once.
    pub(crate) fn open(self: &Arc<Self>, index: usize, plan: &SocketPlan, blocking: bool) {
        let Some(life) = self.expect(index, plan) else { return };
        let mode = if blocking { "blocking" } else { "async" };
        self.note(format!("open {index}, {mode}, wire {}", life.wire.id));
        let url = match plan.bad_url {
            true => "ws://127.0.0.1/a b".to_owned(),
            false => self.server.url(plan.road, life.wire.id),
        };
        let dispatcher = if plan.inline { ws4d_test_host::Dispatcher::NULL } else { self.handle() };
        let handler = RawHandler {
            user_data: life.user_data(),
            dispatcher,
            on_ping: plan.pings.then_some(life::called),
            on_free: Some(life::freed),
            ..RawHandler::calling(life::called)
        };
        let options = options(plan);
        let url = ws4d_test_host::c(&url);
        let mut errors: *mut RawErrors = ptr::null_mut();
        let wakes = self.wakes.load(SeqCst);
        let framed = self.owns() && !plan.inline;
        let call = if blocking { Call::New(index) } else { Call::NewAsync(index) };
        let remembered = framed && self.begin(call);
        let new = if blocking { api().ws_new } else { api().ws_new_async };
        let ws = new(url.as_ptr(), &handler, options.0, &mut errors);
        if framed {
            self.end();
        }
        let failure = Errors::take(errors).code();
        if ws == Socket::NULL {
            life.created.store(REFUSED, SeqCst);
            life.failure.store(failure, SeqCst);
            self.take_report(index);
            if !life.is_freed() {
                life.wrong("on_free did not run though ws_new failed");
            }
            let waited = matches!(failure, WS_ERR_CONNECTION_REFUSED | WS_ERR_HTTP_STATUS | WS_ERR_HANDSHAKE);
            if remembered && waited {
                life.wrong("ws_new waited though the dispatcher was stopped before");
            }
        } else {
            life.created.store(RETURNED, SeqCst);
            life.token.store(ws.0, SeqCst);
            if failure != WS_OK {
                life.wrong("ws_new returned a socket and an error");
            }
            let untouched = framed && !blocking && self.assistant.is_idle();
            if self.plan.driving && untouched && ws.status() != WS_STATUS_CONNECTING {
                life.wrong(format!("status {}, though nobody has driven it", ws.status()));
            }
            let opened = lock(&life.record).opened;
            // One that has lost its OPEN by a panic ends with an error.
            if blocking && (!opened && !panics::has_fired() || remembered) {
                life.wrong(format!("ws_new succeeded; opened: {opened}, stopped before: {remembered}"));
            }
            let silent = life.wire.state().sent.is_empty() && plan.reactions.is_empty();
            let only = self.all_lives().len() == 1 && self.comeback().is_none() && !panics::has_fired();
            if blocking && silent && only && !plan.glued_close && self.wakes.load(SeqCst) != wakes {
                life.wrong("its OPEN, which ws_new consumes, has woken the host");
            }
        }
        self.count(format!("ws_new {mode}{}", if plan.inline { " inline" } else { "" }));
        if framed {
            self.after();
        }
    }

    fn expect(self: &Arc<Self>, index: usize, plan: &SocketPlan) -> Option<Arc<Life>> {
        let mut lives = lock(&self.lives);
        if lives[index].is_some() {
            return None;
        }
        let id = (self.id * 8 + index) as u64;
        let wire = self.server.expect(id, plan.answer, &self.bell);
        if plan.glued > 0 {
            wire.burst(plan.glued, 40);
        }
        if plan.glued_close {
            wire.close(Some(1000), "at once");
        }
        let life = Life::new(self, index, plan.clone(), wire);
        lives[index] = Some(Arc::clone(&life));
        Some(life)
    }

    /// Whether the host is woken, in a mode in which it must be.
    pub(crate) fn waits_for_wake(&self) -> bool {
        matches!(self.plan.mode, Mode::Wake | Mode::PullWhenWoken)
    }
}

fn options(plan: &SocketPlan) -> Options {
    // Longer than any test waits, so that a machine that stands still changes nothing.
    let close_timeout = plan.close_timeout.unwrap_or(120_000);
    let mut options = Options::new().set(|api, o| (api.ws_options_set_close_timeout_ms)(o, close_timeout));
    if plan.receive_buffer > 0 {
        options = options.set(|api, o| (api.ws_options_set_receive_buffer_size)(o, plan.receive_buffer));
    }
    if plan.pings {
        options = options.set(|api, o| (api.ws_options_set_ping_events)(o, 1));
    }
    if plan.part_size > 0 {
        options = options.set(|api, o| (api.ws_options_set_part_size)(o, plan.part_size));
    }
    if plan.send_buffer > 0 {
        options = options.set(|api, o| (api.ws_options_set_send_buffer_size)(o, plan.send_buffer));
    }
    options
}
