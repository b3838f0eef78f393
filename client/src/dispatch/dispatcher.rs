//! A dispatcher: one host context. This file has ownership and the functions for any thread; delivery is in `deliver`,
//! pulling in `pull`, the blocking `ws_new` in `blocking`, the end in `close_all`.

use super::alarm::{Alarm, Slept};
use super::key::Key;
use super::lending::owner_waits::OwnerWaits;
use super::lending::presence::OwnerWait;
use super::mailbox::Mailbox;
use super::poller::Poller;
use super::ready_fd::ReadyFd;
use super::state::State;
use super::stop_word::StopWord;
use super::task_driver::Driving;
use super::waiter::Waiter;
use super::{Gate, Target};
use crate::context::{self, ThreadRole};
use crate::error::{Error, ErrorCode, ErrorHandler};
use crate::fault::fault_point;
use crate::hook::Hook;
use crate::panics::contained;
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::sync::{Condvar, Mutex, MutexGuard, this_thread};
use crate::sys::{self, wake};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Runs callbacks on its owner, the thread that made it. Only the owner dispatches, pulls and closes.
pub struct Dispatcher<T: Target> {
    pub(super) state: Mutex<State<T>>,
    /// Wakes the owner from its sleep.
    pub(super) alarm: Alarm,
    pub(super) wake: Hook<dyn Fn() + Send + Sync>,
    /// Handles connections that could not be made, instead of the process's error handler.
    pub(super) error_handler: Hook<ErrorHandler>,
    /// Set for the dispatcher of one socket that calls back on its I/O thread.
    pub(super) private: bool,
    /// Notified when a callback of a socket that is being closed, or its last callback, has returned.
    pub(super) last_returned: Condvar,
    /// The calls in progress, and the ones among them that must return.
    pub(super) stop_word: StopWord,
    /// Changes when a call in progress must check whether to return.
    pub(super) interrupted: Gate,
    /// The owner watches its sockets itself (`lending`).
    pub(super) borrows: AtomicBool,
    /// A signal ends a wait.
    interruptible: AtomicBool,
    /// Microseconds for which a wait does not sleep.
    busy_poll: AtomicU32,
    /// `None` if its sockets have an I/O thread.
    pub(super) driving: Option<Box<Driving>>,
}

/// Why a wait returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Waited {
    /// Something may have changed; check again.
    Changed,
    TimeOver,
    /// A signal handler has run, and the wait is to return for it.
    Interrupted,
}

/// A notification to be sent once no lock is held. If it is dropped unsent, an event may wait for ever.
#[must_use]
pub(crate) struct Signal<T: Target> {
    appeared: Option<Arc<T>>,
}

impl<T: Target> Signal<T> {
    /// Calls the host's `wake`, or nudges the I/O task of a socket without a dispatcher.
    pub(crate) fn send(self, dispatcher: &Dispatcher<T>) {
        if let Some(target) = self.appeared {
            if dispatcher.private {
                target.nudge();
            } else {
                dispatcher.wake_host();
            }
        }
    }
}

impl<T: Target> Dispatcher<T> {
    /// A dispatcher of the calling thread. `wake` is called when deliverable events appear where there were
    /// none, on any thread.
    pub fn new(wake: Option<Box<dyn Fn() + Send + Sync>>) -> Arc<Dispatcher<T>> {
        let dispatcher = Dispatcher::of(State::new(Some(this_thread())));
        dispatcher.wake.set(wake.map(Arc::from));
        Arc::new(dispatcher)
    }

    /// The dispatcher of one socket that calls back on its I/O thread.
    pub(crate) fn private() -> Arc<Dispatcher<T>> {
        Arc::new(Dispatcher { private: true, ..Dispatcher::of(State::new(None)) })
    }

    /// A dispatcher that watches its sockets itself from the beginning to the end.
    pub(super) fn new_lending(alarm: Alarm, poller: Option<Poller>, driving: Driving) -> Arc<Dispatcher<T>> {
        let mut state = State::new(Some(this_thread()));
        state.lending.wanted = poller.is_some();
        state.lending.poller = poller.map(Arc::new);
        Arc::new(Dispatcher {
            alarm,
            borrows: AtomicBool::new(true),
            driving: Some(Box::new(driving)),
            ..Dispatcher::of(state)
        })
    }

    fn of(state: State<T>) -> Dispatcher<T> {
        Dispatcher {
            state: Mutex::new(state),
            alarm: Alarm::new(),
            wake: Hook::new(),
            error_handler: Hook::new(),
            private: false,
            last_returned: Condvar::new(),
            stop_word: StopWord::new(),
            interrupted: Gate::new(),
            borrows: AtomicBool::new(false),
            interruptible: AtomicBool::new(false),
            busy_poll: AtomicU32::new(0),
            driving: None,
        }
    }

    /// Returns whether callbacks run on the I/O thread.
    pub(crate) fn is_private(&self) -> bool {
        self.private
    }

