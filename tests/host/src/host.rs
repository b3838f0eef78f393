//! The host itself: where its callbacks run, what they record, and what they do.

use std::any::Any;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, ThreadId};
use std::time::Instant;

use crate::api::{api, name};
use crate::codes::*;
use crate::grammar::check_grammar;
use crate::opening::Opening;
use crate::peer::Peer;
use crate::trace::{Entry, PATIENCE, Trace};
use crate::types::{Dispatcher, Socket};
use crate::values::{Event, Pulled};

/// A program that uses the library. Clones are the same host; the last one closes its dispatcher, sees its sockets
/// freed, and checks the grammar of each.
#[derive(Clone)]
pub struct Host {
    pub(crate) inner: Arc<Inner>,
    /// Not for the one that a script gets: the end is the test's, whatever thread a callback is on.
    _end: Option<Arc<End>>,
}

/// Its drop is the end of the host.
struct End(Arc<Inner>);

/// What a script sees of the callback in which it runs.
pub struct Call {
    /// The socket; in `free`, where the library passes none, the one that was opened.
    pub ws: Socket,
    /// The event; NULL in `free`.
    pub event: Event,
    /// The host.
    pub host: Host,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Callbacks inside dispatch, wait and run.
    Dispatched,
    /// No callbacks: the host pulls.
    Pull,
    /// No dispatcher: callbacks on I/O threads.
    Inline,
}

type Script = Arc<dyn Fn(&Call) + Send + Sync>;

pub(crate) struct Inner {
    mode: Mode,
    dispatcher: Dispatcher,
    pub(crate) trace: Trace,
    scripts: Mutex<Vec<(String, Script)>>,
    pub(crate) peers: Mutex<Vec<Arc<Peer>>>,
    wakes: Arc<Wakes>,
}

/// What `wake` touches; lives as long as the dispatcher.
#[derive(Default)]
struct Wakes {
    /// What failed inside a callback or `wake`, where it must not unwind.
    failure: Mutex<Option<Box<dyn Any + Send>>>,
    count: AtomicUsize,
    script: Mutex<Option<Arc<dyn Fn() + Send + Sync>>>,
    trace: Trace,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// With `WS4D_TEST_DRIVING` every dispatcher is a driving one, so that tests that know none try them, too.
fn new_dispatcher() -> Dispatcher {
    match std::env::var_os("WS4D_TEST_DRIVING") {
        Some(_) => (api().ws_dispatcher_new_driving)(),
        None => (api().ws_dispatcher_new)(),
    }
}

extern "C" fn wake(user_data: *mut c_void) {
    // SAFETY: the host keeps the counter until ws_dispatcher_close has returned.
    let wakes = unsafe { &*user_data.cast::<Wakes>() };
    wakes.count.fetch_add(1, Ordering::SeqCst);
    wakes.trace.add("", "wake".to_owned());
    let script = lock(&wakes.script).clone();
    if let Some(script) = script {
        wakes.keep_failure(|| script());
    }
}

impl Wakes {
    fn keep_failure(&self, script: impl FnOnce()) {
        if let Err(failure) = catch_unwind(AssertUnwindSafe(script)) {
            lock(&self.failure).get_or_insert(failure);
        }
    }
}

impl Host {
    /// A host with a dispatcher of the calling thread.
    #[must_use]
    pub fn new() -> Host {
        Host::make(Mode::Dispatched, |_| new_dispatcher())
    }

    /// A host whose dispatcher does without an I/O thread.
    #[must_use]
    pub fn driving() -> Host {
        Host::make(Mode::Dispatched, |_| (api().ws_dispatcher_new_driving)())
    }

    /// The same, whose dispatcher calls `wake`: see [`Host::wakes`].
    #[must_use]
    pub fn with_wake() -> Host {
        Host::make(Mode::Dispatched, |wakes| {
            (api().ws_dispatcher_new_with_wake)(Some(wake), Arc::as_ptr(wakes).cast_mut().cast())
        })
    }

    /// A host with a dispatcher that pulls its events: see [`Host::pull`].
    #[must_use]
    pub fn pulling() -> Host {
        Host::make(Mode::Pull, |_| new_dispatcher())
    }

    /// A host with no dispatcher: its callbacks run on the library's I/O threads.
    #[must_use]
    pub fn inline() -> Host {
        Host::make(Mode::Inline, |_| Dispatcher::NULL)
    }

