//! `ws_get_close_info`: one record of why a connection ended, in every way in which it can.

mod support;

use std::io::{self, ErrorKind};
use std::ptr;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use support::{closed_with, script, until_status};
use ws4d_test_host::codes::*;
use ws4d_test_host::{Host, Options, RawCloseInfo, Socket, api, name};
use ws4d_test_server::{CertKind, Server};

/// What a record says, but for its times: stage, result, received, sent, clean.
fn story(info: &RawCloseInfo) -> (i32, String, i32, i32, i32) {
    (info.stage, name(info.result), info.code_received, info.code_sent, info.was_clean)
}

/// What the system's number means, which each system has its own of.
fn system_s(info: &RawCloseInfo) -> ErrorKind {
    io::Error::from_raw_os_error(info.os_code).kind()
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

#[track_caller]
fn ends(url: &str, options: Options, act: impl FnOnce(&Host, Socket)) -> RawCloseInfo {
    let host = Host::new();
    // In the callbacks it says what it says afterwards.
    host.on("error", |call| assert!(call.ws.close_info().stage != WS_STAGE_NONE));
    host.on("terminate", |call| assert!(call.ws.close_info().stage != WS_STAGE_NONE));
    let before = now_ms();
    let ws = host.to(url).with(options).open_async();
    act(&host, ws);
    host.run_until("free");
    let info = ws.close_info();
    assert!(before <= info.began_ms && info.began_ms <= info.closed_ms && info.closed_ms <= now_ms());
    if info.stage >= WS_STAGE_OPEN {
        assert!(info.began_ms <= info.opened_ms && info.opened_ms <= info.closed_ms, "{info:?}");
        assert!((0..=(now_ms() - before + 1) * 1000).contains(&info.open_us), "{info:?}");
        assert_eq!(info.http_status, 101);
    } else {
        assert_eq!((info.opened_ms, info.open_us), (0, -1));
    }
    info
}

fn nothing(_: &Host, _: Socket) {}

fn ok(stage: i32, received: i32, sent: i32, clean: i32) -> (i32, String, i32, i32, i32) {
    (stage, "WS_OK".into(), received, sent, clean)
}

#[test]
fn before_the_end_it_is_neutral() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "gate:go,text:held,close:4001:bye"));
    let neutral = RawCloseInfo { tls_alert: -1, open_us: -1, ..RawCloseInfo::INIT };
    assert_eq!(ws.close_info(), neutral);
    server.open_gate("go");
    // The end is known, although a message waits for the host.
    until_status(ws, WS_STATUS_CLOSED);
    assert_eq!(story(&ws.close_info()), ok(WS_STAGE_CLOSED, 4001, 4001, 1));
    assert_eq!(host.trace(), ["open"]);
    host.run_until("free");
}

#[test]
fn a_closing_handshake_has_both_codes() {
    let server = Server::start();
    let none = Options::new;
    let info = ends(&script(&server, "close:4001:bye"), none(), nothing);
    assert_eq!(story(&info), ok(WS_STAGE_CLOSED, 4001, 4001, 1));
    let info = ends(&script(&server, "close_empty"), none(), nothing);
    assert_eq!(story(&info), ok(WS_STAGE_CLOSED, 1005, 1005, 1), "no code");
    let info = ends(&server.ws("/echo"), none(), |host, ws| {
        host.run_until("open");
        ws.terminate(3000, "");
    });
    assert_eq!(story(&info), ok(WS_STAGE_CLOSED, 3000, 3000, 1));
    let info = ends(&script(&server, "wait_close,close:1011:"), none(), |host, ws| {
        host.run_until("open");
        ws.terminate(4000, "");
    });
    assert_eq!(story(&info), ok(WS_STAGE_CLOSED, 1011, 4000, 1));
}

#[test]
fn a_server_that_breaks_the_rules_is_sent_a_code_that_nobody_received() {
    let server = Server::start();
    for (commands, result, code) in [
        ("raw:c100", "WS_ERR_PROTOCOL", 1002),
        ("raw:8101ff", "WS_ERR_PROTOCOL", 1007),
        ("raw:827f7fffffffffffffff", "WS_ERR_TOO_LARGE", 1009),
    ] {
        let info = ends(&script(&server, commands), Options::new(), nothing);
        assert_eq!(story(&info), (WS_STAGE_OPEN, result.into(), 0, code, 0), "{commands}");
    }
}

