//! A runtime without a thread of its own: a waiting thread runs it. A driving dispatcher has one for its whole life; a
//! blocking `ws_new` borrows one, so that a connection is made without a hop to an I/O thread and back. While it has one
//! task, it uses neither the poller nor the timers of the runtime (`alone.rs`).

use super::alone::{Alone, Ran};
use super::{Task, engine};
use crate::context::{ThreadRole, ThreadRoleGuard};
use crate::error::{Component, Error, ErrorCode};
use crate::fault::fault_point;
use crate::panics::{contained, succeeds};
use crate::sync::Mutex;
use crate::sys::readiness::{Waitable, Watch};
use crate::sys::{self, RawWaitable};
use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Notify;

/// The number of drivers that the process keeps for the next blocking `ws_new`.
const MAX_POOLED: usize = 4;

/// The longest run of a driver that cannot watch the descriptor `also`.
const LONGEST_UNWATCHED: Duration = Duration::from_millis(100);

/// The poller or the alarm of the dispatcher that runs a driver.
struct Also(RawWaitable);

impl Waitable for Also {
    fn raw(&self) -> RawWaitable {
        self.0
    }
}

/// What a runtime watches beside its tasks' descriptors.
type Watched = (Weak<Reactor>, Arc<Watch<Also>>);

/// The tasks that have begun.
pub(super) struct Reactor {
    /// The only task, if there is one that has not needed the runtime yet. Dropped before the runtime.
    alone: Alone,
    pub(super) runtime: Runtime,
}

/// Socket tasks, and the poller in which they wait.
pub(crate) struct Driver {
    role: ThreadRole,
    tokio: Mutex<Tokio>,
    /// The descriptor that ends a run when it is readable; registered once with each runtime.
    also: Mutex<Option<Watched>>,
    woken: Arc<Woken>,
    tasks: Arc<AtomicUsize>,
    /// Tasks that the next run begins; beginning them there costs no wake-up.
    pub(super) new: Mutex<VecDeque<Task>>,
    /// A run is in progress, and must be woken for new tasks.
    running: AtomicBool,
    /// The number of shutdowns when it was borrowed.
    since: AtomicU64,
}

enum Tokio {
    Ready(Arc<Reactor>),
    /// Its tasks were dropped; the next run makes a new one.
    Dropped,
    /// For good.
    Ended,
}

impl Tokio {
    fn take(&mut self, next: Tokio) -> Option<Arc<Reactor>> {
        match std::mem::replace(self, next) {
            Tokio::Ready(reactor) => Some(reactor),
            Tokio::Dropped | Tokio::Ended => None,
        }
    }
}

fn new_reactor(woken: &Arc<Woken>) -> io::Result<Arc<Reactor>> {
    let by_signal = Arc::clone(woken);
    let mut builder = Builder::new_current_thread();
    builder.enable_io().enable_time();
    builder
        .on_thread_park(sys::thread::forget_interruption)
        .on_thread_unpark(move || by_signal.check_signal());
    let runtime = builder.build()?;
    sys::thread::show_main_thread_to_leak_checkers();
    Ok(Arc::new(Reactor { alone: Alone::new()?, runtime }))
}

/// Makes a run in progress return.
#[derive(Default)]
pub(super) struct Woken {
    pub(super) notify: Notify,
    /// A signal handler has run while the driver slept.
    by_signal: AtomicBool,
}

impl Woken {
    /// Checks, right after a sleep, whether a signal has ended it. tokio swallows the error of such a wait and sleeps
    /// on, but `errno` still holds it: a wait that succeeds leaves `errno` alone, and no failing call comes in
    /// between.
    fn check_signal(&self) {
        if sys::thread::was_interrupted() {
            self.by_signal.store(true, Ordering::Relaxed);
            self.notify.notify_one();
        }
    }
}

impl Driver {
    /// A driver that uses no other thread of the library: jobs that may block, block the thread that runs it.
    pub(crate) fn alone() -> Result<Arc<Driver>, Error> {
        Driver::new(ThreadRole::Alone)
    }

    /// A driver for a blocking `ws_new`, which must hand it [back](Driver::give_back).
    pub(crate) fn borrow() -> Result<Arc<Driver>, Error> {
        let since = super::shutdowns();
        let kept = engine().drivers.lock().pop();
        let driver = kept.map_or_else(|| Driver::new(ThreadRole::Connecting), Ok)?;
        driver.since.store(since, Ordering::Relaxed);
        fault_point!();
        Ok(driver)
    }

