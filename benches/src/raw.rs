//! The floor: a blocking socket with hand-made frames, no library between.

use crate::measure::{Case, Sample, measure};
use std::io::{Read, Write};
use std::net::TcpStream;

/// Header of a frame of `size` bytes; `mask`: with a mask bit and a mask key of zeros, which leaves the payload as it is.
pub(crate) fn header(size: usize, mask: bool) -> Vec<u8> {
    let bit = if mask { 0x80 } else { 0 };
    let mut head = vec![0x81];
    match size {
        0..126 => head.push(bit | size as u8),
        126..65536 => {
            head.push(bit | 126);
            head.extend_from_slice(&(size as u16).to_be_bytes());
        }
        _ => {
            head.push(bit | 127);
            head.extend_from_slice(&(size as u64).to_be_bytes());
        }
    }
    if mask {
        head.extend_from_slice(&[0; 4]);
    }
    head
}

fn connect(port: u16, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server is there");
    stream.set_nodelay(true).expect("an option of TCP");
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("the request leaves");
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("an answer");
        head.push(byte[0]);
    }
    stream
}

pub(crate) fn run(port: u16, case: &Case) -> Sample {
    let mut stream = connect(port, &case.path);
    let mut buffer = vec![0; 256 * 1024];
    if case.echo {
        let mut message = header(case.size, true);
        message.resize(message.len() + case.size, b'x');
        let answer = header(case.size, false).len() + case.size;
        return measure(case.messages, || {
            for _ in 0..case.messages {
                stream.write_all(&message).expect("a message leaves");
                let mut left = answer;
                while left > 0 {
                    left -= stream.read(&mut buffer).expect("the echo");
                }
            }
        });
    }
    let mut left = (header(case.size, false).len() + case.size) * case.messages;
    measure(case.messages, || {
        stream.write_all(&header(0, true)).expect("the start");
        while left > 0 {
            left -= stream.read(&mut buffer).expect("the flood");
        }
    })
}
