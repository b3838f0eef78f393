//! The end of a whole dispatcher: its owner closes it, or the owner's thread ends inside a function of the host's.

use super::Target;
use super::close_one::{CODE_OF_ALL, LastCallbacks};
use super::dispatcher::Dispatcher;
use super::state::Remaining;
use crate::error::ErrorCode;
use crate::fault::fault_point;
use crate::panics::contained;
use crate::sync::atomic::Ordering;
use crate::unfinished::{self, Unfinished};

impl<T: Target> Dispatcher<T> {
    /// Ends the context: every socket of it gets TERMINATE and is freed during the call, those on the caller's
    /// stack when their callback returns. Never waits for the network. `begun` is called before the first of them;
    /// not where nothing happens: [`ErrorCode::WrongThread`], and [`ErrorCode::InvalidHandle`] for a second time.
    pub fn close(&self, begun: impl FnOnce()) -> Result<(), ErrorCode> {
        let mut state = self.owned()?;
        if state.closed {
            return Err(ErrorCode::InvalidHandle);
        }
        state.closed = true;
        state.lending.end();
        self.borrows.store(false, Ordering::Release);
        self.interrupted.interrupt();
        state.clear_ready();
        state.sync_fd();
        for entry in state.entries() {
            entry.mailbox.discard();
            entry.target.gate().interrupt();
            // Its task takes back the descriptor that it has lent.
            entry.target.nudge();
        }
        state.remove_idle();
        drop(state);
        begun();
        unfinished::noted(self, || {
            while let Some((last, remaining)) = self.next_remaining() {
                self.end_remaining(&last, remaining, CODE_OF_ALL);
            }
        });
        contained(|| {
            self.end_driving();
            fault_point!();
        });
        contained(|| {
            self.give_descriptors_back();
            fault_point!();
        });
        // Waits for a `wake` that runs on another thread.
        self.wake.set(None);
        self.error_handler.set(None);
        Ok(())
    }

    /// The next socket to end. Those that are left stay in the state, where a callback that ends one of them by itself
    /// finds it.
    fn next_remaining(&self) -> Option<(LastCallbacks<'_, T>, Remaining<T>)> {
        let mut state = self.state.lock();
        let remaining = state.remaining.pop_front()?;
        let last = LastCallbacks::begin(self, &mut state.last, remaining.key(), remaining.target());
        Some((last, remaining))
    }

    /// Gives the dispatcher up, because the owner's thread ends inside a function of the host's. Everything that other
    /// threads could wait for is released, and no function of the host's is called any more.
    pub(super) fn lose(&self) {
        let mut state = self.state.lock();
        if std::mem::replace(&mut state.lost, true) {
            return;
        }
        state.lending.end();
        self.borrows.store(false, Ordering::Release);
        let lost = state.remove_all();
        state.last.clear();
        self.tell_last_returned(&state);
        let pulled = std::mem::take(&mut state.pulled);
        let remaining = std::mem::take(&mut state.remaining);
        state.last_pulled.clear();
        state.sync_fd();
        self.wake_waiters(&mut state);
        drop(state);
        lost.iter().for_each(|entry| entry.target.lose());
        remaining.iter().for_each(|remaining| remaining.target().lose());
        drop((lost, pulled, remaining));
        self.give_descriptors_back();
        if let Some(driving) = &self.driving {
            driving.task_driver.end();
        }
    }

    /// Closes the descriptors. Nobody sleeps from now on: an outer call sees that the dispatcher is closed. The
    /// caller holds no lock.
    pub(super) fn give_descriptors_back(&self) {
        if let Some(driving) = &self.driving {
            driving.task_driver.unwatch();
        }
        let mut state = self.state.lock();
        let given_back = (state.lending.poller.take(), state.fd.take());
        drop(state);
        drop(given_back);
        self.alarm.close();
    }
}

/// A close in progress.
impl<T: Target> Unfinished for Dispatcher<T> {
    fn give_up(&self) {
        self.lose();
    }
}
