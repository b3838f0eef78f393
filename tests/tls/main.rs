//! TLS: whom the library trusts, how it says why not, and that a session carries what a bare connection does.
//! `docs/hostile.md`, line 14.

mod agreed;
mod broken;
mod client;
mod encrypted;
mod judged;
mod resumed;
#[path = "../wire/mod.rs"]
mod wire;

use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::Mutex;
use wire::{close_seen, refused, silent};
use ws4d_test_host::codes::{WS_LOG_LEVEL_DEBUG, WS_LOG_LEVEL_OFF};
use ws4d_test_host::{Host, Options, api, c, name, text};
use ws4d_test_server::{CertKind, Seen, Server};

fn trusting_pem(pem: &str) -> Options {
    Options::new().set(|api, o| (api.ws_options_set_ca_pem)(o, pem.as_ptr().cast(), pem.len()))
}

fn trusting(server: &Server) -> Options {
    let path = server.ca_file();
    Options::new().set(|api, o| (api.ws_options_set_ca_file)(o, c(path.to_str().expect("UTF-8")).as_ptr()))
}

/// What the library logs; whoever uses it is `alone`.
struct Log;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

extern "C" fn write(_: i32, _: *const c_char, message: *const c_char, _: *mut c_void) {
    LINES.lock().unwrap().push(text(message).unwrap_or_default());
}

impl Log {
    fn start() -> Log {
        LINES.lock().unwrap().clear();
        (api().ws_set_log)(WS_LOG_LEVEL_DEBUG, Some(write), ptr::null_mut());
        Log
    }

    fn stop(self) -> Vec<String> {
        (api().ws_set_log)(WS_LOG_LEVEL_OFF, None, ptr::null_mut());
        std::mem::take(&mut LINES.lock().unwrap())
    }
}

fn server_saw(server: &Server, what: &str) {
    server.wait_for(|event| matches!(&event.seen, Seen::Tls(tls) if tls.contains(what)));
}

fn trusting_nobody() -> Options {
    Options::new().set(|api, o| (api.ws_options_set_verify)(o, 0))
}

fn echoes(host: &Host, url: &str, options: Options) {
    let ws = host.to(url).with(options).open();
    ws.send_text("hello");
    host.run_until("message text hello");
    ws.terminate(1000, "bye");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message text hello", "terminate 1000 bye clean", "free"]);
}

#[test]
fn a_trusted_server_is_spoken_to() {
    let server = Server::start();
    echoes(&Host::new(), &server.wss("/echo"), trusting(&server));
    let pem = server.ca_pem();
    let by_text = Options::new().set(|api, o| (api.ws_options_set_ca_pem)(o, pem.as_ptr().cast(), pem.len()));
    echoes(&Host::new(), &server.wss("/echo"), by_text);
    server.wait_for(|event| matches!(&event.seen, Seen::Tls(tls) if tls.contains("server_name=localhost")));
}

#[test]
fn a_certificate_for_an_address_is_good_for_that_address() {
    let server = Server::start();
    let url = server.wss("/echo").replace("localhost", "127.0.0.1");
    echoes(&Host::new(), &url, trusting(&server));
}

#[test]
fn a_server_that_speaks_tls_1_2_only_is_spoken_to() {
    let server = Server::start();
    echoes(&Host::new(), &server.wss_with(CertKind::Tls12, "/echo"), trusting(&server));
    server.wait_for(|event| matches!(&event.seen, Seen::Tls(tls) if tls.starts_with("TLSv1_2")));
}

