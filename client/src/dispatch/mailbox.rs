//! One socket's undelivered events, in order. The grammar of callbacks is enforced here and nowhere else:
//!
//! ```text
//! on_open?  (on_message | on_drain | on_pong)*  on_error?  on_terminate
//! ```
//!
//! A plain state machine behind the dispatcher's lock: no lock, no clock, no callback of its own.

mod pulling;

pub(crate) use pulling::Pulled;

use crate::error::{Error, ErrorCode};
use crate::event::{Batch, Ending, Item, ItemKind};
use std::collections::VecDeque;
use std::sync::Arc;

/// What the next callback is for.
pub(crate) enum Work {
    Open,
    Drain,
    /// Messages and pongs; only its leading pongs, where the socket is paused.
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

/// What a blocking `ws_new` takes itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Claim {
    Nothing,
    /// The failure to connect; OPEN is delivered on the I/O thread.
    Failure,
    /// OPEN or the failure: nothing is deliverable before it has taken that.
    Everything,
}

/// How far the host is with the messages that came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Delivery {
    Done,
    /// It has pulled the last one, and nobody can tell whether it is done with it.
    Pulled,
    Pending,
}

/// A socket's events between the network and the host.
pub(crate) struct Mailbox {
    opening: Opening,
    claim: Claim,
    open_returned: bool,
    drain: bool,
    queue: VecDeque<Batch>,
    /// What the undelivered messages count, those on the stack included.
    charge: usize,
    bound: usize,
    error: Option<Arc<Error>>,
    ending: Option<Ending>,
    terminated: bool,
    on_stack: bool,
    paused: bool,
    /// The thread that delivers ends: a pause would hold it for ever.
    last_call: bool,
    /// The host has closed: what does not fit is discarded, so that the close frame is found.
    closing: bool,
    /// One was discarded: no later one is to be had.
    discarding: bool,
    reading_stopped: bool,
    /// The socket wants to know when the host has had all that came.
    awaited: bool,
    /// The host has pulled a message and may still be busy with it.
    pulled: bool,
    /// Counts discards, so that a run that was out meanwhile is not put back.
    epoch: u64,
}

