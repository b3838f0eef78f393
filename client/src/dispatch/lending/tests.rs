//! Orders of owner, standby task and socket that a host cannot force.

use super::super::{Claim, Gate, Mailbox};
use super::*;
use crate::context::InCallback;
use crate::error::Error;
use crate::event::{DataType, Ending, Event};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize};

/// A socket whose `service` always ends in the same way.
struct Probe {
    gate: Gate,
    outcome: ServiceOutcome,
    calls: AtomicUsize,
    nudges: AtomicUsize,
    /// Runs in the midst of each `service` call, with its number.
    midst: OnceLock<Box<dyn Fn(usize) + Send + Sync>>,
}

impl Probe {
    fn new(outcome: ServiceOutcome) -> Arc<Probe> {
        let (calls, nudges) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Probe { gate: Gate::new(), outcome, calls, nudges, midst: OnceLock::new() })
    }
}

impl Target for Probe {
    fn gate(&self) -> &Gate {
        &self.gate
    }

    fn mode(&self) -> DataType {
        DataType::Text
    }

    fn event(&self, _: &Event, _: &InCallback) {}

    fn report(&self, _: &Error) {}

    fn over(&self) {}

    fn free(&self) {}

    fn fail(self: &Arc<Self>) {}

    fn nudge(&self) {
        self.nudges.fetch_add(1, Ordering::SeqCst);
    }

    fn service(self: &Arc<Self>, _: bool, _: bool) -> ServiceOutcome {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        if let Some(midst) = self.midst.get() {
            midst(call);
        }
        self.outcome
    }

    fn lose(self: &Arc<Self>) {}

    fn hang_up(self: &Arc<Self>, _: u16) -> Ending {
        Ending::abnormal()
    }
}

/// A dispatcher whose owner has waited, with one socket that has lent its descriptor, and the other end of that.
fn lent(probe: &Arc<Probe>) -> (Arc<Dispatcher<Probe>>, Key, [UnixStream; 2]) {
    let dispatcher = Dispatcher::new(None);
    let key = dispatcher.register(Mailbox::new(0, Claim::Nothing), Arc::clone(probe)).unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    dispatcher.wait(Some(Duration::from_millis(1))).unwrap();
    assert!(dispatcher.lend(key, ours.as_raw_fd()));
    (dispatcher, key, [ours, theirs])
}

#[test]
fn the_standby_tasks_poll_takes_no_wake_that_the_owner_is_about_to_sleep_for() {
    let (dispatcher, _, _streams) = lent(&Probe::new(ServiceOutcome::Drained));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                dispatcher.serve();
            }
        });
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                if dispatcher.state.lock().lending.wait == OwnerWait::Asleep {
                    dispatcher.stop();
                }
            }
        });
        for _ in 0..20_000 {
            let begun = Instant::now();
            assert_eq!(dispatcher.wait(Some(Duration::from_secs(20))), Ok(0));
            let late = begun.elapsed() > Duration::from_secs(10);
            if late {
                over.store(true, Ordering::SeqCst);
            }
            assert!(!late, "the wake was lost");
        }
        over.store(true, Ordering::SeqCst);
    });
}

#[test]
fn an_owner_that_comes_back_while_it_is_given_up_has_a_standby_task() {
    let probe = Probe::new(ServiceOutcome::Drained);
    let (dispatcher, key, _streams) = lent(&probe);
    assert_eq!(dispatcher.standby_role(key), StandbyRole::CheckOwner);
    dispatcher.check_owner_returns(key);
    dispatcher.check_owner_returns(key);
    assert_eq!(dispatcher.standby_role(key), StandbyRole::Serve);
    let since = Instant::now().checked_sub(OWNER_ABSENT_AFTER).unwrap();
    dispatcher.state.lock().lending.presence = OwnerPresence::AwaySince(since);
    dispatcher.check_owner_returns(key);
    assert!(!dispatcher.borrows());
    // Before the socket has taken its descriptor back.
    dispatcher.wait(Some(Duration::from_millis(1))).unwrap();
    assert!(dispatcher.borrows());
    assert_eq!(dispatcher.standby_role(key), StandbyRole::CheckOwner);
}

#[test]
fn what_is_left_is_noted_once_and_served_while_the_owner_is_away() {
    let probe = Probe::new(ServiceOutcome::More);
    let (dispatcher, key, _streams) = lent(&probe);
    for _ in 0..3 {
        // The poller reports it as writable, and it has more from before.
        dispatcher.wait(Some(Duration::ZERO)).unwrap();
        assert_eq!(dispatcher.state.lock().lending.unread.len(), 1);
    }
    let before = probe.calls.load(Ordering::SeqCst);
    dispatcher.check_owner_returns(key);
    dispatcher.check_owner_returns(key);
    assert!(dispatcher.serve());
    assert_eq!(probe.calls.load(Ordering::SeqCst), before + 1);
    assert_eq!(dispatcher.state.lock().lending.unread.len(), 1);
}

#[test]
fn a_socket_that_was_taken_back_during_its_service_is_nudged_for_what_is_left() {
    let probe = Probe::new(ServiceOutcome::More);
    let (dispatcher, key, streams) = lent(&probe);
    dispatcher.take_back(key, streams[0].as_raw_fd());
    let due =
        ReadySocket { key, target: Arc::clone(&probe), readable: true, writable: false, peer_closed: false };
    let before = probe.nudges.load(Ordering::SeqCst);
    drop(dispatcher.service_all(dispatcher.state.lock(), vec![due]));
    assert_eq!(probe.nudges.load(Ordering::SeqCst), before + 1);
    assert!(dispatcher.state.lock().lending.unread.is_empty());
}

#[test]
fn an_owner_that_comes_back_while_the_standby_task_serves_gets_what_that_has_left() {
    let probe = Probe::new(ServiceOutcome::More);
    let (dispatcher, key, _streams) = lent(&probe);
    // The poller reports it as writable, and never again.
    dispatcher.wait(Some(Duration::ZERO)).unwrap();
    assert_eq!(dispatcher.state.lock().lending.unread, [key]);
    dispatcher.check_owner_returns(key);
    dispatcher.check_owner_returns(key);
    assert_eq!(dispatcher.standby_role(key), StandbyRole::Serve);
    let (in_service, in_midst) = (AtomicBool::new(false), Arc::clone(&dispatcher));
    let in_service = Arc::new(in_service);
    let begun_service = Arc::clone(&in_service);
    let first = probe.calls.load(Ordering::SeqCst);
    let midst = move |call| {
        begun_service.store(true, Ordering::SeqCst);
        // The standby task's call lasts until the owner sleeps. The owner's call ends its wait.
        while call == first && in_midst.state.lock().lending.wait != OwnerWait::Asleep {
            std::thread::yield_now();
        }
        if call > first {
            in_midst.stop();
        }
    };
    assert!(probe.midst.set(Box::new(midst)).is_ok());
    std::thread::scope(|scope| {
        let standby = scope.spawn(|| dispatcher.serve());
        while !in_service.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        let begun = Instant::now();
        assert_eq!(dispatcher.wait(Some(Duration::from_secs(20))), Ok(0));
        assert!(begun.elapsed() < Duration::from_secs(10), "the owner slept over what was left");
        assert!(standby.join().unwrap());
    });
}
