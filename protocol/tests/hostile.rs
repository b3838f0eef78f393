//! What a server may try (`docs/hostile.md`, Frames): each is refused at the first byte that shows it,
//! however it was cut.

mod support;

use support::*;
use ws4d_protocol::receive::{Failure, Limits, Receiver};

/// The stream fails with this close code and after exactly this many bytes, whole and dripped, and
/// no earlier.
fn fails_at(stream: &[u8], shown_at: usize, close_code: u16) {
    for outcome in [decode_whole(stream), drip(stream, 0)] {
        let (at, failure) = outcome.failure.unwrap_or_else(|| panic!("{stream:02x?} was accepted"));
        assert_eq!(at, shown_at, "{stream:02x?}: {failure}");
        assert_eq!(failure.close_code(), close_code, "{stream:02x?}: {failure}");
    }
    assert_eq!(decode_whole(&stream[..shown_at - 1]).failure, None, "{stream:02x?}");
}

fn says(stream: &[u8], events: &[Event]) {
    let expected = Outcome { events: events.to_vec(), failure: None };
    assert_eq!(decode_whole(stream), expected);
    assert_eq!(drip(stream, 0), expected);
}

#[test]
fn a_continuation_without_a_start_is_refused_at_its_first_byte() {
    fails_at(&frame(FIN | CONTINUE, b"x"), 1, 1002);
    fails_at(&frames(&[(TEXT, b"a"), (FIN | CONTINUE, b"x")]), 4, 1002);
}

#[test]
fn a_new_message_inside_an_open_one_is_refused_at_its_first_byte() {
    for second in [TEXT, BINARY, TEXT & 0x0f] {
        fails_at(&frames(&[(0x01, b"ab"), (PING, b""), (second, b"c")]), 7, 1002);
    }
}

#[test]
fn each_reserved_bit_is_refused_at_the_first_byte_of_every_kind_of_frame() {
    for bit in [0x40, 0x20, 0x10] {
        for first in [TEXT, BINARY, CLOSE, PING, PONG] {
            fails_at(&frame(first | bit, b""), 1, 1002);
        }
        fails_at(&frames(&[(0x01, b"a"), (FIN | bit, b"b")]), 4, 1002);
    }
}

#[test]
fn a_masked_frame_is_refused_at_its_second_byte() {
    fails_at(&[TEXT, 0x85, 1, 2, 3, 4], 2, 1002);
    fails_at(&[CLOSE, 0x80], 2, 1002);
}

#[test]
fn a_control_frame_of_126_bytes_is_refused_at_its_second_byte_also_inside_a_message() {
    fails_at(&frame(PING, &[0; 126]), 2, 1002);
    fails_at(&[&frame(0x02, b"abc")[..], &frame(CLOSE, &[0; 126])].concat(), 7, 1002);
}

#[test]
fn control_frames_of_0_and_125_bytes_are_whole_events() {
    says(
        &frames(&[(PING, b""), (PONG, &[7; 125]), (PING, &[8; 125])]),
        &[Event::Ping(vec![]), Event::Pong(vec![7; 125]), Event::Ping(vec![8; 125])],
    );
}

#[test]
fn control_frames_between_fragments_come_before_the_message() {
    says(
        &frames(&[(0x01, b"he"), (PING, b"1"), (CONTINUE, b"ll"), (PONG, b""), (FIN, b"o"), (BINARY, b"")]),
        &[
            Event::Ping(b"1".to_vec()),
            Event::Pong(vec![]),
            Event::Text(b"hello".to_vec()),
            Event::Binary(vec![]),
        ],
    );
}

#[test]
fn a_close_frame_inside_a_message_ends_the_stream() {
    says(&frames(&[(0x01, b"he"), (CLOSE, b"\x03\xe8bye")]), &[Event::Close(Some(1000), "bye".to_owned())]);
}

#[test]
fn the_bad_code_of_a_close_frame_is_refused_at_its_second_byte_before_the_reason_has_come() {
    for code in [0u16, 999, 1004, 1005, 1006, 1015, 2999, 5000, 0xffff] {
        let [high, low] = code.to_be_bytes();
        fails_at(&[CLOSE, 2, high, low], 4, 1002);
        fails_at(&[CLOSE, 100, high, low], 4, 1002);
    }
    for code in [1012, 1013, 1014] {
        says(&frame(CLOSE, &u16::to_be_bytes(code)), &[Event::Close(Some(code), String::new())]);
    }
}

#[test]
fn the_bad_reason_of_a_close_frame_is_refused_at_its_first_bad_byte() {
    fails_at(b"\x88\x20\x03\xe8ok\xed\xa0", 8, 1007);
    fails_at(b"\x88\x04\x03\xe8\xe2\x82", 6, 1007);
    fails_at(b"\x88\x05\x03\xe8\xc0\xaf!", 5, 1007);
}

