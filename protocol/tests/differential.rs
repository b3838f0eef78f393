//! tungstenite as the judge: what it accepts, we accept alike, and what it refuses, we refuse.
//!
//! The places where it is laxer than the RFC or than our promises (tungstenite 0.30), each of them
//! allowed for below:
//!
//! 1. It judges a frame when the frame is whole, and a text when the message is whole or a fragment
//!    of it is. We judge at the first byte. So a stream that we refuse is filled up, which
//!    completes the frame, before it is asked.
//! 2. It takes lengths that are not in their shortest form (RFC 6455 §5.2 forbids them).
//! 3. It gives a close frame with a code that must not be sent as one with 1002 (§7.4 and our
//!    promise: a failure).
//! 4. It takes the codes 1012 and 1013 but counts 1014, which IANA assigned to gateways later,
//!    among the reserved ones.

mod support;

use proptest::prelude::*;
use std::io::{self, Cursor, Read, Write};
use support::*;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};
use ws4d_protocol::frame::OpCode;
use ws4d_protocol::receive::Failure;
use ws4d_protocol::{close, send};

/// Large enough for every script, small enough to be exceeded by a mutated length.
const LIMIT: u64 = 1 << 20;

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
fn tungstenite(role: Role, stream: Vec<u8>) -> (Vec<Event>, bool) {
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

/// Whether ours is one of the refusals of which tungstenite knows nothing.
fn only_we_refuse(failure: Failure) -> bool {
    matches!(failure, Failure::Protocol(what) if what.contains("shortest form"))
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

fn compare(stream: Vec<u8>) -> Result<(), TestCaseError> {
    let ours = decode([&stream[..]], LIMIT);
    if ours.failure.is_some_and(|(_, failure)| only_we_refuse(failure)) {
        return Ok(());
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
            prop_assert_eq!(our_events, its_events);
            prop_assert_eq!(our_failure, its_failure, "{:?}", ours.failure);
        }
    }
    Ok(())
}

/// Lengths of each form that a header has for them.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![0usize..300, 65_530usize..65_540]
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_legal_stream_says_the_same_to_both(script in script()) {
        compare(script.stream)?;
    }

    #[test]
    fn a_mutated_stream_says_the_same_to_both_or_fails_in_both(stream in mutated()) {
        compare(stream)?;
    }

    #[test]
    fn what_we_encode_is_what_a_server_reads(
        messages in prop::collection::vec((any::<bool>(), length(), any::<[u8; 4]>()), 0..6),
        code in prop_oneof![1000u16..=1003, 1007u16..=1011, 3000u16..=4999],
        reason in "[a-z€]{0,41}",
    ) {
        let mut stream = Vec::new();
        let mut expected = Vec::new();
        for (text, len, key) in messages {
            let payload: Vec<u8> = (0..len).map(|i| b'a' + (i % 23) as u8).collect();
            let opcode = if text { OpCode::Text } else { OpCode::Binary };
            // Two fragments with a ping between them, then one frame.
            let middle = len / 3;
            send::encode(opcode, false, &payload[..middle], key, &mut stream).unwrap();
            send::encode(OpCode::Ping, true, b"ping", key, &mut stream).unwrap();
            send::encode(OpCode::Continuation, true, &payload[middle..], key, &mut stream).unwrap();
            send::encode(opcode, true, &payload, key, &mut stream).unwrap();
            let event = if text { Event::Text } else { Event::Binary };
            let ping = Event::Ping(b"ping".to_vec());
            expected.extend([ping, event(payload.clone()), event(payload)]);
        }
        let mut payload = Vec::new();
        close::encode(Some(code), &reason, &mut payload);
        send::encode(OpCode::Close, true, &payload, [9, 8, 7, 6], &mut stream).unwrap();
        expected.push(Event::Close(Some(code), reason));
        prop_assert_eq!(tungstenite(Role::Server, stream), (expected, false));
    }
}

#[test]
fn the_listed_places_are_the_ones_where_tungstenite_is_laxer() {
    // 1. Bad text in a frame that is not whole: it waits.
    let unfinished = [TEXT, 20, 0xff];
    assert!(decode_whole(&unfinished).failure.is_some());
    assert_eq!(tungstenite(Role::Client, unfinished.to_vec()), (vec![], false));
    // 2. A long form for a short length: it takes it.
    let long_form = [BINARY, 126, 0, 1, 7];
    assert!(decode_whole(&long_form).failure.is_some());
    assert_eq!(tungstenite(Role::Client, long_form.to_vec()), (vec![Event::Binary(vec![7])], false));
    // 3. and 4. A bad code, and one that it does not know: 1002.
    let replaced = (vec![Event::Close(Some(1002), "Protocol violation".to_owned())], false);
    assert!(decode_whole(&frame(CLOSE, &[0x03, 0xed])).failure.is_some());
    assert_eq!(tungstenite(Role::Client, frame(CLOSE, &[0x03, 0xed])), replaced);
    assert_eq!(decode_whole(&frame(CLOSE, &[0x03, 0xf6])).events, [Event::Close(Some(1014), String::new())]);
    assert_eq!(tungstenite(Role::Client, frame(CLOSE, &[0x03, 0xf6])), replaced);
}
