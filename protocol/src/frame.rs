//! Frame headers (RFC 6455 §5.2), read and written.
//!
//! This module checks a header by itself. The receiver, which knows the stream, checks it at its place there (a
//! continuation without a start, a compressed frame).

use crate::failure::Failure;

/// The longest header a server may send: a client's carries a mask key of four bytes more.
pub const MAX_SERVER_HEADER: usize = 10;

/// The longest header a client may send.
pub const MAX_CLIENT_HEADER: usize = MAX_SERVER_HEADER + 4;

/// The longest payload of a close, ping or pong frame (RFC 6455 §5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;

/// The type of a frame (RFC 6455 §11.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum OpCode {
    /// A further fragment of the message that is open.
    Continuation = 0,
    /// A text message, or its first fragment.
    Text = 1,
    /// A binary message, or its first fragment.
    Binary = 2,
    /// The closing handshake.
    Close = 8,
    /// Asks for a pong with the same payload.
    Ping = 9,
    /// Answers a ping, or comes unasked.
    Pong = 10,
}

impl OpCode {
    /// The opcode of these four bits; `None` for the reserved ones.
    pub const fn from_bits(bits: u8) -> Option<OpCode> {
        Some(match bits {
            0 => OpCode::Continuation,
            1 => OpCode::Text,
            2 => OpCode::Binary,
            8 => OpCode::Close,
            9 => OpCode::Ping,
            10 => OpCode::Pong,
            _ => return None,
        })
    }

    /// Returns whether this is a control frame (RFC 6455 §5.5): short, whole, and allowed between fragments.
    pub const fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }
}

/// The header of a server's frame. There is no mask key, because a server must not mask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameHeader {
    /// The last frame of its message.
    pub fin: bool,
    /// The first reserved bit: the first frame of a compressed message (RFC 7692 §6), where that
    /// was agreed.
    pub rsv1: bool,
    /// The type of the frame.
    pub opcode: OpCode,
    /// Number of payload bytes that the server has announced: a claim, below 2^63.
    pub len: u64,
}

const RESERVED_BITS: Failure = Failure::Protocol("a frame has a reserved bit set (RFC 6455 5.2)");
const RESERVED_OPCODE: Failure = Failure::Protocol("a frame has a reserved opcode (RFC 6455 5.2)");
const FRAGMENTED_CONTROL: Failure = Failure::Protocol("a control frame is fragmented (RFC 6455 5.5)");
const LONG_CONTROL: Failure = Failure::Protocol("a control frame is longer than 125 bytes (RFC 6455 5.5)");
const MASKED: Failure = Failure::Protocol("the server masked a frame (RFC 6455 5.1)");
const SHORT_CLOSE: Failure = Failure::Protocol("a close frame has half a code (RFC 6455 5.5.1)");
const NOT_MINIMAL: Failure = Failure::Protocol("a frame's length is not in its shortest form (RFC 6455 5.2)");
const BIT_63: Failure = Failure::Protocol("a frame's length has its highest bit set (RFC 6455 5.2)");

