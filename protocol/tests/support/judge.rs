//! tungstenite as the judge: what it accepts, we accept alike, and what it refuses, we refuse. The fuzzer of
//! the same name asks it, too.
//!
//! The places where it is laxer than the RFC or than our promises (tungstenite 0.30), each of them
//! allowed for below:
//!
//! 1. It judges a frame when the frame is whole, and a text when the message is whole or a fragment
//!    of it is. We judge at the first byte. So a stream that we refuse is filled up, which
//!    completes the frame, before it is asked.
//! 2. It takes lengths that are not in their shortest form (RFC 6455 §5.2 forbids them); of a control
//!    frame, too, where the longer form alone says to us that it is too long.
//! 3. It gives a close frame with a code that must not be sent as one with 1002 (§7.4 and our
//!    promise: a failure).
//! 4. It takes the codes 1012 and 1013 but counts 1014, which IANA assigned to gateways later,
//!    among the reserved ones.

use super::{Event, Outcome, decode};
use std::io::{self, Cursor, Read, Write};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};
use ws4d_protocol::receive::Failure;

/// Large enough for every script, small enough to be exceeded by a mutated length.
const LIMIT: u64 = 1 << 17;

/// Completes a frame: harmless text, a length that is in its shortest form, and no legal beginning
/// of a frame.
const FILLER: u8 = 0x7f;

/// Reads a given stream, and forgets what is written.
struct Stream(Cursor<Vec<u8>>);

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The events that tungstenite sees up to the close frame, the end or an error, and whether it was
/// an error.
pub fn tungstenite(role: Role, stream: Vec<u8>) -> (Vec<Event>, bool) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(LIMIT as usize))
        .max_frame_size(Some(LIMIT as usize));
    let mut socket = WebSocket::from_raw_socket(Stream(Cursor::new(stream)), role, Some(config));
    let mut events = Vec::new();
    loop {
        events.push(match socket.read() {
            Ok(Message::Text(text)) => Event::Text(text.as_bytes().to_vec()),
            Ok(Message::Binary(bytes)) => Event::Binary(bytes.to_vec()),
            Ok(Message::Ping(bytes)) => Event::Ping(bytes.to_vec()),
            Ok(Message::Pong(bytes)) => Event::Pong(bytes.to_vec()),
            Ok(Message::Close(None)) => Event::Close(None, String::new()),
            Ok(Message::Close(Some(close))) => {
                Event::Close(Some(close.code.into()), close.reason.to_string())
            }
            Ok(Message::Frame(_)) => unreachable!("never read"),
            // The end of the stream, between frames or inside one.
            Err(Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => {
                return (events, false);
            }
            Err(_) => return (events, true),
        });
        if matches!(events.last(), Some(Event::Close(..))) {
            return (events, false);
        }
    }
}

/// Whether ours is one of the refusals of which tungstenite knows nothing. `behind`: what follows the byte at
/// which it showed.
fn only_we_refuse(failure: Failure, form: u8, behind: &[u8]) -> bool {
    let Failure::Protocol(what) = failure else { return false };
    let long = match form {
        126 => behind.get(..2),
        127 => behind.get(..8),
        _ => None,
    };
    let is_short = || match long.and_then(|long| long.split_last()) {
        Some((len, zeros)) => *len <= 125 && zeros.iter().all(|byte| *byte == 0),
        None => true,
    };
    what.contains("shortest form") || (what.contains("longer than 125") && is_short())
}

/// What ours would be in tungstenite's words: places 3 and 4 of the list.
fn in_its_words(ours: &Outcome) -> (Vec<Event>, bool) {
    let mut events = ours.events.clone();
    let mut failed = ours.failure.is_some();
    if let Some((_, Failure::Protocol(what))) = ours.failure
        && what.contains("code that must not be sent")
    {
        events.push(Event::Close(Some(1002), "Protocol violation".to_owned()));
        failed = false;
    }
    if let Some(Event::Close(code @ Some(1014), reason)) = events.last_mut() {
        *code = Some(1002);
        *reason = "Protocol violation".to_owned();
    }
    (events, failed)
}

/// Panics where the two differ beyond the list.
pub fn compare(stream: Vec<u8>) {
    let ours = decode([&stream[..]], LIMIT);
    if let Some((at, failure)) = ours.failure
        && only_we_refuse(failure, stream[at - 1], &stream[at..])
    {
        return;
    }
    let mut its_stream = stream;
    if ours.failure.is_some() {
        its_stream.resize(its_stream.len() + LIMIT as usize + 20, FILLER);
    }
    let (its_events, its_failure) = tungstenite(Role::Client, its_stream);
    let (our_events, our_failure) = in_its_words(&ours);
    match (our_events.last(), its_events.last()) {
        // A bad code is refused by us before its reason is there, and whatever the reason is by it.
        (Some(Event::Close(Some(1002), _)), _) if its_failure => {}
        _ => {
            assert_eq!(our_events, its_events);
            assert_eq!(our_failure, its_failure, "{:?}", ours.failure);
        }
    }
}