#[test]
fn a_close_frame_of_one_byte_is_refused_and_an_empty_one_has_no_code() {
    fails_at(&frame(CLOSE, b"\x03"), 2, 1002);
    says(&frame(CLOSE, b""), &[Event::Close(None, String::new())]);
}

#[test]
fn what_follows_a_close_frame_is_discarded_even_if_it_is_illegal() {
    let stream = [&frame(CLOSE, b"\x03\xe8")[..], &frame(TEXT, b"late"), &[0xff; 50]].concat();
    says(&stream, &[Event::Close(Some(1000), String::new())]);
}

#[test]
fn after_a_failure_everything_is_discarded() {
    let stream = [&frame(TEXT, b"first")[..], &[0xff], &frame(TEXT, b"second")].concat();
    for outcome in [decode_whole(&stream), drip(&stream, 0)] {
        assert_eq!(outcome.events, [Event::Text(b"first".to_vec())]);
        assert_eq!(outcome.failure.map(|(at, _)| at), Some(8));
    }
}

#[test]
fn bad_text_is_refused_at_its_first_bad_byte_inside_an_unfinished_frame() {
    fails_at(&[TEXT, 100, b'a', 0xc3, 0x28], 5, 1007);
    fails_at(&[TEXT, 127, 0, 0, 0, 1, 0, 0, 0, 0, b'a', 0xff], 12, 1007);
}

#[test]
fn bad_text_is_refused_at_its_first_bad_byte_across_frames() {
    // A surrogate, cut between its bytes, with a ping in the cut.
    fails_at(&[0x01, 1, 0xed, PING, 0, CONTINUE, 9, 0xa0], 8, 1007);
    let euro = "€".as_bytes();
    says(
        &frames(&[(0x01, &euro[..1]), (CONTINUE, &[]), (CONTINUE, &euro[1..2]), (FIN, &euro[2..])]),
        &[Event::Text(euro.to_vec())],
    );
}

#[test]
fn text_that_ends_inside_a_character_is_refused_with_the_last_byte_of_the_message() {
    fails_at(&frame(TEXT, b"ab\xe2\x82"), 6, 1007);
    fails_at(&frames(&[(0x01, b"\xf0\x9f"), (FIN, b"\x98")]), 7, 1007);
    // Whose last byte may be a header's.
    fails_at(&frames(&[(0x01, b"\xe2\x82"), (FIN, b"")]), 6, 1007);
}

#[test]
fn binary_messages_may_hold_anything() {
    says(&frames(&[(0x02, b"\xff"), (FIN, b"\xc0")]), &[Event::Binary(vec![0xff, 0xc0])]);
}

#[test]
fn a_message_above_the_limit_is_refused_with_the_last_byte_of_the_header_that_makes_it_so() {
    let limit = 100;
    let too_large = |stream: &[u8], shown_at| {
        for outcome in [decode([stream], limit), drip(stream, limit)] {
            assert_eq!(outcome.failure, Some((shown_at, Failure::TooLarge { limit })), "{stream:02x?}");
            assert_eq!(outcome.failure.unwrap().1.close_code(), 1009);
        }
    };
    too_large(&[TEXT, 101], 2);
    too_large(&[BINARY, 126, 1, 0], 4);
    too_large(&[BINARY, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255], 10);
    too_large(
        &[&frame(0x01, &[b'a'; 60])[..], &frame(PING, &[0; 125]), &[CONTINUE, 41]].concat(),
        62 + 127 + 2,
    );

    for stream in [frame(TEXT, &[b'a'; 100]), frames(&[(0x02, &[1; 60]), (CONTINUE, &[]), (FIN, &[2; 40])])] {
        assert_eq!(decode([&stream[..]], limit).failure, None);
        assert_eq!(drip(&stream, limit).failure, None);
    }
}

#[test]
fn without_a_limit_the_largest_length_is_believed_until_it_comes() {
    let stream = [BINARY, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3];
    says(&stream, &[]);
}

#[test]
fn the_receiver_is_idle_between_messages_and_nowhere_else() {
    let stream = frames(&[(0x01, b"ab"), (PING, b"p"), (FIN, b"c")]);
    let mut receiver = Receiver::new(Limits::default());
    assert!(receiver.is_idle());
    for (i, byte) in stream.iter().enumerate() {
        let mut at = 0;
        while receiver.next(&[*byte], &mut at).expect("legal").is_some() {}
        assert_eq!(receiver.is_idle(), i + 1 == stream.len(), "after {} bytes", i + 1);
    }
    decode_with(&mut receiver, [&frame(PING, b"whole")[..]], false);
    assert!(receiver.is_idle());
}
