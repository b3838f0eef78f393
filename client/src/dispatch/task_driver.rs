//! What runs sockets' tasks where no I/O thread does, as far as a dispatcher knows it.

use super::alarm::Slept;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::future::Future;
use std::os::fd::RawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A socket's task.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs tasks on the thread that turns it, and only then.
pub(crate) trait TaskDriver: Send + Sync {
    /// Whether the calling thread can turn it: not while its thread-locals are destroyed.
    fn can_turn_here(&self) -> bool;
    /// Takes a task in. Any thread.
    fn spawn(&self, task: Task);
    /// How many tasks have not ended. Any thread.
    fn tasks(&self) -> usize;
    /// Runs tasks until [`wake`](TaskDriver::wake), until `also` is readable, or until the time is over (`None`: for
    /// ever), or until a signal handler has run while it slept.
    /// One thread at a time, and not inside a task.
    fn turn(&self, limit: Option<Duration>, also: Option<RawFd>) -> Slept;
    /// Forgets the descriptor that turns have watched as well, before it may be closed.
    fn unwatch(&self);
    /// Makes the turn in progress return, or the next one. Any thread.
    fn wake(&self);
    /// Drops all tasks, on the thread that turns it.
    fn end(&self);
}

/// What a driving dispatcher has more than others.
pub(super) struct Driving {
    pub(super) task_driver: Arc<dyn TaskDriver>,
    /// How many tasks were told something, and have not run since.
    due: AtomicUsize,
    /// The owner sleeps in the poller, and must be woken for that.
    asleep: AtomicBool,
}

impl Driving {
    pub(super) fn new(task_driver: Arc<dyn TaskDriver>) -> Driving {
        Driving { task_driver, due: AtomicUsize::new(0), asleep: AtomicBool::new(false) }
    }

    /// A task was told something. Says whether the owner has to be woken for it.
    pub(super) fn told(&self) -> bool {
        self.due.fetch_add(1, Ordering::SeqCst);
        self.asleep.swap(false, Ordering::SeqCst)
    }

    /// A task that was told something runs, or has ended.
    pub(super) fn runs(&self) {
        self.due.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether a task has something to do that it was told of.
    pub(super) fn is_due(&self) -> bool {
        self.due.load(Ordering::SeqCst) > 0
    }

    /// To be called before the owner sleeps in the poller. `false`: a task has something to do.
    pub(super) fn may_sleep(&self) -> bool {
        // Who tells a task writes `due` before it reads `asleep`: one of the two sees the other.
        self.asleep.store(true, Ordering::SeqCst);
        !self.is_due()
    }

    pub(super) fn woke(&self) {
        self.asleep.store(false, Ordering::SeqCst);
    }
}
