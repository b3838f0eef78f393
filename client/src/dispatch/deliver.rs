//! Delivering: callbacks run here, with no lock held. A socket whose callback is on the stack is not in the
//! run queue, so that callbacks of one socket never nest.

use super::Target;
use super::close_one::{CODE_OF_ALL, CODE_OF_ONE, LastCallbacks};
use super::dispatcher::{Dispatcher, Waited};
use super::key::Key;
use super::level::Level;
use super::mailbox::Work;
use super::state::{ClosedBy, Guard, PendingDelivery};
use super::waiter::Waiter;
use crate::context::{self, InCallback};
use crate::error::ErrorCode;
use crate::event::{Batch, Event, EventKind};
use crate::fault::fault_point;
use crate::panics::contained;
use crate::sys::thread::CancellationHeld;
use crate::unfinished;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The number of messages of one socket that run before the next socket is served.
const MESSAGES_PER_ROUND: usize = 64;

impl<T: Target> Dispatcher<T> {
    /// Runs at most `max` events, and returns how many ran. 0 runs the events that were deliverable when it was
    /// called, or, without an I/O thread, had arrived by then.
    pub fn dispatch(&self, max: u32) -> Result<u32, ErrorCode> {
        self.with_owner(|mut state, level| {
            if let Some(driving) = &self.driving {
                // No other thread reads what has arrived.
                let waiter = Waiter::without_sleeping(&state);
                (state, _) = self.drive(state, driving, waiter);
            }
            let (state, ran) = self.dispatch_round(state, level, max);
            (state, Ok(ran))
        })
    }

