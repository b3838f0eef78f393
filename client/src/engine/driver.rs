//! A runtime without a thread of its own: whoever waits turns it. A driving dispatcher has one for good; a blocking
//! `ws_new` borrows one, so that a connection is made without a hop to an I/O thread and back.

use super::engine;
use super::io_thread::with_signals_blocked;
use crate::context::{ThreadRole, ThreadRoleGuard};
use crate::errno;
use crate::error::{Component, Error, ErrorCode};
use crate::sync::Mutex;
use std::future::{Future, pending};
use std::os::fd::RawFd;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Notify;

/// So many are kept for the next blocking `ws_new`, by the whole process.
const MAX_POOLED: usize = 4;

/// So long at most a turn takes that cannot watch what it was to watch as well.
const LONGEST_UNWATCHED: Duration = Duration::from_millis(100);

/// Tasks, and the poller in which they wait.
pub(crate) struct Driver {
    role: ThreadRole,
    /// `None`: it has ended.
    runtime: Mutex<Option<Arc<Runtime>>>,
    /// The descriptor that a turn watches as well; registered once.
    also: Mutex<Option<Arc<AsyncFd<RawFd>>>>,
    woken: Arc<Woken>,
    tasks: Arc<AtomicUsize>,
    /// Taken in, and begun by the next turn: to begin them there costs no wake-up.
    new: Mutex<Vec<Task>>,
    /// A turn is in progress, and must be woken for them.
    turning: AtomicBool,
    /// How many shutdowns there had been when it was borrowed.
    since: AtomicU64,
}

/// How a turn in progress is made to return.
#[derive(Default)]
struct Woken {
    notify: Notify,
    /// A signal handler has run while the turn slept.
    by_signal: AtomicBool,
}

