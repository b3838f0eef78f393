//! Answers that are no upgrade: the error stack has the status, the headers and the body. `docs/hostile.md`, line 8.

use crate::wire::{RawServer, percent, refused};
use std::io::Read;
use ws4d_test_host::{Host, Options, c};
use ws4d_test_server::{Seen, Server};

const MOST_BODY: usize = 64 * 1024;

#[test]
fn an_answer_that_is_no_upgrade_comes_with_status_headers_and_body() {
    let server = Server::start();
    let path = "/status?code=503&body=busy%00now&header=Retry-After:5&header=X-Why:a&header=x-why:b";
    let refusal = refused(&server.ws(path), &Options::new());

    refusal.assert("WS_ERR_HTTP_STATUS", "503");
    assert_eq!(refusal.component(), "http");
    assert!(refusal.message().contains("Retry-After"), "it says what to do: {}", refusal.message());
    assert_eq!(refusal.errors.http_status, 503);
    assert_eq!(refusal.errors.http_body, b"busy\0now");
    assert_eq!(refusal.header("retry-after", 0).as_deref(), Some("5"));
    assert_eq!(refusal.header("X-Why", 0).as_deref(), Some("a"));
    assert_eq!(refusal.header("X-WHY", 1).as_deref(), Some("b"));
    assert_eq!(refusal.header("X-Why", 2), None);
    assert_eq!(refusal.header("X-Absent", 0), None);
}

#[test]
fn every_status_but_101_is_told() {
    let server = Server::start();
    for code in [
        200, 204, 300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 407, 418, 426, 429, 500, 502, 503, 599,
        999,
    ] {
        let refusal = refused(&server.ws(&format!("/status?code={code}")), &Options::new());
        refusal.assert("WS_ERR_HTTP_STATUS", &code.to_string());
        assert_eq!(refusal.errors.http_status, code);
        assert!(refusal.errors.http_body.is_empty());
    }
}

/// `docs/hostile.md`, line 8: 200, 401, 407, 426, 429 and 503 with Retry-After. The message says what to do.
#[test]
fn each_refusal_names_its_cure() {
    let server = Server::start();
    for (path, words) in [
        ("code=200&body=index", &["path"][..]),
        (
            "code=401&header=WWW-Authenticate:Basic%20realm=%22a,%20b%22,%20Bearer",
            &["Basic, Bearer", "Authorization"],
        ),
        ("code=401", &["authorization"]),
        ("code=403", &["Origin"]),
        ("code=407&header=Proxy-Authenticate:Negotiate", &["proxy", "Negotiate"]),
        ("code=426&header=Sec-WebSocket-Version:8", &["version", "8"]),
        ("code=426&header=Upgrade:h2c", &["it wants another protocol (Upgrade: h2c)"]),
        ("code=426", &["it wants another protocol, but does not say which"]),
        ("code=502", &["a proxy in front of it says so: it did not reach the server"]),
        ("code=504", &["a proxy in front of it says so: the server did not answer it in time"]),
        ("code=429&header=Retry-After:120", &["Retry-After: 120"]),
        ("code=503&header=Retry-After:Wed,%2021%20Oct%202026%2007:28:00%20GMT", &["21 Oct 2026"]),
    ] {
        let refusal = refused(&server.ws(&format!("/status?{path}")), &Options::new());
        for word in words {
            refusal.assert("WS_ERR_HTTP_STATUS", word);
        }
    }
}

#[test]
fn redirects_are_told_not_followed() {
    let server = Server::start();
    for path in ["/redirect?to=/echo", "/redirect?to=ws://127.0.0.1:1/&code=307", "/redirect-loop"] {
        let refusal = refused(&server.ws(path), &Options::new());
        refusal.assert("WS_ERR_HTTP_STATUS", "redirect");
        assert!(refusal.header("Location", 0).is_some(), "{:?}", refusal.errors);
    }
    server.wait_until_idle();
    assert_eq!(server.log().iter().filter(|event| matches!(event.seen, Seen::Request { .. })).count(), 3);
}

