//! One sequence's host context: its dispatcher, the calls of it in progress, and what a callback's place is
//! checked against.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use ws4d_test_host::codes::*;
use ws4d_test_host::{Dispatcher, Event, RawErrors, api};

use crate::assistant::Assistant;
use crate::comeback::Comeback;
use crate::life::{CLOSED, Life, TERMINATED, TERMINATED_EARLY, UNKNOWN};
use crate::panics;
use crate::plan::{Mode, Plan};
use crate::pulls::Kept;
use crate::server::Server;
use crate::system;
use crate::wire::{Bell, lock};

/// A thread by a number of ours, which no other ever has; also one that the library has started.
#[derive(Clone, Copy)]
pub(crate) struct Thread(u64);

static THREADS: AtomicU64 = AtomicU64::new(1);

pub(crate) fn this_thread() -> Thread {
    thread_local! {
        static NUMBER: u64 = THREADS.fetch_add(1, SeqCst);
    }
    Thread(NUMBER.with(|number| *number))
}

impl Thread {
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    /// Of the calling thread only.
    pub(crate) fn name(self) -> String {
        system::thread_name()
    }

    pub(crate) fn is_io(self) -> bool {
        self.name().starts_with("ws4d-io")
    }
}

/// A call of the dispatcher in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Dispatch(u32),
    Wait,
    Run,
    Next,
    NextBatch(usize),
    /// `ws_new` of that socket.
    New(usize),
    NewAsync(usize),
    Close,
    /// `ws_close`
    CloseOne,
}

impl Call {
    /// Whether a stop ends it; as long as it lasts the dispatcher stays where it is.
    pub(crate) fn delivers(self) -> bool {
        !matches!(self, Call::NewAsync(_) | Call::Close | Call::CloseOne)
    }
}

pub(crate) struct Frame {
    pub(crate) call: Call,
    pub(crate) events: u32,
    /// So many more may have been counted.
    pub(crate) unsure: u32,
    pub(crate) stopped: bool,
    /// Another call ran inside.
    pub(crate) nested: bool,
    /// What was delivered of a socket's messages, and what the last of them counts.
    pub(crate) charges: HashMap<usize, (usize, usize)>,
}

pub(crate) struct World {
    pub(crate) id: usize,
    pub(crate) plan: Plan,
    pub(crate) server: &'static Server,
    pub(crate) assistant: Assistant,
    pub(crate) bell: Arc<Bell>,
    pub(crate) dispatcher: Mutex<Dispatcher>,
    /// The thread of the script.
    script: u64,
    pub(crate) owner: AtomicU64,
    pub(crate) frames: Mutex<Vec<Frame>>,
    pub(crate) woken: AtomicBool,
    pub(crate) wakes: AtomicU32,
    pub(crate) closing: AtomicBool,
    closed: AtomicBool,
    /// Closed while sockets of it were alive.
    closed_early: AtomicBool,
    pub(crate) stops: AtomicU32,
    /// A stop that certainly found no call in progress.
    pub(crate) remembered: AtomicBool,
    pub(crate) shut_down: AtomicBool,
    pub(crate) finishing: AtomicBool,
    /// The script waits for a socket that another thread opens.
    pub(crate) expects: AtomicBool,
    pub(crate) lives: Mutex<Vec<Option<Arc<Life>>>>,
    pub(crate) comeback: Mutex<Option<Arc<Comeback>>>,
    pub(crate) kept: Mutex<Vec<Kept>>,
    pub(crate) pulled_terminates: Mutex<HashSet<usize>>,
    /// What has said WS_ERR_INTERNAL after a panic that the test wanted.
    pub(crate) excused: Mutex<Vec<String>>,
    pub(crate) wrongs: Mutex<Vec<String>>,
    pub(crate) log: Mutex<Vec<String>>,
    pub(crate) counts: Mutex<BTreeMap<String, u64>>,
}

static WORLDS: Mutex<Option<HashMap<usize, Arc<World>>>> = Mutex::new(None);
static NEXT: AtomicUsize = AtomicUsize::new(1);

