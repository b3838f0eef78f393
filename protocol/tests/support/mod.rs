//! A server's side of the stream, and receivers driven over it in several ways.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "a module of several test programs, of which each uses its part"
)]

pub mod deflate;
pub mod judge;
pub mod parts;
pub mod reference;

use proptest::prelude::*;
use ws4d_protocol::receive::{Data, Failure, Incoming, Limits, Part, PartKind, Receiver};

pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8a;
/// The first byte of a frame without FIN; `CONTINUE | FIN` ends the message.
pub const CONTINUE: u8 = 0x00;
pub const FIN: u8 = 0x80;

/// So many cases, and no files of failed ones in the source tree.
pub fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Places to cut a stream at, for [`cut`].
pub fn places() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(any::<usize>(), 0..12)
}

/// A server's frame: its first byte as given, the length in its shortest form.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(len as u8),
        len @ 126..=0xffff => {
            bytes.push(126);
            bytes.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            bytes.push(127);
            bytes.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(payload);
    bytes
}

pub fn frames(frames: &[(u8, &[u8])]) -> Vec<u8> {
    frames.iter().flat_map(|(first, payload)| frame(*first, payload)).collect()
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Part { text: bool, offset: u64, last: bool, bytes: Vec<u8> },
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

/// What a stream came to: its events, and the failure with the number of bytes that showed it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Outcome {
    pub events: Vec<Event>,
    pub failure: Option<(usize, Failure)>,
}

/// Decodes the pieces one after the other, as the client does: all of a piece first, then a NUL
/// behind each text, and only then the events are looked at; the piece is gone when the next one
/// comes.
pub fn decode_with<'a>(
    receiver: &mut Receiver,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    filling: bool,
) -> Outcome {
    let mut outcome = Outcome::default();
    let mut passed = 0;
    for mut piece in pieces {
        if filling && outcome.failure.is_none() {
            let mut taken = 0;
            let read = receiver.fill(|buffer, room| {
                taken = room.min(piece.len());
                assert!(buffer.capacity() - buffer.len() > taken, "room for the bytes and a NUL");
                buffer.extend_from_slice(&piece[..taken]);
            });
            if let Err(failure) = read {
                // Where in the bytes it failed is not told.
                outcome.failure = Some((0, failure));
                return outcome;
            }
            piece = &piece[taken..];
            passed += taken;
        }
        let mut input = piece.to_vec();
        let mut at = 0;
        let mut decoded = Vec::new();
        let mut used_up = false;
        loop {
            match receiver.next(&input, &mut at) {
                Ok(Some(event)) => {
                    assert!(!used_up, "what is pending was told");
                    decoded.push(event);
                    used_up = at == input.len() && !receiver.has_pending();
                }
                Ok(None) => {
                    assert_eq!(at, input.len(), "all of the input is used up");
                    assert!(!receiver.has_pending());
                    break;
                }
                Err(failure) => {
                    assert_eq!(outcome.failure, None, "it fails once");
                    outcome.failure = Some((passed + at, failure));
                    assert!(receiver.is_idle());
                }
            }
        }
        passed += input.len();
        input.push(0xee);
        for event in &decoded {
            if let Incoming::Text(Data::Range(range))
            | Incoming::Part(Part { kind: PartKind::Text, data: Data::Range(range), .. }) = event
            {
                input[range.end] = 0;
            }
        }
        outcome.events.extend(decoded.into_iter().map(|event| own(event, &input)));
    }
    outcome
}

pub fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, max_message_size: u64) -> Outcome {
    decode_with(&mut Receiver::new(Limits { max_message_size }), pieces, false)
}

pub fn decode_whole(stream: &[u8]) -> Outcome {
    decode([stream], 0)
}

/// Byte by byte.
pub fn drip(stream: &[u8], max_message_size: u64) -> Outcome {
    decode(stream.chunks(1), max_message_size)
}

fn own(event: Incoming, input: &[u8]) -> Event {
    let bytes = |data: Data| {
        if let Data::Assembled(bytes) = &data {
            assert!(bytes.capacity() > bytes.len(), "no room for a NUL");
        }
        data.bytes(input).to_vec()
    };
    match event {
        Incoming::Text(data) => Event::Text(bytes(data)),
        Incoming::Binary(data) => Event::Binary(bytes(data)),
        Incoming::Part(Part { kind, data, offset, last }) => {
            Event::Part { text: kind == PartKind::Text, offset, last, bytes: bytes(data) }
        }
        Incoming::Ping(payload) => Event::Ping(payload.to_vec()),
        Incoming::Pong(payload) => Event::Pong(payload.to_vec()),
        Incoming::Close(close) => Event::Close(close.code, close.reason),
    }
}

