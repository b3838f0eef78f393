//! One I/O thread. It blocks signals, so that the host's handlers run on the host's threads, except those that report a
//! fault of the thread itself. It ends once it was stopped and its last task is done.

use super::Task;
use crate::context;
use crate::error::{Component, Error, ErrorCode};
use crate::panics;
use crate::unfinished::{self, Unfinished};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use tokio::runtime::{Builder, Handle};
use tokio::sync::Notify;

pub(super) struct IoThread {
    runtime: Handle,
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    tasks: AtomicUsize,
    stopping: AtomicBool,
    changed: Notify,
    ended: AtomicBool,
    /// The thread has ended inside a function of the host's, or cannot wait or be woken any more: it takes no new tasks,
    /// and nobody waits for its end.
    lost: AtomicBool,
    /// Nobody can wake it, and its descriptors are somebody else's.
    deaf: AtomicBool,
}

/// The callbacks through which a thread reports to the engine.
pub(super) struct Events {
    /// Called as the last act of the thread.
    pub(super) ended: Box<dyn FnOnce() + Send>,
    /// Called on the thread when it ends inside a function of the host's.
    pub(super) lost: Box<dyn Fn() + Send>,
}

impl IoThread {
    /// Starts the thread. `stack` is the size of its stack in bytes; `None`: the system's default, but at least
    /// [`LEAST_STACK`].
    pub(super) fn start(number: usize, stack: Option<usize>, events: Events) -> Result<IoThread, Error> {
        let failed = |error: io::Error| {
            let code = match error.raw_os_error() {
                Some(libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE) => ErrorCode::OutOfMemory,
                _ => ErrorCode::Internal,
            };
            Error::new(code, Component::Socket, format!("The I/O thread could not be started: {error}"))
                .with_os_code(error.raw_os_error().unwrap_or(0))
        };
        let shared = Arc::new(Shared::default());
        let of_runtime = Arc::clone(&shared);
        let mut builder = Builder::new_current_thread();
        let runtime = builder.enable_io().enable_time().on_thread_unpark(move || of_runtime.stay_if_deaf());
        let runtime = runtime.build().map_err(failed)?;
        super::main_thread::show_to_leak_checkers();
        let handle = runtime.handle().clone();
        let of_thread = Arc::clone(&shared);
        let thread = with_signals_blocked(|| {
            let builder = thread::Builder::new().name(format!("ws4d-io-{number}"));
            builder.stack_size(stack.unwrap_or_else(default_stack)).spawn(move || {
                context::become_io_thread();
                let here = Here { shared: &of_thread, lost: events.lost };
                let lived = catch_unwind(AssertUnwindSafe(|| {
                    unfinished::noted(&here, || runtime.block_on(of_thread.run()));
                }));
                match lived {
                    // Dropping the runtime would wait for its blocking jobs.
                    Ok(()) => runtime.shutdown_background(),
                    Err(_) => {
                        // tokio cannot wait where its descriptors were closed under it. Their numbers may be somebody else's
                        // by now, so none of them is closed.
                        std::mem::forget(runtime);
                        of_thread.deaf.store(true, Ordering::Release);
                        here.give_up();
                        panics::log_caught_panic();
                    }
                }
                of_thread.ended.store(true, Ordering::Release);
                (events.ended)();
            })
        })
        .map_err(failed)?;
        Ok(IoThread { runtime: handle, shared, thread })
    }

    /// Accepts a task, which is counted until it is dropped. It begins with [`Taken::begin`].
    pub(super) fn take_in(&self, task: Task) -> Taken {
        Taken { runtime: self.runtime.clone(), counted: Counted::new(&self.shared), task }
    }

    pub(super) fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        if catch_unwind(AssertUnwindSafe(|| self.shared.changed.notify_one())).is_err() {
            // The descriptor that wakes it was closed, and so were its others: it is not to touch their numbers again.
            self.shared.deaf.store(true, Ordering::Release);
            self.shared.lost.store(true, Ordering::Release);
        }
    }

    /// Returns whether the program has closed its descriptors.
    pub(super) fn is_deaf(&self) -> bool {
        self.shared.deaf.load(Ordering::Acquire)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.shared.ended.load(Ordering::Acquire)
    }

    pub(super) fn is_lost(&self) -> bool {
        self.shared.lost.load(Ordering::Acquire)
    }

    /// Joins the thread if it has ended; one that is lost may be parked for good.
    pub(super) fn join(self) {
        if self.has_ended() {
            let _ = self.thread.join();
        }
    }
}

/// A task that has not begun.
pub(super) struct Taken {
    runtime: Handle,
    counted: Counted,
    task: Task,
}

impl Taken {
    pub(super) fn begin(self) {
        let Taken { runtime, counted, task } = self;
        runtime.spawn(async move {
            let _counted = counted;
            task.await;
        });
    }
}

/// The body of the thread, on its stack.
struct Here<'a> {
    shared: &'a Shared,
    lost: Box<dyn Fn() + Send>,
}

impl Unfinished for Here<'_> {
    fn give_up(&self) {
        self.shared.lost.store(true, Ordering::Release);
        (self.lost)();
    }
}

/// The smallest stack of an I/O thread for which the host has set no size.
const LEAST_STACK: usize = 1024 * 1024;

/// The system's default size of a thread's stack.
fn default_stack() -> usize {
    let mut bytes = 0;
    // SAFETY: plain data, which pthread_attr_init fills before anything reads it.
    let mut attributes: libc::pthread_attr_t = unsafe { std::mem::zeroed() };
    // SAFETY: the attributes are initialised before they are read and destroyed, and live through the calls.
    unsafe {
        if libc::pthread_attr_init(&mut attributes) == 0 {
            libc::pthread_attr_getstacksize(&attributes, &mut bytes);
            libc::pthread_attr_destroy(&mut attributes);
        }
    }
    bytes.max(LEAST_STACK)
}

impl Shared {
    /// Right after a sleep.
    fn stay_if_deaf(&self) {
        while self.deaf.load(Ordering::Relaxed) {
            thread::park();
        }
    }

    async fn run(&self) {
        while !(self.stopping.load(Ordering::Acquire) && self.tasks.load(Ordering::Acquire) == 0) {
            self.changed.notified().await;
        }
    }
}

/// One task of the thread, counted until it is dropped.
struct Counted(Arc<Shared>);

impl Counted {
    fn new(shared: &Arc<Shared>) -> Counted {
        shared.tasks.fetch_add(1, Ordering::AcqRel);
        Counted(Arc::clone(shared))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.tasks.fetch_sub(1, Ordering::AcqRel);
        if self.0.stopping.load(Ordering::Acquire) {
            self.0.changed.notify_one();
        }
    }
}

/// The signals that the kernel sends to the thread that has caused a fault. If the thread blocked them, the process
/// would be killed without running the host's handler, for example a crash reporter.
const OWN_FAULTS: [libc::c_int; 7] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS, libc::SIGABRT];

/// Runs `start` with the host's signals blocked, so that a thread it starts inherits that.
pub(super) fn with_signals_blocked<R>(start: impl FnOnce() -> R) -> R {
    // SAFETY: plain data, filled by the calls below before it is read.
    let (mut all, mut before): (libc::sigset_t, libc::sigset_t) = unsafe { std::mem::zeroed() };
    // SAFETY: both sets live through the calls.
    unsafe {
        libc::sigfillset(&mut all);
        for fault in OWN_FAULTS {
            libc::sigdelset(&mut all, fault);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
    }
    let result = start();
    // SAFETY: `before` was filled above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut()) };
    result
}
