//! One message: its form on the wire, and what is refused with nothing sent.

use crate::messages;
use crate::wire::{Relay, script};
use std::ptr;
use ws4d_test_host::codes::*;
use ws4d_test_host::{Host, Options, Socket, api, c, name};
use ws4d_test_server::{Seen, Server};

#[test]
fn every_kind_arrives_as_it_was_sent() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    let utf16: Vec<u16> = "wide \u{fc} \u{1f980}".encode_utf16().chain([0]).collect();
    assert_eq!(name(ws.send_text("narrow \u{fc} \u{1f980}")), "WS_OK");
    assert_eq!(name((api().ws_send_text)(ws, c("to its NUL").as_ptr(), WS_NUL_TERMINATED)), "WS_OK");
    assert_eq!(name((api().ws_send_text_utf16)(ws, utf16.as_ptr(), utf16.len() - 1)), "WS_OK");
    assert_eq!(name((api().ws_send_text_utf16)(ws, utf16.as_ptr(), WS_NUL_TERMINATED)), "WS_OK");
    assert_eq!(name(ws.send_text("with\0NUL")), "WS_OK");
    assert_eq!(name(ws.send_blob(&[0, 255, 128])), "WS_OK");
    assert_eq!(name(ws.send_object("{\"a\":1}")), "WS_OK");
    host.run_until_count("message", 7);
    server.wait_for(|event| event.seen == Seen::Text("{\"a\":1}".into()));
    let seen: Vec<Seen> = server.log().into_iter().map(|event| event.seen).collect();
    let text = |text: &str| Seen::Text(text.into());
    assert_eq!(
        seen[2..9],
        [
            text("narrow \u{fc} \u{1f980}"),
            text("to its NUL"),
            text("wide \u{fc} \u{1f980}"),
            text("wide \u{fc} \u{1f980}"),
            text("with\0NUL"),
            Seen::Binary(vec![0, 255, 128]),
            text("{\"a\":1}"),
        ]
    );
}

#[test]
fn an_object_goes_out_without_white_space_between_its_tokens_and_else_as_given() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    let cases = [
        (" { \"b\" : 1.0e+2 ,\t\"a\"\r\n: [ ] } ", "{\"b\":1.0e+2,\"a\":[]}"),
        ("{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}"),
        ("[ 12345678901234567890.10 , -0 ]", "[12345678901234567890.10,-0]"),
        (" \" a \\u0041 \\\" \" ", "\" a \\u0041 \\\" \""),
        (" null ", "null"),
        ("\ttrue", "true"),
        ("7\n", "7"),
        ("\"\u{fc}\"", "\"\u{fc}\""),
    ];
    for (given, _) in cases {
        assert_eq!(name(ws.send_object(given)), "WS_OK", "{given}");
    }
    let expected: Vec<&[u8]> = cases.iter().map(|(_, sent)| sent.as_bytes()).collect();
    assert_eq!(messages(&server, cases.len()), expected);
}

/// Nothing was sent, and the connection goes on.
fn refused_and_unharmed(refused: impl Fn(Socket)) {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    refused(ws);
    assert_eq!(ws.buffered_amount(), 0);
    assert_eq!(name(ws.send_text("after")), "WS_OK");
    host.run_until("message text after");
    assert_eq!(messages(&server, 1), [b"after"]);
    assert_eq!(host.trace(), ["open", "message text after"]);
}

#[test]
fn what_is_not_utf_8_is_refused() {
    refused_and_unharmed(|ws| {
        for bad in [
            &b"\xff"[..],
            b"abc\xc3",
            b"\xc3\x28",
            b"\xc0\xaf",
            b"\xe0\x80\xaf",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"\xf8\x88\x80\x80\x80",
            &[b"x".repeat(100_000).as_slice(), b"\x80"].concat(),
        ] {
            assert_eq!(name((api().ws_send_text)(ws, bad.as_ptr().cast(), bad.len())), "WS_ERR_INVALID_UTF8");
            assert_eq!(
                name((api().ws_send_object)(ws, bad.as_ptr().cast(), bad.len())),
                "WS_ERR_INVALID_UTF8"
            );
            assert_eq!(
                name((api().ws_send)(ws, 0, bad.as_ptr().cast(), bad.len(), 0)),
                "WS_ERR_INVALID_UTF8"
            );
        }
    });
}