/// `docs/hostile.md`, line 8: huge and endless bodies.
#[test]
fn a_large_body_is_kept_up_to_64_kib() {
    let server = Server::start();
    for (path, len) in [
        ("/status?size=65535", MOST_BODY - 1),
        ("/status?size=65536", MOST_BODY),
        ("/status?size=1000000", MOST_BODY),
        ("/status?size=1000000&chunked=1", MOST_BODY),
        ("/status?endless=1", MOST_BODY),
    ] {
        let refusal = refused(&server.ws(path), &Options::new());
        refusal.assert("WS_ERR_HTTP_STATUS", "503");
        assert_eq!(refusal.errors.http_body.len(), len, "{path}");
    }
    server.wait_until_idle();
}

#[test]
fn a_body_that_stalls_is_reported_as_far_as_it_came() {
    let server = Server::start();
    let refusal = refused(&server.ws("/status?code=429&size=1000&stall=1"), &Options::new());
    refusal.assert("WS_ERR_HTTP_STATUS", "429");
    assert_eq!(refusal.errors.http_body, [b'x'; 500]);

    let refusal = refused(&server.ws("/status?code=429&size=5000&chunked=1&stall=1"), &Options::new());
    refusal.assert("WS_ERR_HTTP_STATUS", "429");
    let body = &refusal.errors.http_body;
    assert!(!body.is_empty() && body.iter().all(|&byte| byte == b'x'), "{} bytes", body.len());
}

#[test]
fn a_refusal_whose_body_stalls_longer_than_the_connect_timeout_is_a_refusal() {
    let server = Server::start();
    let refusal = refused(&server.ws("/status?code=503&size=1000&stall=1"), &crate::impatient(2000));
    refusal.assert("WS_ERR_HTTP_STATUS", "503");
    assert_eq!(refusal.errors.http_status, 503);
}

#[test]
fn a_chunked_body_is_put_together() {
    let server = Server::start();
    let refusal = refused(&server.ws("/status?code=500&body=hello&chunked=1"), &Options::new());
    assert_eq!(refusal.errors.http_body, b"hello");

    let refusal = refused(&server.ws("/status?size=2500&chunked=1"), &Options::new());
    assert_eq!(refusal.errors.http_body, [b'x'; 2500]);

    let raw = "HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\nfffffffffffffff\r\ncd";
    let refusal = refused(&server.ws(&format!("/head?raw={}", percent(raw.as_bytes()))), &Options::new());
    refusal.assert("WS_ERR_HTTP_STATUS", "500");
    assert_eq!(refusal.errors.http_body, b"abcd", "a chunk size of the server's is no allocation");
}

/// `docs/hostile.md`, line 8: a gzip body.
#[test]
fn a_compressed_body_is_given_as_it_came() {
    let server = Server::start();
    let gzip = [0x1f, 0x8b, 0x08, 0x00, 0xff, 0x00];
    let path = format!("/status?code=403&header=Content-Encoding:gzip&body={}", percent(&gzip));
    let refusal = refused(&server.ws(&path), &Options::new());
    assert_eq!(refusal.errors.http_body, gzip);
    assert_eq!(refusal.header("Content-Encoding", 0).as_deref(), Some("gzip"));
}

#[test]
fn an_answer_without_a_body_is_not_waited_for() {
    let server = Server::start();
    // The server keeps these connections open.
    for head in [
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n",
        "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
    ] {
        let refusal =
            refused(&server.ws(&format!("/head?raw={}", percent(head.as_bytes()))), &Options::new());
        assert_eq!(refusal.code(), "WS_ERR_HTTP_STATUS", "{head}");
        assert!(refusal.errors.http_body.is_empty(), "{head}");
    }
    server.wait_until_idle();
}

#[test]
fn a_length_that_is_no_length_is_no_allocation() {
    let server = Server::start();
    for length in ["18446744073709551615", "99999999999999999999999", "-1", "x"] {
        let head = format!("HTTP/1.1 503 No\r\nContent-Length: {length}\r\n\r\nbody");
        let refusal =
            refused(&server.ws(&format!("/head?raw={}", percent(head.as_bytes()))), &Options::new());
        assert_eq!(refusal.code(), "WS_ERR_HTTP_STATUS", "{length}");
        assert_eq!(refusal.errors.http_body, b"body", "{length}");
    }
}

