//! A reconnector as its host sees it: what every one of its callbacks is checked for.

use std::collections::HashMap;
use std::ffi::{CString, c_char, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use ws4d_test_host::codes::*;
use ws4d_test_host::{Event, OptionsToken, RawEvent, RawReconnectInfo, Reconnector, Socket, api};

use crate::comeback_plan::{ComebackPlan, Moment};
use crate::life::{LATE, REFUSED, UNKNOWN};
use crate::panics;
use crate::server::Road;
use crate::wire::{Answer, Sent, Wire, lock};
use crate::world::{World, this_thread};

/// What has come last, and so what may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Attempting,
    Open,
    Failed,
    Terminated,
    Judged,
    Over,
    Freed,
}

struct State {
    stage: Stage,
    /// One for each attempt.
    wires: Vec<Arc<Wire>>,
    /// The URL of the present attempt, which the library copies.
    url: CString,
    /// How far in what the server of the present attempt has sent.
    position: usize,
    opened: bool,
    counts: HashMap<Moment, u32>,
    trace: Vec<String>,
    end: Option<i32>,
}

pub(crate) struct Comeback {
    pub(crate) plan: ComebackPlan,
    pub(crate) world: Arc<World>,
    id: usize,
    pub(crate) token: AtomicUsize,
    pub(crate) created: AtomicU8,
    /// `ws_reconnector_release` or `ws_reconnector_close` was called.
    pub(crate) given_back: AtomicBool,
    /// How many calls have closed it, or tried to, and how many of them were told that they have.
    pub(crate) closers: AtomicU32,
    pub(crate) closes: AtomicU32,
    /// The number of the thread that is just giving its token back; 0: none is.
    pub(crate) giver: AtomicU64,
    /// The host has ended it.
    pub(crate) ended: AtomicBool,
    /// `ws_reconnector_close` is at it, or was.
    pub(crate) closed: AtomicBool,
    pub(crate) finished: AtomicBool,
    pub(crate) on_stack: AtomicBool,
    stack_thread: AtomicU64,
    pub(crate) freed: AtomicU32,
    pub(crate) over: AtomicBool,
    /// A pulled TERMINATE was freed: the next call goes on.
    pub(crate) owed: AtomicBool,
    pub(crate) sent: AtomicU64,
    state: Mutex<State>,
}

static COMEBACKS: Mutex<Option<HashMap<usize, Arc<Comeback>>>> = Mutex::new(None);
static NEXT_WIRE: AtomicU64 = AtomicU64::new(1 << 40);

fn find(user_data: *mut c_void) -> Option<Arc<Comeback>> {
    let found = lock(&COMEBACKS).as_ref().and_then(|all| all.get(&user_data.addr()).cloned());
    if found.is_none() {
        lock(&LATE).push(format!("a callback of reconnector {}", user_data.addr()));
    }
    found
}

impl Comeback {
    pub(crate) fn new(world: &Arc<World>, plan: ComebackPlan) -> Arc<Comeback> {
        let state = State {
            stage: Stage::Waiting,
            wires: Vec::new(),
            url: CString::default(),
            position: 0,
            opened: false,
            counts: HashMap::new(),
            trace: Vec::new(),
            end: None,
        };
        // Never the number of a socket, see `World::expect`.
        let id = world.id * 8 + 7;
        let comeback = Arc::new(Comeback {
            plan,
            world: Arc::clone(world),
            id,
            token: AtomicUsize::new(0),
            created: AtomicU8::new(UNKNOWN),
            given_back: AtomicBool::new(false),
            closers: AtomicU32::new(0),
            closes: AtomicU32::new(0),
            giver: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            finished: AtomicBool::new(false),
            on_stack: AtomicBool::new(false),
            stack_thread: AtomicU64::new(0),
            freed: AtomicU32::new(0),
            over: AtomicBool::new(false),
            owed: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            state: Mutex::new(state),
        });
        lock(&COMEBACKS).get_or_insert_default().insert(id, Arc::clone(&comeback));
        comeback
    }

    pub(crate) fn forget(&self) {
        for wire in &lock(&self.state).wires {
            wire.dismiss();
            self.world.server.forget(wire.id);
        }
        lock(&COMEBACKS).as_mut().and_then(|all| all.remove(&self.id));
    }

    pub(crate) fn user_data(&self) -> *mut c_void {
        ptr::without_provenance_mut(self.id)
    }

    pub(crate) fn reconnector(&self) -> Reconnector {
        Reconnector(self.token.load(SeqCst))
    }

    pub(crate) fn is_freed(&self) -> bool {
        self.freed.load(SeqCst) > 0
    }

    /// Freed, or never made, and nobody is on the way to or from it.
    pub(crate) fn is_done(&self) -> bool {
        let created = self.created.load(SeqCst);
        created != UNKNOWN && self.is_freed() && !self.on_stack.load(SeqCst)
    }

    pub(crate) fn runs_here(&self) -> bool {
        self.on_stack.load(SeqCst) && self.stack_thread.load(SeqCst) == this_thread().number()
    }

    pub(crate) fn wrong(&self, what: impl Into<String>) {
        self.world.wrong(format!("reconnector: {}", what.into()));
    }