/// The message says which of the reasons it is, names the server, and nothing was sent to it.
#[test]
fn a_certificate_that_is_not_to_be_trusted_is_refused_and_the_message_says_why() {
    for (kind, why) in [
        (CertKind::SelfSigned, "it is self-signed (CN=localhost)"),
        (CertKind::UnknownCa, "\"CN=nobody's CA\" is not trusted"),
        (
            CertKind::MissingIntermediate,
            "\"CN=ws4d test CA, intermediate\" is not trusted, and the server sent no",
        ),
        (CertKind::WrongHost, "for elsewhere.test, not for localhost"),
        (CertKind::Expired, "has expired: it was valid until 2001-01-01 00:00:00 UTC"),
        (CertKind::NotYetValid, "is not yet valid: it will be from 2099-01-01 00:00:00 UTC"),
        (CertKind::Wildcard, "it is for *.localhost, not for localhost (a * stands for exactly one label"),
        (CertKind::ForClients, "is not one for servers: its extended key usage has other purposes"),
        (CertKind::UnknownExtension, "has an extension that is critical and not known here"),
        (CertKind::Constrained, "its CA may not vouch for that (name constraints)"),
        (CertKind::Damaged, "is malformed, or one of its issuers is"),
        (CertKind::NotItsKey, "has a key with which the server has not signed"),
    ] {
        let server = Server::start();
        let url = server.wss_with(kind, "/echo");
        let refusal = refused(&url, &trusting(&server));
        refusal.assert("WS_ERR_CERTIFICATE", why);
        assert_eq!(refusal.component(), "tls ", "{kind:?}");
        let authority = url.trim_start_matches("wss://").trim_end_matches("/echo");
        assert!(refusal.message().contains(authority), "{kind:?}: {}", refusal.message());
        // The alert has told the server.
        server.wait_for(|event| matches!(event.seen, Seen::TlsFailed(_)));
        server.wait_until_idle();
        assert!(!server.log().iter().any(|event| matches!(event.seen, Seen::Request { .. })), "{kind:?}");
    }
}

#[test]
fn the_wrong_name_is_wrong_for_an_address_too() {
    let server = Server::start();
    let url = server.wss_with(CertKind::WrongHost, "/echo").replace("localhost", "127.0.0.1");
    refused(&url, &trusting(&server)).assert("WS_ERR_CERTIFICATE", "name");
}

#[test]
fn nobody_is_trusted_by_default_and_what_one_socket_trusts_another_does_not() {
    let server = Server::start();
    let url = server.wss("/echo");
    refused(&url, &Options::new()).assert("WS_ERR_CERTIFICATE", "ws_options_set_ca_file");
    silent(&url, &trusting(&server)).abort();
    refused(&url, &Options::new()).assert("WS_ERR_CERTIFICATE", "issuer");
    silent(&url, &trusting_nobody()).abort();
    refused(&url, &Options::new()).assert("WS_ERR_CERTIFICATE", "issuer");
    refused(&url, &trusting(&Server::start())).assert("WS_ERR_CERTIFICATE", "issuer");
}

#[test]
fn without_verification_every_certificate_is_good() {
    let server = Server::start();
    for kind in [
        CertKind::SelfSigned,
        CertKind::WrongHost,
        CertKind::Expired,
        CertKind::NotYetValid,
        CertKind::UnknownCa,
    ] {
        echoes(&Host::new(), &server.wss_with(kind, "/echo"), trusting_nobody());
    }
    let on_again = trusting_nobody().set(|api, o| (api.ws_options_set_verify)(o, 1));
    refused(&server.wss("/echo"), &on_again).assert("WS_ERR_CERTIFICATE", "issuer");
}

#[test]
fn a_server_that_demands_a_client_certificate_is_a_failure_of_tls() {
    let server = Server::start();
    let refusal = refused(&server.wss_with(CertKind::ClientRequired, "/echo"), &trusting(&server));
    refusal.assert("WS_ERR_TLS", "certificate");
    assert_eq!(refusal.component(), "tls ");
}

#[test]
fn a_port_that_speaks_no_tls_is_a_failure_of_tls() {
    let server = Server::start();
    let refusal = refused(&server.wss_with(CertKind::Garbage, "/echo"), &trusting(&server));
    refusal.assert("WS_ERR_TLS", "is it a TLS server");
    assert_eq!(refusal.component(), "tls ");
}

#[test]
fn a_port_that_speaks_tls_is_no_plain_server() {
    let server = Server::start();
    let url = format!("ws://127.0.0.1:{}/echo", server.wss_port());
    let refusal = refused(&url, &Options::new());
    assert!(
        ["WS_ERR_HANDSHAKE", "WS_ERR_CONNECTION_RESET"].contains(&refusal.code().as_str()),
        "{:?}",
        refusal.errors
    );
    refusal.assert(&refusal.code(), "wss://");
}

#[test]
fn a_server_that_never_answers_the_hello_times_out_and_the_message_names_tls() {
    let server = Server::start();
    let options = trusting(&server).set(|api, o| (api.ws_options_set_connect_timeout_ms)(o, 2000));
    let refusal = refused(&server.wss_with(CertKind::Silent, "/echo"), &options);
    refusal.assert("WS_ERR_TIMEOUT", "was given up during the TLS handshake");
    assert_eq!(refusal.component(), "tls ");
    server.wait_until_idle();
}

