//! HTTP CONNECT: ws and wss through plain proxies and through TLS, which puts one session inside another.

use crate::wire::{request, silent, wait_texts};
use crate::{answering, far, through, tls};
use std::time::Duration;
use ws4d_test_host::{Host, api, c, text};
use ws4d_test_server::{CertKind, Conduct, Seen, Server};

/// The name is the proxy's to look up: nobody here could.
#[test]
fn ws_goes_through_a_tunnel_too_and_the_name_is_not_looked_up_here() {
    let server = Server::start();
    let proxy = server.proxy(Conduct::default());
    let ws = silent(&far(&server, "/echo"), &through(&server, &proxy.url("http")));
    let target = format!("far.invalid:{}", server.ws_port());
    assert_eq!(proxy.only().asked, format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n"));
    assert!(proxy.only().carried.starts_with(b"GET /echo HTTP/1.1\r\n"));
    let peer = text((api().ws_get_peer_address)(ws)).expect("connected");
    assert_eq!(format!("http://{peer}"), proxy.url("http"), "the peer is the proxy");
    ws.abort();
}

#[test]
fn an_ipv6_address_is_asked_for_in_brackets() {
    let server = Server::start();
    let proxy = server.proxy(Conduct::default());
    silent(&format!("ws://[2001:db8::1]:{}/echo", server.ws_port()), &through(&server, &proxy.url("http")))
        .abort();
    assert!(
        proxy.only().asked.starts_with(&format!("CONNECT [2001:db8::1]:{} HTTP/1.1\r\n", server.ws_port()))
    );
}

/// Small and large both ways, in order, to a clean end.
fn talks(url: &str, options: ws4d_test_host::Options) {
    let host = Host::new();
    let ws = host.to(url).with(options).open();
    for i in 0..200 {
        ws.send_text(&format!("message {i}"));
    }
    let large = vec![0x5a; 3 << 20];
    ws.send_blob(&large);
    ws.send_blob(&large);
    for i in 0..200 {
        host.run_until(&format!("message text message {i}"));
    }
    host.run_until("message blob 3145728 bytes");
    ws.send_text("last");
    host.run_until("message text last");
    assert_eq!(host.count("message blob 3145728 bytes"), 2);
    ws.terminate(1000, "bye");
    host.run_until("free");
    assert!(host.trace().contains(&"terminate 1000 bye clean".to_owned()), "{:?}", host.trace());
}

#[test]
fn wss_goes_through_a_plain_proxy_which_sees_nothing_but_tls() {
    let server = Server::start();
    let proxy = server.proxy(Conduct::default());
    talks(&server.wss("/echo"), through(&server, &proxy.url("http")));
    let carried = proxy.only().carried;
    assert_eq!(carried[..2], [0x16, 3], "a ClientHello");
    // Long enough that no ciphertext of megabytes has it by chance.
    let request = b"GET /echo HTTP/1.1";
    assert!(!carried.windows(request.len()).any(|window| window == request));
    server.wait_for(|event| matches!(&event.seen, Seen::Tls(tls) if tls.contains("server_name=localhost")));
}

#[test]
fn ws_goes_through_a_proxy_that_speaks_tls() {
    let server = Server::start();
    let proxy = server.proxy(tls());
    talks(&far(&server, "/echo"), through(&server, &proxy.url("https")));
    assert!(proxy.only().carried.starts_with(b"GET /echo HTTP/1.1\r\n"));
}

#[test]
fn wss_goes_through_a_proxy_that_speaks_tls_one_session_inside_the_other() {
    let server = Server::start();
    for kind in [CertKind::Good, CertKind::Tls12] {
        let proxy = server.proxy(Conduct { certificate: Some(kind), ..Conduct::default() });
        talks(&server.wss("/echo"), through(&server, &proxy.url("https")));
        talks(&server.wss_with(CertKind::Tls12, "/echo"), through(&server, &proxy.url("https")));
        assert!(proxy.talks().iter().all(|talk| talk.carried[..2] == [0x16, 3]));
        assert_eq!(proxy.talks().len(), 2);
    }
    server.wait_until_idle();
}

/// A proxy's certificate may be of an authority from which there is no list.
#[test]
fn revocation_lists_are_for_the_server_and_not_for_the_proxy() {
    let server = Server::start();
    let proxy = server.proxy(Conduct { certificate: Some(CertKind::Revoked), ..Conduct::default() });
    let list = c(server.crl_file().to_str().expect("UTF-8"));
    let options =
        through(&server, &proxy.url("https")).set(|api, o| (api.ws_options_set_crl_file)(o, list.as_ptr()));
    talks(&server.wss("/echo"), options);
}

/// Both sessions hold records back, and whatever was accepted leaves before the close frame.
#[test]
fn what_a_server_reads_late_arrives_whole_through_both_sessions() {
    let server = Server::narrow();
    let proxy = server.proxy(tls());
    let host = Host::new();
    let ws = host.to(server.wss("/script?do=gate:read")).with(through(&server, &proxy.url("https"))).open();
    let long = "x".repeat(200_000);
    let sent = ws.send_until_held(1 << 20, |i| ws.send_text(&format!("{i} {long}")));
    ws.terminate(1000, "all");
    server.open_gate("read");
    host.run_until("free");
    let texts = wait_texts(&server, sent);
    for (i, text) in texts.iter().enumerate() {
        assert!(text.starts_with(&format!("{i} x")) && text.len() > 200_000, "message {i}");
    }
    assert!(host.trace().contains(&"terminate 1000 clean".to_owned()), "{:?}", host.trace());
}

#[test]
fn an_end_without_a_close_frame_is_1006_also_inside_another_session() {
    let server = Server::start();
    for end in ["fin", "drop", "rst"] {
        for scheme in ["http", "https"] {
            let proxy = server.proxy(if scheme == "https" { tls() } else { Conduct::default() });
            let host = Host::new();
            host.to(server.wss(&format!("/script?do=text:a,{end}")))
                .with(through(&server, &proxy.url(scheme)))
                .open();
            host.run_until("free");
            let expected =
                ["open", "message text a", "error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"];
            assert_eq!(host.trace(), expected, "{end} through {scheme}");
        }
    }
}

#[test]
fn the_password_of_the_url_is_basic_authorization() {
    let server = Server::start();
    for conduct in [Conduct::default(), tls()] {
        let scheme = if conduct.certificate.is_some() { "https" } else { "http" };
        let proxy = server.proxy(Conduct { password: Some(("us er", "p@ss:w\u{f6}rd")), ..conduct });
        let url = proxy.url_with(scheme, "us%20er:p%40ss:w%C3%B6rd");
        silent(&far(&server, "/echo"), &through(&server, &url)).abort();
        // base64 of "us er:p@ss:wörd"
        assert!(proxy.only().asked.contains("\r\nProxy-Authorization: Basic dXMgZXI6cEBzczp3w7ZyZA==\r\n"));
    }
    assert!(!request(&server).iter().any(|line| line.to_lowercase().starts_with("proxy-")));
}

/// RFC 9110 §9.3.6: any 2xx, and no Content-Length of it counts; HTTP/1.0 is what many proxies answer with.
#[test]
fn every_answer_that_opens_a_tunnel_is_taken_for_one() {
    let server = Server::start();
    for answer in [
        "HTTP/1.0 200 Connection established\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 100 Go on\r\nA: b\r\n\r\nHTTP/1.1 299 Whatever\r\nX: y\r\n\r\n",
    ] {
        for url in [far(&server, "/echo"), server.wss("/echo")] {
            let proxy = server.proxy(answering(answer));
            silent(&url, &through(&server, &proxy.url("http"))).abort();
        }
    }
}

#[test]
fn an_answer_that_comes_byte_by_byte_is_an_answer() {
    let server = Server::start();
    let proxy = server.proxy(Conduct { drip: Some(Duration::from_millis(1)), ..Conduct::default() });
    silent(&far(&server, "/echo"), &through(&server, &proxy.url("http"))).abort();
}
