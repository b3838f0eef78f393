//! A proxy that answers 407.

use crate::judge::{assert_right, parameters};
use crate::wire::{RawPeer, RawServer, head_value, refused, silent};
use crate::{asks, challenge};
use ws4d_test_host::{Options, c};

fn through(proxy: &RawServer) -> Options {
    let url = format!("http://anna:se%20cret@127.0.0.1:{}", proxy.port());
    Options::new().set(|api, o| (api.ws_options_set_proxy)(o, c(&url).as_ptr()))
}

fn authorization(head: &str) -> String {
    head_value(head, "Proxy-Authorization").unwrap_or_default()
}

fn ask_407(peer: &mut RawPeer, more: &str, lines: &str) {
    asks(peer, "407 Who Are You", "Proxy-Authenticate", &["Negotiate", &challenge(more)], lines);
}

/// Opens a tunnel once it has got a digest, and is the server at its other end.
fn tunnel(peer: &mut RawPeer, lines: &str) {
    loop {
        let head = peer.head();
        if head.is_empty() {
            return;
        }
        if !authorization(&head).starts_with("Digest ") {
            ask_407(peer, ", qop=\"auth\", algorithm=SHA-256", lines);
            continue;
        }
        peer.say("HTTP/1.1 200 Connection established\r\n\r\n");
        let head = peer.head();
        peer.accept(&head, "");
        return peer.wait_for_the_end();
    }
}

#[test]
fn a_proxy_that_asks_for_digest_gets_it_for_host_and_port() {
    for (lines, connections) in [("", 1), ("Connection: close\r\n", 2), ("Proxy-Connection: close\r\n", 2)] {
        let proxy = RawServer::start(move |peer| tunnel(peer, lines));
        silent("ws://far.invalid:81/path?query", &through(&proxy)).abort();
        let heads: Vec<String> = proxy.heads().into_iter().filter(|head| !head.is_empty()).collect();
        assert_eq!((heads.len(), proxy.connections()), (3, connections), "{lines}: {heads:?}");
        assert!(authorization(&heads[0]).starts_with("Basic "));
        assert!(heads[1].starts_with("CONNECT far.invalid:81 HTTP/1.1\r\n"), "{heads:?}");
        assert_right(&authorization(&heads[1]), "CONNECT", "far.invalid:81");
        assert!(heads[2].starts_with("GET /path?query HTTP/1.1\r\n"));
        assert!(!heads[2].to_lowercase().contains("authorization"), "{}", heads[2]);
    }
}

#[test]
fn a_wrong_password_is_told_to_a_proxy_once() {
    let proxy = RawServer::start(|peer| {
        while !peer.head().is_empty() {
            ask_407(peer, "", "");
        }
    });
    let refusal = refused("ws://far.invalid/", &through(&proxy));
    let text = "does not take the user and password of its URL, neither as Basic nor as Digest (MD5)";
    refusal.assert("WS_ERR_PROXY", text);
    assert_eq!((refusal.errors.http_status, refusal.errors.http_body.as_slice()), (407, &b"who?"[..]));
    assert_eq!(proxy.heads().iter().filter(|head| !head.is_empty()).count(), 2);
}

#[test]
fn a_digest_that_is_not_known_and_a_header_of_the_host_s_are_refusals_at_once() {
    let header = |options: Options| {
        options.set(|api, o| {
            (api.ws_options_set_proxy_header)(o, c"Proxy-Authorization".as_ptr(), c"x".as_ptr())
        })
    };
    for (more, by_header, why) in
        [(", algorithm=MD4", false, "of a kind that is not known here"), ("", true, "does not take the")]
    {
        let proxy = RawServer::start(move |peer| {
            while !peer.head().is_empty() {
                ask_407(peer, more, "");
            }
        });
        let options = if by_header { header(through(&proxy)) } else { through(&proxy) };
        refused("ws://far.invalid/", &options).assert("WS_ERR_PROXY", why);
        assert_eq!(proxy.heads().iter().filter(|head| !head.is_empty()).count(), 1, "{why}");
    }
}

/// The server behind it asks too: each is told its own, and on a new connection the proxy need not ask again.
#[test]
fn proxy_and_server_may_both_ask() {
    let proxy = RawServer::start(|peer| {
        loop {
            let head = peer.head();
            if head.is_empty() {
                return;
            }
            let own = head_value(&head, "Authorization").unwrap_or_default();
            match head.starts_with("CONNECT ") {
                true if authorization(&head).starts_with("Digest ") => {
                    peer.say("HTTP/1.1 200 Connection established\r\n\r\n");
                }
                true => ask_407(peer, ", qop=auth", ""),
                false if own.starts_with("Digest ") => {
                    peer.accept(&head, "");
                    return peer.wait_for_the_end();
                }
                false => {
                    let lines = format!("WWW-Authenticate: {}\r\nConnection: close\r\n", challenge(""));
                    peer.answer("401 No", &lines);
                    return peer.wait_for_the_end();
                }
            }
        }
    });
    silent("ws://anna:se%20cret@far.invalid/x", &through(&proxy)).abort();
    let heads: Vec<String> = proxy.heads().into_iter().filter(|head| !head.is_empty()).collect();
    let methods: Vec<&str> = heads.iter().filter_map(|head| head.split(' ').next()).collect();
    assert_eq!(methods, ["CONNECT", "CONNECT", "GET", "CONNECT", "GET"]);
    for connect in [&heads[1], &heads[3]] {
        assert_right(&authorization(connect), "CONNECT", "far.invalid:80");
    }
    let counts = [1, 3].map(|at| parameters(&authorization(&heads[at]))["nc"].clone());
    assert_eq!(counts, ["00000001", "00000002"], "the same nonce");
    assert_right(&head_value(&heads[4], "Authorization").expect("a digest"), "GET", "/x");
}