impl Woken {
    /// Right after a sleep. tokio swallows the error of a wait that a signal has ended, and sleeps on; but the system's
    /// word for it is still there: a wait that succeeds leaves `errno` alone, and nothing that fails comes in between.
    fn look(&self) {
        if errno::get() == libc::EINTR {
            self.by_signal.store(true, Ordering::Relaxed);
            self.notify.notify_one();
        }
    }
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Driver {
    /// One that does without any other thread of the library: what may block blocks the thread that turns it.
    pub(crate) fn alone() -> Result<Arc<Driver>, Error> {
        Driver::new(ThreadRole::Alone)
    }

    /// One for a blocking `ws_new`; to be handed [back](Driver::give_back).
    pub(crate) fn borrow() -> Result<Arc<Driver>, Error> {
        let since = super::shutdowns();
        let kept = engine().drivers.lock().pop();
        let driver = kept.map_or_else(|| Driver::new(ThreadRole::Connecting), Ok)?;
        driver.since.store(since, Ordering::Relaxed);
        Ok(driver)
    }

    fn new(role: ThreadRole) -> Result<Arc<Driver>, Error> {
        let woken = Arc::new(Woken::default());
        let by_signal = Arc::clone(&woken);
        let mut builder = Builder::new_current_thread();
        builder.enable_io().enable_time();
        builder.on_thread_park(|| errno::set(0)).on_thread_unpark(move || by_signal.look());
        let runtime = builder.build().map_err(|error| {
            Error::new(
                ErrorCode::OutOfMemory,
                Component::Socket,
                format!("There is no poller to wait in: {error}"),
            )
            .with_os_code(error.raw_os_error().unwrap_or(0))
        })?;
        Ok(Arc::new(Driver {
            role,
            runtime: Mutex::new(Some(Arc::new(runtime))),
            also: Mutex::new(None),
            woken,
            tasks: Arc::new(AtomicUsize::new(0)),
            new: Mutex::new(Vec::new()),
            turning: AtomicBool::new(false),
            since: AtomicU64::new(0),
        }))
    }

    /// Keeps it for the next one, if nothing of this one's is left in it.
    pub(crate) fn give_back(self: Arc<Self>) {
        self.unwatch();
        if self.tasks() > 0 {
            // What was cancelled ends in a turn.
            self.turn(Some(Duration::ZERO), None);
        }
        if self.tasks() == 0 {
            let mut kept = engine().drivers.lock();
            // A shutdown clears them after it was counted.
            if kept.len() < MAX_POOLED && self.since.load(Ordering::Relaxed) == super::shutdowns() {
                kept.push(self);
            }
        }
    }

    /// Whether the calling thread can turn one: not while its thread-locals are destroyed, as in a destructor of one, or
    /// of the main thread's statics.
    pub(crate) fn can_turn_here() -> bool {
        !matches!(Handle::try_current(), Err(error) if error.is_thread_local_destroyed())
    }

    /// Any thread; once it has ended, the task is dropped.
    pub(crate) fn spawn(&self, task: Task) {
        let ended = self.runtime.lock();
        if ended.is_none() {
            // The guard is gone first: what a task does when it is dropped, is its own.
            drop(ended);
            return;
        }
        let counted = Counted::new(&self.tasks);
        self.new.lock().push(Box::pin(async move {
            let _counted = counted;
            task.await;
        }));
        drop(ended);
        if self.turning.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Begins what was taken in, inside a turn.
    fn begin_new(&self) {
        let new = std::mem::take(&mut *self.new.lock());
        for task in new {
            tokio::spawn(task);
        }
    }

    /// How many tasks have not ended.
    pub(crate) fn tasks(&self) -> usize {
        self.tasks.load(Ordering::Acquire)
    }

    /// Runs tasks until it is woken, until `also` is readable, until the time is over (`None`: for ever), or until a signal
    /// handler has run while it slept; says whether it was that.
    pub(crate) fn turn(&self, limit: Option<Duration>, also: Option<RawFd>) -> bool {
        if Handle::try_current().is_ok() {
            // The child of a fork inside a callback: for tokio the runtime of the thread that forked is still entered.
            return self.turn_elsewhere(limit, also);
        }
        self.turn_here(limit, also)
    }

    /// Turns on a thread of its own, and waits for it.
    fn turn_elsewhere(&self, limit: Option<Duration>, also: Option<RawFd>) -> bool {
        thread::scope(|scope| {
            let builder = thread::Builder::new().name("ws4d-turn".to_owned());
            let turning =
                with_signals_blocked(|| builder.spawn_scoped(scope, || self.turn_here(limit, also)));
            match turning {
                Ok(turning) => turning.join().unwrap_or(false),
                Err(_) => {
                    // It may be had later; the caller comes again.
                    thread::sleep(limit.map_or(LONGEST_UNWATCHED, |limit| limit.min(LONGEST_UNWATCHED)));
                    false
                }
            }
        })
    }

    fn turn_here(&self, limit: Option<Duration>, also: Option<RawFd>) -> bool {
        let Some(runtime) = self.runtime.lock().clone() else { return false };
        let _role = ThreadRoleGuard::begin(self.role);
        // Before it looks for new tasks: who brings one later sees that it has to wake.
        self.turning.store(true, Ordering::SeqCst);
        runtime.block_on(async {
            self.begin_new();
            let mut woken = pin!(self.woken.notify.notified());
            // A wake that came before this turn ends it, too; but tasks run in each.
            if limit == Some(Duration::ZERO) || woken.as_mut().enable() {
                // The first looks at the descriptors, then tasks run; the second lets what they told each other run.
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
                return;
            }
            let watched = also.and_then(|fd| self.watched(fd));
            // What cannot be watched is looked at now and then.
            let limit = match (also, &watched) {
                (Some(_), None) => {
                    Some(limit.map_or(LONGEST_UNWATCHED, |limit| limit.min(LONGEST_UNWATCHED)))
                }
                _ => limit,
            };
            tokio::select! {
                biased;
                () = woken => {}
                () = readable(watched.as_deref()) => {}
                () = at_most(limit) => {}
            }
        });
        self.turning.store(false, Ordering::SeqCst);
        self.woken.by_signal.swap(false, Ordering::Relaxed)
    }

    /// Makes the turn in progress return, or the next one.
    pub(crate) fn wake(&self) {
        self.woken.notify.notify_one();
    }

    /// Drops all tasks.
    pub(crate) fn end(&self) {
        self.unwatch();
        let runtime = self.runtime.lock().take();
        let new = std::mem::take(&mut *self.new.lock());
        drop(new);
        // A sender on another thread may hold it for a moment; whoever lets go last ends it.
        if let Some(runtime) = runtime.and_then(Arc::into_inner) {
            runtime.shutdown_background();
        }
    }

    fn watched(&self, fd: RawFd) -> Option<Arc<AsyncFd<RawFd>>> {
        let mut also = self.also.lock();
        if also.as_ref().is_none_or(|watched| *watched.get_ref() != fd) {
            // The old registration goes first.
            *also = None;
            // SAFETY: the descriptor is the poller or the alarm of the dispatcher that turns this driver. Its owner, on
            // this thread, closes them only after it has called `end` or `unwatch`, which drop the registration.
            let watched = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) };
            *also = watched.ok().map(Arc::new);
        }
        also.clone()
    }

    /// Forgets the descriptor that turns have watched as well.
    pub(crate) fn unwatch(&self) {
        let also = self.also.lock().take();
        drop(also);
    }
}

impl Drop for Driver {
    /// Never waits, wherever it is dropped: tokio panics where a runtime is dropped inside another one, as it is for it in
    /// the child of a fork inside a callback.
    fn drop(&mut self) {
        self.end();
    }
}

async fn readable(watched: Option<&AsyncFd<RawFd>>) {
    match watched {
        Some(watched) => {
            if let Ok(mut guard) = watched.readable().await {
                guard.clear_ready();
            }
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