    fn make(mode: Mode, dispatcher: impl FnOnce(&Arc<Wakes>) -> Dispatcher) -> Host {
        let wakes = Arc::<Wakes>::default();
        let dispatcher = dispatcher(&wakes);
        assert!(mode == Mode::Inline || dispatcher != Dispatcher::NULL, "a dispatcher");
        let inner = Inner {
            mode,
            dispatcher,
            trace: Trace::default(),
            scripts: Mutex::default(),
            peers: Mutex::default(),
            wakes,
        };
        let inner = Arc::new(inner);
        Host { _end: Some(Arc::new(End(Arc::clone(&inner)))), inner }
    }

    /// The host as a callback sees it.
    pub(crate) fn of_callback(inner: Arc<Inner>) -> Host {
        Host { inner, _end: None }
    }

    /// The dispatcher; NULL for an inline host.
    pub fn dispatcher(&self) -> Dispatcher {
        self.inner.dispatcher
    }

    // Opening.

    /// A socket to be opened: `.named("a")`, `.with(options)`, then one of the ways to open it.
    pub fn to(&self, url: impl Into<String>) -> Opening<'_> {
        Opening::new(self, url.into())
    }

    /// `ws_new`
    ///
    /// # Panics
    /// If it fails.
    pub fn open(&self, url: impl Into<String>) -> Socket {
        self.to(url).open()
    }

    /// `ws_new_async`
    ///
    /// # Panics
    /// If it fails.
    pub fn open_async(&self, url: impl Into<String>) -> Socket {
        self.to(url).open_async()
    }

    // Scripts.

    /// Runs `script` inside each callback whose trace line is `what` or begins with it: "message", "message text hello",
    /// or "a message" for the socket named a. A panic in it fails the test, not the process.
    pub fn on(&self, what: &str, script: impl Fn(&Call) + Send + Sync + 'static) {
        lock(&self.inner.scripts).push((what.to_owned(), Arc::new(script)));
    }

    /// The same for the first such callback only.
    pub fn once(&self, what: &str, script: impl FnOnce(&Call) + Send + 'static) {
        let script = Mutex::new(Some(script));
        self.on(what, move |call| {
            let script = lock(&script).take();
            if let Some(script) = script {
                script(call);
            }
        });
    }

    pub(crate) fn called(&self, peer: &Peer, ws: Socket, event: Event, text: String) {
        let entry = Entry { socket: peer.name.clone(), text, thread: thread::current().id() };
        let scripts: Vec<Script> = lock(&self.inner.scripts)
            .iter()
            .filter(|(what, _)| entry.is(what))
            .map(|(_, script)| Arc::clone(script))
            .collect();
        self.inner.trace.add(&entry.socket, entry.text);
        let call = Call { ws, event, host: Host::of_callback(Arc::clone(&self.inner)) };
        for script in scripts {
            self.inner.wakes.keep_failure(|| script(&call));
        }
    }

    // What happened.

    /// All lines so far.
    ///
    /// # Panics
    /// With what failed inside a callback; so do the other methods that look at the trace.
    pub fn trace(&self) -> Vec<String> {
        self.entries().iter().map(Entry::line).collect()
    }

    /// Those of the socket of that name, without it.
    pub fn trace_of(&self, name: &str) -> Vec<String> {
        let entries = self.entries();
        entries.into_iter().filter(|entry| entry.socket == name).map(|entry| entry.text).collect()
    }

    /// All so far, with their threads.
    pub fn entries(&self) -> Vec<Entry> {
        if let Some(failure) = lock(&self.inner.wakes.failure).take() {
            resume_unwind(failure);
        }
        self.inner.trace.entries().clone()
    }

    /// How many lines are `what`, or begin with it.
    pub fn count(&self, what: &str) -> usize {
        self.entries().iter().filter(|entry| entry.is(what)).count()
    }

    /// Whether all callbacks so far ran on that thread.
    pub fn every_callback_ran_on(&self, thread: ThreadId) -> bool {
        self.entries().iter().all(|entry| entry.thread == thread)
    }

    /// Whether no callback so far ran on that thread.
    pub fn no_callback_ran_on(&self, thread: ThreadId) -> bool {
        self.entries().iter().all(|entry| entry.thread != thread)
    }

