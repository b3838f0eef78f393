//! One socket's undelivered events, in order. The grammar of callbacks is enforced here and nowhere else:
//!
//! ```text
//! on_open?  (on_message | on_part | on_drain | on_ping | on_pong)*  on_error?  on_terminate
//! ```
//!
//! It is a plain state machine behind the dispatcher's lock, with no lock, clock or callback of its own.

mod pulling;

pub(crate) use pulling::Pulled;

use crate::error::{Error, ErrorCode};
use crate::event::{Batch, Ending, Event, Item};
use std::collections::VecDeque;
use std::sync::Arc;

/// The work of the next callback.
pub(crate) enum Work {
    /// The connection is open; with the time of the answer to the upgrade.
    Open {
        time_us: i64,
    },
    Drain,
    /// Messages, pings and pongs; only the leading pings and pongs if the socket is paused.
    Run {
        batch: Batch,
        only_pongs: bool,
    },
    Error {
        error: Arc<Error>,
        never_opened: bool,
    },
    Terminate(Ending),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Opening {
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

/// The events that a blocking `ws_new` takes itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Claim {
    Nothing,
    /// The failure to connect; OPEN is delivered on the I/O thread.
    Failure,
    /// OPEN or the failure; nothing is deliverable before it has taken one of them.
    Everything,
}

/// The host's progress with the messages that arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Delivery {
    Done,
    /// The host has pulled the last message, and the library cannot know whether it has processed it.
    Pulled,
    Pending,
}

/// A socket's events between the network and the host.
pub(crate) struct Mailbox {
    opening: Opening,
    opened_us: i64,
    claim: Claim,
    open_returned: bool,
    /// Set only before the end.
    drain: bool,
    queue: VecDeque<Batch>,
    /// The charge of the undelivered messages, those on the stack included.
    charge: usize,
    bound: usize,
    error: Option<Arc<Error>>,
    end: End,
    on_stack: bool,
    paused: bool,
    /// The delivering thread is about to end, and a pause would hold it for ever.
    last_call: bool,
    /// The host has closed: messages that do not fit are discarded, so that the close frame is reached.
    closing: bool,
    /// A message, or a part of one, was discarded, so nothing later is accepted.
    discarding: bool,
    reading_stopped: bool,
    /// The socket waits until the host has received all messages that arrived.
    awaited: bool,
    /// The host has pulled a message and may still be busy with it.
    pulled: bool,
    /// Counts discards, so that a run that was out meanwhile is not put back.
    epoch: u64,
}

impl Mailbox {
    /// `bound` limits the waiting bytes, 0 for no limit. `claim` names the events that a blocking `ws_new` will take.
    pub(crate) fn new(bound: usize, claim: Claim) -> Mailbox {
        Mailbox {
            opening: Opening::Waiting,
            opened_us: 0,
            claim,
            open_returned: false,
            drain: false,
            queue: VecDeque::new(),
            charge: 0,
            bound,
            error: None,
            end: End::NotYet,
            on_stack: false,
            paused: false,
            last_call: false,
            closing: false,
            discarding: false,
            reading_stopped: false,
            awaited: false,
            pulled: false,
            epoch: 0,
        }
    }

    // The network's side.

    pub(crate) fn opened(&mut self, time_us: i64) {
        if self.opening == Opening::Waiting && !self.has_ended() {
            self.opening = Opening::Ready;
            self.opened_us = time_us;
        }
    }

    /// Reserves room for `batches` more batches.
    pub(crate) fn reserve(&mut self, batches: usize) -> Result<(), ErrorCode> {
        self.queue.try_reserve(batches).map_err(|_| ErrorCode::OutOfMemory)
    }

    /// Adds a batch. After the host has closed, messages are discarded from the first one on that exceeds the bound,
    /// so that none is missing in the middle. Returns how many were discarded.
    pub(crate) fn push(&mut self, mut batch: Batch) -> u64 {
        if self.has_ended() {
            return 0;
        }
        let mut discarded = 0;
        if self.closing {
            let room = if self.discarding { 0 } else { self.room() };
            let arrived = batch.rest().len();
            discarded = batch.keep_charge(room) as u64;
            // A part that is not the last one counts as no message, but its message has a gap all the same.
            self.discarding |= batch.rest().len() < arrived;
        }
        if batch.rest().is_empty() {
            return discarded;
        }
        self.charge += batch.charge();
        let batch = match self.queue.back_mut() {
            Some(last) => last.merge(batch),
            None => Some(batch),
        };
        self.queue.extend(batch);
        discarded
    }

