//! Ending one socket at once (`ws_close`), as closing a dispatcher ends all of its sockets: on the calling thread, without
//! waiting for the network, and with no callback afterwards.

use super::Target;
use super::dispatcher::Dispatcher;
use super::key::Key;
use super::state::{ClosedBy, Entry, Guard, Last, Remaining, State};
use crate::context::{self, InCallback};
use crate::error::ErrorCode;
use crate::event::{Ending, Event};
use crate::fault::fault_point;
use crate::panics::contained;
use crate::sync::this_thread;
use crate::unfinished::{self, Unfinished};
use std::sync::Arc;

/// The code of the close frame where the host ends one socket, and where its context ends (RFC 6455 §7.4.1).
pub(super) const CODE_OF_ONE: u16 = 1000;
pub(super) const CODE_OF_ALL: u16 = 1001;

/// When a socket that is being closed has had its last callback.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closed {
    /// It has had it.
    Now,
    /// It will have it when the callback that this thread is running has returned. An I/O thread never waits for another
    /// thread, so there the last callback may also be running elsewhere.
    Later,
}

/// The last callbacks of a socket, on_terminate and on_free, while they run. Its drop takes the dispatcher's lock, so
/// it must not go out of scope while that is held.
pub(super) struct LastCallbacks<'a, T: Target> {
    dispatcher: &'a Dispatcher<T>,
    key: Key,
    target: Arc<T>,
}

impl<'a, T: Target> LastCallbacks<'a, T> {
    /// Begins the last callbacks. The caller holds the lock under which it takes the mailbox out, and passes
    /// `State::last`.
    pub(super) fn begin(
        dispatcher: &'a Dispatcher<T>,
        last: &mut Vec<Last>,
        key: Key,
        target: &Arc<T>,
    ) -> LastCallbacks<'a, T> {
        last.push(Last { key, thread: this_thread() });
        LastCallbacks { dispatcher, key, target: Arc::clone(target) }
    }

    /// Runs them: `event`, if it was not delivered yet, then `on_free`. A panic in one of them keeps none of the others
    /// away.
    pub(super) fn run(&self, event: Option<&Event>) {
        unfinished::noted(self, || {
            if let Some(event) = event {
                contained(|| {
                    self.target.event(event, &InCallback::enter());
                    fault_point!();
                });
            }
            contained(|| {
                self.target.over();
                fault_point!();
            });
            self.free_now();
        });
    }

    /// Runs `on_free` alone: TERMINATE was pulled, and its event freed.
    pub(super) fn free(&self) {
        unfinished::noted(self, || self.free_now());
    }

    fn free_now(&self) {
        contained(|| {
            self.target.free();
            fault_point!();
        });
    }

    fn end(&self) {
        let mut state = self.dispatcher.state.lock();
        state.last.retain(|last| last.key != self.key);
        self.dispatcher.tell_last_returned(&state);
    }
}

impl<T: Target> Drop for LastCallbacks<'_, T> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<T: Target> Unfinished for LastCallbacks<'_, T> {
    fn give_up(&self) {
        self.target.lose();
        self.end();
    }
}