    // Going on.

    /// Dispatches, pulls or waits until there is such a line; also one of the past is enough.
    ///
    /// # Panics
    /// If there is none in good time.
    pub fn run_until(&self, what: &str) {
        self.run_until_count(what, 1);
    }

    /// The same until there are so many such lines.
    ///
    /// # Panics
    /// If there are fewer in good time.
    pub fn run_until_count(&self, what: &str, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.count(what) < count {
            let left = deadline.saturating_duration_since(Instant::now()).as_millis() as i32;
            let waited = match self.inner.mode {
                Mode::Dispatched => self.dispatcher().wait(left),
                // The first call may be the one that runs on_free, and should not wait for an event after it.
                Mode::Pull if self.pull(0).is_some() || self.count(what) >= count => 1,
                Mode::Pull => self.pull(left).is_some() as i32,
                Mode::Inline => {
                    let seen = |entries: &[Entry]| {
                        let failed = lock(&self.inner.wakes.failure).is_some();
                        failed || entries.iter().filter(|entry| entry.is(what)).count() >= count
                    };
                    self.inner.trace.wait(seen) as i32
                }
            };
            assert!(waited >= 0, "waiting for {count} {what:?}: {}; {:#?}", name(waited), self.tail());
            assert!(left > 0, "waited in vain for {count} {what:?}: {:#?}", self.tail());
        }
    }

    /// What a failure shows of the trace.
    fn tail(&self) -> Vec<String> {
        let trace = self.trace();
        trace[trace.len().saturating_sub(30)..].to_vec()
    }

    /// Pulls one event and records it as a callback would have been. It is freed with the value.
    ///
    /// # Panics
    /// If that fails.
    pub fn pull(&self, timeout_ms: i32) -> Option<(Socket, Pulled)> {
        let pulled = self.dispatcher().next(timeout_ms);
        let (ws, pulled) = pulled.unwrap_or_else(|error| panic!("pulling: {}", name(error)))?;
        let peers = lock(&self.inner.peers).clone();
        let user_data = ws.user_data();
        let peer = peers.iter().find(|peer| peer.user_data() == user_data);
        let text = pulled.describe();
        if let Some(peer) = peer {
            peer.add(&text);
        }
        self.inner.trace.add(peer.map_or("?", |peer| &peer.name), text);
        Some((ws, pulled))
    }

    /// Dispatches all that is deliverable, without waiting.
    pub fn dispatch(&self) -> i32 {
        self.dispatcher().dispatch(0)
    }

    // Wakes.

    /// How often `wake` was called.
    pub fn wakes(&self) -> usize {
        self.inner.wakes.count.load(Ordering::SeqCst)
    }

    /// Waits until `wake` was called so often.
    ///
    /// # Panics
    /// If it is not in good time.
    pub fn wait_for_wakes(&self, count: usize) {
        let enough = self.inner.wakes.trace.wait(|entries| entries.len() >= count);
        assert!(enough, "{} wakes instead of {count}; {:#?}", self.wakes(), self.trace());
    }

    /// Runs `script` inside each further `wake`.
    pub fn on_wake(&self, script: impl Fn() + Send + Sync + 'static) {
        *lock(&self.inner.wakes.script) = Some(Arc::new(script));
    }

    pub(crate) fn weak(&self) -> Weak<Inner> {
        Arc::downgrade(&self.inner)
    }
}

impl Default for Host {
    fn default() -> Self {
        Host::new()
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let peers = lock(&self.0.peers).clone();
        match self.0.mode {
            Mode::Inline => {
                for peer in peers.iter().filter(|peer| !peer.is_freed()) {
                    peer.socket().abort();
                }
                for peer in &peers {
                    peer.wait_freed();
                }
            }
            _ => {
                // Closed by the test already, or another thread's now.
                let closed = self.0.dispatcher.close();
                if closed == WS_ERR_WRONG_THREAD {
                    self.0.dispatcher.attach();
                    self.0.dispatcher.close();
                }
            }
        }
        if thread::panicking() {
            return;
        }
        if let Some(failure) = lock(&self.0.wakes.failure).take() {
            resume_unwind(failure);
        }
        for peer in &peers {
            check_grammar(&peer.life());
        }
    }
}
