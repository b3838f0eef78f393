//! A server that sends every frame back as it came, compressed or not: what the client compressed is what it inflates.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use crate::friendly::{answer, head, hello_of_tls};
use crate::wire::Wire;

/// Its ports, bare and TLS. It runs as long as the process does.
pub(crate) struct Echo {
    pub(crate) bare: u16,
    pub(crate) tls: u16,
}

impl Echo {
    pub(crate) fn start() -> Echo {
        Echo { bare: listen(false, serve), tls: listen(true, serve) }
    }
}

/// A port whose connections are served each by a thread of its own.
pub(crate) fn listen(tls: bool, serve: fn(TcpStream, bool) -> io::Result<()>) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for tcp in listener.incoming().flatten() {
            // A client that breaks off is what is tried.
            thread::spawn(move || serve(tcp, tls));
        }
    });
    port
}

fn serve(tcp: TcpStream, tls: bool) -> io::Result<()> {
    let mut wire = Wire::new(tcp)?;
    if tls {
        hello_of_tls(&mut wire)?;
        wire.complete_tls()?;
    }
    let request = head(&mut wire)?;
    let extension = match request.contains("permessage-deflate") {
        true => "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        false => "",
    };
    wire.send(&answer(&request, extension))?;
    while !wire.ended {
        while let Some((frame, is_last)) = take_frame(&mut wire.heard) {
            wire.send(&frame)?;
            if is_last {
                wire.end(true)?;
            }
        }
        wire.hear()?;
    }
    Ok(())
}

/// The next frame, unmasked; a ping as its pong. Whether it is a close frame.
pub(crate) fn take_frame(heard: &mut Vec<u8>) -> Option<(Vec<u8>, bool)> {
    let (first, second) = (*heard.first()?, *heard.get(1)? & 0x7f);
    let (len, head) = match second {
        126 => (usize::from(u16::from_be_bytes(*heard.get(2..)?.first_chunk()?)), 4),
        127 => (u64::from_be_bytes(*heard.get(2..)?.first_chunk()?) as usize, 10),
        len => (usize::from(len), 2),
    };
    if heard.len() < head + 4 + len {
        return None;
    }
    let frame: Vec<u8> = heard.drain(..head + 4 + len).collect();
    let (mask, payload) = frame[head..].split_at(4);
    let opcode = first & 0x0f;
    let mut answer = frame[..head].to_vec();
    answer[0] = if opcode == 9 { 0x8a } else { first };
    answer[1] = second;
    answer.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    Some((answer, opcode == 8))
}
