//! A server that answers 401.

use crate::judge::{assert_right, parameters};
use crate::wire::{RawPeer, RawServer, head_value, percent, refused, silent};
use crate::{asks, challenge, with_user};
use ws4d_test_host::{Options, c};
use ws4d_test_server::{Seen, Server};

const BASIC: &str = "Basic YW5uYTpzZSBjcmV0";

/// Asks with 401 until the request has a digest, then accepts.
fn until_digest(peer: &mut RawPeer, ask: &dyn Fn(&mut RawPeer)) {
    loop {
        let head = peer.head();
        if head.is_empty() {
            return;
        }
        if authorization(&head).starts_with("Digest ") {
            peer.accept(&head, "");
            return peer.wait_for_the_end();
        }
        ask(peer);
    }
}

fn authorization(head: &str) -> String {
    head_value(head, "Authorization").unwrap_or_default()
}

fn ask_401(peer: &mut RawPeer, challenges: &[&str], more: &str) {
    asks(peer, "401 Unauthorized", "WWW-Authenticate", challenges, more);
}

#[test]
fn a_challenge_is_answered_on_the_same_connection() {
    for more in [
        ", qop=\"auth\"",
        ", qop=\"auth-int, auth\", algorithm=MD5, opaque=\"o\"",
        "",
        ", algorithm=SHA-256, qop=auth",
        ", algorithm=MD5-sess",
        ", algorithm=SHA-256-sess, qop=\"auth\"",
    ] {
        let server = RawServer::start(move |peer| {
            until_digest(peer, &|peer| ask_401(peer, &[&challenge(more)], ""));
        });
        silent(&with_user(&server.ws("/a?b=c")), &Options::new()).abort();
        let heads = server.heads();
        assert_eq!((heads.len(), server.connections()), (2, 1), "{heads:?}");
        assert_eq!(authorization(&heads[0]), BASIC);
        let answer = authorization(&heads[1]);
        assert_right(&answer, "GET", "/a?b=c");
        let given = parameters(&answer);
        assert_eq!(given.contains_key("qop"), more.contains("qop"), "{answer}");
        assert_eq!(given.contains_key("algorithm"), more.contains("algorithm"), "{answer}");
        assert_eq!(given.get("opaque").map(String::as_str), more.contains("opaque").then_some("o"));
        let key = |head: &str| head_value(head, "Sec-WebSocket-Key");
        assert_ne!(key(&heads[0]), key(&heads[1]), "each request has a key of its own");
    }
}

#[test]
fn the_strongest_of_several_is_taken() {
    let server = RawServer::start(|peer| {
        let weak = format!("Basic realm=\"x, y\", {}", challenge(", algorithm=MD5"));
        let strong = challenge(", algorithm=SHA-256, qop=auth");
        until_digest(peer, &|peer| ask_401(peer, &["Bearer", &weak, &strong], ""));
    });
    silent(&with_user(&server.ws("/")), &Options::new()).abort();
    let answer = authorization(&server.heads()[1]);
    assert!(answer.contains("algorithm=SHA-256"), "{answer}");
    assert_right(&answer, "GET", "/");
}

/// Said or not, by the length of the body or by none; or because the body is not worth waiting for.
#[test]
fn where_the_connection_does_not_stay_open_it_is_answered_on_another() {
    let asked = |lines: &str| format!("HTTP/1.1 401 No\r\nWWW-Authenticate: {}\r\n{lines}", challenge(""));
    for (answer, ends) in [
        (asked("Connection: close\r\nContent-Length: 0\r\n\r\n"), false),
        (asked("\r\nno length"), true),
        (asked("Content-Length: 0\r\n\r\n"), true),
        (asked("Content-Length: 0\r\n\r\n").replace("HTTP/1.1", "HTTP/1.0"), false),
        (asked("Content-Length: 3\r\n\r\nmore than that"), false),
        (asked("Content-Length: 1000\r\n\r\nhalf"), false),
        (asked(&format!("Content-Length: 100000000\r\n\r\n{}", "x".repeat(100_000))), false),
        (asked("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"), true),
    ] {
        let said = answer.clone();
        let server = RawServer::start(move |peer| match peer.number {
            0 => {
                peer.head();
                peer.say(&answer);
                if !ends {
                    peer.wait_for_the_end();
                }
            }
            _ => until_digest(peer, &|_| panic!("it is known that it wants a digest")),
        });
        silent(&with_user(&server.ws("/")), &Options::new()).abort();
        let heads: Vec<String> = server.heads().into_iter().filter(|head| !head.is_empty()).collect();
        assert_eq!(server.connections(), 2, "{said:.80}: {heads:?}");
        assert_right(&authorization(heads.last().expect("a request")), "GET", "/");
    }
}

#[test]
fn a_chunked_body_is_read_to_its_end_and_the_connection_goes_on() {
    for end in ["0\r\n\r\n", "0\r\nX-Trailer: a\r\n\r\n"] {
        let server = RawServer::start(move |peer| {
            until_digest(peer, &|peer| {
                let lines = format!("WWW-Authenticate: {}\r\nTransfer-Encoding: chunked", challenge(""));
                peer.say(format!("HTTP/1.1 401 No\r\n{lines}\r\n\r\n3\r\nabc\r\n{end}"));
            });
        });
        silent(&with_user(&server.ws("/")), &Options::new()).abort();
        assert_eq!((server.heads().len(), server.connections()), (2, 1));
    }
}

