//! What a server compresses arrives as it was, however it was deflated, fragmented and cut; and what it
//! breaks fails alike in every cut.

mod support;

use proptest::prelude::*;
use support::deflate::*;
use support::*;
use ws4d_protocol::deflate::Params;
use ws4d_protocol::receive::{Failure, Limits, Receiver};

fn receiver(params: &Params, max_message_size: u64) -> Receiver {
    Receiver::with_deflate(Limits { max_message_size }, Some(params))
}

fn params() -> impl Strategy<Value = Params> {
    (8u8..=15, any::<bool>()).prop_map(|(server_window_bits, server_context_takeover)| Params {
        server_window_bits,
        server_context_takeover,
        ..PARAMS
    })
}

/// A message as a server may send it: compressed or not, in fragments, with pings between them.
#[derive(Clone, Debug)]
struct Sent {
    content: Vec<u8>,
    style: Option<Style>,
    fragments: Vec<usize>,
    pings: bool,
}

fn sent() -> impl Strategy<Value = Sent> {
    (
        content(),
        prop::option::weighted(0.8, style()),
        prop::collection::vec(any::<usize>(), 0..4),
        any::<bool>(),
    )
        .prop_map(|(content, style, fragments, pings)| Sent { content, style, fragments, pings })
}

fn script(messages: &[Sent], params: &Params, level: u32) -> Script {
    let mut peer = Peer::new(level, params);
    let mut script = Script { stream: Vec::new(), events: Vec::new() };
    for message in messages {
        let text = std::str::from_utf8(&message.content).is_ok();
        let payload = match message.style {
            Some(style) => peer.message(&message.content, style),
            None => message.content.clone(),
        };
        let first = if text { TEXT } else { BINARY } & 0x0f | if message.style.is_some() { 0x40 } else { 0 };
        let pieces = cut(&payload, &message.fragments);
        for (i, piece) in pieces.iter().enumerate() {
            let opcode = if i == 0 { first } else { CONTINUE };
            let fin = if i + 1 == pieces.len() { FIN } else { 0 };
            script.stream.extend(frame(fin | opcode, piece));
            if message.pings && fin == 0 {
                script.stream.extend(frame(PING, b"between"));
                script.events.push(Event::Ping(b"between".to_vec()));
            }
        }
        let event = if text { Event::Text } else { Event::Binary };
        script.events.push(event(message.content.clone()));
    }
    script
}

/// The failure without its place, which for compressed data is not told.
fn without_place(outcome: Outcome) -> (Vec<Event>, Option<Failure>) {
    (outcome.events, outcome.failure.map(|(_, failure)| failure))
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn every_message_arrives_with_every_agreement_in_every_split(
        params in params(),
        level in 1u32..=9,
        messages in prop::collection::vec(sent(), 1..6),
        places in places(),
        filling in any::<bool>(),
    ) {
        let script = script(&messages, &params, level);
        let expected = Outcome { events: script.events, failure: None };
        prop_assert_eq!(decode_with(&mut receiver(&params, 0), [&script.stream[..]], false), expected.clone());
        let pieces = cut(&script.stream, &places);
        prop_assert_eq!(decode_with(&mut receiver(&params, 0), pieces, filling), expected.clone());
        if script.stream.len() < 5000 {
            prop_assert_eq!(decode_with(&mut receiver(&params, 0), script.stream.chunks(1), filling), expected);
        }
    }

    #[test]
    fn a_broken_stream_fails_alike_in_every_split(
        takeover in any::<bool>(),
        messages in prop::collection::vec(sent(), 1..4),
        mutations in prop::collection::vec((any::<usize>(), any::<u8>()), 1..4),
        places in places(),
        limit in prop_oneof![Just(0u64), 0u64..3000],
    ) {
        let params = Params { server_context_takeover: takeover, ..PARAMS };
        let mut stream = script(&messages, &params, 6).stream;
        stream.truncate(6000);
        for (place, value) in mutations {
            let place = place % stream.len();
            stream[place] ^= value;
        }
        let whole = without_place(decode_with(&mut receiver(&params, limit), [&stream[..]], false));
        let pieces = cut(&stream, &places);
        let in_pieces = decode_with(&mut receiver(&params, limit), pieces, false);
        prop_assert_eq!(without_place(in_pieces), whole.clone());
        let dripped = decode_with(&mut receiver(&params, limit), stream.chunks(1), false);
        prop_assert_eq!(without_place(dripped), whole);
    }

    #[test]
    fn the_limit_is_met_exactly(content in content(), style in style(), places in places()) {
        let payload = Peer::new(6, &PARAMS).message(&content, style);
        let stream = frame(BINARY_DEFLATED, &payload);
        let len = content.len() as u64;
        let expected = Outcome { events: vec![Event::Binary(content)], failure: None };
        let pieces = cut(&stream, &places);
        prop_assert_eq!(&decode_with(&mut receiver(&PARAMS, len), pieces.clone(), false), &expected);
        if len > 1 {
            let outcome = decode_with(&mut receiver(&PARAMS, len - 1), pieces, false);
            prop_assert_eq!(without_place(outcome), (vec![], Some(Failure::TooLarge { limit: len - 1 })));
        }
    }

    #[test]
    fn what_we_deflate_we_inflate(
        params in params(),
        level in 1u8..=9,
        contents in prop::collection::vec(content(), 1..6),
    ) {
        let ours = Params {
            client_window_bits: params.server_window_bits,
            client_context_takeover: params.server_context_takeover,
            ..params
        };
        let mut deflater = Deflater::new(level, &ours);
        let mut stream = Vec::new();
        for content in &contents {
            let mut payload = Vec::new();
            let compressed = deflater.compress(content, &mut payload).unwrap();
            stream.extend(if compressed { frame(BINARY_DEFLATED, &payload) } else { frame(BINARY, content) });
        }
        let events = contents.into_iter().map(Event::Binary).collect();
        let outcome = decode_with(&mut receiver(&params, 0), [&stream[..]], false);
        prop_assert_eq!(outcome, Outcome { events, failure: None });
    }

    #[test]
    fn arbitrary_compressed_payloads_never_panic(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..6),
        params in params(),
    ) {
        let stream: Vec<u8> = payloads.iter().flat_map(|payload| frame(TEXT_DEFLATED, payload)).collect();
        decode_with(&mut receiver(&params, 10_000), [&stream[..]], false);
    }
}

