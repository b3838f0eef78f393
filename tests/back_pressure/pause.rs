//! `ws_pause`: messages and what is queued behind one wait; drain, pong, and an end with no message before it do not.

use crate::wire::{Count, Own, at_gate, close_seen, count, script};
use crate::{receive_buffer, until_full};
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use ws4d_test_host::codes::WS_OK;
use ws4d_test_host::{Host, Options, PATIENCE, name};
use ws4d_test_server::{Seen, Server};

/// A socket that is paused before anything was dispatched, and whose server has come to the gate "sent".
fn paused(server: &Server, host: &Host, commands: &str) -> ws4d_test_host::Socket {
    let ws = host.open(script(server, &format!("gate:start,{commands}")));
    assert_eq!(name(ws.pause()), "WS_OK");
    server.open_gate("start");
    ws
}

/// A round trip on another socket: what was on its way is there.
fn round_trip(server: &Server, host: &Host) {
    let ws = host.to(server.ws("/echo")).named("other").open();
    ws.send_text("x");
    host.run_until("other message text x");
    ws.abort();
    host.run_until("other free");
}

#[test]
fn messages_wait_while_other_sockets_go_on_and_come_in_order_after_resume() {
    let server = Server::start();
    let host = Host::new();
    let ws = paused(&server, &host, "text:a,text:b,binary:01,gate:sent");
    at_gate(&server, "sent");
    round_trip(&server, &host);
    assert_eq!(host.dispatch(), 0, "not deliverable");
    assert_eq!(host.trace_of(""), ["open"]);
    assert_eq!(name(ws.resume()), "WS_OK");
    host.run_until("message blob 01");
    assert_eq!(host.trace_of(""), ["open", "message text a", "message text b", "message blob 01"]);
    server.open_gate("sent");
}

#[test]
fn a_pong_with_no_message_before_it_is_delivered() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    ws.pause();
    ws.ping("p");
    host.run_until("pong p");
    assert_eq!(host.trace(), ["open", "pong p"]);
}

#[test]
fn a_drain_is_delivered() {
    let server = Server::start();
    let host = Host::new();
    let options = Options::new().set(|api, o| (api.ws_options_set_send_buffer_size)(o, 100_000));
    let ws = host.to(script(&server, "text:held,gate:read")).with(options).open();
    at_gate(&server, "read");
    ws.pause();
    while ws.send_blob(&[7; 50_000]) == WS_OK {}
    server.open_gate("read");
    host.run_until("drain");
    assert_eq!(host.trace(), ["open", "drain"]);
    ws.resume();
    host.run_until("message text held");
}

#[test]
fn an_end_with_no_message_before_it_is_delivered() {
    for (commands, end) in [
        ("close:4001:bye", &["terminate 4001 bye clean", "free"][..]),
        ("drop", &["error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"]),
        ("raw:c1", &["error WS_ERR_PROTOCOL", "terminate 1006", "free"]),
    ] {
        let server = Server::start();
        let host = Host::new();
        paused(&server, &host, commands);
        host.run_until("free");
        assert_eq!(host.trace()[1..], *end, "{commands}");
    }
}

#[test]
fn an_end_behind_a_message_waits_for_resume() {
    let server = Server::start();
    let host = Host::new();
    let ws = paused(&server, &host, "text:last,close:4001:bye");
    close_seen(&server);
    server.wait_until_idle();
    round_trip(&server, &host);
    assert_eq!(host.dispatch(), 0);
    ws.resume();
    host.run_until("free");
    assert_eq!(host.trace_of(""), ["open", "message text last", "terminate 4001 bye clean", "free"]);
}

#[test]
fn after_terminate_the_host_must_still_resume() {
    let server = Server::start();
    let host = Host::new();
    let ws = paused(&server, &host, "text:held,gate:sent");
    at_gate(&server, "sent");
    server.open_gate("sent");
    ws.terminate(4000, "");
    server.wait_until_idle();
    round_trip(&server, &host);
    assert_eq!(host.dispatch(), 0);
    ws.resume();
    host.run_until("free");
    assert_eq!(host.trace_of(""), ["open", "message text held", "terminate 4000 clean", "free"]);
}