    /// Returns whether the owner has closed it.
    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Registers a socket.
    pub(crate) fn register(&self, mailbox: Mailbox, target: Arc<T>) -> Result<Key, ErrorCode> {
        let mut state = self.state.lock();
        if state.lost {
            return Err(ErrorCode::WrongThread);
        }
        if state.closed {
            return Err(ErrorCode::InvalidHandle);
        }
        Ok(state.insert(mailbox, target))
    }

    /// Checks that the calling thread may make a blocking socket here.
    pub(crate) fn check_owner(&self) -> Result<(), ErrorCode> {
        self.owned().map(drop)
    }

    /// Removes a socket that was never connected, without an event. Returns `false` if its owner has received its end
    /// already, or is just receiving it.
    pub(crate) fn forget(&self, key: Key) -> bool {
        let mut state = self.state.lock();
        if state.entry(key).is_none_or(|entry| entry.mailbox.is_on_stack()) {
            return false;
        }
        let removed = state.remove(key);
        drop(state);
        drop(removed);
        true
    }

    /// Changes a mailbox, if it still exists. Send the signal once the caller holds no lock.
    pub(crate) fn update<R>(
        &self,
        key: Key,
        change: impl FnOnce(&mut Mailbox) -> R,
    ) -> (Option<R>, Signal<T>) {
        let mut state = self.state.lock();
        let Some(entry) = state.entry(key) else { return (None, Signal { appeared: None }) };
        let result = change(&mut entry.mailbox);
        let target = Arc::clone(&entry.target);
        let appeared = state.refresh(key);
        state.sync_fd();
        self.wake_waiters(&mut state);
        drop(state);
        (Some(result), Signal { appeared: appeared.then_some(target) })
    }

    /// Changes a mailbox, like [`update`](Dispatcher::update), where nobody waits for the change and it makes nothing
    /// deliverable.
    pub(crate) fn update_quietly<R>(&self, key: Key, change: impl FnOnce(&mut Mailbox) -> R) -> Option<R> {
        self.state.lock().entry(key).map(|entry| change(&mut entry.mailbox))
    }

    /// Reads from a mailbox, if it still exists.
    pub(crate) fn inspect<R>(&self, key: Key, inspect: impl FnOnce(&Mailbox) -> R) -> Option<R> {
        self.state.lock().entry(key).map(|entry| inspect(&entry.mailbox))
    }

    /// Calls the host's `wake`; no lock is held.
    pub(super) fn wake_host(&self) {
        contained(|| self.wake.run(|wake| wake()));
    }

    /// Exchanges the error handler of this context; returns when the old one no longer runs on another thread.
    /// [`ErrorCode::WrongThread`]: the calling thread is not the owner.
    pub fn set_error_handler(&self, handler: Option<Arc<ErrorHandler>>) -> Result<(), ErrorCode> {
        drop(self.owned()?);
        self.error_handler.set(handler);
        Ok(())
    }

    /// Calls the error handler of this context; `false` if there is none.
    pub fn report(&self, error: &Error) -> bool {
        self.error_handler.run(|handler| handler(error))
    }

    /// Hands the dispatcher over to the calling thread. [`ErrorCode::WrongThread`] while a call of it is on some
    /// stack, or the last callback of a socket on another thread's.
    pub fn attach(&self) -> Result<(), ErrorCode> {
        let mut state = self.state.lock();
        let here = this_thread();
        let last_elsewhere = state.last.iter().any(|last| last.thread != here);
        if self.stop_word.levels() > 0 || last_elsewhere || state.lost {
            return Err(ErrorCode::WrongThread);
        }
        state.owner = Some(here);
        Ok(())
    }

    /// Makes the calls in progress return, or, if there is none, the next call. Any thread. Async-signal-safe: it
    /// takes no lock, allocates nothing, logs nothing, and uses no thread-local but `errno`, which it restores.
    pub fn stop(&self) {
        self.stop_word.stop();
        self.interrupted.interrupt();
        self.alarm.ring();
        if !wake::IS_SEEN_BY_A_RUNTIME && !sys::process::is_ending() {
            // Where there are no signal handlers, it may take the lock.
            self.wake_waiters(&mut self.state.lock());
        }
    }

    /// Ends the innermost call in progress. The caller holds no lock.
    pub(super) fn leave(&self) {
        self.stop_word.leave();
        // What the call has taken out must come to the host.
        contained(|| {
            self.end_driving();
            fault_point!();
        });
    }

