//! Frames by hand, for what tungstenite is too well brought up to do.

use crate::log::Seen;
use crate::stream::end_of;
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;

/// An unmasked frame: `first` holds FIN, RSV and opcode.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 10);
    bytes.push(first);
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

/// A close frame; no code, no payload.
pub(crate) fn close(code: Option<u16>, reason: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    if let Some(code) = code {
        payload.extend_from_slice(&code.to_be_bytes());
        payload.extend_from_slice(reason);
    }
    frame(CLOSE, &payload)
}

/// Puts the client's frames together into messages; the result is always one of the message or end variants of [`Seen`].
pub(crate) struct Reader {
    buffer: BytesMut,
    message: Option<(u8, Vec<u8>)>,
}

impl Reader {
    pub(crate) fn new(buffer: BytesMut) -> Self {
        Reader { buffer, message: None }
    }

    /// The next message or control frame, or the end. A cancelled call loses nothing.
    pub(crate) async fn next(&mut self, io: &mut (impl AsyncRead + Unpin)) -> Seen {
        loop {
            match self.take() {
                Ok(Some((first, payload))) => match self.assemble(first, payload) {
                    Ok(Some(seen)) => return seen,
                    Ok(None) => {}
                    Err(text) => return Seen::Violation(text.into()),
                },
                Ok(None) => {
                    match io.read_buf(&mut self.buffer).await {
                        Ok(0) => return Seen::Eof,
                        Ok(_) => {}
                        Err(error) => return end_of(&error),
                    };
                }
                Err(text) => return Seen::Violation(text.into()),
            }
        }
    }

    /// One frame out of the buffer, or room for its rest.
    fn take(&mut self) -> Result<Option<(u8, Vec<u8>)>, &'static str> {
        let wants = |buffer: &mut BytesMut, total: usize| {
            let missing = total.saturating_sub(buffer.len());
            buffer.reserve(missing.max(1024));
            Ok(None)
        };
        if self.buffer.len() < 2 {
            return wants(&mut self.buffer, 2);
        }
        let (first, second) = (self.buffer[0], self.buffer[1]);
        if second & 0x80 == 0 {
            return Err("an unmasked frame");
        }
        let head = match second & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        if self.buffer.len() < head {
            return wants(&mut self.buffer, head);
        }
        let len = match head {
            4 => u16::from_be_bytes([self.buffer[2], self.buffer[3]]) as u64,
            10 => self.buffer[2..10].iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte)),
            _ => u64::from(second & 0x7f),
        };
        if (head == 4 && len < 126) || (head == 10 && len < 65536) {
            return Err("a length that is not minimal");
        }
        if first & 0x08 != 0 && (len > 125 || first & 0x80 == 0) {
            return Err("a control frame that is fragmented or too long");
        }
        if len > 1 << 32 {
            return Err("a frame above 4 GiB");
        }
        let total = head + 4 + len as usize;
        if self.buffer.len() < total {
            return wants(&mut self.buffer, total);
        }
        self.buffer.advance(head);
        let mask: [u8; 4] = [self.buffer[0], self.buffer[1], self.buffer[2], self.buffer[3]];
        self.buffer.advance(4);
        let mut payload = self.buffer.split_to(len as usize).to_vec();
        for chunk in payload.chunks_mut(4) {
            for (byte, key) in chunk.iter_mut().zip(mask) {
                *byte ^= key;
            }
        }
        Ok(Some((first, payload)))
    }

    fn assemble(&mut self, first: u8, payload: Vec<u8>) -> Result<Option<Seen>, &'static str> {
        if first & 0x70 != 0 {
            return Err("an RSV bit");
        }
        let fin = first & 0x80 != 0;
        match (first & 0x0f, &mut self.message) {
            (8, _) => close_seen(&payload).map(Some),
            (9, _) => Ok(Some(Seen::Ping(payload))),
            (10, _) => Ok(Some(Seen::Pong(payload))),
            (1 | 2, Some(_)) => Err("a new message inside an open one"),
            (opcode @ (1 | 2), None) if fin => message_seen(opcode, payload).map(Some),
            (opcode @ (1 | 2), None) => {
                self.message = Some((opcode, payload));
                Ok(None)
            }
            (0, None) => Err("a continuation without a start"),
            (0, Some((_, sofar))) => {
                sofar.extend_from_slice(&payload);
                match self.message.take_if(|_| fin) {
                    Some((opcode, whole)) => message_seen(opcode, whole).map(Some),
                    None => Ok(None),
                }
            }
            _ => Err("a reserved opcode"),
        }
    }
}

fn message_seen(opcode: u8, payload: Vec<u8>) -> Result<Seen, &'static str> {
    match opcode {
        1 => String::from_utf8(payload).map(Seen::Text).map_err(|_| "a text that is not UTF-8"),
        _ => Ok(Seen::Binary(payload)),
    }
}

fn close_seen(payload: &[u8]) -> Result<Seen, &'static str> {
    match payload {
        [] => Ok(Seen::Close(None, String::new())),
        [_] => Err("a close frame of one byte"),
        [high, low, reason @ ..] => match (u16::from_be_bytes([*high, *low]), std::str::from_utf8(reason)) {
            (code @ (1000..=1003 | 1007..=1014 | 3000..=4999), Ok(reason)) => {
                Ok(Seen::Close(Some(code), reason.into()))
            }
            (_, Ok(_)) => Err("a close code that must not be sent"),
            (_, Err(_)) => Err("a close reason that is not UTF-8"),
        },
    }
}
