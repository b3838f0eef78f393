//! Messages in many frames, and frames that never come to an end. `docs/hostile.md`, line 16.

use crate::wire::{at_gate, script};
use crate::{delivers, fails_with};
use ws4d_test_host::{Host, Options};
use ws4d_test_server::{Seen, Server};

#[test]
fn fragments_become_one_message() {
    delivers("frag:he|ll|o", &["message text hello"]);
    delivers("frag:|||hello||", &["message text hello"]);
    delivers("frag:|", &["message text"]);
    delivers("frame:02:01,frame:00:02,frame:80:03", &["message blob 010203"]);
    delivers("frame:01:,frame:80:", &["message text"]);
    delivers("frag:a|b,text:c,frag:d|e", &["message text ab", "message text c", "message text de"]);
}

#[test]
fn fragments_may_come_byte_by_byte() {
    delivers("drip:0102686500016c80026c6f", &["message text hello"]);
}

/// While the rest of a large frame is awaited, nobody is woken for less; behind it a byte is enough again.
#[test]
fn what_comes_behind_a_large_frame_is_read_at_once() {
    let server = Server::start();
    let host = Host::new();
    let large = format!("raw:827f0000000000100000,binary_size:{}", 1024 * 1024 - 10);
    host.open(script(&server, &format!("{large},gate:first,text:a,gate:second,frag:b|c,close:1000:")));
    // The frame inside is the large one's payload, header and all.
    host.run_until("message");
    server.open_gate("first");
    host.run_until_count("message", 2);
    server.open_gate("second");
    host.run_until("free");
    let trace = host.trace();
    assert_eq!(
        trace[2..],
        ["message text a", "message text bc", "terminate 1000 clean", "free"],
        "{trace:?}"
    );
}

/// A read that ends a large frame and is full leaves complete messages in the kernel. Whoever reads from then on finds them:
/// here the host, to which the descriptor goes once it waits.
#[test]
fn what_a_full_read_behind_a_large_frame_has_left_is_not_slept_over() {
    let server = Server::start();
    // Its header and a part of it; then the rest, and more small messages than one read takes.
    let begun = "raw:827f0000000000100000,raw:0000,delay:20";
    let rest = "cork,raw:0000,binary_size:1048562,text_size*700:512,uncork";
    // Where the reads end is the kernel's choice.
    for round in 0..10 {
        let host = Host::new();
        let options =
            Options::new().set(|api, o| (api.ws_options_set_receive_buffer_size)(o, (1 << 20) + (64 << 10)));
        let sent = format!("sent{round}");
        host.to(script(&server, &format!("{begun},{rest},gate:{sent},close:1000:"))).with(options).open();
        at_gate(&server, &sent);
        host.run_until_count("message", 701);
        server.open_gate(&sent);
        host.run_until("free");
    }
}

/// `docs/hostile.md`, line 18, without compression.
#[test]
fn pings_between_fragments_are_answered_while_the_message_is_open() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "raw:01026865,ping:one,expect,raw:80036c6c6f,close:1000:"));
    server.wait_for(|event| event.seen == Seen::Pong(b"one".to_vec()));
    ws.send_text("now the rest");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message text hello", "terminate 1000 clean", "free"]);
}

#[test]
fn a_million_empty_fragments_are_one_message() {
    let server = Server::start();
    let host = Host::new();
    host.open(script(&server, "cork,frame:01:61,frame*1000000:00:,frame:80:62,close:1000:,uncork"));
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message text ab", "terminate 1000 clean", "free"]);
}

#[test]
fn a_million_fragments_of_a_byte_are_one_message() {
    let server = Server::start();
    let host = Host::new();
    host.open(script(&server, "cork,frame:02:00,frame*1000000:00:01,frame:80:,close:1000:,uncork"));
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message blob 1000001 bytes", "terminate 1000 clean", "free"]);
}

/// The number of fragments is not limited, their sum is.
#[test]
fn fragments_without_end_come_to_the_limit_of_a_message() {
    let server = Server::start();
    let options = Options::new().set(|api, o| (api.ws_options_set_max_message_size)(o, 10_000));
    let commands = "text:first,cork,frame:02:00,frame*1000000:00:01,uncork";
    fails_with(&server, options, commands, &["message text first"], "WS_ERR_TOO_LARGE", "10000", 1009);
}

#[test]
fn a_frame_that_never_finishes_does_not_keep_the_host_from_closing() {
    for partial in ["raw:82", "raw:827f00000000", "raw:82640102", "raw:01026865", "raw:8964"] {
        let server = Server::start();
        let host = Host::new();
        let options = Options::new().set(|api, o| (api.ws_options_set_close_timeout_ms)(o, 100));
        let ws = host.to(script(&server, &format!("{partial},stall"))).with(options).open();
        ws.send_text("still sending");
        ws.terminate(4000, "");
        host.run_until("free");
        assert_eq!(host.trace(), ["open", "terminate 1006", "free"], "{partial}");
    }
}

#[test]
fn sending_goes_on_while_a_message_is_being_received() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "raw:01026865,expect,raw:80036c6c6f"));
    ws.send_text("go on");
    host.run_until("message text hello");
    server.wait_for(|event| event.seen == Seen::Text("go on".into()));
}
