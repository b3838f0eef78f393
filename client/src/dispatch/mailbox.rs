//! One socket's undelivered events, in order. The grammar of callbacks is enforced here and nowhere else:
//!
//! ```text
//! on_open?  (on_message | on_part | on_drain | on_ping | on_pong)*  on_error?  on_terminate
//! ```
//!
//! It is a plain state machine behind the dispatcher's lock, with no lock, clock or callback of its own.
//!
//! # Design note
//!
//! - `NetworkSide` has the events that arrived. It takes them in any order and hands them out in the order of the
//!   grammar, so late or double ends cannot break it.
//! - `HostSide` knows what the host does: it is in a callback, has pulled a message, has paused, closes.
//! - Neither knows the other. This file decides what follows from both: whether an event is deliverable, whether reading
//!   stops, and when the socket's I/O task is nudged to go on.

mod host_side;
mod network_side;
mod pulling;

pub(crate) use pulling::Pulled;

use crate::error::{Error, ErrorCode};
use crate::event::{Batch, Ending, Event};
use host_side::HostSide;
use network_side::{NetworkSide, Opening};
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
    network: NetworkSide,
    host: HostSide,
    /// The I/O task has stopped reading because the messages exceed the bound.
    reading_stopped: bool,
    /// The I/O task waits until the host has received all messages that arrived.
    awaited: bool,
}

impl Mailbox {
    /// `bound` limits the waiting bytes, 0 for no limit. `claim` names the events that a blocking `ws_new` will take.
    pub(crate) fn new(bound: usize, claim: Claim) -> Mailbox {
        Mailbox {
            network: NetworkSide::new(bound),
            host: HostSide::new(claim),
            reading_stopped: false,
            awaited: false,
        }
    }

    // The network's side.

    pub(crate) fn opened(&mut self, time_us: i64) {
        self.network.opened(time_us);
    }

    /// Reserves room for `batches` more batches.
    pub(crate) fn reserve(&mut self, batches: usize) -> Result<(), ErrorCode> {
        self.network.reserve(batches)
    }

    /// Adds a batch. After the host has closed, messages are discarded from the first one on that exceeds the bound,
    /// so that none is missing in the middle. Returns how many were discarded.
    pub(crate) fn push(&mut self, mut batch: Batch) -> u64 {
        if self.network.has_ended() {
            return 0;
        }
        let discarded = if self.host.is_closing() { self.network.cut_to_room(&mut batch) } else { 0 };
        self.network.push(batch);
        discarded
    }

    pub(crate) fn drained(&mut self) {
        self.network.drained();
    }

    /// Records the end of the connection. Only the first call counts.
    pub(crate) fn ended(&mut self, ending: Ending, error: Option<Arc<Error>>) {
        self.network.ended(ending, error);
    }

    /// Returns whether reading must stop, and remembers that it did.
    pub(crate) fn stop_reading_if_full(&mut self) -> bool {
        self.reading_stopped = !self.host.is_closing() && self.network.is_full();
        self.reading_stopped
    }

    /// Returns whether messages that no longer fit are discarded, so that reading never stops.
    pub(crate) fn is_closing(&self) -> bool {
        self.host.is_closing()
    }

    /// The charge that still fits; `usize::MAX` if there is no bound.
    pub(crate) fn room(&self) -> usize {
        self.network.room()
    }

    /// The charge of the undelivered messages, which counts against the bound.
    pub(crate) fn charge(&self) -> usize {
        self.network.charge()
    }

    /// Moves waiting messages out of buffers that they do not fill.
    pub(crate) fn compact(&mut self) -> Result<(), ErrorCode> {
        self.network.compact()
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
        // A paused host takes no message before it resumes, so it is not waited for.
        self.host.is_idle() && (self.host.is_paused() || !self.network.has_messages())
    }

    /// Returns whether only the host can know if it has processed the last message.
    fn is_pulled(&self) -> bool {
        self.host.has_pulled() && !self.network.has_messages()
    }

    /// Returns whether the I/O task must be nudged: reading had stopped and may go on, or the messages that it waits
    /// for were delivered, or were pulled by a host that may still process the last one. Called after every delivery.
    pub(crate) fn take_nudge(&mut self) -> bool {
        let resume = self.reading_stopped && (self.host.is_closing() || self.network.is_half_empty());
        self.reading_stopped &= !resume;
        let delivered = self.awaited && self.is_delivered();
        let pulled = self.awaited && self.is_pulled();
        self.awaited &= !delivered;
        resume || delivered || pulled
    }

