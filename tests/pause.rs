//! `ws_pause` holds back messages and what is queued behind one, and nothing else.

mod support;

use support::{arrived, closed_with, script};
use ws4d_test_host::codes::*;
use ws4d_test_host::{Host, Options};
use ws4d_test_server::{Seen, Server};

#[test]
fn pause_holds_messages_back_and_resume_lets_them_go() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "text:1,text:2,ping:sync,expect,text:3"));
    assert_eq!((ws.pause(), ws.pause()), (WS_OK, WS_OK));
    arrived(&server, "sync");
    assert_eq!((host.dispatch(), host.dispatcher().wait(0)), (0, 0));
    assert!(host.dispatcher().next(0).unwrap().is_none(), "nor are they pulled");
    assert_eq!(ws.send_text("sending goes on"), WS_OK);
    server.wait_for(|event| event.seen == Seen::Text("sending goes on".into()));
    assert_eq!((ws.resume(), ws.resume()), (WS_OK, WS_OK));
    host.run_until_count("message", 3);
    assert_eq!(host.trace(), ["open", "message text 1", "message text 2", "message text 3"]);
}

#[test]
fn a_pause_inside_a_message_holds_back_the_next_one() {
    let server = Server::start();
    let host = Host::new();
    host.once("message", |call| assert_eq!(call.ws.pause(), WS_OK));
    let ws = host.open(script(&server, "cork,text:1,text:2,text:3,ping:sync"));
    arrived(&server, "sync");
    assert_eq!(host.dispatch(), 1);
    assert_eq!((host.dispatch(), ws.resume(), host.dispatch()), (0, WS_OK, 2));
}

#[test]
fn a_pause_inside_on_open_holds_back_the_first_message() {
    let server = Server::start();
    let host = Host::new();
    host.on("open", |call| assert_eq!(call.ws.pause(), WS_OK));
    let ws = host.open(server.ws("/glued?do=text:1,ping:sync"));
    arrived(&server, "sync");
    assert_eq!((host.dispatch(), ws.resume(), host.dispatch()), (0, WS_OK, 1));
}

#[test]
fn one_socket_is_paused_and_the_others_go_on() {
    let server = Server::start();
    let host = Host::new();
    for name in ["a", "b"] {
        let ws = host.to(script(&server, &format!("text:1,ping:{name}"))).named(name).open();
        assert!(name == "b" || ws.pause() == WS_OK);
        arrived(&server, name);
    }
    assert_eq!(host.dispatch(), 1);
    assert_eq!(host.trace_of("a"), ["open"]);
    assert_eq!(host.trace_of("b"), ["open", "message text 1"]);
}

#[test]
fn pongs_are_delivered_in_a_pause_unless_a_message_is_before_them() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "expect,text:1,expect"));
    ws.pause();
    assert_eq!(ws.ping("first"), WS_OK);
    host.run_until("pong first");
    assert_eq!((ws.send_text("go"), ws.ping("second")), (WS_OK, WS_OK));
    server.wait_for(|event| event.seen == Seen::Ping(b"second".to_vec()));
    assert_eq!((host.dispatch(), ws.resume()), (0, WS_OK));
    host.run_until("pong second");
    assert_eq!(host.trace(), ["open", "pong first", "message text 1", "pong second"]);
}

#[test]
fn drain_is_delivered_in_a_pause_before_messages_that_are_held() {
    let server = Server::narrow();
    let host = Host::new();
    let small = Options::new().set(|api, o| (api.ws_options_set_send_buffer_size)(o, 1000));
    let ws = host.to(script(&server, "text:held,gate:read")).with(small).open();
    ws.pause();
    let mut result = WS_OK;
    while result == WS_OK {
        result = ws.send_blob(&[7; 1 << 20]);
    }
    assert_eq!(result, WS_ERR_WOULD_BLOCK);
    server.open_gate("read");
    host.run_until("drain");
    assert_eq!((host.trace().len(), ws.resume()), (2, WS_OK));
    host.run_until("message text held");
    assert_eq!(host.trace(), ["open", "drain", "message text held"]);
}

