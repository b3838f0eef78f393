//! The wait of a blocking `ws_new`: it takes OPEN, or the failure, before anything is deliverable. With regard to
//! nesting it counts as a dispatch.

use super::Target;
use super::dispatcher::{Dispatcher, Waited};
use super::key::Key;
use super::level::InCall;
use super::state::State;
use super::task_driver::TaskDriver;
use super::waiter::Waiter;
use crate::context::InCallback;
use crate::error::{Component, Error, ErrorCode};
use crate::fault::fault_point;
use crate::panics::contained;
use std::sync::Arc;

/// Why a blocking `ws_new` returns without a connection.
pub(crate) enum NotOpened {
    /// The connection could not be made.
    Failed(Arc<Error>),
    /// The dispatcher was stopped or closed, or the socket was aborted; the caller must still end the attempt.
    Cancelled,
    /// A signal handler has run, and the dispatcher is interruptible; the caller must still end the attempt.
    Interrupted,
}

impl<T: Target> Dispatcher<T> {
    /// Begins a blocking `ws_new`, `on_free` and the error handler of a failure included. `None` if the calling thread
    /// is not the owner: the call will be refused.
    pub fn begin_call(self: &Arc<Self>) -> Option<InCall<T>> {
        let _owned = self.owned().ok()?;
        Some(InCall::begin(self))
    }

    /// Waits until the socket is open and its OPEN has returned: on the calling thread, or, if the socket calls back
    /// on its I/O thread, there. If it fails, the mailbox is gone when this returns. Meanwhile it runs `task_driver`,
    /// which has the task that connects.
    pub(crate) fn wait_open(&self, key: Key, task_driver: &Arc<dyn TaskDriver>) -> Result<(), NotOpened> {
        if self.is_private() {
            self.wait_open_elsewhere(key, task_driver)
        } else {
            self.wait_open_here(key, task_driver)
        }
    }

    fn wait_open_elsewhere(&self, key: Key, task_driver: &Arc<dyn TaskDriver>) -> Result<(), NotOpened> {
        let mut state = self.state.lock();
        loop {
            let waiter = waits_for_open(&state);
            // If the mailbox is gone, the socket was open and has terminated.
            let Some(entry) = state.entry(key) else { return Ok(()) };
            if entry.mailbox.open_returned() {
                return Ok(());
            }
            if entry.mailbox.has_ended() && !entry.mailbox.is_open() {
                let failure = entry.mailbox.take_failure();
                let removed = state.remove(key);
                drop(state);
                drop(removed);
                return Err(failure.map_or(NotOpened::Cancelled, NotOpened::Failed));
            }
            match contained(|| self.run_tasks(state, task_driver, waiter)) {
                Some((guard, _)) => state = guard,
                None => return self.not_connecting(key),
            }
        }
    }

    /// A panic has ended the run in which the socket connects. Where it is open, it lives on its I/O thread.
    fn not_connecting(&self, key: Key) -> Result<(), NotOpened> {
        let mut state = self.state.lock();
        if state.entry(key).is_none_or(|entry| entry.mailbox.is_open()) {
            return Ok(());
        }
        let removed = state.remove(key);
        drop(state);
        drop(removed);
        let what = "A fault in the library itself has ended the attempt to connect";
        Err(NotOpened::Failed(Arc::new(Error::new(ErrorCode::Internal, Component::Socket, what))))
    }

    /// Waits on the level of [`Dispatcher::begin_call`], not on a level of its own, so that a stop that came since then
    /// counts.
    fn wait_open_here(&self, key: Key, task_driver: &Arc<dyn TaskDriver>) -> Result<(), NotOpened> {
        let Ok(mut state) = self.owned() else { return Err(self.cancelled(key)) };
        let level = self.stop_word.levels();
        debug_assert!(level > 0, "begin_call comes first");
        if self.stop_word.take_remembered() {
            drop(state);
            return Err(self.cancelled(key));
        }
        let mut waited = Waited::Changed;
        let result = loop {
            let waiter = waits_for_open(&state);
            let (closed, stopped) = (state.closed, self.stop_word.is_stopped(level));
            let Some(entry) = state.entry(key) else { break Err(NotOpened::Cancelled) };
            if let Some(opened) = entry.mailbox.take_claimed_open() {
                let target = Arc::clone(&entry.target);
                drop(state);
                // The host may close the dispatcher in the callback.
                if self.driving.is_none() {
                    contained(|| {
                        task_driver.unwatch();
                        fault_point!();
                    });
                }
                let whole = contained(|| {
                    target.event(&opened, &InCallback::enter());
                    fault_point!();
                });
                state = self.state.lock();
                if let Some(entry) = state.entry(key) {
                    entry.mailbox.returned();
                }
                state = self.fail_unless(whole, &target, state);
                state = self.after_callback(state, key, target);
                break Ok(());
            }
            if entry.mailbox.has_ended() && !entry.mailbox.is_open() {
                break Err(entry.mailbox.take_failure().map_or(NotOpened::Cancelled, NotOpened::Failed));
            }
            if closed || stopped {
                break Err(NotOpened::Cancelled);
            }
            if waited == Waited::Interrupted {
                break Err(NotOpened::Interrupted);
            }
            fault_point!();
            let slept;
            (state, slept) = match &self.driving {
                // No other thread runs the tasks of the other sockets.
                Some(driving) => self.drive(state, driving, waiter),
                None => self.run_tasks(state, task_driver, waiter),
            };
            waited = self.waited(slept);
        };
        let removed = if result.is_err() { state.remove(key) } else { None };
        let left = result.is_ok() && state.has_ready();
        state.sync_fd();
        drop(state);
        drop(removed);
        if left {
            self.wake_host();
        }
        result
    }

    fn cancelled(&self, key: Key) -> NotOpened {
        self.forget(key);
        NotOpened::Cancelled
    }
}

/// A waiter for a blocking `ws_new`, which delivers nothing but its own OPEN.
fn waits_for_open<T: Target>(state: &State<T>) -> Waiter {
    Waiter { limit: None, may_deliver: false, seen: state.lending.changes }
}

/// The error of a wait that was ended by `ws_dispatcher_stop`.
pub(crate) fn cancelled_error(url: &str) -> Error {
    Error::new(
        ErrorCode::Cancelled,
        Component::Socket,
        format!("Connecting to {url} was cancelled: ws_dispatcher_stop ended the wait"),
    )
}

/// The error of a wait that a signal has ended.
pub(crate) fn interrupted_error(url: &str) -> Error {
    Error::new(
        ErrorCode::Interrupted,
        Component::Socket,
        format!(
            "Connecting to {url} was interrupted: a signal handler has run (ws_dispatcher_set_interruptible)"
        ),
    )
}