impl<T: Target> Dispatcher<T> {
    /// Ends one socket; calls `gone`, which releases its token, once the thread is known to be allowed. With an open
    /// dispatcher only the owner's thread is; any other gets [`ErrorCode::WrongThread`], with nothing changed. Any
    /// thread may end a socket whose callbacks run on an I/O thread, or whose dispatcher is closed.
    pub(crate) fn close_one(
        &self,
        key: Key,
        target: &Arc<T>,
        gone: impl FnOnce() -> Result<(), ErrorCode>,
    ) -> Result<Closed, ErrorCode> {
        let free = self.private || self.state.lock().closed;
        if !free {
            drop(self.owned()?);
        }
        fault_point!();
        gone()?;
        let mut state = self.state.lock();
        loop {
            let here = this_thread();
            if let Some(at) = state.pulled.iter().position(|pulled| pulled.key == key) {
                let last = LastCallbacks::begin(self, &mut state.last, key, target);
                let pulled = state.pulled.swap_remove(at);
                drop(state);
                self.end_remaining(&last, Remaining::Pulled(pulled), CODE_OF_ONE);
                return Ok(Closed::Now);
            }
            if let Some(at) = state.remaining.iter().position(|remaining| remaining.key() == key) {
                // A close of the dispatcher, on the owner's stack, has not come to this socket yet.
                if state.owner == Some(here)
                    && let Some(remaining) = state.remaining.remove(at)
                {
                    let last = LastCallbacks::begin(self, &mut state.last, key, target);
                    drop(state);
                    self.end_remaining(&last, remaining, CODE_OF_ONE);
                    return Ok(Closed::Now);
                }
                if context::on_io_thread() {
                    return Ok(Closed::Later);
                }
                state = self.wait_last_returned(state);
                continue;
            }
            if let Some(last) = state.last.iter().find(|last| last.key == key) {
                // The last callbacks run. The one that makes this call is not waited for; those on other threads are.
                if last.thread == here || context::on_io_thread() {
                    return Ok(Closed::Later);
                }
                state = self.wait_last_returned(state);
                continue;
            }
            let owner = state.owner;
            let Some(entry) = state.entry(key) else { return Ok(Closed::Now) };
            if !entry.mailbox.is_on_stack() {
                break;
            }
            entry.mailbox.discard();
            target.gate().interrupt();
            // The callback is on the stack of the owner, or, without one, on that of an I/O thread.
            if owner == Some(here) || context::on_io_thread() {
                entry.closed_by.get_or_insert(ClosedBy::Callback);
                return Ok(Closed::Later);
            }
            entry.closed_by.get_or_insert(ClosedBy::Waiter);
            state = self.wait_last_returned(state);
        }
        if let Some(entry) = state.entry(key) {
            entry.mailbox.discard();
            target.gate().interrupt();
        }
        let last = LastCallbacks::begin(self, &mut state.last, key, target);
        let removed = state.remove(key);
        state.sync_fd();
        self.wake_waiters(&mut state);
        drop(state);
        if let Some(entry) = removed {
            // Its task takes back the descriptor that it has lent.
            target.nudge();
            self.end_now(&last, entry, CODE_OF_ONE);
        }
        Ok(Closed::Now)
    }

    /// Waits until a callback has returned that a close on another thread waits for.
    fn wait_last_returned<'a>(&'a self, mut state: Guard<'a, T>) -> Guard<'a, T> {
        state.last_awaited += 1;
        let mut state = self.last_returned.wait(state);
        state.last_awaited -= 1;
        state
    }

    /// Wakes the threads that wait so. Mostly there are none, which costs no system call.
    pub(super) fn tell_last_returned(&self, state: &State<T>) {
        if state.last_awaited > 0 {
            self.last_returned.notify_all();
        }
    }

    /// Runs what is left of the last callbacks of a socket that has no mailbox any more.
    pub(super) fn end_remaining(&self, last: &LastCallbacks<'_, T>, remaining: Remaining<T>, code: u16) {
        match remaining {
            Remaining::Socket(_, entry) => self.end_now(last, entry, code),
            // A TERMINATE that was pulled counts as on_terminate.
            Remaining::Pulled(_) => last.run(None),
        }
    }

    /// Runs TERMINATE and `on_free` of a socket that the host ends, or whose dispatcher it has closed. `code` goes
    /// into the close frame that is sent in the background.
    pub(super) fn end_now(&self, last: &LastCallbacks<'_, T>, entry: Entry<T>, code: u16) {
        let Entry { mailbox, target, .. } = entry;
        let hung_up = contained(|| target.hang_up(code)).unwrap_or_else(|| {
            // It may have come to nothing.
            target.fail();
            Ending::abnormal()
        });
        last.run(Some(&Event::terminated(mailbox.ending().cloned().unwrap_or(hung_up))));
    }
}
