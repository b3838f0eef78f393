//! Validation of UTF-8 while it arrives (RFC 6455 §8.1), which fails at the first byte that cannot be right.
//!
//! Knows nothing of frames and messages. Long text goes through simdutf8, short text through std,
//! which is faster there.

use std::str;

/// Below this std is faster than simdutf8, which has to be looked up for the processor and works on
/// 64 bytes at a time.
const LONG: usize = 128;

/// Text that is not UTF-8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Utf8Error {
    /// The first byte that shows it, counted from the start of the bytes that were given. Where the
    /// text ends inside a character this is its last byte.
    pub at: usize,
}

/// The result of checking some bytes of a text.
enum Verdict {
    Valid,
    /// Valid but for a last character that begins here and is not complete.
    CutAt(usize),
    BadAt(usize),
}

fn judge(bytes: &[u8]) -> Verdict {
    let (valid_up_to, error_len) = if bytes.len() < LONG {
        match str::from_utf8(bytes) {
            Ok(_) => return Verdict::Valid,
            Err(error) => (error.valid_up_to(), error.error_len()),
        }
    } else {
        match simdutf8::compat::from_utf8(bytes) {
            Ok(_) => return Verdict::Valid,
            Err(error) => (error.valid_up_to(), error.error_len()),
        }
    };
    match error_len {
        None => Verdict::CutAt(valid_up_to),
        // A byte that can begin no character is wrong by itself; otherwise the lead byte and `len -
        // 1` bytes after it are right, and the one behind them is not.
        Some(len) => match bytes[valid_up_to] {
            0xc2..=0xf4 => Verdict::BadAt(valid_up_to + len),
            _ => Verdict::BadAt(valid_up_to),
        },
    }
}

/// Checks a whole text.
///
/// # Errors
///
/// [`Utf8Error`] with the first byte that shows that it is not UTF-8.
#[inline]
pub fn check(text: &[u8]) -> Result<(), Utf8Error> {
    // Most text on most connections is short and ASCII, and this test is a few vector instructions.
    if text.len() < LONG && is_ascii(text) {
        return Ok(());
    }
    check_any(text)
}

/// Like std's, but several times as fast between 16 bytes and [`LONG`]: the last step overlaps the one before it, so
/// that no byte is checked alone.
#[inline]
fn is_ascii(text: &[u8]) -> bool {
    let Some(last) = text.last_chunk::<16>() else {
        return text.iter().fold(0, |all, byte| all | byte) < 0x80;
    };
    let (steps, _) = text.as_chunks::<16>();
    let all = steps.iter().fold(u128::from_ne_bytes(*last), |all, step| all | u128::from_ne_bytes(*step));
    all & u128::from_ne_bytes([0x80; 16]) == 0
}

fn check_any(text: &[u8]) -> Result<(), Utf8Error> {
    match judge(text) {
        Verdict::Valid => Ok(()),
        Verdict::CutAt(_) => Err(Utf8Error { at: text.len() - 1 }),
        Verdict::BadAt(at) => Err(Utf8Error { at }),
    }
}

/// Checks a text that comes in pieces, cut anywhere. The state is at most three bytes, so the cost depends on the
/// number of bytes only, not on that of the pieces.
#[derive(Clone, Default, Debug)]
pub struct Utf8Validator {
    /// The beginning of a character that the last piece cut in two.
    open: [u8; 4],
    open_len: usize,
}

impl Utf8Validator {
    /// A validator at the start of a text.
    pub const fn new() -> Utf8Validator {
        Utf8Validator { open: [0; 4], open_len: 0 }
    }

    /// Checks the next piece.
    ///
    /// # Errors
    ///
    /// [`Utf8Error`] with the place *in this piece* of the first byte that cannot be right. The
    /// validator is spent then.
    #[inline]
    pub fn push(&mut self, mut piece: &[u8]) -> Result<(), Utf8Error> {
        let mut taken = 0;
        while self.open_len > 0 {
            let Some((&byte, rest)) = piece.split_first() else {
                return Ok(());
            };
            self.complete(byte).map_err(|()| Utf8Error { at: taken })?;
            piece = rest;
            taken += 1;
        }
        match judge(piece) {
            Verdict::Valid => Ok(()),
            Verdict::CutAt(start) => {
                let tail = &piece[start..];
                self.open[..tail.len()].copy_from_slice(tail);
                self.open_len = tail.len();
                Ok(())
            }
            Verdict::BadAt(at) => Err(Utf8Error { at: taken + at }),
        }
    }