fn ends(commands: &str) -> Vec<String> {
    let server = Server::start();
    let host = Host::new();
    host.to(server.wss(&format!("/script?do={commands}"))).with(trusting(&server)).open();
    host.run_until("free");
    server.wait_until_idle();
    host.trace()
}

#[test]
fn an_end_without_a_close_frame_is_1006_with_close_notify_or_without() {
    let lost = ["open", "message text last", "error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"];
    assert_eq!(ends("text:last,drop"), lost);
    assert_eq!(ends("text:last,fin"), lost);
    // A reset may overtake what was sent before it.
    let reset = ends("text:last,rst");
    assert_eq!(reset[reset.len() - 3..], lost[2..]);
}

#[test]
fn an_end_behind_the_close_frame_is_clean_with_close_notify_or_without() {
    for commands in ["close:4001:bye,drop", "close:4001:bye,fin", "close:4001:bye"] {
        assert_eq!(ends(commands), ["open", "terminate 4001 bye clean", "free"], "{commands}");
    }
}

#[test]
fn a_broken_protocol_is_answered_with_its_close_code_through_tls() {
    let server = Server::start();
    let host = Host::new();
    host.to(server.wss("/script?do=text:good,raw:c100")).with(trusting(&server)).open();
    host.run_until("free");
    assert_eq!(
        host.trace(),
        ["open", "message text good", "error WS_ERR_PROTOCOL", "terminate 1006", "free"]
    );
    assert_eq!(close_seen(&server).0, Some(1002));
}

#[test]
fn big_messages_go_both_ways() {
    let server = Server::start();
    let host = Host::new();
    let data: Vec<u8> = (0..32 << 20).map(|i: u32| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect();
    let expected = data.clone();
    host.once("message", move |call| assert!(call.event.data() == expected, "it came back as it went"));
    let ws = host.to(server.wss("/echo?log=0")).with(trusting(&server)).open();
    assert_eq!(name(ws.send_blob(&data)), "WS_OK");
    host.run_until("message");
    ws.terminate(1000, "");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message blob 33554432 bytes", "terminate 1000 clean", "free"]);
}

#[test]
fn many_small_messages_go_both_ways_in_order() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.to(server.wss("/echo")).with(trusting(&server)).open();
    for i in 0..3000 {
        assert_eq!(name(ws.send_text(&i.to_string())), "WS_OK");
    }
    ws.send_text("last");
    host.run_until("message text last");
    let numbers: Vec<String> = (0..3000).map(|i| format!("message text {i}")).collect();
    assert_eq!(host.trace()[1..3001], numbers);
}

/// `docs/hostile.md`, line 14: the session is alive until the close frame has left.
#[test]
fn what_was_sent_before_terminate_reaches_a_server_that_reads_late() {
    let server = Server::narrow();
    let host = Host::new();
    let ws = host.to(server.wss("/script?do=gate:read")).with(trusting(&server)).open();
    let sent = ws.send_until_held(1 << 20, |_| ws.send_blob(&[7; 100_000]));
    assert_eq!(name(ws.terminate(4000, "done")), "WS_OK");
    server.open_gate("read");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "terminate 4000 clean", "free"]);
    assert_eq!(close_seen(&server), (Some(4000), "done".to_owned()));
    let whole = |event: &&ws4d_test_server::Event| event.seen == Seen::Binary(vec![7; 100_000]);
    assert_eq!(server.log().iter().filter(whole).count(), sent);
}

/// `docs/hostile.md`, line 14: the same where it is the library that gives up.
#[test]
fn the_close_code_of_a_failure_reaches_a_server_that_reads_late() {
    for secure in [false, true] {
        let server = Server::start();
        let host = Host::new();
        let path = "/script?do=gate:break,raw:c100,gate:read";
        let url = if secure { server.wss(path) } else { server.ws(path) };
        let ws = host.to(url).with(trusting(&server)).open();
        while name(ws.send_blob(&[7; 100_000])) == "WS_OK" {}
        server.open_gate("break");
        host.run_until("free");
        server.open_gate("read");
        assert_eq!(close_seen(&server).0, Some(1002), "secure: {secure}");
        assert!(host.trace().contains(&"error WS_ERR_PROTOCOL".to_owned()));
    }
}
