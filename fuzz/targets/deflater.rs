//! Round trips: what the deflater makes of adversarial messages, with every agreement and level, the text of
//! RFC 1951 inflates, within the window; and so does our own receiver.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ws4d_fuzz::support::deflate::{BINARY_DEFLATED, Reference, noise};
use ws4d_fuzz::support::{BINARY, Event, decode_with, frame};
use ws4d_fuzz::{planted, take};
use ws4d_protocol::deflate::{Compressor, Deflater, Params};
use ws4d_protocol::receive::{Limits, Receiver};

/// Bytes that the library keeps away from the far end of its window; see `protocol/src/deflate.rs`.
const KEPT_AWAY: usize = 262;

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let [bits, level] = take(&mut data);
    // Now and then another socket's compressor, which knows nothing of what was sent.
    let lends_each = usize::from(level / 81);
    let window_bits = 8 + (bits & 7);
    let takeover = bits & 8 != 0;
    let params = Params {
        client_window_bits: window_bits,
        server_window_bits: window_bits,
        client_context_takeover: takeover,
        server_context_takeover: takeover,
    };
    let mut deflater = Deflater::new(1 + level % 9, 1 + level / 9 % 9, &params);
    let mut compressor = None;
    let mut reference = Reference::default();
    let mut receiver = Receiver::with_deflate(Limits::default(), Some(&params));
    let mut shrunk = 0;
    for (i, message) in messages(data, window_bits).into_iter().enumerate() {
        if lends_each > 0 && i % (lends_each + 1) == lends_each {
            compressor = lent(&params, 1 + level % 9, 1 + level / 9 % 9);
        }
        let mut payload = Vec::new();
        let compressed = deflater.compress(&message, &mut payload, &mut compressor).expect("memory");
        let sent = if compressed {
            if !takeover {
                reference.forget();
            }
            assert_eq!(reference.inflate(&payload, usize::MAX).as_ref(), Some(&message));
            let window = 1usize << window_bits;
            let reach = if window_bits == 8 { 512 - KEPT_AWAY } else { window };
            assert!(reference.farthest <= reach, "{} of {window}", reference.farthest);
            assert!(payload.len() <= message.len() + if takeover { 6 } else { 0 });
            shrunk += usize::from(payload.len() * 2 < message.len());
            frame(BINARY_DEFLATED, &payload)
        } else {
            assert!(payload.is_empty());
            frame(BINARY, &message)
        };
        let outcome = decode_with(&mut receiver, [&sent[..]], false);
        assert_eq!((outcome.failure, outcome.events), (None, vec![Event::Binary(message)]));
    }
    planted(|| shrunk > 2);
});

/// A compressor that has another socket's messages in its window.
fn lent(params: &Params, level: u8, memory_level: u8) -> Option<Compressor> {
    let mut compressor = None;
    let mut other = Deflater::new(level, memory_level, params);
    other.compress(&noise(1, 3000), &mut Vec::new(), &mut compressor).expect("memory");
    compressor
}

/// Messages out of few bytes: pieces of the input, repeated, mixed with noise, also about a window apart.
fn messages(mut data: &[u8], window_bits: u8) -> Vec<Vec<u8>> {
    let mut messages = vec![Vec::new()];
    let mut total = 0;
    while !data.is_empty() && total < 50_000 {
        let [how, len, times] = take(&mut data);
        let (len, times) = (usize::from(len), usize::from(times));
        let piece = match how % 8 {
            0 | 1 => {
                let (piece, rest) = data.split_at(len.min(data.len()));
                data = rest;
                piece.to_vec()
            }
            2 => noise(len as u64, times * 4),
            3 => noise(times as u64, 200 + len).repeat(3),
            4 => vec![how; len * times / 4],
            5 => noise(len as u64, (1usize << window_bits).saturating_sub(300) + times * 2).repeat(2),
            6 => {
                // What an earlier message ended with, again.
                let earlier = &messages[len % messages.len()];
                earlier[earlier.len().saturating_sub(times * 4)..].to_vec()
            }
            _ => {
                messages.push(Vec::new());
                continue;
            }
        };
        total += piece.len();
        if let Some(last) = messages.last_mut() {
            last.extend_from_slice(&piece);
        }
    }
    messages
}
