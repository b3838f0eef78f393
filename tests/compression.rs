//! permessage-deflate through the C functions: what goes out compressed and what must not, and what a server may try
//! with it. What a deflater and an inflater make of every stream is the protocol's to show (`protocol/tests`).

#![cfg(feature = "compression")]

#[path = "wire/mod.rs"]
mod wire;

use std::sync::{Arc, Mutex};
use ws4d_test_host::codes::{WS_DATA_TYPE_BLOB, WS_DATA_TYPE_TEXT, WS_SEND_PLAIN};
use ws4d_test_host::{Host, Options, Socket, api, name};
use ws4d_test_server::{Seen, Server};

use wire::{RawServer, deflate_echo, head_value, hex, request};

/// The URL of a server that agrees to compression and plays these commands.
fn agreed(server: &Server, parameters: &str, commands: &str) -> String {
    server.ws(&format!("/script?extensions=permessage-deflate{parameters}&do={commands}"))
}

fn with_level(level: i32) -> Options {
    Options::new().set(|api, o| (api.ws_options_set_compression)(o, level))
}

fn send(ws: Socket, data_type: i32, data: &str, flags: u32) {
    assert_eq!(name((api().ws_send)(ws, data_type, data.as_ptr().cast(), data.len(), flags)), "WS_OK");
}

/// `docs/hostile.md`, line 24: a message that mixes secrets with a stranger's text goes as it is. The server of
/// the scripts knows no RSV1: the first frame that has it is a violation to it.
#[test]
fn a_message_that_is_to_be_plain_is_not_compressed_and_the_next_one_is() {
    let text = "token=hunter2&".repeat(100);
    for data_type in [WS_DATA_TYPE_TEXT, WS_DATA_TYPE_BLOB] {
        let server = Server::start();
        let host = Host::new();
        let ws = host.open(agreed(&server, "", "expect"));
        send(ws, data_type, &text, WS_SEND_PLAIN);
        let plain = match data_type {
            WS_DATA_TYPE_TEXT => Seen::Text(text.clone()),
            _ => Seen::Binary(text.clone().into_bytes()),
        };
        server.wait_for(|event| event.seen == plain);
        send(ws, data_type, &text, 0);
        server.wait_for(|event| matches!(&event.seen, Seen::Violation(what) if what.contains("RSV")));
    }
}

#[test]
fn what_is_below_the_smallest_size_goes_plain() {
    let server = Server::start();
    let host = Host::new();
    let options = Options::new().set(|api, o| (api.ws_options_set_compression_min_size)(o, 1000));
    let ws = host.to(agreed(&server, "", "expect,expect")).with(options).open();
    for text in ["", "short", &"a".repeat(999)] {
        send(ws, WS_DATA_TYPE_TEXT, text, 0);
        server.wait_for(|event| event.seen == Seen::Text(text.to_owned()));
    }
    send(ws, WS_DATA_TYPE_TEXT, &"a".repeat(1000), 0);
    server.wait_for(|event| matches!(event.seen, Seen::Violation(_)));
}

#[test]
fn compression_is_offered_by_default_and_not_at_level_0() {
    let offers = |options: Options| {
        let server = Server::start();
        let host = Host::new();
        host.to(server.ws("/echo")).with(options).open();
        let lines = request(&server);
        lines.iter().find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: ").map(str::to_owned))
    };
    assert_eq!(offers(Options::new()).as_deref(), Some("permessage-deflate; client_max_window_bits"));
    assert_eq!(offers(with_level(0)), None);
    let narrow = Options::new()
        .set(|api, o| (api.ws_options_set_compression_window_bits)(o, 9, 10))
        .set(|api, o| (api.ws_options_set_compression_context_takeover)(o, 0, 0));
    assert_eq!(
        offers(narrow).as_deref(),
        Some(
            "permessage-deflate; client_max_window_bits=9; server_max_window_bits=10; \
             client_no_context_takeover; server_no_context_takeover"
        )
    );
}

/// What is delivered before the connection fails, and how.
#[track_caller]
fn fails(options: Options, commands: &str, delivered: &[&str], error: &str, code: u16) {
    let server = Server::start();
    let host = Host::new();
    host.to(agreed(&server, "", commands)).with(options).open();
    host.run_until("free");
    let error = format!("error {error}");
    let life = [&["open"], delivered, &[error.as_str(), "terminate 1006", "free"]].concat();
    assert_eq!(host.trace(), life, "{commands}");
    server.wait_for(|event| matches!(event.seen, Seen::Close(Some(seen), _) if seen == code));
}

/// "Hello", RFC 7692 §7.2.3.1.
const HELLO: &str = "frame:c1:f248cdc9c90700";

