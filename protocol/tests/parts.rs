//! A message that is longer than the part size comes in parts: the same ones in every cut of the stream, and together what
//! the message is.

mod support;

use proptest::prelude::*;
use support::deflate::*;
use support::parts::compare;
use support::*;
use ws4d_protocol::deflate::Params;
use ws4d_protocol::receive::{Failure, Incoming, Limits, Receiver};

fn whole(stream: &[u8], limit: u64) -> Outcome {
    decode([stream], limit)
}

fn in_parts<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    size: usize,
    limit: u64,
    filling: bool,
) -> Outcome {
    let receiver = Receiver::new(Limits { max_message_size: limit });
    decode_with(&mut receiver.with_parts(size), pieces, filling)
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![1usize..6, 1usize..200, 16_000usize..70_000]
}

fn part(text: bool, offset: u64, last: bool, bytes: &[u8]) -> Event {
    Event::Part { text, offset, last, bytes: bytes.to_vec() }
}

/// In one piece, in two of every size, and byte by byte.
fn in_every_cut(stream: &[u8], size: usize, limit: u64) -> Outcome {
    let expected = in_parts([stream], size, limit, false);
    assert_eq!(in_parts(stream.chunks(1), size, limit, false), expected);
    for place in 0..=stream.len().min(2000) {
        let (first, second) = stream.split_at(place);
        assert_eq!(in_parts([first, second], size, limit, false), expected, "cut at {place}");
    }
    expected
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn the_parts_of_a_legal_stream_are_its_messages_in_every_cut(
        script in script(),
        places in places(),
        size in sizes(),
    ) {
        let stream = &script.stream;
        let expected = in_parts([&stream[..]], size, 0, false);
        compare(&expected, &Outcome { events: script.events, failure: None }, size, true);
        prop_assert_eq!(&in_parts(cut(stream, &places), size, 0, false), &expected);
        prop_assert_eq!(&in_parts(stream.chunks(1), size, 0, false), &expected);
        prop_assert_eq!(&in_parts(cut(stream, &places), size, 0, true), &expected);
    }

    #[test]
    fn a_broken_stream_fails_at_the_same_byte_as_without_parts(
        stream in mutated(),
        places in places(),
        size in sizes(),
        limit in prop_oneof![Just(0u64), 0u64..300],
    ) {
        let expected = in_parts([&stream[..]], size, limit, false);
        let whole = whole(&stream, limit);
        prop_assert_eq!(expected.failure, whole.failure);
        compare(&expected, &whole, size, true);
        prop_assert_eq!(&in_parts(cut(&stream, &places), size, limit, false), &expected);
        prop_assert_eq!(&in_parts(stream.chunks(1), size, limit, false), &expected);
    }

    #[test]
    fn compressed_messages_come_in_the_same_parts_in_every_cut(
        contents in prop::collection::vec((content(), style(), prop::collection::vec(any::<usize>(), 0..4)), 1..5),
        takeover in any::<bool>(),
        broken in prop::option::of((any::<usize>(), any::<u8>())),
        limit in prop_oneof![Just(0u64), 0u64..3000],
        places in places(),
        size in sizes(),
    ) {
        let params = Params { server_context_takeover: takeover, ..PARAMS };
        let mut stream = deflated(&params, &contents);
        if let Some((place, change)) = broken {
            let place = place % stream.len();
            stream[place] ^= change;
        }
        let receiver = || Receiver::with_deflate(Limits { max_message_size: limit }, Some(&params));
        let whole = decode_with(&mut receiver(), [&stream[..]], false);
        let in_parts = |pieces: Vec<&[u8]>, filling| {
            let outcome = decode_with(&mut receiver().with_parts(size), pieces, filling);
            Outcome { failure: outcome.failure.map(|(_, failure)| (0, failure)), ..outcome }
        };
        let expected = in_parts(vec![&stream[..]], false);
        compare(&expected, &whole, size, true);
        for filling in [false, true] {
            same_until_it_breaks(&in_parts(cut(&stream, &places), filling), &expected)?;
        }
        if stream.len() < 5000 {
            same_until_it_breaks(&in_parts(stream.chunks(1).collect(), false), &expected)?;
        }
    }

    #[test]
    fn text_that_nobody_judges_is_cut_as_bytes(
        text in prop::collection::vec(prop_oneof![Just(0xe2u8), Just(0x82), Just(0xac), any::<u8>()], 0..300),
        places in places(),
        size in 1usize..100,
    ) {
        let stream = frame(TEXT, &text);
        let expected = Outcome { events: vec![Event::Text(text)], failure: None };
        for pieces in [vec![&stream[..]], cut(&stream, &places), stream.chunks(1).collect()] {
            let mut receiver = Receiver::new(Limits::default()).without_text_check().with_parts(size);
            compare(&decode_with(&mut receiver, pieces, false), &expected, size, false);
        }
    }
}

