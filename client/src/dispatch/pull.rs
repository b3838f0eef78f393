//! Pulling: the owner takes one event instead of having a callback run.

use super::Target;
use super::deliver::deadline;
use super::dispatcher::Dispatcher;
use super::mailbox::Work;
use crate::error::{Error, ErrorCode};
use crate::event::{Event, EventKind};
use crate::fork::fork_epoch;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// One pulled event, and whose it is.
pub(super) type Pulled<T> = (Arc<T>, Box<Event>);

/// Dropped with a pulled TERMINATE.
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
            if let Some(owed) = state.pulled.iter_mut().find(|owed| owed.1 == self.serial) {
                owed.2 = true;
            }
        }
    }
}

impl<T: Target> Dispatcher<T> {
    /// Pulls one event; waits for it if there is none. `None` when the time is over or on stop. Nothing of
    /// the handler runs but `on_free`.
    pub fn next(self: &Arc<Self>, timeout: Option<Duration>) -> Result<Option<Pulled<T>>, ErrorCode> {
        let deadline = deadline(timeout)?;
        let mut state = self.owned()?;
        let level = state.enter();
        state = self.settle(self.free_pulled(state));
        let pulled = loop {
            if state.closed || state.is_stopped(level) {
                break Ok(None);
            }
            if let Some(key) = state.next_ready() {
                let serial = state.next_serial();
                let Some(entry) = state.entry(key) else { break Err(ErrorCode::Internal) };
                if entry.target.is_silent() {
                    (state, _) = self.visit(state, key, 1);
                    continue;
                }
                let target = Arc::clone(&entry.target);
                let work = match entry.mailbox.pull() {
                    Ok(Some(work)) => work,
                    Ok(None) => break Err(ErrorCode::Internal),
                    Err(error) => break Err(error),
                };
                let resume = entry.mailbox.take_nudge();
                let terminated = matches!(work, Work::Terminate(_));
                state.take_turn(key);
                state.last_pulled = Some(key);
                if terminated {
                    drop(state.remove(key));
                    state.pulled.push((Arc::clone(&target), serial, false));
                }
                break Ok(Some((target, work, resume, serial)));
            }
            let again;
            (state, again) = self.wait_change(state, deadline);
            if !again {
                break Ok(None);
            }
        };
        let closed = state.closed;
        state.leave();
        state.sync_fd();
        self.end_driving(state);
        let Some((target, work, resume, serial)) = pulled? else {
            return if closed { Err(ErrorCode::Cancelled) } else { Ok(None) };
        };
        if resume {
            target.nudge();
        }
        let event = self.event_of(&target, work, serial)?;
        Ok(Some((target, Box::new(event))))
    }

    /// Pulls at most `max` events, and hands each to `take`; waits for the first one only. Says how many. An error
    /// behind the first is the next call's.
    pub fn next_batch(
        self: &Arc<Self>,
        mut timeout: Option<Duration>,
        max: usize,
        mut take: impl FnMut(Pulled<T>),
    ) -> Result<usize, ErrorCode> {
        let mut count = 0;
        while count < max {
            match self.next(timeout) {
                Ok(Some(pulled)) => take(pulled),
                Err(error) if count == 0 => return Err(error),
                _ => break,
            }
            timeout = Some(Duration::ZERO);
            count += 1;
        }
        Ok(count)
    }

    fn event_of(self: &Arc<Self>, target: &Arc<T>, work: Work, serial: u64) -> Result<Event, ErrorCode> {
        Ok(match work {
            Work::Open => Event::plain(EventKind::Open),
            Work::Drain => Event::plain(EventKind::Drain),
            Work::Error { error, never_opened } => {
                if never_opened {
                    let stack: &Error = &error;
                    target.report(stack);
                }
                Event::failed(error)
            }
            Work::Terminate(ending) => Event::terminated(ending).with_guard(Box::new(PulledTerminate {
                dispatcher: Arc::downgrade(self),
                target: Arc::clone(target),
                serial,
                epoch: fork_epoch(),
            })),
            Work::Run { batch, .. } => {
                let mut event = Event::of_batch(&batch, target.mode());
                event.show(*batch.rest().first().ok_or(ErrorCode::Internal)?);
                event
            }
        })
    }
}
