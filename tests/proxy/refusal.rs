//! What a proxy can do wrong, and how it is told: WS_ERR_PROXY with the proxy's own answer, once.

use crate::wire::{RawServer, refused};
use crate::{answering, far, impatiently, through, tls};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use ws4d_test_server::{CertKind, Conduct, Server, Then};

#[test]
fn a_proxy_that_wants_a_password_is_asked_once_and_says_so() {
    let server = Server::start();
    let proxy = server.proxy(Conduct { password: Some(("user", "secret")), ..Conduct::default() });
    let refusal = refused(&far(&server, "/echo"), &through(&server, &proxy.url("http")));
    refusal.assert("WS_ERR_PROXY", "wants authorization");
    assert_eq!(refusal.component(), "prox");
    assert!(refusal.message().contains("407 Who Are You") && refusal.message().contains(&proxy.url("http")));
    assert_eq!(refusal.errors.http_status, 407);
    assert_eq!(refusal.errors.http_body, b"who?");
    assert_eq!(refusal.header("proxy-authenticate", 0).as_deref(), Some("Basic realm=\"test\""));
    proxy.only();
}

/// `docs/hostile.md`, line 13: 407 for ever.
#[test]
fn a_407_for_ever_is_one_refusal() {
    let server = Server::start();
    let proxy = server.proxy(Conduct { password: Some(("user", "secret")), ..Conduct::default() });
    let refusal = refused(&far(&server, "/echo"), &through(&server, &proxy.url_with("http", "user:wrong")));
    refusal.assert("WS_ERR_PROXY", "does not take the user and password");
    assert_eq!(refusal.errors.http_status, 407);
    proxy.only();

    let proxy = server.proxy(answering(
        "HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM, Negotiate\r\nContent-Length: 0\r\n\r\n",
    ));
    refused(&far(&server, "/echo"), &through(&server, &proxy.url_with("http", "a:b")))
        .assert("WS_ERR_PROXY", "it wants NTLM, Negotiate; what is spoken here is Basic and Digest");
    proxy.only();
    server.wait_until_idle();
}

#[test]
fn every_status_that_opens_no_tunnel_is_told_with_its_answer() {
    let server = Server::start();
    for status in [101, 300, 301, 302, 307, 400, 401, 403, 404, 405, 426, 429, 500, 502, 503, 504, 599, 999] {
        let answer =
            format!("HTTP/1.1 {status} Because\r\nX-Why: so\r\nContent-Length: 4\r\nLocation: /\r\n\r\nbody");
        let proxy = server.proxy(answering(answer));
        let refusal = refused(&far(&server, "/echo"), &through(&server, &proxy.url("http")));
        refusal.assert("WS_ERR_PROXY", &format!("{status} Because"));
        assert_eq!(refusal.errors.http_status, status);
        assert_eq!(refusal.header("x-why", 0).as_deref(), Some("so"));
        assert_eq!(refusal.errors.http_body, b"body");
        proxy.only();
    }
    let proxy = server.proxy(Conduct::default());
    let closed = format!("ws://far.invalid:{}/", server.closed_port());
    let refusal = refused(&closed, &through(&server, &proxy.url("http")));
    refusal.assert("WS_ERR_PROXY", "502");
    assert_eq!(refusal.errors.http_body, b"nobody");
}

#[test]
fn a_refusal_whose_body_never_ends_is_told_all_the_same() {
    let server = Server::start();
    let head = "HTTP/1.1 503 Busy\r\nContent-Length: 1000000000\r\n\r\n";
    let proxy = server.proxy(Conduct { then: Then::Flood("more, "), ..answering(head) });
    let refusal = refused(&far(&server, "/echo"), &through(&server, &proxy.url("http")));
    assert_eq!((refusal.errors.http_status, refusal.errors.http_body.len()), (503, 64 * 1024));
    let proxy = server.proxy(Conduct { then: Then::Hold, ..answering(format!("{head}half")) });
    let refusal = refused(&far(&server, "/echo"), &impatiently(&server, &proxy.url("http"), 2000));
    assert_eq!((refusal.errors.http_status, refusal.errors.http_body.as_slice()), (503, &b"half"[..]));
}

