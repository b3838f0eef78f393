//! Close frames that a server must not send. `docs/hostile.md`, lines 19, 20.

use crate::fails;
use crate::wire::{hex, script};
use ws4d_test_host::Host;
use ws4d_test_server::Server;

#[test]
fn close_codes_that_must_not_be_sent_are_refused() {
    let server = Server::start();
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 10_000, 65_535] {
        let commands = format!("text:first,close:{code}:why");
        fails(&server, &commands, &["message text first"], "WS_ERR_PROTOCOL", "code", 1002);
    }
}

#[test]
fn half_a_close_code_is_refused() {
    let server = Server::start();
    fails(&server, "raw:880103", &[], "WS_ERR_PROTOCOL", "code", 1002);
    fails(&server, "drip:880103", &[], "WS_ERR_PROTOCOL", "code", 1002);
}

#[test]
fn a_close_reason_that_is_not_utf_8_is_refused() {
    let server = Server::start();
    for bad in [&b"\xff"[..], b"abc\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"ok\x80"] {
        let payload = [&1000u16.to_be_bytes()[..], bad].concat();
        fails(&server, &format!("frame:88:{}", hex(&payload)), &[], "WS_ERR_PROTOCOL", "UTF-8", 1007);
    }
}

#[test]
fn a_close_frame_may_come_byte_by_byte_and_with_the_longest_reason() {
    let server = Server::start();
    let reason = "x".repeat(123);
    let frame = [&[0x88, 125][..], &4000u16.to_be_bytes(), reason.as_bytes()].concat();
    for command in ["raw", "drip"] {
        let host = Host::new();
        host.open(script(&server, &format!("{command}:{}", hex(&frame))));
        host.run_until("terminate");
        assert!(host.trace()[1].starts_with("terminate 4000 xxx") && host.trace()[1].ends_with("clean"));
    }
}

#[test]
fn a_close_frame_inside_a_fragmented_message_ends_it_undelivered() {
    let server = Server::start();
    let host = Host::new();
    host.open(script(&server, "raw:01026865,close:4001:bye"));
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "terminate 4001 bye clean", "free"]);
}