#[test]
fn an_end_with_no_message_before_it_is_delivered_in_a_pause() {
    let server = Server::start();
    for (commands, end) in [("close:4000:bye", 2), ("rst", 3)] {
        let host = Host::new();
        let ws = host.open(script(&server, &format!("gate:{end},{commands}")));
        ws.pause();
        server.open_gate(&end.to_string());
        host.run_until("free");
        assert_eq!(host.trace().len(), end + 1, "{:?}", host.trace());
    }
}

#[test]
fn an_end_behind_a_held_message_waits_for_resume() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "text:1,close:4000:bye"));
    ws.pause();
    closed_with(&server, 4000);
    server.wait_until_idle();
    assert_eq!(host.dispatch(), 0);
    assert_eq!(ws.resume(), WS_OK);
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message text 1", "terminate 4000 bye clean", "free"]);
}

#[test]
fn an_error_behind_a_held_message_waits_for_resume() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "text:1,frame:f1:00"));
    ws.pause();
    closed_with(&server, 1002);
    assert_eq!((host.dispatch(), ws.resume()), (0, WS_OK));
    host.run_until("free");
    assert_eq!(host.trace()[..3], ["open", "message text 1", "error WS_ERR_PROTOCOL"]);
}

#[test]
fn abort_discards_what_is_held_and_ends_the_pause() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "text:1,text:2,ping:sync"));
    ws.pause();
    arrived(&server, "sync");
    assert_eq!(ws.abort(), WS_OK);
    assert_eq!(host.dispatch(), 1);
    assert_eq!(host.trace(), ["open", "terminate 1006", "free"]);
}

#[test]
fn abort_discards_what_is_held_of_a_connection_that_has_ended() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "text:1,close:4000:bye"));
    ws.pause();
    closed_with(&server, 4000);
    server.wait_until_idle();
    assert_eq!((host.dispatch(), ws.abort()), (0, WS_OK));
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "terminate 4000 bye clean", "free"]);
}

#[test]
fn after_terminate_the_host_must_still_resume() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "text:1,ping:sync"));
    ws.pause();
    arrived(&server, "sync");
    assert_eq!(ws.terminate(4000, "done"), WS_OK);
    closed_with(&server, 4000);
    server.wait_until_idle();
    assert_eq!((host.dispatch(), host.trace().len()), (0, 1));
    assert_eq!(ws.resume(), WS_OK);
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message text 1", "terminate 4000 clean", "free"]);
}

#[test]
fn after_terminate_reading_goes_on_past_a_full_buffer_and_finds_the_close_frame() {
    let server = Server::start();
    let host = Host::new();
    let small = Options::new().set(|api, o| (api.ws_options_set_receive_buffer_size)(o, 1000));
    let ws = host.to(server.ws("/flood?n=1000000&size=1000&log=0")).with(small).open();
    ws.pause();
    assert_eq!(ws.terminate(4000, ""), WS_OK);
    closed_with(&server, 4000);
    assert_eq!(ws.resume(), WS_OK);
    host.run_until("free");
    assert_eq!(host.trace().last().map(String::as_str), Some("free"));
}

#[test]
fn nothing_is_lost_in_a_long_pause() {
    let server = Server::start();
    let host = Host::new();
    let small = Options::new().set(|api, o| (api.ws_options_set_receive_buffer_size)(o, 100_000));
    let ws = host.to(server.ws("/flood?n=3000&size=10000&log=0")).with(small).open();
    ws.pause();
    let sender = host.to(server.ws("/echo")).named("other").open();
    for i in 0..20 {
        sender.send_text(&i.to_string());
        host.run_until(&format!("other message text {i}"));
    }
    assert_eq!((host.count("message"), ws.resume()), (0, WS_OK));
    host.run_until("free");
    assert_eq!((host.count("message"), host.count("terminate 1000 done clean")), (3000, 1));
}

#[test]
fn pausing_is_fine_in_any_state() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open_async(server.ws("/echo"));
    assert_eq!(ws.pause(), WS_OK);
    host.run_until("open");
    ws.send_text("held");
    assert_eq!(ws.terminate(1000, ""), WS_OK);
    assert_eq!((ws.pause(), ws.resume()), (WS_OK, WS_OK));
    host.run_until("free");
    assert_eq!((ws.pause(), ws.resume()), (WS_OK, WS_OK));
}
