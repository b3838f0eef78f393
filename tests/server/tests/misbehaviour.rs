//! Scripts and broken handshakes put on the wire what the table promises.

mod client;

use client::{Client, answer, request};
use std::io::{ErrorKind, Read, Write};
use tokio_tungstenite::tungstenite::Message;
use ws4d_test_server::{Seen, Server};

const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The whole answer to a request, to the end of a script that drops the connection.
fn wire(server: &Server, path: &str) -> String {
    let mut tcp = request(server, path);
    String::from_utf8_lossy(&answer(&mut tcp, b"")).into_owned()
}

#[test]
fn a_script_sends_what_it_says() {
    let server = Server::start();
    let mut client = Client::connect(
        &server,
        &server.ws("/script?do=text:a%2Cb,binary:00ff,ping:x,frag_ping:he|ll|o,close:4001:bye"),
    );
    let expected = [
        Message::text("a,b"),
        Message::binary(vec![0, 255]),
        Message::Ping("x".into()),
        Message::Ping("between".into()),
        Message::Ping("between".into()),
        Message::text("hello"),
        Message::Close(client::frame(4001, "bye")),
    ];
    for message in expected {
        assert_eq!(client.next(), Some(message));
    }
    assert_eq!(client.next(), None);
    server.wait_for(|event| matches!(&event.seen, Seen::Close(Some(4001), _)));
}

#[test]
fn a_gate_holds_the_script_until_the_test_opens_it() {
    let server = Server::start();
    let mut client =
        Client::connect(&server, &server.ws("/script?do=gate:one,text:now,wait_close,gate:two,drop"));
    server.wait_for(|event| event.seen == Seen::Gate("one".into()));
    server.open_gate("one");
    assert_eq!(client.text(), "now");
    client.close(1000, "");
    server.wait_for(|event| event.seen == Seen::Gate("two".into()));
    server.open_gate("two");
    assert_eq!(client.next(), None);
}

#[test]
fn expect_echo_and_the_proper_end_work() {
    let server = Server::start();
    let mut client =
        Client::connect(&server, &server.ws("/script?do=expect,text:got,echo:2,text_size:100000"));
    client.send(Message::text("one"));
    assert_eq!(client.text(), "got");
    client.send(Message::text("two"));
    client.send(Message::binary(vec![3]));
    assert_eq!(client.text(), "two");
    assert_eq!(client.next(), Some(Message::binary(vec![3])));
    assert_eq!(client.text().len(), 100_000);
    client.send(Message::Ping("p".into()));
    assert_eq!(client.next(), Some(Message::Pong("p".into())));
    client.close(4002, "");
    assert_eq!(client.next(), Some(Message::Close(client::frame(4002, ""))));
    assert_eq!(server.wait_for(|event| matches!(event.seen, Seen::Close(..))).connection, 1);
}

#[test]
fn raw_drip_and_frame_are_exact_on_the_wire() {
    let server = Server::start();
    let mut tcp = request(&server, "/script?do=raw:8100,drip:ff00,frame:c1:aabb,frame*2:89:,drop");
    let bytes = answer(&mut tcp, b"");
    let body = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(&bytes[body..], [0x81, 0, 0xff, 0, 0xc1, 2, 0xaa, 0xbb, 0x89, 0, 0x89, 0]);
}

#[test]
fn reset_is_a_reset_and_drop_is_an_end() {
    let server = Server::start();
    let mut tcp = request(&server, "/script?do=expect,rst");
    answer(&mut tcp, b"\r\n\r\n");
    tcp.write_all(&[0x81, 0x80, 0, 0, 0, 0]).unwrap();
    assert_eq!(tcp.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    let mut tcp = request(&server, "/script?do=drop");
    answer(&mut tcp, b"\r\n\r\n");
    assert_eq!(tcp.read(&mut [0]).unwrap(), 0);
}

#[test]
fn broken_handshakes_are_broken_as_named() {
    let server = Server::start();
    let good = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
    );
    let head = |path: &str| {
        let mut tcp = request(&server, path);
        String::from_utf8_lossy(&answer(&mut tcp, b"\r\n\r\n")).into_owned()
    };
    assert_eq!(head("/echo"), good);
    assert_eq!(head("/drip"), good);
    assert!(!head("/bad-accept").contains(ACCEPT));
    assert!(head("/bad-accept?case=1").to_lowercase().contains(&ACCEPT.to_lowercase()));
    assert!(!head("/bad-accept?case=1").contains(ACCEPT));
    assert_eq!(head("/two-accepts").matches(ACCEPT).count(), 2);
    assert!(head("/bad-upgrade").contains("Upgrade: notwebsocket\r\n"));
    assert!(head("/folded-head").contains("X-Folded: one\r\n two\r\n"));
    assert!(head("/nul-head").contains("a\0b"));
    assert!(head("/http10").starts_with("HTTP/1.0 101"));
    assert!(head("/early-hints").starts_with("HTTP/1.1 103"));
    assert!(head("/echo?protocol=x&header=A:b&set=Connection:close&omit=Upgrade").ends_with("Connection: close\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: x\r\nA: b\r\n\r\n"));
    assert_eq!(head("/huge-head?size=70000").len(), 70_000);
    assert!(wire(&server, "/close-in-head").len() < good.len());
    assert!(wire(&server, "/glued?do=text:hi,drop").ends_with("\r\n\r\n\u{fffd}\u{2}hi"));
    assert_eq!(wire(&server, "/eof"), "");
    assert!(wire(&server, "/nothing-of-the-kind").starts_with("HTTP/1.1 404"));
}

#[test]
fn statuses_have_the_bodies_that_were_asked_for() {
    let server = Server::start();
    let answer = wire(&server, "/status?code=503&body=too%20busy&header=Retry-After:5");
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("Retry-After: 5\r\n"));
    assert!(answer.ends_with("Content-Length: 8\r\n\r\ntoo busy"));
    assert!(wire(&server, "/status?size=3000&chunked=1").contains("\r\n3e8\r\nxxx"));
    let mut endless = request(&server, "/status?endless=1");
    endless.read_exact(&mut vec![0; 1 << 20]).unwrap();
    drop(endless);
    let mut head = request(&server, "/endless-head");
    head.read_exact(&mut vec![0; 1 << 20]).unwrap();
    drop(head);
    server.wait_until_idle();
    assert!(wire(&server, "/redirect?to=ws://elsewhere/&code=307").contains("Location: ws://elsewhere/\r\n"));
}

#[test]
fn an_improper_request_is_refused_and_logged() {
    let server = Server::start();
    let mut tcp = std::net::TcpStream::connect(("127.0.0.1", server.ws_port())).unwrap();
    tcp.write_all(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert!(answer(&mut tcp, b"").starts_with(b"HTTP/1.1 400"));
    server.wait_for(|event| matches!(&event.seen, Seen::Violation(text) if text.contains("Upgrade")));
}
