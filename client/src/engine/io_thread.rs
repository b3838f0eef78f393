//! One I/O thread. It blocks all signals, so that the host's handlers run on the host's threads, and it ends
//! when it was told to and its last task is done.

use crate::context;
use crate::error::{Component, Error, ErrorCode};
use std::future::Future;
use std::io;
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
}

impl IoThread {
    /// `ended` is called as the last act of the thread.
    pub(super) fn start(number: usize, ended: impl FnOnce() + Send + 'static) -> Result<IoThread, Error> {
        let failed = |error: io::Error| {
            let code = match error.raw_os_error() {
                Some(libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE) => ErrorCode::OutOfMemory,
                _ => ErrorCode::Internal,
            };
            Error::new(code, Component::Socket, format!("The I/O thread could not be started: {error}"))
                .with_os_code(error.raw_os_error().unwrap_or(0))
        };
        let runtime = Builder::new_current_thread().enable_io().enable_time().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let thread = with_signals_blocked(|| {
            thread::Builder::new().name(format!("ws4d-io-{number}")).spawn(move || {
                context::become_io_thread();
                runtime.block_on(of_thread.run());
                // Dropping it would wait for what it still holds.
                runtime.shutdown_background();
                of_thread.ended.store(true, Ordering::Release);
                ended();
            })
        })
        .map_err(failed)?;
        Ok(IoThread { runtime: handle, shared, thread })
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let counted = Counted::new(&self.shared);
        self.runtime.spawn(async move {
            let _counted = counted;
            task.await;
        });
    }

    pub(super) fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.changed.notify_one();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.shared.ended.load(Ordering::Acquire)
    }

    /// Waits for a thread that has ended.
    pub(super) fn join(self) {
        let _ = self.thread.join();
    }
}

impl Shared {
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

/// Runs `start` with all signals blocked, so that a thread it starts inherits that.
pub(super) fn with_signals_blocked<R>(start: impl FnOnce() -> R) -> R {
    // SAFETY: plain data, filled by the calls below before it is read.
    let (mut all, mut before): (libc::sigset_t, libc::sigset_t) = unsafe { std::mem::zeroed() };
    // SAFETY: both sets live through the calls.
    unsafe {
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
    }
    let result = start();
    // SAFETY: `before` was filled above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut()) };
    result
}
