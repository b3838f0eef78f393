//! The host closes: what was sent before goes out, what comes meanwhile is delivered, and nobody waits for ever.

use crate::close_timeout;
use crate::wire::{at_gate, close_seen, script, texts};
use ws4d_test_host::codes::*;
use ws4d_test_host::{Host, Options, name};
use ws4d_test_server::{Seen, Server};

#[test]
fn what_was_sent_before_goes_out_first() {
    let server = Server::narrow();
    let host = Host::new();
    let ws = host.open(script(&server, "gate:read"));
    let long = "x".repeat(300_000);
    let sent = ws.send_until_held(1 << 20, |i| ws.send_text(&format!("{i} {long}")));
    ws.terminate(4000, "done");
    assert_eq!(ws.status(), WS_STATUS_CLOSING);
    server.open_gate("read");
    assert_eq!(close_seen(&server), (Some(4000), "done".to_owned()));
    assert_eq!(texts(&server.log()).len(), sent);
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "terminate 4000 clean", "free"]);
}

#[test]
fn nothing_can_be_sent_afterwards() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "wait_close,gate:answer,answer_close"));
    ws.terminate(1000, "");
    let nothing_goes = || {
        assert_eq!(name(ws.send_text("x")), "WS_ERR_CLOSED");
        assert_eq!(name(ws.send_blob(b"x")), "WS_ERR_CLOSED");
        assert_eq!(name(ws.send_object("1")), "WS_ERR_CLOSED");
        assert_eq!(name(ws.ping("x")), "WS_ERR_CLOSED");
        assert_eq!(name(ws.cork()), "WS_ERR_CLOSED");
        assert_eq!(name(ws.uncork()), "WS_ERR_CLOSED");
    };
    nothing_goes();
    server.open_gate("answer");
    host.run_until("free");
    nothing_goes();
    assert_eq!(host.trace(), ["open", "terminate 1000 clean", "free"], "no callback says so");
    server.wait_until_idle();
    assert!(!server.log().iter().any(|event| matches!(event.seen, Seen::Text(_) | Seen::Ping(_))));
}

#[test]
fn a_second_terminate_is_ok_and_changes_nothing() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "gate:read"));
    assert_eq!(name(ws.terminate(4001, "first")), "WS_OK");
    assert_eq!(name(ws.terminate(4002, "second")), "WS_OK");
    assert_eq!(name(ws.terminate(999, "")), "WS_ERR_INVALID_CLOSE_CODE");
    server.open_gate("read");
    host.run_until("free");
    assert_eq!(name(ws.terminate(4003, "third")), "WS_OK");
    assert_eq!(ws.status(), WS_STATUS_CLOSED);
    server.wait_until_idle();
    let closes = server.log().into_iter().filter(|event| matches!(event.seen, Seen::Close(..)));
    assert_eq!(closes.map(|event| event.seen).collect::<Vec<_>>(), [Seen::Close(Some(4001), "first".into())]);
    assert_eq!(host.trace(), ["open", "terminate 4001 clean", "free"]);
}

#[test]
fn messages_that_come_before_the_answer_are_delivered() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "wait_close,text:late,ping:unanswered,binary:01,answer_close"));
    ws.terminate(1000, "");
    host.run_until("free");
    let all = ["open", "message text late", "message blob 01", "terminate 1000 clean", "free"];
    assert_eq!(host.trace(), all);
    server.wait_until_idle();
    let log = server.log();
    assert!(
        !log.iter().any(|event| matches!(event.seen, Seen::Pong(_))),
        "nothing follows a close frame: {log:?}"
    );
}

/// `docs/hostile.md`, line 20.
#[test]
fn a_server_that_never_answers_is_not_waited_for_longer_than_the_close_timeout() {
    for commands in ["wait_close", "wait_close,stall", "stall"] {
        let server = Server::start();
        let host = Host::new();
        let ws = host.to(script(&server, commands)).with(close_timeout(100)).open();
        ws.terminate(4000, "hello?");
        host.run_until("free");
        assert_eq!(
            host.trace(),
            ["open", "terminate 1006", "free"],
            "{commands}: the host's own act is no error"
        );
        assert_eq!(ws.status(), WS_STATUS_CLOSED);
    }
}

