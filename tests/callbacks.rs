//! The order of callbacks is a promise to the host.

mod support;

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use support::{arrived, script, until_status};
use ws4d_test_host::codes::*;
use ws4d_test_host::{Dispatcher, Errors, Host, Options, OptionsToken, RawHandler, Socket, api, c};
use ws4d_test_server::Server;

#[test]
fn terminate_is_the_last_callback_and_free_follows_it() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    ws.send_text("hello");
    host.run_until("message text hello");
    ws.terminate(1000, "bye");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message text hello", "terminate 1000 bye clean", "free"]);
    assert!(host.every_callback_ran_on(thread::current().id()));
}

#[test]
fn messages_that_arrive_during_ws_new_wait_for_the_dispatcher() {
    let server = Server::start();
    let host = Host::new();
    host.open(server.ws("/glued?do=text:early,binary:0102,ping:sync"));
    arrived(&server, "sync");
    assert_eq!(host.trace(), ["open"]);
    assert!(host.every_callback_ran_on(thread::current().id()));
    assert_eq!(host.dispatch(), 2);
    assert_eq!(host.trace(), ["open", "message text early", "message blob 0102"]);
}

#[test]
fn a_socket_made_by_ws_new_async_opens_on_the_dispatchers_thread() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open_async(server.ws("/echo"));
    assert_eq!(host.trace(), [""; 0]);
    assert_eq!(ws.send_text("early"), WS_OK);
    host.run_until("message text early");
    assert_eq!(host.trace(), ["open", "message text early"]);
    assert!(host.every_callback_ran_on(thread::current().id()));
}

#[test]
fn a_lost_connection_is_an_error_before_it_is_the_end() {
    let server = Server::start();
    for end in ["rst", "drop", "fin"] {
        let host = Host::new();
        host.open(script(&server, &format!("text:last,gate:{end},{end}")));
        host.run_until("message");
        server.open_gate(end);
        host.run_until("free");
        let expected =
            ["open", "message text last", "error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"];
        assert_eq!(host.trace(), expected, "{end}");
    }
}

#[test]
fn messages_that_arrived_before_a_failure_are_delivered_before_it() {
    let server = Server::start();
    let host = Host::new();
    host.open(script(&server, "cork,text:a,text:b,frame:f1:00,text:c"));
    host.run_until("free");
    let trace = host.trace();
    assert_eq!(trace[..4], ["open", "message text a", "message text b", "error WS_ERR_PROTOCOL"]);
    assert_eq!(trace.len(), 6, "{trace:?}");
}

#[test]
fn messages_that_wait_when_the_connection_is_lost_are_delivered_before_the_error() {
    let server = Server::start();
    for end in ["rst", "drop", "fin"] {
        let host = Host::new();
        let ws = host.open(script(&server, &format!("text:a,text:b,ping:{end},expect,{end}")));
        arrived(&server, end);
        assert_eq!(ws.send_text("go on"), WS_OK);
        until_status(ws, WS_STATUS_CLOSED);
        host.run_until("free");
        let messages = ["open", "message text a", "message text b"];
        assert_eq!(host.trace()[..3], messages, "{end}");
        assert_eq!(host.trace()[3..], ["error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"], "{end}");
    }
}

#[test]
fn the_servers_close_frame_is_no_error() {
    let server = Server::start();
    for (commands, end) in [
        ("close:4001:bye", "terminate 4001 bye clean"),
        ("close_empty", "terminate 1005 clean"),
        ("close:1000", "terminate 1000 clean"),
    ] {
        let host = Host::new();
        host.open(script(&server, commands));
        host.run_until("free");
        assert_eq!(host.trace(), ["open", end, "free"]);
    }
}

#[test]
fn the_hosts_own_act_is_no_error() {
    let server = Server::start();
    let host = Host::new();
    host.to(server.ws("/echo")).named("aborted").open().abort();
    let unanswered = host
        .to(script(&server, "wait_close"))
        .named("unanswered")
        .with(Options::new().set(|api, o| (api.ws_options_set_close_timeout_ms)(o, 1)));
    unanswered.open().terminate(1000, "");
    host.to(server.ws("/no-answer")).named("early").open_async().terminate(1000, "");
    host.run_until("aborted free");
    host.run_until("unanswered free");
    host.run_until("early free");
    assert_eq!(host.trace_of("aborted"), ["open", "terminate 1006", "free"]);
    assert_eq!(host.trace_of("unanswered"), ["open", "terminate 1006", "free"]);
    assert_eq!(host.trace_of("early"), ["terminate 1006", "free"]);
}