#[test]
fn the_examples_of_the_rfc_say_hello() {
    // RFC 7692 §7.2.3.1 to §7.2.3.5: in one frame, in two, again with the context, stored, with BFINAL, and
    // in two blocks.
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let stream = frames(&[
        (TEXT_DEFLATED, &hello),
        (0x41, &hello[..3]),
        (FIN, &hello[3..]),
        (TEXT_DEFLATED, &[0xf2, 0x00, 0x11, 0x00, 0x00]),
        (TEXT_DEFLATED, &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]),
        (TEXT_DEFLATED, &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]),
        (TEXT_DEFLATED, &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00]),
    ]);
    let events = vec![Event::Text(b"Hello".to_vec()); 6];
    let expected = Outcome { events, failure: None };
    assert_eq!(decode_with(&mut receiver(&PARAMS, 5), [&stream[..]], false), expected);
    assert_eq!(decode_with(&mut receiver(&PARAMS, 5), stream.chunks(1), false), expected);
}

#[test]
fn messages_sent_plain_are_not_in_the_servers_context() {
    let mut peer = Peer::new(6, &PARAMS);
    let text = json(1, 5).into_bytes();
    let first = peer.message(&text, Style::Plain);
    let again = peer.message(&text, Style::Plain);
    assert!(again.len() < 30);
    let stream = frames(&[(TEXT_DEFLATED, &first), (TEXT, b"plain"), (TEXT_DEFLATED, &again), (TEXT, b"")]);
    let plain = [b"plain".to_vec(), b"".to_vec()].map(Event::Text);
    let [middle, last] = plain;
    let events = vec![Event::Text(text.clone()), middle, Event::Text(text), last];
    let outcome = decode_with(&mut receiver(&PARAMS, 0), [&stream[..]], false);
    assert_eq!(outcome, Outcome { events, failure: None });
}

#[test]
fn without_takeover_a_message_cannot_refer_to_the_one_before_it() {
    let mut peer = Peer::new(6, &PARAMS);
    let text = json(1, 5).into_bytes();
    let [first, again] = [0; 2].map(|_| peer.message(&text, Style::Plain));
    let stream = frames(&[(TEXT_DEFLATED, &first), (TEXT_DEFLATED, &again)]);
    for pieces in [vec![&stream[..]], stream.chunks(7).collect()] {
        let outcome = decode_with(&mut receiver(&NO_TAKEOVER, 0), pieces, false);
        assert_eq!(outcome.events, [Event::Text(text.clone())]);
        assert_eq!(outcome.failure.map(|(_, failure)| failure.close_code()), Some(1007));
    }
}

#[test]
fn a_compressed_message_is_never_read_straight_into_its_buffer() {
    let payload = Peer::new(6, &PARAMS).message(&noise(1, 60_000), Style::Plain);
    let stream = frame(BINARY_DEFLATED, &payload);
    let mut receiver = receiver(&PARAMS, 0);
    for piece in stream.chunks(1000) {
        assert_eq!(receiver.next(piece, &mut 0).map(|event| event.is_some()), Ok(piece.len() < 1000));
        assert!(!receiver.wants_fill());
        assert_eq!(receiver.fill(|_, _| panic!("nothing to fill")), Ok::<Option<()>, _>(None));
    }
    // A plain one on the same connection is.
    receiver.next(&[BINARY, 126, 0x50, 0], &mut 0).unwrap();
    assert!(receiver.wants_fill());
}
