//! Writes the seeds: what the tests send, and the traffic of the Autobahn cases in small. The same files each
//! time; run it again after a change to an input's form: `cargo run --example seeds --no-default-features`.

use std::fs;
use std::path::Path;
use ws4d_fuzz::support::deflate::{BINARY_DEFLATED, NO_TAKEOVER, PARAMS, Peer, Style, TEXT_DEFLATED, json};
use ws4d_fuzz::support::{BINARY, CLOSE, CONTINUE, FIN, PING, PONG, TEXT, frame, frames};

fn main() {
    let streams = streams();
    for (name, stream) in &streams {
        write("differential", name, stream);
        // No limit, and cuts at 1, 2 and 7.
        write("decoder", name, &[&[0, 1, 0, 2, 0, 7, 0], &stream[..]].concat());
    }
    write("decoder", "limit", &[&[4, 1, 0, 2, 0, 7, 0], &frame(TEXT, b"hello")[..]].concat());
    inflating();
    deflater();
    for (name, payload) in closes() {
        write("close_codes", &name, &payload);
    }
    upgrade();
    url_and_options();
    for (i, text) in JSON.iter().enumerate() {
        write("json", &format!("{i:02}"), text.as_bytes());
    }
}

fn write(target: &str, name: &str, bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    fs::create_dir_all(&folder).expect("the folder of the seeds");
    fs::write(folder.join(name), bytes).expect("a seed");
}

/// The sections of Autobahn, a case or two of each, small.
fn streams() -> Vec<(String, Vec<u8>)> {
    let long = |len: usize| vec![b'*'; len];
    let closing = frame(CLOSE, b"\x03\xe8bye");
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("1.1-text", frames(&[(TEXT, b""), (TEXT, b"hello"), (TEXT, &long(125)), (TEXT, &long(126))])),
        ("1.2-binary", frames(&[(BINARY, b""), (BINARY, b"\xfe\xff"), (BINARY, &long(300))])),
        (
            "2-pings",
            frames(&[(PING, b""), (PING, b"\x00\xff\xfe"), (PING, &long(125)), (PONG, b"unsolicited")]),
        ),
        ("2.5-long-ping", frame(PING, &long(126))),
        ("3-reserved-bits", frames(&[(TEXT, b"a"), (TEXT | 0x40, b"b")])),
        ("3-reserved-ping", frames(&[(PING | 0x20, b"b")])),
        ("4-opcodes", frames(&[(TEXT, b"a"), (0x83, b"b")])),
        ("4-control-opcodes", frames(&[(0x8b, b"")])),
        (
            "5-fragments",
            frames(&[(0x01, b"fr"), (PING, b"p"), (CONTINUE, b"ag"), (CONTINUE, b""), (FIN, b"s")]),
        ),
        ("5-binary-fragments", frames(&[(0x02, b"\xff"), (PONG, b""), (FIN, b"\xfe")])),
        ("5-no-start", frames(&[(FIN, b"x")])),
        ("5-new-start", frames(&[(0x01, b"a"), (TEXT, b"b")])),
        ("5-fragmented-ping", frames(&[(0x09, b"a"), (FIN, b"b")])),
        ("6-text", frame(TEXT, "κόσμε é€😀\u{0}\u{ffff}".as_bytes())),
        (
            "6-text-in-bytes",
            "κ€😀".bytes().map(|byte| frame(CONTINUE, &[byte])).fold(frame(0x01, b""), |mut all, one| {
                all.extend(one);
                all
            }),
        ),
        ("6-surrogate", frame(TEXT, b"ok\xed\xa0\x80")),
        ("6-overlong", frame(TEXT, b"\xc0\xaf")),
        ("6-beyond", frame(TEXT, b"\xf4\x90\x80\x80")),
        ("6-cut", frames(&[(0x01, b"\xf0\x9f"), (FIN, b"\x98")])),
        ("7-close", closing.clone()),
        ("7-close-empty", frame(CLOSE, b"")),
        ("7-close-half", frame(CLOSE, b"\x03")),
        ("7-close-code", frame(CLOSE, &4999u16.to_be_bytes())),
        ("7-close-reserved", frame(CLOSE, &1005u16.to_be_bytes())),
        ("7-close-reason", frame(CLOSE, b"\x03\xe8\xce\xba\xed\xa0")),
        ("7-after-close", frames(&[(TEXT, b"a"), (CLOSE, b"\x0f\xa0"), (TEXT, b"late")])),
        ("9-long", frame(BINARY, &long(1000))),
        ("15-masked", vec![TEXT, 0x85, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("15-not-minimal", vec![BINARY, 126, 0, 1, 7]),
        ("15-not-minimal-64", vec![BINARY, 127, 0, 0, 0, 0, 0, 0, 0, 1, 7]),
        ("15-bit-63", vec![BINARY, 127, 0x80, 0, 0, 0, 0, 0, 0, 1, 7]),
        ("15-endless", vec![BINARY, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255, 1, 2]),
    ];
    cases.into_iter().map(|(name, stream)| (name.to_owned(), stream)).collect()
}

fn inflating() {
    for (agreed, params) in [(7u8 | 8, PARAMS), (7, NO_TAKEOVER)] {
        let word = if agreed & 8 == 0 { "alone" } else { "takeover" };
        let text = json(1, 2);
        for (name, style) in [
            ("plain", Style::Plain),
            ("flushing", Style::Flushing(40)),
            ("final", Style::Final),
            ("final-bare", Style::FinalBare),
            ("final-inside", Style::FinalInside),
            ("empty-blocks", Style::EmptyBlocks(3)),
        ] {
            let mut peer = Peer::new(6, &params);
            let [first, second] = [0; 2].map(|_| peer.message(text.as_bytes(), style));
            let stream =
                frames(&[(TEXT_DEFLATED, &first), (0x41, &second[..5]), (PING, b"p"), (FIN, &second[5..])]);
            write(
                "inflating_decoder",
                &format!("{word}-{name}"),
                &[&[agreed, 1, 0, 2, 0, 7, 0], &stream[..]].concat(),
            );
            let cut = u16::to_le_bytes(first.len() as u16);
            let end = u16::to_le_bytes((first.len() + second.len()) as u16);
            let head = [&[agreed | 16][..], &cut, &end, &[7, 0]].concat();
            write("inflating_decoder", &format!("{word}-{name}-payloads"), &[head, first, second].concat());
        }
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let stream =
            frames(&[(TEXT_DEFLATED, &hello), (BINARY_DEFLATED, b"\x00"), (TEXT, b"plain"), (CLOSE, b"")]);
        write(
            "inflating_decoder",
            &format!("{word}-rfc"),
            &[&[agreed, 1, 0, 2, 0, 7, 0], &stream[..]].concat(),
        );
        let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, b'H', b'e', b'l', b'l', b'o', 0x00];
        write(
            "inflating_decoder",
            &format!("{word}-stored"),
            &[&[agreed | 16, 11, 0, 22, 0, 0, 0], &stored[..], &stored].concat(),
        );
        let bomb = Peer::new(9, &params).message(&vec![0; 70_000], Style::Plain);
        write(
            "inflating_decoder",
            &format!("{word}-bomb"),
            &[&[agreed | 16, 200, 0, 0, 1, 0, 0], &bomb[..]].concat(),
        );
    }
}

