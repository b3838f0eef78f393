//! Servers that break TLS off, or do not keep to it: what is told of each. `docs/hostile.md`, line 14.

use super::wire::{RawPeer, RawServer, refused};
use super::{trusting, trusting_nobody};
use socket2::SockRef;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use ws4d_test_host::Host;
use ws4d_test_server::Server;

/// A record of TLS 1.2 (RFC 5246 §6.2.1).
fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3][..], &u16::try_from(content.len()).expect("short").to_be_bytes(), content].concat()
}

/// A record with one message of the handshake (RFC 5246 §7.4).
fn handshake(kind: u8, content: &[u8]) -> Vec<u8> {
    let len = u32::try_from(content.len()).expect("short").to_be_bytes();
    record(22, &[&[kind][..], &len[1..], content].concat())
}

/// A server's hello of that version, with ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 and nothing else.
fn hello(version: [u8; 2]) -> Vec<u8> {
    handshake(2, &[&version[..], &[7; 32], &[0, 0xc0, 0x2b, 0]].concat())
}

/// All that a server of TLS 1.2 says first, but that it shows no certificate.
fn without_certificate() -> Vec<u8> {
    // X25519, a public key, and a signature with ECDSA and SHA-256.
    let key = [&[3, 0, 0x1d, 32][..], &[9; 32], &[4, 3, 0, 8], &[0; 8]].concat();
    [hello([3, 3]), handshake(11, &[0, 0, 0]), handshake(12, &key), handshake(14, &[])].concat()
}

fn read_some(peer: &mut RawPeer) {
    assert!(peer.stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0), "the client's hello");
}

#[test]
fn what_a_server_says_instead_of_its_part_of_the_handshake_is_told() {
    let fatal = |alert: u8| record(21, &[2, alert]);
    for (answer, code, why) in [
        (fatal(40), "WS_ERR_TLS", "finds nothing that both sides take (alert handshake failure, 40)"),
        (
            fatal(112),
            "WS_ERR_TLS",
            "does not know the name that it was asked for (alert unrecognised name, 112)",
        ),
        (record(23, b"x"), "WS_ERR_TLS", "a message of TLS came that was not expected"),
        (
            hello([3, 1]),
            "WS_ERR_TLS",
            "both sides have nothing in common (server does not support tls 12 or 13)",
        ),
        (without_certificate(), "WS_ERR_CERTIFICATE", "is missing: the server sent none"),
    ] {
        let server = RawServer::start(move |peer| {
            read_some(peer);
            peer.say(&answer);
            peer.wait_for_the_end();
        });
        let refusal = refused(&format!("wss://127.0.0.1:{}/", server.port()), &trusting_nobody());
        refusal.assert(code, why);
        assert_eq!(refusal.component(), "tls ");
    }
}

#[test]
fn an_end_in_the_middle_of_the_handshake_is_told_as_that() {
    for (resets, code, why) in [
        (false, "WS_ERR_TLS", "ended the connection during the TLS handshake; is it a TLS server"),
        (true, "WS_ERR_CONNECTION_RESET", "The TLS handshake with 127.0.0.1:"),
    ] {
        let server = RawServer::start(move |peer| {
            read_some(peer);
            if resets {
                SockRef::from(&peer.stream).set_linger(Some(Duration::ZERO)).expect("a socket");
            }
        });
        refused(&format!("wss://127.0.0.1:{}/", server.port()), &trusting_nobody()).assert(code, why);
    }
}

/// Carries bytes to a server, and changes one of a record where it is told to.
fn through_a_bad_line(server_port: u16, spoils: Arc<AtomicBool>) -> RawServer {
    RawServer::start(move |peer| {
        let mut server = TcpStream::connect(("127.0.0.1", server_port)).expect("the server");
        let (mut back, mut client) =
            (server.try_clone().expect("a copy"), peer.stream.try_clone().expect("a copy"));
        let answers = thread::spawn(move || {
            let _ = io::copy(&mut back, &mut client);
            let _ = client.shutdown(Shutdown::Write);
        });
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = peer.stream.read(&mut bytes) {
            if spoils.load(Ordering::SeqCst) {
                bytes[count - 1] ^= 1;
            }
            if server.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = server.shutdown(Shutdown::Write);
        answers.join().expect("the other way");
    })
}

#[test]
fn the_alert_that_ends_an_open_connection_is_told_with_its_name_and_number() {
    let server = Server::start();
    let spoils = Arc::new(AtomicBool::new(false));
    let line = through_a_bad_line(server.wss_port(), Arc::clone(&spoils));
    let host = Host::new();
    host.once("error", |call| {
        let errors = call.event.errors();
        let said = &errors.entries[0].2;
        assert!(said.ends_with("broke: the peer ended it (alert bad record mac, 20)"), "{said}");
    });
    let url = format!("wss://127.0.0.1:{}/echo", line.port());
    let ws = host.to(url).with(trusting(&server)).open();
    spoils.store(true, Ordering::SeqCst);
    ws.send_text("hello");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "error WS_ERR_TLS", "terminate 1006", "free"]);
    assert_eq!(ws.close_info().tls_alert, 20);
}

/// openssl's own server of TLS 1.2, and its port.
fn openssl_server(server: &Server) -> (Child, BufReader<std::process::ChildStdout>, u16) {
    let (chain, key) = server.client_certificate_files();
    let mut child = Command::new("openssl")
        .args(["s_server", "-accept", "127.0.0.1:0", "-tls1_2", "-cert"])
        .arg(chain)
        .arg("-key")
        .arg(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl");
    let mut said = BufReader::new(child.stdout.take().expect("a pipe"));
    let accepts = until_it_says(&mut said, "ACCEPT ");
    let port = accepts.rsplit(':').next().and_then(|port| port.trim().parse().ok()).expect("a port");
    (child, said, port)
}

fn until_it_says(said: &mut impl BufRead, what: &str) -> String {
    loop {
        let mut line = String::new();
        assert_ne!(said.read_line(&mut line).expect("a line"), 0, "it ended without {what}");
        if line.contains(what) {
            return line;
        }
    }
}

/// A server of TLS 1.2 that wants a client certificate for some paths alone asks for it like this.
#[test]
fn a_server_that_asks_to_renegotiate_is_told_as_that() {
    let server = Server::start();
    let (mut child, mut said, port) = openssl_server(&server);
    let mut asks = child.stdin.take().expect("a pipe");
    let renegotiates = thread::spawn(move || {
        until_it_says(&mut said, "Sec-WebSocket-Key");
        asks.write_all(b"R\n").expect("a command");
        // Open until openssl has ended: the end of its commands would be one of its own.
        let _ = io::copy(&mut said, &mut io::sink());
        drop(asks);
    });
    let refusal = refused(&format!("wss://localhost:{port}/"), &trusting_nobody());
    child.kill().and_then(|()| child.wait()).expect("openssl");
    renegotiates.join().expect("what openssl says");
    refusal.assert("WS_ERR_TLS", "it asked to renegotiate, as servers of TLS 1.2 do");
}
