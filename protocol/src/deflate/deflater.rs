//! Our messages, deflated (RFC 7692 §7.2.1).
//!
//! Knows payloads only. Which messages are worth it, and which must not be compressed because they mix
//! secrets with a stranger's text, is the caller's.

use super::{LEAST_WINDOW_BITS, MOST_WINDOW_BITS, Params, TAIL, make_stream};
use crate::send::OutOfMemory;
use flate2::{Compress, Compression, FlushCompress};

/// Room below which a flush might not end in one call, and would be repeated in the next: zlib wants
/// more than six bytes.
const LEAST_ROOM: usize = 16;

/// What a message of less than 64 KiB takes beside its bytes if it is stored: the header of its block
/// (RFC 1951 §3.2.4), and the first byte of the empty one whose others are not sent.
const STORED: usize = 6;

/// The last payload of a message that was compressed in parts: an empty stored block without its tail (RFC 7692 §7.2.3.6).
pub const END_OF_PARTS: &[u8] = &[0];

/// Deflates one message after the other.
///
/// It takes [`deflater_memory`] bytes from its first message until it is dropped. With context
/// takeover it belongs to one socket, and its messages must be sent in the order in which they were
/// compressed, all of them. Without, it keeps nothing from one message to the next: one may serve all
/// sockets of a thread for which it is the [`right`](Deflater::serves) one.
#[derive(Debug)]
pub struct Deflater {
    /// `None`: to be made for the next message.
    stream: Option<Compress>,
    level: u8,
    window_bits: u8,
    takeover: bool,
    /// The stream holds what the server has not got, or has forgotten; flushed, so that a reset is enough. (zlib-rs 0.6
    /// resets only what was flushed: of an unfinished message its blocks would go on in the next one, so that one's
    /// stream is dropped.)
    is_stale: bool,
}

impl Deflater {
    /// A deflater of this level, 1 (fast) to 9 (small), for what was agreed. Levels outside are the
    /// nearest inside.
    pub fn new(level: u8, params: &Params) -> Deflater {
        let level = level.clamp(1, 9);
        let window_bits = params.client_window_bits.clamp(LEAST_WINDOW_BITS, MOST_WINDOW_BITS);
        Deflater {
            stream: None,
            level,
            window_bits,
            takeover: params.client_context_takeover,
            is_stale: false,
        }
    }

    /// Whether this deflater, made for one socket, may serve any other with these parameters: neither
    /// has context takeover, and level and window are the same.
    pub fn serves(&self, level: u8, params: &Params) -> bool {
        !self.takeover
            && !params.client_context_takeover
            && self.level == level.clamp(1, 9)
            && self.window_bits == params.client_window_bits.clamp(LEAST_WINDOW_BITS, MOST_WINDOW_BITS)
    }