    // The host's side.

    pub(crate) fn pause(&mut self) {
        if self.host.pause() {
            self.discard();
        }
    }

    pub(crate) fn resume(&mut self) {
        self.host.resume();
    }

    /// Begins to close (`ws_terminate`): from now on reading continues to the close frame, and messages that exceed the
    /// bound are discarded.
    pub(crate) fn closing(&mut self) {
        self.host.begin_closing();
    }

    /// Prepares for the shutdown of the library. A blocking `ws_new` gets `error`.
    pub(crate) fn shut_down(&mut self, error: Error, thread_ends: bool) {
        if self.host.claim() != Claim::Nothing {
            self.network.cannot_open(error);
        }
        self.host.end_last_call();
        if thread_ends {
            self.last_call();
        }
    }

    /// Nobody will let a paused socket go on where its events are delivered: its messages are dropped, also if it is
    /// paused only now.
    pub(crate) fn last_call(&mut self) {
        if self.host.last_call() {
            self.discard();
        }
    }

    /// Drops all undelivered events but the end.
    pub(crate) fn discard(&mut self) {
        self.network.discard();
        self.host.discarded();
    }

    /// Something that had arrived is lost: drops all undelivered events but the end, and takes no more. An end that the
    /// host does not expect has this error.
    pub(crate) fn break_off(&mut self, error: Error) {
        let error = (!self.host.is_closing()).then(|| Arc::new(error));
        self.discard();
        self.host.begin_closing();
        self.network.break_off(error);
    }

    /// Marks the pulled message as processed: the host has asked for more.
    pub(crate) fn release_pulled(&mut self) {
        self.host.release_pulled();
    }

    // The dispatcher's side.

    pub(crate) fn is_on_stack(&self) -> bool {
        self.host.is_on_stack()
    }

    pub(crate) fn open_returned(&self) -> bool {
        self.host.open_returned()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.network.has_ended()
    }

    /// The end, until it is delivered.
    pub(crate) fn ending(&self) -> Option<&Ending> {
        self.network.ending()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.network.opening() != Opening::Waiting
    }

    /// The failure that a blocking `ws_new` reports instead of any event.
    pub(crate) fn take_failure(&mut self) -> Option<Arc<Error>> {
        self.network.take_failure()
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.host.epoch()
    }

    /// Returns whether a callback could run now.
    pub(crate) fn is_deliverable(&self) -> bool {
        self.host.is_ready(self.network.opening()) && self.network.has_work(self.host.is_paused())
    }

    /// Returns whether the next event is the failure of a socket that was never open, which is also reported.
    pub(crate) fn is_report_next(&self) -> bool {
        self.network.is_report_next() && self.is_deliverable()
    }

    /// Returns whether only ERROR and TERMINATE are left.
    pub(crate) fn has_only_its_end(&self) -> bool {
        self.has_ended() && self.network.opening() != Opening::Ready && !self.network.has_messages()
    }

    /// The number of callbacks that could run now, one after the other.
    pub(crate) fn deliverable(&self) -> usize {
        if self.is_deliverable() { self.network.count(self.host.is_paused()) } else { 0 }
    }

    /// Hands out the next work and marks the socket as being on the stack, until [`Mailbox::returned`].
    pub(crate) fn take(&mut self) -> Option<Work> {
        if !self.is_deliverable() {
            return None;
        }
        let work = self.network.next_work(self.host.is_paused())?;
        self.host.called();
        Some(work)
    }

    /// Takes the OPEN that a blocking `ws_new` has claimed.
    pub(crate) fn take_claimed_open(&mut self) -> Option<Event> {
        if self.host.claim() != Claim::Everything {
            return None;
        }
        let opened_us = self.network.take_open()?;
        self.host.release_claim();
        self.host.called();
        Some(Event::opened(opened_us))
    }

    /// Notes that the callback has returned.
    pub(crate) fn returned(&mut self) {
        self.host.returned();
        self.host.note_open_returned(self.network.opening());
    }

    /// Notes that a run has returned: subtracts the charge `delivered`, and puts the rest of `batch` back.
    pub(crate) fn returned_run(&mut self, batch: Batch, delivered: usize, epoch: u64) {
        self.host.returned();
        if epoch == self.host.epoch() {
            self.network.put_back(batch, delivered);
        }
    }
}

#[cfg(all(test, not(ws4d_loom)))]
mod tests;
