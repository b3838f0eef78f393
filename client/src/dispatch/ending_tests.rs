//! Calls that never return, and the place where values are dropped. No value whose drop can run foreign code is dropped
//! under the dispatcher's lock: a socket's handler is the host's, and the drop of a task reports an end to its host.

use super::tests::{Probe, ending, text};
use super::*;
use crate::error::ErrorCode;
use crate::event::EventKind;
use crate::sys::RawWaitable;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

/// The values that were dropped, and whether the dispatcher's lock was free then.
type Drops = Arc<Mutex<Vec<bool>>>;

fn note(drops: &Drops, dispatcher: &Weak<Dispatcher<Probe>>) {
    let free = dispatcher.upgrade().is_some_and(|dispatcher| dispatcher.state.try_lock().is_some());
    drops.lock().unwrap().push(free);
}

/// A socket that nobody but the dispatcher holds.
fn lonely(dispatcher: &Arc<Dispatcher<Probe>>, drops: &Drops) -> Key {
    let (weak, drops) = (Arc::downgrade(dispatcher), Arc::clone(drops));
    let probe = Probe::with_drop(Box::new(move || note(&drops, &weak)));
    dispatcher.register(Mailbox::new(0, Claim::Nothing), probe).unwrap()
}

fn opened(dispatcher: &Arc<Dispatcher<Probe>>, drops: &Drops) -> Key {
    let key = lonely(dispatcher, drops);
    dispatcher.update(key, |mailbox| mailbox.opened(0)).1.send(dispatcher);
    key
}

fn end(dispatcher: &Arc<Dispatcher<Probe>>, key: Key) {
    dispatcher.update(key, |mailbox| mailbox.ended(ending(1000), None)).1.send(dispatcher);
}

#[test]
fn a_socket_is_dropped_without_the_lock_however_it_ends() {
    let drops = Drops::default();
    let dispatcher = Dispatcher::new(None);

    let key = opened(&dispatcher, &drops);
    end(&dispatcher, key);
    dispatcher.dispatch(0).unwrap();
    assert_eq!(*drops.lock().unwrap(), [true], "by its TERMINATE");

    let key = opened(&dispatcher, &drops);
    end(&dispatcher, key);
    for kind in [EventKind::Open, EventKind::Terminate] {
        let (target, event) = dispatcher.next(None, Arc::clone).unwrap().unwrap();
        assert_eq!(event.kind(), kind);
        drop((event, target));
    }
    assert!(dispatcher.next(Some(Duration::ZERO), Arc::clone).unwrap().is_none());
    assert_eq!(*drops.lock().unwrap(), [true, true], "by a pulled one that was freed");

    let key = lonely(&dispatcher, &drops);
    assert!(dispatcher.forget(key));
    assert_eq!(*drops.lock().unwrap(), [true; 3], "forgotten");

    let key = opened(&dispatcher, &drops);
    dispatcher.update(key, |mailbox| mailbox.push(text("a"))).1.send(&dispatcher);
    dispatcher.close(|| ()).unwrap();
    assert_eq!(*drops.lock().unwrap(), [true; 4], "by the end of its dispatcher");
}

#[test]
fn a_socket_that_ends_during_its_run_is_dropped_without_the_lock() {
    let drops = Drops::default();
    let dispatcher = Dispatcher::new(None);
    let (weak, noted) = (Arc::downgrade(&dispatcher), Arc::clone(&drops));
    let probe = Probe::with_drop(Box::new(move || note(&noted, &weak)));
    let key = dispatcher.register(Mailbox::new(0, Claim::Nothing), Arc::clone(&probe)).unwrap();
    let weak = Arc::downgrade(&dispatcher);
    probe.at_event(Box::new(move || {
        // Its own callback is on the stack: TERMINATE and `on_free` follow it.
        weak.upgrade().unwrap().close(|| ()).unwrap();
    }));
    drop(probe);
    dispatcher.update(key, |mailbox| mailbox.opened(0)).1.send(&dispatcher);
    assert!(dispatcher.dispatch(0).is_err());
    assert_eq!(*drops.lock().unwrap(), [true]);
}