thread_local! {
    /// Calls of the error handler that nobody has asked for yet.
    static REPORTS: Cell<u32> = const { Cell::new(0) };
}

/// The process's error handler.
pub(crate) extern "C" fn report(_: *const RawErrors, _: *mut c_void) {
    REPORTS.set(REPORTS.get() + 1);
}

extern "C" fn wake(user_data: *mut c_void) {
    let world = lock(&WORLDS).as_ref().and_then(|worlds| worlds.get(&user_data.addr()).cloned());
    let Some(world) = world else {
        lock(&crate::life::LATE).push("a wake of a dispatcher that was closed long ago".to_owned());
        return;
    };
    if world.closed.load(SeqCst) {
        world.wrong("wake after ws_dispatcher_close has returned");
    }
    world.wakes.fetch_add(1, SeqCst);
    world.woken.store(true, SeqCst);
    world.bell.ring();
}

impl World {
    pub(crate) fn new(
        plan: Plan,
        server: &'static Server,
        assistant: Assistant,
        bell: Arc<Bell>,
    ) -> Arc<World> {
        let id = NEXT.fetch_add(1, SeqCst);
        let spare = plan.sockets.len() + 1;
        let world = Arc::new(World {
            id,
            plan,
            server,
            assistant,
            bell,
            dispatcher: Mutex::new(Dispatcher::NULL),
            script: this_thread().0,
            owner: AtomicU64::new(this_thread().0),
            frames: Mutex::default(),
            woken: AtomicBool::new(false),
            wakes: AtomicU32::new(0),
            closing: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            closed_early: AtomicBool::new(false),
            stops: AtomicU32::new(0),
            remembered: AtomicBool::new(false),
            shut_down: AtomicBool::new(false),
            finishing: AtomicBool::new(false),
            expects: AtomicBool::new(false),
            lives: Mutex::new(vec![None; spare]),
            comeback: Mutex::default(),
            kept: Mutex::default(),
            pulled_terminates: Mutex::default(),
            excused: Mutex::default(),
            wrongs: Mutex::default(),
            log: Mutex::default(),
            counts: Mutex::default(),
        });
        lock(&WORLDS).get_or_insert_default().insert(id, Arc::clone(&world));
        let dispatcher = match world.plan.mode {
            Mode::Wake | Mode::PullWhenWoken => {
                (api().ws_dispatcher_new_with_wake)(Some(wake), ptr::without_provenance_mut(id))
            }
            _ if world.plan.driving => (api().ws_dispatcher_new_driving)(),
            _ => (api().ws_dispatcher_new)(),
        };
        *lock(&world.dispatcher) = dispatcher;
        if world.plan.driving && dispatcher.fd() != -1 {
            world.wrong("a driving dispatcher has a descriptor");
        }
        world.set_interruptible();
        world
    }

    /// All is over and judged.
    pub(crate) fn forget(&self) {
        for life in std::mem::take(&mut *lock(&self.lives)).into_iter().flatten() {
            life.wire.dismiss();
            self.server.forget(life.wire.id);
            life.forget();
        }
        if let Some(comeback) = lock(&self.comeback).take() {
            comeback.forget();
        }
        lock(&WORLDS).as_mut().and_then(|worlds| worlds.remove(&self.id));
    }

    pub(crate) fn handle(&self) -> Dispatcher {
        *lock(&self.dispatcher)
    }

    pub(crate) fn wrong(&self, what: impl Into<String>) {
        let what = what.into();
        self.note(format!("WRONG: {what}"));
        lock(&self.wrongs).push(what);
    }

    /// Whether this result is that of a panic that the test wanted; one call may have it.
    pub(crate) fn excuses(&self, what: impl std::fmt::Debug, result: i32) -> bool {
        if result != WS_ERR_INTERNAL || !panics::has_fired() {
            return false;
        }
        self.note(format!("{what:?}: WS_ERR_INTERNAL"));
        let mut excused = lock(&self.excused);
        excused.push(format!("{what:?}"));
        if excused.len() > 1 {
            let all = excused.clone();
            drop(excused);
            self.wrong(format!("one panic, and WS_ERR_INTERNAL from {all:?}"));
        }
        true
    }