/// Reads the header of a server's frame at the start of `bytes`: the header and its own length, or
/// `None` if more bytes are needed.
///
/// An error is reported as soon as the given bytes show it: called for each longer prefix, this function fails at the
/// first byte that is wrong.
///
/// # Errors
///
/// [`Failure::Protocol`]: the second or third reserved bit, a reserved opcode, a control frame that
/// is fragmented or longer than 125 bytes, a close frame of one byte, a masked frame, a length that
/// is not in its shortest form or has bit 63 set (RFC 6455 §5.1, §5.2, §5.5). The first reserved
/// bit is reported, not judged.
#[inline]
pub fn parse(bytes: &[u8]) -> Result<Option<(FrameHeader, usize)>, Failure> {
    let Some(&first) = bytes.first() else {
        return Ok(None);
    };
    if first & 0x30 != 0 {
        return Err(RESERVED_BITS);
    }
    let Some(opcode) = OpCode::from_bits(first & 0x0f) else {
        return Err(RESERVED_OPCODE);
    };
    let fin = first & 0x80 != 0;
    if opcode.is_control() && !fin {
        return Err(FRAGMENTED_CONTROL);
    }

    let Some(&second) = bytes.get(1) else {
        return Ok(None);
    };
    if second & 0x80 != 0 {
        return Err(MASKED);
    }
    if opcode.is_control() && usize::from(second) > MAX_CONTROL_PAYLOAD {
        return Err(LONG_CONTROL);
    }
    if opcode == OpCode::Close && second == 1 {
        return Err(SHORT_CLOSE);
    }
    let Some((len, header_len)) = parse_len(second, &bytes[2..])? else {
        return Ok(None);
    };
    Ok(Some((FrameHeader { fin, rsv1: first & 0x40 != 0, opcode, len }, header_len)))
}

/// The payload length and the length of the whole header, from its second byte and what follows.
#[inline]
fn parse_len(second: u8, extended: &[u8]) -> Result<Option<(u64, usize)>, Failure> {
    match second {
        0..=125 => Ok(Some((u64::from(second), 2))),
        126 => {
            let Some(&bytes) = extended.first_chunk::<2>() else {
                return Ok(None);
            };
            let len = u16::from_be_bytes(bytes);
            if len < 126 {
                return Err(NOT_MINIMAL);
            }
            Ok(Some((u64::from(len), 4)))
        }
        _ => {
            if extended.first().is_some_and(|&first| first & 0x80 != 0) {
                return Err(BIT_63);
            }
            // Six zeros already say that the length would have fitted into the two bytes of the
            // shorter form.
            if extended.starts_with(&[0; 6]) {
                return Err(NOT_MINIMAL);
            }
            let Some(&bytes) = extended.first_chunk::<8>() else {
                return Ok(None);
            };
            Ok(Some((u64::from_be_bytes(bytes), 10)))
        }
    }
}

/// The header of a client's frame with at most 125 bytes of payload.
pub const SHORT_CLIENT_HEADER: usize = 6;

/// Returns the header of a client's frame if the payload has at most 125 bytes, as most have.
#[inline]
pub fn encode_short(header: &FrameHeader, key: [u8; 4]) -> Option<[u8; SHORT_CLIENT_HEADER]> {
    let len = u8::try_from(header.len).ok().filter(|len| *len <= 125)?;
    let [a, b, c, d] = key;
    Some([first_byte(header), MASK_BIT | len, a, b, c, d])
}

#[inline]
fn first_byte(header: &FrameHeader) -> u8 {
    u8::from(header.fin) << 7 | u8::from(header.rsv1) << 6 | header.opcode as u8
}

/// The bit of a header's second byte that says that the payload is masked.
const MASK_BIT: u8 = 0x80;

/// Writes the header of a client's frame: the bytes, and how many of them count.
///
/// The length takes its shortest form (RFC 6455 §5.2), and the key follows it (§5.3).
#[inline]
pub fn encode(header: &FrameHeader, key: [u8; 4]) -> ([u8; MAX_CLIENT_HEADER], usize) {
    let mut bytes = [0; MAX_CLIENT_HEADER];
    bytes[0] = first_byte(header);
    let end = match header.len {
        short @ 0..=125 => {
            bytes[1] = MASK_BIT | short as u8;
            2
        }
        medium @ 126..=0xffff => {
            bytes[1] = MASK_BIT | 126;
            bytes[2..4].copy_from_slice(&(medium as u16).to_be_bytes());
            4
        }
        long => {
            bytes[1] = MASK_BIT | 127;
            bytes[2..10].copy_from_slice(&long.to_be_bytes());
            10
        }
    };
    bytes[end..end + 4].copy_from_slice(&key);
    (bytes, end + 4)
}

#[cfg(test)]
mod tests;