/// `docs/hostile.md`, line 21.
#[test]
fn a_bomb_is_refused_at_the_limit_of_what_comes_out() {
    let bomb = deflated(&vec![b'a'; 2_000_000]);
    assert!(bomb.len() < 14_000);
    let limited = Options::new().set(|api, o| (api.ws_options_set_max_message_size)(o, 1_000_000));
    let commands = format!("{HELLO},frame:c1:{}", hex(&bomb));
    fails(limited, &commands, &["message text Hello"], "WS_ERR_TOO_LARGE", 1009);

    let server = Server::start();
    let host = Host::new();
    host.open(agreed(&server, "", &format!("frame:c2:{},close:1000:", hex(&bomb))));
    host.on("message", |call| assert!(call.event.data() == vec![b'a'; 2_000_000]));
    host.run_until("free");
    assert_eq!(host.count("message"), 1);
}

/// `docs/hostile.md`, line 21.
#[test]
fn broken_compressed_data_are_1007() {
    for broken in [
        // A block of the reserved type, noise, the tail that is not to be sent, and a reach back to before the beginning.
        "frame:c1:07",
        "frame:c2:ffffffff",
        "frame:c1:f248cdc9c907000000ffff",
        "frame:c2:f200110000",
    ] {
        fails(
            Options::new(),
            &format!("text:first,{broken}"),
            &["message text first"],
            "WS_ERR_PROTOCOL",
            1007,
        );
    }
    // A text that is not UTF-8 once it is inflated: stored, ff.
    fails(Options::new(), "frame:c1:000100feffff00", &[], "WS_ERR_PROTOCOL", 1007);
}

/// `docs/hostile.md`, line 21.
#[test]
fn the_bit_of_compression_on_a_ping_or_a_later_fragment_is_1002() {
    for wrong in ["frame:c9:", "frame:ca:", "frame:41:f248,frame:c0:cdc9c90700", "frame:41:f248,frame:40:cd"]
    {
        fails(
            Options::new(),
            &format!("text:first,{wrong}"),
            &["message text first"],
            "WS_ERR_PROTOCOL",
            1002,
        );
    }
}

/// `docs/hostile.md`, lines 18, 21.
#[test]
fn what_is_odd_but_legal_arrives() {
    let server = Server::start();
    let host = Host::new();
    // Fragments with a ping between them, an empty message in one byte, BFINAL and a new stream, one that is plain.
    let commands = "frame:41:f248cd,ping:between,frame:80:c9c90700,frame:c1:00,\
                    frame:c1:f348cdc9c9070000,text:plain,frame:c2:f248cdc9c90700,close:1000:";
    host.open(agreed(&server, "", commands));
    host.run_until("free");
    let hello = "message text Hello";
    let expected = [
        "open",
        hello,
        "message text",
        hello,
        "message text plain",
        "message blob 48656c6c6f",
        "terminate 1000 clean",
        "free",
    ];
    assert_eq!(host.trace(), expected);
}

/// `docs/hostile.md`, line 6.
#[test]
fn an_answer_that_was_not_offered_fails_the_handshake() {
    let server = Server::start();
    for parameters in [
        "; client_max_window_bits=7",
        "; server_max_window_bits=16",
        "; server_max_window_bits=08",
        "; client_max_window_bits",
        "; x",
        "; server_no_context_takeover; server_no_context_takeover",
        ", permessage-deflate",
    ] {
        let url = agreed(&server, &wire::percent(parameters.as_bytes()), "");
        wire::refused(&url, &Options::new()).assert("WS_ERR_HANDSHAKE", "permessage-deflate");
    }
    let url = agreed(&server, "", "");
    wire::refused(&url, &with_level(0))
        .assert("WS_ERR_HANDSHAKE", "it has an extension that was not offered");
    let host = Host::new();
    for parameters in
        ["", "; server_max_window_bits=\"8\"", "; client_max_window_bits=8; client_no_context_takeover"]
    {
        host.open(agreed(&server, &wire::percent(parameters.as_bytes()), ""));
    }
}

/// gorilla, Tornado and others know neither windows nor takeover that is asked away. What they send can be read.
#[test]
fn a_server_that_does_not_grant_what_was_asked_is_taken_with_what_it_has() {
    let server = Server::start();
    for (ours, servers, takeover, answer) in [
        (15, 9, 1, ""),
        (15, 9, 1, "; server_max_window_bits=15"),
        (9, 15, 1, "; client_max_window_bits=15"),
        (15, 15, 0, ""),
        (9, 9, 0, "; client_max_window_bits=12; server_max_window_bits=12"),
    ] {
        let options = Options::new()
            .set(|api, o| (api.ws_options_set_compression_window_bits)(o, ours, servers))
            .set(|api, o| (api.ws_options_set_compression_context_takeover)(o, takeover, takeover));
        let host = Host::new();
        let ws = host.to(agreed(&server, &wire::percent(answer.as_bytes()), "")).with(options).open();
        ws.terminate(1000, "");
        host.run_until("free");
        assert_eq!(host.trace(), ["open", "terminate 1000 clean", "free"], "{answer:?}");
    }
}

