//! One session inside another, over a socket that takes little.

use super::{Received, TlsSession, Transport, Wakes, Written};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use socket2::{Domain, Socket, Type};
use std::io::{IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;

/// Both ends of a session whose handshake is done.
fn session() -> (TlsSession, ServerConnection) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let provider = Arc::new(crate::connect::tls::default_provider());
    let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let mut client = ClientConnection::new(Arc::new(client), "localhost".try_into().unwrap()).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    while client.is_handshaking() || server.is_handshaking() || client.wants_write() || server.wants_write() {
        let (mut out, mut back) = (Vec::new(), Vec::new());
        while client.wants_write() {
            client.write_tls(&mut out).unwrap();
        }
        decrypt(&mut server, &out);
        while server.wants_write() {
            server.write_tls(&mut back).unwrap();
        }
        let mut back = back.as_slice();
        while !back.is_empty() {
            client.read_tls(&mut back).unwrap();
            client.process_new_packets().unwrap();
        }
    }
    (TlsSession::new(client), server)
}

fn decrypt(server: &mut ServerConnection, mut records: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    while !records.is_empty() {
        server.read_tls(&mut records).unwrap();
        server.process_new_packets().unwrap();
        let _ = server.reader().read_to_end(&mut plain);
    }
    plain
}

#[test]
fn what_a_session_below_holds_back_is_blocked_until_it_has_left() {
    let (ours, mut peer) = Socket::pair(Domain::UNIX, Type::STREAM, None).unwrap();
    ours.set_nonblocking(true).unwrap();
    peer.set_nonblocking(true).unwrap();
    ours.set_send_buffer_size(4096).unwrap();
    let (outer, mut outer_peer) = session();
    let (inner, mut inner_peer) = session();
    let mut transport = Transport::new(Arc::new(ours));
    transport.secure(outer);
    transport.secure(inner);

    // Less than either session holds, so that nothing is left in the inner one.
    let message = [7; 100_000];
    let written = transport.write(&[IoSlice::new(&message)]).unwrap();
    assert_eq!(written, Written { taken: message.len(), blocked: true });
    let (mut arrived, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    let mut blocked = true;
    while blocked {
        let n = peer.read(&mut buffer).unwrap();
        let records = decrypt(&mut outer_peer, &buffer[..n]);
        arrived.extend(decrypt(&mut inner_peer, &records));
        blocked = transport.flush().unwrap();
    }
    while let Ok(n @ 1..) = peer.read(&mut buffer) {
        let records = decrypt(&mut outer_peer, &buffer[..n]);
        arrived.extend(decrypt(&mut inner_peer, &records));
    }
    assert_eq!(arrived.len(), message.len());
    assert!(arrived == message);

    // And back, byte by byte: what is not whole yet is nothing, at both levels.
    inner_peer.writer().write_all(b"hello").unwrap();
    let (mut records, mut wire) = (Vec::new(), Vec::new());
    inner_peer.write_tls(&mut records).unwrap();
    outer_peer.writer().write_all(&records).unwrap();
    outer_peer.write_tls(&mut wire).unwrap();
    let mut into = Vec::with_capacity(1024);
    for byte in &wire[..wire.len() - 1] {
        peer.write_all(&[*byte]).unwrap();
        assert_eq!(transport.read(None, &mut into).unwrap(), Received::Nothing);
    }
    peer.write_all(&wire[wire.len() - 1..]).unwrap();
    assert_eq!(
        transport.read(None, &mut into).unwrap(),
        Received::Data { direct: 0, buffered: 5, drained: true }
    );
    assert_eq!(into, b"hello");
    drop(peer);
    assert_eq!(transport.read(None, &mut into).unwrap(), Received::End);
}

#[test]
fn records_are_small_after_a_silence_and_large_in_a_stream() {
    let (ours, mut peer) = Socket::pair(Domain::UNIX, Type::STREAM, None).unwrap();
    ours.set_nonblocking(true).unwrap();
    peer.set_nonblocking(true).unwrap();
    ours.set_send_buffer_size(1 << 20).unwrap();
    let (session, mut server) = session();
    let mut transport = Transport::new(Arc::new(ours));
    transport.secure(session);
    let message = vec![7; 120_000];
    let mut sizes = Vec::new();
    let written = transport.write(&[IoSlice::new(&message)]).unwrap();
    assert_eq!(written.taken, message.len());
    let (mut wire, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let blocked = transport.flush().unwrap();
        while let Ok(n @ 1..) = peer.read(&mut buffer) {
            wire.extend_from_slice(&buffer[..n]);
        }
        if !blocked {
            break;
        }
    }
    // RFC 8446 section 5.1: type, version, length.
    let mut rest = wire.as_slice();
    while let [_, _, _, high, low, ..] = *rest {
        let len = usize::from(high) << 8 | usize::from(low);
        sizes.push(len);
        rest = &rest[5 + len..];
    }
    assert!(sizes[..30].iter().all(|size| *size < 1400), "{sizes:?}");
    assert!(sizes.iter().any(|size| *size > 16_000), "{sizes:?}");
    assert!(decrypt(&mut server, &wire) == message);
}

/// A transport over TCP, and its peer.
fn over_tcp() -> (Transport, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = Socket::from(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
    ours.set_nonblocking(true).unwrap();
    let (peer, _) = listener.accept().unwrap();
    peer.set_nodelay(true).unwrap();
    (Transport::new(Arc::new(ours)), peer)
}

/// Returns whether the transport becomes readable within so many milliseconds; -1: no limit.
fn is_readable(transport: &Transport, ms: i32) -> bool {
    let mut asked = libc::pollfd { fd: transport.stream().as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry, which lives through the call.
    unsafe { libc::poll(&mut asked, 1, ms) == 1 }
}

#[cfg(all(any(target_os = "linux", target_os = "android"), not(ws4d_portable)))]
#[test]
fn who_waits_for_much_is_woken_once_it_is_there_and_reads_what_there_is() {
    let (transport, mut peer) = over_tcp();
    let mut into = Vec::with_capacity(1 << 20);
    // In small packets: a receive window that has no room for another of the size seen so far wakes as well.
    let mut write = |packets: usize| (0..packets).for_each(|_| peer.write_all(&[1; 1000]).unwrap());
    write(20);
    assert!(is_readable(&transport, -1));
    transport.expect(40_000, true);
    assert!(!is_readable(&transport, 50), "half of it is no reason to wake");
    write(20);
    assert!(is_readable(&transport, -1));

    // Less is read all the same: a look for signs of life must find it.
    transport.expect(100_000, true);
    assert!(!is_readable(&transport, 0));
    let read = transport.read(None, &mut into).unwrap();
    assert_eq!(read, Received::Data { direct: 0, buffered: 40_000, drained: true });

    // Nothing much is expected any more.
    peer.write_all(&[3]).unwrap();
    assert!(!is_readable(&transport, 50));
    transport.expect(0, true);
    assert!(is_readable(&transport, -1));
}

#[test]
fn what_a_read_has_left_is_not_slept_over() {
    let (transport, mut peer) = over_tcp();
    transport.expect(100_000, true);
    peer.write_all(&[1; 10]).unwrap();
    // More is missing than is waited for: that needs no call. Less is: what is there wakes.
    transport.expect(200_000, false);
    transport.expect(5, false);
    assert!(is_readable(&transport, -1));
}

#[test]
fn the_end_wakes_who_waits_for_much() {
    let (transport, mut peer) = over_tcp();
    transport.expect(100_000, true);
    peer.write_all(&[1; 10]).unwrap();
    drop(peer);
    assert!(is_readable(&transport, -1));
}

#[cfg(all(any(target_os = "linux", target_os = "android"), not(ws4d_portable)))]
#[test]
fn a_mark_that_the_system_does_not_lower_is_told() {
    let (transport, _peer) = over_tcp();
    assert_eq!(transport.expect(100_000, true), Wakes::ForMany);
    // A descriptor that takes no socket options, in place of the socket; and back.
    let fd = transport.stream().as_raw_fd();
    let kept = transport.stream().try_clone().unwrap();
    let file = std::fs::File::open("/dev/null").unwrap();
    // SAFETY: three open descriptors; nobody else uses `fd` meanwhile.
    assert!(unsafe { libc::dup2(file.as_raw_fd(), fd) } == fd);
    assert_eq!(transport.expect(0, true), Wakes::TooLate);
    assert!(transport.wakes_too_late());
    // SAFETY: as above.
    assert!(unsafe { libc::dup2(kept.as_raw_fd(), fd) } == fd);
    assert_eq!(transport.expect(0, true), Wakes::ForAnyByte);
    assert!(!transport.wakes_too_late());
}
