//! What goes to the server: the request of RFC 6455 §4.1.

use crate::wire::{refused, request, silent};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use ws4d_test_host::{Host, Options, api, c, name, text};
use ws4d_test_server::{Seen, Server};

/// The values of a header, in order.
fn values<'a>(lines: &'a [String], name: &str) -> Vec<&'a str> {
    let pairs = lines.iter().skip(1).filter_map(|line| line.split_once(": "));
    pairs.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

#[test]
fn the_request_is_the_one_of_the_rfc() {
    let server = Server::start();
    silent(&server.ws("/echo?a=b%20c&d"), &Options::new()).abort();

    let lines = request(&server);
    assert_eq!(lines[0], "GET /echo?a=b%20c&d HTTP/1.1");
    assert_eq!(lines[1], format!("Host: 127.0.0.1:{}", server.ws_port()), "Host comes first (RFC 9110 §7.2)");
    assert_eq!(values(&lines, "Upgrade"), ["websocket"]);
    assert_eq!(values(&lines, "Connection"), ["Upgrade"]);
    assert_eq!(values(&lines, "Sec-WebSocket-Version"), ["13"]);
    assert_eq!(values(&lines, "Sec-WebSocket-Key").len(), 1);
    for absent in ["Origin", "Cookie", "Authorization", "Sec-WebSocket-Protocol", "Content-Length"] {
        assert!(values(&lines, absent).is_empty(), "{absent} was not asked for: {lines:?}");
    }
    assert_eq!(lines[lines.len() - 2..], ["", ""], "one empty line ends it");
}

#[test]
fn each_connection_has_a_key_of_its_own() {
    let server = Server::start();
    for _ in 0..20 {
        silent(&server.ws("/echo"), &Options::new()).abort();
    }
    let mut keys: Vec<String> = server
        .log()
        .iter()
        .filter_map(|event| match &event.seen {
            Seen::Request { head, .. } => {
                let lines: Vec<String> = head.split("\r\n").map(str::to_owned).collect();
                Some(values(&lines, "Sec-WebSocket-Key")[0].to_owned())
            }
            _ => None,
        })
        .collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 20, "{keys:?}");
    assert!(keys.iter().all(|key| key.len() == 24 && key.ends_with("==")), "16 bytes in base64: {keys:?}");
}

#[test]
fn an_empty_path_is_a_slash() {
    for (path, line) in [("", "GET / HTTP/1.1"), ("?q=1", "GET /?q=1 HTTP/1.1")] {
        let server = Server::start();
        refused(&server.ws(path), &Options::new()).assert("WS_ERR_HTTP_STATUS", "404");
        assert_eq!(request(&server)[0], line);
    }
}

#[test]
fn headers_of_the_host_keep_their_order_and_may_repeat() {
    let server = Server::start();
    let options =
        [("X-B", "1"), ("x-a", "two words, ünd\tmore"), ("X-B", "2"), ("Origin", "https://here.test")]
            .into_iter()
            .fold(Options::new(), |options, (name, value)| {
                options.set(|api, o| (api.ws_options_set_header)(o, c(name).as_ptr(), c(value).as_ptr()))
            });
    silent(&server.ws("/echo"), &options).abort();

    let lines = request(&server);
    let own: Vec<&String> = lines
        .iter()
        .filter(|line| line.to_lowercase().starts_with("x-") || line.starts_with("Origin"))
        .collect();
    assert_eq!(own, ["X-B: 1", "x-a: two words, ünd\tmore", "X-B: 2", "Origin: https://here.test"]);
}

#[test]
fn cookies_go_out_in_one_header() {
    let server = Server::start();
    let options = ["a=1; b=2", "c=x=y"].into_iter().fold(Options::new(), |options, cookies| {
        options.set(|api, o| (api.ws_options_set_cookie)(o, c(cookies).as_ptr()))
    });
    silent(&server.ws("/echo"), &options).abort();
    assert_eq!(values(&request(&server), "Cookie"), ["a=1; b=2; c=x=y"]);
}

/// RFC 6265 5.4: whichever function sets them, in the order of the calls.
#[test]
fn cookies_of_both_setters_are_one_header() {
    let server = Server::start();
    let header = |options: Options, name: &str, value: &str| {
        options.set(|api, o| (api.ws_options_set_header)(o, c(name).as_ptr(), c(value).as_ptr()))
    };
    let cookie = |options: Options, pairs: &str| {
        options.set(|api, o| (api.ws_options_set_cookie)(o, c(pairs).as_ptr()))
    };
    let options = cookie(header(Options::new(), "Cookie", "a=1"), "b=2");
    let options = cookie(header(header(options, "cookie", " c=3; "), "COOKIE", ""), "d=4");
    silent(&server.ws("/echo"), &options).abort();
    assert_eq!(values(&request(&server), "Cookie"), ["a=1; b=2; c=3; d=4"]);
}

#[test]
fn the_user_agent_is_the_librarys_unless_the_host_says_otherwise() {
    let ours = format!("libws4d/{}", text((api().ws_version_string)()).expect("a version"));
    for (own, sent) in [(&[][..], &[ours.as_str()][..]), (&["Device/7"], &["Device/7"]), (&[""], &[])] {
        let server = Server::start();
        let options = own.iter().fold(Options::new(), |options, agent| {
            options.set(|api, o| (api.ws_options_set_header)(o, c"user-agent".as_ptr(), c(agent).as_ptr()))
        });
        silent(&server.ws("/echo"), &options).abort();
        assert_eq!(values(&request(&server), "User-Agent"), sent, "{own:?}");
    }
}

