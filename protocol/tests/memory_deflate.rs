//! What compression holds: an inflater while there is something to inflate, what came out and no more than
//! its limit, and on the way out what was promised.

#[path = "support/counting.rs"]
mod counting;
mod support;

use counting::{Counting, HELD, LARGEST, kept, measure};
use support::deflate::*;
use support::*;
use ws4d_protocol::deflate::{self, INFLATER_MEMORY, Params, compressor_memory, history_memory};
use ws4d_protocol::receive::{Data, Failure, Incoming, Limits, Receiver};

#[global_allocator]
static COUNTING: Counting = Counting;

fn receiver(params: &Params, max_message_size: u64) -> Receiver {
    Receiver::with_deflate(Limits { max_message_size }, Some(params))
}

/// Feeds one piece and drops the events.
fn feed(receiver: &mut Receiver, piece: &[u8]) -> Result<usize, Failure> {
    let mut at = 0;
    let mut events = 0;
    while receiver.next(piece, &mut at)?.is_some() {
        events += 1;
    }
    Ok(events)
}

#[test]
fn hostile_21_a_bomb_holds_no_more_than_its_limit_and_nothing_when_it_was_refused() {
    let limit = 1 << 20;
    for params in [PARAMS, NO_TAKEOVER] {
        let payload = Peer::new(9, &params).message(&vec![b'a'; 200 << 20], Style::Plain);
        let stream = frame(TEXT_DEFLATED, &payload);
        for piece in [stream.len(), 100] {
            let mut receiver = receiver(&params, limit);
            let ((), held) = kept(|| {
                let (_, most) = measure(|| {
                    let failure = stream.chunks(piece).find_map(|piece| feed(&mut receiver, piece).err());
                    assert_eq!(failure, Some(Failure::TooLarge { limit }));
                });
                assert!(most <= (limit as usize) + INFLATER_MEMORY + 1024, "{most}");
            });
            assert_eq!(held, 0);
        }
    }
}

#[test]
fn hostile_21_a_bomb_in_parts_holds_one_part() {
    const PART: usize = 64 * 1024;
    for params in [PARAMS, NO_TAKEOVER] {
        let payload = Peer::new(9, &params).message(&vec![b'a'; 20 << 20], Style::Plain);
        let stream = frame(TEXT_DEFLATED, &payload);
        for piece in [stream.len(), 100] {
            let mut receiver = receiver(&params, 0).with_parts(PART);
            let mut parts = 0;
            let (_, most) = measure(|| {
                parts = stream.chunks(piece).map(|piece| feed(&mut receiver, piece).expect("legal")).sum();
            });
            assert_eq!(parts, (20 << 20) / PART);
            // The one that was given and the next one, and the first one as it grows.
            assert!(most <= 2 * (PART + 100) + INFLATER_MEMORY, "{most}");
        }
    }
}

#[test]
fn hostile_21_floods_of_empty_blocks_hold_nothing_and_do_not_allocate_by_their_number() {
    for block in [&[0x00, 0x00, 0x00, 0xff, 0xff][..], &[0x03, 0x00]] {
        let mut stream = vec![0x41, 127];
        stream.extend_from_slice(&u64::to_be_bytes(1 << 40));
        let mut receiver = receiver(&PARAMS, 0);
        feed(&mut receiver, &stream).unwrap();
        let blocks = block.repeat(1000);
        let (calls, most) = measure(|| {
            for _ in 0..200 {
                assert_eq!(feed(&mut receiver, &blocks), Ok(0));
            }
        });
        assert!(
            calls <= 5 && most <= INFLATER_MEMORY + 4 * blocks.len() + 256,
            "{calls} calls, {most} bytes"
        );
    }
}

