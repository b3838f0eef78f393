//! SOCKS5: who looks the name up, passwords, and a proxy that does not keep to RFC 1928.

use crate::wire::{refused, silent};
use crate::{far, impatiently, through};
use std::time::Duration;
use ws4d_test_host::{Host, c};
use ws4d_test_server::{Conduct, Server, Then};

fn socks() -> Conduct {
    Conduct { socks: true, ..Conduct::default() }
}

#[test]
fn socks5h_has_the_name_looked_up_at_the_proxy() {
    let server = Server::start();
    let proxy = server.proxy(socks());
    silent(&far(&server, "/echo"), &through(&server, &proxy.url("socks5h"))).abort();
    assert_eq!(proxy.only().asked, format!("name far.invalid:{}", server.ws_port()));
    assert!(proxy.only().carried.starts_with(b"GET /echo HTTP/1.1\r\n"));
}

#[test]
fn socks5_looks_the_name_up_here() {
    let server = Server::start();
    let proxy = server.proxy(socks());
    let port = server.ws_port();
    let known = through(&server, &proxy.url("socks5")).set(|api, o| {
        (api.ws_options_set_resolve)(o, c("far.invalid").as_ptr(), port, c("192.0.2.7").as_ptr())
    });
    silent(&far(&server, "/echo"), &known).abort();
    assert_eq!(proxy.only().asked, format!("address 192.0.2.7:{port}"));

    let proxy = server.proxy(socks());
    let refusal = refused(&far(&server, "/echo"), &through(&server, &proxy.url("socks5")));
    refusal.assert("WS_ERR_DNS", "far.invalid");
    assert_eq!(proxy.only().asked, "");
}

#[test]
fn addresses_are_asked_for_as_addresses() {
    let server = Server::start();
    for scheme in ["socks5", "socks5h"] {
        for host in ["192.0.2.7", "[2001:db8::7]"] {
            let proxy = server.proxy(socks());
            let url = format!("ws://{host}:{}/echo", server.ws_port());
            silent(&url, &through(&server, &proxy.url(scheme))).abort();
            let bare = host.trim_matches(['[', ']']);
            assert_eq!(proxy.only().asked, format!("address {bare}:{}", server.ws_port()));
        }
    }
}

#[test]
fn wss_goes_through_socks() {
    let server = Server::start();
    let proxy = server.proxy(socks());
    let host = Host::new();
    let ws = host.to(server.wss("/echo")).with(through(&server, &proxy.url("socks5h"))).open();
    ws.send_text("hello");
    host.run_until("message text hello");
    ws.terminate(1000, "");
    host.run_until("free");
    assert_eq!(proxy.only().carried[..2], [0x16, 3]);
}

#[test]
fn a_password_is_told_to_a_proxy_that_wants_one() {
    let server = Server::start();
    let wanting = || Conduct { password: Some(("us er", "p@ss")), ..socks() };
    let proxy = server.proxy(wanting());
    silent(&far(&server, "/echo"), &through(&server, &proxy.url_with("socks5h", "us%20er:p%40ss"))).abort();
    assert_eq!(proxy.only().asked, format!("us er p@ss name far.invalid:{}", server.ws_port()));

    let proxy = server.proxy(wanting());
    refused(&far(&server, "/echo"), &through(&server, &proxy.url_with("socks5h", "user:wrong")))
        .assert("WS_ERR_PROXY", "does not take the user and password");
    assert_eq!(proxy.only().asked, "user wrong ");

    let proxy = server.proxy(wanting());
    refused(&far(&server, "/echo"), &through(&server, &proxy.url("socks5h")))
        .assert("WS_ERR_PROXY", "wants authorization");

    // One that wants something else, such as GSSAPI (RFC 1928 section 3).
    let neither = Conduct { answers: vec![vec![5, 0xff]], then: Then::Hold, ..socks() };
    let proxy = server.proxy(neither);
    refused(&far(&server, "/echo"), &through(&server, &proxy.url_with("socks5h", "user:secret")))
        .assert("WS_ERR_PROXY", "takes neither a password nor a client without one");

    // One that wants none is told none.
    let proxy = server.proxy(socks());
    silent(&far(&server, "/echo"), &through(&server, &proxy.url_with("socks5h", "user:secret"))).abort();
    assert!(proxy.only().asked.starts_with("name "));
}

#[test]
fn each_reply_that_is_a_refusal_is_told() {
    let server = Server::start();
    for (reply, why) in [
        (1, "general"),
        (2, "ruleset"),
        (3, "network unreachable"),
        (4, "host unreachable"),
        (5, "connection refused"),
        (6, "ttl"),
        (7, "command not supported"),
        (8, "address type"),
        (9, "refused to connect"),
        (255, "refused to connect"),
    ] {
        let answers = vec![vec![5, 0], vec![5, reply, 0, 1, 0, 0, 0, 0, 0, 0]];
        let proxy = server.proxy(Conduct { answers, then: Then::End, ..socks() });
        let refusal = refused(&far(&server, "/echo"), &through(&server, &proxy.url("socks5h")));
        refusal.assert("WS_ERR_PROXY", why);
        assert_eq!(refusal.component(), "prox");
        assert!(refusal.message().contains("far.invalid"), "{}", refusal.message());
    }
    let proxy = server.proxy(socks());
    let closed = format!("ws://far.invalid:{}/", server.closed_port());
    refused(&closed, &through(&server, &proxy.url("socks5h"))).assert("WS_ERR_PROXY", "connection refused");
}

