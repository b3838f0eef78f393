//! Close codes and reasons: what the host may send, what a server may send, and what each side hears.

use crate::wire::{close_seen, script};
use std::ptr;
use ws4d_test_host::codes::{WS_OK, WS_STATUS_CONNECTED};
use ws4d_test_host::{Host, api, name};
use ws4d_test_server::Server;

#[test]
fn the_code_and_reason_of_terminate_reach_the_server() {
    for (given, sent, reason) in [
        (0, 1000, ""),
        (0, 1000, "not specified"),
        (1000, 1000, "bye"),
        (3000, 3000, ""),
        (3999, 3999, "\u{fc} \u{1f980}"),
        (4000, 4000, "app"),
        (4999, 4999, "last"),
    ] {
        let server = Server::start();
        let host = Host::new();
        let ws = host.open(script(&server, ""));
        assert_eq!(name(ws.terminate(given, reason)), "WS_OK");
        assert_eq!(close_seen(&server), (Some(sent), reason.to_owned()));
        host.run_until("free");
        // The server answers with the code alone.
        assert_eq!(host.trace(), ["open", &format!("terminate {sent} clean"), "free"]);
    }
}

#[test]
fn a_reason_may_be_null() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, ""));
    assert_eq!((api().ws_terminate)(ws, 4000, ptr::null()), WS_OK);
    assert_eq!(close_seen(&server), (Some(4000), String::new()));
}

#[test]
fn an_illegal_code_changes_nothing() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    for code in [
        -1,
        1,
        999,
        1001,
        1002,
        1003,
        1004,
        1005,
        1006,
        1007,
        1008,
        1009,
        1010,
        1011,
        1012,
        1014,
        1015,
        1016,
        2000,
        2999,
        5000,
        65_536,
        66_536,
        i32::MAX,
        i32::MIN,
    ] {
        assert_eq!(name(ws.terminate(code, "")), "WS_ERR_INVALID_CLOSE_CODE", "{code}");
        assert_eq!(ws.status(), WS_STATUS_CONNECTED);
    }
    ws.send_text("still here");
    host.run_until("message text still here");
    assert_eq!(host.trace(), ["open", "message text still here"]);
}

#[test]
fn a_reason_has_at_most_123_bytes_and_is_text() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, ""));
    for long in ["x".repeat(124), "\u{20ac}".repeat(42), "x".repeat(100_000)] {
        assert_eq!(name(ws.terminate(1000, &long)), "WS_ERR_INVALID_CLOSE_REASON");
    }
    assert_eq!(name((api().ws_terminate)(ws, 1000, c"\xff".as_ptr())), "WS_ERR_INVALID_UTF8");
    assert_eq!(name((api().ws_terminate)(ws, 1000, c"\xed\xa0\x80".as_ptr())), "WS_ERR_INVALID_UTF8");
    assert_eq!(ws.status(), WS_STATUS_CONNECTED);
    let longest = "\u{20ac}".repeat(41);
    assert_eq!(name(ws.terminate(1000, &longest)), "WS_OK");
    assert_eq!(close_seen(&server), (Some(1000), longest));
    host.run_until("free");
}

/// RFC 6455 §7.4 and the IANA registry; 1012 to 1014 are a server's to send.
#[test]
fn every_legal_code_of_a_server_is_told_and_echoed() {
    for code in
        [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
    {
        let server = Server::start();
        let host = Host::new();
        host.open(script(&server, &format!("close:{code}:why")));
        host.run_until("free");
        assert_eq!(host.trace(), ["open", &format!("terminate {code} why clean"), "free"]);
        // RFC 6455 §5.5.1: typically echoes; 1012 to 1014 are not a client's to send.
        let answer = close_seen(&server).0;
        assert!(answer == Some(code) || (1012..=1014).contains(&code) && answer == Some(1000), "{answer:?}");
    }
}

#[test]
fn a_close_frame_without_a_code_is_1005() {
    let server = Server::start();
    let host = Host::new();
    host.open(script(&server, "close_empty"));
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "terminate 1005 clean", "free"]);
    assert_eq!(close_seen(&server), (None, String::new()), "and is answered without one: 1005 is never sent");
}

#[test]
fn the_reason_of_the_server_comes_with_its_length_and_a_nul_behind() {
    let server = Server::start();
    let host = Host::new();
    let longest = "\u{20ac}".repeat(41);
    let expected = longest.clone();
    host.once("nul terminate", |call| {
        assert_eq!(call.event.data(), b"a\0b", "it may hold a NUL");
        let reason = (api().ws_event_reason)(call.event.0);
        assert_eq!(ws4d_test_host::text(reason).as_deref(), Some("a"));
    });
    host.once("long terminate", move |call| assert_eq!(call.event.text(), expected));
    host.to(script(&server, "close:4000:a%00b")).named("nul").open();
    host.to(script(&server, &format!("close:4000:{longest}"))).named("long").open();
    host.run_until("nul free");
    host.run_until("long free");
}
