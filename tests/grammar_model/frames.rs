//! The server's side of RFC 6455 by hand: the answer to the upgrade, frames out, frames in.

use std::collections::VecDeque;

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

/// The payload of a ping inside a message.
pub(crate) const BETWEEN: &[u8] = b"between";

/// An unmasked frame.
pub(crate) fn frame(fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![u8::from(fin) << 7 | opcode];
    match payload.len() {
        len @ 0..126 => bytes.push(len as u8),
        len @ 126..65536 => {
            bytes.push(126);
            bytes.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            bytes.push(127);
            bytes.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(payload);
    bytes
}

/// A message in several frames, with a ping between them if `ping`.
pub(crate) fn fragmented(opcode: u8, payload: &[u8], parts: usize, ping: bool) -> Vec<u8> {
    let size = payload.len().div_ceil(parts).max(1);
    let mut chunks: Vec<&[u8]> = payload.chunks(size).collect();
    chunks.resize(parts, &[]);
    let mut bytes = Vec::new();
    for (at, chunk) in chunks.iter().enumerate() {
        bytes.extend(frame(at + 1 == parts, if at == 0 { opcode } else { 0 }, chunk));
        if ping && at == 0 {
            bytes.extend(frame(true, PING, BETWEEN));
        }
    }
    bytes
}

/// The payload of a close frame.
pub(crate) fn close_payload(code: Option<u16>, reason: &str) -> Vec<u8> {
    match code {
        Some(code) => [&code.to_be_bytes(), reason.as_bytes()].concat(),
        None => Vec::new(),
    }
}

/// What the client sent, one frame or message at a time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    Message(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Vec<u8>),
}

/// Puts the client's frames together.
#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) buffer: VecDeque<u8>,
    message: Option<Vec<u8>>,
}

impl Reader {
    /// The next message or control frame, if it is whole.
    pub(crate) fn next(&mut self) -> Result<Option<Incoming>, &'static str> {
        loop {
            let Some((fin, opcode, payload)) = self.frame()? else { return Ok(None) };
            match (opcode, self.message.take()) {
                (CLOSE, _) => return Ok(Some(Incoming::Close(payload))),
                (PING, message) => {
                    self.message = message;
                    return Ok(Some(Incoming::Ping(payload)));
                }
                (PONG, message) => {
                    self.message = message;
                    return Ok(Some(Incoming::Pong));
                }
                (TEXT | BINARY, None) if fin => return Ok(Some(Incoming::Message(payload))),
                (TEXT | BINARY, None) => self.message = Some(payload),
                (0, Some(mut message)) => {
                    message.extend_from_slice(&payload);
                    if fin {
                        return Ok(Some(Incoming::Message(message)));
                    }
                    self.message = Some(message);
                }
                _ => return Err("the client sent a frame that may not come there"),
            }
        }
    }

    #[allow(clippy::type_complexity)]
    fn frame(&mut self) -> Result<Option<(bool, u8, Vec<u8>)>, &'static str> {
        let at = |i: usize| self.buffer.get(i).copied();
        let (Some(first), Some(second)) = (at(0), at(1)) else { return Ok(None) };
        if second & 0x80 == 0 || first & 0x70 != 0 {
            return Err("the client sent an unmasked frame, or an RSV bit");
        }
        let head = match second & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        if self.buffer.len() < head {
            return Ok(None);
        }
        let len = match head {
            2 => usize::from(second & 0x7f),
            _ => self.buffer.range(2..head).fold(0, |sum, byte| sum << 8 | usize::from(*byte)),
        };
        if self.buffer.len() < head + 4 + len {
            return Ok(None);
        }
        let bytes: Vec<u8> = self.buffer.drain(..head + 4 + len).collect();
        let (mask, payload) = bytes[head..].split_at(4);
        let payload = payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        Ok(Some((first & 0x80 != 0, first & 0x0f, payload)))
    }
}

/// The answer that accepts an upgrade.
pub(crate) fn accepted(key: &str) -> Vec<u8> {
    let accept = base64(&sha1(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes()));
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes()
}

fn sha1(message: &[u8]) -> [u8; 20] {
    let mut h: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize((padded.len() + 8).next_multiple_of(64) - 8, 0);
    padded.extend_from_slice(&(message.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks_exact(64) {
        let mut w = [0u32; 80];
        for (word, bytes) in w.iter_mut().zip(block.chunks_exact(4)) {
            *word = bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        }
        for i in 16..80 {
            w[i] = (w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = h;
        for (i, word) in w.iter().enumerate() {
            let (f, k) = match i {
                0..20 => (b & c | !b & d, 0x5a82_7999),
                20..40 => (b ^ c ^ d, 0x6ed9_eba1),
                40..60 => (b & c | b & d | c & d, 0x8f1b_bcdc_u32),
                _ => (b ^ c ^ d, 0xca62_c1d6),
            };
            let sum = a.rotate_left(5).wrapping_add(f).wrapping_add(e).wrapping_add(k).wrapping_add(*word);
            (a, b, c, d, e) = (sum, a, b.rotate_left(30), c, d);
        }
        for (sum, word) in h.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(word);
        }
    }
    let mut digest = [0; 20];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(h) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, i| bits << 8 | u32::from(chunk.get(i).copied().unwrap_or(0)));
        for i in 0..4 {
            let digit = if i <= chunk.len() { DIGITS[(bits >> (18 - 6 * i)) as usize & 63] } else { b'=' };
            text.push(char::from(digit));
        }
    }
    text
}

#[test]
fn the_answer_to_the_upgrade_is_the_rfcs_own_example() {
    let answer = String::from_utf8(accepted("dGhlIHNhbXBsZSBub25jZQ==")).expect("ASCII");
    assert!(answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{answer}");
}
