//! The main paths work, seen by tokio-tungstenite and by raw sockets.

mod client;

use client::Client;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;
use ws4d_test_server::{CertKind, Seen, Server};

#[test]
fn echo_sends_back_text_binary_and_64_mib_and_logs_the_close() {
    let server = Server::start();
    let mut client = Client::connect(&server, &server.ws("/echo"));
    client.send(Message::text("héllo"));
    assert_eq!(client.next(), Some(Message::text("héllo")));
    let large = Message::binary(vec![7; 64 << 20]);
    client.send(large.clone());
    assert!(client.next() == Some(large));
    client.close(4001, "bye");
    assert_eq!(client.next(), Some(Message::Close(client::frame(4001, "bye"))));
    server.wait_for(|event| event.seen == Seen::Close(Some(4001), "bye".into()));
    drop(client);
    server.wait_for(|event| event.seen == Seen::Eof);
    server.wait_until_idle();
    let log = server.log();
    assert!(matches!(log[0].seen, Seen::Accepted));
    assert!(
        matches!(&log[1].seen, Seen::Request { path, head } if path == "/echo" && head.ends_with("\r\n\r\n"))
    );
    assert_eq!(
        (log[2].connection, log[2].path.as_str(), &log[2].seen),
        (1, "/echo", &Seen::Text("héllo".into()))
    );
}

#[test]
fn wss_speaks_with_the_ca_and_not_with_bad_certificates() {
    let server = Server::start();
    let mut client = Client::connect(&server, &server.wss("/echo"));
    client.send(Message::text("safe"));
    assert_eq!(client.next(), Some(Message::text("safe")));
    server.wait_for(|event| matches!(&event.seen, Seen::Tls(text) if text.contains("server_name=localhost")));
    for kind in [
        CertKind::SelfSigned,
        CertKind::WrongHost,
        CertKind::Expired,
        CertKind::NotYetValid,
        CertKind::UnknownCa,
        CertKind::Garbage,
        CertKind::ClientRequired,
    ] {
        let failed = Client::try_connect(&server, &server.wss_with(kind, "/echo"));
        assert!(failed.is_err(), "{kind:?}");
    }
    for kind in [CertKind::Tls12, CertKind::Revoked] {
        Client::connect(&server, &server.wss_with(kind, "/echo"));
    }
}

#[test]
fn a_tls_front_forwards_bytes_and_ends() {
    let server = Server::start();
    let mut client = Client::connect(&server, &server.tls_front(server.ws_port(), "/echo"));
    let large = Message::binary(vec![7; 1 << 20]);
    client.send(large.clone());
    assert!(client.next() == Some(large));
    client.close(4001, "bye");
    assert_eq!(client.next(), Some(Message::Close(client::frame(4001, "bye"))));
    drop(client);
    server.wait_until_idle();

    let nobody = server.tls_front(server.closed_port(), "/echo");
    assert!(Client::try_connect(&server, &nobody).is_err());
    server.wait_until_idle();
}

#[test]
fn ticker_quotes_what_was_subscribed_as_often_as_was_asked() {
    let server = Server::start();
    let mut client = Client::connect(&server, &server.ws("/ticker"));
    client.send(Message::text(r#"{"subscribe":["EURUSD","DAX"],"rate":1000,"count":10}"#));
    for seq in 1..=5 {
        for symbol in ["EURUSD", "DAX"] {
            let quote: serde_json::Value =
                serde_json::from_str(client.next().unwrap().to_text().unwrap()).unwrap();
            assert_eq!((quote["symbol"].as_str(), quote["seq"].as_u64()), (Some(symbol), Some(seq)));
            assert!(
                quote["price"].as_f64().unwrap() > 0.0
                    && quote["change"].is_number()
                    && quote["time"].is_u64()
            );
        }
    }
    client.send(Message::text("nonsense"));
    assert!(client.next().unwrap().to_text().unwrap().contains("error"));
}

#[test]
fn chat_tells_everybody_who_comes_speaks_and_goes() {
    let server = Server::start();
    let mut anna = Client::connect(&server, &server.ws("/chat?name=anna"));
    assert_eq!(anna.text(), r#"{"join":"anna","members":["anna"]}"#);
    let mut bob = Client::connect(&server, &server.ws("/chat?name=bob"));
    assert_eq!(anna.text(), r#"{"join":"bob","members":["anna","bob"]}"#);
    assert_eq!(bob.text(), r#"{"join":"bob","members":["anna","bob"]}"#);
    bob.send(Message::text("hi"));
    assert_eq!(anna.text(), r#"{"from":"bob","text":"hi"}"#);
    assert_eq!(bob.text(), r#"{"from":"bob","text":"hi"}"#);
    drop(bob);
    assert_eq!(anna.text(), r#"{"leave":"bob","members":["anna"]}"#);
}

#[test]
fn flood_sends_n_messages_and_closes() {
    let server = Server::start();
    let mut client = Client::connect(&server, &server.ws("/flood?n=50000&size=20&seq=1"));
    for number in 0..50_000 {
        assert_eq!(client.text(), format!("{number:08}abcdefghijkl").replace("abcdefghijkl", "ijklmnopqrst"));
    }
    assert_eq!(client.next(), Some(Message::Close(client::frame(1000, "done"))));

    let mut client = Client::connect(&server, &server.wss("/flood?n=10001&size=300&type=binary&stay=1"));
    for _ in 0..10_001 {
        assert_eq!(client.next().unwrap().into_data().len(), 300);
    }
    client.send(Message::Ping(b"there?".to_vec().into()));
    assert_eq!(client.next(), Some(Message::Pong(b"there?".to_vec().into())));
    client.close(1000, "");
    assert!(matches!(client.next(), Some(Message::Close(_))));
}

#[test]
fn headers_and_close_answer_at_once() {
    let server = Server::start();
    let mut client = Client::connect(&server, &server.ws("/headers?x=1"));
    assert!(client.text().starts_with("GET /headers?x=1 HTTP/1.1\r\n"));
    let mut client = Client::connect(&server, &server.ws("/close?code=4444&reason=so%20long"));
    assert_eq!(client.next(), Some(Message::Close(client::frame(4444, "so long"))));
    let mut client = Client::connect(&server, &server.ws("/close"));
    assert_eq!(client.next(), Some(Message::Close(None)));
}

#[test]
fn connections_are_counted_and_can_be_killed() {
    let server = Server::start();
    let mut one = Client::connect(&server, &server.ws("/echo"));
    let mut two = Client::connect(&server, &server.wss("/idle"));
    assert_eq!(server.connections(), 2);
    server.kill_connections();
    assert_eq!(server.connections(), 0);
    assert_eq!((one.next(), two.next()), (None, None));
    let nothing = server.wait_for_within(Duration::ZERO, |event| event.connection == 99);
    assert_eq!(nothing, None);
}

#[test]
fn a_dropped_server_takes_its_port_and_files_along() {
    let server = Server::start();
    let _client = Client::connect(&server, &server.ws("/script?do=stall"));
    let (port, ca) = (server.ws_port(), server.ca_file());
    assert!(ca.exists());
    drop(server);
    assert!(!ca.exists());
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}
