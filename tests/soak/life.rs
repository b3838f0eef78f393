//! One socket and what must be true of it: each event is judged when it comes, by what was asked for before.

use std::collections::VecDeque;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::content::Content;
use crate::server::{CODE, ServersEnd};
use ws4d_test_host::codes::*;
use ws4d_test_host::{Dispatcher, Event, RawEvent, RawHandler, Socket, api, name};

/// What was wrong, of all sockets.
pub(crate) static WRONG: Mutex<Vec<String>> = Mutex::new(Vec::new());

macro_rules! counts {
    ($($name:ident)+) => {
        /// What all sockets did and saw.
        #[derive(Default)]
        pub(crate) struct Counts { $(pub(crate) $name: AtomicU64),+ }

        impl Counts {
            pub(crate) const fn new() -> Counts {
                Counts { $($name: AtomicU64::new(0)),+ }
            }

            /// A line for each.
            pub(crate) fn show(&self) {
                $(println!("    {:12} {}", stringify!($name), self.$name.load(Ordering::Relaxed));)+
            }
        }
    };
}
counts!(opened blocking wss compressed messages bytes echoed pings pongs refused drains pauses corks terminated
    aborted closed ended_by_server resets freed left);
pub(crate) static COUNTS: Counts = Counts::new();

pub(crate) fn count(what: &AtomicU64) {
    what.fetch_add(1, Ordering::Relaxed);
}

/// How a life is to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HostsEnd {
    Not,
    Terminated(i32),
    /// By `ws_abort` or `ws_close`: nothing more is owed.
    AtOnce,
}

/// What the model knows.
#[derive(Debug)]
pub(crate) struct State {
    opened: bool,
    failed: bool,
    terminated: bool,
    pub(crate) end: HostsEnd,
    /// The connection may have been lost before the host has ended it.
    pub(crate) may_fail: bool,
    /// Pausing counts at once where only this thread delivers.
    pub(crate) paused: bool,
    /// A send was refused, and `on_drain` owed.
    pub(crate) drain: bool,
    pub(crate) corked: bool,
    /// Sent and not back yet.
    pub(crate) expected: VecDeque<Content>,
    pub(crate) pings: VecDeque<[u8; 8]>,
    echoed: usize,
}

pub(crate) struct Life {
    number: usize,
    token: AtomicUsize,
    pub(crate) inline: bool,
    pub(crate) data_type: i32,
    servers: ServersEnd,
    state: Mutex<State>,
    pub(crate) freed: AtomicBool,
}

impl Life {
    pub(crate) fn new(inline: bool, data_type: i32, servers: ServersEnd) -> Arc<Life> {
        static LAST: AtomicUsize = AtomicUsize::new(0);
        Arc::new(Life {
            number: LAST.fetch_add(1, Ordering::Relaxed),
            token: AtomicUsize::new(0),
            inline,
            data_type,
            servers,
            state: Mutex::new(State {
                opened: false,
                failed: false,
                terminated: false,
                end: HostsEnd::Not,
                may_fail: true,
                paused: false,
                drain: false,
                corked: false,
                expected: VecDeque::new(),
                pings: VecDeque::new(),
                echoed: 0,
            }),
            freed: AtomicBool::new(false),
        })
    }