#[test]
fn an_answer_of_any_form_is_read_to_its_end_and_not_beyond() {
    let server = Server::start();
    let name = [vec![5, 0, 0, 3, 255], vec![b'n'; 255], vec![0, 80]].concat();
    let long = [vec![5, 0, 0, 4], vec![9; 16], vec![0, 80]].concat();
    for reply in [name, long, vec![5, 0, 0, 1, 0, 0, 0, 0, 0, 0]] {
        for drip in [None, Some(Duration::from_millis(1))] {
            let proxy = server.proxy(Conduct { answers: vec![vec![5, 0], reply.clone()], drip, ..socks() });
            silent(&far(&server, "/echo"), &through(&server, &proxy.url("socks5h"))).abort();
        }
    }
}

/// `docs/hostile.md`, line 13: truncated answers.
#[test]
fn an_answer_that_is_cut_is_a_refusal_wherever_it_is_cut() {
    let server = Server::start();
    let whole = [vec![5, 0, 0, 3, 4], b"name".to_vec(), vec![0, 80]].concat();
    for then in [Then::End, Then::Reset] {
        for len in 0..whole.len() {
            let answers = vec![vec![5, 0], whole[..len].to_vec()];
            let proxy = server.proxy(Conduct { answers, then, ..socks() });
            let refusal = refused(&far(&server, "/echo"), &through(&server, &proxy.url("socks5h")));
            assert_eq!(refusal.code(), "WS_ERR_PROXY", "{len}: {:?}", refusal.errors);
        }
        for answer in [&b""[..], b"\x05"] {
            let proxy = server.proxy(Conduct { answers: vec![answer.to_vec()], then, ..socks() });
            let refusal = refused(&far(&server, "/echo"), &through(&server, &proxy.url("socks5h")));
            assert_eq!(refusal.code(), "WS_ERR_PROXY", "{answer:?}: {:?}", refusal.errors);
        }
    }
}

#[test]
fn what_is_no_socks5_is_refused() {
    let server = Server::start();
    for (answers, why) in [
        (vec![b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()], "does not speak SOCKS5"),
        (vec![vec![4, 0]], "does not speak SOCKS5"),
        (vec![vec![5, 0xff]], "authorization"),
        (vec![vec![5, 1]], "auth"),
        (vec![vec![5, 0x80]], "auth"),
        (vec![vec![5, 2]], "authorization"),
        (vec![vec![5, 0], vec![4, 0, 0, 1, 0, 0, 0, 0, 0, 0]], "does not speak SOCKS5"),
        (vec![vec![5, 0], vec![5, 0, 1, 1, 0, 0, 0, 0, 0, 0]], "does not speak SOCKS5"),
        (vec![vec![5, 0], vec![5, 0, 0, 2, 0, 0, 0, 0, 0, 0]], "does not speak SOCKS5"),
        (vec![vec![5, 0], [vec![5, 0, 0, 3, 1], vec![0xff, 0, 80]].concat()], "refused"),
    ] {
        let proxy = server.proxy(Conduct { answers: answers.clone(), then: Then::Hold, ..socks() });
        let refusal = refused(&far(&server, "/echo"), &through(&server, &proxy.url("socks5h")));
        refusal.assert("WS_ERR_PROXY", why);
        assert!(proxy.only().carried.is_empty(), "{answers:?}");
    }
}

/// `docs/hostile.md`, line 13: its length is one byte; cut to that it would be another name.
#[test]
fn a_name_of_more_than_255_bytes_is_refused_before_anything_is_asked() {
    let server = Server::start();
    let name = |len: usize| format!("ws://{}:{}/echo", &"a.".repeat(200)[..len], server.ws_port());
    let proxy = server.proxy(socks());
    refused(&name(256), &through(&server, &proxy.url("socks5h"))).assert("WS_ERR_PROXY", "256 bytes");
    assert_eq!(proxy.only().asked, "");
    let proxy = server.proxy(socks());
    silent(&name(255), &through(&server, &proxy.url("socks5h"))).abort();
    assert_eq!(proxy.only().asked.len(), "name :".len() + 255 + server.ws_port().to_string().len());
}

#[test]
fn a_proxy_that_does_not_answer_in_time_is_named() {
    let server = Server::start();
    for answers in [vec![vec![]], vec![vec![5]], vec![vec![5, 0], vec![5, 0, 0, 1]]] {
        let proxy = server.proxy(Conduct { answers, then: Then::Hold, ..socks() });
        let refusal = refused(&far(&server, "/echo"), &impatiently(&server, &proxy.url("socks5h"), 2000));
        refusal.assert("WS_ERR_TIMEOUT", "waiting for the proxy");
        assert_eq!(refusal.component(), "prox");
    }
}

/// Desktops set ALL_PROXY=socks://...: SOCKS5, and the proxy looks the name up.
#[test]
fn socks_without_a_number_is_socks5_with_names() {
    let server = Server::start();
    let proxy = server.proxy(Conduct { socks: true, ..Conduct::default() });
    silent(&far(&server, "/echo"), &through(&server, &proxy.url("socks"))).abort();
    assert!(proxy.only().asked.contains("far.invalid"), "{}", proxy.only().asked);
}