/// `docs/hostile.md`, line 13: they would be trusted as the server's.
#[test]
fn bytes_behind_the_answer_are_refused_for_ws_and_for_wss() {
    let server = Server::start();
    let ok = "HTTP/1.1 200 OK\r\n";
    for answer in [
        format!("{ok}\r\nHTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"),
        format!("{ok}Content-Length: 5\r\n\r\nhello"),
        format!("{ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        format!("{ok}\r\n\u{16}\u{3}\u{3}"),
        format!("{ok}\r\n\n"),
    ] {
        for url in [far(&server, "/echo"), server.wss("/echo")] {
            for conduct in [
                answering(answer.clone()),
                Conduct { certificate: tls().certificate, ..answering(answer.clone()) },
            ] {
                let scheme = if conduct.certificate.is_some() { "https" } else { "http" };
                let proxy = server.proxy(conduct);
                let refusal = refused(&url, &through(&server, &proxy.url(scheme)));
                refusal.assert("WS_ERR_PROXY", "behind its answer");
                assert!(proxy.only().carried.is_empty(), "nothing was asked of the server");
            }
        }
    }
}

#[test]
fn what_is_no_http_is_refused() {
    let server = Server::start();
    for (answer, why) in [
        ("\0\u{1}garbage", "does not begin with HTTP"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "does not begin with HTTP"),
        ("HTTP/1.1 200 OK\n\n", "bare LF"),
        ("HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", "bare CR"),
        ("HTTP/1.1 200 OK\r\nA: \0\r\n\r\n", "control character"),
        ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "folded"),
        ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "malformed"),
        ("HTTP/2 200\r\n\r\n", "does not begin with HTTP/1"),
    ] {
        let proxy = server.proxy(answering(answer));
        let refusal = refused(&far(&server, "/echo"), &through(&server, &proxy.url("http")));
        refusal.assert("WS_ERR_PROXY", why);
        assert_eq!(refusal.component(), "prox");
    }
}

#[test]
fn a_head_that_never_ends_is_refused_at_64_kib() {
    let server = Server::start();
    for (start, more) in [
        ("HTTP/1.1 200 OK\r\n", "X-More: and more\r\n"),
        ("HTTP/1.1 200 OK\r\nA: ", "a"),
        ("", "HTTP/1.1 100 A\r\n\r\n"),
    ] {
        let proxy = server.proxy(Conduct { then: Then::Flood(more), ..answering(start) });
        refused(&far(&server, "/echo"), &through(&server, &proxy.url("http")))
            .assert("WS_ERR_PROXY", "64 KiB");
    }
}

#[test]
fn one_deadline_is_over_all_of_it_and_names_the_proxy() {
    let server = Server::start();
    for conduct in [
        Conduct { then: Then::Hold, ..answering("") },
        Conduct { then: Then::Hold, ..answering("HTTP/1.1 200 OK\r\nA: b") },
        Conduct { drip: Some(Duration::from_millis(500)), ..Conduct::default() },
    ] {
        let proxy = server.proxy(conduct);
        let refusal = refused(&far(&server, "/echo"), &impatiently(&server, &proxy.url("http"), 2000));
        refusal.assert("WS_ERR_TIMEOUT", "waiting for the proxy");
        assert!(refusal.message().contains(&proxy.url("http")), "{}", refusal.message());
        assert_eq!(refusal.component(), "prox");
    }
    let proxy = server.proxy(Conduct { certificate: Some(CertKind::Silent), ..Conduct::default() });
    refused(&far(&server, "/echo"), &impatiently(&server, &proxy.url("https"), 2000))
        .assert("WS_ERR_TIMEOUT", "the proxy");
    // Behind the tunnel it is the server that does not answer.
    let proxy = server.proxy(Conduct::default());
    let refusal = refused(&far(&server, "/no-answer"), &impatiently(&server, &proxy.url("http"), 2000));
    refusal.assert("WS_ERR_TIMEOUT", "answer to the upgrade (through the proxy");
}

#[test]
fn a_proxy_that_ends_instead_of_answering_has_refused() {
    let server = Server::start();
    for then in [Then::End, Then::Reset] {
        for answer in ["", "HTTP/1.1 200 OK\r\n"] {
            for certificate in [None, Some(CertKind::Good)] {
                let scheme = if certificate.is_some() { "https" } else { "http" };
                let proxy = server.proxy(Conduct { then, certificate, ..answering(answer) });
                let refusal = refused(&far(&server, "/echo"), &through(&server, &proxy.url(scheme)));
                assert_eq!(refusal.code(), "WS_ERR_PROXY", "{then:?} {answer:?}: {:?}", refusal.errors);
                assert_eq!(refusal.component(), "prox");
            }
        }
    }
}