    pub(crate) fn trace(&self) -> Vec<String> {
        lock(&self.state).trace.clone()
    }

    pub(crate) fn end(&self) -> Option<i32> {
        lock(&self.state).end
    }

    /// Its connections, the present one last.
    pub(crate) fn wires(&self) -> Vec<Arc<Wire>> {
        lock(&self.state).wires.clone()
    }

    /// Given back and over, the token is stale; before, it is not. Asked where both are certain.
    pub(crate) fn check_token(&self) {
        let (r, over) = (self.reconnector(), self.over.load(SeqCst));
        if r == Reconnector(0) || self.created.load(SeqCst) == REFUSED {
            return;
        }
        // The callback that asks may run beside the call that gives it back.
        let (given_back, giver) = (self.given_back.load(SeqCst), self.giver.load(SeqCst));
        let stale = (api().ws_reconnector_retry_now)(r) == WS_ERR_INVALID_HANDLE;
        let certain =
            given_back == self.given_back.load(SeqCst) && [0, this_thread().number()].contains(&giver);
        if over && certain && stale != given_back {
            self.wrong(format!("its token is stale: {stale}, though it is over"));
        }
    }

    /// Enters a callback, which comes next if `stage` says so. Returns how many there were at this moment.
    fn enter(&self, moment: Moment, line: String, fits: impl FnOnce(Stage) -> Option<Stage>) -> u32 {
        if self.on_stack.swap(true, SeqCst) {
            self.wrong(format!("{line} inside, or beside, another callback of it"));
        }
        let thread = this_thread();
        self.stack_thread.store(thread.number(), SeqCst);
        let ended_here = self.closed.load(SeqCst) || self.created.load(SeqCst) == UNKNOWN;
        if self.plan.inline && !ended_here && !thread.is_io() {
            self.wrong(format!("{line} on thread {}, which is no I/O thread", thread.name()));
        }
        self.come_to(moment, line, fits)
    }

    fn come_to(&self, moment: Moment, line: String, fits: impl FnOnce(Stage) -> Option<Stage>) -> u32 {
        let mut state = lock(&self.state);
        let before = state.stage;
        match fits(before) {
            Some(stage) => state.stage = stage,
            None => {
                drop(state);
                self.wrong(format!("{line} where it was {before:?}"));
                state = lock(&self.state);
            }
        }
        state.trace.push(line);
        let count = state.counts.entry(moment).or_default();
        *count += 1;
        *count
    }

    fn leave(&self) {
        self.stack_thread.store(0, SeqCst);
        self.on_stack.store(false, SeqCst);
        self.world.bell.ring();
    }

    fn has_waited(&self) -> bool {
        lock(&self.state).stage == Stage::Waiting
    }

    /// Records one event of its present socket, a callback's or a pulled one. Returns its moment, and the how manieth.
    pub(crate) fn event(&self, event: Event, on_stack: bool) -> (Option<Moment>, u32) {
        let (kind, line) = (event.kind(), event.describe());
        let line = line.trim_end_matches('x').to_owned();
        if kind == WS_EVENT_TYPE_MESSAGE {
            self.check_message(&event);
        }
        let moment = match kind {
            WS_EVENT_TYPE_OPEN => Moment::Open,
            WS_EVENT_TYPE_ERROR => Moment::Error,
            WS_EVENT_TYPE_TERMINATE => Moment::Terminate,
            // Pings of the server's make no event, pongs answer none of ours; a drain is as any message.
            _ => Moment::Message,
        };
        let fits = |stage: Stage| match kind {
            WS_EVENT_TYPE_OPEN => (stage == Stage::Attempting).then_some(Stage::Open),
            WS_EVENT_TYPE_ERROR => matches!(stage, Stage::Attempting | Stage::Open).then_some(Stage::Failed),
            WS_EVENT_TYPE_TERMINATE => {
                matches!(stage, Stage::Attempting | Stage::Open | Stage::Failed).then_some(Stage::Terminated)
            }
            _ => (stage == Stage::Open).then_some(Stage::Open),
        };
        if kind == WS_EVENT_TYPE_ERROR && !lock(&self.state).opened {
            self.world.take_report(usize::MAX);
        }
        let count = match on_stack {
            true => self.enter(moment, line, fits),
            false => self.come_to(moment, line, fits),
        };
        lock(&self.state).opened |= kind == WS_EVENT_TYPE_OPEN;
        (Some(moment), count)
    }

    fn check_message(&self, event: &Event) {
        let mut state = lock(&self.state);
        let text = (api().ws_event_data_type)(event.0) == WS_DATA_TYPE_TEXT;
        let message = Sent { text, bytes: event.data() };
        let position = state.position;
        let right = state.wires.last().is_some_and(|wire| wire.state().sent.get(position) == Some(&message));
        state.position += 1;
        drop(state);
        if !right {
            self.wrong(format!("message {position} is not what its server has sent"));
        }
    }