/// The same failure in the end, if any. How much of what stands before the place where compressed data breaks has come out
/// by then depends on the pieces in which the inflater got it.
fn same_until_it_breaks(one: &Outcome, other: &Outcome) -> Result<(), TestCaseError> {
    prop_assert_eq!(&one.failure, &other.failure);
    if one.failure.is_none() {
        prop_assert_eq!(&one.events, &other.events);
    }
    let both = one.events.len().min(other.events.len());
    prop_assert_eq!(&one.events[..both], &other.events[..both]);
    Ok(())
}

/// Messages in fragments, with pings between them.
fn deflated(params: &Params, contents: &[(Vec<u8>, Style, Vec<usize>)]) -> Vec<u8> {
    let mut peer = Peer::new(6, params);
    let mut stream = Vec::new();
    for (content, style, places) in contents {
        let first = if std::str::from_utf8(content).is_ok() { 0x41 } else { 0x42 };
        let payload = peer.message(content, *style);
        let fragments = cut(&payload, places);
        for (i, fragment) in fragments.iter().enumerate() {
            let fin = if i + 1 == fragments.len() { FIN } else { 0 };
            stream.extend(frame(fin | if i == 0 { first } else { CONTINUE }, fragment));
            if fin == 0 {
                stream.extend(frame(PING, b"between"));
            }
        }
    }
    stream
}

#[test]
fn a_message_of_the_part_size_is_whole_and_one_byte_more_makes_two_parts() {
    let stream =
        frames(&[(BINARY, b"12345678"), (BINARY, b"123456789"), (TEXT, b""), (BINARY, b"1234567812345678")]);
    let expected = [
        Event::Binary(b"12345678".to_vec()),
        part(false, 0, false, b"12345678"),
        part(false, 8, true, b"9"),
        Event::Text(vec![]),
        part(false, 0, false, b"12345678"),
        part(false, 8, true, b"12345678"),
    ];
    assert_eq!(in_every_cut(&stream, 8, 0).events, expected);
}

#[test]
fn a_part_waits_for_no_more_than_its_bytes_and_the_first_for_a_sign_that_more_follow() {
    // The frame says so.
    let mut receiver = Receiver::new(Limits::default()).with_parts(4);
    let outcome = decode_with(&mut receiver, [&[BINARY, 6, 1, 2, 3, 4][..]], false);
    assert_eq!(outcome.events, [part(false, 0, false, &[1, 2, 3, 4])]);
    // Or a frame behind it; a ping says nothing, nor does an empty frame.
    let stream = frames(&[(0x02, &[1, 2, 3, 4]), (PING, b"?"), (CONTINUE, b""), (CONTINUE, &[5])]);
    let outcome = in_every_cut(&stream[..stream.len() - 2], 4, 0);
    assert_eq!(outcome.events, [Event::Ping(b"?".to_vec())]);
    let outcome = in_every_cut(&stream[..stream.len() - 1], 4, 0);
    assert_eq!(outcome.events, [Event::Ping(b"?".to_vec()), part(false, 0, false, &[1, 2, 3, 4])]);
    // Later ones wait for nothing, so that the last may be empty.
    let stream = frames(&[(0x02, &[1; 5]), (CONTINUE, &[1; 3]), (PING, b"?"), (FIN, b"")]);
    let expected = [
        part(false, 0, false, &[1; 4]),
        part(false, 4, false, &[1; 4]),
        Event::Ping(b"?".to_vec()),
        part(false, 8, true, b""),
    ];
    assert_eq!(in_every_cut(&stream, 4, 0).events, expected);
}