#[test]
fn a_thread_that_ends_in_a_callback_gives_its_dispatcher_up() {
    let dispatcher = Dispatcher::new(None);
    let (ended, other) = (Probe::new(), Probe::new());
    let keys = [&ended, &other].map(|probe| {
        let key = dispatcher.register(Mailbox::new(0, Claim::Nothing), Arc::clone(probe)).unwrap();
        dispatcher.update(key, |mailbox| mailbox.opened(0)).1.send(&dispatcher);
        key
    });
    ended.at_event(Box::new(crate::unfinished::give_up_all));
    assert_eq!(dispatcher.dispatch(0), Ok(1), "the callback of the other one never runs");
    for key in keys {
        end(&dispatcher, key);
    }
    assert_eq!(ended.trace(), ["lost", "open"]);
    assert_eq!(other.trace(), ["lost"]);
    assert_eq!(dispatcher.attach(), Err(ErrorCode::WrongThread));
    assert_eq!(dispatcher.dispatch(0), Err(ErrorCode::WrongThread));
    assert_eq!(dispatcher.close(|| ()), Err(ErrorCode::WrongThread));
    let late = dispatcher.register(Mailbox::new(0, Claim::Nothing), Probe::new());
    assert_eq!(late.err(), Some(ErrorCode::WrongThread));
}

#[test]
fn a_thread_that_ends_while_it_closes_loses_the_sockets_without_a_terminate() {
    let dispatcher = Dispatcher::new(None);
    let probes = [Probe::new(), Probe::new()];
    for probe in &probes {
        dispatcher.register(Mailbox::new(0, Claim::Nothing), Arc::clone(probe)).unwrap();
    }
    probes[0].at_event(Box::new(crate::unfinished::give_up_all));
    dispatcher.close(|| ()).unwrap();
    assert_eq!(probes[0].trace()[..2], ["lost", "terminate 1006"]);
    assert_eq!(probes[1].trace(), ["lost"]);
}

/// A socket that has been opened, and whose first callback panics.
fn panics_at_first(dispatcher: &Arc<Dispatcher<Probe>>) -> (Key, Arc<Probe>) {
    let probe = Probe::new();
    let key = dispatcher.register(Mailbox::new(0, Claim::Nothing), Arc::clone(&probe)).unwrap();
    dispatcher.update(key, |mailbox| mailbox.opened(0)).1.send(dispatcher);
    probe.at_event(Box::new(|| panic!("expected by the test")));
    (key, probe)
}

#[test]
fn a_panic_in_a_callback_fails_that_socket_and_no_other_and_leaves_no_level_behind() {
    let dispatcher = Dispatcher::new(None);
    let (key, probe) = panics_at_first(&dispatcher);
    let other = Probe::new();
    let beside = dispatcher.register(Mailbox::new(0, Claim::Nothing), Arc::clone(&other)).unwrap();
    dispatcher.update(beside, |mailbox| mailbox.opened(0)).1.send(&dispatcher);
    assert_eq!(dispatcher.dispatch(0), Ok(2));
    assert_eq!((probe.trace(), other.trace()), (vec!["failed".to_owned()], vec!["open".to_owned()]));
    assert_eq!(dispatcher.attach(), Ok(()));
    // No callback of it is on the stack any more, so its end is delivered.
    dispatcher.update(key, |mailbox| mailbox.ended(Ending::abnormal(), None)).1.send(&dispatcher);
    assert_eq!(dispatcher.dispatch(0), Ok(1));
    assert_eq!(probe.trace(), ["failed", "terminate 1006", "over", "free"]);
}

#[test]
fn a_panic_in_the_last_callback_keeps_neither_on_free_away_nor_the_ends_of_others() {
    for close in [true, false] {
        let dispatcher = Dispatcher::new(None);
        let (key, probe) = panics_at_first(&dispatcher);
        let other = Probe::new();
        dispatcher.register(Mailbox::new(0, Claim::Nothing), Arc::clone(&other)).unwrap();
        match close {
            true => dispatcher.close(|| ()).unwrap(),
            false => dispatcher.close_one(key, &probe, || Ok(())).map(drop).unwrap(),
        }
        assert_eq!(probe.trace(), ["over", "free"]);
        let ended: &[&str] = if close { &["terminate 1006", "over", "free"] } else { &[] };
        assert_eq!(other.trace(), ended);
    }
}