    /// Takes one more byte of the open character.
    fn complete(&mut self, byte: u8) -> Result<(), ()> {
        self.open[self.open_len] = byte;
        self.open_len += 1;
        match judge(&self.open[..self.open_len]) {
            Verdict::Valid => self.open_len = 0,
            Verdict::CutAt(_) => {}
            Verdict::BadAt(_) => return Err(()),
        }
        Ok(())
    }

    /// The number of bytes at the end of the text so far that begin a character: at most three.
    pub const fn unfinished(&self) -> usize {
        self.open_len
    }

    /// Checks the end of the text, and starts a new one.
    ///
    /// # Errors
    ///
    /// [`Utf8Error`] if the text ends inside a character; its place is 0.
    pub fn finish(&mut self) -> Result<(), Utf8Error> {
        match std::mem::take(&mut self.open_len) {
            0 => Ok(()),
            _ => Err(Utf8Error { at: 0 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bad sequences, and which of their bytes is the first that cannot be right.
    const BAD: &[(&[u8], usize)] = &[
        (b"\x80", 0),             // a continuation byte alone
        (b"\xc0\xaf", 0),         // overlong, two bytes
        (b"\xc1\xbf", 0),         // overlong, two bytes
        (b"\xc2\x41", 1),         // a lead byte with no continuation
        (b"\xe0\x9f\xbf", 1),     // overlong, three bytes
        (b"\xe2\x82\x41", 2),     // cut short by another character
        (b"\xed\xa0\x80", 1),     // the surrogate U+D800
        (b"\xed\xbf\xbf", 1),     // the surrogate U+DFFF
        (b"\xf0\x8f\xbf\xbf", 1), // overlong, four bytes
        (b"\xf0\x9f\x98\x41", 3), // cut short by another character
        (b"\xf4\x90\x80\x80", 1), // above U+10FFFF
        (b"\xf5\x80\x80\x80", 0), // above U+10FFFF whatever follows
        (b"\xfe", 0),
        (b"\xff", 0),
    ];

    #[test]
    fn bad_text_is_refused_at_the_first_byte_that_shows_it_in_every_split() {
        for &(bad, index) in BAD {
            for before in [0, 1, 31, 32, 63, 64, 127, 128, 200] {
                let mut text = vec![b'a'; before];
                text.extend_from_slice(bad);
                text.extend_from_slice(&[b'z'; 70]);
                let at = before + index;
                assert_eq!(check(&text), Err(Utf8Error { at }), "{bad:02x?} behind {before} bytes");
                for cut in 0..=text.len() {
                    let mut validator = Utf8Validator::new();
                    let found = match validator.push(&text[..cut]) {
                        Err(error) => error.at,
                        Ok(()) => cut + validator.push(&text[cut..]).expect_err("bad text").at,
                    };
                    assert_eq!(found, at, "{bad:02x?} behind {before} bytes, cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn one_bad_byte_is_found_at_every_place_of_every_length() {
        for len in 1..=2 * LONG {
            for at in 0..len {
                let mut text = vec![b'a'; len];
                text[at] = 0xff;
                assert_eq!(check(&text), Err(Utf8Error { at }), "{len} bytes");
            }
        }
    }

    #[test]
    fn good_text_passes_in_every_split() {
        let text = "aé€😀".repeat(20).into_bytes();
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let mut validator = Utf8Validator::new();
                for piece in [&text[..first], &text[first..second], &text[second..]] {
                    assert_eq!(validator.push(piece), Ok(()));
                }
                assert_eq!(validator.finish(), Ok(()));
            }
        }
    }

    #[test]
    fn text_that_ends_inside_a_character_is_refused_at_its_end_only() {
        for whole in ["é", "€", "😀"] {
            for end in 1..whole.len() {
                let cut = &whole.as_bytes()[..end];
                assert_eq!(check(cut), Err(Utf8Error { at: end - 1 }));
                let mut validator = Utf8Validator::new();
                assert_eq!(validator.push(cut), Ok(()));
                assert_eq!(validator.finish(), Err(Utf8Error { at: 0 }));
                assert_eq!(validator.finish(), Ok(()), "a new text begins");
            }
        }
    }
}