#[test]
fn a_connection_that_fails_later_is_an_error_and_an_end() {
    let server = Server::start();
    let host = Host::new();
    let port = server.closed_port();
    host.open_async(format!("ws://127.0.0.1:{port}/"));
    host.run_until("free");
    assert_eq!(host.trace(), ["error WS_ERR_CONNECTION_REFUSED", "terminate 1006", "free"]);
}

#[test]
fn where_ws_new_fails_only_on_free_runs() {
    let server = Server::start();
    let refused = format!("ws://127.0.0.1:{}/", server.closed_port());
    for (url, code) in [
        (refused, "WS_ERR_CONNECTION_REFUSED"),
        (server.ws("/status?code=503"), "WS_ERR_HTTP_STATUS"),
        (server.ws("/bad-accept"), "WS_ERR_HANDSHAKE"),
        ("http://127.0.0.1/".to_owned(), "WS_ERR_INVALID_URL"),
    ] {
        let host = Host::new();
        let errors = host.to(url).try_open().expect_err("it cannot be opened");
        assert_eq!((errors.name(), host.trace()), (code.to_owned(), vec!["free".to_owned()]));
        assert!(host.every_callback_ran_on(thread::current().id()));
        assert_eq!(host.dispatch(), 0);
    }
}

#[test]
fn on_free_runs_exactly_once_also_where_nothing_could_be_made() {
    extern "C" fn count(user_data: *mut std::ffi::c_void) {
        // SAFETY: the test's counter.
        unsafe { &*user_data.cast::<AtomicUsize>() }.fetch_add(1, Ordering::SeqCst);
    }
    let freed = AtomicUsize::new(0);
    let handler = RawHandler {
        user_data: (&raw const freed).cast_mut().cast(),
        on_free: Some(count),
        ..RawHandler::INIT
    };
    let stale = RawHandler { dispatcher: Dispatcher(99), ..handler };
    let ws = (api().ws_new_async)(c("nonsense").as_ptr(), &handler, Options::new().0, ptr::null_mut());
    assert_eq!((ws, freed.load(Ordering::SeqCst)), (Socket::NULL, 1));
    let ws = (api().ws_new)(c("ws://127.0.0.1:1/").as_ptr(), &stale, Options::new().0, ptr::null_mut());
    assert_eq!((ws, freed.load(Ordering::SeqCst)), (Socket::NULL, 2));
    let small = RawHandler { size: 8, ..handler };
    let ws = (api().ws_new)(c("ws://127.0.0.1:1/").as_ptr(), &small, Options::new().0, ptr::null_mut());
    assert_eq!((ws, freed.load(Ordering::SeqCst)), (Socket::NULL, 2), "a struct too small is not used");
}

/// A handler of a later version: with one field more.
#[repr(C)]
struct Later {
    known: RawHandler,
    more: usize,
}

#[test]
fn a_handler_that_is_none_of_this_version_is_refused_with_the_reason() {
    let later = |size, more| Later { known: RawHandler { size, ..RawHandler::INIT }, more };
    for (handler, code, why) in [
        (later(0, 0), "WS_ERR_INVALID_ARGUMENT", "begin it with WS_HANDLER_INIT"),
        (later(8, 0), "WS_ERR_INVALID_ARGUMENT", "begin it with WS_HANDLER_INIT"),
        (
            later(size_of::<Later>(), 1),
            "WS_ERR_UNSUPPORTED",
            "does not know; set only those of its own header",
        ),
    ] {
        let mut errors = ptr::null_mut();
        let url = c("ws://127.0.0.1:1/");
        let ws = (api().ws_new_async)(url.as_ptr(), &raw const handler.known, OptionsToken(0), &mut errors);
        assert_eq!(ws, Socket::NULL);
        let errors = Errors::take(errors);
        assert!(errors.name() == code && errors.entries[0].2.contains(why), "{why}: {errors:?}");
    }
}

#[test]
fn after_on_free_the_socket_has_no_user_data() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    let mut handler = RawHandler::INIT;
    assert_eq!((api().ws_get_handler)(ws, &mut handler), WS_OK);
    assert!(!handler.user_data.is_null() && handler.user_data == ws.user_data());
    assert_eq!(handler.dispatcher, host.dispatcher());
    ws.abort();
    host.on("terminate", |call| assert!(!call.ws.user_data().is_null()));
    host.run_until("free");
    assert_eq!((api().ws_get_handler)(ws, &mut handler), WS_OK);
    assert!(handler.user_data.is_null() && ws.user_data().is_null());
}

