//! Tasks of sockets that no I/O thread turns: those of a driving dispatcher, turned by its owner while it waits, and
//! those of a blocking `ws_new`, turned by its caller. What a task is, is the [`TaskDriver`]'s business.
//!
//! A driving dispatcher has two places to wait in. Its poller, where all of its sockets are lent (`lending`): nothing
//! but messages is to be expected then, and a message costs what it costs any owner that waits. And the task driver, where
//! a task has something else to do: it connects, closes, or watches the time.

use super::Target;
use super::alarm::{Alarm, LONGEST_WITHOUT, Slept};
use super::dispatcher::Dispatcher;
use super::poller::Poller;
use super::state::{Guard, State, Turning};
use super::task_driver::{Driving, TaskDriver};
use super::waiter::Waiter;
use crate::error::ErrorCode;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

impl<T: Target> Dispatcher<T> {
    /// A dispatcher of the calling thread whose sockets have no I/O thread: their tasks run in `task_driver` while the owner
    /// dispatches, waits or pulls.
    pub(crate) fn driving(task_driver: Arc<dyn TaskDriver>) -> Result<Arc<Dispatcher<T>>, ErrorCode> {
        let alarm = Alarm::new();
        let rings = alarm.prepare().ok_or(ErrorCode::OutOfMemory)?;
        let poller = Poller::new(rings).map_err(|_| ErrorCode::OutOfMemory)?;
        Ok(Dispatcher::new_lending(alarm, poller, Driving::new(task_driver)))
    }

    /// What turns its sockets' tasks; `None`: I/O threads do.
    pub(crate) fn task_driver(&self) -> Option<&Arc<dyn TaskDriver>> {
        self.driving.as_ref().map(|driving| &driving.task_driver)
    }

    /// The task driver has got a new task: an owner that sleeps elsewhere has to turn it. Any thread, with no lock held.
    pub(crate) fn task_came(&self) {
        if self.driving.is_some() {
            self.wake_waiters(&mut self.state.lock());
        }
    }

    /// A socket's task was told something, after it has run. Any thread, also with locks held.
    pub(crate) fn task_told(&self) {
        let Some(driving) = &self.driving else { return };
        if driving.told() {
            self.alarm.ring();
        }
    }

    /// A task that was told something runs, or has ended.
    pub(crate) fn task_runs(&self) {
        if let Some(driving) = &self.driving {
            driving.runs();
        }
    }

    /// To be called when the dispatcher was closed, and when a call of it has ended: drops the tasks once it is closed and
    /// no call of it is in progress, so that sockets on the stack have said goodbye. With no lock held.
    pub(super) fn end_driving(&self) {
        if let Some(driving) = &self.driving
            // As long as it is open, it borrows.
            && !self.borrows()
            && self.stop_word.levels() == 0
            && self.is_closed()
        {
            // What the kernel has taken goes out; nobody is left to see to more.
            driving.task_driver.end();
        }
    }

    /// The wait of a driving dispatcher's owner: turns what is there, and waits for more.
    pub(super) fn drive<'a>(
        &'a self,
        mut state: Guard<'a, T>,
        driving: &Driving,
        waiter: Waiter,
    ) -> (Guard<'a, T>, Slept) {
        if !driving.task_driver.can_turn_here() {
            return (state, Slept::Woken);
        }
        if !driving.is_due() && driving.task_driver.tasks() == state.lending.lent {
            return self.poll(state, waiter);
        }
        if state.lending.lent > 0 {
            // What the poller knows already, its descriptor does not tell.
            (state, _) = self.poll(state, Waiter { limit: Some(Duration::ZERO), ..waiter });
        } else {
            state.lending.more_told = false;
        }
        self.turn_tasks(state, &driving.task_driver, waiter)
    }

    /// Turns a task driver until something has changed.
    pub(super) fn turn_tasks<'a>(
        &'a self,
        mut state: Guard<'a, T>,
        task_driver: &Arc<dyn TaskDriver>,
        waiter: Waiter,
    ) -> (Guard<'a, T>, Slept) {
        let (also, longest) = self.turns_until(&state);
        let limit = waiter.sleeps_for(&mut state, &self.stop_word);
        let limit = [limit, longest].into_iter().flatten().min();
        let turning = Turning { task_driver: Arc::clone(task_driver), woken: false };
        let before = state.turning.replace(turning);
        drop(state);
        drop(before);
        let turn = Turn(self);
        let slept = task_driver.turn(limit, also);
        drop(turn);
        (self.state.lock(), slept)
    }

    /// What ends a turn beside a wake of the task driver, and the longest that a turn may take where nothing does.
    fn turns_until(&self, state: &State<T>) -> (Option<RawFd>, Option<Duration>) {
        if self.driving.is_some() {
            // In which the alarm is registered.
            return (state.lending.poller.as_ref().map(|poller| poller.as_raw_fd()), None);
        }
        if self.is_private() {
            // Nobody can stop it.
            return (None, None);
        }
        match self.alarm.prepare() {
            Some(alarm) => (Some(alarm), None),
            None => (None, Some(LONGEST_WITHOUT)),
        }
    }
}

/// Stands for a turn of a task driver on the stack, also of one that panics.
struct Turn<'a, T: Target>(&'a Dispatcher<T>);

impl<T: Target> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        let turning = self.0.state.lock().turning.take();
        // Without the lock: this may be the last that holds the task driver, and so its tasks.
        drop(turning);
    }
}
