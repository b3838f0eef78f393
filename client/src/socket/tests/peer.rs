//! A socket and its server, for tests that look inside: the server inflates, and passes on what it gets.

use crate::connect::upgrade::accept_of;
use crate::error::ErrorCode;
use crate::event::{Event, EventKind};
use crate::options::Options;
use crate::socket::{Handler, SendKind, Socket, Unopened};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use ws4d_protocol::deflate::Params;
use ws4d_protocol::receive::{self, Incoming, Limits};

/// As a last resort, so that a failure ends by itself.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Answers the request to upgrade, with a further line of the answer's head.
pub(super) fn upgrade(stream: &mut TcpStream, line: &str) -> std::io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key");
    let accept = accept_of(key);
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{line}\r\n"
    );
    stream.write_all(answer.as_bytes())
}

/// A server of one connection: upgrades, and passes on the messages that it gets.
fn serve(mut stream: TcpStream, agreed: Option<Params>, got: &Sender<Vec<u8>>) -> std::io::Result<()> {
    let extension = match agreed {
        None => "",
        Some(Params { client_context_takeover: true, .. }) => {
            "Sec-WebSocket-Extensions: permessage-deflate\r\n"
        }
        Some(_) => "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n",
    };
    upgrade(&mut stream, extension)?;
    // The client's receiver reads the client's frames, once they are unmasked.
    let mut receiver = receive::Receiver::with_deflate(Limits { max_message_size: 0 }, agreed.as_ref());
    loop {
        let mut start = [0; 2];
        stream.read_exact(&mut start)?;
        let mut frame = vec![start[0], start[1] & 0x7f];
        let len = match start[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mut long = vec![0; len];
        stream.read_exact(&mut long)?;
        frame.extend_from_slice(&long);
        let len = if len == 0 {
            u64::from(frame[1])
        } else {
            long.iter().fold(0, |n, byte| n << 8 | u64::from(*byte))
        };
        let mut mask = [0; 4];
        stream.read_exact(&mut mask)?;
        let mut payload = vec![0; len as usize];
        stream.read_exact(&mut payload)?;
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        let mut at = 0;
        while let Some(event) = receiver.next(&frame, &mut at).expect("frames are whole") {
            match event {
                Incoming::Binary(data) | Incoming::Text(data) => {
                    let _ = got.send(data.bytes(&frame).to_vec());
                }
                // Ends the connection without an answer.
                Incoming::Close(_) => return Ok(()),
                _ => {}
            }
        }
    }
}

/// Notes the errors and the end.
pub(super) struct Host {
    pub(super) told: Mutex<Sender<EventKind>>,
}

impl Handler for Host {
    fn receives(&self) -> bool {
        true
    }

    fn event(&self, event: &Event) {
        let _ = self.told.lock().unwrap().send(event.kind());
    }

    fn over(&self) {}
    fn free(&self) {}
}

pub(super) struct Life {
    pub(super) socket: Arc<Socket>,
    got: Receiver<Vec<u8>>,
    told: Receiver<EventKind>,
}

impl Life {
    pub(super) fn begin(agreed: Option<Params>) -> Life {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let (got, messages) = channel();
        thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            // Ends with the connection.
            let _ = serve(stream, agreed, &got);
        });
        let (told, events) = channel();
        let options = Options { proxy: crate::connect::proxy::Choice::Direct, ..Options::default() };
        let handler = Arc::new(Host { told: Mutex::new(told) });
        let unopened = Unopened::new(&url, &options, handler, None, true).unwrap();
        let socket = unopened.connect().unwrap();
        Life { socket, got: messages, told: events }
    }

    pub(super) fn send(&self, message: &[u8]) -> Result<(), ErrorCode> {
        self.socket.send(SendKind::Blob, message, false)
    }

    pub(super) fn arrives(&self, message: &[u8]) -> bool {
        self.got.recv_timeout(PATIENCE).expect("a message in good time") == message
    }

    /// Waits until nothing is buffered. A message may arrive before the thread that wrote it has counted it.
    pub(super) fn until_nothing_is_buffered(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.socket.buffered_amount() > 0 {
            assert!(Instant::now() < deadline, "{} bytes stay", self.socket.buffered_amount());
            thread::yield_now();
        }
    }

    /// Returns whether the next message is this one, and not the last of all.
    pub(super) fn arrives_before(&self, message: &[u8], last: &[u8]) -> bool {
        let got = self.got.recv_timeout(PATIENCE).expect("a message in good time");
        assert!(got == message || got == last, "{} bytes that nobody has sent here", got.len());
        got == message
    }

    pub(super) fn arrives_one_of(&self, messages: &[&Vec<u8>]) -> bool {
        let got = self.got.recv_timeout(PATIENCE).expect("a message in good time");
        messages.contains(&&got)
    }

    /// Returns whether an error was reported before the end.
    pub(super) fn ended_with_an_error(&self) -> bool {
        let mut error = false;
        loop {
            match self.told.recv_timeout(PATIENCE).expect("an end in good time") {
                EventKind::Error => error = true,
                EventKind::Terminate => return error,
                _ => {}
            }
        }
    }
}

/// The agreement of a server that compresses.
pub(super) fn agreed(client_context_takeover: bool) -> Params {
    Params {
        client_window_bits: 15,
        server_window_bits: 15,
        client_context_takeover,
        server_context_takeover: true,
    }
}

/// Bytes that cannot be compressed.
pub(super) fn noise(len: u32) -> Vec<u8> {
    (0..len).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}
