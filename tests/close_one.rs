//! `ws_close` ends one socket at once: when it has returned, no callback of that socket runs or ever will.

mod support;

use std::sync::mpsc;
use std::thread;

use support::{closed_with, script};
use ws4d_test_host::codes::*;
use ws4d_test_host::{Host, Socket, api};
use ws4d_test_server::{Seen, Server};

fn close(ws: Socket) -> i32 {
    (api().ws_close)(ws)
}

#[test]
fn on_terminate_and_on_free_run_during_the_call_on_the_calling_thread() {
    let server = Server::start();
    for host in [Host::new(), Host::inline(), Host::driving()] {
        let ws = host.open(server.ws("/echo"));
        assert_eq!(close(ws), WS_OK);
        assert_eq!(host.trace(), ["open", "terminate 1006", "free"]);
        let ends = host.entries().into_iter().filter(|entry| entry.text != "open");
        assert!(ends.into_iter().all(|entry| entry.thread == thread::current().id()));
        assert_eq!(close(ws), WS_ERR_INVALID_HANDLE, "the handle is stale");
        assert_eq!((api().ws_release)(ws), WS_ERR_INVALID_HANDLE, "it counts as released");
    }
}

#[test]
fn what_was_accepted_still_goes_out_and_then_a_close_frame_with_1000() {
    let server = Server::start();
    let host = Host::inline();
    let ws = host.open(server.ws("/echo"));
    (api().ws_cork)(ws);
    ws.send_text("last words");
    assert_eq!(close(ws), WS_OK);
    server.wait_for(|event| event.seen == Seen::Text("last words".into()));
    closed_with(&server, 1000);
}

#[test]
fn what_is_undelivered_is_discarded() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "text:a,text:b,ping:sync"));
    support::arrived(&server, "sync");
    assert_eq!(close(ws), WS_OK);
    assert_eq!(host.trace(), ["open", "terminate 1006", "free"]);
    assert_eq!(host.dispatch(), 0);
}

#[test]
fn a_close_frame_that_had_arrived_is_told() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "close:4321"));
    support::until_status(ws, WS_STATUS_CLOSED);
    assert_eq!(close(ws), WS_OK);
    assert!(host.trace()[1].starts_with("terminate 4321"), "{:?}", host.trace());
    assert_eq!(host.trace().len(), 3);
}

#[test]
fn inside_a_callback_of_its_own_it_ends_when_that_has_returned() {
    let server = Server::start();
    for host in [Host::new(), Host::inline(), Host::driving()] {
        host.on("message", |call| {
            assert_eq!(close(call.ws), WS_OK);
            assert_eq!(close(call.ws), WS_ERR_INVALID_HANDLE);
            assert_eq!((api().ws_get_status)(call.ws), WS_STATUS_CONNECTED);
        });
        let ws = host.open(script(&server, "text:a,text:b"));
        host.run_until("free");
        assert_eq!(host.trace(), ["open", "message text a", "terminate 1006", "free"]);
        assert_eq!((api().ws_get_status)(ws), WS_STATUS_CLOSED);
    }
}

#[test]
fn a_callback_that_runs_on_another_thread_is_waited_for() {
    let server = Server::start();
    let host = Host::inline();
    let (entered, is_entered) = mpsc::channel();
    let (leave, may_leave) = mpsc::channel::<()>();
    let may_leave = std::sync::Mutex::new(may_leave);
    host.on("message text a", move |_| {
        entered.send(()).unwrap();
        may_leave.lock().unwrap().recv().unwrap();
    });
    let ws = host.open(script(&server, "text:a"));
    is_entered.recv().unwrap();
    let (told, done) = mpsc::channel();
    let closer = thread::spawn(move || {
        told.send(None).unwrap();
        told.send(Some(close(ws))).unwrap();
    });
    assert_eq!(done.recv().unwrap(), None);
    // The closer's call cannot return while the callback runs.
    assert!(done.try_recv().is_err());
    leave.send(()).unwrap();
    assert_eq!(done.recv().unwrap(), Some(WS_OK));
    closer.join().unwrap();
    assert_eq!(host.trace(), ["open", "message text a", "terminate 1006", "free"]);
}