#[test]
fn a_nonce_that_was_too_old_is_replaced_once() {
    for (stale, opens) in [(1, true), (2, false)] {
        let server = RawServer::start(move |peer| {
            for number in 0..=stale {
                peer.head();
                let new = challenge(if number == 0 { "" } else { ", stale=true" });
                ask_401(peer, &[&new.replace("number 1", &format!("number {number}"))], "");
            }
            let head = peer.head();
            peer.accept(&head, "");
            peer.wait_for_the_end();
        });
        let url = with_user(&server.ws("/"));
        if opens {
            silent(&url, &Options::new()).abort();
        } else {
            refused(&url, &Options::new()).assert("WS_ERR_HTTP_STATUS", "neither as Basic nor as Digest");
        }
        let nonces: Vec<String> = server.heads()[1..]
            .iter()
            .filter(|head| !head.is_empty())
            .map(|head| {
                assert_right(&authorization(head), "GET", "/");
                parameters(&authorization(head))["nonce"].clone()
            })
            .collect();
        assert_eq!(nonces, ["number 0", "number 1"]);
    }
}

#[test]
fn a_wrong_password_is_told_once_and_the_error_says_so() {
    let server = RawServer::start(|peer| {
        while !peer.head().is_empty() {
            ask_401(peer, &[&challenge(", algorithm=SHA-256, qop=auth")], "");
        }
    });
    let refusal = refused(&with_user(&server.ws("/")), &Options::new());
    let text = "does not take the user and password of the URL, neither as Basic nor as Digest (SHA-256)";
    refusal.assert("WS_ERR_HTTP_STATUS", text);
    assert_eq!((refusal.errors.http_status, refusal.errors.http_body.as_slice()), (401, &b"who?"[..]));
    let heads: Vec<String> = server.heads().into_iter().filter(|head| !head.is_empty()).collect();
    assert_eq!(heads.len(), 2);
}

#[test]
fn without_a_password_with_a_header_of_the_host_s_or_for_a_strange_digest_nothing_is_answered() {
    let header = || {
        Options::new().set(|api, o| (api.ws_options_set_header)(o, c"Authorization".as_ptr(), c"x".as_ptr()))
    };
    for (more, with_password, options, why) in [
        ("", false, Options::new(), "it wants authorization (Digest)"),
        ("", true, header(), "does not take the Authorization header"),
        (", algorithm=MD4", true, Options::new(), "of a kind that is not known here"),
        (", qop=\"auth-int\"", true, Options::new(), "of a kind that is not known here"),
    ] {
        let server = RawServer::start(move |peer| {
            while !peer.head().is_empty() {
                ask_401(peer, &[&challenge(more)], "");
            }
        });
        let url = if with_password { with_user(&server.ws("/")) } else { server.ws("/") };
        refused(&url, &options).assert("WS_ERR_HTTP_STATUS", why);
        assert_eq!(server.heads().iter().filter(|head| !head.is_empty()).count(), 1, "{why}");
    }
}

#[test]
fn the_second_request_has_what_is_left_of_the_time() {
    let server = RawServer::start(|peer| {
        peer.head();
        ask_401(peer, &[&challenge("")], "");
        peer.head();
        peer.wait_for_the_end();
    });
    let options = Options::new().set(|api, o| (api.ws_options_set_connect_timeout_ms)(o, 500));
    refused(&with_user(&server.ws("/")), &options).assert("WS_ERR_TIMEOUT", "answer to the upgrade");
    assert!(authorization(&server.heads()[1]).starts_with("Digest "));
}

/// Another origin is told neither; the same one is asked anew, for its hash has the path.
#[test]
fn a_redirect_takes_it_along_only_within_its_origin() {
    let other = Server::start();
    let away = other.ws("/echo");
    let server = RawServer::start(move |peer| {
        loop {
            let head = peer.head();
            match (authorization(&head).starts_with("Digest "), head.split(' ').nth(1)) {
                (_, None) => return,
                (false, _) => ask_401(peer, &[&challenge(", qop=auth")], ""),
                (true, Some("/first")) => {
                    peer.answer("302 Found", "Location: /second\r\nConnection: close\r\n");
                    return peer.wait_for_the_end();
                }
                (true, _) => {
                    peer.answer("302 Found", &format!("Location: {away}\r\nConnection: close\r\n"));
                    return peer.wait_for_the_end();
                }
            }
        }
    });
    let options = Options::new().set(|api, o| (api.ws_options_set_max_redirects)(o, 2));
    silent(&with_user(&server.ws("/first")), &options).abort();
    let heads: Vec<String> = server.heads().into_iter().filter(|head| !head.is_empty()).collect();
    assert_eq!(heads.len(), 4, "{heads:?}");
    assert_right(&authorization(&heads[1]), "GET", "/first");
    assert_right(&authorization(&heads[3]), "GET", "/second");
    let event = other.wait_for(|event| matches!(event.seen, Seen::Request { .. }));
    let Seen::Request { head, .. } = event.seen else { unreachable!("waited for it") };
    assert_eq!(authorization(&head), "", "{head}");
}

#[test]
fn over_tls_it_is_answered_too() {
    let server = Server::start();
    let path =
        format!("/status?code=401&header=WWW-Authenticate:{}", percent(challenge(", qop=auth").as_bytes()));
    let ca = c(server.ca_file().to_str().expect("UTF-8"));
    let options = Options::new().set(|api, o| (api.ws_options_set_ca_file)(o, ca.as_ptr()));
    refused(&with_user(&server.wss(&path)), &options).assert("WS_ERR_HTTP_STATUS", "nor as Digest (MD5)");
    let requests = server.wait_until(|log| {
        let heads = log.iter().filter_map(|event| match &event.seen {
            Seen::Request { head, .. } => Some(head.clone()),
            _ => None,
        });
        Some(heads.collect::<Vec<_>>()).filter(|heads| heads.len() == 2)
    });
    assert_right(&authorization(&requests[1]), "GET", &path);
}