/// Window and level, then pieces: how, how long, how often.
fn deflater() {
    for (bits, level) in [(0u8, 5u8), (15, 5), (7, 0), (9, 8), (8, 3), (12, 1)] {
        let mut seed = vec![bits, level];
        for piece in
            [&[0, 5, 0][..], b"Hello", &[7, 0, 0], &[0, 5, 0], b"Hello", &[7, 0, 0], &[2, 9, 200], &[7, 0, 0]]
        {
            seed.extend_from_slice(piece);
        }
        seed.extend([
            4, 200, 200, 7, 0, 0, 3, 50, 9, 7, 0, 0, 6, 1, 100, 5, 3, 190, 7, 0, 0, 6, 3, 255, 1, 4, 0,
        ]);
        seed.extend_from_slice(b"tail");
        write("deflater", &format!("{bits}-{level}"), &seed);
    }
}

fn closes() -> Vec<(String, Vec<u8>)> {
    let mut all: Vec<(String, Vec<u8>)> =
        [0u16, 999, 1000, 1003, 1004, 1005, 1006, 1007, 1011, 1012, 1014, 1015, 2999, 3000, 4999, 5000]
            .into_iter()
            .map(|code| (code.to_string(), [&code.to_be_bytes()[..], "bye €".as_bytes()].concat()))
            .collect();
    all.push(("empty".to_owned(), vec![]));
    all.push(("half".to_owned(), vec![3]));
    all.push(("surrogate".to_owned(), b"\x03\xe8\xed\xa0\x80".to_vec()));
    all.push(("long".to_owned(), [b"\x03\xe8", &[b'x'; 123][..]].concat()));
    all.push(("too-long".to_owned(), [b"\x03\xe8", "€".repeat(50).as_bytes()].concat()));
    all
}

