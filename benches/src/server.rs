//! The server: raw sockets and prepared bytes, so that it is never the bottleneck. `/echo` sends each message back,
//! `/flood/SIZE/N` waits for a message and sends N of SIZE bytes. One connection at a time, on a core of its own.

use crate::{measure, raw};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

pub(crate) fn run() {
    measure::pin_to_core(0);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    println!("{}", listener.local_addr().expect("an address").port());
    for stream in listener.incoming().flatten() {
        // A client that goes away in the middle is the end of its turn.
        let _ = serve(stream);
    }
}

fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    let path = head.split(' ').nth(1).unwrap_or("/").to_owned();
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap_or("");
    let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.trim().as_bytes());
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )?;
    match path.strip_prefix("/flood/").and_then(|rest| rest.split_once('/')) {
        Some((size, n)) => flood(stream, size.parse().unwrap_or(0), n.parse().unwrap_or(0)),
        None => echo(stream),
    }
}

fn flood(mut stream: TcpStream, size: usize, messages: usize) -> std::io::Result<()> {
    let mut start = [0; 6];
    stream.read_exact(&mut start)?;
    let mut one = raw::header(size, false);
    one.resize(one.len() + size, b'x');
    let per_write = (256 * 1024 / one.len()).max(1);
    let many = one.repeat(per_write);
    for _ in 0..messages / per_write {
        stream.write_all(&many)?;
    }
    stream.write_all(&one.repeat(messages % per_write))?;
    // Until the client goes.
    std::io::copy(&mut stream, &mut std::io::sink()).map(drop)
}

/// Answers each message with one of the same length: what is in it costs the server no work.
fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    let mut filled = 0;
    let mut answer = Vec::new();
    // Payload bytes of the present message that are still to come, and the length of the message.
    loop {
        let Some((head, size)) = parse(&buffer[..filled]) else {
            let n = stream.read(&mut buffer[filled..])?;
            if n == 0 {
                return Ok(());
            }
            filled += n;
            continue;
        };
        let mut left = (head + size).saturating_sub(filled);
        if left == 0 {
            buffer.copy_within(head + size..filled, 0);
            filled -= head + size;
        } else {
            while left > 0 {
                let room = buffer.len().min(left);
                let n = stream.read(&mut buffer[..room])?;
                if n == 0 {
                    return Ok(());
                }
                left -= n;
            }
            filled = 0;
        }
        if answer.len() != raw::header(size, false).len() + size {
            answer = raw::header(size, false);
            answer.resize(answer.len() + size, b'x');
        }
        stream.write_all(&answer)?;
    }
}

/// Header length and payload length of a client's frame; all frames are data here, fragments are echoed one by one.
fn parse(bytes: &[u8]) -> Option<(usize, usize)> {
    let size = usize::from(bytes.get(1)? & 0x7f);
    match size {
        126 => Some((8, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))))
            .filter(|_| bytes.len() >= 8),
        127 => Some((14, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize))
            .filter(|_| bytes.len() >= 14),
        size => Some((6, size)).filter(|_| bytes.len() >= 6),
    }
}