#[test]
fn a_lone_surrogate_is_refused() {
    refused_and_unharmed(|ws| {
        for bad in
            [&[0xd800][..], &[0xdc00], &[0x61, 0xd800, 0x61], &[0xdc00, 0xd800], &[0xd800, 0xd800, 0xdc00]]
        {
            assert_eq!(name((api().ws_send_text_utf16)(ws, bad.as_ptr(), bad.len())), "WS_ERR_INVALID_UTF8");
        }
    });
}

#[test]
fn what_is_not_json_is_refused() {
    refused_and_unharmed(|ws| {
        for bad in [
            "",
            " ",
            "{",
            "}",
            "{]",
            "[1,]",
            "{\"a\":}",
            "{\"a\" 1}",
            "{a:1}",
            "'a'",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "-",
            "NaN",
            "Infinity",
            "tru",
            "truex",
            "null null",
            "\"",
            "\"\n\"",
            "\"\\x\"",
            "\"\\u12\"",
            "[1 2]",
            "//x\n1",
            "1\0",
        ] {
            assert_eq!(name(ws.send_object(bad)), "WS_ERR_INVALID_JSON", "{bad:?}");
        }
        assert_eq!(name(ws.send_object(&"[".repeat(1_000_000))), "WS_ERR_INVALID_JSON");
    });
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    refused_and_unharmed(|ws| {
        let api = api();
        assert_eq!(name((api.ws_send_text)(ws, ptr::null(), 1)), "WS_ERR_INVALID_ARGUMENT");
        assert_eq!(name((api.ws_send_text)(ws, ptr::null(), WS_NUL_TERMINATED)), "WS_ERR_INVALID_ARGUMENT");
        assert_eq!(name((api.ws_send_text_utf16)(ws, ptr::null(), 1)), "WS_ERR_INVALID_ARGUMENT");
        assert_eq!(name((api.ws_send_blob)(ws, ptr::null(), 1)), "WS_ERR_INVALID_ARGUMENT");
        assert_eq!(
            name((api.ws_send_blob)(ws, [1u8].as_ptr().cast(), usize::MAX)),
            "WS_ERR_INVALID_ARGUMENT"
        );
        assert_eq!(name((api.ws_ping)(ws, ptr::null(), 1)), "WS_ERR_INVALID_ARGUMENT");
        assert_eq!(name(ws.ping(&"p".repeat(126))), "WS_ERR_TOO_LARGE");
        for impossible in [usize::MAX, usize::MAX - 1, isize::MAX as usize + 1] {
            assert_eq!(name((api.ws_ping)(ws, c"x".as_ptr().cast(), impossible)), "WS_ERR_TOO_LARGE");
        }
        for unknown in [-1, 3, i32::MAX] {
            assert_eq!(
                name((api.ws_send)(ws, unknown, c"x".as_ptr().cast(), 1, 0)),
                "WS_ERR_INVALID_ARGUMENT"
            );
        }
        for flag in [2, 3, 0x8000_0000, u32::MAX] {
            assert_eq!(name((api.ws_send)(ws, 0, c"x".as_ptr().cast(), 1, flag)), "WS_ERR_UNSUPPORTED");
        }
    });
}

/// `docs/hostile.md`, line 24.
#[test]
fn ws_send_takes_every_type_and_the_plain_flag() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    for (data_type, data) in
        [(WS_DATA_TYPE_TEXT, c"text"), (WS_DATA_TYPE_BLOB, c"blob"), (WS_DATA_TYPE_OBJECT, c" [ 1 ] ")]
    {
        for flags in [0, WS_SEND_PLAIN] {
            let len = data.to_bytes().len();
            assert_eq!(name((api().ws_send)(ws, data_type, data.as_ptr().cast(), len, flags)), "WS_OK");
        }
    }
    assert_eq!(messages(&server, 6), [&b"text"[..], b"text", b"blob", b"blob", b"[1]", b"[1]"]);
}

#[test]
fn messages_of_no_length_are_messages() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    assert_eq!(name((api().ws_send_text)(ws, ptr::null(), 0)), "WS_OK");
    assert_eq!(name((api().ws_send_text_utf16)(ws, ptr::null(), 0)), "WS_OK");
    assert_eq!(name((api().ws_send_text)(ws, c"".as_ptr(), WS_NUL_TERMINATED)), "WS_OK");
    assert_eq!(name((api().ws_send_blob)(ws, ptr::null(), 0)), "WS_OK");
    assert_eq!(name((api().ws_ping)(ws, ptr::null(), 0)), "WS_OK");
    host.run_until("pong");
    let empty = "message text";
    assert_eq!(host.trace(), ["open", empty, empty, empty, "message blob", "pong"]);
}