    /// A connection to come: the URL of one more attempt.
    fn next_url(&self) -> *const c_char {
        let mut state = lock(&self.state);
        let at = state.wires.len().min(self.plan.answers.len() - 1);
        let answer = if self.finished.load(SeqCst) { Answer::Accept } else { self.plan.answers[at] };
        let world = &self.world;
        let wire = world.server.expect(NEXT_WIRE.fetch_add(1, SeqCst), answer, &world.bell);
        state.url = ws4d_test_host::c(&world.server.url(Road::Wide, wire.id));
        state.wires.push(wire);
        (state.position, state.opened) = (0, false);
        state.url.as_ptr()
    }

    /// A callback runs now: may it? `counts`: it is an event of its own.
    fn check_place(&self, what: &str, counts: bool) {
        if !self.plan.inline {
            self.world.check_comeback(what, counts, self.closed.load(SeqCst));
        }
    }
}

/// Every callback of its handler but `on_free`.
pub(crate) extern "C" fn called(_: Socket, raw: *const RawEvent, user_data: *mut c_void) {
    let Some(comeback) = find(user_data) else { return };
    let event = Event(raw);
    comeback.check_place(&event.describe(), true);
    let (moment, count) = comeback.event(event, true);
    comeback.react(moment, count);
    comeback.leave();
}

pub(crate) extern "C" fn attempt(
    r: Reconnector,
    _: OptionsToken,
    _: u32,
    user_data: *mut c_void,
) -> *const c_char {
    let Some(comeback) = find(user_data) else { return ptr::null() };
    comeback.check_place("on_attempt", true);
    comeback.meet(r);
    let count = comeback.enter(Moment::Attempt, "attempt".to_owned(), |stage| {
        (stage == Stage::Waiting).then_some(Stage::Attempting)
    });
    let url = comeback.next_url();
    comeback.react(Some(Moment::Attempt), count);
    comeback.leave();
    url
}

pub(crate) extern "C" fn is_final(r: Reconnector, _: *const RawReconnectInfo, user_data: *mut c_void) -> i32 {
    let Some(comeback) = find(user_data) else { return 1 };
    comeback.check_place("is_final", false);
    comeback.meet(r);
    let count = comeback.enter(Moment::IsFinal, "final?".to_owned(), |stage| {
        matches!(stage, Stage::Attempting | Stage::Terminated).then_some(Stage::Judged)
    });
    comeback.react(Some(Moment::IsFinal), count);
    comeback.leave();
    i32::from(count == comeback.plan.final_at)
}

pub(crate) extern "C" fn reconnects(r: Reconnector, _: *const RawReconnectInfo, user_data: *mut c_void) {
    let Some(comeback) = find(user_data) else { return };
    comeback.check_place("on_reconnect", false);
    comeback.meet(r);
    let count = comeback.enter(Moment::Reconnect, "reconnect".to_owned(), |stage| {
        matches!(stage, Stage::Attempting | Stage::Terminated | Stage::Judged).then_some(Stage::Waiting)
    });
    comeback.react(Some(Moment::Reconnect), count);
    comeback.leave();
}

pub(crate) extern "C" fn ends(r: Reconnector, info: *const RawReconnectInfo, user_data: *mut c_void) {
    let Some(comeback) = find(user_data) else { return };
    // SAFETY: the library gives a struct that lives as long as the call.
    let info = unsafe { *info };
    if comeback.has_waited() && !comeback.plan.inline {
        // It may have waited, or have given up before it did.
        comeback.world.perhaps_an_event();
    }
    comeback.check_place("on_end", false);
    comeback.meet(r);
    let broken =
        info.end == WS_RECONNECT_END_REFUSED && info.result == WS_ERR_INTERNAL && panics::has_fired();
    let line = format!("end {} {}", info.end, info.result);
    let count = comeback.enter(Moment::End, line, |stage| {
        let between = matches!(stage, Stage::Waiting | Stage::Attempting | Stage::Terminated | Stage::Judged);
        between.then_some(Stage::Over)
    });
    lock(&comeback.state).end = Some(if broken { WS_RECONNECT_END_NONE } else { info.end });
    comeback.react(Some(Moment::End), count);
    comeback.leave();
}

/// `on_free`
pub(crate) extern "C" fn freed(user_data: *mut c_void) {
    let Some(comeback) = find(user_data) else { return };
    // Where ws_reconnector_new fails, it is all that comes.
    let failed = comeback.created.load(SeqCst) == UNKNOWN && comeback.end().is_none();
    if !failed {
        comeback.check_place("on_free", false);
        comeback.over.store(true, SeqCst);
    }
    let count = comeback.enter(Moment::Free, "free".to_owned(), |stage| {
        (stage == Stage::Over || failed).then_some(Stage::Freed)
    });
    if comeback.freed.fetch_add(1, SeqCst) > 0 {
        comeback.wrong("on_free twice");
    }
    comeback.check_token();
    comeback.react(Some(Moment::Free), count);
    comeback.leave();
}

impl Comeback {
    /// A callback names it.
    fn meet(&self, r: Reconnector) {
        match self.token.compare_exchange(0, r.0, SeqCst, SeqCst) {
            Err(token) if token != r.0 => self.wrong("a callback with a stranger's token"),
            _ => {}
        }
    }
}