const GOOD: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
                    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

fn upgrade() {
    let frame = "\u{1}\u{2}frames";
    for (name, asked, text) in [
        ("good", 0u8, format!("{GOOD}\r\n{frame}")),
        ("protocol", 64, format!("{GOOD}Sec-WebSocket-Protocol: superchat\r\n\r\n{frame}")),
        ("deflate", 1, format!("{GOOD}Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n{frame}")),
        (
            "all",
            64 | 1 | 2,
            format!(
                "{GOOD}Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate; \
                 server_max_window_bits=\"10\"; client_max_window_bits=8;client_no_context_takeover ; \
                 server_no_context_takeover\r\n\r\n"
            ),
        ),
        (
            "takeover-refused",
            1 | 16 | 32,
            format!("{GOOD}Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
        ),
        ("unasked", 0, format!("{GOOD}Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")),
        (
            "twice",
            1,
            format!("{GOOD}Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate\r\n\r\n"),
        ),
        ("interim", 0, format!("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{GOOD}\r\n")),
        ("duplicate", 0, format!("{GOOD}Upgrade: websocket\r\n\r\n")),
        ("bare-lf", 0, format!("{GOOD}A: b\n\r\n")),
        ("folded", 0, format!("{GOOD}A: b\r\n c\r\n\r\n")),
        (
            "chunked",
            0,
            "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n".into(),
        ),
        ("http-1.0", 0, "HTTP/1.0 101 Ok\r\n\r\n".into()),
        ("redirect", 0, "HTTP/1.1 302 Found\r\nLocation: ws://other/\r\n\r\n".into()),
        ("ssh", 0, "SSH-2.0-OpenSSH\r\n".into()),
    ] {
        write("upgrade", name, &[&[asked, 1, 0, 40, 0, 200, 0], text.as_bytes()].concat());
    }
}

fn url_and_options() {
    for (name, texts) in [
        ("plain", &["ws://host/path?query=1"][..]),
        ("secure", &["wss://Bücher.example:8443/a", "cname=value; other=2", "pchat", "psuperchat"]),
        ("ipv6", &["ws://[::1]:8080", "hX-Name", "värde"]),
        ("user", &["ws://us%65r:123456@host/x", "hX-A", "1", "hX-A", "2", "hAuthorization", "Bearer x"]),
        ("user-alone", &["ws://user:123456@host/x", "hX-A", "1", "ca=1", "pp"]),
        ("injection", &["ws://host", "hX-A", "b\r\nc: d", "ca=1\r\n", "pa\r\nb", "hHost", "x"]),
        ("secret", &["ws://user:1234567@ho st/"]),
        ("two-at", &["wss://a@b@c"]),
        ("zone", &["ws://[fe80::1%25eth0]/"]),
        ("port", &["ws://host:65536/"]),
        ("fragment", &["ws://host/#f"]),
        ("backslash", &["ws:\\\\host"]),
        ("percent", &["ws://a%00b/", "ca=\u{7f}"]),
    ] {
        write("url_and_options", name, texts.join("\0").as_bytes());
    }
    write("url_and_options", "not-utf8", b"ws://h\xff/\0hX-A\0\xff\0c\xff=1");
}

const JSON: &[&str] = &[
    "null",
    "[true,{\"a\":[1,2.50,-0,1e400,9007199254740993]}]",
    " { \"a\" : 1 , \"a\" : 2, \"\\u0061b\": \"\\ud83d\\ude00\\n\\u0000\" } ",
    "\"\\ud800 alone\"",
    "[[[[[[[[]]]]]]]]",
    "{\"e\":\"trade\",\"s\":\"BTC€USD\",\"p\":\"64000.10\",\"T\":1700000000000,\"m\":false}",
    "{\"0\":0,\"1\":1,\"2\":2,\"3\":3,\"4\":4,\"5\":5,\"6\":6,\"7\":7,\"8\":8,\"9\":9,\"a\":10,\"b\":11,\"c\":12,\"d\":13,\"e\":14,\"f\":15,\"g\":16}",
    "[1,]",
    "01",
    "{\"a\":}",
    "1E+2",
    "\"\\x\"",
    "-",
];
