//! Frames and messages: however the stream is cut, the same events, and the same failure at the same byte.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ws4d_fuzz::support::{Event, cut, decode, decode_with, drip, parts};
use ws4d_fuzz::{places, planted, take};
use ws4d_protocol::receive::{Limits, Receiver};

fuzz_target!(|data: &[u8]| {
    let mut stream = data;
    let [limit] = take::<1>(&mut stream);
    let places = places(&mut stream);
    // No limit, small ones, and one of some KiB.
    let limit = if limit == 255 { 5000 } else { u64::from(limit) };
    let whole = decode([stream], limit);
    assert_eq!(decode(cut(stream, &places), limit), whole);
    assert_eq!(drip(stream, limit), whole);

    // Read straight into the message: where it failed is not told.
    let mut receiver = Receiver::new(Limits { max_message_size: limit });
    let filled = decode_with(&mut receiver, cut(stream, &places), true);
    assert_eq!(filled.events, whole.events);
    assert_eq!(filled.failure.map(|(_, failure)| failure), whole.failure.map(|(_, failure)| failure));

    // In parts: the same ones in every cut, and together the same messages.
    let size = 1 + places[0] % 200;
    let in_parts = |pieces: Vec<&[u8]>, filling| {
        let receiver = Receiver::new(Limits { max_message_size: limit });
        decode_with(&mut receiver.with_parts(size), pieces, filling)
    };
    let expected = in_parts(vec![stream], false);
    assert_eq!(expected.failure, whole.failure);
    parts::compare(&expected, &whole, size, true);
    assert_eq!(in_parts(cut(stream, &places), false), expected);
    assert_eq!(in_parts(stream.chunks(1).collect(), false), expected);
    assert_eq!(in_parts(cut(stream, &places), true).events, expected.events);

    // A failure needs the byte at which it shows, and none behind it.
    if let Some((shown_at, failure)) = whole.failure {
        assert_eq!(decode([&stream[..shown_at]], limit).failure, Some((shown_at, failure)));
        assert_eq!(decode([&stream[..shown_at - 1]], limit).failure, None);
    }
    planted(|| matches!(&whole.events[..], [Event::Text(_), .., Event::Close(Some(4000), _)]));
});