    /// Waits until there is an event, then dispatches. `None`: for ever. Returns how many events ran.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<u32, ErrorCode> {
        let deadline = deadline(timeout)?;
        self.check_wait()?;
        self.with_owner(|mut state, level| {
            let mut waited = Waited::Changed;
            loop {
                if state.has_ready() {
                    let (state, ran) = self.dispatch_round(state, level, 0);
                    return (state, Ok(ran));
                }
                if state.closed || level.is_stopped() {
                    return (state, Ok(0));
                }
                match waited {
                    Waited::Changed => {}
                    Waited::TimeOver => return (state, Ok(0)),
                    Waited::Interrupted => return (state, Err(ErrorCode::Interrupted)),
                }
                (state, waited) = self.wait_change(state, deadline);
            }
        })
    }

    /// Dispatches until every socket of the dispatcher has terminated (those on the stack left out), or stop.
    pub fn run(&self) -> Result<(), ErrorCode> {
        if context::on_io_thread() {
            return Err(ErrorCode::WrongThread);
        }
        self.check_wait()?;
        self.with_owner(|mut state, level| {
            loop {
                if state.closed || level.is_stopped() {
                    return (state, Ok(0));
                }
                if state.has_ready() {
                    (state, _) = self.dispatch_round(state, level, 0);
                } else if state.running(level.is_nested()) == 0 {
                    return (state, Ok(0));
                } else {
                    let waited;
                    (state, waited) = self.wait_change(state, None);
                    if waited == Waited::Interrupted && !state.closed && !level.is_stopped() {
                        return (state, Err(ErrorCode::Interrupted));
                    }
                }
            }
        })
        .map(drop)
    }

    /// The frame of every call that delivers: checks the owner, enters a level, runs the `on_free` that is owed, and
    /// wakes the host if events are left.
    fn with_owner<'a>(
        &'a self,
        body: impl FnOnce(Guard<'a, T>, &Level<'a, T>) -> (Guard<'a, T>, Result<u32, ErrorCode>),
    ) -> Result<u32, ErrorCode> {
        let (mut left, level);
        let mut state = self.owned_to_drive()?;
        left = Left::of_call(self);
        level = Level::enter(self);
        fault_point!();
        let result;
        (state, result) = unfinished::noted(&level, || {
            state = self.release_pulled(self.free_pulled(state));
            let result;
            (state, result) = body(state, &level);
            fault_point!();
            if let Some(driving) = self.driving.as_ref().filter(|driving| driving.is_due()) {
                // Tasks that were notified of an end run to completion now, because the host may never call again.
                let waiter = Waiter::without_sleeping(&state);
                (state, _) = self.drive(state, driving, waiter);
            }
            (state, result)
        });
        // A call that a remembered stop ends at once may leave events, too.
        let closed = state.closed;
        left.look(&mut state);
        drop(state);
        fault_point!();
        drop(level);
        fault_point!();
        drop(left);
        if closed && !self.is_private() { Err(ErrorCode::Cancelled) } else { result }
    }

    /// Marks the events of the last pull as processed: the owner has called again.
    pub(super) fn release_pulled<'a>(&'a self, mut state: Guard<'a, T>) -> Guard<'a, T> {
        while let Some(key) = state.last_pulled.pop() {
            let Some(entry) = state.entry(key) else { continue };
            entry.mailbox.release_pulled();
            if entry.mailbox.take_nudge() {
                let target = Arc::clone(&entry.target);
                drop(state);
                let _held = CancellationHeld::begin();
                target.nudge();
                fault_point!();
                state = self.lock_without(target);
            }
        }
        state
    }

    /// Runs `on_free` for the sockets whose pulled TERMINATE was freed.
    pub(super) fn free_pulled<'a>(&'a self, mut state: Guard<'a, T>) -> Guard<'a, T> {
        while let Some(at) = state.pulled.iter().position(|pulled| pulled.freed) {
            let _held = CancellationHeld::begin();
            let pulled = state.pulled.swap_remove(at);
            let last = LastCallbacks::begin(self, &mut state.last, pulled.key, &pulled.target);
            drop(state);
            last.free();
            drop(last);
            state = self.lock_without(pulled);
        }
        state
    }

    fn dispatch_round<'a>(
        &'a self,
        mut state: Guard<'a, T>,
        level: &Level<'a, T>,
        max: u32,
    ) -> (Guard<'a, T>, u32) {
        let mut ran = 0;
        if max == 0 {
            let mut pending = state.snapshot();
            while let Some(due) = pending.pop_front() {
                if state.closed || level.is_stopped() {
                    break;
                }
                if state.is_void(&due) {
                    continue;
                }
                let here;
                (state, here) = self.deliver_next(state, due.key, due.events.min(MESSAGES_PER_ROUND));
                ran += here as u32;
                if here > 0 && here < due.events {
                    pending.push_back(PendingDelivery { events: due.events - here, ..due });
                }
            }
            state.keep_snapshot(pending);
        } else {
            while ran < max && !state.closed && !level.is_stopped() {
                let Some(key) = state.next_ready() else { break };
                let here;
                (state, here) = self.deliver_next(state, key, ((max - ran) as usize).min(MESSAGES_PER_ROUND));
                ran += here as u32;
            }
        }
        (state, ran)
    }

    /// Serves one socket: runs one callback, or a run of messages up to `limit`.
    pub(super) fn deliver_next<'a>(
        &'a self,
        mut state: Guard<'a, T>,
        key: Key,
        limit: usize,
    ) -> (Guard<'a, T>, usize) {
        // A thread that has closed the socket, and waits for the callback that has just returned, takes its end.
        let open = state.entry(key).filter(|entry| entry.closed_by.is_none());
        let Some(entry) = open else { return (state, 0) };
        let Some(work) = entry.mailbox.take() else { return (state, 0) };
        let target = Arc::clone(&entry.target);
        let epoch = entry.mailbox.epoch();
        let seen = (target.gate().generation(), self.interrupted.generation());
        state.refresh(key);
        state.sync_fd();
        drop(state);
        let ran;
        (state, ran) = match work {
            Work::Open { time_us } => self.run_callback(key, &target, &Event::opened(time_us)),
            Work::Drain => self.run_callback(key, &target, &Event::plain(EventKind::Drain)),
            Work::Error { error, never_opened } => {
                if never_opened {
                    contained(|| {
                        target.report(&error);
                        fault_point!();
                    });
                }
                // Its end follows in any case.
                contained(|| {
                    target.event(&Event::failed(error), &InCallback::enter());
                    fault_point!();
                });
                self.callback_returned(key)
            }
            Work::Terminate(ending) => {
                contained(|| {
                    target.event(&Event::terminated(ending), &InCallback::enter());
                    fault_point!();
                });
                let mut state = self.state.lock();
                let last = LastCallbacks::begin(self, &mut state.last, key, &target);
                let removed = state.remove(key);
                self.wake_waiters(&mut state);
                drop(state);
                drop(removed);
                last.run(None);
                drop(last);
                return (self.lock_without(target), 1);
            }
            Work::Run { mut batch, only_pongs } => {
                let mut run = Run { ran: 0, charge: 0 };
                let whole =
                    contained(|| self.run_messages(&target, &mut batch, only_pongs, limit, seen, &mut run));
                let mut state = self.state.lock();
                if let Some(entry) = state.entry(key) {
                    entry.mailbox.returned_run(batch, run.charge, epoch);
                }
                (self.fail_unless(whole, &target, state), run.ran)
            }
        };
        (self.after_callback(state, key, target), ran)
    }

    fn run_callback(&self, key: Key, target: &Arc<T>, event: &Event) -> (Guard<'_, T>, usize) {
        let whole = contained(|| {
            fault_point!();
            target.event(event, &InCallback::enter());
            fault_point!();
        });
        let (state, ran) = self.callback_returned(key);
        (self.fail_unless(whole, target, state), ran)
    }

    /// Lets the socket fail whose callback has panicked.
    pub(super) fn fail_unless<'a>(
        &'a self,
        whole: Option<()>,
        target: &Arc<T>,
        state: Guard<'a, T>,
    ) -> Guard<'a, T> {
        if whole.is_some() {
            return state;
        }
        drop(state);
        target.fail();
        self.state.lock()
    }

    fn callback_returned(&self, key: Key) -> (Guard<'_, T>, usize) {
        let mut state = self.state.lock();
        if let Some(entry) = state.entry(key) {
            entry.mailbox.returned();
        }
        self.wake_waiters(&mut state);
        (state, 1)
    }

    /// Runs messages until the limit, or until a gate changes; `run` says how far it came, also after a panic.
    fn run_messages(
        &self,
        target: &Arc<T>,
        batch: &mut Batch,
        only_pongs: bool,
        limit: usize,
        seen: (u32, u32),
        run: &mut Run,
    ) {
        let mut event = Event::of_batch(batch, target.mode());
        let in_callback = InCallback::enter();
        while run.ran < limit
            && let Some(item) = batch.items.get(batch.next).copied()
        {
            if only_pongs && !item.kind.passes_pause() {
                break;
            }
            event.show(item);
            if !batch.has_one_origin() {
                event.show_origin(batch.origin(batch.next));
            }
            fault_point!();
            batch.next += 1;
            run.ran += 1;
            run.charge += item.charge();
            target.event(&event, &in_callback);
            fault_point!();
            event.forget_lazy();
            if (target.gate().generation(), self.interrupted.generation()) != seen {
                break;
            }
        }
        batch.delivered(run.charge);
    }

    /// Finishes a callback: brings the run queue in line, lets reading go on, and ends the socket if it, or its
    /// dispatcher, was closed during the callback.
    pub(super) fn after_callback<'a>(
        &'a self,
        mut state: Guard<'a, T>,
        key: Key,
        target: Arc<T>,
    ) -> Guard<'a, T> {
        let closed_by = state.entry(key).and_then(|entry| entry.closed_by);
        if state.closed || closed_by == Some(ClosedBy::Callback) {
            let code = if state.closed { CODE_OF_ALL } else { CODE_OF_ONE };
            let last = LastCallbacks::begin(self, &mut state.last, key, &target);
            let removed = state.remove(key);
            self.wake_waiters(&mut state);
            drop(state);
            if let Some(entry) = removed {
                self.end_now(&last, entry, code);
            }
            drop(last);
            return self.lock_without(target);
        }
        if closed_by == Some(ClosedBy::Waiter) {
            self.tell_last_returned(&state);
        }
        let entry = state.entry(key);
        // As long as there is an entry, `target` is not the last reference.
        let is_entry = entry.is_some();
        let resume = entry.is_some_and(|entry| entry.mailbox.take_nudge());
        state.refresh(key);
        if !resume && is_entry {
            return state;
        }
        drop(state);
        if resume {
            target.nudge();
        }
        self.lock_without(target)
    }

    /// Drops what may be the last reference to a socket, then takes the lock: no value whose drop can run foreign
    /// code is dropped under it.
    pub(super) fn lock_without<D>(&self, dropped: D) -> Guard<'_, T> {
        drop(dropped);
        self.state.lock()
    }
}