#[test]
fn a_server_that_answers_and_stays_is_dropped_after_the_close_timeout() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.to(script(&server, "wait_close,close:4000:yes,stall")).with(close_timeout(2000)).open();
    ws.terminate(4000, "");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "terminate 4000 yes clean", "free"]);
}

/// It sends 20 GB if it is read, and never looks at what it is sent.
#[test]
fn a_server_that_never_stops_sending_is_dropped_after_the_close_timeout() {
    let server = Server::start();
    for host in [Host::new(), Host::inline()] {
        let options = close_timeout(100).set(|api, o| (api.ws_options_set_receive_buffer_size)(o, 1000));
        let ws = host.to(script(&server, "text_size*200000:100000")).with(options).open();
        ws.terminate(0, "");
        host.run_until("free");
        assert_eq!(host.trace().last(), Some(&"free".to_owned()));
        assert_eq!(host.count("terminate 1006"), 1);
    }
}

#[test]
fn with_a_close_timeout_of_0_the_answer_is_not_waited_for() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.to(script(&server, "gate:never")).with(close_timeout(0)).open();
    at_gate(&server, "never");
    assert_eq!(name(ws.terminate(4000, "gone")), "WS_OK");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "terminate 1006", "free"]);
    server.open_gate("never");
    assert_eq!(close_seen(&server), (Some(4000), "gone".to_owned()), "it was sent all the same");
    server.wait_until_idle();
}

/// The close timeout starts again whenever the network takes queued bytes.
#[test]
fn a_server_that_reads_slowly_is_waited_for() {
    let server = Server::narrow();
    let host = Host::new();
    let gates: String = (0..8).map(|i| format!("gate:{i},expect*2,")).collect();
    let ws = host.to(script(&server, &gates)).with(close_timeout(3000)).open();
    ws.send_until_held(16 * 300_000, |_| ws.send_blob(&[7; 300_000]));
    ws.terminate(4000, "");
    for i in 0..8 {
        at_gate(&server, &i.to_string());
        server.open_gate(&i.to_string());
    }
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "terminate 4000 clean", "free"]);
}

#[test]
fn both_at_once_is_a_clean_end_with_the_servers_code() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "gate:close,close:4001:server"));
    at_gate(&server, "close");
    ws.terminate(4002, "host");
    server.open_gate("close");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "terminate 4001 server clean", "free"]);
    assert_eq!(close_seen(&server), (Some(4002), "host".to_owned()));
    server.wait_until_idle();
    assert_eq!(server.log().iter().filter(|event| matches!(event.seen, Seen::Close(..))).count(), 1);
}

#[test]
fn abort_ends_at_once_in_every_state_and_its_end_is_1006() {
    let server = Server::narrow();
    let open = |commands: &str| {
        let host = Host::new();
        let ws = host.open(script(&server, commands));
        (host, ws)
    };
    let (idle, ws) = open("");
    assert_eq!(name(ws.abort()), "WS_OK");
    assert_eq!(ws.status(), WS_STATUS_CLOSED);
    idle.run_until("free");
    assert_eq!(idle.trace(), ["open", "terminate 1006", "free"]);
    assert_eq!(name(ws.abort()), "WS_OK", "closed already");
    assert_eq!(name(ws.send_text("x")), "WS_ERR_CLOSED");

    let (sending, ws) = open("gate:never");
    ws.send_until_held(1 << 20, |_| ws.send_blob(&[7; 1 << 20]));
    ws.abort();
    assert_eq!(ws.buffered_amount(), 0, "what is queued is lost");
    sending.run_until("free");
    assert_eq!(sending.trace(), ["open", "terminate 1006", "free"]);

    let (closing, ws) = open("gate:never");
    ws.terminate(4000, "");
    ws.abort();
    closing.run_until("free");
    assert_eq!(closing.trace(), ["open", "terminate 1006", "free"]);
    server.open_gate("never");
    server.wait_until_idle();
}

#[test]
fn abort_discards_what_is_undelivered() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "text_size*100:1000,gate:sent"));
    at_gate(&server, "sent");
    ws.abort();
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "terminate 1006", "free"]);
    server.open_gate("sent");
}

#[test]
fn the_server_notices_an_abort() {
    let server = Server::start();
    let host = Host::inline();
    let ws = host.to(server.ws("/idle")).with(Options::new()).open();
    ws.abort();
    server.wait_for(|event| matches!(event.seen, Seen::Eof | Seen::Reset));
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "terminate 1006", "free"]);
}