/// `docs/hostile.md`, line 8: HTTP/1.0 knows no upgrade, but refusals; simple servers and proxies still speak it.
#[test]
fn an_older_http_may_refuse() {
    let server = Server::start();
    let raw = "HTTP/1.0 403 No\r\nX-A: b\r\n\r\nno, thank you";
    let refusal =
        refused(&server.ws(&format!("/head?raw={}", percent(raw.as_bytes()))), &crate::impatient(2000));
    refusal.assert("WS_ERR_HTTP_STATUS", "403");
    assert_eq!((refusal.errors.http_status, refusal.header("X-A", 0).as_deref()), (403, Some("b")));
    assert_eq!(refusal.errors.http_body, b"no, thank you");
}

#[test]
fn an_interim_answer_may_come_before_a_refusal() {
    let server = Server::start();
    let raw =
        "HTTP/1.1 103 Early\r\nX-A: early\r\n\r\nHTTP/1.1 503 No\r\nX-A: late\r\nContent-Length: 2\r\n\r\nno";
    let refusal = refused(&server.ws(&format!("/head?raw={}", percent(raw.as_bytes()))), &Options::new());
    refusal.assert("WS_ERR_HTTP_STATUS", "503");
    assert_eq!(refusal.header("X-A", 0).as_deref(), Some("late"));
    assert_eq!(refusal.header("X-A", 1), None);
    assert_eq!(refusal.errors.http_body, b"no");
}

#[test]
fn a_refusal_of_an_asynchronous_socket_is_an_error_event_with_the_same_stack() {
    let server = Server::start();
    let host = Host::new();
    host.once("error", |call| {
        let errors = call.event.errors();
        assert_eq!((errors.name().as_str(), errors.http_status), ("WS_ERR_HTTP_STATUS", 503));
        assert_eq!(errors.http_body, b"busy");
    });
    host.open_async(server.ws("/status?code=503&body=busy"));
    host.run_until("free");
    assert_eq!(host.trace(), ["error WS_ERR_HTTP_STATUS", "terminate 1006", "free"]);
}

/// A server that will not read all of a large request answers before it has, and closes; its refusal is what counts.
#[test]
fn a_refusal_that_comes_before_the_request_has_left_is_read() {
    let server = RawServer::start(|peer| {
        let _ = peer.stream.read(&mut [0; 64]);
        peer.answer("431 Request Header Fields Too Large", "X-Why: large\r\n");
    });
    let cookie = format!("a={}", "x".repeat(60_000));
    let options = (0..15).fold(Options::new(), |options, _| {
        options.set(|api, o| (api.ws_options_set_cookie)(o, c(&cookie).as_ptr()))
    });
    let refusal = refused(&server.ws("/"), &options);
    refusal.assert("WS_ERR_HTTP_STATUS", "431");
    assert_eq!(refusal.header("x-why", 0).as_deref(), Some("large"));
}

#[test]
fn a_refusal_shows_the_first_line_of_its_body_and_where_wss_is_wanted_says_so() {
    let server = Server::start();
    let page = "/status?code=400&body=The%20plain%20HTTP%20request%20was%20sent%20to%20HTTPS%20port";
    let refusal = refused(&server.ws(page), &Options::new());
    refusal.assert("WS_ERR_HTTP_STATUS", "\"The plain HTTP request was sent to HTTPS port\"");
    refusal.assert("WS_ERR_HTTP_STATUS", "try wss://");
    let refusal = refused(&server.ws("/status?code=400&body=unsupported%20offer"), &Options::new());
    refusal.assert("WS_ERR_HTTP_STATUS", "\"unsupported offer\"");
    if cfg!(feature = "compression") {
        refusal.assert("WS_ERR_HTTP_STATUS", "ws_options_set_compression 0");
    }
}

#[test]
fn a_user_that_stood_in_the_url_is_not_advised_again() {
    let server = Server::start();
    for (scheme, why) in [
        ("Basic%20realm=x", "does not take the user and password of the URL"),
        ("Bearer", "which go as Basic or Digest: it wants Bearer"),
    ] {
        let url = server.ws(&format!("/status?code=401&header=WWW-Authenticate:{scheme}"));
        let refusal = refused(&url.replace("ws://", "ws://user:secret@"), &Options::new());
        refusal.assert("WS_ERR_HTTP_STATUS", why);
        assert!(!refusal.message().contains("user:password@"), "{:?}", refusal.errors);
    }
}
