//! A receiver that is told not to judge text delivers it as it came; all else is judged as ever.

mod support;

use support::{Event, decode_with};
use ws4d_protocol::deflate::{Deflater, Params};
use ws4d_protocol::receive::{Failure, Limits, Receiver};

const LATIN: &[u8] = b"caf\xe9 \xff\x80";

/// Unmasked, as a server sends it.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = match payload.len() {
        len @ 0..126 => vec![first, len as u8],
        len @ 126..0x1_0000 => [&[first, 126][..], &(len as u16).to_be_bytes()].concat(),
        len => [&[first, 127][..], &(len as u64).to_be_bytes()].concat(),
    };
    frame.extend_from_slice(payload);
    frame
}

/// Whatever the cuts.
fn arrives(params: Option<&Params>, stream: &[u8], expected: &[u8]) {
    for cut in [1, 7, 40_000, stream.len()] {
        for fill in [false, true] {
            let mut receiver = Receiver::with_deflate(Limits::default(), params).without_text_check();
            let outcome = decode_with(&mut receiver, stream.chunks(cut), fill);
            assert_eq!(outcome.failure, None, "cut at {cut}");
            assert!(outcome.events == [Event::Text(expected.to_vec())], "cut at {cut}");
        }
    }
}

#[test]
fn text_in_another_encoding_arrives_as_it_is() {
    for len in [LATIN.len(), 125, 126, 70_000] {
        let text: Vec<u8> = LATIN.iter().copied().cycle().take(len).collect();
        arrives(None, &frame(0x81, &text), &text);
        let (begin, end) = text.split_at(len / 2);
        arrives(None, &[frame(0x01, begin), frame(0x80, end)].concat(), &text);
    }
}

#[test]
fn compressed_text_in_another_encoding_arrives_as_it_is() {
    let params = Params {
        client_window_bits: 15,
        server_window_bits: 15,
        client_context_takeover: true,
        server_context_takeover: true,
    };
    let text: Vec<u8> = LATIN.iter().copied().cycle().take(5000).collect();
    let mut compressed = Vec::new();
    assert_eq!(Deflater::new(1, 5, &params).compress(&text, &mut compressed, &mut None), Ok(true));
    arrives(Some(&params), &frame(0xc1, &compressed), &text);
}

#[test]
fn the_reason_of_a_close_frame_and_the_limit_are_judged_all_the_same() {
    let close = frame(0x88, b"\x03\xe8\xff");
    let mut receiver = Receiver::new(Limits::default()).without_text_check();
    let outcome = decode_with(&mut receiver, [close.as_slice()], false);
    assert!(outcome.events.is_empty() && outcome.failure.is_some(), "{outcome:?}");
    let mut receiver = Receiver::new(Limits { max_message_size: 3 }).without_text_check();
    let outcome = decode_with(&mut receiver, [frame(0x81, LATIN).as_slice()], false);
    assert!(matches!(outcome.failure, Some((_, Failure::TooLarge { limit: 3 }))), "{outcome:?}");
}
