//! Our messages, deflated (RFC 7692 §7.2.1).
//!
//! Knows payloads only. Which messages are worth it, and which must not be compressed because they mix
//! secrets with a stranger's text, is the caller's.

use super::Params;
use super::compressor::{Compressor, Settings};
use super::history::History;
use super::stream::TAIL;
use crate::send::OutOfMemory;

/// The overhead of a stored message of less than 64 KiB: the header of its block
/// (RFC 1951 §3.2.4), and the first byte of the empty one whose others are not sent.
const STORED: usize = 6;

/// The last payload of a message that was compressed in parts: an empty stored block without its tail (RFC 7692 §7.2.3.6).
pub const END_OF_PARTS: &[u8] = &[0];

/// Deflates one socket's messages, each with a [`Compressor`] that it is lent.
///
/// With context takeover it keeps the end of what was sent, at most [`history_memory`] bytes, and its messages must be sent in the
/// order in which they were compressed, all of them. Without, it keeps nothing.
#[derive(Debug)]
pub struct Deflater {
    settings: Settings,
    history_bits: u8,
    /// With context takeover, and of a message in parts.
    history: Option<History>,
}

impl Deflater {
    /// A deflater for what was agreed. `level`: 1 (fast) to 9 (small). `memory_level`: 1 to 9, zlib's `memLevel` for the compressors,
    /// and how much is kept of what was sent ([`history_memory`]). Levels outside are the nearest inside.
    pub fn new(level: u8, memory_level: u8, params: &Params) -> Deflater {
        let bits = history_bits(memory_level).min(params.client_window_bits);
        Deflater {
            settings: Settings::new(level, memory_level, params),
            history_bits: bits,
            history: params.client_context_takeover.then(|| History::new(bits)),
        }
    }

    /// Appends the compressed payload of one message to `out`; `true`: it is to be sent with RSV1
    /// ([`send::encode_compressed`](crate::send::encode_compressed)).
    ///
    /// `compressor` has what [`Compressors::take`](super::Compressors::take) gave for this deflater, and afterwards what is to be
    /// kept. Any other would do, or none: then one is made.
    ///
    /// `false`: it would not be shorter. `out` is as it was, and the message is to be sent as it is; the
    /// server's context does not have it, nor does ours. With context takeover a message shorter than
    /// the window is compressed even if that makes it up to six bytes longer, so that a later one may refer to it.
    /// An empty message is never compressed.
    ///
    /// Time and memory are linear in the payload: `out` grows by at most nine eighths of it and some bytes,
    /// and has twice that capacity.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`], for the compressor, for what comes out of it or for what is kept; `out` is as it was, and the context is what
    /// was sent. The message may be sent as it is.
    pub fn compress(
        &mut self,
        payload: &[u8],
        out: &mut Vec<u8>,
        compressor: &mut Option<Compressor>,
    ) -> Result<bool, OutOfMemory> {
        if payload.is_empty() {
            return Ok(false);
        }
        if let Some(history) = &mut self.history {
            history.make_room(payload.len())?;
        }
        let mut lent = Compressor::begin(compressor.take(), self.settings, self.history.as_mut())?;
        let start = out.len();
        let flushed = lent.deflate(payload, out);
        if flushed != Ok(true) {
            out.truncate(start);
            return flushed;
        }
        // Only what was flushed can be reset: of an unfinished message zlib-rs 0.6 would go on in the next one.
        let lent = compressor.insert(lent);
        let keep = self.history.is_some() && payload.len() < self.settings.window();
        debug_assert!(out.ends_with(&TAIL));
        let made = out.len() - start - TAIL.len();
        if !keep && made >= payload.len() {
            out.truncate(start);
            lent.forget();
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
        if let Some(history) = &mut self.history {
            lent.now_holds(history.append(payload));
        }
        Ok(true)
    }

    /// Appends the next part of a message that is sent in parts, none of them empty, to `out`: the server can inflate all of
    /// it at once. The first part goes with RSV1, and behind the last one the message ends with [`END_OF_PARTS`].
    /// `compressor`: as for [`compress`](Self::compress).
    ///
    /// Parts refer to those before them. Without context takeover the deflater is therefore good for one message.
    /// Unlike a whole message a part may become longer, by an eighth at most and a few bytes.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`]; `out` is as it was, and the context is what was sent.
    pub fn compress_part(
        &mut self,
        part: &[u8],
        out: &mut Vec<u8>,
        compressor: &mut Option<Compressor>,
    ) -> Result<(), OutOfMemory> {
        debug_assert!(!part.is_empty());
        let history = self.history.get_or_insert_with(|| History::new(self.history_bits));
        history.make_room(part.len())?;
        let mut lent = Compressor::begin(compressor.take(), self.settings, Some(history))?;
        let start = out.len();
        if lent.deflate(part, out) != Ok(true) {
            out.truncate(start);
            return Err(OutOfMemory { wanted: part.len() });
        }
        compressor.insert(lent).now_holds(history.append(part));
        Ok(())
    }

    /// Whatever was compressed and will not be sent after all: the context begins anew with the next message.
    pub fn forget(&mut self) {
        if let Some(history) = &mut self.history {
            history.forget();
        }
    }

    /// The settings that a compressor is made with, and the history that it should hold.
    pub(super) fn wants(&self) -> (Settings, Option<&History>) {
        (self.settings, self.history.as_ref())
    }
}

/// Half as much at each level below 8.
const fn history_bits(memory_level: u8) -> u8 {
    match memory_level {
        0..=2 => 9,
        3..=7 => memory_level + 7,
        8.. => 15,
    }
}

/// The most bytes that a [`Deflater`] keeps, with context takeover: 4 KiB at level 5, and 32 from 8 on.
pub const fn history_memory(memory_level: u8) -> usize {
    1 << history_bits(memory_level)
}