    pub(crate) fn is_right(&self) -> bool {
        lock(&self.wrongs).is_empty()
    }

    /// A line of the report, should there be one.
    pub(crate) fn note(&self, what: impl Into<String>) {
        lock(&self.log).push(what.into());
    }

    pub(crate) fn count(&self, what: impl Into<String>) {
        *lock(&self.counts).entry(what.into()).or_default() += 1;
    }

    pub(crate) fn life(&self, index: usize) -> Option<Arc<Life>> {
        lock(&self.lives).get(index).cloned().flatten()
    }

    pub(crate) fn all_lives(&self) -> Vec<Arc<Life>> {
        lock(&self.lives).iter().flatten().cloned().collect()
    }

    /// Whether this is the thread of the script.
    pub(crate) fn is_scripts(&self) -> bool {
        self.script == this_thread().0
    }

    pub(crate) fn owns(&self) -> bool {
        self.owner.load(SeqCst) == this_thread().0
    }

    pub(crate) fn own(&self) {
        self.owner.store(this_thread().0, SeqCst);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closing.load(SeqCst)
    }

    /// `ws_dispatcher_close` begins.
    pub(crate) fn begin_close(&self) {
        let alive = self.all_lives().iter().any(|life| !life.is_freed()) || !self.assistant.is_idle();
        self.closed_early.store(alive, SeqCst);
        self.closing.store(true, SeqCst);
    }

    pub(crate) fn closed_early(&self) -> bool {
        self.closed_early.load(SeqCst)
    }

    /// `ws_dispatcher_close` has returned.
    pub(crate) fn has_closed(&self) -> bool {
        self.closed.load(SeqCst)
    }

    pub(crate) fn set_closed(&self) {
        self.closed.store(true, SeqCst);
    }

    pub(crate) fn pulls_terminate(&self, life: &Life) -> bool {
        lock(&self.pulled_terminates).contains(&life.index)
    }

    /// The error handler was called on this thread just before.
    pub(crate) fn take_report(&self, index: usize) {
        match REPORTS.get() {
            // One that was open, and has lost its OPEN by a panic, is none that could not be opened.
            0 if panics::has_fired() => {}
            0 => self.wrong(format!("socket {index}: the error handler was not told of its failure")),
            n => REPORTS.set(n - 1),
        }
    }

    pub(crate) fn no_more_reports(&self) {
        if REPORTS.take() > 0 {
            self.wrong("the error handler was told of what nobody else was");
        }
    }

    /// An event's callback, whose socket has this dispatcher, runs now: may it?
    pub(crate) fn check_callback(&self, life: &Life, kind: i32, event: &Event) {
        let line = event.describe();
        if !self.owns() {
            self.wrong(format!("socket {}: {line} on thread {}", life.index, this_thread().name()));
            return;
        }
        let closed = self.is_closed();
        let mut frames = lock(&self.frames);
        let Some(frame) = frames.last_mut() else {
            drop(frames);
            self.wrong(format!("socket {}: {line} outside of any call", life.index));
            return;
        };
        // What follows a ws_close inside a callback belongs to no call, and none counts it.
        let ended = kind == WS_EVENT_TYPE_TERMINATE && life.causes.load(SeqCst) & CLOSED != 0;
        frame.events += u32::from(!ended);
        if matches!(
            kind,
            WS_EVENT_TYPE_MESSAGE | WS_EVENT_TYPE_PART | WS_EVENT_TYPE_PONG | WS_EVENT_TYPE_PING
        ) {
            let charge = event.data().len() + 64;
            let (sum, last) = frame.charges.entry(life.index).or_default();
            (*sum, *last) = (*sum + charge, charge);
        }
        let may = match frame.call {
            _ if ended => true,
            _ if closed => kind == WS_EVENT_TYPE_TERMINATE,
            Call::Dispatch(_) | Call::Wait | Call::Run => !frame.stopped,
            Call::New(index) => index == life.index && kind == WS_EVENT_TYPE_OPEN,
            Call::Next | Call::NextBatch(_) | Call::NewAsync(_) | Call::Close | Call::CloseOne => false,
        };
        let (call, stopped) = (frame.call, frame.stopped);
        drop(frames);
        if !may {
            let how = format!("closed: {closed}, stopped: {stopped}");
            self.wrong(format!("socket {}: {line} inside {call:?}, {how}", life.index));
        }
        let only = self.all_lives().len() == 1 && self.comeback().is_none();
        if self.plan.mode == Mode::Fd && only && !closed && self.is_readable() {
            self.wrong(format!("the descriptor is readable inside {line} of the only socket"));
        }
    }