#[test]
fn a_panic_between_messages_delivers_none_behind_the_gap() {
    let dispatcher = Dispatcher::new(None);
    let (key, probe) = panics_at_first(&dispatcher);
    dispatcher.dispatch(0).unwrap();
    dispatcher.update(key, |mailbox| mailbox.push(text("a b c"))).1.send(&dispatcher);
    let error = || crate::error::Error::new(ErrorCode::Internal, crate::error::Component::Socket, "a fault");
    dispatcher.update(key, |mailbox| mailbox.break_off(error())).1.send(&dispatcher);
    dispatcher.update(key, |mailbox| mailbox.push(text("d"))).1.send(&dispatcher);
    dispatcher
        .update(key, |mailbox| mailbox.ended(Ending::abnormal(), Some(Arc::new(error()))))
        .1
        .send(&dispatcher);
    dispatcher.dispatch(0).unwrap();
    assert_eq!(probe.trace(), ["failed", "error", "terminate 1006", "over", "free"]);
}

/// A task driver that panics when it runs.
struct Panicking(Drops, Weak<Dispatcher<Probe>>);

impl TaskDriver for Panicking {
    fn can_run_here(&self) -> bool {
        true
    }

    fn spawn(&self, _: Task) {}

    fn tasks(&self) -> usize {
        0
    }

    fn run(&self, _: Option<Duration>, _: Option<RawWaitable>) -> Slept {
        panic!("expected by the test");
    }

    fn unwatch(&self) {}

    fn wake(&self) {}

    fn end(&self) {}

    fn drop_tasks(&self) {}
}

impl Drop for Panicking {
    fn drop(&mut self) {
        note(&self.0, &self.1);
    }
}

#[test]
fn a_task_driver_that_has_panicked_is_dropped_without_the_lock() {
    let drops = Drops::default();
    let dispatcher = Dispatcher::new(None);
    let key = lonely(&dispatcher, &Drops::default());
    let task_driver: Arc<dyn TaskDriver> =
        Arc::new(Panicking(Arc::clone(&drops), Arc::downgrade(&dispatcher)));
    let call = dispatcher.begin_call().unwrap();
    let waited = catch_unwind(AssertUnwindSafe(|| dispatcher.wait_open(key, &task_driver).is_ok()));
    assert!(waited.is_err());
    drop(call);
    drop(task_driver);
    // Waking the waiting threads drops nothing that they hold.
    dispatcher.update(key, |mailbox| mailbox.opened(0)).1.send(&dispatcher);
    assert_eq!(*drops.lock().unwrap(), [true]);
}

/// A task driver that asks whether the alarm is readable, and says so; where it is not, the socket opens.
struct Asking {
    dispatcher: Arc<Dispatcher<Probe>>,
    key: Key,
    seen: Mutex<Vec<bool>>,
}

impl TaskDriver for Asking {
    fn can_run_here(&self) -> bool {
        true
    }

    fn spawn(&self, _: Task) {}

    fn tasks(&self) -> usize {
        1
    }

    fn run(&self, _: Option<Duration>, also: Option<RawWaitable>) -> Slept {
        let readable = crate::sys::wake::wait(also, Some(Duration::ZERO)).unwrap();
        let mut seen = self.seen.lock().unwrap();
        seen.push(readable);
        if readable && seen.len() < 3 {
            return Slept::Rung;
        }
        drop(seen);
        self.dispatcher.update(self.key, |mailbox| mailbox.opened(0)).1.send(&self.dispatcher);
        Slept::Woken
    }

    fn unwatch(&self) {}

    fn wake(&self) {}

    fn end(&self) {}

    fn drop_tasks(&self) {}
}

/// Or the owner would not sleep any more.
#[test]
fn an_alarm_that_has_ended_a_run_is_reset() {
    let dispatcher = Dispatcher::new(None);
    let mailbox = Mailbox::new(0, Claim::Everything);
    let key = dispatcher.register(mailbox, Probe::new()).unwrap();
    dispatcher.alarm.prepare();
    dispatcher.alarm.ring();
    let asking = Asking { dispatcher: Arc::clone(&dispatcher), key, seen: Mutex::default() };
    let asking = Arc::new(asking);
    let task_driver: Arc<dyn TaskDriver> = Arc::clone(&asking) as _;
    let call = dispatcher.begin_call().unwrap();
    assert!(dispatcher.wait_open(key, &task_driver).is_ok());
    drop(call);
    assert_eq!(*asking.seen.lock().unwrap(), [true, false]);
}
