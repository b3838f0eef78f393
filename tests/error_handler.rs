//! The process-wide error handler (4D's ON ERR CALL) hears of connections that could not be made, and of nothing else.

mod support;

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, MutexGuard, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;

use support::script;
use ws4d_test_host::codes::*;
use ws4d_test_host::{Errors, Host, RawErrors, alone, api, name};
use ws4d_test_server::Server;

/// What the handler heard: which error, on which thread, and how long the trace of [`WATCHED`] was.
static HEARD: Mutex<Vec<(String, ThreadId, usize)>> = Mutex::new(Vec::new());
static WATCHED: Mutex<Option<Host>> = Mutex::new(None);

extern "C" fn hear(errors: *const RawErrors, user_data: *mut c_void) {
    assert_eq!(user_data.addr(), 42);
    let lines = WATCHED.lock().unwrap().as_ref().map_or(0, |host| host.trace().len());
    HEARD.lock().unwrap().push((Errors::copy(errors).name(), thread::current().id(), lines));
}

/// Sets the handler for one test and takes it back.
struct Listening<'a>(#[allow(dead_code)] MutexGuard<'a, ()>);

impl Listening<'_> {
    fn to(host: &Host) -> Listening<'static> {
        let guard = alone();
        HEARD.lock().unwrap().clear();
        *WATCHED.lock().unwrap() = Some(host.clone());
        (api().ws_set_error_handler)(Some(hear), ptr::without_provenance_mut(42));
        Listening(guard)
    }

    fn heard(&self) -> Vec<(String, ThreadId, usize)> {
        HEARD.lock().unwrap().clone()
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        (api().ws_set_error_handler)(None, ptr::null_mut());
        WATCHED.lock().unwrap().take();
    }
}

fn refused(server: &Server) -> String {
    format!("ws://127.0.0.1:{}/", server.closed_port())
}

const REFUSED: &str = "WS_ERR_CONNECTION_REFUSED";

#[test]
fn a_failure_of_ws_new_is_told_last_on_the_calling_thread() {
    let server = Server::start();
    for host in [Host::new(), Host::inline()] {
        let listening = Listening::to(&host);
        let errors = host.to(refused(&server)).try_open().expect_err("nobody listens");
        assert_eq!(errors.name(), REFUSED);
        let after_free = (REFUSED.to_owned(), thread::current().id(), 1);
        assert_eq!((listening.heard(), host.trace()), (vec![after_free], vec!["free".to_owned()]));
    }
}

#[test]
fn what_ws_new_async_refuses_at_once_is_told_at_once() {
    let host = Host::new();
    let listening = Listening::to(&host);
    host.to("no url").try_open_async().expect_err("no scheme");
    let after_free = ("WS_ERR_INVALID_URL".to_owned(), thread::current().id(), 1);
    assert_eq!(listening.heard(), [after_free]);
}

#[test]
fn a_connection_that_fails_later_is_told_before_on_error_on_the_same_thread() {
    let server = Server::start();
    for host in [Host::new(), Host::inline()] {
        let listening = Listening::to(&host);
        host.open_async(refused(&server));
        host.run_until("free");
        let before_error = (REFUSED.to_owned(), host.entries()[0].thread, 0);
        assert_eq!(listening.heard(), [before_error]);
        assert_eq!(host.trace(), [&format!("error {REFUSED}"), "terminate 1006", "free"]);
    }
}

#[test]
fn on_pull_it_is_told_inside_the_next_that_returns_the_error() {
    let server = Server::start();
    let host = Host::pulling();
    let listening = Listening::to(&host);
    host.open_async(refused(&server));
    assert_eq!(listening.heard(), []);
    assert!(host.pull(20_000).unwrap().1.describe().starts_with("error"));
    assert_eq!(listening.heard(), [(REFUSED.to_owned(), thread::current().id(), 0)]);
    host.run_until("free");
    assert_eq!(listening.heard().len(), 1);
}

#[test]
fn a_connection_that_was_made_and_broke_is_not_told() {
    let server = Server::start();
    let host = Host::new();
    let listening = Listening::to(&host);
    let ws = host.open(script(&server, "frame:f1:00"));
    host.run_until("free");
    assert_eq!((host.count("error"), ws.send_text("x")), (1, WS_ERR_CLOSED));
    let early = host.to(server.ws("/no-answer")).named("early").open_async();
    assert_eq!((early.abort(), ws.terminate(1, "")), (WS_OK, WS_ERR_INVALID_CLOSE_CODE));
    host.run_until("early free");
    assert_eq!(listening.heard(), []);
}

#[test]
fn a_failure_inside_the_handler_does_not_enter_it_again() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn fail_again(_: *const RawErrors, _: *mut c_void) {
        CALLS.fetch_add(1, Ordering::SeqCst);
        let host = Host::new();
        host.to("nonsense").try_open().expect_err("no URL");
    }
    let _alone = alone();
    let host = Host::new();
    (api().ws_set_error_handler)(Some(fail_again), ptr::null_mut());
    host.to("nonsense").try_open().expect_err("no URL");
    assert_eq!(CALLS.load(Ordering::SeqCst), 1);
    host.to("nonsense").try_open().expect_err("no URL");
    assert_eq!(CALLS.load(Ordering::SeqCst), 2);
    (api().ws_set_error_handler)(None, ptr::null_mut());
    host.to("nonsense").try_open().expect_err("no URL");
    assert_eq!(CALLS.load(Ordering::SeqCst), 2);
}

