//! zlib-rs's stream, lent to one socket's [`Deflater`](super::Deflater) after the other: its window and tables are most of the memory that
//! compression takes, and between two messages none of it is needed but the end of what was sent.

use super::history::{History, Turn};
use super::stream::{LEAST_WINDOW_BITS, make_stream};
use super::{MOST_WINDOW_BITS, Params};
use crate::send::OutOfMemory;
use std::fmt;
use zlib_rs::{Deflate, DeflateConfig, DeflateFlush};

/// Room below which a flush might not end in one call, and would be repeated in the next: zlib wants
/// more than six bytes.
const LEAST_ROOM: usize = 16;

/// The settings of a stream. Streams with equal settings are interchangeable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Settings {
    level: u8,
    memory_level: u8,
    window_bits: u8,
}

impl Settings {
    /// Levels outside of 1 to 9 are the nearest inside.
    pub(super) fn new(level: u8, memory_level: u8, params: &Params) -> Settings {
        Settings {
            level: level.clamp(1, 9),
            memory_level: memory_level.clamp(1, 9),
            window_bits: params.client_window_bits.clamp(LEAST_WINDOW_BITS, MOST_WINDOW_BITS),
        }
    }

    pub(super) fn window(self) -> usize {
        1 << self.window_bits
    }
}

/// A stream that compresses, between two messages. [`Compressors`](super::Compressors) keeps some.
pub struct Compressor {
    stream: Deflate,
    pub(super) settings: Settings,
    /// The socket whose messages are in its window, all that were sent; `None`: what is there is nobody's.
    pub(super) holds: Option<Turn>,
    /// It was used since the last [`sweep`](super::Compressors::sweep).
    pub(super) used: bool,
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Compressor { settings, holds, .. } = self;
        f.debug_struct("Compressor").field("settings", settings).field("holds", holds).finish_non_exhaustive()
    }
}

impl Compressor {
    fn new(settings: Settings) -> Result<Compressor, OutOfMemory> {
        let config = DeflateConfig {
            level: settings.level.into(),
            mem_level: settings.memory_level.into(),
            // Negative: no header of zlib's.
            window_bits: -i32::from(settings.window_bits),
            ..DeflateConfig::default()
        };
        let memory = compressor_memory(settings.memory_level, settings.window_bits);
        let stream = make_stream(memory, || Deflate::new_with_config(config))?;
        Ok(Compressor { stream, settings, holds: None, used: true })
    }

    /// `lent`, if it was made with these settings, or a new one; its window holds the history, or nothing.
    pub(super) fn begin(
        lent: Option<Compressor>,
        settings: Settings,
        history: Option<&mut History>,
    ) -> Result<Compressor, OutOfMemory> {
        let mut compressor = match lent.filter(|lent| lent.settings == settings) {
            Some(lent) if history.as_deref().is_some_and(|history| history.is_in(lent.holds.as_ref())) => {
                return Ok(lent);
            }
            Some(mut lent) => {
                lent.stream.reset();
                lent
            }
            None => Compressor::new(settings)?,
        };
        compressor.holds = None;
        if let Some(history) = history.map(History::bytes).filter(|history| !history.is_empty()) {
            let taken = compressor.stream.set_dictionary(history);
            debug_assert!(taken.is_ok(), "{taken:?}");
        }
        Ok(compressor)
    }

    /// All that it was given since [`begin`](Self::begin) was sent.
    pub(super) fn now_holds(&mut self, turn: Turn) {
        self.holds = Some(turn);
    }

    /// The last message was not sent after all.
    pub(super) fn forget(&mut self) {
        self.holds = None;
    }

    /// Compresses the whole payload behind `out`, and flushes; `false`: the library will not. If it is not `Ok(true)`, the
    /// stream is good for nothing.
    pub(super) fn deflate(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<bool, OutOfMemory> {
        let start = out.len();
        let mut rest = payload;
        loop {
            if out.capacity() - out.len() < LEAST_ROOM {
                // Half of the payload first, then as much again each time.
                let wanted = (out.len() - start).max(payload.len() / 2) + LEAST_ROOM;
                out.try_reserve(wanted).map_err(|_| OutOfMemory { wanted })?;
            }
            // More is not needed, but it may all have to be filled with zeros.
            let room = (out.capacity() - out.len()).min(rest.len() + rest.len() / 8 + 4 * LEAST_ROOM);
            let (len, taken, given) = (out.len(), self.stream.total_in(), self.stream.total_out());
            out.resize(len + room, 0);
            let status = self.stream.compress(rest, &mut out[len..], DeflateFlush::SyncFlush);
            let given = (self.stream.total_out() - given) as usize;
            out.truncate(len + given);
            if status.is_err() {
                debug_assert!(false, "{status:?}");
                return Ok(false);
            }
            rest = &rest[(self.stream.total_in() - taken) as usize..];
            // The flush is complete when it leaves room.
            if rest.is_empty() && given < room {
                return Ok(true);
            }
        }
    }
}

/// The bytes that a [`Compressor`] takes, for a window of so many bits: 274 KiB at level 5 with 15, and with 9 148.
/// 128 KiB of it is zlib-rs's hash table, which has the same size for every level and window.
pub const fn compressor_memory(memory_level: u8, window_bits: u8) -> usize {
    let bits = if window_bits < LEAST_WINDOW_BITS { LEAST_WINDOW_BITS } else { window_bits };
    // Window and chains four times the window; pending output and symbols seven times what the level says; the state.
    128 * 1024 + (4 << bits) + (7 << (memory_level + 6)) + 4 * 1024
}