#[test]
fn a_message_that_came_out_smaller_than_it_went_in_keeps_no_room_for_more() {
    let payload = [&[0x00, 0x00, 0x00, 0xff, 0xff].repeat(10_000)[..], &[0x00]].concat();
    let stream = frame(TEXT_DEFLATED, &payload);
    let Ok(Some(Incoming::Text(Data::Assembled(bytes)))) = receiver(&PARAMS, 0).next(&stream, &mut 0) else {
        panic!("an empty message");
    };
    assert!(bytes.is_empty() && (1..=256).contains(&bytes.capacity()), "{}", bytes.capacity());
}

#[test]
fn a_message_holds_at_most_twice_its_bytes_and_room_for_a_nul() {
    let mut peer = Peer::new(6, &PARAMS);
    let mut receiver = receiver(&PARAMS, 0);
    for len in (0..3000).chain([4095, 4096, 65_535, 65_536, 1 << 20]) {
        for content in [vec![b'a'; len], noise(1, len)] {
            let stream = frame(BINARY_DEFLATED, &peer.message(&content, Style::Plain));
            let Ok(Some(Incoming::Binary(Data::Assembled(mut bytes)))) = receiver.next(&stream, &mut 0)
            else {
                panic!("a message");
            };
            assert_eq!(bytes.len(), len);
            assert!(bytes.capacity() <= 2 * len + 257, "{} for {len}", bytes.capacity());
            assert_eq!(measure(|| bytes.push(0)).0, 0, "{len} bytes");
        }
    }
}

#[test]
fn the_inflater_comes_with_the_first_compressed_message_and_goes_when_nothing_needs_it() {
    let hello = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let start = HELD.get();
    let held = || HELD.get() - start;
    for params in [PARAMS, NO_TAKEOVER] {
        let mut receiver = receiver(&params, 0);
        feed(&mut receiver, &frames(&[(TEXT, b"plain"), (PING, b""), (TEXT_DEFLATED, b"")])).unwrap();
        assert_eq!(held(), 0);
        // A message that is open keeps its inflater.
        feed(&mut receiver, &frames(&[(TEXT_DEFLATED, hello), (0x41, &hello[..3])])).unwrap();
        assert!((30_000..INFLATER_MEMORY as isize).contains(&held()), "{}", held());
        let three = frames(&[(FIN, &hello[3..]), (TEXT_DEFLATED, hello), (TEXT_DEFLATED, hello)]);
        let (calls, _) = measure(|| assert_eq!(feed(&mut receiver, &three), Ok(3)));
        drop(three);
        assert!(calls <= 4, "one inflater for all messages of one input: {calls} calls");
        assert_eq!(held() == 0, !params.server_context_takeover, "{}", held());
        feed(&mut receiver, &frame(CLOSE, b"")).unwrap();
        assert_eq!(held(), 0, "nothing is inflated behind a close frame");
    }
}

#[test]
fn one_inflater_serves_many_receivers_without_the_servers_context_takeover() {
    let hello = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let (whole, first, last) =
        (frame(TEXT_DEFLATED, hello), frame(0x41, &hello[..3]), frame(FIN, &hello[3..]));
    let start = HELD.get();
    let mut spare = None;
    let mut turn = |receiver: &mut Receiver, piece: &[u8]| {
        if receiver.wants_inflater() {
            receiver.lend_inflater(spare.take());
        }
        let fed = feed(receiver, piece);
        spare = receiver.take_back_inflater().or(spare.take());
        fed
    };
    let mut receivers: Vec<_> = (0..10).map(|_| receiver(&NO_TAKEOVER, 0)).collect();
    for receiver in &mut receivers {
        assert_eq!(turn(receiver, &whole), Ok(1));
    }
    assert!(HELD.get() - start < 2 * INFLATER_MEMORY as isize, "one for all");
    // One that is open keeps what it has, and gives nothing back when it is done; the others make another one.
    assert_eq!(turn(&mut receivers[0], &first), Ok(0));
    assert_eq!(turn(&mut receivers[1], &whole), Ok(1));
    assert_eq!(turn(&mut receivers[0], &last), Ok(1));
    assert_eq!(turn(&mut receivers[0], &whole), Ok(1));
    assert!(HELD.get() - start < 2 * INFLATER_MEMORY as isize);
    // What was broken is not lent.
    assert!(turn(&mut receivers[2], &frame(TEXT_DEFLATED, &[0xff; 20])).is_err());
    assert_eq!(turn(&mut receivers[1], &whole), Ok(1));
    // With takeover there is nothing to lend.
    assert!(!receiver(&PARAMS, 0).wants_inflater());
}