impl Mailbox {
    /// `bound`: how much may wait, 0 for no limit. `claim`: what a blocking `ws_new` will take.
    pub(crate) fn new(bound: usize, claim: Claim) -> Mailbox {
        Mailbox {
            opening: Opening::Waiting,
            claim,
            open_returned: false,
            drain: false,
            queue: VecDeque::new(),
            charge: 0,
            bound,
            error: None,
            ending: None,
            terminated: false,
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

    // What the network brings.

    pub(crate) fn opened(&mut self) {
        if self.opening == Opening::Waiting && self.ending.is_none() {
            self.opening = Opening::Ready;
        }
    }

    /// Makes room for so many batches.
    pub(crate) fn reserve(&mut self, batches: usize) -> Result<(), ErrorCode> {
        self.queue.try_reserve(batches).map_err(|_| ErrorCode::OutOfMemory)
    }

    /// Takes a batch in. After the host closed, messages are discarded from the first one on that is past the bound, so
    /// that none is missing in the middle; says how many were.
    pub(crate) fn push(&mut self, mut batch: Batch) -> u64 {
        if self.ending.is_some() {
            return 0;
        }
        let mut discarded = 0;
        if self.closing {
            let room = if self.discarding { 0 } else { self.room() };
            discarded = batch.keep_charge(room) as u64;
            self.discarding |= discarded > 0;
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
        self.drain = self.ending.is_none();
    }

    /// The connection is over. The first call counts.
    pub(crate) fn ended(&mut self, ending: Ending, error: Option<Arc<Error>>) {
        if self.ending.is_none() {
            self.ending = Some(ending);
            self.error = self.error.take().or(error);
        }
    }

    /// Whether reading has to stop; remembers that it did.
    pub(crate) fn stop_reading_if_full(&mut self) -> bool {
        self.reading_stopped = !self.closing && self.is_full();
        self.reading_stopped
    }

    /// Whether what no longer fits is discarded, so that reading never stops.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing
    }

    /// How much more fits; `usize::MAX` where there is no bound.
    pub(crate) fn room(&self) -> usize {
        if self.bound == 0 { usize::MAX } else { self.bound.saturating_sub(self.charge) }
    }

    /// How much of the bound is taken.
    pub(crate) fn charge(&self) -> usize {
        self.charge
    }

    fn is_full(&self) -> bool {
        self.bound != 0 && self.charge >= self.bound
    }

    /// Whether the host has had all messages that came; remembers that somebody waits for it.
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
        // A paused host is not about to have it.
        idle && (self.paused || self.queue.is_empty())
    }

    /// Whether only the host itself knows if it is done with the last message.
    fn is_pulled(&self) -> bool {
        self.pulled && self.queue.is_empty() && !self.on_stack
    }

    /// The host is back for more: it is done with the message that it pulled.
    pub(crate) fn release_pulled(&mut self) {
        self.pulled = false;
    }

    /// Whether the I/O task must be told: reading had stopped and may go on, or what it waits for was delivered, or
    /// pulled, so that it has to wait no longer than for a host that may be busy with it. Asked after every delivery.
    pub(crate) fn take_nudge(&mut self) -> bool {
        let resume = self.reading_stopped && (self.closing || self.charge <= self.bound / 2);
        self.reading_stopped &= !resume;
        let delivered = self.awaited && self.is_delivered();
        let pulled = self.awaited && self.is_pulled();
        self.awaited &= !delivered;
        resume || delivered || pulled
    }

    // What the host asks for.

    pub(crate) fn pause(&mut self) {
        self.paused = true;
        if self.last_call {
            self.discard();
        }
    }

    pub(crate) fn resume(&mut self) {
        self.paused = false;
    }

    /// `ws_terminate`: from now on the end is looked for, at the cost of messages past the bound.
    pub(crate) fn closing(&mut self) {
        self.closing = true;
    }

    /// The library shuts down. A blocking `ws_new` is told so; where nobody will let a paused socket go on its
    /// I/O thread, what it holds is dropped, also if it is paused only now.
    pub(crate) fn shut_down(&mut self, error: Error, thread_ends: bool) {
        if self.claim != Claim::Nothing && self.opening == Opening::Waiting && self.error.is_none() {
            self.error = Some(Arc::new(error));
        }
        self.last_call = thread_ends;
        if self.last_call && self.paused {
            self.discard();
        }
    }

    /// Moves what waits out of buffers that it does not fill.
    pub(crate) fn compact(&mut self) -> Result<(), ErrorCode> {
        self.queue.iter_mut().try_for_each(Batch::compact)
    }

    /// Drops what is undelivered; the end stays.
    pub(crate) fn discard(&mut self) {
        self.queue.clear();
        self.charge = 0;
        self.drain = false;
        self.paused = false;
        self.epoch += 1;
    }

    // What the dispatcher asks.

    pub(crate) fn is_on_stack(&self) -> bool {
        self.on_stack
    }

    pub(crate) fn open_returned(&self) -> bool {
        self.open_returned
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ending.is_some()
    }

    pub(crate) fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
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

    /// Whether a callback could run now.
    pub(crate) fn is_deliverable(&self) -> bool {
        let claimed = match self.claim {
            Claim::Nothing => false,
            Claim::Failure => self.opening == Opening::Waiting,
            Claim::Everything => true,
        };
        !self.on_stack && !claimed && !self.terminated && self.has_work()
    }

    fn has_work(&self) -> bool {
        match self.opening {
            Opening::Waiting => self.ending.is_some(),
            Opening::Ready => true,
            Opening::Passed => {
                (self.drain && self.ending.is_none())
                    || match self.front() {
                        Some(item) => !self.paused || item.kind == ItemKind::Pong,
                        None => self.ending.is_some(),
                    }
            }
        }
    }

    /// Whether ERROR and TERMINATE are all that is left.
    pub(crate) fn has_only_its_end(&self) -> bool {
        self.ending.is_some() && self.opening != Opening::Ready && self.queue.is_empty()
    }

    /// How many callbacks could run one after the other, as things stand.
    pub(crate) fn deliverable(&self) -> usize {
        if !self.is_deliverable() {
            return 0;
        }
        let open = usize::from(self.opening == Opening::Ready);
        let drain = usize::from(self.drain && self.ending.is_none());
        let mut messages = 0;
        for batch in &self.queue {
            // Asked of every batch at every dispatch: it does not look at each message without need.
            let held = self.paused.then(|| batch.rest().iter().position(|item| item.kind != ItemKind::Pong));
            if let Some(Some(pongs)) = held {
                return open + drain + messages + pongs;
            }
            messages += batch.rest().len();
        }
        let end = if self.ending.is_some() { 1 + usize::from(self.error.is_some()) } else { 0 };
        open + drain + messages + end
    }

    /// Hands out what comes next and marks the socket as being on the stack, until [`Mailbox::returned`].
    pub(crate) fn take(&mut self) -> Option<Work> {
        if !self.is_deliverable() {
            return None;
        }
        let work = self.next_work()?;
        self.on_stack = true;
        Some(work)
    }

    /// The OPEN that a blocking `ws_new` has claimed.
    pub(crate) fn take_claimed_open(&mut self) -> bool {
        let taken = self.claim == Claim::Everything && self.opening == Opening::Ready;
        if taken {
            self.claim = Claim::Nothing;
            self.opening = Opening::Passed;
            self.on_stack = true;
        }
        taken
    }

    fn next_work(&mut self) -> Option<Work> {
        if self.opening == Opening::Ready {
            self.opening = Opening::Passed;
            return Some(Work::Open);
        }
        if self.drain && self.ending.is_none() && self.opening == Opening::Passed {
            self.drain = false;
            return Some(Work::Drain);
        }
        if let Some(batch) = self.queue.pop_front() {
            return Some(Work::Run { batch, only_pongs: self.paused });
        }
        if let Some(error) = self.error.take() {
            return Some(Work::Error { error, never_opened: self.opening == Opening::Waiting });
        }
        self.terminated = true;
        Some(Work::Terminate(self.ending.clone()?))
    }

    /// The callback has returned.
    pub(crate) fn returned(&mut self) {
        self.on_stack = false;
        self.open_returned = self.opening == Opening::Passed;
    }

    /// The run has returned: `delivered` counts no more, and `batch` comes back with what is left.
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
