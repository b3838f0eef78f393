//! Headers, each rule at the byte that shows it.

use super::*;

fn header(bytes: &[u8]) -> Option<(FrameHeader, usize)> {
    parse(bytes).expect("a legal header")
}

/// Asserts that a header is refused at its last byte, and not a byte before.
fn refused_at_its_last_byte(bytes: &[u8], why: Failure) {
    for end in 0..bytes.len() {
        assert_eq!(parse(&bytes[..end]), Ok(None), "{bytes:02x?} was judged after {end} bytes");
    }
    assert_eq!(parse(bytes), Err(why), "{bytes:02x?}");
}

#[test]
fn each_length_form_is_read_at_its_smallest_and_largest_length() {
    let binary = |len| FrameHeader { fin: true, rsv1: false, opcode: OpCode::Binary, len };
    assert_eq!(header(&[0x82, 0]), Some((binary(0), 2)));
    assert_eq!(header(&[0x82, 125]), Some((binary(125), 2)));
    assert_eq!(header(&[0x82, 126, 0, 126]), Some((binary(126), 4)));
    assert_eq!(header(&[0x82, 126, 0xff, 0xff]), Some((binary(0xffff), 4)));
    assert_eq!(header(&[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]), Some((binary(0x1_0000), 10)));
    assert_eq!(
        header(&[0x82, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255]),
        Some((binary(u64::MAX >> 1), 10))
    );
}

#[test]
fn a_header_is_not_read_before_its_last_byte() {
    for whole in [&[0x82, 5][..], &[0x82, 126, 1, 0], &[0x82, 127, 0, 0, 0, 0, 1, 0, 0, 0]] {
        for end in 0..whole.len() {
            assert_eq!(header(&whole[..end]), None);
        }
        assert!(header(whole).is_some());
    }
}

#[test]
fn reserved_bits_two_and_three_are_refused_at_the_first_byte() {
    refused_at_its_last_byte(&[0xa1], RESERVED_BITS);
    refused_at_its_last_byte(&[0x91], RESERVED_BITS);
}

#[test]
fn every_reserved_opcode_is_refused_at_the_first_byte() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        refused_at_its_last_byte(&[0x80 | opcode], RESERVED_OPCODE);
        refused_at_its_last_byte(&[opcode], RESERVED_OPCODE);
    }
}

#[test]
fn a_fragmented_control_frame_is_refused_at_its_first_byte() {
    for opcode in [8, 9, 10] {
        refused_at_its_last_byte(&[opcode], FRAGMENTED_CONTROL);
    }
}

#[test]
fn a_control_frame_of_126_bytes_is_refused_at_its_second_byte() {
    for opcode in [0x88, 0x89, 0x8a] {
        refused_at_its_last_byte(&[opcode, 126], LONG_CONTROL);
        refused_at_its_last_byte(&[opcode, 127], LONG_CONTROL);
        assert!(header(&[opcode, 125]).is_some());
    }
}

#[test]
fn a_masked_frame_is_refused_at_its_second_byte() {
    refused_at_its_last_byte(&[0x81, 0x80], MASKED);
    refused_at_its_last_byte(&[0x89, 0xff], MASKED);
}

#[test]
fn a_close_frame_of_one_byte_is_refused_at_its_second_byte() {
    refused_at_its_last_byte(&[0x88, 1], SHORT_CLOSE);
    assert!(header(&[0x89, 1]).is_some());
}

#[test]
fn a_length_that_is_not_minimal_is_refused_where_it_shows() {
    refused_at_its_last_byte(&[0x82, 126, 0, 0], NOT_MINIMAL);
    refused_at_its_last_byte(&[0x82, 126, 0, 125], NOT_MINIMAL);
    refused_at_its_last_byte(&[0x82, 127, 0, 0, 0, 0, 0, 0], NOT_MINIMAL);
    assert_eq!(parse(&[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff]), Err(NOT_MINIMAL));
}

#[test]
fn bit_63_is_refused_at_the_first_byte_of_the_length() {
    refused_at_its_last_byte(&[0x82, 127, 0x80], BIT_63);
}

#[test]
fn a_clients_header_says_its_length_in_the_shortest_form() {
    let first_bytes = |len| {
        let (bytes, end) =
            encode(&FrameHeader { fin: false, rsv1: true, opcode: OpCode::Text, len }, [1, 2, 3, 4]);
        bytes[..end].to_vec()
    };
    assert_eq!(first_bytes(125), [0x41, 0x80 | 125, 1, 2, 3, 4]);
    assert_eq!(first_bytes(126), [0x41, 0x80 | 126, 0, 126, 1, 2, 3, 4]);
    assert_eq!(first_bytes(0xffff), [0x41, 0x80 | 126, 0xff, 0xff, 1, 2, 3, 4]);
    assert_eq!(first_bytes(0x1_0000), [0x41, 0x80 | 127, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4]);
}
