//! One I/O thread. It blocks signals, so that the host's handlers run on the host's threads, except those that report a
//! fault of the thread itself. It ends once it was stopped and its last task is done.

use super::Task;
use crate::compressors;
use crate::context;
use crate::error::{Component, Error, ErrorCode};
use crate::panics;
use crate::sys;
use crate::unfinished::{self, Unfinished};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
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
    /// Starts the thread. `stack` is the size of its stack in bytes; `None`: [`sys::thread::default_stack`].
    pub(super) fn start(number: usize, stack: Option<usize>, events: Events) -> Result<IoThread, Error> {
        let failed = |error: io::Error| {
            let wanting = sys::thread::is_want_of_resources(&error);
            let code = if wanting { ErrorCode::OutOfMemory } else { ErrorCode::Internal };
            Error::new(code, Component::Socket, format!("The I/O thread could not be started: {error}"))
                .with_os_code(error.raw_os_error().unwrap_or(0))
        };
        let shared = Arc::new(Shared::default());
        let of_runtime = Arc::clone(&shared);
        let mut builder = Builder::new_current_thread();
        let runtime = builder.enable_io().enable_time().on_thread_unpark(move || of_runtime.stay_if_deaf());
        let runtime = runtime.build().map_err(failed)?;
        sys::thread::show_main_thread_to_leak_checkers();
        let handle = runtime.handle().clone();
        let of_thread = Arc::clone(&shared);
        let thread = sys::thread::with_signals_blocked(|| {
            let builder = thread::Builder::new().name(format!("ws4d-io-{number}"));
            builder.stack_size(stack.unwrap_or_else(sys::thread::default_stack)).spawn(move || {
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
                        here.refuse_new();
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
    fn refuse_new(&self) {
        self.shared.lost.store(true, Ordering::Release);
    }

    fn give_up(&self) {
        (self.lost)();
    }
}

impl Shared {
    /// Right after a sleep.
    fn stay_if_deaf(&self) {
        while self.deaf.load(Ordering::Relaxed) {
            thread::park();
        }
    }

    async fn run(&self) {
        let mut freeing = pin!(compressors::free_unused());
        while !(self.stopping.load(Ordering::Acquire) && self.tasks.load(Ordering::Acquire) == 0) {
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = &mut freeing => {}
            }
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
