//! The floor: a blocking socket with hand-made frames, bare or under rustls; no library between. A client like the
//! others: `clients/bench.h` says what the kinds are.

mod many;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::frame;
use crate::process::measure;
use crate::spin::Spinning;

/// Messages that are written together in the kind `batch`, and that one answer is for.
const BATCH: usize = 256;
const BATCH_ANSWER: usize = 4096;
const CLOSE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 3, 232];

trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

struct Target<'a> {
    secure: bool,
    port: u16,
    path: &'a str,
    tls: Arc<ClientConfig>,
}

/// `KIND URL SIZE N CA DATA`. `post_quantum`: with the key exchange that libws4d prefers, and only where that matters.
pub(crate) fn run(arguments: &[String], post_quantum: bool) {
    let [kind, url, size, count, ca, data] = arguments else { panic!("six arguments") };
    let (size, count): (usize, usize) = (size.parse().expect("a size"), count.parse().expect("a number"));
    let (scheme, rest) = url.split_once("://127.0.0.1:").expect("a URL of ours");
    let (port, path) = rest.split_at(rest.find('/').expect("a path"));
    if post_quantum && (scheme, kind.as_str()) != ("wss", "connect") {
        std::process::exit(3);
    }
    let tls = tls(Path::new(ca), post_quantum);
    let target = Target { secure: scheme == "wss", port: port.parse().expect("a port"), path, tls };
    match kind.as_str() {
        "echo" => echo(&mut *connect(&target, ""), size, count),
        "spin" => echo(&mut spinning(&target), size, count),
        "receive" => receive(&mut *connect(&target, ""), size, count),
        "send" => send(&mut *connect(&target, ""), size, count, 1, count),
        "batch" | "many" => send(&mut *connect(&target, ""), size, count, BATCH, BATCH_ANSWER),
        "connect" => connects(&target, count),
        "deflate" => deflate(&target, Path::new(data), count),
        "tick" => many::tick(&target, size, count),
        "fan-in" => many::fan_in(&target, size, count),
        _ => std::process::exit(3),
    }
}

fn tls(ca: &Path, post_quantum: bool) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in rustls::pki_types::CertificateDer::pem_file_iter(ca).expect("the CA") {
        roots.add(certificate.expect("a certificate")).expect("a certificate");
    }
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    // The one that comes first is offered with its keys; the server takes it.
    provider
        .kx_groups
        .sort_by_key(|group| (group.name() == rustls::NamedGroup::X25519MLKEM768) != post_quantum);
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .expect("TLS versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

fn tcp(target: &Target) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", target.port)).expect("the server is there");
    stream.set_nodelay(true).expect("an option of TCP");
    stream
}

fn spinning(target: &Target) -> Spinning {
    let mut stream = tcp(target);
    upgrade(&mut stream, target.path, "");
    Spinning::new(stream).expect("an option of the socket")
}

fn connect(target: &Target, extension: &str) -> Box<dyn Stream> {
    let stream = tcp(target);
    let mut stream: Box<dyn Stream> = if target.secure {
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(Arc::clone(&target.tls), name).expect("TLS");
        Box::new(StreamOwned::new(connection, stream))
    } else {
        Box::new(stream)
    };
    upgrade(&mut *stream, target.path, extension);
    stream
}

fn upgrade(stream: &mut dyn Stream, path: &str, extension: &str) {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{extension}\r\n"
    );
    stream.write_all(request.as_bytes()).expect("the request leaves");
    // The server sends nothing behind its answer before it is asked; but `/tick` does, of which a part may be lost.
    let (mut head, mut filled) = ([0; 1024], 0);
    while !head[..filled].windows(4).any(|end| end == b"\r\n\r\n") {
        let n = stream.read(&mut head[filled..]).expect("an answer");
        assert_ne!(n, 0, "an answer");
        filled += n;
    }
}

fn read_exactly(stream: &mut dyn Stream, buffer: &mut [u8], mut left: usize) {
    while left > 0 {
        let room = buffer.len().min(left);
        let n = stream.read(&mut buffer[..room]).expect("what was expected");
        assert_ne!(n, 0, "the server stays");
        left -= n;
    }
}

