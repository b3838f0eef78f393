//! What the receiver allocates: nothing for what lies whole in the input, and never far ahead of
//! what came.

#[path = "support/counting.rs"]
mod counting;
mod support;

use counting::{Counting, HELD, measure};
use support::*;
use ws4d_protocol::receive::{Data, Failure, Incoming, Limits, Receiver};

#[global_allocator]
static COUNTING: Counting = Counting;

fn receiver() -> Receiver {
    Receiver::new(Limits::default())
}

/// Feeds one piece and drops the events.
fn feed(receiver: &mut Receiver, piece: &[u8]) -> usize {
    let mut at = 0;
    let mut events = 0;
    while receiver.next(piece, &mut at).expect("legal").is_some() {
        events += 1;
    }
    events
}

fn feed_only(receiver: &mut Receiver, piece: &[u8]) {
    feed(receiver, piece);
}

#[test]
fn whole_messages_and_control_frames_allocate_nothing() {
    let stream = frames(&[
        (TEXT, b"short"),
        (TEXT, "not ASCII: €".as_bytes()),
        (BINARY, &[7; 1000]),
        (PING, &[1; 125]),
        (PONG, b""),
        (TEXT, &[b'x'; 70_000]),
        (0x01, b""),
        (FIN, b"behind an empty fragment"),
    ]);
    let mut receiver = receiver();
    let mut events = 0;
    assert_eq!(measure(|| events = feed(&mut receiver, &stream)), (0, 0));
    assert_eq!(events, 7);
}

#[test]
fn dripped_headers_allocate_nothing_and_dripped_control_frames_their_payload() {
    let stream = frames(&[(TEXT, b""), (BINARY, &[])]);
    let mut receiver = receiver();
    let (calls, _) = measure(|| {
        // An empty message is whole, also where its header was cut.
        stream.chunks(1).for_each(|byte| feed_only(&mut receiver, byte));
    });
    assert_eq!(calls, 0);
    let stream = frames(&[(PING, &[1; 125]), (PONG, b"pong")]);
    let (_, most) = measure(|| stream.chunks(1).for_each(|byte| feed_only(&mut receiver, byte)));
    assert!(most <= 2 * 126, "{most}");
}

#[test]
fn a_large_message_takes_the_buffer_that_was_lent_if_it_fills_half_of_it() {
    for (len, capacity, takes) in
        [(1000, 1001, true), (1000, 2002, true), (1000, 1000, false), (1000, 2003, false)]
    {
        let stream = frames(&[(BINARY, &vec![7; len])]);
        let mut receiver = receiver();
        receiver.lend(Vec::with_capacity(capacity));
        let (calls, _) = measure(|| feed_only(&mut receiver, &stream[..500]));
        assert_eq!((calls == 0, receiver.take_back().capacity() == 0), (takes, takes), "{len} in {capacity}");
        assert_eq!(feed(&mut receiver, &stream[500..]), 1);
    }
    // One that is whole in its input stays there.
    let mut receiver = receiver();
    receiver.lend(Vec::with_capacity(1001));
    feed_only(&mut receiver, &frames(&[(BINARY, &[7; 1000])]));
    assert_eq!(receiver.take_back().capacity(), 1001);
}

#[test]
fn a_length_of_2_63_minus_1_allocates_nothing_ahead() {
    let header = [BINARY, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255];
    let mut receiver = receiver();
    assert_eq!(measure(|| feed_only(&mut receiver, &header)), (0, 0));
    let (_, most) = measure(|| feed_only(&mut receiver, b"a few bytes"));
    assert!(most <= 2 * 11 + 256 * 1024, "{most}");
    let (_, most) = measure(|| {
        let filled = receiver.fill(|_, room| room).expect("memory for some bytes");
        assert!(filled.is_some_and(|room| (16 * 1024..256 * 1024).contains(&room)), "{filled:?}");
    });
    assert!(most <= 256 * 1024, "{most}");
}

#[test]
fn memory_follows_what_came_not_what_was_announced() {
    let announced = 1u64 << 40;
    let mut stream = vec![BINARY, 127];
    stream.extend_from_slice(&announced.to_be_bytes());
    let mut receiver = receiver();
    feed(&mut receiver, &stream);
    let start = HELD.get();
    let piece = vec![0; 10_000];
    for round in 1..=500 {
        feed(&mut receiver, &piece);
        let ahead = (HELD.get() - start) as usize;
        assert!(ahead <= 2 * round * piece.len() + 256 * 1024, "{ahead} after {round} pieces");
    }
}

#[test]
fn a_million_empty_fragments_hold_nothing() {
    let mut stream = frame(0x01, b"");
    stream.extend_from_slice(&[CONTINUE, 0].repeat(1_000_000));
    let mut receiver = receiver();
    assert_eq!(measure(|| feed_only(&mut receiver, &stream)), (0, 0));
    let mut receiver = self::receiver();
    assert_eq!(measure(|| stream.chunks(3).for_each(|piece| feed_only(&mut receiver, piece))), (0, 0));
}

#[test]
fn a_million_one_byte_fragments_hold_twice_their_bytes_and_grow_seldom() {
    let mut stream = frame(0x01, b"a");
    stream.extend_from_slice(&[CONTINUE, 1, b'b'].repeat(1_000_000));
    for pieces in [1, stream.len()] {
        let mut receiver = receiver();
        let (calls, most) = measure(|| {
            stream.chunks(stream.len() / pieces).for_each(|piece| feed_only(&mut receiver, piece))
        });
        assert!(calls <= 32, "{calls}");
        // While it grows, the old buffer and the new one.
        assert!(most <= 3 * 1_000_000 + 256 * 1024, "{most}");
    }
}