fn offering(protocols: &[&str]) -> Options {
    protocols.iter().fold(Options::new(), |options, protocol| {
        options.set(|api, o| (api.ws_options_set_subprotocol)(o, c(protocol).as_ptr()))
    })
}

#[test]
fn subprotocols_are_offered_in_order_and_the_choice_is_told() {
    let server = Server::start();
    let ws = silent(&server.ws("/echo?protocol=v2.chat"), &offering(&["v3.chat", "v2.chat"]));
    assert_eq!(text((api().ws_get_subprotocol)(ws)).as_deref(), Some("v2.chat"));
    assert_eq!(values(&request(&server), "Sec-WebSocket-Protocol"), ["v3.chat, v2.chat"]);
    ws.abort();

    let ws = silent(&server.ws("/echo"), &offering(&["v3.chat"]));
    assert_eq!(text((api().ws_get_subprotocol)(ws)), None, "a server may choose none");
    ws.abort();
}

/// `docs/hostile.md`, line 7: not asked for, in other case, two of them; and 3: twice.
#[test]
fn a_subprotocol_that_was_not_offered_is_refused() {
    let server = Server::start();
    for (path, why) in [
        ("/unasked-protocol", "unasked"),
        ("/echo?protocol=V2.chat", "V2.chat"),
        ("/echo?protocol=v2.chat,%20v3.chat", "subprotocol"),
        ("/echo?protocol=v2.chat&header=Sec-WebSocket-Protocol:v3.chat", "Sec-WebSocket-Protocol"),
        ("/echo?protocol=v2.chat&header=Sec-WebSocket-Protocol:v2.chat", "Sec-WebSocket-Protocol"),
        ("/echo?protocol=", "subprotocol"),
    ] {
        refused(&server.ws(path), &offering(&["v3.chat", "v2.chat"])).assert("WS_ERR_HANDSHAKE", why);
    }
    refused(&server.ws("/unasked-protocol"), &Options::new()).assert("WS_ERR_HANDSHAKE", "unasked");
}

#[test]
fn user_info_becomes_basic_authorization_and_is_shown_nowhere() {
    let server = Server::start();
    let with_user = |path: &str| server.ws(path).replace("ws://", "ws://us%65r:p%40ss%3Aword@");
    let ws = silent(&with_user("/echo"), &Options::new());
    // user:p@ss:word
    assert_eq!(values(&request(&server), "Authorization"), ["Basic dXNlcjpwQHNzOndvcmQ="]);
    assert_eq!(text((api().ws_get_url)(ws)), Some(server.ws("/echo")));
    ws.abort();

    for path in ["/status?code=401", "/bad-accept", "/garbage", "/eof"] {
        let refusal = refused(&with_user(path), &Options::new());
        for (_, _, message) in &refusal.errors.entries {
            assert!(!message.contains("p%40ss") && !message.contains("p@ss"), "{message}");
            assert!(!message.contains("us%65r"), "{message}");
        }
    }
}

#[test]
fn a_user_without_a_password_is_authorized_too() {
    let server = Server::start();
    silent(&server.ws("/echo").replace("ws://", "ws://anna@"), &Options::new()).abort();
    assert_eq!(values(&request(&server), "Authorization"), ["Basic YW5uYTo="]);
}

#[test]
fn an_ipv6_host_is_named_in_brackets() {
    let listener = TcpListener::bind(("::1", 0)).expect("IPv6 on loopback");
    let port = listener.local_addr().expect("bound").port();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a whole head");
            head.push(byte[0]);
        }
        stream.write_all(b"HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n").expect("an answer");
        String::from_utf8(head).expect("a head in UTF-8")
    });
    let refusal = refused(&format!("ws://[::1]:{port}/x"), &Options::new());
    refusal.assert("WS_ERR_HTTP_STATUS", "418");
    let head = server.join().expect("the server's thread");
    assert!(head.starts_with(&format!("GET /x HTTP/1.1\r\nHost: [::1]:{port}\r\n")), "{head}");
}

#[test]
fn the_answer_can_be_read_from_the_socket() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo?header=X-Served-By:a&header=x-served-by:b&header=X-Empty:"));
    let header = |name: &str, i| text((api().ws_get_response_header)(ws, c(name).as_ptr(), i));
    assert_eq!((api().ws_get_response_status)(ws), 101);
    assert_eq!(header("X-SERVED-BY", 0).as_deref(), Some("a"));
    assert_eq!(header("X-Served-By", 1).as_deref(), Some("b"));
    assert_eq!(header("X-Served-By", 2), None);
    assert_eq!(header("X-Empty", 0).as_deref(), Some(""));
    assert_eq!(header("X-Absent", 0), None);
    let peer = text((api().ws_get_peer_address)(ws));
    assert_eq!(peer, Some(format!("127.0.0.1:{}", server.ws_port())));
}

/// RFC 6455 §4.1: what the host sends meanwhile waits.
#[test]
fn nothing_follows_the_request_before_the_answer() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let url = format!("ws://{}/", listener.local_addr().expect("bound"));
    let host = Host::new();
    let ws = host.open_async(url);
    let (mut stream, _) = listener.accept().expect("a client");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a whole head");
        head.push(byte[0]);
    }
    for _ in 0..100 {
        assert_eq!(name(ws.send_text("too early")), "WS_OK");
    }
    // Once open, a message would be on the wire when the call returns.
    stream.set_nonblocking(true).expect("a socket");
    let error = stream.read(&mut [0]).expect_err("nothing is there");
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    ws.abort();
    host.run_until("free");
}