    fn new(role: ThreadRole) -> Result<Arc<Driver>, Error> {
        let woken = Arc::new(Woken::default());
        let reactor = new_reactor(&woken).map_err(|error| {
            Error::new(
                ErrorCode::OutOfMemory,
                Component::Socket,
                format!("There is no poller to wait in: {error}"),
            )
            .with_os_code(error.raw_os_error().unwrap_or(0))
        })?;
        Ok(Arc::new(Driver {
            role,
            tokio: Mutex::new(Tokio::Ready(reactor)),
            also: Mutex::new(None),
            woken,
            tasks: Arc::new(AtomicUsize::new(0)),
            new: Mutex::new(VecDeque::new()),
            running: AtomicBool::new(false),
            since: AtomicU64::new(0),
        }))
    }

    /// Keeps the driver for the next blocking `ws_new`, if no task is left in it.
    pub(crate) fn give_back(self: Arc<Self>) {
        self.unwatch();
        fault_point!();
        if self.tasks() > 0 {
            // Cancelled tasks end when they run once more.
            self.run(Some(Duration::ZERO), None);
        }
        if self.tasks() == 0 {
            let mut kept = engine().drivers.lock();
            // A shutdown is counted before it clears the kept drivers, so none is added after it.
            if kept.len() < MAX_POOLED && self.since.load(Ordering::Relaxed) == super::shutdowns() {
                kept.push(self);
            }
        }
    }

    /// Returns whether the calling thread can run a driver: it cannot while its thread-locals are destroyed, as in the
    /// destructor of one, or of a static on the main thread.
    pub(crate) fn can_run_here() -> bool {
        !matches!(Handle::try_current(), Err(error) if error.is_thread_local_destroyed()) && thread_is_known()
    }

