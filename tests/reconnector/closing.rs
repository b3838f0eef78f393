//! `ws_reconnector_close` ends it with its socket at once.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use ws4d_test_host::codes::*;
use ws4d_test_host::{Options, Reconnector, alone, api};
use ws4d_test_server::Server;

use crate::{FAST, Mode, Script, Test, end_of, send, world};

fn close(test: &Test) -> i32 {
    (api().ws_reconnector_close)(test.r)
}

/// What `Drop` looks at in other tests is over with the handle.
fn is_gone(test: Test) {
    assert_eq!(close(&test), WS_ERR_INVALID_HANDLE);
    assert_eq!((api().ws_reconnector_release)(test.r), WS_ERR_INVALID_HANDLE);
    assert_eq!(send(test.r, "x"), "WS_ERR_INVALID_HANDLE");
    if test.mode != Mode::Inline {
        assert_eq!(test.dispatcher.close(), WS_OK);
    }
    std::mem::forget(test);
}

#[test]
fn its_socket_ends_first_and_all_of_it_on_the_calling_thread() {
    let _alone = alone();
    let server = Server::start();
    for mode in [Mode::Dispatched, Mode::Inline] {
        let test = Test::new(mode, &[server.ws("/echo")], FAST);
        test.until("open", 1);
        assert_eq!(close(&test), WS_OK);
        assert_eq!(test.trace(), ["attempt 0", "open", "terminate 1006", "end 1", "free"]);
        assert_eq!(end_of(&test).end, WS_RECONNECT_END_HOST);
        let threads = test.world.state.lock().unwrap().threads.clone();
        assert!(threads[2..].iter().all(|thread| *thread == thread::current().id()));
        is_gone(test);
    }
}

#[test]
fn a_wait_ends_too() {
    let _alone = alone();
    let server = Server::start();
    let slow = crate::RawReconnectPolicy { min_delay_ms: 60_000, max_delay_ms: 60_000, ..FAST };
    for mode in [Mode::Dispatched, Mode::Inline] {
        let refused = format!("ws://127.0.0.1:{}/", server.closed_port());
        let test = Test::new(mode, &[refused], slow);
        test.until("reconnect", 1);
        assert_eq!(close(&test), WS_OK);
        assert_eq!(test.trace().last().map(String::as_str), Some("free"), "{:?}", test.trace());
        assert_eq!(end_of(&test).end, WS_RECONNECT_END_HOST);
        is_gone(test);
    }
}

/// Whether a thread of this process waits for something.
fn sleeps(thread: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat")).expect("Linux");
    stat.rsplit(')').next().is_some_and(|fields| fields.trim_start().starts_with('S'))
}

#[test]
fn last_callbacks_that_run_elsewhere_are_waited_for() {
    static CLOSER: AtomicU32 = AtomicU32::new(0);
    static RETURNED: AtomicBool = AtomicBool::new(false);
    let _alone = alone();
    let server = Server::start();
    let until_closed: crate::Script = Box::new(|_, _| {
        while !RETURNED.load(Ordering::SeqCst)
            && !matches!(CLOSER.load(Ordering::SeqCst), id if id != 0 && sleeps(id))
        {
            thread::yield_now();
        }
    });
    let urls = [server.ws("/echo")];
    let test = Test::with(Mode::Inline, &urls, FAST, Options::new(), vec![("end", until_closed)]);
    test.until("open", 1);
    assert_eq!((api().ws_reconnector_terminate)(test.r, 1000, ptr::null()), WS_OK);
    test.until("end", 1);
    // SAFETY: gettid has no preconditions.
    CLOSER.store(unsafe { libc::gettid() }.unsigned_abs(), Ordering::SeqCst);
    assert_eq!(close(&test), WS_OK);
    RETURNED.store(true, Ordering::SeqCst);
    assert_eq!(test.trace().last().map(String::as_str), Some("free"), "{:?}", test.trace());
    is_gone(test);
}

#[test]
fn inside_its_own_callbacks_it_ends_when_they_have_returned() {
    let _alone = alone();
    let server = Server::start();
    for mode in [Mode::Dispatched, Mode::Inline] {
        for inside in ["attempt", "open", "terminate", "reconnect"] {
            let closes: crate::Script = Box::new(|_, r| assert_eq!((api().ws_reconnector_close)(r), WS_OK));
            let urls = [server.ws("/close?code=1001")];
            let test = Test::with(mode, &urls, FAST, Options::new(), vec![(inside, closes)]);
            test.until("free", 1);
            let trace = test.trace();
            assert!(trace.ends_with(&["end 1".into(), "free".into()]), "{inside}: {trace:?}");
            assert!(test.count("attempt") == 1, "{inside}: {trace:?}");
            is_gone(test);
        }
    }
}

#[test]
fn with_a_dispatcher_only_its_owner_closes() {
    let _alone = alone();
    let server = Server::start();
    let test = Test::new(Mode::Dispatched, &[server.ws("/echo")], FAST);
    test.until("open", 1);
    let r = test.r;
    let elsewhere = thread::spawn(move || (api().ws_reconnector_close)(r)).join().unwrap();
    assert_eq!(elsewhere, WS_ERR_WRONG_THREAD);
    assert_eq!((api().ws_reconnector_get_status)(r), WS_STATUS_CONNECTED);
    // Its socket is not the host's to close alone.
    let socket = (api().ws_reconnector_get_socket)(r);
    assert_eq!((api().ws_close)(socket), WS_ERR_UNSUPPORTED);
    assert_eq!(close(&test), WS_OK);
    is_gone(test);
}

#[test]
fn inside_a_callback_that_closing_the_dispatcher_runs_it_ends_during_the_call() {
    let _alone = alone();
    let server = Server::start();
    let other = Arc::new(Mutex::new(None::<(Reconnector, usize)>));
    let closes = Arc::clone(&other);
    let script: Script = Box::new(move |_, _| {
        let other = closes.lock().unwrap().take();
        let (r, user_data) = other.expect("it is called once");
        assert_eq!((api().ws_reconnector_close)(r), WS_OK);
        let trace = world(user_data as *mut c_void).state.lock().unwrap().trace.clone();
        assert_eq!(trace, ["attempt 0", "open", "terminate 1006", "end 1", "free"]);
    });
    let url = [server.ws("/echo")];
    let first = Test::with(Mode::Dispatched, &url, FAST, Options::new(), vec![("terminate", script)]);
    first.until("open", 1);
    let second = Test::on(first.dispatcher, Mode::Dispatched, &url, FAST, Options::new(), vec![]);
    second.until("open", 1);
    *other.lock().unwrap() = Some((second.r, Arc::as_ptr(&second.world) as usize));
    assert_eq!(first.dispatcher.close(), WS_OK);
    assert!(other.lock().unwrap().is_none(), "the first one's on_terminate has closed it");
    assert_eq!(first.count("free"), 1);
    std::mem::forget(second);
}
