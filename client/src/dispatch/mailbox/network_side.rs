//! The network's part of a mailbox: the events that have arrived, from the first one to the end.

use super::Work;
use crate::error::{Error, ErrorCode};
use crate::event::{Batch, Ending, Item};
use std::collections::VecDeque;
use std::sync::Arc;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Opening {
    /// The connection is being made.
    Waiting,
    /// It was made; OPEN waits to be delivered.
    Ready,
    /// OPEN was handed out.
    Passed,
}

/// The end of the connection. Only the first one counts, and it is handed out once.
enum End {
    NotYet,
    Pending(Ending),
    Delivered,
}

impl End {
    /// Hands the end out.
    fn deliver(&mut self) -> Option<Ending> {
        match std::mem::replace(self, End::Delivered) {
            End::Pending(ending) => Some(ending),
            End::NotYet => {
                *self = End::NotYet;
                None
            }
            End::Delivered => None,
        }
    }
}

/// Written by the threads that read the connection or notice its end; emptied by the dispatcher.
pub(super) struct NetworkSide {
    opening: Opening,
    opened_us: i64,
    /// Set only before the end.
    drain: bool,
    queue: VecDeque<Batch>,
    /// The charge of the undelivered messages, those on the stack included.
    charge: usize,
    bound: usize,
    /// A message, or a part of one, was discarded, so nothing later is accepted.
    has_gap: bool,
    error: Option<Arc<Error>>,
    end: End,
}

impl NetworkSide {
    pub(super) fn new(bound: usize) -> NetworkSide {
        NetworkSide {
            opening: Opening::Waiting,
            opened_us: 0,
            drain: false,
            queue: VecDeque::new(),
            charge: 0,
            bound,
            has_gap: false,
            error: None,
            end: End::NotYet,
        }
    }

    // Arrivals.

    pub(super) fn opened(&mut self, time_us: i64) {
        if self.opening == Opening::Waiting && !self.has_ended() {
            self.opening = Opening::Ready;
            self.opened_us = time_us;
        }
    }

    pub(super) fn reserve(&mut self, batches: usize) -> Result<(), ErrorCode> {
        self.queue.try_reserve(batches).map_err(|_| ErrorCode::OutOfMemory)
    }

    /// Cuts off the messages of `batch` from the first one on that exceeds the bound. Returns how many these are.
    pub(super) fn cut_to_room(&mut self, batch: &mut Batch) -> u64 {
        let room = if self.has_gap { 0 } else { self.room() };
        let arrived = batch.rest().len();
        let discarded = batch.keep_charge(room) as u64;
        // A part that is not the last one counts as no message, but its message has a gap all the same.
        self.has_gap |= batch.rest().len() < arrived;
        discarded
    }

    pub(super) fn push(&mut self, batch: Batch) {
        if batch.rest().is_empty() {
            return;
        }
        self.charge += batch.charge();
        let batch = match self.queue.back_mut() {
            Some(last) => last.merge(batch),
            None => Some(batch),
        };
        self.queue.extend(batch);
    }

    pub(super) fn drained(&mut self) {
        self.drain = !self.has_ended();
    }

    pub(super) fn ended(&mut self, ending: Ending, error: Option<Arc<Error>>) {
        if !self.has_ended() {
            self.end = End::Pending(ending);
            self.error = self.error.take().or(error);
            self.drain = false;
        }
    }

    /// Notes why the connection will not be made, unless it was, or a reason is known.
    pub(super) fn cannot_open(&mut self, error: Error) {
        if self.opening == Opening::Waiting && self.error.is_none() {
            self.error = Some(Arc::new(error));
        }
    }

    /// Moves waiting messages out of buffers that they do not fill.
    pub(super) fn compact(&mut self) -> Result<(), ErrorCode> {
        self.queue.iter_mut().try_for_each(Batch::compact)
    }

    // Questions.

    pub(super) fn opening(&self) -> Opening {
        self.opening
    }

    pub(super) fn has_ended(&self) -> bool {
        !matches!(self.end, End::NotYet)
    }

    /// The end, until it is delivered.
    pub(super) fn ending(&self) -> Option<&Ending> {
        match &self.end {
            End::Pending(ending) => Some(ending),
            End::NotYet | End::Delivered => None,
        }
    }

    pub(super) fn has_messages(&self) -> bool {
        !self.queue.is_empty()
    }