/// How far a run of messages has come: the number of callbacks, and the charge of their messages.
struct Run {
    ran: usize,
    charge: usize,
}

/// What a call of the owner leaves to be delivered: its drop tells the host of it, also after a panic.
pub(super) struct Left<'a, T: Target> {
    dispatcher: &'a Dispatcher<T>,
    /// `None`: the call has not come to its end.
    events: Option<bool>,
    wakes: bool,
}

impl<'a, T: Target> Left<'a, T> {
    pub(super) fn of_call(dispatcher: &'a Dispatcher<T>) -> Left<'a, T> {
        Left { dispatcher, events: None, wakes: !dispatcher.is_private() }
    }

    /// As [`Left::of_call`], for a host that goes on calling until nothing is left.
    pub(super) fn of_pull(dispatcher: &'a Dispatcher<T>) -> Left<'a, T> {
        Left { dispatcher, events: None, wakes: false }
    }

    /// Looks, at the end of the call, whether events are left.
    pub(super) fn look(&mut self, state: &mut Guard<'_, T>) {
        self.events = Some(state.has_ready());
        state.sync_fd();
    }
}

impl<T: Target> Drop for Left<'_, T> {
    fn drop(&mut self) {
        if self.events.is_none() {
            let mut state = self.dispatcher.state.lock();
            self.look(&mut state);
        }
        if self.wakes && self.events == Some(true) {
            self.dispatcher.wake_host();
        }
    }
}

/// The end of a timeout; `None` for never. [`ErrorCode::WrongThread`] on a thread whose wait would wait for itself.
pub(super) fn deadline(timeout: Option<Duration>) -> Result<Option<Instant>, ErrorCode> {
    if timeout != Some(Duration::ZERO) && context::on_io_thread() {
        return Err(ErrorCode::WrongThread);
    }
    // A time-out beyond the range of the clock is for ever.
    Ok(timeout.and_then(|timeout| Instant::now().checked_add(timeout)))
}