#[test]
fn an_inflater_takes_what_it_says_with_every_window() {
    for server_window_bits in 8..=15 {
        let params = Params { server_window_bits, ..PARAMS };
        let mut receiver = receiver(&params, 0);
        let ((), held) = kept(|| assert_eq!(feed(&mut receiver, &frame(TEXT_DEFLATED, &[0x00])), Ok(1)));
        println!("inflater, {server_window_bits} bits: {held}");
        assert!((1..=INFLATER_MEMORY as isize).contains(&held), "{held}");
    }
}

#[test]
fn a_deflater_and_its_compressor_take_what_they_say_with_every_window_and_level() {
    for (client_window_bits, memory_level) in
        (8..=15).flat_map(|bits| (1..=9).map(move |level| (bits, level)))
    {
        for level in [1, 6, 9] {
            let params = Params { client_window_bits, ..PARAMS };
            let mut deflater = deflate::Deflater::new(level, memory_level, &params);
            let ((), held) = kept(|| {
                let mut compressor = None;
                let ((), held) = kept(|| {
                    assert_eq!(
                        deflater.compress(&[b'a'; 100_000], &mut Vec::new(), &mut compressor),
                        Ok(true)
                    );
                    for _ in 0..500 {
                        let small = noise(1, 100);
                        assert!(deflater.compress(&small, &mut Vec::new(), &mut compressor).is_ok());
                    }
                });
                let promised = compressor_memory(memory_level, client_window_bits) as isize;
                let history = history_memory(memory_level).min(1 << client_window_bits.max(9)) as isize;
                assert!((promised - 4096..=promised + history).contains(&held), "{held} of {promised}");
            });
            let promised = history_memory(memory_level).min(1 << client_window_bits.max(9)) as isize;
            println!("{client_window_bits} bits, memory level {memory_level}: {held}");
            assert!((promised - 300..=promised).contains(&held), "{held} of {promised}");
        }
    }
}

#[test]
fn a_deflater_keeps_nothing_before_its_first_message_and_never_without_takeover() {
    for (params, kept_after) in [(PARAMS, 1..=100), (NO_TAKEOVER, 0..=0)] {
        let mut compressor = None;
        let mut deflater = deflate::Deflater::new(1, 9, &params);
        let ((), held) = kept(|| {
            let mut fresh = deflate::Deflater::new(1, 9, &params);
            assert_eq!(fresh.compress(b"", &mut Vec::new(), &mut None), Ok(false));
            std::mem::swap(&mut fresh, &mut deflater);
        });
        assert_eq!(held, 0);
        assert!(deflater.compress(&[b'a'; 100], &mut Vec::new(), &mut compressor).is_ok());
        let ((), held) = kept(|| {
            assert!(deflater.compress(&[b'a'; 100], &mut Vec::new(), &mut compressor).is_ok());
        });
        assert!(kept_after.contains(&held), "no more than what was sent: {held}");
    }
}

