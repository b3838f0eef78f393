//! Pulling: the owner takes one event instead of having a callback run.

use super::Target;
use super::deliver::{Left, deadline};
use super::dispatcher::{Dispatcher, Waited};
use super::key::Key;
use super::level::Level;
use super::mailbox::{self, Work};
use super::state::{Guard, PulledEnd, State};
use super::waiter::Waiter;
use crate::error::{Error, ErrorCode};
use crate::event::{DataType, Event, EventKind, Message};
use crate::fault::fault_point;
use crate::fork::fork_epoch;
use crate::panics::contained;
use crate::sys::thread::CancellationHeld;
use crate::unfinished;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// The guard of a pulled TERMINATE; its drop makes `on_free` due.
struct PulledTerminate<T: Target> {
    dispatcher: Weak<Dispatcher<T>>,
    target: Arc<T>,
    serial: u64,
    epoch: u32,
}

impl<T: Target> Drop for PulledTerminate<T> {
    fn drop(&mut self) {
        // A forked child must not touch the parent's locks.
        if self.epoch != fork_epoch() {
            return;
        }
        self.target.over();
        if let Some(dispatcher) = self.dispatcher.upgrade() {
            let mut state = dispatcher.state.lock();
            if let Some(pulled) = state.pulled.iter_mut().find(|pulled| pulled.serial == self.serial) {
                pulled.freed = true;
            }
        }
    }
}

/// Something that was taken out under the lock, and becomes an event without it.
pub(super) enum Taken<T> {
    Message(Message, DataType),
    Other { target: Arc<T>, work: Work, serial: u64 },
}

impl<T: Target> Dispatcher<T> {
    /// Pulls one event; waits for it if there is none. Returns `None` when the time is over or after a stop. No
    /// function of the handler runs but `on_free`. `whose`: what the caller wants to know of the event's socket; it
    /// runs under the lock.
    ///
    /// Holds cancellation off by itself, and only where more is done than to take a message that is there.
    pub fn next<W>(
        self: &Arc<Self>,
        timeout: Option<Duration>,
        whose: impl Fn(&Arc<T>) -> W,
    ) -> Result<Option<(W, Box<Event>)>, ErrorCode> {
        let mut pulled = None;
        self.pull(timeout, |mut state| {
            loop {
                let Some(key) = state.next_ready() else { return (state, Ok(None)) };
                let Some(entry) = state.entry(key) else { return (state, Err(ErrorCode::Internal)) };
                if entry.target.is_silent() {
                    let _held = CancellationHeld::begin();
                    (state, _) = self.deliver_next(state, key, 1);
                    continue;
                }
                let whose = whose(&entry.target);
                let taken = take_one(&mut state, key).map(|taken| pulled = Some((whose, taken)));
                return (state, taken.map(Some));
            }
        })?;
        let Some((whose, (taken, nudge))) = pulled else { return Ok(None) };
        // Both may be the last owner of a socket.
        let _held = (nudge.is_some() || matches!(taken, Taken::Other { .. })).then(CancellationHeld::begin);
        if let Some(target) = nudge {
            target.nudge();
        }
        let event = self.event_of(taken)?;
        Ok(Some((whose, Box::new(event))))
    }