#[test]
fn on_open_may_end_its_socket_and_ws_new_still_returns_it() {
    let server = Server::start();
    for (how, end) in [("terminate", "terminate 4000 done clean"), ("abort", "terminate 1006")] {
        let host = Host::new();
        host.on("open", move |call| {
            let done = if how == "abort" { call.ws.abort() } else { call.ws.terminate(4000, "done") };
            assert_eq!(done, WS_OK);
        });
        let ws = host.open(server.ws("/echo"));
        assert!([WS_STATUS_CLOSING, WS_STATUS_CLOSED].contains(&ws.status()), "{}", ws.status());
        assert_eq!(host.trace(), ["open"]);
        host.run_until("free");
        assert_eq!(host.trace(), ["open", end, "free"]);
    }
}

#[test]
fn on_open_may_release_its_socket_and_ws_new_still_returns_it() {
    let server = Server::start();
    let host = Host::new();
    host.on("open", |call| assert_eq!(call.ws.release(), WS_OK));
    let ws = host.open(server.ws("/echo"));
    assert!(ws.is_valid());
    assert_eq!(ws.send_text("still open"), WS_OK);
    host.run_until("message text still open");
    ws.terminate(1000, "");
    host.run_until("free");
    assert!(!ws.is_valid());
}

#[test]
fn on_open_may_close_the_dispatcher_and_ws_new_still_returns_its_socket() {
    let server = Server::start();
    for release in [false, true] {
        let host = Host::new();
        host.on("open", move |call| {
            assert_eq!(call.host.dispatcher().close(), WS_OK);
            assert_eq!(call.host.trace(), ["open"]);
            if release {
                assert_eq!(call.ws.release(), WS_OK);
            }
        });
        let ws = host.open(server.ws("/echo"));
        assert_eq!(host.trace(), ["open", "terminate 1006", "free"]);
        assert_eq!((ws.is_valid(), ws.status()), (!release, WS_STATUS_CLOSED));
        assert!(host.every_callback_ran_on(thread::current().id()));
    }
}

#[test]
fn on_drain_follows_a_full_send_buffer_and_on_pong_a_ping() {
    let server = Server::narrow();
    let host = Host::new();
    let small = Options::new().set(|api, o| (api.ws_options_set_send_buffer_size)(o, 1000));
    let ws = host.to(script(&server, "gate:read")).with(small).open();
    let mut result = WS_OK;
    while result == WS_OK {
        result = ws.send_blob(&[7; 1 << 20]);
    }
    assert_eq!(result, WS_ERR_WOULD_BLOCK);
    server.open_gate("read");
    host.run_until("drain");
    assert_eq!(ws.send_text("more"), WS_OK);
    assert_eq!(ws.ping("are you there"), WS_OK);
    host.run_until("pong are you there");
    assert_eq!(host.trace(), ["open", "drain", "pong are you there"]);
}

#[test]
fn callbacks_that_are_null_are_not_missed() {
    let server = Server::start();
    let dispatcher = (api().ws_dispatcher_new)();
    let handler = RawHandler { dispatcher, ..RawHandler::INIT };
    let url = c(&script(&server, "text:a,close:1000"));
    let ws = (api().ws_new)(url.as_ptr(), &handler, Options::new().0, ptr::null_mut());
    assert_eq!(dispatcher.run(), WS_OK);
    assert_eq!((ws.status(), ws.release()), (WS_STATUS_CLOSED, WS_OK));
    assert!(!ws.is_valid());
    assert_eq!(dispatcher.close(), WS_OK);
}

#[test]
fn a_socket_with_no_handler_only_sends_and_is_over_with_its_connection() {
    let server = Server::start();
    let url = c(&script(&server, "expect,text:answer,close:1000"));
    let ws = (api().ws_new)(url.as_ptr(), ptr::null(), Options::new().0, ptr::null_mut());
    assert_eq!(ws.release(), WS_OK);
    assert!(ws.is_valid(), "released, but not over");
    assert_eq!(ws.send_text("question"), WS_OK);
    // The status of a stale token is Closed, too.
    until_status(ws, WS_STATUS_CLOSED);
    server.wait_until_idle();
}

#[test]
fn a_callback_may_open_a_socket_and_wait_for_it() {
    let server = Server::start();
    let host = Host::new();
    let url = server.ws("/echo");
    let opened = Arc::new(AtomicUsize::new(0));
    let inside = Arc::clone(&opened);
    host.once("a message", move |call| {
        let b = call.host.to(url.clone()).named("b").open();
        inside.store(b.0, Ordering::SeqCst);
        assert_eq!(call.host.trace_of("b"), ["open"]);
    });
    host.to(script(&server, "text:go")).named("a").open();
    host.run_until("a message");
    Socket(opened.load(Ordering::SeqCst)).send_text("hello");
    host.run_until("b message text hello");
    assert!(host.every_callback_ran_on(thread::current().id()));
}