    /// Adds a task, or drops it if the driver has ended. Any thread.
    pub(crate) fn spawn(&self, task: Task) {
        let tokio = self.tokio.lock();
        if matches!(*tokio, Tokio::Ended) {
            // The guard is dropped before the task, whose drop may run any code.
            drop(tokio);
            return;
        }
        let counted = Counted::new(&self.tasks);
        self.new.lock().push_back(Box::pin(async move {
            let _counted = counted;
            task.await;
        }));
        drop(tokio);
        if self.running.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Begins the new tasks, during a run of the runtime.
    fn begin_new(&self, reactor: &Reactor) {
        if let Some(task) = reactor.alone.take() {
            tokio::spawn(task);
        }
        // One by one: what keeps one of them from beginning keeps no other.
        loop {
            fault_point!();
            let Some(task) = self.new.lock().pop_front() else { return };
            tokio::spawn(task);
        }
    }

    /// The number of tasks that have not ended.
    pub(crate) fn tasks(&self) -> usize {
        self.tasks.load(Ordering::Acquire)
    }

    /// Runs tasks until it is woken, until `also` is readable, until the time is over (`None`: for ever), or until a
    /// signal handler has run while it slept.
    pub(crate) fn run(&self, limit: Option<Duration>, also: Option<RawWaitable>) -> Ran {
        if Handle::try_current().is_ok() {
            // In the child of a fork inside a callback, tokio still considers the runtime of the forking thread
            // entered.
            return self.run_on_new_thread(limit, also);
        }
        self.run_here(limit, also)
    }

    /// Runs the tasks on a new thread, and waits for it.
    fn run_on_new_thread(&self, limit: Option<Duration>, also: Option<RawWaitable>) -> Ran {
        thread::scope(|scope| {
            let builder = thread::Builder::new().name("ws4d-turn".to_owned());
            let thread = sys::thread::with_signals_blocked(|| {
                builder.spawn_scoped(scope, || self.run_here(limit, also))
            });
            match thread {
                Ok(thread) => thread.join().unwrap_or(Ran::Woken),
                Err(_) => wait_for_resources(limit),
            }
        })
    }

    /// Returns the reactor, or `None` once it has ended; `Some(None)` if there is none for now.
    pub(super) fn reactor(&self) -> Option<Option<Arc<Reactor>>> {
        let mut tokio = self.tokio.lock();
        if let Tokio::Dropped = *tokio {
            match new_reactor(&self.woken) {
                Ok(reactor) => *tokio = Tokio::Ready(reactor),
                Err(_) => return Some(None),
            }
        }
        match &*tokio {
            Tokio::Ready(reactor) => Some(Some(Arc::clone(reactor))),
            Tokio::Dropped | Tokio::Ended => None,
        }
    }

    fn run_here(&self, limit: Option<Duration>, also: Option<RawWaitable>) -> Ran {
        let reactor = match self.reactor() {
            Some(Some(reactor)) => reactor,
            Some(None) => return wait_for_resources(limit),
            None => return Ran::Woken,
        };
        let _role = ThreadRoleGuard::begin(self.role);
        // Set before it takes the new tasks: a thread that adds one later sees that it must wake the driver.
        self.running.store(true, Ordering::SeqCst);
        let running = Running(&self.running);
        fault_point!();
        if let Some(ran) = reactor.alone.run(&reactor.runtime, &self.new, &self.woken.notify, limit, also) {
            return ran;
        }
        reactor.runtime.block_on(async {
            self.begin_new(&reactor);
            fault_point!();
            let mut woken = pin!(self.woken.notify.notified());
            // A wake that came before this run ends it at once, but tasks run in any case.
            if limit == Some(Duration::ZERO) || woken.as_mut().enable() {
                // The first yield polls the descriptors and runs tasks; the second runs the tasks that those have
                // woken.
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
                return;
            }
            let watched = also.and_then(|fd| self.watched(fd, &reactor));
            // A descriptor that cannot be watched is checked periodically by the caller.
            let limit = match (also, &watched) {
                (Some(_), None) => {
                    Some(limit.map_or(LONGEST_UNWATCHED, |limit| limit.min(LONGEST_UNWATCHED)))
                }
                _ => limit,
            };
            tokio::select! {
                biased;
                () = woken => {}
                () = signalled(watched.as_deref()) => {}
                () = at_most(limit) => {}
            }
        });
        drop(running);
        if self.woken.by_signal.swap(false, Ordering::Relaxed) { Ran::Signal } else { Ran::Woken }
    }

    /// Makes the run in progress return, or the next one.
    pub(crate) fn wake(&self) {
        self.woken.notify.notify_one();
    }

    /// Drops all tasks, for good.
    pub(crate) fn end(&self) {
        self.drop_runtime(Tokio::Ended);
    }

    /// Drops all tasks that there are. Any thread.
    pub(crate) fn drop_tasks(&self) {
        self.drop_runtime(Tokio::Dropped);
    }

    fn drop_runtime(&self, next: Tokio) {
        self.unwatch();
        let reactor = self.tokio.lock().take(next);
        let new = std::mem::take(&mut *self.new.lock());
        // Tasks run any code when they are dropped, and this may be the drop of a socket in any call.
        contained(|| {
            drop(new);
            // A sender on another thread may hold the runtime for a moment; the last holder ends it.
            if let Some(Reactor { alone, runtime }) = reactor.and_then(Arc::into_inner) {
                drop(alone);
                runtime.shutdown_background();
            }
            fault_point!();
        });
    }

    fn watched(&self, raw: RawWaitable, reactor: &Arc<Reactor>) -> Option<Arc<Watch<Also>>> {
        let mut also = self.also.lock();
        let is_it =
            |(with, watched): &Watched| watched.what().0 == raw && with.as_ptr() == Arc::as_ptr(reactor);
        if !also.as_ref().is_some_and(is_it) {
            // The old registration goes first.
            *also = None;
            // SAFETY: the descriptor is the poller or the alarm of the dispatcher that runs this driver. Its owner, on
            // this thread, closes them only after it has called `end` or `unwatch`, which drop the registration.
            let watched = unsafe { Watch::new(Also(raw)) };
            *also = watched.ok().map(|watched| (Arc::downgrade(reactor), Arc::new(watched)));
        }
        also.as_ref().map(|(_, watched)| Arc::clone(watched))
    }

    /// Forgets the descriptor `also` of earlier runs.
    pub(crate) fn unwatch(&self) {
        let also = self.also.lock().take();
        drop(also);
    }
}

impl Drop for Driver {
    /// Ends the driver without waiting: tokio panics if a runtime is dropped in the normal way inside another one,
    /// which, for tokio, is the case in the child of a fork inside a callback.
    fn drop(&mut self) {
        self.end();
    }
}

/// A run in progress; its drop ends it, also after a panic.
struct Running<'a>(&'a AtomicBool);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

/// Waits a little for a descriptor or a thread that may be available later; the caller tries again.
fn wait_for_resources(limit: Option<Duration>) -> Ran {
    thread::sleep(limit.map_or(LONGEST_UNWATCHED, |limit| limit.min(LONGEST_UNWATCHED)));
    Ran::Woken
}

async fn signalled(watched: Option<&Watch<Also>>) {
    match watched {
        Some(watched) => {
            let _ = watched.signalled().await;
        }
        None => pending().await,
    }
}

async fn at_most(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => pending().await,
    }
}

/// One task, counted until it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(tasks: &Arc<AtomicUsize>) -> Counted {
        tasks.fetch_add(1, Ordering::AcqRel);
        Counted(Arc::clone(tasks))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Returns whether the standard library still knows the calling thread, as a driver needs. It says that it does not by a
/// panic only; on Windows it may be the first to go.
fn thread_is_known() -> bool {
    succeeds(|| drop(thread::current()))
}
