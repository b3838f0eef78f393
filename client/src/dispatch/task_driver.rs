//! The dispatcher's interface to the driver that runs sockets' tasks if no I/O thread does.

use super::alarm::Slept;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sys::RawWaitable;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A socket's task.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs tasks on the thread that drives it, and only while it does.
pub(crate) trait TaskDriver: Send + Sync {
    /// Returns whether the calling thread can run tasks: it cannot while its thread-locals are destroyed.
    fn can_run_here(&self) -> bool;
    /// Adds a task. Any thread.
    fn spawn(&self, task: Task);
    /// The number of tasks that have not ended. Any thread.
    fn tasks(&self) -> usize;
    /// Runs tasks until [`wake`](TaskDriver::wake), until `also` is readable, until the time is over (`None`: for
    /// ever), or until a signal handler has run while it slept. One thread at a time may call it, and no task.
    fn run(&self, limit: Option<Duration>, also: Option<RawWaitable>) -> Slept;
    /// Forgets the descriptor `also` of earlier runs. Call it before the descriptor is closed.
    fn unwatch(&self);
    /// Makes the run in progress return, or the next one. Any thread.
    fn wake(&self);
    /// Drops all tasks, for good.
    fn end(&self);
    /// Drops all tasks. Any thread; if a thread is running them, it drops those that do not end before it returns.
    fn drop_tasks(&self);
}

/// The part of a driving dispatcher that others do not have.
pub(super) struct Driving {
    pub(super) task_driver: Arc<dyn TaskDriver>,
    /// The number of tasks that were notified and have not run since.
    due: AtomicUsize,
    /// The owner sleeps in the poller, and must be woken for a notified task.
    asleep: AtomicBool,
}

impl Driving {
    pub(super) fn new(task_driver: Arc<dyn TaskDriver>) -> Driving {
        Driving { task_driver, due: AtomicUsize::new(0), asleep: AtomicBool::new(false) }
    }

    /// Counts a notified task. Returns whether the owner must be woken for it.
    pub(super) fn notified(&self) -> bool {
        self.due.fetch_add(1, Ordering::SeqCst);
        self.asleep.swap(false, Ordering::SeqCst)
    }

    /// Counts a notified task down: it runs, or has ended.
    pub(super) fn runs(&self) {
        self.due.fetch_sub(1, Ordering::SeqCst);
    }

    /// Returns whether a notified task has not run yet.
    pub(super) fn is_due(&self) -> bool {
        self.due.load(Ordering::SeqCst) > 0
    }

    /// Announces that the owner is about to sleep in the poller. Returns `false` if a notified task has not run yet.
    pub(super) fn may_sleep(&self) -> bool {
        // A notifying thread writes `due` before it reads `asleep`, so one of the two sees the other.
        self.asleep.store(true, Ordering::SeqCst);
        !self.is_due()
    }

    pub(super) fn woke(&self) {
        self.asleep.store(false, Ordering::SeqCst);
    }
}
