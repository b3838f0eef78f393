//! Compressed messages under every agreement: the same events in every cut, and the text of RFC 1951 as
//! judge of what was inflated.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ws4d_fuzz::support::deflate::{BINARY_DEFLATED, PARAMS, Reference};
use ws4d_fuzz::support::{Event, Outcome, cut, decode_with, frame, parts};
use ws4d_fuzz::{places, planted, take};
use ws4d_protocol::deflate::Params;
use ws4d_protocol::receive::{Limits, Receiver};

/// Large enough for a bomb to be one, small enough for many executions a second.
const LIMIT: u64 = 1 << 16;

fuzz_target!(|data: &[u8]| {
    let mut stream = data;
    let [agreed] = take::<1>(&mut stream);
    let places = places(&mut stream);
    let params =
        Params { server_window_bits: 8 + (agreed & 7), server_context_takeover: agreed & 8 != 0, ..PARAMS };
    if agreed & 16 == 0 {
        // The input is the stream: headers, fragments, pings and all.
        in_every_cut(&params, stream, &places);
    } else {
        // The input is payloads of compressed messages, so that the fuzzer has no lengths to learn.
        let payloads = cut(stream, &places[..2]);
        let stream: Vec<u8> = payloads.iter().flat_map(|payload| frame(BINARY_DEFLATED, payload)).collect();
        let outcome = in_every_cut(&params, &stream, &places);
        compare(&params, &payloads, &outcome);
    }
});

fn run<'a>(params: &Params, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut receiver = Receiver::with_deflate(Limits { max_message_size: LIMIT }, Some(params));
    decode_with(&mut receiver, pieces, false)
}

/// In parts: the same ones in every cut, and together the same messages.
fn in_parts(params: &Params, stream: &[u8], places: &[usize], whole: &Outcome) {
    let size = 1 + places[0] % 3000;
    let run = |pieces: Vec<&[u8]>| {
        let receiver = Receiver::with_deflate(Limits { max_message_size: LIMIT }, Some(params));
        decode_with(&mut receiver.with_parts(size), pieces, false)
    };
    let expected = run(vec![stream]);
    parts::compare(&expected, whole, size, true);
    for other in [run(cut(stream, places)), run(stream.chunks(1).collect())] {
        // Before data that cannot be inflated, as much is handed out as the pieces have let through.
        let both = other.events.len().min(expected.events.len());
        let same = if expected.failure.is_some() { both } else { usize::MAX };
        let (ours, its) = (other.events.iter().take(same), expected.events.iter().take(same));
        assert!(ours.eq(its), "{:?} is not {:?}", other.events, expected.events);
    }
}

fn in_every_cut(params: &Params, stream: &[u8], places: &[usize]) -> Outcome {
    let whole = run(params, [stream]);
    // What reaches back behind a smaller window may pass in one cut and fail in another.
    if params.server_window_bits == 15 || !params.server_context_takeover {
        for other in [run(params, cut(stream, places)), run(params, stream.chunks(1))] {
            assert_eq!(other.events, whole.events);
            assert_eq!(other.failure.map(|(_, failure)| failure), whole.failure.map(|(_, failure)| failure));
        }
        in_parts(params, stream, places, &whole);
    }
    planted(
        || matches!(&whole.events[..], [Event::Binary(first), .., Event::Binary(last)] if !first.is_empty() && !last.is_empty()),
    );
    whole
}

fn compare(params: &Params, payloads: &[&[u8]], outcome: &Outcome) {
    let mut reference = Reference::default();
    for (i, payload) in payloads.iter().enumerate() {
        if !params.server_context_takeover {
            reference.forget();
        }
        let Some(expected) = reference.inflate(payload, LIMIT as usize) else {
            // With takeover a cut inside the tables of a block cannot be seen: the next message goes on there.
            let unseen = params.server_context_takeover && reference.cut_in_tables;
            assert!(outcome.failure.is_some() || unseen, "message {i} of {payloads:02x?} was accepted");
            return;
        };
        let window = 1 << params.server_window_bits.max(9);
        match outcome.events.get(i) {
            Some(event) => assert_eq!(*event, Event::Binary(expected)),
            None => {
                assert!(
                    expected.len() as u64 > LIMIT || reference.farthest > window,
                    "message {i} of {payloads:02x?} was refused: {:?}",
                    outcome.failure
                );
                return;
            }
        }
    }
}