    /// A callback of its reconnector runs now: may it? `counts`: it is an event of its own; `ended`: the host has closed
    /// the reconnector.
    pub(crate) fn check_comeback(&self, what: &str, counts: bool, ended: bool) {
        if !self.owns() && !self.has_closed() {
            return self.wrong(format!("reconnector: {what} on thread {}", this_thread().name()));
        }
        let closed = self.is_closed();
        let mut frames = lock(&self.frames);
        let Some(frame) = frames.last_mut() else {
            drop(frames);
            if !ended {
                self.wrong(format!("reconnector: {what} outside of any call"));
            }
            return;
        };
        // A pull runs them besides.
        let pulls = matches!(frame.call, Call::Next | Call::NextBatch(_));
        frame.events += u32::from(counts && !ended && !pulls);
        let may = match frame.call {
            _ if ended || closed => true,
            Call::Dispatch(_) | Call::Wait | Call::Run => !counts || !frame.stopped,
            // The library's own events, and what follows a pulled TERMINATE.
            Call::Next | Call::NextBatch(_) => what.starts_with("on_") || what == "is_final",
            Call::New(_) | Call::NewAsync(_) | Call::Close | Call::CloseOne => false,
        };
        let (call, stopped) = (frame.call, frame.stopped);
        drop(frames);
        if !may {
            self.wrong(format!("reconnector: {what} inside {call:?}, stopped: {stopped}"));
        }
    }

    /// Whether the call in progress counts what its reconnector does now is unsure.
    pub(crate) fn perhaps_an_event(&self) {
        if let Some(frame) = lock(&self.frames).last_mut() {
            frame.unsure += 1;
        }
    }

    /// Whether something has ended all that it has.
    pub(crate) fn may_end_all(&self) -> bool {
        self.is_closed() || self.shut_down.load(SeqCst)
    }

    /// `on_free` of a socket of this dispatcher runs now: may it?
    pub(crate) fn check_free(&self, life: &Life) {
        // Where ws_new fails, on_free runs on the thread that called it, whosever the dispatcher is.
        let failed = life.created.load(SeqCst) == UNKNOWN && lock(&life.record).end.is_none();
        if !self.owns() && !failed {
            self.wrong(format!("socket {}: on_free on thread {}", life.index, this_thread().name()));
        } else if lock(&self.frames).is_empty() && !failed {
            self.wrong(format!("socket {}: on_free outside of any call", life.index));
        }
    }

    /// What was delivered at once had waited together: no more than the receive buffer holds, and one message.
    pub(crate) fn check_bound(&self, frame: &Frame) {
        if frame.nested || !matches!(frame.call, Call::Dispatch(0) | Call::Wait) {
            return;
        }
        for (index, (sum, last)) in &frame.charges {
            let Some(life) = self.life(*index) else { continue };
            let bound = life.plan.receive_buffer;
            let closing = life.causes.load(SeqCst) & (TERMINATED | TERMINATED_EARLY) != 0;
            if bound != 0 && !closing && sum - last >= bound {
                self.wrong(format!("socket {index}: {sum} bytes waited in a receive buffer of {bound}"));
            }
        }
    }

    /// Whether all of its sockets were driven by their owner.
    pub(crate) fn does_without_threads(&self) -> bool {
        let inline = self.plan.comeback.as_ref().is_some_and(|comeback| comeback.inline);
        self.plan.driving && !inline && self.all_lives().iter().all(|life| !life.plan.inline)
    }

    pub(crate) fn is_readable(&self) -> bool {
        system::wait_for(self.handle().fd(), None, 0)
    }
}
