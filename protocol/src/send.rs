//! A client's frames: header, mask key and masked payload appended to an output buffer.
//!
//! Knows nothing of what was sent before: fragments in order, nothing after a close frame, and a
//! fresh key from a CSPRNG for each frame (RFC 6455 §10.3) are the caller's.

use crate::frame::{self, FrameHeader, MAX_CONTROL_PAYLOAD, OpCode};
use crate::mask;
use std::fmt;

/// There is no memory for a frame; nothing was appended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfMemory {
    /// Number of bytes that could not be allocated.
    pub wanted: usize,
}

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no memory for a frame of {} bytes", self.wanted)
    }
}

impl std::error::Error for OutOfMemory {}

/// Returns the length of a client's frame with a payload of `len` bytes.
pub const fn frame_len(payload_len: usize) -> usize {
    let header = match payload_len {
        0..=125 => frame::SHORT_CLIENT_HEADER,
        126..=0xffff => 8,
        _ => frame::MAX_CLIENT_HEADER,
    };
    payload_len.saturating_add(header)
}

/// Appends one frame to `out`.
///
/// The payload of a control frame is at most 125 bytes, and its `fin` is true; text is UTF-8 over the whole message:
/// all three are checked where the host's data come in.
///
/// # Errors
///
/// [`OutOfMemory`]; `out` is as it was.
#[inline]
pub fn encode(
    opcode: OpCode,
    fin: bool,
    payload: &[u8],
    key: [u8; 4],
    out: &mut Vec<u8>,
) -> Result<(), OutOfMemory> {
    append(opcode, fin, false, payload, key, out)
}

/// Appends the first frame of a message that [`Deflater::compress`](crate::deflate::Deflater::compress) has
/// compressed: like [`encode`], with RSV1 (RFC 7692 §6.1). Use [`encode`] for further fragments, which do not have
/// that bit.
///
/// # Errors
///
/// [`OutOfMemory`]; `out` is as it was.
pub fn encode_compressed(
    opcode: OpCode,
    fin: bool,
    payload: &[u8],
    key: [u8; 4],
    out: &mut Vec<u8>,
) -> Result<(), OutOfMemory> {
    debug_assert!(matches!(opcode, OpCode::Text | OpCode::Binary), "{opcode:?} begins no message");
    append(opcode, fin, true, payload, key, out)
}

#[inline]
fn append(
    opcode: OpCode,
    fin: bool,
    rsv1: bool,
    payload: &[u8],
    key: [u8; 4],
    out: &mut Vec<u8>,
) -> Result<(), OutOfMemory> {
    debug_assert!(!opcode.is_control() || (fin && payload.len() <= MAX_CONTROL_PAYLOAD));
    let wanted = frame_len(payload.len());
    out.try_reserve(wanted).map_err(|_| OutOfMemory { wanted })?;
    let header = FrameHeader { fin, rsv1, opcode, len: payload.len() as u64 };
    match frame::encode_short(&header, key) {
        // A copy of a known length is no call.
        Some(short) => out.extend_from_slice(&short),
        None => {
            let (header, header_len) = frame::encode(&header, key);
            out.extend_from_slice(&header[..header_len]);
        }
    }
    mask::append_masked(out, payload, key, 0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_is_encoded_as_the_rfc_says() {
        // RFC 6455 §5.7: a single-frame masked text message "Hello".
        let mut out = Vec::new();
        encode(OpCode::Text, true, b"Hello", [0x37, 0xfa, 0x21, 0x3d], &mut out).unwrap();
        assert_eq!(out, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    #[test]
    fn only_the_first_frame_of_a_compressed_message_has_the_first_reserved_bit() {
        // RFC 7692 §7.2.3.1: a compressed "Hello", in two fragments and in one.
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let mut out = Vec::new();
        encode_compressed(OpCode::Text, false, &hello[..3], [0; 4], &mut out).unwrap();
        encode(OpCode::Continuation, true, &hello[3..], [0; 4], &mut out).unwrap();
        let expected = [&[0x41, 0x83, 0, 0, 0, 0][..], &hello[..3], &[0x80, 0x84, 0, 0, 0, 0], &hello[3..]];
        assert_eq!(out, expected.concat());
        out.clear();
        encode_compressed(OpCode::Text, true, &hello, [0; 4], &mut out).unwrap();
        assert_eq!(out, [&[0xc1, 0x87, 0, 0, 0, 0][..], &hello].concat());
    }

    #[test]
    fn a_frame_is_as_long_as_announced_and_follows_what_was_there() {
        for len in [0, 1, 125, 126, 127, 0xffff, 0x1_0000, 0x1_0001] {
            let mut out = b"before".to_vec();
            encode(OpCode::Binary, false, &vec![7; len], [1, 2, 3, 4], &mut out).unwrap();
            assert_eq!(&out[..7], b"before\x02");
            assert_eq!(out.len(), 6 + frame_len(len));
        }
    }
}
