//! One socket that is closed while a callback runs on another thread.

use super::tests::{Probe, text};
use super::*;
use crate::context::InCallback;
use crate::error::{Component, Error, ErrorCode};
use crate::event::Ending;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

type Closer = Arc<Mutex<Option<JoinHandle<(Result<Closed, ErrorCode>, Vec<String>)>>>>;

/// A socket whose first callback runs `before`, and then lets another thread close it, until that waits or has returned.
fn closed_in_its_callback(
    dispatcher: &Arc<Dispatcher<Probe>>,
    before: fn(&Dispatcher<Probe>),
    in_a_callback: bool,
) -> (Key, Arc<Probe>, Closer) {
    let probe = Probe::new();
    let key = dispatcher.register(Mailbox::new(0, Claim::Nothing), Arc::clone(&probe)).unwrap();
    dispatcher.update(key, |mailbox| mailbox.opened(0)).1.send(dispatcher);
    let closer = Closer::default();
    let (all, its, noted) = (Arc::downgrade(dispatcher), Arc::downgrade(&probe), Arc::clone(&closer));
    probe.at_event(Box::new(move || {
        let (dispatcher, probe) = (all.upgrade().unwrap(), its.upgrade().unwrap());
        before(&dispatcher);
        let shared = Arc::clone(&dispatcher);
        let thread = thread::spawn(move || {
            let _other = in_a_callback.then(InCallback::enter);
            (shared.close_one(key, &probe, || Ok(())), probe.trace())
        });
        while dispatcher.state.lock().last_awaited == 0 && !thread.is_finished() {
            thread::yield_now();
        }
        *noted.lock().unwrap() = Some(thread);
    }));
    (key, probe, closer)
}

fn joined(closer: &Closer) -> (Result<Closed, ErrorCode>, Vec<String>) {
    closer.lock().unwrap().take().unwrap().join().unwrap()
}

#[test]
fn a_callback_of_another_dispatcher_waits_for_it_too() {
    for in_a_callback in [false, true] {
        let dispatcher = Dispatcher::new(None);
        let close = |dispatcher: &Dispatcher<Probe>| dispatcher.close(|| ()).unwrap();
        let (_, _probe, closer) = closed_in_its_callback(&dispatcher, close, in_a_callback);
        assert_eq!(dispatcher.dispatch(0), Err(ErrorCode::Cancelled));
        let (closed, trace) = joined(&closer);
        assert_eq!(closed, Ok(Closed::Now));
        assert_eq!(trace, ["open", "terminate 1006", "over", "free"], "when the close has returned");
    }
}

#[test]
fn nothing_is_delivered_between_the_callback_and_the_thread_that_waits_for_it() {
    let dispatcher = Dispatcher::private();
    let (key, _probe, closer) = closed_in_its_callback(&dispatcher, |_| (), false);
    dispatcher.update(key, |mailbox| mailbox.push(text("a b"))).1.send(&dispatcher);
    let error = Arc::new(Error::new(ErrorCode::ConnectionReset, Component::Socket, "it was reset"));
    dispatcher.update(key, |mailbox| mailbox.ended(Ending::abnormal(), Some(error))).1.send(&dispatcher);
    assert_eq!(dispatcher.dispatch(0), Ok(1));
    let (closed, trace) = joined(&closer);
    assert_eq!(closed, Ok(Closed::Now));
    assert_eq!(trace, ["open", "terminate 1006", "over", "free"], "the closing thread has run its end");
}

#[test]
fn a_dispatcher_is_not_handed_over_while_a_last_callback_runs() {
    let dispatcher = Dispatcher::new(None);
    let probe = Probe::new();
    let key = dispatcher.register(Mailbox::new(0, Claim::Nothing), Arc::clone(&probe)).unwrap();
    let all = Arc::downgrade(&dispatcher);
    probe.at_event(Box::new(move || {
        let dispatcher = all.upgrade().unwrap();
        assert_eq!(thread::spawn(move || dispatcher.attach()).join().unwrap(), Err(ErrorCode::WrongThread));
    }));
    assert_eq!(dispatcher.close_one(key, &probe, || Ok(())), Ok(Closed::Now));
    assert_eq!(probe.trace(), ["terminate 1006", "over", "free"], "its callback has not panicked");
    let next = Arc::clone(&dispatcher);
    assert_eq!(thread::spawn(move || next.attach()).join().unwrap(), Ok(()));
}