/// nhooyr's and Autobahn's servers answer 400 to a parameter that they do not know.
#[test]
fn after_a_400_an_offer_with_options_is_made_once_more_as_by_default() {
    let choosy = || {
        RawServer::start(|peer| {
            let head = peer.head();
            let offer = head_value(&head, "Sec-WebSocket-Extensions");
            if offer.as_deref() == Some("permessage-deflate; client_max_window_bits") {
                peer.accept(&head, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
                peer.wait_for_the_end();
            } else {
                peer.answer("400 Bad Request", "");
            }
        })
    };
    for (ours, servers, takeover) in [(9, 15, 1), (15, 9, 1), (15, 15, 0)] {
        let server = choosy();
        let options = Options::new()
            .set(|api, o| (api.ws_options_set_compression_window_bits)(o, ours, servers))
            .set(|api, o| (api.ws_options_set_compression_context_takeover)(o, takeover, takeover));
        wire::silent(&server.ws("/"), &options).abort();
        assert_eq!(server.connections(), 2);
    }
    let never = RawServer::start(|peer| {
        peer.head();
        peer.answer("400 Bad Request", "");
    });
    let asking = Options::new().set(|api, o| (api.ws_options_set_compression_window_bits)(o, 15, 9));
    for (options, connections) in [(asking, 2), (Options::new(), 3), (with_level(0), 4)] {
        wire::refused(&never.ws("/"), &options).assert("WS_ERR_HTTP_STATUS", "400");
        assert_eq!(never.connections(), connections);
    }
}

/// Messages that are alike, so that each refers to those before it.
fn quote(socket: usize, number: usize) -> String {
    let one = |i: usize| {
        format!(r#"{{"symbol":"S{socket}","price":{},"n":{number},"i":{i}}}"#, 1000 + i * 7919 % 997)
    };
    (0..20 + 200 * (number % 2)).map(one).collect()
}

/// More sockets than there are compressors, so that each is lent another's.
#[test]
fn messages_come_back_with_every_memory_level_window_and_takeover() {
    let agreements = [
        (15, 1, ""),
        (9, 1, "; client_max_window_bits=9"),
        (12, 1, "; client_max_window_bits=12; server_max_window_bits=12"),
        (15, 0, "; client_no_context_takeover; server_no_context_takeover"),
        (8, 0, "; client_max_window_bits=8; client_no_context_takeover; server_no_context_takeover"),
    ];
    for (bits, takeover, answer) in agreements {
        let server = deflate_echo(answer);
        for memory_level in 1..=9 {
            let host = Host::new();
            let options = || {
                with_level(memory_level)
                    .set(|api, o| (api.ws_options_set_compression_memory)(o, memory_level))
                    .set(|api, o| (api.ws_options_set_compression_window_bits)(o, bits, bits.max(12)))
                    .set(|api, o| (api.ws_options_set_compression_context_takeover)(o, takeover, takeover))
            };
            let sockets: Vec<Socket> =
                (0..6).map(|_| host.to(server.ws("/")).with(options()).open()).collect();
            let came: Arc<Mutex<Vec<String>>> = Arc::default();
            let of_script = Arc::clone(&came);
            host.on("message", move |call| {
                of_script.lock().expect("no panic inside").push(call.event.text());
            });
            for number in 0..4 {
                for (i, ws) in sockets.iter().enumerate() {
                    send(*ws, WS_DATA_TYPE_TEXT, &quote(i, number), 0);
                }
            }
            host.run_until_count("message", 24);
            for ws in &sockets {
                ws.terminate(1000, "");
            }
            host.run_until_count("terminate 1000 clean", sockets.len());
            let mut came = came.lock().expect("no panic inside").clone();
            let mut sent: Vec<String> = (0..24).map(|n| quote(n % 6, n / 6)).collect();
            came.sort();
            sent.sort();
            assert!(came == sent, "{} messages came with level {memory_level}, {answer:?}", came.len());
        }
    }
}

/// What a server would make of this: one block of the fixed code, by hand. For runs of one byte.
fn deflated(run: &[u8]) -> Vec<u8> {
    let mut bits: Vec<bool> = vec![false, true, false];
    let mut code = |code: u32, len: u32| bits.extend((0..len).rev().map(|bit| code >> bit & 1 == 1));
    // RFC 1951 §3.2.6: the literal, matches of 258 bytes at a distance of 1, the rest as literals, the end.
    code(0x30 + u32::from(run[0]), 8);
    let (matches, rest) = ((run.len() - 1) / 258, (run.len() - 1) % 258);
    for _ in 0..matches {
        code(0b1100_0101, 8);
        code(0, 5);
    }
    for _ in 0..rest {
        code(0x30 + u32::from(run[0]), 8);
    }
    code(0, 7);
    // The beginning of the empty block whose other bytes are not sent.
    bits.extend([false; 3]);
    bits.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit))).collect()
}