/// Cuts a stream at these places, which may be anywhere and in any order.
pub fn cut<'a>(stream: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place % (stream.len() + 1)).collect();
    places.sort_unstable();
    let mut pieces = Vec::new();
    let mut start = 0;
    for end in places {
        pieces.push(&stream[start..end]);
        start = end;
    }
    pieces.push(&stream[start..]);
    pieces
}

/// A legal stream and what it says.
#[derive(Clone, Debug)]
pub struct Script {
    pub stream: Vec<u8>,
    pub events: Vec<Event>,
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => prop::collection::vec(any::<u8>(), 0..200),
        1 => prop::collection::vec(any::<u8>(), 65_530..65_545),
    ]
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[a-zé€😀\u{0}\u{7ff}\u{ffff}]{0,60}",
        1 => "[a-zé€😀]{100,300}",
        1 => Just("é€😀".repeat(8000)),
    ]
    .prop_map(String::into_bytes)
}

fn control() -> impl Strategy<Value = (u8, Vec<u8>)> {
    (prop_oneof![Just(PING), Just(PONG)], prop::collection::vec(any::<u8>(), 0..=125))
}

/// A message in fragments, with control frames before each of them.
fn message() -> impl Strategy<Value = Script> {
    let content = prop_oneof![text().prop_map(|t| (TEXT, t)), payload().prop_map(|p| (BINARY, p))];
    let places = prop::collection::vec(any::<usize>(), 0..5);
    (content, places, prop::collection::vec(control(), 0..3)).prop_map(
        |((first, content), places, controls)| {
            let mut script = Script { stream: Vec::new(), events: Vec::new() };
            let fragments = cut(&content, &places);
            for (i, fragment) in fragments.iter().enumerate() {
                if let Some((kind, payload)) = controls.get(i) {
                    script.stream.extend(frame(*kind, payload));
                    let event = if *kind == PING { Event::Ping } else { Event::Pong };
                    script.events.push(event(payload.clone()));
                }
                let opcode = if i == 0 { first & 0x0f } else { CONTINUE };
                let fin = if i + 1 == fragments.len() { FIN } else { 0 };
                script.stream.extend(frame(fin | opcode, fragment));
            }
            script.events.push(if first == TEXT { Event::Text(content) } else { Event::Binary(content) });
            script
        },
    )
}

/// Some messages, and perhaps a close frame at the end.
pub fn script() -> impl Strategy<Value = Script> {
    let code = prop_oneof![1000u16..=1003, 1007u16..=1014, 3000u16..=4999];
    let close = prop::option::of(prop_oneof![
        Just((None, String::new())),
        (code.prop_map(Some), "[a-z€\u{0}]{0,40}"),
    ]);
    (prop::collection::vec(message(), 0..5), close).prop_map(|(messages, close)| {
        let mut whole = Script { stream: Vec::new(), events: Vec::new() };
        for message in messages {
            whole.stream.extend(message.stream);
            whole.events.extend(message.events);
        }
        if let Some((code, reason)) = close {
            let mut payload = Vec::new();
            if let Some(code) = code {
                payload.extend_from_slice(&u16::to_be_bytes(code));
                payload.extend_from_slice(reason.as_bytes());
            }
            whole.stream.extend(frame(CLOSE, &payload));
            whole.events.push(Event::Close(code, reason));
        }
        whole
    })
}

/// A legal stream in which some bytes were changed, put in or taken out, mostly at the front, where
/// the headers are.
pub fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let place = prop_oneof![any::<usize>(), 0usize..40];
    let value = prop_oneof![any::<u8>(), prop::sample::select(vec![0, 0x7e, 0x7f, 0x80, 0x88, 0xc1, 0xff])];
    (script(), prop::collection::vec((place, 0u8..4, value), 1..4)).prop_map(|(script, mutations)| {
        let mut stream = script.stream;
        for (place, how, value) in mutations {
            let place = place % (stream.len() + 1);
            match how {
                0 => stream.insert(place, value),
                1 if place < stream.len() => drop(stream.remove(place)),
                2 if place < stream.len() => stream[place] ^= 1 << (value % 8),
                _ if place < stream.len() => stream[place] = value,
                _ => {}
            }
        }
        stream
    })
}
