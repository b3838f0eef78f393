//! The host's part of a mailbox: its progress with the events, and its wishes for those to come.

use super::Claim;
use super::network_side::Opening;

/// Written by the calls of the host, and by the dispatcher for its callbacks.
pub(super) struct HostSide {
    claim: Claim,
    open_returned: bool,
    on_stack: bool,
    /// The host has pulled a message and may still be busy with it.
    pulled: bool,
    flow: Flow,
    closing: bool,
    /// Counts discards, so that a run that was out meanwhile is not put back.
    epoch: u64,
}

/// The flow of messages to the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flow {
    Running,
    Paused,
    /// The delivering thread is about to end, and a pause would hold it for ever: it discards instead.
    LastCall,
}

impl HostSide {
    pub(super) fn new(claim: Claim) -> HostSide {
        HostSide {
            claim,
            open_returned: false,
            on_stack: false,
            pulled: false,
            flow: Flow::Running,
            closing: false,
            epoch: 0,
        }
    }

    // The host's calls.

    /// Returns whether the waiting messages must be discarded instead.
    #[must_use]
    pub(super) fn pause(&mut self) -> bool {
        if self.flow == Flow::LastCall {
            return true;
        }
        self.flow = Flow::Paused;
        false
    }

    pub(super) fn resume(&mut self) {
        if self.flow == Flow::Paused {
            self.flow = Flow::Running;
        }
    }

    pub(super) fn begin_closing(&mut self) {
        self.closing = true;
    }

    /// From now on no pause is possible. Returns whether there was one, whose messages must be discarded.
    #[must_use]
    pub(super) fn last_call(&mut self) -> bool {
        std::mem::replace(&mut self.flow, Flow::LastCall) == Flow::Paused
    }

    /// Pauses are possible again.
    pub(super) fn end_last_call(&mut self) {
        if self.flow == Flow::LastCall {
            self.flow = Flow::Running;
        }
    }

    /// Notes that the messages were discarded, which ends a pause.
    pub(super) fn discarded(&mut self) {
        self.resume();
        self.epoch += 1;
    }

    // The dispatcher's callbacks and pulls.

    /// Notes that a callback begins, or a run of them.
    pub(super) fn called(&mut self) {
        self.on_stack = true;
    }

    /// Notes that the callback has returned.
    pub(super) fn returned(&mut self) {
        self.on_stack = false;
    }

    pub(super) fn note_open_returned(&mut self, opening: Opening) {
        self.open_returned = opening == Opening::Passed;
    }

    pub(super) fn pulled(&mut self) {
        self.pulled = true;
    }

    pub(super) fn release_pulled(&mut self) {
        self.pulled = false;
    }

    /// Takes the claim of OPEN, after which events are delivered.
    pub(super) fn release_claim(&mut self) {
        self.claim = Claim::Nothing;
    }

    // Questions.

    /// Returns whether an event may be handed out now, whatever it is.
    pub(super) fn is_ready(&self, opening: Opening) -> bool {
        let claimed = match self.claim {
            Claim::Nothing => false,
            Claim::Failure => opening == Opening::Waiting,
            Claim::Everything => true,
        };
        !self.on_stack && !claimed
    }

    pub(super) fn claim(&self) -> Claim {
        self.claim
    }

    pub(super) fn open_returned(&self) -> bool {
        self.open_returned
    }

    pub(super) fn is_on_stack(&self) -> bool {
        self.on_stack
    }

    /// Returns whether the host has processed all that was handed out.
    pub(super) fn is_idle(&self) -> bool {
        !self.on_stack && !self.pulled
    }

    /// Returns whether only the host can know if it has processed what it was handed last.
    pub(super) fn has_pulled(&self) -> bool {
        self.pulled && !self.on_stack
    }

    pub(super) fn is_paused(&self) -> bool {
        self.flow == Flow::Paused
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }
}