#[test]
fn a_ping_may_have_125_bytes() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    let payload = "p".repeat(125);
    assert_eq!(name(ws.ping(&payload)), "WS_OK");
    host.run_until(&format!("pong {payload}"));
}

#[test]
fn a_pong_that_answers_nothing_arrives_and_gets_no_answer() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    let payload = [b'p'; 126];
    for len in [126, usize::MAX] {
        assert_eq!(name((api().ws_pong)(ws, payload.as_ptr().cast(), len)), "WS_ERR_TOO_LARGE");
    }
    assert_eq!(name((api().ws_pong)(ws, ptr::null(), 1)), "WS_ERR_INVALID_ARGUMENT");
    for len in [125, 4, 0] {
        assert_eq!(name((api().ws_pong)(ws, payload.as_ptr().cast(), len)), "WS_OK");
        server.wait_for(|event| event.seen == Seen::Pong(payload[..len].to_vec()));
    }
    // A ping's pong is one of its own.
    ws.ping("pppp");
    host.run_until("pong pppp");
    ws.terminate(1000, "");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "pong pppp", "terminate 1000 clean", "free"]);
    assert_eq!(name((api().ws_pong)(ws, ptr::null(), 0)), "WS_ERR_CLOSED");
}

/// `docs/hostile.md`, line 24: a fresh mask for each frame; RFC 6455 §5.3.
#[test]
fn every_frame_is_masked_with_a_key_of_its_own() {
    let server = Server::start();
    let relay = Relay::opened(server.ws_port());
    let host = Host::new();
    let ws = host.open(relay.ws("/echo"));
    for _ in 0..200 {
        ws.send_text("the same text");
    }
    ws.send_blob(&[0; 1_000_000]);
    ws.ping("p");
    ws.terminate(1000, "");
    host.run_until("free");
    let frames = relay.frames();
    let mut keys: Vec<[u8; 4]> = frames.iter().map(|frame| frame.key).collect();
    keys.sort_unstable();
    keys.dedup();
    assert!(frames.len() > 200 && keys.len() + 2 >= frames.len(), "{} of {}", keys.len(), frames.len());
}

#[test]
fn the_largest_message_is_the_limit_and_one_byte_more_is_too_large() {
    let server = Server::start();
    let host = Host::new();
    let limited = Options::new().set(|api, o| (api.ws_options_set_max_message_size)(o, 1000));
    let ws = host.to(server.ws("/echo")).with(limited).open();
    let (fits, too_large) = ("x".repeat(1000), "x".repeat(1001));
    for (text, result) in [(&fits, "WS_OK"), (&too_large, "WS_ERR_TOO_LARGE")] {
        assert_eq!(name(ws.send_text(text)), result);
        assert_eq!(name(ws.send_blob(text.as_bytes())), result);
    }
    let padded = format!("\"{}\"{}", "x".repeat(998), " ".repeat(5000));
    assert_eq!(name(ws.send_object(&padded)), "WS_OK", "what is sent counts");
    assert_eq!(messages(&server, 3).iter().map(Vec::len).collect::<Vec<_>>(), [1000, 1000, 1000]);
    host.run_until_count("message", 3);
}

#[test]
fn by_default_a_message_may_have_64_mib() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "expect"));
    let mut data = vec![1; (64 << 20) + 1];
    assert_eq!(name(ws.send_blob(&data)), "WS_ERR_TOO_LARGE");
    data.truncate(64 << 20);
    assert_eq!(name(ws.send_blob(&data)), "WS_OK", "an empty buffer takes any message up to the limit");
    assert!(messages(&server, 1) == [data], "it arrived whole");
}

#[test]
fn without_a_limit_a_message_may_be_larger() {
    let server = Server::start();
    let host = Host::new();
    let unlimited = Options::new().set(|api, o| (api.ws_options_set_max_message_size)(o, 0));
    let ws = host.to(script(&server, "expect")).with(unlimited).open();
    let data = vec![1; 70 << 20];
    assert_eq!(name(ws.send_blob(&data)), "WS_OK");
    assert!(messages(&server, 1) == [data], "it arrived whole");
}
