//! Tasks of sockets that no I/O thread runs: the tasks of a driving dispatcher, run by its owner while it waits, and
//! the task of a blocking `ws_new`, run by its caller. The [`TaskDriver`] knows how to run a task.
//!
//! A driving dispatcher waits in one of two places. It waits in its poller if all of its sockets are lent (`lending`):
//! then only messages are expected, and a message costs no more than for any other owner that waits. Otherwise it waits
//! in the task driver, because some task connects, closes, or has a timer.

use super::Target;
use super::alarm::{Alarm, LONGEST_WITHOUT, Slept};
use super::dispatcher::Dispatcher;
use super::poller::Poller;
use super::state::{ActiveDriver, Guard, State};
use super::task_driver::{Driving, TaskDriver};
use super::waiter::Waiter;
use crate::error::ErrorCode;
use crate::fault::fault_point;
use crate::sys::RawWaitable;
use crate::sys::thread::CancellationHeld;
use std::io;
use std::sync::Arc;
use std::time::Duration;

impl<T: Target> Dispatcher<T> {
    /// A dispatcher of the calling thread whose sockets have no I/O thread: their tasks run in `task_driver` while the owner
    /// dispatches, waits or pulls.
    pub(crate) fn driving(task_driver: Arc<dyn TaskDriver>) -> Result<Arc<Dispatcher<T>>, ErrorCode> {
        let alarm = Alarm::new();
        let rings = alarm.prepare().ok_or(ErrorCode::OutOfMemory)?;
        let poller = match Poller::new(rings) {
            Ok(poller) => Some(poller),
            // Then it waits in the task driver alone.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => None,
            Err(_) => return Err(ErrorCode::OutOfMemory),
        };
        Ok(Dispatcher::new_lending(alarm, poller, Driving::new(task_driver)))
    }

    /// The driver that runs its sockets' tasks; `None` if I/O threads do.
    pub(crate) fn task_driver(&self) -> Option<&Arc<dyn TaskDriver>> {
        self.driving.as_ref().map(|driving| &driving.task_driver)
    }

    /// Wakes an owner that sleeps elsewhere, because the task driver has got a new task. Any thread, with no lock held.
    pub(crate) fn task_added(&self) {
        if self.driving.is_some() {
            self.wake_waiters(&mut self.state.lock());
        }
    }

    /// A socket's task was notified after it had run. Any thread, also with locks held.
    pub(crate) fn task_notified(&self) {
        let Some(driving) = &self.driving else { return };
        if driving.notified() {
            self.alarm.ring();
        }
    }

    /// A notified task runs, or has ended.
    pub(crate) fn task_runs(&self) {
        if let Some(driving) = &self.driving {
            driving.runs();
        }
    }

    /// Drops the tasks once the dispatcher is closed and no call of it is in progress, so that sockets on the stack
    /// have sent their close frames. Call it after the close, and after every call, with no lock held.
    pub(super) fn end_driving(&self) {
        if let Some(driving) = &self.driving
            // An open driving dispatcher borrows, so this check avoids the lock.
            && !self.borrows()
            && self.stop_word.levels() == 0
            && self.is_closed()
        {
            // The kernel sends what it has taken; no thread is left to send more.
            let _held = CancellationHeld::begin();
            driving.task_driver.end();
        }
    }

    /// Drops the tasks of sockets that were stopped by a shutdown, and with them their descriptors, unless a call of the
    /// dispatcher is in progress: then they end there. Any thread, with no lock held.
    pub(crate) fn drop_tasks(&self) {
        if let Some(driving) = &self.driving
            && self.stop_word.levels() == 0
            && driving.task_driver.tasks() > 0
        {
            driving.task_driver.drop_tasks();
        }
    }

    /// The wait of a driving dispatcher's owner: services what is ready, and waits for more.
    pub(super) fn drive<'a>(
        &'a self,
        mut state: Guard<'a, T>,
        driving: &Driving,
        waiter: Waiter,
    ) -> (Guard<'a, T>, Slept) {
        if !driving.task_driver.can_run_here() {
            return (state, Slept::Woken);
        }
        let polls = state.lending.poller.is_some();
        if polls && !driving.is_due() && driving.task_driver.tasks() == state.lending.lent {
            return self.poll(state, waiter);
        }
        if state.lending.lent > 0 {
            // The poller's descriptor does not report events that the poller has fetched already.
            (state, _) = self.poll(state, Waiter { limit: Some(Duration::ZERO), ..waiter });
        } else {
            state.lending.more_ready = false;
        }
        self.run_tasks(state, &driving.task_driver, waiter)
    }

    /// Runs a task driver until something has changed.
    pub(super) fn run_tasks<'a>(
        &'a self,
        mut state: Guard<'a, T>,
        task_driver: &Arc<dyn TaskDriver>,
        waiter: Waiter,
    ) -> (Guard<'a, T>, Slept) {
        let (also, longest) = self.run_limits(&state);
        let limit = waiter.sleeps_for(&mut state, &self.stop_word);
        let limit = [limit, longest].into_iter().flatten().min();
        let active_driver = ActiveDriver { task_driver: Arc::clone(task_driver), woken: false };
        let before = state.active_driver.replace(active_driver);
        drop(state);
        drop(before);
        let run = RunGuard(self);
        fault_point!();
        let slept = task_driver.run(limit, also);
        fault_point!();
        drop(run);
        if slept == Slept::Rung {
            // The poller's events are fetched by the next drive.
            self.alarm.reset();
        }
        (self.state.lock(), slept)
    }

    /// The descriptor that ends a run of the task driver besides a wake, and the longest run if there is none.
    fn run_limits(&self, state: &State<T>) -> (Option<RawWaitable>, Option<Duration>) {
        if self.driving.is_some() && (state.lending.lent > 0 || state.lending.poller.is_none()) {
            // The alarm is registered in the poller, whose events were fetched before. Where nothing is lent, they were
            // not, and the poller would remain readable.
            return (state.lending.poller.as_ref().map(|poller| poller.raw()), None);
        }
        if self.is_private() {
            // A private dispatcher cannot be stopped.
            return (None, None);
        }
        match self.alarm.prepare() {
            Some(alarm) => (Some(alarm), None),
            None => (None, Some(LONGEST_WITHOUT)),
        }
    }
}

/// A run of a task driver on the stack; its drop ends the run, also after a panic.
struct RunGuard<'a, T: Target>(&'a Dispatcher<T>);

impl<T: Target> Drop for RunGuard<'_, T> {
    fn drop(&mut self) {
        let active_driver = self.0.state.lock().active_driver.take();
        // Dropped without the lock: this may be the last reference to the task driver, and so to its tasks.
        drop(active_driver);
    }
}