#[test]
fn any_function_may_be_called_from_the_handler() {
    static URL: Mutex<String> = Mutex::new(String::new());
    static RESULT: Mutex<String> = Mutex::new(String::new());
    extern "C" fn use_all(_: *const RawErrors, _: *mut c_void) {
        let url = URL.lock().unwrap().clone();
        let host = Host::new();
        let ws = host.open(url);
        ws.send_text("from the handler");
        host.run_until("message text from the handler");
        assert_eq!(name(ws.release()), "WS_OK");
        // Also exchange it.
        (api().ws_set_error_handler)(None, ptr::null_mut());
        *RESULT.lock().unwrap() = "done".to_owned();
    }
    let _alone = alone();
    let server = Server::start();
    *URL.lock().unwrap() = server.ws("/echo");
    let host = Host::new();
    (api().ws_set_error_handler)(Some(use_all), ptr::null_mut());
    host.open_async(refused(&server));
    host.run_until("free");
    assert_eq!(*RESULT.lock().unwrap(), "done");
    host.to("nonsense").try_open().expect_err("and nobody hears");
}

#[test]
fn two_threads_inside_the_handler_may_both_exchange_it() {
    static BOTH: Barrier = Barrier::new(2);
    extern "C" fn exchange(_: *const RawErrors, _: *mut c_void) {
        BOTH.wait();
        (api().ws_set_error_handler)(None, ptr::null_mut());
    }
    let _alone = alone();
    (api().ws_set_error_handler)(Some(exchange), ptr::null_mut());
    let (done, is_done) = mpsc::channel();
    for _ in 0..2 {
        let done = done.clone();
        thread::spawn(move || {
            Host::new().to("nonsense").try_open().expect_err("no URL");
            done.send(()).unwrap();
        });
    }
    for _ in 0..2 {
        is_done.recv_timeout(Duration::from_secs(20)).expect("neither waits for the other");
    }
}

#[test]
fn set_error_handler_returns_when_the_old_one_no_longer_runs_on_another_thread() {
    static INSIDE: AtomicBool = AtomicBool::new(false);
    static GATE: Mutex<Option<(mpsc::Sender<()>, mpsc::Receiver<()>)>> = Mutex::new(None);
    extern "C" fn slow(_: *const RawErrors, _: *mut c_void) {
        let Some((entered, leave)) = GATE.lock().unwrap().take() else { return };
        INSIDE.store(true, Ordering::SeqCst);
        entered.send(()).unwrap();
        let _ = leave.recv();
        INSIDE.store(false, Ordering::SeqCst);
    }
    let _alone = alone();
    let ((entered, is_entered), (leave, may_leave)) = (mpsc::channel(), mpsc::channel());
    *GATE.lock().unwrap() = Some((entered, may_leave));
    (api().ws_set_error_handler)(Some(slow), ptr::null_mut());
    thread::scope(|scope| {
        scope.spawn(|| Host::new().to("nonsense").try_open().expect_err("no URL"));
        is_entered.recv().unwrap();
        scope.spawn(move || drop(leave));
        (api().ws_set_error_handler)(None, ptr::null_mut());
        assert!(!INSIDE.load(Ordering::SeqCst));
    });
}

extern "C" fn count(_: *const RawErrors, calls: *mut c_void) {
    // SAFETY: the test passes a counter that outlives its dispatcher.
    unsafe { &*calls.cast::<AtomicUsize>() }.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn a_dispatcher_with_a_handler_of_its_own_does_not_reach_the_processs() {
    let server = Server::start();
    let (own, other) = (Host::new(), Host::new());
    let listening = Listening::to(&other);
    let calls = AtomicUsize::new(0);
    let counter = || (&raw const calls).cast_mut().cast();
    assert_eq!((api().ws_dispatcher_set_error_handler)(own.dispatcher(), Some(count), counter()), WS_OK);

    own.to(refused(&server)).try_open().unwrap_err();
    own.to(refused(&server)).named("late").open_async();
    own.run_until("late free");
    assert_eq!((calls.load(Ordering::Relaxed), listening.heard().len()), (2, 0));

    other.to(refused(&server)).try_open().unwrap_err();
    assert_eq!((calls.load(Ordering::Relaxed), listening.heard().len()), (2, 1));

    let (dispatcher, address) = (own.dispatcher(), (&raw const calls).addr());
    let elsewhere = thread::spawn(move || {
        (api().ws_dispatcher_set_error_handler)(dispatcher, Some(count), ptr::without_provenance_mut(address))
    });
    assert_eq!(elsewhere.join().unwrap(), WS_ERR_WRONG_THREAD);
    assert_eq!((api().ws_dispatcher_set_error_handler)(own.dispatcher(), None, ptr::null_mut()), WS_OK);
    own.to(refused(&server)).try_open().unwrap_err();
    assert_eq!((calls.load(Ordering::Relaxed), listening.heard().len()), (2, 2));
}
