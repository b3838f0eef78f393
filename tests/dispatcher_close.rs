//! Closing a dispatcher ends its sockets for the host at once, and for the network in good order.

mod support;

use std::thread;

use support::{arrived, closed_with, script};
use ws4d_test_host::codes::*;
use ws4d_test_host::{Host, Options};
use ws4d_test_server::{Seen, Server};

#[test]
fn every_socket_terminates_and_is_freed_during_the_call() {
    let server = Server::start();
    let host = Host::new();
    host.to(server.ws("/echo")).named("open").open();
    host.to(server.ws("/no-answer")).named("connecting").open_async();
    host.to(script(&server, "text:a,text:b,ping:sync")).named("busy").open();
    arrived(&server, "sync");
    host.to(script(&server, "text:held,ping:held")).named("paused").open().pause();
    arrived(&server, "held");
    assert_eq!(host.dispatcher().close(), WS_OK);
    assert_eq!(host.trace_of("open"), ["open", "terminate 1006", "free"]);
    assert_eq!(host.trace_of("connecting"), ["terminate 1006", "free"]);
    assert_eq!(
        host.trace_of("busy"),
        ["open", "terminate 1006", "free"],
        "what was undelivered is discarded"
    );
    assert_eq!(host.trace_of("paused"), ["open", "terminate 1006", "free"]);
    assert!(host.every_callback_ran_on(thread::current().id()));
}

#[test]
fn a_close_frame_of_the_server_that_had_arrived_is_told() {
    let server = Server::start();
    let host = Host::new();
    host.open(script(&server, "text:a,close:4001:bye"));
    closed_with(&server, 4001);
    assert_eq!(host.dispatcher().close(), WS_OK);
    assert_eq!(host.trace(), ["open", "terminate 4001 bye clean", "free"]);
}

#[test]
fn what_was_accepted_for_sending_reaches_the_server_and_then_1001() {
    let server = Server::narrow();
    let host = Host::new();
    let ws = host.open(script(&server, "gate:read"));
    let large = vec![7; 1 << 20];
    let sent = ws.send_until_held(1 << 20, |_| ws.send_blob(&large));
    assert_eq!(ws.send_text("last"), WS_OK);
    assert_eq!(host.dispatcher().close(), WS_OK);
    assert_eq!(host.trace(), ["open", "terminate 1006", "free"]);
    server.open_gate("read");
    closed_with(&server, 1001);
    let seen: Vec<Seen> = server.log().into_iter().map(|event| event.seen).skip(3).collect();
    assert!(seen[..sent].iter().all(|seen| *seen == Seen::Binary(large.clone())), "{sent} large ones");
    assert_eq!(seen[sent..sent + 2], [Seen::Text("last".into()), Seen::Close(Some(1001), String::new())]);
    server.wait_until_idle();
}

#[test]
fn corked_messages_leave_before_1001() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/idle"));
    assert_eq!((ws.cork(), ws.send_text("held"), host.dispatcher().close()), (WS_OK, WS_OK, WS_OK));
    closed_with(&server, 1001);
    server.wait_for(|event| event.seen == Seen::Text("held".into()));
}

#[test]
fn a_server_that_does_not_answer_is_dropped_within_the_close_timeout() {
    let server = Server::start();
    let host = Host::new();
    let soon = Options::new().set(|api, o| (api.ws_options_set_close_timeout_ms)(o, 50));
    host.to(script(&server, "wait_close")).with(soon).open();
    assert_eq!(host.dispatcher().close(), WS_OK);
    closed_with(&server, 1001);
    server.wait_for(|event| matches!(event.seen, Seen::Eof | Seen::Reset));
}

#[test]
fn afterwards_the_sockets_are_closed_and_their_tokens_valid() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    host.dispatcher().close();
    assert!(ws.is_valid());
    assert_eq!(ws.status(), WS_STATUS_CLOSED);
    assert_eq!(ws.send_text("too late"), WS_ERR_CLOSED);
    assert_eq!((ws.terminate(1000, ""), ws.abort(), ws.pause(), ws.resume()), (WS_OK, WS_OK, WS_OK, WS_OK));
    assert_eq!(ws.release(), WS_OK);
    assert!(!ws.is_valid());
    closed_with(&server, 1001);
}