    /// The frame of every pull: checks the owner, enters a level, runs the `on_free` that is owed, and waits until
    /// `take` gets something.
    pub(super) fn pull<'a, R>(
        &'a self,
        timeout: Option<Duration>,
        mut take: impl FnMut(Guard<'a, T>) -> (Guard<'a, T>, Result<Option<R>, ErrorCode>),
    ) -> Result<Option<R>, ErrorCode> {
        let deadline = deadline(timeout)?;
        self.check_wait()?;
        let (mut left, level);
        let mut state = self.owned_to_drive()?;
        left = Left::of_pull(self);
        level = Level::enter(self);
        fault_point!();
        let pulled;
        (state, pulled) = unfinished::noted(&level, || {
            state = self.release_pulled(self.free_pulled(state));
            self.pull_at(state, &level, deadline, &mut take)
        });
        let closed = state.closed;
        left.look(&mut state);
        drop(state);
        drop(level);
        drop(left);
        match pulled {
            Ok(None) if closed => Err(ErrorCode::Cancelled),
            pulled => pulled,
        }
    }

    /// Waits until `take` gets something, or until the call has to return.
    #[allow(clippy::type_complexity)]
    fn pull_at<'a, R>(
        &'a self,
        mut state: Guard<'a, T>,
        level: &Level<'a, T>,
        deadline: Option<Instant>,
        take: &mut impl FnMut(Guard<'a, T>) -> (Guard<'a, T>, Result<Option<R>, ErrorCode>),
    ) -> (Guard<'a, T>, Result<Option<R>, ErrorCode>) {
        let mut waited = Waited::Changed;
        loop {
            if state.closed || level.is_stopped() {
                return (state, Ok(None));
            }
            if let Some(driving) = &self.driving
                && state.is_time_to_drive()
            {
                // A host that lags behind may pull for long, and no other thread answers pings.
                let _held = CancellationHeld::begin();
                let waiter = Waiter::without_sleeping(&state);
                (state, _) = self.drive(state, driving, waiter);
            }
            let taken;
            (state, taken) = take(state);
            match taken {
                Ok(None) if state.closed || level.is_stopped() => return (state, Ok(None)),
                Ok(None) => {}
                taken => return (state, taken),
            }
            match waited {
                Waited::Changed => {}
                Waited::TimeOver => return (state, Ok(None)),
                Waited::Interrupted => return (state, Err(ErrorCode::Interrupted)),
            }
            let _held = CancellationHeld::begin();
            (state, waited) = self.wait_change(state, deadline);
        }
    }

    pub(super) fn event_of(self: &Arc<Self>, taken: Taken<T>) -> Result<Event, ErrorCode> {
        let (target, work, serial) = match taken {
            Taken::Message(message, mode) => return Ok(Event::of_message(message, mode)),
            Taken::Other { target, work, serial } => (target, work, serial),
        };
        Ok(match work {
            Work::Open { time_us } => Event::opened(time_us),
            Work::Drain => Event::plain(EventKind::Drain),
            Work::Error { error, never_opened } => {
                if never_opened {
                    let stack: &Error = &error;
                    contained(|| {
                        target.report(stack);
                        fault_point!();
                    });
                }
                Event::failed(error)
            }
            Work::Terminate(ending) => Event::terminated(ending).with_guard(Box::new(PulledTerminate {
                dispatcher: Arc::downgrade(self),
                target,
                serial,
                epoch: fork_epoch(),
            })),
            // Messages are pulled one by one.
            Work::Run { .. } => return Err(ErrorCode::Internal),
        })
    }
}

/// Takes one event out of a ready mailbox. Returns its socket as well if that one's task must be nudged.
#[allow(clippy::type_complexity)]
pub(super) fn take_one<T: Target>(
    state: &mut State<T>,
    key: Key,
) -> Result<(Taken<T>, Option<Arc<T>>), ErrorCode> {
    let serial = state.next_serial();
    let Some(entry) = state.entry(key) else { return Err(ErrorCode::Internal) };
    let target = &entry.target;
    let taken = match entry.mailbox.pull()? {
        Some(mailbox::Pulled::Message(message)) => Taken::Message(message, target.mode()),
        Some(mailbox::Pulled::Other(work)) => Taken::Other { target: Arc::clone(target), work, serial },
        None => return Err(ErrorCode::Internal),
    };
    let nudge = entry.mailbox.take_nudge().then(|| Arc::clone(target));
    state.requeue(key);
    state.note_pulled(key);
    if let Taken::Other { target, work: Work::Terminate(_), .. } = &taken {
        let removed = state.remove(key);
        // Dropping the rest of the entry runs no foreign code; the socket, whose drop might, is kept.
        drop(removed.map(|entry| entry.mailbox));
        state.pulled.push(PulledEnd { key, target: Arc::clone(target), serial, freed: false });
    }
    Ok((taken, nudge))
}