#[test]
fn two_threads_that_close_at_once_run_the_last_callbacks_once() {
    let server = Server::start();
    for _ in 0..50 {
        let host = Host::inline();
        let ws = host.open(script(&server, "text:a,text:b"));
        let closers: Vec<_> = (0..2).map(|_| thread::spawn(move || close(ws))).collect();
        let mut results: Vec<_> = closers.into_iter().map(|closer| closer.join().unwrap()).collect();
        results.sort_unstable();
        assert_eq!(results, [WS_ERR_INVALID_HANDLE, WS_OK]);
        let trace = host.trace();
        assert_eq!(trace.iter().filter(|line| line.starts_with("terminate")).count(), 1, "{trace:?}");
        assert_eq!(trace.last().map(String::as_str), Some("free"), "{trace:?}");
    }
}

#[test]
fn with_a_dispatcher_only_its_owner_closes() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    assert_eq!(thread::spawn(move || close(ws)).join().unwrap(), WS_ERR_WRONG_THREAD);
    assert_eq!(host.trace(), ["open"]);
    assert_eq!((api().ws_get_status)(ws), WS_STATUS_CONNECTED);
    assert_eq!(close(ws), WS_OK);
}

#[test]
fn a_socket_that_was_released_before_can_be_closed() {
    let server = Server::start();
    let host = Host::inline();
    let ws = host.open(server.ws("/echo"));
    assert_eq!((api().ws_release)(ws), WS_OK);
    assert_eq!(close(ws), WS_OK);
    assert_eq!(host.trace(), ["open", "terminate 1006", "free"]);
}

#[test]
fn an_attempt_is_given_up() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open_async(server.ws("/no-answer"));
    assert_eq!(close(ws), WS_OK);
    assert_eq!(host.trace(), ["terminate 1006", "free"]);
}

#[test]
fn a_pulled_terminate_is_not_repeated() {
    let server = Server::start();
    let host = Host::pulling();
    let ws = host.open(script(&server, "close:1000"));
    let pulled = host.pull(-1).map(|(_, pulled)| pulled);
    assert!(pulled.is_some());
    assert_eq!(close(ws), WS_OK);
    assert_eq!(host.trace(), ["open", "terminate 1000 clean", "free"], "the first two were pulled");
    drop(pulled);
    assert_eq!(close(ws), WS_ERR_INVALID_HANDLE);
}

/// The sockets of the dispatcher, in the order in which closing it ends them.
const BOTH: [(&str, &str); 2] = [("a terminate", "b"), ("a free", "b")];

#[test]
fn inside_a_callback_that_closing_the_dispatcher_runs_another_socket_ends_during_the_call() {
    let server = Server::start();
    for (callback, other) in BOTH {
        for host in [Host::new(), Host::driving()] {
            host.to(server.ws("/echo")).named("a").open();
            let ws = host.to(server.ws("/echo")).named(other).open();
            host.on(callback, move |call| {
                assert_eq!(close(ws), WS_OK);
                assert_eq!(call.host.trace_of(other), ["open", "terminate 1006", "free"], "{callback}");
            });
            assert_eq!(host.dispatcher().close(), WS_OK);
            assert_eq!(host.trace_of("a"), ["open", "terminate 1006", "free"]);
            assert_eq!(host.trace_of(other), ["open", "terminate 1006", "free"]);
        }
    }
}

#[test]
fn so_does_one_whose_terminate_was_pulled() {
    let server = Server::start();
    for (callback, other) in BOTH {
        let host = Host::pulling();
        host.to(server.ws("/echo")).named("a").open();
        let ws = host.to(script(&server, "close:1000")).named(other).open();
        let pulled = host.pull(-1);
        assert_eq!(host.trace_of(other).last().unwrap(), "terminate 1000 clean");
        host.on(callback, move |call| {
            assert_eq!(close(ws), WS_OK);
            assert_eq!(call.host.trace_of(other).last().unwrap(), "free", "{callback}");
        });
        assert_eq!(host.dispatcher().close(), WS_OK);
        assert_eq!(host.count("b free"), 1);
        drop(pulled);
    }
}