    pub(crate) fn drained(&mut self) {
        self.drain = !self.has_ended();
    }

    /// Records the end of the connection. Only the first call counts.
    pub(crate) fn ended(&mut self, ending: Ending, error: Option<Arc<Error>>) {
        if !self.has_ended() {
            self.end = End::Pending(ending);
            self.error = self.error.take().or(error);
            self.drain = false;
        }
    }

    /// Returns whether reading must stop, and remembers that it did.
    pub(crate) fn stop_reading_if_full(&mut self) -> bool {
        self.reading_stopped = !self.closing && self.is_full();
        self.reading_stopped
    }

    /// Returns whether messages that no longer fit are discarded, so that reading never stops.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing
    }

    /// The charge that still fits; `usize::MAX` if there is no bound.
    pub(crate) fn room(&self) -> usize {
        if self.bound == 0 { usize::MAX } else { self.bound.saturating_sub(self.charge) }
    }

    /// The charge of the undelivered messages, which counts against the bound.
    pub(crate) fn charge(&self) -> usize {
        self.charge
    }

    fn is_full(&self) -> bool {
        self.bound != 0 && self.charge >= self.bound
    }

    /// Returns the host's progress with the messages that arrived, and remembers that the socket waits for it.
    pub(crate) fn await_delivery(&mut self) -> Delivery {
        self.awaited = !self.is_delivered();
        match self.awaited {
            false => Delivery::Done,
            true if self.is_pulled() => Delivery::Pulled,
            true => Delivery::Pending,
        }
    }

    fn is_delivered(&self) -> bool {
        let idle = !self.on_stack && !self.pulled;
        // A paused host takes no message before it resumes, so it is not waited for.
        idle && (self.paused || self.queue.is_empty())
    }

    /// Returns whether only the host can know if it has processed the last message.
    fn is_pulled(&self) -> bool {
        self.pulled && self.queue.is_empty() && !self.on_stack
    }

    /// Marks the pulled message as processed: the host has asked for more.
    pub(crate) fn release_pulled(&mut self) {
        self.pulled = false;
    }

    /// Returns whether the I/O task must be nudged: reading had stopped and may go on, or the messages that it waits
    /// for were delivered, or were pulled by a host that may still process the last one. Called after every delivery.
    pub(crate) fn take_nudge(&mut self) -> bool {
        let resume = self.reading_stopped && (self.closing || self.charge <= self.bound / 2);
        self.reading_stopped &= !resume;
        let delivered = self.awaited && self.is_delivered();
        let pulled = self.awaited && self.is_pulled();
        self.awaited &= !delivered;
        resume || delivered || pulled
    }

    // The host's side.

    pub(crate) fn pause(&mut self) {
        self.paused = true;
        if self.last_call {
            self.discard();
        }
    }

    pub(crate) fn resume(&mut self) {
        self.paused = false;
    }

    /// Begins to close (`ws_terminate`): from now on reading continues to the close frame, and messages that exceed the
    /// bound are discarded.
    pub(crate) fn closing(&mut self) {
        self.closing = true;
    }

    /// Prepares for the shutdown of the library. A blocking `ws_new` gets `error`.
    pub(crate) fn shut_down(&mut self, error: Error, thread_ends: bool) {
        if self.claim != Claim::Nothing && self.opening == Opening::Waiting && self.error.is_none() {
            self.error = Some(Arc::new(error));
        }
        self.last_call = false;
        if thread_ends {
            self.last_call();
        }
    }

    /// Nobody will let a paused socket go on where its events are delivered: what it holds is dropped, also if it is paused
    /// only now.
    pub(crate) fn last_call(&mut self) {
        self.last_call = true;
        if self.paused {
            self.discard();
        }
    }

    /// Moves waiting messages out of buffers that they do not fill.
    pub(crate) fn compact(&mut self) -> Result<(), ErrorCode> {
        self.queue.iter_mut().try_for_each(Batch::compact)
    }

    /// Drops all undelivered events but the end.
    pub(crate) fn discard(&mut self) {
        self.queue.clear();
        self.charge = 0;
        self.drain = false;
        self.paused = false;
        self.epoch += 1;
    }

    // The dispatcher's side.

    pub(crate) fn is_on_stack(&self) -> bool {
        self.on_stack
    }

    pub(crate) fn open_returned(&self) -> bool {
        self.open_returned
    }

    pub(crate) fn has_ended(&self) -> bool {
        !matches!(self.end, End::NotYet)
    }

    /// The end, until it is delivered.
    pub(crate) fn ending(&self) -> Option<&Ending> {
        match &self.end {
            End::Pending(ending) => Some(ending),
            End::NotYet | End::Delivered => None,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.opening != Opening::Waiting
    }

    /// The failure that a blocking `ws_new` reports instead of any event.
    pub(crate) fn take_failure(&mut self) -> Option<Arc<Error>> {
        self.error.take()
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    fn front(&self) -> Option<&Item> {
        self.queue.front().and_then(|batch| batch.rest().first())
    }

    /// Returns whether a callback could run now.
    pub(crate) fn is_deliverable(&self) -> bool {
        let claimed = match self.claim {
            Claim::Nothing => false,
            Claim::Failure => self.opening == Opening::Waiting,
            Claim::Everything => true,
        };
        !self.on_stack && !claimed && self.has_work()
    }

    fn has_work(&self) -> bool {
        let ends = || matches!(self.end, End::Pending(_));
        match self.opening {
            Opening::Waiting => ends(),
            Opening::Ready => true,
            Opening::Passed if self.drain => true,
            Opening::Passed => match self.front() {
                Some(item) => !self.paused || item.kind.passes_pause(),
                None => ends(),
            },
        }
    }

    /// Returns whether only ERROR and TERMINATE are left.
    pub(crate) fn has_only_its_end(&self) -> bool {
        self.has_ended() && self.opening != Opening::Ready && self.queue.is_empty()
    }

    /// The number of callbacks that could run now, one after the other.
    pub(crate) fn deliverable(&self) -> usize {
        if !self.is_deliverable() {
            return 0;
        }
        let open = usize::from(self.opening == Opening::Ready);
        let drain = usize::from(self.drain);
        let mut messages = 0;
        for batch in &self.queue {
            // This runs for every batch at every dispatch, so it iterates over messages only if the socket is paused.
            let held = self.paused.then(|| batch.rest().iter().position(|item| !item.kind.passes_pause()));
            if let Some(Some(pongs)) = held {
                return open + drain + messages + pongs;
            }
            messages += batch.rest().len();
        }
        let end = if self.has_ended() { 1 + usize::from(self.error.is_some()) } else { 0 };
        open + drain + messages + end
    }

    /// Hands out the next work and marks the socket as being on the stack, until [`Mailbox::returned`].
    pub(crate) fn take(&mut self) -> Option<Work> {
        if !self.is_deliverable() {
            return None;
        }
        let work = self.next_work()?;
        self.on_stack = true;
        Some(work)
    }

    /// Takes the OPEN that a blocking `ws_new` has claimed.
    pub(crate) fn take_claimed_open(&mut self) -> Option<Event> {
        let taken = self.claim == Claim::Everything && self.opening == Opening::Ready;
        if taken {
            self.claim = Claim::Nothing;
            self.opening = Opening::Passed;
            self.on_stack = true;
        }
        taken.then(|| Event::opened(self.opened_us))
    }

    fn next_work(&mut self) -> Option<Work> {
        if self.opening == Opening::Ready {
            self.opening = Opening::Passed;
            return Some(Work::Open { time_us: self.opened_us });
        }
        if std::mem::take(&mut self.drain) {
            return Some(Work::Drain);
        }
        if let Some(batch) = self.queue.pop_front() {
            return Some(Work::Run { batch, only_pongs: self.paused });
        }
        if let Some(error) = self.error.take() {
            return Some(Work::Error { error, never_opened: self.opening == Opening::Waiting });
        }
        self.end.deliver().map(Work::Terminate)
    }

    /// Notes that the callback has returned.
    pub(crate) fn returned(&mut self) {
        self.on_stack = false;
        self.open_returned = self.opening == Opening::Passed;
    }

    /// Notes that a run has returned: subtracts the charge `delivered`, and puts the rest of `batch` back.
    pub(crate) fn returned_run(&mut self, batch: Batch, delivered: usize, epoch: u64) {
        self.on_stack = false;
        if epoch != self.epoch {
            return;
        }
        self.charge -= delivered;
        if !batch.rest().is_empty() {
            self.queue.push_front(batch);
        }
    }
}
