//! Our messages, deflated (RFC 7692 §7.2.1).
//!
//! Knows payloads only. Which messages are worth it, and which must not be compressed because they mix
//! secrets with a stranger's text, is the caller's.

use super::{LEAST_WINDOW_BITS, MOST_WINDOW_BITS, Params, TAIL};
use crate::send::OutOfMemory;
use flate2::{Compress, Compression, FlushCompress};

/// Room below which a flush might not end in one call, and would be repeated in the next: zlib wants
/// more than six bytes.
const LEAST_ROOM: usize = 16;

/// What a message of less than 64 KiB takes beside its bytes if it is stored: the header of its block
/// (RFC 1951 §3.2.4), and the first byte of the empty one whose others are not sent.
const STORED: usize = 6;

/// Deflates one message after the other.
///
/// It takes [`deflater_memory`] bytes from [`new`](Deflater::new) until it is dropped. With context
/// takeover it belongs to one socket, and its messages must be sent in the order in which they were
/// compressed, all of them. Without, it keeps nothing from one message to the next: one may serve all
/// sockets of a thread for which it is the [`right`](Deflater::serves) one.
#[derive(Debug)]
pub struct Deflater {
    stream: Compress,
    level: u8,
    window_bits: u8,
    takeover: bool,
    context: Context,
}

/// What the stream holds at the beginning of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Context {
    /// What the server has as well.
    Shared,
    /// What the server has not got, or has forgotten; flushed, so that a reset is enough. (zlib-rs 0.6
    /// resets only what was flushed: of an unfinished message its blocks would go on in the next one.)
    Stale,
    /// An unfinished message: the stream must be made anew.
    Torn,
}

impl Deflater {
    /// A deflater of this level, 1 (fast) to 9 (small), for what was agreed. Levels outside are the
    /// nearest inside.
    pub fn new(level: u8, params: &Params) -> Deflater {
        let level = level.clamp(1, 9);
        let window_bits = params.client_window_bits.clamp(LEAST_WINDOW_BITS, MOST_WINDOW_BITS);
        Deflater {
            stream: stream(level, window_bits),
            level,
            window_bits,
            takeover: params.client_context_takeover,
            context: Context::Shared,
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
    /// [`OutOfMemory`]; `out` is as it was, and the context begins anew with the next message.
    pub fn compress(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<bool, OutOfMemory> {
        if payload.is_empty() {
            return Ok(false);
        }
        match self.context {
            Context::Shared => {}
            Context::Stale => self.stream.reset(),
            Context::Torn => self.stream = stream(self.level, self.window_bits),
        }
        self.context = Context::Torn;
        let start = out.len();
        let flushed = self.deflate(payload, out);
        if flushed != Ok(true) {
            out.truncate(start);
            return flushed;
        }
        self.context = Context::Stale;
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
        if self.takeover {
            self.context = Context::Shared;
        }
        Ok(true)
    }

    /// Deflates the whole payload and flushes; `false`: the library will not.
    fn deflate(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<bool, OutOfMemory> {
        let (start, taken_before) = (out.len(), self.stream.total_in());
        let mut rest = payload;
        loop {
            if out.capacity() - out.len() < LEAST_ROOM {
                // Half of the payload first, then as much again each time.
                let wanted = (out.len() - start).max(payload.len() / 2) + LEAST_ROOM;
                out.try_reserve(wanted).map_err(|_| OutOfMemory { wanted })?;
            }
            let status = self.stream.compress_vec(rest, out, FlushCompress::Sync);
            if status.is_err() {
                debug_assert!(false, "{status:?}");
                return Ok(false);
            }
            rest = &payload[(self.stream.total_in() - taken_before) as usize..];
            // The flush is complete when it leaves room.
            if rest.is_empty() && out.len() < out.capacity() {
                debug_assert!(out.ends_with(&TAIL));
                return Ok(true);
            }
        }
    }
}

fn stream(level: u8, window_bits: u8) -> Compress {
    Compress::new_with_window_bits(Compression::new(level.into()), false, window_bits)
}

/// How many bytes a [`Deflater`] takes, at every level, for windows of so many bits: 371 KiB with 15,
/// 245 KiB with 9. Most of it is the library's hash table, whose size does not depend on the window.
pub const fn deflater_memory(window_bits: u8) -> usize {
    let bits = if window_bits < LEAST_WINDOW_BITS { LEAST_WINDOW_BITS } else { window_bits };
    // Window and chains four times the window; hash table, tokens, pending output and the rest.
    (4 << bits) + 244 * 1024
}
