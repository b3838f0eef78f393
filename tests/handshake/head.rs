//! Heads that bend HTTP, are too large, or never end.

use crate::impatient;
use crate::wire::{RawServer, percent, refused, silent};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use ws4d_test_host::Options;
use ws4d_test_server::Server;

/// `docs/hostile.md`, line 3.
#[test]
fn bent_heads_are_refused_and_the_message_says_how() {
    let server = Server::start();
    let head = |text: &str| format!("/head?raw={}", percent(text.as_bytes()));
    let with = |line: &str| {
        head(&format!(
            "HTTP/1.1 101 Ok\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{line}\r\n\
             Sec-WebSocket-Accept: {{accept}}\r\n\r\n"
        ))
    };
    for (path, why) in [
        ("/bare-lf".to_owned(), "bare LF"),
        ("/nul-head".to_owned(), "control character"),
        ("/folded-head".to_owned(), "folded"),
        ("/space-before-colon".to_owned(), "malformed"),
        ("/garbage".to_owned(), "HTTP/1.1"),
        (with("X: a\nY: b"), "bare LF"),
        (with("X: a\rY: b"), "bare CR"),
        (with("X: \x01"), "control character"),
        (with("X: \x7f"), "control character"),
        (with(" X: a"), "folded"),
        (with("no colon"), "malformed"),
        (with(": no name"), "malformed"),
        (with("X\u{e4}: a"), "malformed"),
        (head("\r\nHTTP/1.1 101 Ok\r\n\r\n"), "HTTP/1.1"),
        (head("SSH-2.0-OpenSSH_9.6\r\n\r\n"), "WebSocket server"),
        (head("\r\n\r\n"), "HTTP/1.1"),
    ] {
        refused(&server.ws(&path), &Options::new()).assert("WS_ERR_HANDSHAKE", why);
    }
}

/// `ws_errors_message`: what was attempted, on what, what came back.
#[test]
fn every_refusal_names_the_server() {
    let server = Server::start();
    let name = format!("127.0.0.1:{}", server.ws_port());
    for path in ["/status?code=503", "/eof", "/reset", "/bad-accept", "/garbage", "/bare-lf", "/huge-head"] {
        let refusal = refused(&server.ws(path), &Options::new());
        assert!(refusal.message().contains(&name), "{path}: {:?}", refusal.errors);
    }
}

/// A good 101 of `size` bytes in all, filled up with header lines of `line` bytes.
fn padded(size: usize, line: usize) -> String {
    let good =
        "HTTP/1.1 101 Ok\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n";
    // The accept value has 28 letters, its place holder 8; the last two bytes are the empty line.
    let mut left = size - (good.len() + 20) - 2;
    let mut head = good.to_owned();
    while left > 0 {
        // What would be left for the next line must be one.
        let len = if left < line + 5 { left } else { line };
        head += &format!("X: {{x:{}}}\r\n", len - 5);
        left -= len;
    }
    format!("/head?raw={head}\r\n").replace("\r\n", "%0d%0a").replace(' ', "%20")
}

/// `docs/hostile.md`, line 1.
#[test]
fn a_head_may_have_64_kib_and_no_more() {
    let server = Server::start();
    for line in [200, 20_000, 70_000] {
        silent(&server.ws(&padded(64 * 1024, line)), &Options::new()).abort();
        for size in [64 * 1024 + 1, 128 * 1024] {
            refused(&server.ws(&padded(size, line)), &Options::new()).assert("WS_ERR_HANDSHAKE", "64 KiB");
        }
    }
}

/// `docs/hostile.md`, line 1.
#[test]
fn too_many_header_lines_are_refused() {
    let server = Server::start();
    refused(&server.ws(&padded(60_000, 20)), &Options::new()).assert("WS_ERR_HANDSHAKE", "headers");
}

/// `docs/hostile.md`, line 2.
#[test]
fn a_head_that_never_ends_is_refused_at_its_limit() {
    let server = Server::start();
    refused(&server.ws("/endless-head"), &Options::new()).assert("WS_ERR_HANDSHAKE", "64 KiB");
    server.wait_until_idle();
}

/// `docs/hostile.md`, line 2.
#[test]
fn a_head_that_stops_in_its_middle_times_out() {
    let server = Server::start();
    let half = percent(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n");
    for path in ["/no-answer".to_owned(), format!("/head?raw={half}")] {
        let refusal = refused(&server.ws(&path), &impatient(2000));
        refusal.assert("WS_ERR_TIMEOUT", "answer");
        assert!(refusal.message().contains("2000 ms"), "{:?}", refusal.errors);
        assert_eq!(refusal.component(), "http");
    }
    server.wait_until_idle();
}

#[test]
fn a_server_that_ends_or_resets_instead_of_answering_is_told_apart_from_one_that_refuses() {
    let server = Server::start();
    for path in ["/reset", "/reset-in-head"] {
        refused(&server.ws(path), &Options::new()).assert("WS_ERR_CONNECTION_RESET", "reset");
    }
    for path in ["/eof", "/close-in-head"] {
        let refusal = refused(&server.ws(path), &Options::new());
        let code = refusal.code();
        assert!(code == "WS_ERR_CONNECTION_RESET" || code == "WS_ERR_HANDSHAKE", "{:?}", refusal.errors);
        assert!(refusal.message().contains("ended the connection"), "{:?}", refusal.errors);
    }
}

/// A server that speaks first, before it was asked.
#[test]
fn an_answer_before_the_request_is_judged_as_any_other() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        stream.write_all(b"220 mail.test ESMTP\r\n").expect("a banner");
        let _ = stream.read(&mut [0; 4096]);
    });
    let url = format!("ws://127.0.0.1:{port}/");
    refused(&url, &Options::new()).assert("WS_ERR_HANDSHAKE", "WebSocket server");
    server.join().expect("the server's thread");
}

/// A port where something else speaks: its first bytes say what.
#[test]
fn what_speaks_no_http_is_shown_and_named() {
    for (bytes, why) in [
        (&b"\x15\x03\x01\0\x02\x02\x46"[..], "try wss://"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "\"SSH-2.0-OpenSSH_9.2\\r\\n\"; it is an SSH server"),
        (b"RFB 003.008\n", "it is a VNC server"),
        (b"\x05\xff", "\"\\x05\\xff\"; it is a SOCKS proxy: see ws_options_set_proxy"),
        (b"\0\0\x04\x04\0\0\0\0\0\0\x03\0\0", "it is an HTTP/2 server"),
        (b"HTTP/1.1 101 Ok\r\nUpgrade: websocket\r\nsecretless garbage\r\n\r\n", "\"secretless garbage\""),
        (b"HTTP/1.1 101 Ok\r\nX-Key : hunter2\r\n\r\n", "\"X-Key :\""),
    ] {
        let server = RawServer::start(move |peer| {
            peer.head();
            peer.say(bytes);
            peer.wait_for_the_end();
        });
        let refusal = refused(&server.ws("/"), &Options::new());
        refusal.assert("WS_ERR_HANDSHAKE", why);
        assert!(!refusal.message().contains("hunter2"), "{:?}", refusal.errors);
    }
}

#[test]
fn a_server_that_hangs_up_on_a_request_in_the_clear_may_want_wss() {
    let server = Server::start();
    refused(&server.ws("/eof"), &Options::new())
        .assert("WS_ERR_CONNECTION_RESET", "does its port want wss://?");
    let wss = refused(&server.wss("/eof"), &Options::new().set(|api, o| (api.ws_options_set_verify)(o, 0)));
    assert!(!wss.message().contains("want wss"), "{:?}", wss.errors);
}
