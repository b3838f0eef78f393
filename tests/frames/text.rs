//! Text that is not UTF-8: 1007 at the first bad byte, wherever frames, reads and characters are cut.
//! `docs/hostile.md`, line 19.

use crate::wire::{at_gate, close_seen, hex, script};
use crate::{delivers, fails, fails_with};
use ws4d_test_host::codes::WS_DATA_TYPE_OBJECT;
use ws4d_test_host::{Host, Options};
use ws4d_test_server::Server;

/// Each is good up to its last byte, which is the first that shows it.
const BAD: &[&[u8]] = &[
    b"\x80",
    b"\xbf",
    b"\xc0",
    b"\xc1",
    b"\xc3\x28",
    b"\xe0\x80",
    b"\xe0\x9f",
    b"\xe2\x28",
    b"\xe2\x82\x28",
    b"\xed\xa0",
    b"\xed\xbf",
    b"\xf0\x80",
    b"\xf0\x8f",
    b"\xf0\x28",
    b"\xf0\x9f\x28",
    b"\xf0\x9f\xa6\x28",
    b"\xf4\x90",
    b"\xf5",
    b"\xf8",
    b"\xfe",
    b"\xff",
];

/// An unmasked frame; `len` may announce more than there is.
fn frame(first: u8, len: usize, payload: &[u8]) -> Vec<u8> {
    [&[first, u8::try_from(len).expect("short")][..], payload].concat()
}

#[test]
fn text_that_is_not_utf_8_is_refused() {
    let server = Server::start();
    for bad in BAD {
        let text = [b"good ", *bad, b" more"].concat();
        let commands = format!("text:first,frame:81:{}", hex(&text));
        fails(&server, &commands, &["message text first"], "WS_ERR_PROTOCOL", "UTF-8", 1007);
    }
}

#[test]
fn a_text_that_ends_inside_a_character_is_refused() {
    let server = Server::start();
    for cut in [&b"\xc3"[..], b"\xe2", b"\xe2\x82", b"\xf0", b"\xf0\x9f", b"\xf0\x9f\xa6"] {
        let text = [b"good ", cut].concat();
        fails(&server, &format!("frame:81:{}", hex(&text)), &[], "WS_ERR_PROTOCOL", "UTF-8", 1007);
        let two = format!("frame:01:{},frame:80:", hex(&text));
        fails(&server, &two, &[], "WS_ERR_PROTOCOL", "UTF-8", 1007);
    }
}

/// The rest of the frame, of the message, of the character: the server keeps it until it was told.
#[test]
fn it_fails_at_the_first_bad_byte_of_an_unfinished_frame() {
    for bad in BAD {
        for first in [0x81, 0x01] {
            let server = Server::start();
            let host = Host::new();
            let beginning = frame(first, 100, &[b"good ", *bad].concat());
            host.open(script(&server, &format!("raw:{},gate:rest,binary_size:90", hex(&beginning))));
            host.run_until("error WS_ERR_PROTOCOL");
            server.open_gate("rest");
            assert_eq!(close_seen(&server).0, Some(1007), "{bad:x?}");
        }
    }
}

/// The same where the character is cut over frames, and over reads.
#[test]
fn it_fails_at_the_first_bad_byte_of_a_later_frame() {
    for bad in BAD.iter().filter(|bad| bad.len() > 1) {
        for cut in 1..bad.len() {
            let server = Server::start();
            let host = Host::new();
            let (one, two) = bad.split_at(cut);
            let (one, two) = (frame(0x01, one.len(), one), frame(0x00, 100, two));
            host.open(script(&server, &format!("raw:{},gate:two,raw:{},gate:rest", hex(&one), hex(&two))));
            at_gate(&server, "two");
            server.open_gate("two");
            host.run_until("error WS_ERR_PROTOCOL");
            server.open_gate("rest");
            assert_eq!(close_seen(&server).0, Some(1007), "{bad:x?} cut at {cut}");
        }
    }
}

#[test]
fn it_fails_deep_inside_a_large_frame_before_that_is_whole() {
    let server = Server::start();
    let host = Host::new();
    // A frame of 16 MiB, of which one comes; then a byte that is none of UTF-8.
    let commands = "raw:817f0000000001000000,text_size:65000,gate:more,raw:ff,gate:rest";
    let commands = commands.replace("text_size:65000", &format!("raw:{}", "61".repeat(20_000)));
    host.open(script(&server, &commands));
    at_gate(&server, "more");
    server.open_gate("more");
    host.run_until("error WS_ERR_PROTOCOL");
    server.open_gate("rest");
    assert_eq!(close_seen(&server).0, Some(1007));
}

#[test]
fn characters_may_be_cut_anywhere_over_frames() {
    let text = "a\u{fc}\u{20ac}\u{1f980}\u{10ffff}\u{d7ff}\u{e000}z";
    let message = format!("message text {text}");
    for cut in 0..=text.len() {
        let (one, two) = text.as_bytes().split_at(cut);
        delivers(&format!("frame:01:{},frame:80:{}", hex(one), hex(two)), &[&message]);
    }
    let bytes: Vec<String> = text.bytes().map(|byte| format!("frame:00:{byte:02x}")).collect();
    delivers(&format!("frame:01:,{},frame:80:", bytes.join(",")), &[&message]);
    let whole = frame(0x81, text.len(), text.as_bytes());
    delivers(&format!("drip:{}", hex(&whole)), &[&message]);
}

#[test]
fn binary_messages_may_hold_anything() {
    delivers("binary:fffe80c0,frame:02:ff,frame:80:fe", &["message blob fffe80c0", "message blob fffe"]);
}

#[test]
fn a_text_may_hold_a_nul() {
    delivers("text:a%00b", &["message text a\0b"]);
}

/// Where the host asks for it: the same for objects whose text is no JSON.
#[test]
fn with_strict_json_a_text_that_is_no_json_is_refused() {
    let server = Server::start();
    let deep = "%5B".repeat(129) + &"%5D".repeat(129);
    for (text, why) in [
        ("%7B%22a%22:%7D".to_owned(), "expected value at line 1 column 6"),
        (deep, "it is nested deeper than 128"),
        (String::new(), "eof while parsing a value"),
    ] {
        let options = Options::new()
            .set(|api, o| (api.ws_options_set_data_type)(o, WS_DATA_TYPE_OBJECT))
            .set(|api, o| (api.ws_options_set_strict_json)(o, 1));
        let commands = format!("text:%7B%22a%22%3A1%7D,text:{}", text.replace(':', "%3A"));
        let why = format!("not JSON: {why}");
        fails_with(
            &server,
            options,
            &commands,
            &["message object {\"a\":1}"],
            "WS_ERR_INVALID_JSON",
            &why,
            1007,
        );
    }
}