#[test]
fn a_proxy_that_cannot_be_reached_is_told_as_one_with_the_cause() {
    let server = Server::start();
    let closed = format!("http://127.0.0.1:{}", server.closed_port());
    let refusal = refused(&server.ws("/echo"), &through(&server, &closed));
    refusal.assert("WS_ERR_PROXY", &format!("{closed} (set by ws_options_set_proxy) could not be reached"));
    assert_eq!(refusal.errors.os_code, libc::ECONNREFUSED);
    assert_eq!(ws4d_test_host::name(refusal.errors.entries[1].0), "WS_ERR_CONNECTION_REFUSED");

    let refusal = refused(&server.ws("/echo"), &through(&server, "socks5://nobody.invalid"));
    refusal.assert("WS_ERR_PROXY", "nobody.invalid");
    assert_eq!(ws4d_test_host::name(refusal.errors.entries[1].0), "WS_ERR_DNS");
}

#[test]
fn a_proxy_whose_certificate_is_not_trusted_is_asked_nothing() {
    let server = Server::start();
    for (kind, code, why) in [
        (CertKind::UnknownCa, "WS_ERR_CERTIFICATE", "issuer"),
        (CertKind::Expired, "WS_ERR_CERTIFICATE", "expired"),
        (CertKind::WrongHost, "WS_ERR_CERTIFICATE", "name"),
        (CertKind::Garbage, "WS_ERR_TLS", "TLS"),
    ] {
        let proxy = server.proxy(Conduct { certificate: Some(kind), ..Conduct::default() });
        let refusal =
            refused(&server.ws("/echo"), &through(&server, &proxy.url_with("https", "user:secret")));
        refusal.assert(code, why);
        assert!(
            refusal.message().contains(&format!("proxy {}", proxy.url("https"))),
            "{}",
            refusal.message()
        );
        assert_eq!(proxy.only().asked, "");
    }
    // And a certificate of the server is judged as ever, inside of the tunnel.
    let proxy = server.proxy(tls());
    refused(&server.wss_with(CertKind::Expired, "/echo"), &through(&server, &proxy.url("https")))
        .assert("WS_ERR_CERTIFICATE", "expired");
    assert!(proxy.only().asked.starts_with("CONNECT "));
}

#[test]
fn a_proxy_that_speaks_before_it_is_asked_opens_no_tunnel() {
    let server = Server::start();
    let greeting = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    for url in [far(&server, "/echo"), server.wss("/echo")] {
        // Its answer proper is then bytes behind the answer, at the latest for TLS or for the upgrade.
        let proxy = server.proxy(Conduct { greeting: greeting.clone(), ..Conduct::default() });
        let code = refused(&url, &through(&server, &proxy.url("http"))).code();
        assert!(["WS_ERR_PROXY", "WS_ERR_TLS", "WS_ERR_HTTP_STATUS"].contains(&code.as_str()), "{code}");
    }
}

/// Over TLS that can come with the end of the handshake, before the proxy can have been asked.
#[test]
fn what_comes_with_the_end_of_the_proxys_handshake_is_no_answer() {
    let server = Server::start();
    let config = tls_1_2(&server);
    let proxy = RawServer::start(move |peer| {
        let mut session = ServerConnection::new(Arc::clone(&config)).expect("a session");
        while session.is_handshaking() {
            assert_ne!(session.read_tls(&mut peer.stream).expect("a handshake"), 0);
            session.process_new_packets().expect("a handshake");
            if session.is_handshaking() {
                while session.wants_write() {
                    session.write_tls(&mut peer.stream).expect("a handshake");
                }
            }
        }
        session.writer().write_all(b"HTTP/1.1 200 OK\r\n\r\n").expect("room");
        let mut end_and_answer = Vec::new();
        while session.wants_write() {
            session.write_tls(&mut end_and_answer).expect("room");
        }
        peer.say(end_and_answer);
        peer.wait_for_the_end();
    });
    let options = through(&server, &format!("https://127.0.0.1:{}", proxy.port()))
        .set(|api, o| (api.ws_options_set_proxy_verify)(o, 0));
    refused(&far(&server, "/echo"), &options).assert("WS_ERR_PROXY", "spoke before it was asked");
}

/// With the certificate that the server's clients have: who it is for does not matter here.
fn tls_1_2(server: &Server) -> Arc<ServerConfig> {
    let (chain, key) = server.client_certificate_files();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .expect("a version")
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_file(chain).expect("a certificate")],
            PrivateKeyDer::from_pem_file(key).expect("a key"),
        );
    Arc::new(config.expect("a certificate and its key"))
}