#[test]
fn a_finished_message_and_a_failure_leave_nothing_behind() {
    let mut receiver = receiver();
    let start = HELD.get();
    feed(&mut receiver, &frames(&[(0x02, &[1; 5000]), (FIN, &[2; 5000])]));
    assert_eq!(HELD.get(), start);
    feed(&mut receiver, &frame(0x02, &[1; 5000]));
    assert!(HELD.get() > start);
    assert!(receiver.next(&[0xff], &mut 0).is_err());
    assert_eq!(HELD.get(), start);
}

#[test]
fn an_assembled_message_has_room_for_a_nul_at_every_size() {
    for len in (0..300).chain([4096, 70_000]) {
        let mut stream = frame(0x02, &vec![1; len]);
        stream.extend(frame(FIN, b""));
        for piece in [1, 2, 3, 1000] {
            let mut receiver = receiver();
            let mut seen = false;
            for piece in stream.chunks(piece) {
                let mut at = 0;
                while let Some(event) = receiver.next(piece, &mut at).expect("legal") {
                    seen = true;
                    if let Incoming::Binary(Data::Assembled(mut bytes)) = event {
                        assert_eq!(bytes.len(), len);
                        assert_eq!(measure(|| bytes.push(0)), (0, 0), "{len} bytes");
                    }
                }
            }
            assert!(seen);
        }
    }
}

#[test]
fn in_parts_a_message_holds_one_part_however_long_it_is() {
    const PART: usize = 32 * 1024;
    let mut stream = vec![TEXT, 127];
    stream.extend_from_slice(&u64::to_be_bytes(1 << 40));
    for filling in [false, true] {
        let mut receiver = receiver().with_parts(PART);
        feed(&mut receiver, &stream);
        let piece = [b'x'; 10_000];
        let (_, most) = measure(|| {
            for _ in 0..500 {
                let filled = receiver.fill(|buffer, room| {
                    assert!(room <= PART);
                    if filling {
                        buffer.resize(buffer.len() + room, b'x');
                    }
                });
                filled.expect("legal");
                feed(&mut receiver, &piece);
            }
        });
        // The one that was given and the next one.
        assert!(most <= 2 * (PART + 1), "{most}");
    }
}

/// Sends `content` as one frame, the first `given` bytes of it through `next`, and all that `fill`
/// takes through it.
fn filled(
    receiver: &mut Receiver,
    first: u8,
    content: &[u8],
    given: usize,
    step: usize,
) -> Result<Incoming, Failure> {
    let stream = frame(first, content);
    let header = stream.len() - content.len();
    let mut sent = header + given;
    let mut at = 0;
    assert_eq!(receiver.next(&stream[..sent], &mut at)?, None);
    let mut take = |buffer: &mut Vec<u8>, room: usize| {
        let taken = room.min(step);
        buffer.extend_from_slice(&stream[sent..sent + taken]);
        sent += taken;
    };
    while receiver.fill(&mut take)?.is_some() {}
    let rest = &stream[sent..];
    Ok(receiver.next(rest, &mut 0)?.expect("the message is whole"))
}

#[test]
fn a_large_message_is_read_straight_into_its_buffer() {
    let text = "größer €".repeat(100_000).into_bytes();
    for (given, step) in [(0, usize::MAX), (1, usize::MAX), (100, 5000), (20_000, 65_536)] {
        let mut receiver = receiver();
        let event = filled(&mut receiver, TEXT, &text, given, step).expect("legal");
        assert_eq!(event, Incoming::Text(Data::Assembled(text.clone())));
        assert!(receiver.is_idle());
        assert_eq!(receiver.fill(|_, _| panic!("there is nothing to fill")), Ok::<Option<()>, _>(None));
    }
}

#[test]
fn bad_text_is_refused_as_soon_as_it_was_filled_in() {
    let mut text = vec![b'a'; 100_000];
    text[60_000] = 0xff;
    let mut receiver = receiver();
    let failure = filled(&mut receiver, TEXT, &text, 10, 1000).expect_err("not UTF-8");
    assert_eq!(failure.close_code(), 1007);
    assert!(!receiver.wants_fill());
    assert!(receiver.is_idle());

    // A last character that is cut shows only at the end.
    let mut text = vec![b'a'; 100_000];
    text[99_999] = 0xe2;
    let failure = filled(&mut self::receiver(), TEXT, &text, 10, 1000).expect_err("not UTF-8");
    assert_eq!(failure.close_code(), 1007);
}

#[test]
fn only_the_payload_of_a_large_data_frame_is_filled() {
    let mut receiver = receiver();
    let header = [BINARY, 126, 0x40, 0];
    for piece in [&header[..1], &header[1..3], &header[3..]] {
        assert!(!receiver.wants_fill());
        feed(&mut receiver, piece);
    }
    assert!(receiver.wants_fill());
    feed(&mut receiver, b"x");
    assert!(!receiver.wants_fill(), "16 KiB less one byte are missing");

    let mut receiver = self::receiver();
    feed(&mut receiver, &[0x02, 126, 0x40, 0]);
    let appended = receiver.fill(|buffer, room| buffer.resize(room.min(0x4000), 7)).expect("legal");
    assert_eq!(appended, Some(()));
    feed(&mut receiver, &frame(PING, b"between"));
    feed(&mut receiver, &[FIN, 126, 0x40]);
    assert!(!receiver.wants_fill(), "half a header");
}

#[test]
#[should_panic(expected = "at most the room")]
fn a_reader_that_appends_more_than_the_room_is_caught() {
    let mut receiver = receiver();
    feed(&mut receiver, &[BINARY, 126, 0x40, 0]);
    let _ = receiver.fill(|buffer, room| buffer.resize(room + 1, 0));
}
