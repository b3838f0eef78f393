//! Limits the sleep of a waiting thread.

use super::state::State;
use super::{Target, stop_word::StopWord};
use std::time::Duration;

/// The owner's thread while it waits, or polls once without sleeping.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiter {
    /// The longest sleep; `None`: for ever.
    pub(super) limit: Option<Duration>,
    /// Set if it delivers events, and so must not sleep while some are deliverable. A blocking `ws_new` delivers
    /// nothing.
    pub(super) may_deliver: bool,
    /// The value of `Lending::changes` that it has seen.
    pub(super) seen: u64,
}

impl Waiter {
    /// A waiter that services ready sockets and does not sleep.
    pub(super) fn without_sleeping<T: Target>(state: &State<T>) -> Waiter {
        Waiter { limit: Some(Duration::ZERO), may_deliver: true, seen: state.lending.changes }
    }

    /// The longest sleep that is allowed now. Call it after the alarm is prepared, with the lock held, right before the
    /// sleep.
    pub(super) fn sleeps_for<T: Target>(&self, state: &mut State<T>, word: &StopWord) -> Option<Duration> {
        let at_once = state.lending.changes != self.seen
            || word.is_innermost_stopped()
            || (self.may_deliver && state.has_ready())
            // No further event announces data that was left unread, or readiness that did not fit into one poll.
            || state.has_more()
            || state.lending.more_ready;
        if at_once { Some(Duration::ZERO) } else { self.limit }
    }
}

#[cfg(all(test, not(ws4d_loom)))]
mod tests {
    use super::super::tests::{Probe, text};
    use super::super::{Claim, Dispatcher, Mailbox};
    use super::*;

    #[test]
    fn who_delivers_nothing_sleeps_over_what_is_deliverable() {
        let dispatcher = Dispatcher::new(None);
        let key = dispatcher.register(Mailbox::new(0, Claim::Nothing), Probe::new()).unwrap();
        dispatcher.update(key, |mailbox| mailbox.opened(0)).1.send(&dispatcher);
        dispatcher.update(key, |mailbox| mailbox.push(text("a"))).1.send(&dispatcher);
        let mut state = dispatcher.state.lock();
        let limit = Some(Duration::from_secs(1));
        let delivers = Waiter { limit, ..Waiter::without_sleeping(&state) };
        let opens = Waiter { may_deliver: false, ..delivers };
        assert_eq!(delivers.sleeps_for(&mut state, &dispatcher.stop_word), Some(Duration::ZERO));
        assert_eq!(opens.sleeps_for(&mut state, &dispatcher.stop_word), limit);
    }

    #[test]
    fn nobody_sleeps_over_a_change_a_stop_or_unreported_readiness() {
        let dispatcher = Dispatcher::<Probe>::new(None);
        let mut state = dispatcher.state.lock();
        let waiter = Waiter { limit: None, may_deliver: false, ..Waiter::without_sleeping(&state) };
        assert_eq!(waiter.sleeps_for(&mut state, &dispatcher.stop_word), None);
        state.lending.more_ready = true;
        assert_eq!(waiter.sleeps_for(&mut state, &dispatcher.stop_word), Some(Duration::ZERO));
        state.lending.more_ready = false;
        state.lending.changes += 1;
        assert_eq!(waiter.sleeps_for(&mut state, &dispatcher.stop_word), Some(Duration::ZERO));
        let waiter = Waiter { seen: state.lending.changes, ..waiter };
        dispatcher.stop_word.enter();
        dispatcher.stop_word.stop();
        assert_eq!(waiter.sleeps_for(&mut state, &dispatcher.stop_word), Some(Duration::ZERO));
    }
}