#[test]
fn text_is_cut_between_characters_and_a_part_has_one_at_least() {
    let text = "aé€😀".repeat(20);
    for size in 1..=text.len() + 1 {
        let stream = frame(TEXT, text.as_bytes());
        compare(&in_every_cut(&stream, size, 0), &whole(&stream, 0), size, true);
        let (first, rest) = text.as_bytes().split_at(size.min(text.len()));
        let stream = frames(&[(0x01, first), (PING, b""), (FIN, rest)]);
        let outcome = in_parts(stream.chunks(1), size, 0, false);
        assert_eq!(in_parts([&stream[..]], size, 0, false), outcome);
        compare(&outcome, &whole(&stream, 0), size, true);
    }
}

#[test]
fn bad_text_fails_at_its_byte_behind_the_parts_before_it() {
    let text = "aé€😀".repeat(4).into_bytes();
    for at in 0..text.len() {
        for bad in [0xff, b'a', 0x80, 0xe2] {
            let mut text = text.clone();
            text[at] = bad;
            for size in [1, 2, 3, 4, 5, 8, 16, 30] {
                let stream = frame(TEXT, &text);
                let outcome = in_every_cut(&stream, size, 0);
                let whole = whole(&stream, 0);
                assert_eq!(outcome.failure, whole.failure);
                compare(&outcome, &whole, size, true);
                let Some((shown, _)) = outcome.failure else { continue };
                let given: usize = outcome.events.iter().map(len).sum();
                // What is missing was in the part that has the bad byte.
                assert!(given + size.max(4) + 4 > shown - 2, "{given} before {shown}, in parts of {size}");
            }
        }
    }
}

fn len(event: &Event) -> usize {
    match event {
        Event::Part { bytes, .. } | Event::Text(bytes) | Event::Binary(bytes) => bytes.len(),
        _ => 0,
    }
}

#[test]
fn the_limit_is_for_all_parts_of_a_message_together() {
    let too_large = Some(Failure::TooLarge { limit: 10 });
    // The frame that passes it fails with its header, behind the parts before it.
    let stream = frames(&[(0x02, &[1; 8]), (FIN, &[1; 3])]);
    let outcome = in_every_cut(&stream, 4, 10);
    assert_eq!(outcome.events, [part(false, 0, false, &[1; 4]), part(false, 4, false, &[1; 4])]);
    assert_eq!(outcome.failure.map(|(_, failure)| failure), too_large);
    assert_eq!(in_every_cut(&frames(&[(0x02, &[1; 8]), (FIN, &[1; 2])]), 4, 10).failure, None);

    // A compressed message fails with the byte that passes it.
    let payload = Peer::new(9, &PARAMS).message(&[b'a'; 100_000], Style::Plain);
    let stream = frame(BINARY_DEFLATED, &payload);
    for pieces in [vec![&stream[..]], stream.chunks(1).collect()] {
        let limits = Limits { max_message_size: 90_000 };
        let mut receiver = Receiver::with_deflate(limits, Some(&PARAMS)).with_parts(1000);
        let outcome = decode_with(&mut receiver, pieces, false);
        assert_eq!(outcome.events.iter().map(len).sum::<usize>(), 89_000, "the last one was not full");
        let failure = outcome.failure.map(|(_, failure)| failure);
        assert_eq!(failure, Some(Failure::TooLarge { limit: 90_000 }));
    }
}

#[test]
fn a_compressed_message_is_inflated_only_as_far_as_its_next_part() {
    let payload = Peer::new(9, &PARAMS).message(&vec![b'a'; 1 << 20], Style::Plain);
    let stream = frame(BINARY_DEFLATED, &payload);
    let mut receiver = Receiver::with_deflate(Limits::default(), Some(&PARAMS)).with_parts(4096);
    let (mut taken, mut parts, mut behind) = (0, 0, 0);
    for piece in stream.chunks(10) {
        let mut at = 0;
        while let Some(event) = receiver.next(piece, &mut at).expect("legal") {
            assert!(matches!(event, Incoming::Part(_)));
            parts += 1;
            // A run of 258 bytes takes some bits.
            assert!(taken + at < 1000 + parts * 4096 / 200, "{at} behind {taken} for {parts} parts");
            behind += usize::from(at == piece.len() && receiver.has_pending());
            assert_eq!(receiver.is_idle(), parts == 256);
        }
        taken += piece.len();
    }
    assert_eq!(parts, 256);
    assert!(behind > 0, "what is inflated behind the last byte of an input is told");
}