    /// For callbacks; the list of its context keeps it until it was freed.
    pub(crate) fn handler(self: &Arc<Life>, dispatcher: Dispatcher) -> RawHandler {
        RawHandler {
            user_data: Arc::as_ptr(self).cast_mut().cast(),
            dispatcher,
            on_open: Some(called),
            on_message: Some(called),
            on_error: Some(called),
            on_terminate: Some(called),
            on_drain: Some(called),
            on_pong: Some(called),
            on_free: Some(freed),
            ..RawHandler::INIT
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn ws(&self) -> Socket {
        Socket(self.token.load(Ordering::SeqCst))
    }

    pub(crate) fn began(&self, ws: Socket) {
        self.token.store(ws.0, Ordering::SeqCst);
    }

    pub(crate) fn is_freed(&self) -> bool {
        self.freed.load(Ordering::SeqCst)
    }

    pub(crate) fn wrong(&self, state: &State, what: &str) {
        let words = format!(
            "socket {} ({:?}, inline {}): {what}; open {}, {:?}, {} expected (first {:?}), {} echoed, {} pings, paused {}",
            self.number,
            self.servers,
            self.inline,
            state.opened,
            state.end,
            state.expected.len(),
            state.expected.front(),
            state.echoed,
            state.pings.len(),
            state.paused
        );
        WRONG.lock().unwrap_or_else(PoisonError::into_inner).push(words);
    }

    /// Judges an event, on whatever thread it came.
    pub(crate) fn event(&self, ws: Socket, event: Event) {
        let mut state = self.state();
        let kind = event.kind();
        // A blocking ws_new has its callbacks before it has returned.
        if self.ws() != Socket::NULL && ws != self.ws() {
            self.wrong(&state, "a stranger's token");
        }
        let in_order = match kind {
            WS_EVENT_TYPE_OPEN => !state.opened && !state.failed && !state.terminated,
            WS_EVENT_TYPE_ERROR => !state.failed && !state.terminated,
            WS_EVENT_TYPE_TERMINATE => !state.terminated,
            _ => state.opened && !state.failed && !state.terminated,
        };
        if !in_order || self.is_freed() {
            self.wrong(&state, &format!("out of order: {}", event.describe()));
        }
        match kind {
            WS_EVENT_TYPE_OPEN => state.opened = true,
            WS_EVENT_TYPE_MESSAGE => self.message(&mut state, event),
            WS_EVENT_TYPE_PONG => {
                let payload = event.data();
                if state.pings.pop_front().is_none_or(|ping| ping[..] != payload) {
                    self.wrong(&state, "another pong than that of the oldest ping");
                }
                count(&COUNTS.pongs);
            }
            WS_EVENT_TYPE_DRAIN => {
                if !std::mem::take(&mut state.drain) {
                    self.wrong(&state, "a drain that nobody waits for");
                }
                count(&COUNTS.drains);
            }
            WS_EVENT_TYPE_ERROR => {
                state.failed = true;
                let owed = matches!(self.servers, ServersEnd::Reset(_)) && state.may_fail;
                if !owed {
                    self.wrong(&state, &format!("an error: {:?}", event.errors()));
                }
                count(&COUNTS.resets);
            }
            WS_EVENT_TYPE_TERMINATE => self.terminated(&mut state, ws, event),
            _ => self.wrong(&state, "an event of no kind"),
        }
    }

    fn message(&self, state: &mut State, event: Event) {
        let kind = (api().ws_event_data_type)(event.0);
        let data = event.data();
        if state.paused && !self.inline {
            self.wrong(state, "a message although it is paused");
        }
        if state.expected.pop_front().is_none_or(|expected| !expected.is(kind, &data)) {
            self.wrong(state, &format!("another message than the next one: {}", event.describe()));
        }
        state.echoed += 1;
        count(&COUNTS.echoed);
    }

    fn terminated(&self, state: &mut State, ws: Socket, event: Event) {
        state.terminated = true;
        let clean = (api().ws_event_was_clean)(event.0) == 1;
        let code = (api().ws_event_code)(event.0);
        let discarded = ws.stats().messages_discarded;
        let right = match (state.end, self.servers) {
            (HostsEnd::AtOnce, _) => true,
            // Whoever was first.
            (HostsEnd::Terminated(_), ServersEnd::Reset(_)) => true,
            (HostsEnd::Terminated(ours), ServersEnd::Close(_)) => {
                clean && (i32::from(code) == ours || code == CODE)
            }
            (HostsEnd::Terminated(ours), ServersEnd::Never) => {
                // All that was sent before has come back before.
                let whole = state.expected.is_empty() || discarded > 0;
                clean && i32::from(code) == ours && whole
            }
            (HostsEnd::Not, ServersEnd::Close(n)) => clean && code == CODE && state.echoed == n,
            (HostsEnd::Not, ServersEnd::Reset(_)) => state.failed && code == 1006,
            (HostsEnd::Not, ServersEnd::Never) => false,
        };
        // Before it was open, a terminate gives it up.
        let given_up = state.end != HostsEnd::Not && !state.opened && code == 1006;
        if !right && !given_up {
            let info = ws.close_info();
            self.wrong(state, &format!("ended with {code}, clean {clean}, {discarded} discarded: {info:?}"));
        }
        if state.end == HostsEnd::Not && matches!(self.servers, ServersEnd::Close(_)) {
            count(&COUNTS.ended_by_server);
        }
    }

    /// A result that a call may give at any time.
    pub(crate) fn check(&self, state: &State, what: &str, result: i32, allowed: &[i32]) {
        if !allowed.contains(&result) {
            self.wrong(state, &format!("{what} is {}", name(result)));
        }
    }
}

extern "C" fn called(ws: Socket, event: *const RawEvent, user_data: *mut c_void) {
    // SAFETY: the context keeps the life until its `on_free` has run.
    let life = unsafe { &*user_data.cast::<Life>() };
    life.event(ws, Event(event));
}

extern "C" fn freed(user_data: *mut c_void) {
    // SAFETY: as above; nothing of it is touched behind the last line.
    let life = unsafe { &*user_data.cast::<Life>() };
    let state = life.state();
    // A ws_new that fails has no other callback.
    if !state.terminated && life.ws() != Socket::NULL {
        life.wrong(&state, "freed before its end");
    }
    if life.is_freed() {
        life.wrong(&state, "freed twice");
    }
    drop(state);
    count(&COUNTS.freed);
    life.freed.store(true, Ordering::SeqCst);
}