    pub(super) fn charge(&self) -> usize {
        self.charge
    }

    pub(super) fn room(&self) -> usize {
        if self.bound == 0 { usize::MAX } else { self.bound.saturating_sub(self.charge) }
    }

    pub(super) fn is_full(&self) -> bool {
        self.bound != 0 && self.charge >= self.bound
    }

    /// Returns whether so much was delivered that reading, once stopped, goes on.
    pub(super) fn is_half_empty(&self) -> bool {
        self.charge <= self.bound / 2
    }

    fn front(&self) -> Option<&Item> {
        self.queue.front().and_then(|batch| batch.rest().first())
    }

    /// Returns whether an event can be handed out, to a host that is `paused` or not.
    pub(super) fn has_work(&self, paused: bool) -> bool {
        let ends = || matches!(self.end, End::Pending(_));
        match self.opening {
            Opening::Waiting => ends(),
            Opening::Ready => true,
            Opening::Passed if self.drain => true,
            Opening::Passed => match self.front() {
                Some(item) => !paused || item.kind.passes_pause(),
                None => ends(),
            },
        }
    }

    /// The number of events that can be handed out, one after the other.
    pub(super) fn count(&self, paused: bool) -> usize {
        let open = usize::from(self.opening == Opening::Ready);
        let drain = usize::from(self.drain);
        let mut messages = 0;
        for batch in &self.queue {
            // This runs for every batch at every dispatch, so it iterates over messages only if the socket is paused.
            let held = paused.then(|| batch.rest().iter().position(|item| !item.kind.passes_pause()));
            if let Some(Some(pongs)) = held {
                return open + drain + messages + pongs;
            }
            messages += batch.rest().len();
        }
        let end = if self.has_ended() { 1 + usize::from(self.error.is_some()) } else { 0 };
        open + drain + messages + end
    }

    /// Returns whether the next event is the failure of a socket that was never open.
    pub(super) fn is_report_next(&self) -> bool {
        self.opening == Opening::Waiting && self.error.is_some() && !self.drain && self.queue.is_empty()
    }

    // Deliveries.

    /// The next event. The caller knows that there is one, by [`NetworkSide::has_work`].
    pub(super) fn next_work(&mut self, paused: bool) -> Option<Work> {
        if let Some(time_us) = self.take_open() {
            return Some(Work::Open { time_us });
        }
        if std::mem::take(&mut self.drain) {
            return Some(Work::Drain);
        }
        if let Some(batch) = self.queue.pop_front() {
            return Some(Work::Run { batch, only_pongs: paused });
        }
        if let Some(error) = self.error.take() {
            return Some(Work::Error { error, never_opened: self.opening == Opening::Waiting });
        }
        self.end.deliver().map(Work::Terminate)
    }

    /// The time of the answer to the upgrade, if OPEN is next.
    pub(super) fn take_open(&mut self) -> Option<i64> {
        let ready = self.opening == Opening::Ready;
        ready.then(|| {
            self.opening = Opening::Passed;
            self.opened_us
        })
    }

    pub(super) fn take_failure(&mut self) -> Option<Arc<Error>> {
        self.error.take()
    }

    /// The batch whose message comes next, if a message does.
    pub(super) fn next_messages(&mut self) -> Option<&mut Batch> {
        self.queue.front_mut().filter(|_| self.opening == Opening::Passed && !self.drain)
    }

    /// Notes that messages of the first batch were taken out of it for good.
    pub(super) fn taken_of_first(&mut self, charge: usize) {
        if self.queue.front().is_some_and(|front| front.rest().is_empty()) {
            self.queue.pop_front();
        }
        self.charge -= charge;
    }

    /// Takes back the rest of a batch that was handed out, of which messages of the charge `delivered` are done.
    pub(super) fn put_back(&mut self, batch: Batch, delivered: usize) {
        self.charge -= delivered;
        if !batch.rest().is_empty() {
            self.queue.push_front(batch);
        }
    }

    /// A message is missing, so none that comes later is accepted. An end that is to be delivered still is one by `error`.
    pub(super) fn break_off(&mut self, error: Option<Arc<Error>>) {
        self.has_gap = true;
        if matches!(self.end, End::Pending(_)) {
            self.error = error.or(self.error.take());
        }
    }

    /// Drops all undelivered events but the end.
    pub(super) fn discard(&mut self) {
        self.queue.clear();
        self.charge = 0;
        self.drain = false;
    }
}