#[test]
fn abort_ends_a_pause_and_discards_what_it_held() {
    let server = Server::start();
    let host = Host::new();
    let ws = paused(&server, &host, "text:held,gate:sent");
    at_gate(&server, "sent");
    round_trip(&server, &host);
    ws.abort();
    host.run_until("free");
    assert_eq!(host.trace_of(""), ["open", "terminate 1006", "free"]);
    server.open_gate("sent");
}

/// The server's close frame had arrived: its code is told, although the messages before it are not.
#[test]
fn abort_after_the_end_discards_the_messages_and_tells_the_end() {
    let server = Server::start();
    let host = Host::new();
    let ws = paused(&server, &host, "text:held,close:4001:bye");
    close_seen(&server);
    server.wait_until_idle();
    round_trip(&server, &host);
    ws.abort();
    host.run_until("free");
    assert_eq!(host.trace_of(""), ["open", "terminate 4001 bye clean", "free"]);
}

#[test]
fn a_paused_socket_stops_the_server_at_the_bound() {
    let server = Server::start();
    let (own, seen) = (Own::new(), Count::default());
    let url = server.ws("/flood?n=100000&size=1000&seq=1&log=0");
    let ws = own.open(&url, &receive_buffer(100_000), count, &seen);
    ws.pause();
    until_full(&server, ws, 100_000);
    assert_eq!(own.0.dispatch(0), 0);
    ws.resume();
    let first = own.0.dispatch(0);
    assert!((1..=95).contains(&first), "{first}");
    own.run_until(|| seen.is_over());
    assert_eq!((seen.messages(), seen.misplaced.load(Ordering::SeqCst)), (100_000, 0));
}

#[test]
fn a_pause_inside_a_callback_holds_the_next_message() {
    let server = Server::start();
    let host = Host::new();
    host.on("message", |call| {
        call.ws.pause();
    });
    let ws = host.open(script(&server, "cork,text:a,text:b,text:c,uncork,gate:sent"));
    at_gate(&server, "sent");
    for (count, text) in ["a", "b", "c"].iter().enumerate() {
        host.run_until(&format!("message text {text}"));
        assert_eq!(host.dispatch(), 0);
        assert_eq!(host.count("message"), count + 1);
        ws.resume();
    }
    server.open_gate("sent");
}

#[test]
fn a_pause_on_the_io_thread_holds_the_next_message_until_another_thread_resumes() {
    let server = Server::start();
    let host = Host::inline();
    let (paused, was_paused) = mpsc::channel();
    host.on("message", move |call| {
        call.ws.pause();
        paused.send(()).expect("the test waits for it");
    });
    let ws = host.open(script(&server, "cork,text:a,text:b,text:c,uncork,ping:p,close:4001:bye"));
    for (count, text) in ["a", "b", "c"].iter().enumerate() {
        was_paused.recv_timeout(PATIENCE).expect("a message in good time");
        assert_eq!(host.count("message"), count + 1);
        assert_eq!(host.count(&format!("message text {text}")), 1);
        ws.resume();
    }
    host.run_until("free");
    assert_eq!(host.trace()[4..], ["terminate 4001 bye clean", "free"]);
    assert!(server.log().iter().any(|event| matches!(event.seen, Seen::Close(..))));
}

#[test]
fn pausing_and_resuming_twice_is_once() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    assert_eq!(name(ws.pause()), "WS_OK");
    assert_eq!(name(ws.pause()), "WS_OK");
    assert_eq!(name(ws.resume()), "WS_OK");
    assert_eq!(name(ws.resume()), "WS_OK");
    ws.send_text("a");
    host.run_until("message text a");
}