#[test]
fn the_handle_is_stale_for_the_callbacks_that_close_runs() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    let url = server.ws("/echo");
    host.on("a", move |call| {
        if call.host.count("a open") == 1 && call.host.count("a terminate") == 1 {
            assert_eq!((d.dispatch(0), d.close()), (WS_ERR_INVALID_HANDLE, WS_ERR_INVALID_HANDLE));
            let refused = call.host.to(url.clone()).named("b").try_open_async();
            assert_eq!(refused.expect_err("stale").code(), WS_ERR_INVALID_HANDLE);
        }
    });
    host.to(server.ws("/echo")).named("a").open();
    assert_eq!(d.close(), WS_OK);
    assert_eq!(host.trace(), ["a open", "a terminate 1006", "b free", "a free", "b free"]);
}

#[test]
fn inside_a_callback_it_returns_at_once_and_the_socket_on_the_stack_ends_with_its_callback() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    host.once("a message", move |call| {
        assert_eq!(d.close(), WS_OK);
        assert_eq!(call.host.trace_of("b"), ["open", "terminate 1006", "free"], "not on the stack");
        assert_eq!(call.host.count("a terminate"), 0);
        assert!(!call.ws.user_data().is_null());
    });
    host.to(script(&server, "text:1,text:2,ping:sync")).named("a").open();
    host.to(server.ws("/idle")).named("b").open();
    arrived(&server, "sync");
    assert_eq!(d.dispatch(0), WS_ERR_CANCELLED);
    assert_eq!(host.trace_of("a"), ["open", "message text 1", "terminate 1006", "free"]);
    assert!(host.every_callback_ran_on(thread::current().id()));
}

#[test]
fn inside_nested_callbacks_each_socket_ends_with_its_own() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    host.once("a message", move |call| {
        assert_eq!(d.dispatch(0), WS_ERR_CANCELLED);
        assert_eq!(call.host.trace_of("b").last().unwrap(), "free", "its callback has returned");
        assert_eq!(call.host.count("a terminate"), 0);
    });
    host.once("b message", move |call| {
        assert_eq!(d.close(), WS_OK);
        assert_eq!((call.host.count("a terminate"), call.host.count("b terminate")), (0, 0));
    });
    for name in ["a", "b"] {
        host.to(script(&server, &format!("text:1,ping:{name}"))).named(name).open();
        arrived(&server, name);
    }
    assert_eq!(d.dispatch(1), WS_ERR_CANCELLED);
    let ends = ["b terminate 1006", "b free", "a terminate 1006", "a free"];
    assert_eq!(host.trace()[4..], ends);
}

#[test]
fn a_close_inside_the_last_callbacks_repeats_none_of_them() {
    let server = Server::start();
    for at in ["error", "terminate", "free"] {
        let host = Host::new();
        let d = host.dispatcher();
        host.on(at, move |_| assert_eq!(d.close(), WS_OK));
        host.open(script(&server, "rst"));
        assert_eq!(d.run(), WS_ERR_CANCELLED, "{at}");
        let whole = ["open", "error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"];
        assert_eq!(host.trace(), whole, "{at}");
    }
}

#[test]
fn callbacks_that_close_runs_may_use_another_dispatcher() {
    let server = Server::start();
    let (old, new) = (Host::new(), Host::new());
    let url = server.ws("/echo");
    let reopened = new.clone();
    old.on("terminate", move |_| assert_eq!(reopened.open(url.clone()).send_text("again"), WS_OK));
    old.open(server.ws("/echo"));
    assert_eq!(old.dispatcher().close(), WS_OK);
    new.run_until("message text again");
}

#[test]
fn one_of_two_threads_closes_and_the_other_is_refused() {
    let server = Server::start();
    let host = Host::new();
    host.open(server.ws("/idle"));
    let d = host.dispatcher();
    let refused = thread::spawn(move || d.close()).join().unwrap();
    assert_eq!((refused, d.close(), d.close()), (WS_ERR_WRONG_THREAD, WS_OK, WS_ERR_INVALID_HANDLE));
}