fn echo(stream: &mut dyn Stream, size: usize, count: usize) {
    let message = frame::text(size, true);
    let answer = frame::text(size, false).len();
    let mut buffer = vec![0; 256 * 1024];
    let mut rounds = |n| {
        for _ in 0..n {
            stream.write_all(&message).expect("a message leaves");
            read_exactly(stream, &mut buffer, answer);
        }
    };
    rounds(count / 10 + 1);
    measure(count, || rounds(count));
}

fn receive(stream: &mut dyn Stream, size: usize, count: usize) {
    let all = frame::text(size, false).len() * count;
    let mut buffer = vec![0; 256 * 1024];
    measure(count, || {
        stream.write_all(&frame::header(0, true)).expect("the start");
        read_exactly(stream, &mut buffer, all);
    });
}

fn send(stream: &mut dyn Stream, size: usize, count: usize, together: usize, per_answer: usize) {
    let message = frame::text(size, true);
    let mut batch = Vec::with_capacity(message.len() * together);
    measure(count, || {
        for _ in 0..count / together {
            if together == 1 {
                stream.write_all(&message).expect("a message leaves");
                continue;
            }
            batch.clear();
            for _ in 0..together {
                batch.extend_from_slice(&message);
            }
            stream.write_all(&batch).expect("messages leave");
        }
        read_exactly(stream, &mut [0; 4096], count / per_answer * 6);
    });
}

fn connects(target: &Target, count: usize) {
    let one = || {
        let mut stream = connect(target, "");
        stream.write_all(&CLOSE).expect("a close frame leaves");
        let mut end = [0; 64];
        // TLS says an end without its own goodbye is an error.
        while stream.read(&mut end).is_ok_and(|n| n > 0) {}
    };
    (0..count / 10 + 1).for_each(|_| one());
    measure(count, || (0..count).for_each(|_| one()));
}

/// Our side deflates and inflates as the library would, by the same crate.
fn deflate(target: &Target, data: &Path, count: usize) {
    let lines = std::fs::read_to_string(data).expect("the samples");
    let lines: Vec<&str> = lines.lines().collect();
    let mut stream =
        connect(target, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n");
    let fresh = target.path.contains("/fresh/");
    let mut out = flate2::Compress::new(flate2::Compression::new(6), false);
    let mut back = flate2::Decompress::new(false);
    let (mut deflated, mut answer, mut text) =
        (Vec::new(), vec![0; 256 * 1024], Vec::with_capacity(256 * 1024));
    let mut next = lines.iter().cycle();
    let mut round = || {
        let line = next.next().expect("samples").as_bytes();
        deflated.clear();
        deflated.reserve(line.len() + 64);
        out.compress_vec(line, &mut deflated, flate2::FlushCompress::Sync).expect("room");
        deflated.truncate(deflated.len() - 4);
        let mut message = frame::header_of(0xc1, deflated.len(), true);
        message.extend_from_slice(&deflated);
        stream.write_all(&message).expect("a message leaves");
        let mut filled = 0;
        let (head, size) = loop {
            filled += stream.read(&mut answer[filled..]).expect("an answer");
            match answer[1] {
                126 if filled >= 4 => break (4, usize::from(u16::from_be_bytes([answer[2], answer[3]]))),
                size @ 0..126 if filled >= 2 => break (2, usize::from(size)),
                _ => {}
            }
        };
        while filled < head + size {
            filled += stream.read(&mut answer[filled..]).expect("an answer");
        }
        text.clear();
        answer[head + size..][..4].copy_from_slice(&[0, 0, 255, 255]);
        back.decompress_vec(&answer[head..head + size + 4], &mut text, flate2::FlushDecompress::Sync)
            .expect("deflated data");
        assert_eq!(text.len(), line.len());
        if fresh {
            out.reset();
            back.reset(false);
        }
    };
    (0..count / 10 + 1).for_each(|_| round());
    measure(count, || (0..count).for_each(|_| round()));
}
