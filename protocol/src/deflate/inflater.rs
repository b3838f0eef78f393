//! The server's messages, inflated (RFC 7692 §7.2.2).
//!
//! Knows pieces of compressed payloads and the end of a message, not frames. Limits and text are judged
//! by whoever gives it room.

use super::stream::{LEAST_WINDOW_BITS, TAIL, make_stream};
use super::{MOST_WINDOW_BITS, Params};
use crate::send::OutOfMemory;
use flate2::{Decompress, FlushDecompress, Status};

/// The bytes that the receiver's inflater takes while it exists: the library's does not depend on
/// the window, but of a smaller window it touches less.
pub const INFLATER_MEMORY: usize = 48 * 1024;

/// An empty block behind the tail, which says nothing where blocks begin.
const EMPTY_BLOCK: [u8; 5] = [0x00, 0x00, 0x00, 0xff, 0xff];

/// An empty block that ends the stream.
const LAST_BLOCK: [u8; 5] = [0x01, 0x00, 0x00, 0xff, 0xff];

/// Why a message cannot be inflated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum InflateError {
    /// The compressed data are not DEFLATE, or do not end where the message does.
    Broken,
    /// There is no memory for the inflater.
    OutOfMemory,
}

impl From<OutOfMemory> for InflateError {
    fn from(_: OutOfMemory) -> InflateError {
        InflateError::OutOfMemory
    }
}

/// One DEFLATE stream of the server's, over one message or many.
#[derive(Debug)]
pub(crate) struct Inflater {
    stream: Decompress,
    window_bits: u8,
    takeover: bool,
    /// The message has had bytes.
    fed: bool,
    /// The last of them ended a final block, behind which a new stream begins.
    ended: bool,
}

impl Inflater {
    pub(crate) fn new(agreed: &Params) -> Result<Inflater, OutOfMemory> {
        let takeover = agreed.server_context_takeover;
        // An inflater that is freed with the message need not be small, and the largest is the cheapest to reset.
        let window_bits =
            if takeover { agreed.server_window_bits.max(LEAST_WINDOW_BITS) } else { MOST_WINDOW_BITS };
        Ok(Inflater { stream: stream(window_bits)?, window_bits, takeover, fed: false, ended: false })
    }

    /// Inflates from `input`, and moves it behind what was taken, into the room that `out` has: at
    /// least one byte. `true`: call again with more room, there may be more; `false`: all was taken and
    /// given.
    ///
    /// On failure `out` has what was right before it.
    pub(crate) fn inflate(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<bool, InflateError> {
        debug_assert!(out.len() < out.capacity());
        loop {
            if !input.is_empty() {
                self.fed = true;
                self.ended = false;
            }
            let before = (input.len(), out.len());
            let status = self.step(input, out)?;
            let full = out.len() == out.capacity();
            if status == Status::StreamEnd {
                // A final block inside a message (RFC 7692 §7.2.3.4). What follows is a new stream, with
                // a new window: so Chromium, Firefox and Beast.
                self.begin_anew()?;
                self.ended = true;
                if !input.is_empty() && !full {
                    continue;
                }
                return Ok(!input.is_empty());
            }
            if full || input.is_empty() {
                return Ok(full);
            }
            if before == (input.len(), out.len()) {
                return Err(InflateError::Broken);
            }
        }
    }

    /// Ends the message: it must end where a block does, but for the bytes that were not sent.
    ///
    /// A message without any bytes is empty; some servers send no byte where RFC 7692 §7.2.3.6 wants
    /// one. A message that ends with a final block needs no empty block behind it; some servers forget
    /// it. Everything else that is missing, and what is there twice, is refused: at once where the
    /// stream ends with the message, and with context takeover unless the message ends inside the code
    /// tables of a block, which nothing here can see: then the tables go on in the next message, which
    /// fails unless it was made to fit.
    pub(crate) fn finish(&mut self) -> Result<(), InflateError> {
        if !std::mem::take(&mut self.fed) {
            return Ok(());
        }
        if std::mem::take(&mut self.ended) {
            return Ok(());
        }
        if self.feed(&TAIL)? == Status::StreamEnd {
            return Err(InflateError::Broken);
        }
        let ended = self.feed(if self.takeover { &EMPTY_BLOCK } else { &LAST_BLOCK })? == Status::StreamEnd;
        if ended == self.takeover {
            return Err(InflateError::Broken);
        }
        if ended {
            self.begin_anew()?;
        }
        Ok(())
    }

    /// Inflates what the server has not sent, and out of which nothing may come.
    fn feed(&mut self, input: &[u8]) -> Result<Status, InflateError> {
        let (taken, given) = (self.stream.total_in(), self.stream.total_out());
        let status = self
            .stream
            .decompress(input, &mut [0], FlushDecompress::None)
            .map_err(|_| InflateError::Broken)?;
        let all_taken = self.stream.total_in() - taken == input.len() as u64;
        if all_taken && self.stream.total_out() == given { Ok(status) } else { Err(InflateError::Broken) }
    }

    fn step(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Result<Status, InflateError> {
        let before = self.stream.total_in();
        let status = self.stream.decompress_vec(input, out, FlushDecompress::None);
        *input = &input[(self.stream.total_in() - before) as usize..];
        status.map_err(|_| InflateError::Broken)
    }

    fn begin_anew(&mut self) -> Result<(), OutOfMemory> {
        if self.window_bits < MOST_WINDOW_BITS {
            // The library can only make such a stream anew, which costs memory and time at each final
            // block; from here on it costs nothing.
            self.stream = stream(MOST_WINDOW_BITS)?;
            self.window_bits = MOST_WINDOW_BITS;
        } else {
            self.stream.reset(false);
        }
        Ok(())
    }
}

fn stream(window_bits: u8) -> Result<Decompress, OutOfMemory> {
    make_stream(INFLATER_MEMORY, || Decompress::new_with_window_bits(false, window_bits))
}
