//! Answers that upgrade wrongly, and answers that only look as if they did.

use crate::impatient;
use crate::wire::{percent, refused, silent};
use ws4d_test_host::{Host, Options};
use ws4d_test_server::{Seen, Server};

/// Refused as WS_ERR_HANDSHAKE by component http, with a message that says why.
fn all_refused(cases: &[(&str, &str)]) {
    let server = Server::start();
    for (path, why) in cases {
        let refusal = refused(&server.ws(path), &Options::new());
        refusal.assert("WS_ERR_HANDSHAKE", why);
        assert_eq!(refusal.component(), "http", "{path}");
        // Where it could be read, it is kept; it is no failure of HTTP's all the same.
        assert!(matches!(refusal.errors.http_status, 0 | 101), "{path}: {:?}", refusal.errors);
    }
    server.wait_until_idle();
    let log = server.log();
    assert!(!log.iter().any(|event| matches!(event.seen, Seen::Text(_) | Seen::Close(..))), "{log:?}");
}

fn all_accepted(paths: &[&str]) {
    let server = Server::start();
    for path in paths {
        let host = Host::new();
        let ws = host.open(server.ws(path));
        ws.send_text("hello");
        host.run_until("message text hello");
        ws.terminate(1000, "");
        host.run_until("free");
        assert_eq!(host.trace(), ["open", "message text hello", "terminate 1000 clean", "free"], "{path}");
    }
}

/// `docs/hostile.md`, line 4.
#[test]
fn an_accept_that_does_not_answer_the_key_is_refused() {
    all_refused(&[
        ("/bad-accept", "Sec-WebSocket-Accept"),
        ("/bad-accept?case=1", "Sec-WebSocket-Accept"),
        ("/no-accept", "Sec-WebSocket-Accept"),
        ("/echo?set=Sec-WebSocket-Accept:", "Sec-WebSocket-Accept"),
    ]);
}

