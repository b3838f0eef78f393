//! `docs/hostile.md`, line 15: frames that break a rule of RFC 6455 §5 are 1002, whatever came before is delivered.

use crate::wire::{RawServer, close_seen, script};
use crate::{delivers, fails};
use ws4d_test_host::{Host, Options};
use ws4d_test_server::Server;

fn all_fail(cases: &[(&str, &str)]) {
    let server = Server::start();
    for (raw, why) in cases {
        fails(
            &server,
            &format!("text:first,raw:{raw}"),
            &["message text first"],
            "WS_ERR_PROTOCOL",
            why,
            1002,
        );
        // The same in one write with what is good, and byte by byte.
        let one_write = format!("cork,text:first,raw:{raw},text:late,uncork");
        fails(&server, &one_write, &["message text first"], "WS_ERR_PROTOCOL", why, 1002);
        fails(
            &server,
            &format!("text:first,drip:{raw}"),
            &["message text first"],
            "WS_ERR_PROTOCOL",
            why,
            1002,
        );
    }
}

#[test]
fn masked_frames_are_refused() {
    all_fail(&[
        ("8180", "mask"),
        ("818500000000", "mask"),
        ("82ff", "mask"),
        ("8980", "mask"),
        ("0180", "mask"),
    ]);
}

#[test]
fn reserved_bits_are_refused() {
    all_fail(&[
        ("c1", "reserved bit"),
        ("a1", "reserved bit"),
        ("91", "reserved bit"),
        ("f2", "reserved bit"),
    ]);
    all_fail(&[
        ("c9", "reserved bit"),
        ("a8", "reserved bit"),
        ("9a", "reserved bit"),
        ("010161c0", "reserved bit"),
    ]);
}

/// What stands between, and does not know that the connection is one of frames now, answers for a server that is gone.
#[test]
fn an_http_answer_inside_the_open_connection_is_named() {
    for compression in 0..=i32::from(cfg!(feature = "compression")) {
        let server = RawServer::start(|peer| {
            let head = peer.head();
            peer.accept(&head, "");
            peer.say("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
            peer.wait_for_the_end();
        });
        let host = Host::new();
        let options = Options::new().set(|api, o| (api.ws_options_set_compression)(o, compression));
        host.once("error", |call| {
            let errors = call.event.errors();
            let message = &errors.entries[0].2;
            assert!(message.contains("\"HTTP/1.1 502 Bad Gateway\", into the open"), "{message}");
        });
        host.to(server.ws("/")).with(options).open();
        host.run_until("free");
        assert_eq!(host.trace(), ["open", "error WS_ERR_PROTOCOL", "terminate 1006", "free"]);
    }
}

#[test]
fn reserved_opcodes_are_refused() {
    all_fail(&[("83", "opcode"), ("84", "opcode"), ("85", "opcode"), ("86", "opcode"), ("87", "opcode")]);
    all_fail(&[
        ("8b", "opcode"),
        ("8c", "opcode"),
        ("8d", "opcode"),
        ("8e", "opcode"),
        ("8f", "opcode"),
        ("03", "opcode"),
    ]);
}

#[test]
fn fragmented_control_frames_are_refused() {
    all_fail(&[("0900", "fragment"), ("0a00", "fragment"), ("0800", "fragment")]);
}

#[test]
fn control_frames_above_125_bytes_are_refused() {
    all_fail(&[
        ("897e", "125"),
        ("897e007e", "125"),
        ("897f", "125"),
        ("8a7e", "125"),
        ("887e", "125"),
        ("887f", "125"),
    ]);
}

#[test]
fn a_continuation_without_a_start_is_refused() {
    all_fail(&[("8000", "continu"), ("0000", "continu"), ("800161", "continu")]);
    // A whole message is none to continue.
    let server = Server::start();
    fails(&server, "text:a,raw:8000", &["message text a"], "WS_ERR_PROTOCOL", "continu", 1002);
    fails(&server, "frag:a|b,raw:8000", &["message text ab"], "WS_ERR_PROTOCOL", "continu", 1002);
}

#[test]
fn a_new_message_inside_an_open_one_is_refused() {
    all_fail(&[("010161810162", "new message"), ("010082", "new message")]);
    let server = Server::start();
    fails(&server, "raw:010161,ping:p,raw:0100", &[], "WS_ERR_PROTOCOL", "new message", 1002);
}

#[test]
fn lengths_that_are_not_minimal_are_refused() {
    all_fail(&[
        ("817e0000", "length"),
        ("817e007d", "length"),
        ("827f0000000000000000", "length"),
        ("827f000000000000007d", "length"),
        ("827f000000000000ffff", "length"),
    ]);
}

#[test]
fn minimal_lengths_are_taken() {
    delivers(
        "binary_size:125,binary_size:126,binary_size:127",
        &["message blob 125 bytes", "message blob 126 bytes", "message blob 127 bytes"],
    );
    delivers(
        "binary_size:65535,binary_size:65536",
        &["message blob 65535 bytes", "message blob 65536 bytes"],
    );
}

#[test]
fn a_length_with_the_highest_bit_set_is_refused() {
    all_fail(&[("827f80", "length"), ("827fffffffffffffffff", "length"), ("827f8000000000000001", "length")]);
}

/// `docs/hostile.md`, line 15: at the first byte that shows it. The server holds the rest back until it was told.
#[test]
fn a_broken_rule_is_noticed_at_the_first_byte_that_shows_it() {
    for (shown, rest) in
        [("c1", "00"), ("83", "00"), ("80", "00"), ("09", "00"), ("010161c0", "00"), ("8180", "00000000")]
    {
        let server = Server::start();
        let host = Host::new();
        host.open(script(&server, &format!("raw:{shown},gate:rest,raw:{rest}")));
        host.run_until("error WS_ERR_PROTOCOL");
        server.open_gate("rest");
        assert_eq!(close_seen(&server).0, Some(1002), "{shown}");
    }
}

#[test]
fn what_was_sent_before_the_failure_is_answered_no_more() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "text:one,text:two,raw:c1,text:three"));
    host.run_until("free");
    let all =
        ["open", "message text one", "message text two", "error WS_ERR_PROTOCOL", "terminate 1006", "free"];
    assert_eq!(host.trace(), all);
    assert_eq!(ws.send_text("x"), ws4d_test_host::codes::WS_ERR_CLOSED);
}

/// The URL's query may hold a token, and the server is not always the one whom it was meant for.
/// `docs/hostile.md`, line 24.
#[test]
fn the_reason_that_the_server_is_told_has_nothing_of_the_url() {
    for (commands, why) in [
        ("raw:c100", "reserved bit"),
        ("raw:8101ff", "UTF-8"),
        ("raw:827f7fffffffffffffff", "larger than the limit"),
        ("close:999:", "must not be sent"),
    ] {
        let server = Server::start();
        let host = Host::new();
        host.open(format!("{}&token=hunter2", script(&server, commands)));
        host.run_until("free");
        let (_, reason) = close_seen(&server);
        assert!(reason.contains(why), "{reason:?} does not say {why}");
        assert!(!reason.contains("hunter2") && !reason.contains("127.0.0.1"), "{reason:?}");
    }
}
