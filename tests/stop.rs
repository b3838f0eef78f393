//! `ws_dispatcher_stop` makes the calls in progress return, from the inside out, or the next one, once.

mod support;

use std::sync::{Arc, Barrier};
use std::thread;

use support::{arrived, script};
use ws4d_test_host::codes::*;
use ws4d_test_host::{Call, Host, Options};
use ws4d_test_server::{Seen, Server};

#[test]
fn a_stop_with_no_call_in_progress_is_remembered_once() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    host.open(script(&server, "text:a,ping:sync"));
    arrived(&server, "sync");
    assert_eq!((d.stop(), d.stop()), (WS_OK, WS_OK));
    assert_eq!(d.wait(-1), 0, "the stop was remembered");
    assert_eq!(d.wait(-1), 1, "but once");
    assert_eq!(host.trace(), ["open", "message text a"]);
}

#[test]
fn each_call_says_stop_in_its_own_way() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    host.open(server.ws("/idle"));
    d.stop();
    assert_eq!(d.run(), WS_OK);
    d.stop();
    assert_eq!(d.next(-1).unwrap().map(|_| ()), None);
    d.stop();
    assert_eq!(d.dispatch(0), 0);
    d.stop();
    let cancelled = host.to(server.ws("/no-answer")).named("b").try_open();
    assert_eq!(cancelled.expect_err("it is stopped").code(), WS_ERR_CANCELLED);
    assert_eq!(host.trace(), ["open", "b free"]);
    assert_eq!(d.wait(0), 0);
}

#[test]
fn a_stop_from_another_thread_ends_run() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    host.on("message", move |_| {
        // Off the stack's thread, while run is certainly in progress.
        thread::scope(|scope| scope.spawn(move || assert_eq!(d.stop(), WS_OK)).join().unwrap());
    });
    let ws = host.open(script(&server, "text:a,gate:b,text:b"));
    assert_eq!(d.run(), WS_OK);
    assert_eq!((host.trace().len(), ws.status()), (2, WS_STATUS_CONNECTED));
    server.open_gate("b");
    assert_eq!(d.run(), WS_OK, "it is used up; the second message stops again");
    assert_eq!(host.trace(), ["open", "message text a", "message text b"]);
}

#[test]
fn a_stop_while_ws_new_waits_cancels_it() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    thread::scope(|scope| {
        scope.spawn(|| {
            server.wait_for(|event| matches!(event.seen, Seen::Request { .. }));
            assert_eq!(d.stop(), WS_OK);
        });
        let cancelled = host.to(server.ws("/no-answer")).try_open();
        assert_eq!(cancelled.expect_err("it is stopped").code(), WS_ERR_CANCELLED);
    });
    assert_eq!(host.trace(), ["free"]);
    server.wait_for(|event| matches!(event.seen, Seen::Eof | Seen::Reset));
    host.to(server.ws("/echo")).named("b").open();
}

#[test]
fn a_stop_ends_nested_calls_from_the_inside_out() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    host.once("a message", move |call: &Call| {
        assert_eq!(call.host.dispatcher().run(), WS_OK, "the middle one, on the stack of the outer");
        assert_eq!(call.host.count("c message"), 1);
        call.ws.send_text("middle returned");
    });
    host.once("b message", move |call: &Call| {
        assert_eq!(call.host.dispatcher().run(), WS_OK, "the innermost");
        call.ws.send_text("inner returned");
    });
    host.once("c message", move |_| assert_eq!(d.stop(), WS_OK));
    for name in ["a", "b", "c"] {
        host.to(script(&server, &format!("text:go,ping:{name},expect,text:late"))).named(name).open();
        arrived(&server, name);
    }
    assert_eq!(d.run(), WS_OK);
    let order = ["a open", "b open", "c open", "a message text go", "b message text go", "c message text go"];
    assert_eq!(host.trace(), order, "no further callback came on the way out");
    host.run_until("a message text late");
    host.run_until("b message text late");
}

#[test]
fn a_stop_ends_only_calls_that_were_in_progress() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    host.once("a message", move |call| {
        assert_eq!(d.stop(), WS_OK);
        // Nested, begun after the stop.
        assert_eq!(d.wait(-1), 1);
        assert_eq!(call.host.count("b message"), 1);
    });
    host.to(script(&server, "text:1,text:2,ping:a")).named("a").open();
    host.to(script(&server, "text:1,ping:b")).named("b").open();
    arrived(&server, "a");
    arrived(&server, "b");
    assert_eq!(d.dispatch(0), 1, "the outer one was stopped after its first callback");
    assert_eq!(d.dispatch(0), 1);
    assert_eq!(host.count("a message"), 2);
}

#[test]
fn a_dispatcher_that_is_closed_under_its_calls_cancels_them() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    host.on("message", move |_| assert_eq!(d.close(), WS_OK));
    host.open(script(&server, "text:a,text:b"));
    assert_eq!(d.run(), WS_ERR_CANCELLED);
    assert_eq!(host.trace(), ["open", "message text a", "terminate 1006", "free"]);

    let host = Host::new();
    let d = host.dispatcher();
    host.on("message", move |_| assert_eq!(d.close(), WS_OK));
    host.open(script(&server, "text:a"));
    assert_eq!(d.wait(-1), WS_ERR_CANCELLED);
}

#[test]
fn a_stop_at_any_moment_of_ws_new_cancels_it() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    // Just before, it is remembered; from then on, the call is in progress.
    for round in 0..300 {
        let options = Options::new().set(|api, o| (api.ws_options_set_connect_timeout_ms)(o, 5000));
        let opening = host.to(server.ws("/no-answer")).with(options);
        let both = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                both.wait();
                (0..round * 20).for_each(|_| std::hint::spin_loop());
                assert_eq!(d.stop(), WS_OK);
            });
            both.wait();
            assert_eq!(opening.try_open().expect_err("it is stopped").name(), "WS_ERR_CANCELLED");
        });
    }
}

#[test]
fn a_stop_ends_a_ws_new_inside_a_callback_and_the_dispatch_around_it() {
    let server = Arc::new(Server::start());
    let host = Host::new();
    let d = host.dispatcher();
    let (url, watched) = (server.ws("/no-answer"), Arc::clone(&server));
    host.once("a message", move |call| {
        thread::scope(|scope| {
            scope.spawn(|| {
                watched.wait_for(|event| event.path == "/no-answer");
                assert_eq!(d.stop(), WS_OK);
            });
            let errors = call.host.to(url).named("b").try_open().expect_err("it is stopped");
            assert_eq!(errors.name(), "WS_ERR_CANCELLED");
        });
    });
    host.to(script(&server, "text:1,text:2,ping:sync")).named("a").open();
    arrived(&server, "sync");
    assert_eq!(d.run(), WS_OK);
    assert_eq!(host.trace(), ["a open", "a message text 1", "b free"]);
}