#[test]
fn a_connection_that_is_lost_says_how() {
    let server = Server::start();
    let info = ends(&script(&server, "drop"), Options::new(), nothing);
    assert_eq!(story(&info), (WS_STAGE_OPEN, "WS_ERR_CONNECTION_RESET".into(), 0, 0, 0));
    assert_eq!(info.os_code, 0, "the system has no objection to an end");
    let info = ends(&script(&server, "gate:go,rst"), Options::new(), |host, _| {
        host.run_until("open");
        server.open_gate("go");
    });
    assert_eq!(story(&info), (WS_STAGE_OPEN, "WS_ERR_CONNECTION_RESET".into(), 0, 0, 0));
    assert_eq!(system_s(&info), ErrorKind::ConnectionReset);
    let idle = Options::new().set(|api, o| (api.ws_options_set_idle_timeout_ms)(o, 50));
    let info = ends(&server.ws("/idle"), idle, nothing);
    assert_eq!(story(&info), (WS_STAGE_OPEN, "WS_ERR_TIMEOUT".into(), 0, 0, 0));
    assert!(info.open_us >= 50_000, "{info:?}");
}

/// No `on_error`, but a reason why there was no answer.
#[test]
fn a_close_frame_that_stays_unanswered_says_why() {
    let server = Server::start();
    let short = || Options::new().set(|api, o| (api.ws_options_set_close_timeout_ms)(o, 50));
    let terminate = |host: &Host, ws: Socket| {
        host.run_until("open");
        ws.terminate(4000, "");
    };
    let info = ends(&script(&server, "stall"), short(), terminate);
    assert_eq!(story(&info), (WS_STAGE_CLOSING, "WS_ERR_TIMEOUT".into(), 0, 4000, 0));
    let info = ends(&script(&server, "wait_close,drop"), Options::new(), terminate);
    assert_eq!(story(&info), (WS_STAGE_CLOSING, "WS_ERR_CONNECTION_RESET".into(), 0, 4000, 0));
}

#[test]
fn what_the_host_ended_has_no_cause() {
    let server = Server::start();
    let info = ends(&server.ws("/echo"), Options::new(), |host, ws| {
        host.run_until("open");
        ws.abort();
    });
    assert_eq!(story(&info), ok(WS_STAGE_OPEN, 0, 0, 0));
    let server = Server::start();
    let info = ends(&server.ws("/no-answer"), Options::new(), |_, ws| {
        server.wait_for(|event| matches!(event.seen, ws4d_test_server::Seen::Request { .. }));
        ws.terminate(4000, "");
    });
    assert_eq!(story(&info), ok(WS_STAGE_UPGRADE, 0, 0, 0));
    let info = ends(&server.ws("/echo"), Options::new(), |host, _| {
        host.run_until("open");
        host.dispatcher().close();
    });
    assert_eq!((info.stage, info.result, info.code_received, info.was_clean), (WS_STAGE_OPEN, 0, 0, 0));
    closed_with(&server, 1001);
}