/// `docs/hostile.md`, line 3.
#[test]
fn what_may_come_once_may_not_come_twice() {
    all_refused(&[
        ("/two-accepts", "Sec-WebSocket-Accept"),
        ("/echo?header=Upgrade:websocket", "Upgrade"),
        ("/echo?header=Sec-WebSocket-Accept:AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "Sec-WebSocket-Accept"),
    ]);
}

/// `docs/hostile.md`, line 5.
#[test]
fn another_upgrade_is_refused() {
    all_refused(&[
        ("/bad-upgrade", "Upgrade"),
        ("/no-upgrade", "Upgrade"),
        ("/echo?set=Upgrade:websocket,%20h2c", "Upgrade"),
        ("/bad-connection", "Connection"),
        ("/no-connection", "Connection"),
        ("/echo?set=Connection:notupgrade", "Connection"),
    ]);
}

/// `docs/hostile.md`, line 5.
#[test]
fn upgrade_in_any_case_and_connection_as_a_list_are_accepted() {
    all_accepted(&[
        "/echo?set=Upgrade:WebSocket&set=Connection:UPGRADE",
        "/echo?set=Connection:keep-alive,%20Upgrade",
        "/echo?set=Connection:close&header=Connection:upgrade",
    ]);
}

/// `docs/hostile.md`, line 6. None of these is legal, whether permessage-deflate was offered or not.
#[cfg(feature = "compression")]
#[test]
fn extensions_that_were_not_asked_for_are_refused() {
    let deflate = "/echo?extensions=permessage-deflate";
    all_refused(&[
        ("/unasked-extension", "extension"),
        (&format!("{deflate},%20x-unasked"), "extension"),
        (&format!("{deflate},%20permessage-deflate"), "extension"),
        (&format!("{deflate};%20unknown"), "extension"),
        (
            &format!("{deflate};%20server_no_context_takeover=1"),
            "a value for a parameter that takes none (RFC 7692 7.1.1)",
        ),
        (&format!("{deflate};%20server_max_window_bits=0"), "extension"),
        (&format!("{deflate};%20server_max_window_bits=7"), "extension"),
        (&format!("{deflate};%20server_max_window_bits=16"), "extension"),
        (&format!("{deflate};%20server_max_window_bits=08"), "extension"),
        (&format!("{deflate};%20server_max_window_bits="), "extension"),
        (&format!("{deflate};%20server_no_context_takeover;%20server_no_context_takeover"), "extension"),
        ("/echo?extensions=x-a&header=Sec-WebSocket-Extensions:x-b", "extension"),
    ]);
}

/// `docs/hostile.md`, line 6: a window of 8 bits is legal, and so are quoted values and white space.
#[cfg(feature = "compression")]
#[test]
fn legal_parameters_of_the_offered_extension_are_accepted() {
    let deflate = "/echo?extensions=permessage-deflate";
    all_accepted(&[
        deflate,
        &format!("{deflate};%20server_max_window_bits=8"),
        &format!("{deflate};server_max_window_bits=%2210%22"),
        &format!("{deflate};%20server_max_window_bits=15%20;%20client_no_context_takeover"),
        &format!("{deflate};%20client_max_window_bits=9;%20server_no_context_takeover"),
    ]);
}

/// `docs/hostile.md`, line 3: the same header twice, though each alone would do.
#[cfg(feature = "compression")]
#[test]
fn an_extension_in_two_headers_is_refused() {
    all_refused(&[(
        "/echo?extensions=permessage-deflate&header=Sec-WebSocket-Extensions:permessage-deflate",
        "extension",
    )]);
}

#[test]
fn an_upgrade_that_is_not_accepted_keeps_its_status_and_headers() {
    let server = Server::start();
    let refusal = refused(&server.ws("/bad-accept?header=X-Served-By:me"), &Options::new());
    refusal.assert("WS_ERR_HANDSHAKE", "Sec-WebSocket-Accept");
    assert_eq!(refusal.errors.http_status, 101);
    assert_eq!(refusal.header("x-served-by", 0).as_deref(), Some("me"));
}

/// The words are for somebody who can change either side: what was offered, by which option.
#[cfg(feature = "compression")]
#[test]
fn what_was_offered_stands_beside_what_was_answered() {
    let server = Server::start();
    let offering = Options::new().set(|api, o| (api.ws_options_set_subprotocol)(o, c"v1.chat".as_ptr()));
    let refusal = refused(&server.ws("/unasked-protocol"), &offering);
    refusal.assert("WS_ERR_HANDSHAKE", "\"v1.chat\" was (ws_options_set_subprotocol)");
    refused(&server.ws("/unasked-protocol"), &Options::new()).assert("WS_ERR_HANDSHAKE", "none was");
    let echoed = server.ws("/echo?extensions=permessage-deflate;%20client_max_window_bits");
    let refusal = refused(&echoed, &Options::new());
    refusal.assert("WS_ERR_HANDSHAKE", "offered was \"permessage-deflate; client_max_window_bits\"");
    refusal.assert("WS_ERR_HANDSHAKE", "ws_options_set_compression 0 goes without");
    let without = Options::new().set(|api, o| (api.ws_options_set_compression)(o, 0));
    refused(&echoed, &without).assert("WS_ERR_HANDSHAKE", "nothing was offered (ws_options_set_compression");
}

#[test]
fn an_empty_list_of_extensions_is_none_with_and_without_compression() {
    let server = Server::start();
    for level in 0..=i32::from(cfg!(feature = "compression")) {
        let options = Options::new().set(|api, o| (api.ws_options_set_compression)(o, level));
        silent(&server.ws("/echo?header=Sec-WebSocket-Extensions:"), &options).abort();
        silent(&server.ws("/echo?header=Sec-WebSocket-Extensions:%20,"), &options).abort();
    }
}

/// `docs/hostile.md`, line 8.
#[test]
fn an_older_http_is_refused() {
    all_refused(&[
        ("/http10", "HTTP/1.0"),
        ("/echo?line=HTTP/2%20101%20Switching%20Protocols", "HTTP"),
        ("/echo?line=HTTP/1.1", "HTTP"),
        ("/echo?line=HTTP/1.1%201010%20Switching%20Protocols", "HTTP"),
        ("/echo?line=ICY%20101%20OK", "HTTP"),
    ]);
}

/// `docs/hostile.md`, line 8.
#[test]
fn interim_answers_before_the_101_are_skipped() {
    all_accepted(&[
        "/early-hints",
        "/early-hints?code=103&n=5",
        "/early-hints?code=100",
        "/early-hints?code=102&n=2",
        "/echo?line=HTTP/1.1%20101%20",
        "/echo?line=HTTP/1.1%20101",
    ]);
}

/// `docs/hostile.md`, lines 2, 8.
#[test]
fn interim_answers_without_end_are_refused() {
    all_refused(&[("/early-hints?n=5000", "64 KiB")]);
}

/// `docs/hostile.md`, line 8: nothing but frames is behind a 101.
#[test]
fn a_body_behind_the_101_is_read_as_frames() {
    let server = Server::start();
    let host = Host::new();
    host.to(server.ws("/101-extra?body=hello")).named("text").open();
    host.run_until("text free");
    assert_eq!(host.trace_of("text"), ["open", "error WS_ERR_PROTOCOL", "terminate 1006", "free"]);

    let frame = percent(b"\x81\x05hello");
    let ws = host.to(server.ws(&format!("/101-extra?body={frame}"))).named("frame").open();
    host.run_until("frame message text hello");
    ws.terminate(1000, "");
    host.run_until("frame free");

    for (name, header) in [
        ("empty", "Content-Length:0"),
        ("long", "Content-Length:1000"),
        ("chunked", "Transfer-Encoding:chunked"),
        ("gzip", "Content-Encoding:gzip"),
    ] {
        let ws = host.to(server.ws(&format!("/echo?header={header}"))).named(name).open();
        ws.send_text("x");
        host.run_until(&format!("{name} message text x"));
    }
}

/// `docs/hostile.md`, line 9.
#[test]
fn frames_glued_to_the_101_are_delivered() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/glued?do=text:one,ping:p,binary:0102"));
    server.wait_for(|event| event.seen == Seen::Pong(b"p".to_vec()));
    ws.terminate(1000, "");
    host.run_until("free");
    let all = ["open", "message text one", "message blob 0102", "terminate 1000 clean", "free"];
    assert_eq!(host.trace(), all);

    let host = Host::new();
    host.open(server.ws("/glued?do=text:one,close:4001:bye"));
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message text one", "terminate 4001 bye clean", "free"]);

    // A frame that is cut at the end of what came with the 101.
    let host = Host::new();
    host.open(server.ws("/glued?do=raw:810568656c,gate:rest,raw:6c6f,close:1000:"));
    server.open_gate("rest");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message text hello", "terminate 1000 clean", "free"]);
}

/// `docs/hostile.md`, line 1.
#[test]
fn an_answer_that_comes_byte_by_byte_is_accepted() {
    all_accepted(&["/drip?ms=0", "/drip?ms=1"]);
}

/// `docs/hostile.md`, line 1: one deadline over the whole, not one for each byte.
#[test]
fn an_answer_that_drips_too_slowly_times_out() {
    let server = Server::start();
    let refusal = refused(&server.ws("/drip?ms=100"), &impatient(2000));
    refusal.assert("WS_ERR_TIMEOUT", "answer");
    assert_eq!(refusal.component(), "http");
    server.wait_until_idle();
}
