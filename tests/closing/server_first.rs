//! The server closes: what it sent before is delivered, what it sends after is not, and its end is waited for.

use crate::close_timeout;
use crate::wire::{Relay, at_gate, close_seen, script, texts};
use ws4d_test_host::codes::{WS_STATUS_CLOSED, WS_STATUS_CLOSING};
use ws4d_test_host::{Host, name};
use ws4d_test_server::{Seen, Server};

#[test]
fn messages_before_the_close_frame_are_delivered_and_those_behind_it_are_not() {
    let server = Server::start();
    let host = Host::new();
    host.open(script(&server, "cork,text:one,text:two,close:4001:bye,text:late,ping:late,raw:c100,uncork"));
    host.run_until("free");
    let all = ["open", "message text one", "message text two", "terminate 4001 bye clean", "free"];
    assert_eq!(host.trace(), all);
    assert_eq!(close_seen(&server).0, Some(4001));
    assert!(!server.log().iter().any(|event| matches!(event.seen, Seen::Pong(_))));
}

#[test]
fn a_second_close_frame_is_data_behind_the_first() {
    let server = Server::start();
    let host = Host::new();
    host.open(script(&server, "close:4001:first,close:4002:second"));
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "terminate 4001 first clean", "free"]);
}

/// `ws_options_set_close_timeout_ms`: the server's end of the connection is waited for at most the close timeout.
#[test]
fn a_server_that_closes_and_stays_connected_is_dropped_after_the_close_timeout() {
    for commands in ["close:4001:bye,wait_close,stall", "close:4001:bye,stall"] {
        let server = Server::start();
        let host = Host::new();
        host.to(script(&server, commands)).with(close_timeout(100)).open();
        host.run_until("free");
        assert_eq!(host.trace(), ["open", "terminate 4001 bye clean", "free"], "{commands}");
    }
}

#[test]
fn with_a_close_timeout_of_0_the_servers_end_is_not_waited_for() {
    let server = Server::start();
    let host = Host::new();
    host.to(script(&server, "close:4001:bye,wait_close,stall")).with(close_timeout(0)).open();
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "terminate 4001 bye clean", "free"]);
}

#[test]
fn a_close_frame_that_is_the_last_byte_of_the_connection_is_a_clean_end() {
    for last in ["drop", "fin"] {
        let server = Server::start();
        let host = Host::new();
        host.open(script(&server, &format!("cork,text:one,close:1001:away,uncork,{last}")));
        host.run_until("free");
        assert_eq!(host.trace(), ["open", "message text one", "terminate 1001 away clean", "free"], "{last}");
    }
}

#[test]
fn nothing_can_be_sent_once_the_servers_close_frame_has_come() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "close:4001:bye,wait_close,gate:end"));
    // Its answer shows that the close frame has come; the host has not dispatched yet.
    close_seen(&server);
    assert_eq!(name(ws.send_text("late")), "WS_ERR_CLOSED");
    assert_eq!(name(ws.ping("late")), "WS_ERR_CLOSED");
    assert_eq!(name(ws.terminate(4002, "me too")), "WS_OK");
    assert_eq!(ws.status(), WS_STATUS_CLOSING, "ahead of the callbacks");
    server.open_gate("end");
    ws.abort();
    host.run_until("free");
    assert_eq!(ws.status(), WS_STATUS_CLOSED);
    assert_eq!(server.log().iter().filter(|event| matches!(event.seen, Seen::Close(..))).count(), 1);
}

/// RFC 6455 §1.4: the server reads no more messages, so only the close frame is owed.
#[test]
fn what_waits_to_be_sent_does_not_delay_the_answer() {
    let server = Server::narrow();
    let host = Host::new();
    let ws = host.open(script(&server, "gate:close,close:4001:bye"));
    at_gate(&server, "close");
    let long = "x".repeat(1_000_000);
    let sent = ws.send_until_held(10_000_000, |_| ws.send_text(&long));
    server.open_gate("close");
    assert_eq!(close_seen(&server).0, Some(4001));
    let arrived = texts(&server.log()).len();
    assert!(arrived < sent, "{arrived} of {sent} messages arrived, and ten of them waited");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "terminate 4001 bye clean", "free"]);
}

#[test]
fn an_abort_after_the_servers_close_frame_still_tells_its_code() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "close:4001:bye,wait_close,gate:end"));
    at_gate(&server, "end");
    ws.abort();
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "terminate 4001 bye clean", "free"]);
    server.open_gate("end");
}

/// RFC 6455 section 5.5.1: it has ended its sending, and reads on.
#[test]
fn a_server_that_ends_its_stream_behind_its_close_frame_is_answered_once_the_road_is_free() {
    let server = Server::start();
    let relay = Relay::held(server.ws_port());
    let host = Host::new();
    let ws = host.open(relay.ws("/script?do=gate:close,cork,close:4001:bye,uncork,fin"));
    at_gate(&server, "close");
    assert_eq!(name(ws.send_text(&"x".repeat(4_000_000))), "WS_OK");
    server.open_gate("close");
    while ws.status() < WS_STATUS_CLOSING {
        std::thread::yield_now();
    }
    relay.open();
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "terminate 4001 bye clean", "free"]);
}