#[test]
fn a_connection_that_could_not_be_made_says_how_far_it_came() {
    let server = Server::start();
    let closed = format!("ws://127.0.0.1:{}/", server.closed_port());
    let info = ends(&closed, Options::new(), nothing);
    assert_eq!(story(&info), (WS_STAGE_TCP, "WS_ERR_CONNECTION_REFUSED".into(), 0, 0, 0));
    assert_eq!((system_s(&info), info.http_status), (ErrorKind::ConnectionRefused, 0));
    let info = ends("ws://nowhere.invalid/", Options::new(), nothing);
    assert_eq!(story(&info), (WS_STAGE_DNS, "WS_ERR_DNS".into(), 0, 0, 0));
    let info = ends(&server.wss_with(CertKind::SelfSigned, "/echo"), Options::new(), nothing);
    assert_eq!(story(&info), (WS_STAGE_TLS, "WS_ERR_CERTIFICATE".into(), 0, 0, 0));
    assert_eq!(info.tls_alert, -1, "it was ours");
    let info = ends(&server.ws("/status?code=503"), Options::new(), nothing);
    assert_eq!(story(&info), (WS_STAGE_UPGRADE, "WS_ERR_HTTP_STATUS".into(), 0, 0, 0));
    assert_eq!(info.http_status, 503);
    let info = ends(&server.ws("/bad-accept"), Options::new(), nothing);
    assert_eq!(story(&info), (WS_STAGE_UPGRADE, "WS_ERR_HANDSHAKE".into(), 0, 0, 0));
    // The server is asked to be a proxy, which it is not.
    let proxy = ws4d_test_host::c(&format!("http://127.0.0.1:{}", server.ws_port()));
    let through = Options::new().set(|api, o| (api.ws_options_set_proxy)(o, proxy.as_ptr()));
    let info = ends(&server.ws("/echo"), through, nothing);
    assert_eq!(story(&info), (WS_STAGE_PROXY, "WS_ERR_PROXY".into(), 0, 0, 0));
    let impatient = Options::new().set(|api, o| (api.ws_options_set_connect_timeout_ms)(o, 2000));
    let info = ends(&server.ws("/no-answer"), impatient, nothing);
    assert_eq!(story(&info), (WS_STAGE_UPGRADE, "WS_ERR_TIMEOUT".into(), 0, 0, 0));
}

#[test]
fn the_alert_by_which_a_server_ends_tls_is_told() {
    let server = Server::start();
    let ca = ws4d_test_host::c(server.ca_file().to_str().unwrap());
    let trusting = Options::new().set(|api, o| (api.ws_options_set_ca_file)(o, ca.as_ptr()));
    let info = ends(&server.wss_with(CertKind::ClientRequired, "/echo"), trusting, nothing);
    assert_eq!(name(info.result), "WS_ERR_TLS");
    assert_eq!(info.tls_alert, 116, "certificate_required (RFC 8446 section 6): {info:?}");
}

#[test]
fn the_struct_is_filled_as_far_as_its_size_says_and_as_long_as_the_handle_lives() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "close:4001:"));
    host.run_until("free");
    for (size, result) in [(0, "WS_ERR_INVALID_ARGUMENT"), (71, "WS_ERR_INVALID_ARGUMENT"), (72, "WS_OK")] {
        let mut info = RawCloseInfo { size, open_us: -9, ..RawCloseInfo::INIT };
        assert_eq!(name((api().ws_get_close_info)(ws, &mut info)), result);
        assert_eq!((info.size, info.open_us == -9), (size, result != "WS_OK"));
    }
    assert_eq!(name((api().ws_get_close_info)(ws, ptr::null_mut())), "WS_ERR_INVALID_ARGUMENT");
    ws.release();
    let mut info = RawCloseInfo::INIT;
    assert_eq!(name((api().ws_get_close_info)(ws, &mut info)), "WS_ERR_INVALID_HANDLE");
    assert_eq!(info, RawCloseInfo::INIT);
}

/// API2 section 2.
#[test]
fn a_close_code_that_no_server_may_send_is_told_as_it_came() {
    let server = Server::start();
    for (commands, code, words) in [
        ("close:2500:game%20over", 2500, "the code is 2500, with the reason \"game over\""),
        ("close:999:", 999, "the code is 999, with no reason"),
        // With half of the reason, which is no UTF-8 then.
        ("raw:880503eda1c3", 1005, "the code is 1005, with the reason \"\u{fffd}\u{fffd}\""),
        ("raw:880503ed,gate:never", 1005, "the code is 1005, with no reason"),
    ] {
        let host = Host::new();
        let told = Arc::new(Mutex::new(String::new()));
        let of_error = Arc::clone(&told);
        host.on("error", move |call| *of_error.lock().unwrap() = call.event.errors().entries[0].2.clone());
        let ws = host.open(script(&server, commands));
        host.run_until("free");
        let expected = (WS_STAGE_OPEN, "WS_ERR_PROTOCOL".into(), code, 1002, 0);
        assert_eq!(story(&ws.close_info()), expected, "{commands}");
        let said = told.lock().unwrap().clone();
        assert!(said.ends_with(&format!("must not be sent (RFC 6455 7.4); {words}")), "{said}");
        assert!(host.trace().iter().any(|line| line.starts_with("terminate 1006")), "{:?}", host.trace());
    }
}
