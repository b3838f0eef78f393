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
use crate::event::{Event, EventKind, Message};
use crate::fault::fault_point;
use crate::fork::fork_epoch;
use crate::panics::contained;
use crate::unfinished;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// One pulled event, and its socket.
pub(super) type Pulled<T> = (Arc<T>, Box<Event>);

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
pub(super) enum Taken {
    Message(Message),
    Other { work: Work, serial: u64 },
}

impl<T: Target> Dispatcher<T> {
    /// Pulls one event; waits for it if there is none. Returns `None` when the time is over or after a stop. No
    /// function of the handler runs but `on_free`.
    pub fn next(self: &Arc<Self>, timeout: Option<Duration>) -> Result<Option<Pulled<T>>, ErrorCode> {
        let pulled = self.pull(timeout, |mut state| {
            loop {
                let Some(key) = state.next_ready() else { return (state, Ok(None)) };
                if state.entry(key).is_some_and(|entry| entry.target.is_silent()) {
                    (state, _) = self.deliver_next(state, key, 1);
                    continue;
                }
                let taken = take_one(&mut state, key);
                return (state, taken);
            }
        })?;
        let Some((target, taken, resume)) = pulled else { return Ok(None) };
        if resume {
            target.nudge();
        }
        let event = self.event_of(&target, taken)?;
        Ok(Some((target, Box::new(event))))
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
            (state, waited) = self.wait_change(state, deadline);
        }
    }

    pub(super) fn event_of(self: &Arc<Self>, target: &Arc<T>, taken: Taken) -> Result<Event, ErrorCode> {
        let (work, serial) = match taken {
            Taken::Message(message) => return Ok(Event::of_message(message, target.mode())),
            Taken::Other { work, serial } => (work, serial),
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
                target: Arc::clone(target),
                serial,
                epoch: fork_epoch(),
            })),
            // Messages are pulled one by one.
            Work::Run { .. } => return Err(ErrorCode::Internal),
        })
    }
}

/// Takes one event out of a ready mailbox. The flag says whether its socket's task must be nudged.
#[allow(clippy::type_complexity)]
pub(super) fn take_one<T: Target>(
    state: &mut State<T>,
    key: Key,
) -> Result<Option<(Arc<T>, Taken, bool)>, ErrorCode> {
    let serial = state.next_serial();
    let Some(entry) = state.entry(key) else { return Err(ErrorCode::Internal) };
    let target = Arc::clone(&entry.target);
    let taken = match entry.mailbox.pull()? {
        Some(mailbox::Pulled::Message(message)) => Taken::Message(message),
        Some(mailbox::Pulled::Other(work)) => Taken::Other { work, serial },
        None => return Err(ErrorCode::Internal),
    };
    let resume = entry.mailbox.take_nudge();
    let terminated = matches!(taken, Taken::Other { work: Work::Terminate(_), .. });
    state.requeue(key);
    state.note_pulled(key);
    if terminated {
        let removed = state.remove(key);
        // Dropping the rest of the entry runs no foreign code; the socket, whose drop might, is kept.
        drop(removed.map(|entry| entry.mailbox));
        state.pulled.push(PulledEnd { key, target: Arc::clone(&target), serial, freed: false });
    }
    Ok(Some((target, taken, resume)))
}