    /// Appends the compressed payload of one message to `out`; `true`: it is to be sent with RSV1
    /// ([`send::encode_compressed`](crate::send::encode_compressed)).
    ///
    /// `false`: it would not be shorter. `out` is as it was, and the message is to be sent as it is; the
    /// server's context does not have it, nor does ours. With context takeover a message shorter than
    /// the window is compressed even if that makes it up to six bytes longer, because to take it back costs
    /// the context: the stream would have to begin anew. An empty message is never compressed.
    ///
    /// Time and memory are linear in the payload: `out` grows by at most nine eighths of it and some bytes,
    /// and has twice that capacity.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`], for the deflater itself or for what comes out of it; `out` is as it was, and the context begins
    /// anew with the next message. The message may be sent as it is.
    pub fn compress(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<bool, OutOfMemory> {
        if payload.is_empty() {
            return Ok(false);
        }
        let mut stream = self.begin()?;
        let start = out.len();
        let flushed = deflate(&mut stream, payload, out);
        if flushed != Ok(true) {
            out.truncate(start);
            return flushed;
        }
        self.stream = Some(stream);
        let keep = self.takeover && payload.len() < 1 << self.window_bits;
        let made = out.len() - start - TAIL.len();
        if !keep && made >= payload.len() {
            out.truncate(start);
            return Ok(false);
        }
        out.truncate(out.len() - TAIL.len());
        if keep && made > payload.len() + STORED {
            // Level 1 makes noise longer by an eighth. Stored, it leaves the same context.
            out.truncate(start);
            let [low, high] = (payload.len() as u16).to_le_bytes();
            out.extend_from_slice(&[0, low, high, !low, !high]);
            out.extend_from_slice(payload);
            out.push(0);
        }
        self.is_stale = !self.takeover;
        Ok(true)
    }

    /// Appends the next part of a message that is sent in parts, none of them empty, to `out`: the server can inflate all of
    /// it at once. The first part goes with RSV1, and behind the last one the message ends with [`END_OF_PARTS`].
    ///
    /// Unlike a whole message's it may be longer than its bytes, by an eighth at most and a few bytes.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`]; `out` is as it was. Before the first part was sent, the message may be sent as it is. After that the
    /// server could not read it any more.
    pub fn compress_part(&mut self, part: &[u8], out: &mut Vec<u8>) -> Result<(), OutOfMemory> {
        debug_assert!(!part.is_empty());
        let mut stream = self.begin()?;
        let start = out.len();
        if deflate(&mut stream, part, out) != Ok(true) {
            out.truncate(start);
            return Err(OutOfMemory { wanted: part.len() });
        }
        self.stream = Some(stream);
        // The parts to come refer to this one, whatever was agreed.
        self.is_stale = false;
        Ok(())
    }

    /// All parts of the message were sent.
    pub fn end_parts(&mut self) {
        self.is_stale = !self.takeover;
    }

    /// Whatever was compressed and will not be sent after all: the context begins anew with the next message.
    pub fn forget(&mut self) {
        self.is_stale = true;
    }

    /// The stream for the next message; it is given back when that is flushed.
    fn begin(&mut self) -> Result<Compress, OutOfMemory> {
        let is_stale = std::mem::replace(&mut self.is_stale, true);
        match self.stream.take() {
            Some(mut stream) => {
                if is_stale {
                    stream.reset();
                }
                Ok(stream)
            }
            None => make_stream(deflater_memory(self.window_bits), || {
                Compress::new_with_window_bits(Compression::new(self.level.into()), false, self.window_bits)
            }),
        }
    }
}

/// Deflates the whole payload and flushes; `false`: the library will not.
fn deflate(stream: &mut Compress, payload: &[u8], out: &mut Vec<u8>) -> Result<bool, OutOfMemory> {
    let (start, taken_before) = (out.len(), stream.total_in());
    let mut rest = payload;
    loop {
        if out.capacity() - out.len() < LEAST_ROOM {
            // Half of the payload first, then as much again each time.
            let wanted = (out.len() - start).max(payload.len() / 2) + LEAST_ROOM;
            out.try_reserve(wanted).map_err(|_| OutOfMemory { wanted })?;
        }
        let status = stream.compress_vec(rest, out, FlushCompress::Sync);
        if status.is_err() {
            debug_assert!(false, "{status:?}");
            return Ok(false);
        }
        rest = &payload[(stream.total_in() - taken_before) as usize..];
        // The flush is complete when it leaves room.
        if rest.is_empty() && out.len() < out.capacity() {
            debug_assert!(out.ends_with(&TAIL));
            return Ok(true);
        }
    }
}

/// How many bytes a [`Deflater`] takes that has had a message, at every level, for windows of so many bits: 371 KiB with 15,
/// 245 KiB with 9. Most of it is the library's hash table, whose size does not depend on the window.
pub const fn deflater_memory(window_bits: u8) -> usize {
    let bits = if window_bits < LEAST_WINDOW_BITS { LEAST_WINDOW_BITS } else { window_bits };
    // Window and chains four times the window; hash table, tokens, pending output and the rest.
    (4 << bits) + 244 * 1024
}
