//! Option setters judge at once, and a refused value changes nothing. `docs/hostile.md`, line 11.

use crate::wire::{request, silent};
use std::ptr;
use ws4d_test_host::{Options, OptionsToken, api, c, name};
use ws4d_test_server::Server;

fn header(o: OptionsToken, key: &str, value: &str) -> String {
    name((api().ws_options_set_header)(o, c(key).as_ptr(), c(value).as_ptr()))
}

#[test]
fn headers_that_could_split_the_request_are_refused_and_leave_no_trace() {
    let options = Options::new();
    for key in ["", " ", "X A", "X:", "X\r", "X\n", "X\r\nY", "X\t", "(X)", "X/Y", "\u{fc}", "X\u{7f}"] {
        assert_eq!(header(options.0, key, "value"), "WS_ERR_INVALID_HEADER", "{key:?}");
    }
    for value in ["a\r\nX-Injected: 1", "a\n", "a\r", "\u{1}", "\u{7f}", "a\u{b}b"] {
        assert_eq!(header(options.0, "X-A", value), "WS_ERR_INVALID_HEADER", "{value:?}");
    }
    let server = Server::start();
    silent(&server.ws("/echo"), &options).abort();
    let lines = request(&server);
    assert!(!lines.iter().any(|line| line.starts_with('X')), "{lines:?}");
}

#[test]
fn the_handshakes_own_headers_cannot_be_set() {
    let options = Options::new();
    for key in [
        "Host",
        "HOST",
        "Upgrade",
        "connection",
        "Sec-WebSocket-Key",
        "sec-websocket-version",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
        "Sec-WebSocket-Accept",
        "Content-Length",
        "Transfer-Encoding",
    ] {
        assert_eq!(header(options.0, key, "x"), "WS_ERR_INVALID_HEADER", "{key}");
    }
    for key in ["Origin", "Authorization", "User-Agent", "X-Host", "Sec-WebSocket-Other"] {
        assert_eq!(header(options.0, key, "x"), "WS_OK", "{key}");
    }
    assert_eq!(header(options.0, "X-Empty", ""), "WS_OK");
}

#[test]
fn cookies_are_pairs_without_control_characters() {
    let options = Options::new();
    let cookie = |cookies: &str| name((api().ws_options_set_cookie)(options.0, c(cookies).as_ptr()));
    for bad in ["", "a", "=1", "a=1; b", "a=1\r\nX: y", "a=1\n", "a=\u{1}", "a b=1"] {
        assert_eq!(cookie(bad), "WS_ERR_INVALID_HEADER", "{bad:?}");
    }
    for good in ["a=1", "a=1; b=2", "a=", "a=x=y"] {
        assert_eq!(cookie(good), "WS_OK", "{good:?}");
    }
}

#[test]
fn subprotocols_are_tokens_and_unique() {
    let options = Options::new();
    let add = |protocol: &str| name((api().ws_options_set_subprotocol)(options.0, c(protocol).as_ptr()));
    for bad in ["", "a b", "a,b", "a\r\n", "\u{fc}", "a;b", "\"a\""] {
        assert_eq!(add(bad), "WS_ERR_INVALID_ARGUMENT", "{bad:?}");
    }
    assert_eq!(add("chat"), "WS_OK");
    assert_eq!(add("chat"), "WS_ERR_INVALID_ARGUMENT", "RFC 6455 \u{a7}4.1: no duplicates");
    assert_eq!(add("Chat"), "WS_OK", "names are compared as they are");
}

#[test]
fn enumerations_and_flags_are_checked() {
    let options = Options::new();
    let api = api();
    for bad in [-1, 3, i32::MAX, i32::MIN] {
        assert_eq!(name((api.ws_options_set_data_type)(options.0, bad)), "WS_ERR_INVALID_ARGUMENT");
        assert_eq!(name((api.ws_options_set_verify)(options.0, bad)), "WS_ERR_INVALID_ARGUMENT");
        assert_eq!(name((api.ws_options_set_proxy_verify)(options.0, bad)), "WS_ERR_INVALID_ARGUMENT");
        assert_eq!(name((api.ws_options_set_strict_json)(options.0, bad)), "WS_ERR_INVALID_ARGUMENT");
    }
    for good in [0, 1] {
        assert_eq!(name((api.ws_options_set_data_type)(options.0, good)), "WS_OK");
        assert_eq!(name((api.ws_options_set_verify)(options.0, good)), "WS_OK");
        assert_eq!(name((api.ws_options_set_strict_json)(options.0, good)), "WS_OK");
    }
}

#[test]
fn a_certificate_authority_must_be_one() {
    let options = Options::new();
    let server = Server::start();
    let file = |path: &str| name((api().ws_options_set_ca_file)(options.0, c(path).as_ptr()));
    let pem = |text: &str| name((api().ws_options_set_ca_pem)(options.0, text.as_ptr().cast(), text.len()));
    let folder = server.ca_file().parent().expect("a folder").to_owned();
    for bad in [
        "",
        "/no/such/file.pem",
        folder.to_str().expect("UTF-8"),
        folder.join("client.key").to_str().expect("UTF-8"),
    ] {
        assert_eq!(file(bad), "WS_ERR_FILE", "{bad:?}");
    }
    assert_eq!(file(server.ca_file().to_str().expect("UTF-8")), "WS_OK");
    let begin = "-----BEGIN CERTIFICATE-----\n";
    let end = "\n-----END CERTIFICATE-----\n";
    for bad in ["", "no PEM", begin, &format!("{begin}!!!!{end}"), &format!("{begin}AAAA{end}")] {
        assert_eq!(pem(bad), "WS_ERR_INVALID_ARGUMENT", "{bad:?}");
    }
    assert_eq!(pem(server.ca_pem()), "WS_OK");
}

#[test]
fn texts_must_be_there_and_be_utf_8() {
    let options = Options::new();
    let (o, api) = (options.0, api());
    let (null, bad) = (ptr::null(), c"\xff".as_ptr());
    let good = c"a".as_ptr();
    for (text, code) in [(null, "WS_ERR_INVALID_ARGUMENT"), (bad, "WS_ERR_INVALID_UTF8")] {
        assert_eq!(name((api.ws_options_set_header)(o, text, good)), code);
        assert_eq!(name((api.ws_options_set_header)(o, good, text)), code);
        assert_eq!(name((api.ws_options_set_cookie)(o, text)), code);
        assert_eq!(name((api.ws_options_set_subprotocol)(o, text)), code);
        assert_eq!(name((api.ws_options_set_ca_file)(o, text)), code);
    }
    assert_eq!(name((api.ws_options_set_ca_pem)(o, ptr::null(), 10)), "WS_ERR_INVALID_ARGUMENT");
}