    /// A descriptor that is readable exactly while there are deliverable events. It lives until the dispatcher is
    /// closed. Any thread. [`ErrorCode::Unsupported`] for a driving dispatcher: nobody would update it while the
    /// owner does something else.
    pub fn fd(&self) -> Result<isize, ErrorCode> {
        if self.driving.is_some() {
            return Err(ErrorCode::Unsupported);
        }
        let mut state = self.state.lock();
        if state.closed || state.lost {
            return Err(ErrorCode::InvalidHandle);
        }
        if state.fd.is_none() {
            state.fd = Some(ReadyFd::new().map_err(|_| ErrorCode::OutOfMemory)?);
        }
        state.sync_fd();
        state.fd.as_ref().map(|fd| fd.raw() as isize).ok_or(ErrorCode::Internal)
    }

    /// The state, if the calling thread may dispatch.
    pub(super) fn owned(&self) -> Result<MutexGuard<'_, State<T>>, ErrorCode> {
        let state = self.state.lock();
        if state.owner.is_some_and(|owner| owner != this_thread()) || state.lost {
            return Err(ErrorCode::WrongThread);
        }
        Ok(state)
    }

    /// The state, if the calling thread may dispatch and do I/O: a thread that runs tasks already can run no others.
    pub(super) fn owned_to_drive(&self) -> Result<MutexGuard<'_, State<T>>, ErrorCode> {
        if self.driving.is_some()
            && (context::on_io_thread() || context::thread_role() != ThreadRole::Nothing)
        {
            return Err(ErrorCode::WrongThread);
        }
        self.owned()
    }

    /// Checks that the calling thread can wait for events that only it can produce. [`ErrorCode::ShutDown`]: the
    /// thread is ending.
    pub(super) fn check_wait(&self) -> Result<(), ErrorCode> {
        match &self.driving {
            Some(driving) if !driving.task_driver.can_run_here() => Err(ErrorCode::ShutDown),
            _ => Ok(()),
        }
    }

    pub(super) fn wake_waiters(&self, state: &mut State<T>) {
        state.lending.changes += 1;
        // One wake is enough, here and below.
        if let Some(active_driver) = &mut state.active_driver
            && !std::mem::replace(&mut active_driver.woken, true)
        {
            active_driver.task_driver.wake();
        }
        if state.lending.wait == OwnerWait::Asleep {
            state.lending.wait = OwnerWait::Polling;
            self.alarm.ring();
        }
    }

    /// Sets for how many microseconds a wait of the owner polls its sockets before it sleeps; 0: not at all. Any
    /// thread.
    pub fn set_busy_poll(&self, us: u32) {
        self.busy_poll.store(us, Ordering::Relaxed);
    }

    pub(super) fn busy_poll(&self) -> Duration {
        Duration::from_micros(self.busy_poll.load(Ordering::Relaxed).into())
    }

    /// Waits for a change, at most until `deadline`, and returns the reason. The owner services its sockets meanwhile.
    pub(super) fn wait_change<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<T>>,
        deadline: Option<Instant>,
    ) -> (MutexGuard<'a, State<T>>, Waited) {
        let limit = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            // An owner that does not wait is no reader yet.
            Some(Duration::ZERO) if !self.borrows() => return (state, Waited::TimeOver),
            limit => limit,
        };
        // The caller has checked everything before this.
        let waiter = Waiter { limit, may_deliver: true, seen: state.lending.changes };
        let slept;
        if let Some(driving) = &self.driving {
            (state, slept) = self.drive(state, driving, waiter);
        } else {
            let borrows;
            (state, borrows) = self.begin_to_borrow(state);
            if !borrows {
                let (state, slept) = self.sleep(state, waiter);
                return (state, self.waited(slept));
            }
            (state, slept) = self.poll(state, waiter);
        }
        let over = limit == Some(Duration::ZERO) && !state.has_ready();
        (state, if over { Waited::TimeOver } else { self.waited(slept) })
    }

    /// Translates the end of a sleep into the end of a wait.
    pub(super) fn waited(&self, slept: Slept) -> Waited {
        if slept == Slept::Signal && self.interruptible.load(Ordering::Relaxed) {
            Waited::Interrupted
        } else {
            Waited::Changed
        }
    }

    /// Sets whether a signal handler that runs while the owner sleeps ends its wait. Any thread.
    /// [`ErrorCode::Unsupported`] on a system without signals.
    pub fn set_interruptible(&self, on: bool) -> Result<(), ErrorCode> {
        if !sys::thread::HAS_SIGNALS {
            return Err(ErrorCode::Unsupported);
        }
        self.interruptible.store(on, Ordering::Relaxed);
        Ok(())
    }

    /// Waits for a change, without reading from sockets.
    fn sleep<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<T>>,
        waiter: Waiter,
    ) -> (MutexGuard<'a, State<T>>, Slept) {
        self.alarm.prepare();
        let limit = waiter.sleeps_for(&mut state, &self.stop_word);
        state.lending.wait = OwnerWait::Asleep;
        drop(state);
        let waits = OwnerWaits::begin(&self.state, self.driving.as_deref());
        fault_point!();
        let slept = if limit == Some(Duration::ZERO) { Slept::Woken } else { self.alarm.sleep(limit) };
        (waits.end(), slept)
    }
}