#[test]
fn where_there_is_no_memory_for_a_message_the_next_one_is_compressed_as_if_it_had_not_been() {
    for level in [1, 6] {
        for params in [PARAMS, NO_TAKEOVER] {
            let mut deflater = Deflater::new(level, &params);
            let mut reference = Reference::default();
            let mut out = Vec::with_capacity(1000);
            let first = json(1, 5).into_bytes();
            assert_eq!(deflater.compress(&first, &mut out), Ok(true));
            assert_eq!(reference.message(&out), Some(first.clone()));
            // Some of it fits, not all.
            let long: Vec<u8> = noise(1, 200_000).iter().map(|byte| byte % 16).collect();
            let len = out.len();
            LARGEST.set(30_000);
            let failed = deflater.compress(&long, &mut out);
            LARGEST.set(usize::MAX);
            assert!(failed.is_err());
            assert_eq!(out.len(), len);
            out.clear();
            if !params.client_context_takeover {
                reference.forget();
            }
            let next = [&long[..20_000], &first].concat();
            assert_eq!(deflater.compress(&next, &mut out), Ok(true));
            assert_eq!(reference.message(&out), Some(next));
        }
    }
}

#[test]
fn where_there_is_no_memory_for_what_comes_out_the_receiver_fails_with_1011() {
    let payload = Peer::new(6, &PARAMS).message(&vec![b'a'; 1 << 20], Style::Plain);
    let stream = frame(TEXT_DEFLATED, &payload);
    let mut receiver = receiver(&PARAMS, 0);
    LARGEST.set(100_000);
    let outcome = receiver.next(&stream, &mut 0);
    LARGEST.set(usize::MAX);
    assert_eq!(outcome.map_err(|failure| failure.close_code()), Err(1011));
}

#[test]
fn where_there_is_no_memory_for_a_deflater_the_message_may_leave_as_it_is_and_the_next_one_is_compressed() {
    for params in [PARAMS, NO_TAKEOVER] {
        let mut deflater = Deflater::new(1, &params);
        let message = json(1, 50).into_bytes();
        let mut out = Vec::new();
        LARGEST.set(100_000);
        let failed = deflater.compress(&message, &mut out);
        LARGEST.set(usize::MAX);
        assert!(failed.is_err_and(|error| error.wanted > 100_000));
        assert!(out.is_empty());
        assert_eq!(deflater.compress(&message, &mut out), Ok(true));
        assert_eq!(Reference::default().message(&out), Some(message));
    }
}

#[test]
fn what_was_compressed_and_forgotten_is_in_no_context() {
    let (mut deflater, mut reference) = (Deflater::new(6, &PARAMS), Reference::default());
    let (mut lost, mut out) = (Vec::new(), Vec::new());
    let message = json(1, 50).into_bytes();
    assert_eq!(deflater.compress(&message, &mut lost), Ok(true));
    deflater.forget();
    assert_eq!(deflater.compress(&message, &mut out), Ok(true));
    assert_eq!(reference.message(&out), Some(message));
}

#[test]
fn where_there_is_no_memory_for_an_inflater_the_receiver_fails_with_1011() {
    for params in [PARAMS, NO_TAKEOVER] {
        let payload = Peer::new(6, &params).message(b"a short message", Style::Plain);
        let mut receiver = receiver(&params, 0);
        LARGEST.set(INFLATER_MEMORY / 2);
        let outcome = receiver.next(&frame(TEXT_DEFLATED, &payload), &mut 0);
        LARGEST.set(usize::MAX);
        assert_eq!(outcome, Err(Failure::OutOfMemory { wanted: INFLATER_MEMORY }));
    }
}

/// A final block makes the library's stream anew where its window is small.
#[test]
fn where_there_is_no_memory_behind_a_final_block_the_receiver_fails_with_1011() {
    let params = Params { server_window_bits: 9, ..PARAMS };
    let stream = frame(TEXT_DEFLATED, &[0x03, 0x00, 0x03, 0x00, 0x00]);
    let (before, behind) = stream.split_at(3);
    let mut receiver = receiver(&params, 0);
    assert_eq!(feed(&mut receiver, before), Ok(0));
    LARGEST.set(INFLATER_MEMORY / 2);
    let outcome = feed(&mut receiver, behind);
    LARGEST.set(usize::MAX);
    assert_eq!(outcome, Err(Failure::OutOfMemory { wanted: INFLATER_MEMORY }));
}
