//! Between the UTF-16 of the host and the UTF-8 that goes over the network: what the sending functions need, and entry
//! points that convert for the host.
//!
//! Sizes are the host's, so memory that cannot be had is an error; the entry points allocate nothing.

use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::slice;

use libc::size_t;
use ws4d_client::ErrorCode;

use crate::{arg, boundary};

/// Converts UTF-8 to UTF-16. It allocates nothing and needs no handle.
///
/// Bytes that are not UTF-8 become U+FFFD, as in web browsers: one for each character that breaks off after a valid
/// beginning, and one for each byte that cannot begin a character.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param utf8  The text; may be NULL if `len` is 0. It must not overlap `out`.
/// @param len   Bytes in `utf8`, or WS_NUL_TERMINATED.
/// @param out   Receives UTF-16 in the machine's byte order, aligned: as many whole characters as there is room for,
///              followed by a 0 unit if `room` is larger than the result. NULL: nothing is written.
/// @param room  16-bit units in `out`.
/// @return The number of units that the whole text needs, without the 0 unit, whatever `room` is; 0 if `utf8` is NULL.
///
/// # Safety
/// `utf8` is readable for `len` bytes, or up to its NUL; `out` is NULL or writable for `room` units.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_utf16_from_utf8(
    utf8: *const c_char,
    len: size_t,
    out: *mut u16,
    room: size_t,
) -> size_t {
    boundary::read(0, || {
        // SAFETY: the caller upholds the contract above.
        let (text, out) = unsafe { (arg::text(utf8, len).unwrap_or_default(), room_of(out, room)) };
        Some(from_utf8(text, Filled::new(out)))
    })
}

/// Converts UTF-16 to UTF-8. It allocates nothing and needs no handle.
///
/// A lone surrogate becomes U+FFFD.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param utf16  UTF-16 in the machine's byte order, aligned; may be NULL if `units` is 0. It must not overlap `out`.
/// @param units  16-bit units in `utf16`, or WS_NUL_TERMINATED.
/// @param out    Receives UTF-8: as many whole characters as there is room for, followed by a NUL if `room` is larger
///               than the result. NULL: nothing is written.
/// @param room   Bytes in `out`.
/// @return The number of bytes that the whole text needs, without the NUL, whatever `room` is; 0 if `utf16` is NULL or
///         not aligned.
///
/// # Safety
/// `utf16` is readable for `units` units, or up to its 0 unit; `out` is NULL or writable for `room` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_utf8_from_utf16(
    utf16: *const u16,
    units: size_t,
    out: *mut c_char,
    room: size_t,
) -> size_t {
    boundary::read(0, || {
        // SAFETY: the caller upholds the contract above.
        let (units, out) =
            unsafe { (arg::utf16(utf16, units).unwrap_or_default(), room_of(out.cast::<u8>(), room)) };
        Some(from_utf16(units, Filled::new(out)))
    })
}

/// The room that a host gives for a result; none where that can be none.
///
/// # Safety
/// `out` is NULL or writable for `room` items for the length of the caller's call, and no other code reads it.
unsafe fn room_of<'a, T>(out: *mut T, room: size_t) -> &'a mut [MaybeUninit<T>] {
    if out.is_null() || !out.is_aligned() || room > isize::MAX as usize / size_of::<T>() {
        return &mut [];
    }
    // SAFETY: not NULL, aligned, not above isize::MAX bytes; the caller upholds the rest.
    unsafe { slice::from_raw_parts_mut(out.cast(), room) }
}

/// The part of a text that fits into a buffer, and the size that the whole text needs.
struct Filled<'a, T> {
    room: &'a mut [MaybeUninit<T>],
    written: usize,
    needed: usize,
}

impl<'a, T: Copy + Default> Filled<'a, T> {
    fn new(room: &'a mut [MaybeUninit<T>]) -> Filled<'a, T> {
        Filled { room, written: 0, needed: 0 }
    }

    /// Adds a character, or several. Behind the first that found no room nothing is written.
    fn push(&mut self, units: impl ExactSizeIterator<Item = T>) {
        let (begin, len) = (self.needed, units.len());
        self.needed += len;
        if self.written == begin
            && let Some(room) = self.room.get_mut(begin..self.needed)
        {
            for (place, unit) in room.iter_mut().zip(units) {
                place.write(unit);
            }
            self.written = self.needed;
        }
    }

    /// Returns the size that the whole text needs; writes a 0 behind the text where there is room.
    fn finish(self) -> usize {
        if let Some(behind) = self.room.get_mut(self.needed) {
            behind.write(T::default());
        }
        self.needed
    }
}

fn from_utf8(text: &[u8], mut out: Filled<'_, u16>) -> usize {
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            out.push(character.encode_utf16(&mut [0; 2]).iter().copied());
        }
        if !chunk.invalid().is_empty() {
            out.push([0xfffd].into_iter());
        }
    }
    out.finish()
}

fn from_utf16(units: &[u16], mut out: Filled<'_, u8>) -> usize {
    for character in char::decode_utf16(units.iter().copied()) {
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        out.push(character.encode_utf8(&mut [0; 4]).bytes());
    }
    out.finish()
}

/// Lone surrogates are refused: there is no UTF-8 for them.
pub(crate) fn to_utf8(units: &[u16]) -> Result<Vec<u8>, ErrorCode> {
    let mut utf8 = Vec::new();
    utf8.try_reserve_exact(utf8_len(units)?).map_err(|_| ErrorCode::OutOfMemory)?;
    let mut rest = units;
    loop {
        let ascii = rest.iter().position(|unit| *unit >= 0x80).unwrap_or(rest.len());
        utf8.extend(rest[..ascii].iter().map(|unit| *unit as u8));
        rest = &rest[ascii..];
        if rest.is_empty() {
            return Ok(utf8);
        }
        let other = rest.iter().position(|unit| *unit < 0x80).unwrap_or(rest.len());
        for character in char::decode_utf16(rest[..other].iter().copied()) {
            let character = character.map_err(|_| ErrorCode::InvalidUtf8)?;
            utf8.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        rest = &rest[other..];
    }
}

/// Exact for valid text: each half of a surrogate pair counts two of its four bytes.
fn utf8_len(units: &[u16]) -> Result<usize, ErrorCode> {
    let more: usize = units
        .iter()
        .map(|unit| {
            usize::from(*unit >= 0x80) + usize::from(*unit >= 0x800 && !(0xD800..0xE000).contains(unit))
        })
        .sum();
    units.len().checked_add(more).ok_or(ErrorCode::OutOfMemory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lengths_of_utf8_arrive_as_they_are() {
        for text in [
            "",
            "a",
            "é",
            "€",
            "😀",
            "aé€😀z",
            "日本語 text 😀😀",
            "\u{0}\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}",
        ] {
            let units: Vec<u16> = text.encode_utf16().collect();
            let utf8 = to_utf8(&units).unwrap();
            assert_eq!(utf8, text.as_bytes());
            assert_eq!(utf8_len(&units), Ok(text.len()), "reserved exactly");
        }
    }

    #[test]
    fn a_lone_surrogate_is_refused_wherever_it_stands() {
        for units in [
            &[0xD800][..],
            &[0xDFFF],
            &[0x61, 0xD83D],
            &[0xD83D, 0x61],
            &[0xDE00, 0xD83D],
            &[0xD83D, 0xD83D, 0xDE00],
        ] {
            assert_eq!(to_utf8(units), Err(ErrorCode::InvalidUtf8), "{units:x?}");
        }
    }

    /// Unit by unit, whatever the room: what is needed, and what was written.
    fn filled<T: Copy + Default>(
        room: usize,
        convert: impl FnOnce(Filled<'_, T>) -> usize,
        canary: T,
    ) -> (usize, Vec<T>) {
        let mut out = vec![MaybeUninit::new(canary); room];
        let needed = convert(Filled::new(&mut out));
        // SAFETY: it was full from the start.
        (needed, out.into_iter().map(|unit| unsafe { unit.assume_init() }).collect())
    }

    #[test]
    fn the_converters_write_whole_characters_and_a_zero_only_behind_all_of_them() {
        let text = "a\u{e9}\u{20ac}\u{1f600}z";
        let units: Vec<u16> = text.encode_utf16().collect();
        for room in 0..=units.len() + 2 {
            let (needed, out) = filled(room, |out| from_utf8(text.as_bytes(), out), 7);
            assert_eq!(needed, units.len());
            // Half a pair is not written, nor what comes behind it.
            let whole = if room == 4 { 3 } else { room.min(units.len()) };
            assert_eq!(out[..whole], units[..whole]);
            let behind: Vec<u16> = (whole..room).map(|at| if at == units.len() { 0 } else { 7 }).collect();
            assert_eq!(out[whole..], behind, "room for {room}");
        }
        for room in 0..=text.len() + 2 {
            let (needed, out) = filled(room, |out| from_utf16(&units, out), b'!');
            assert_eq!(needed, text.len());
            let whole = (0..=room.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            assert_eq!(out[..whole], text.as_bytes()[..whole]);
            let behind: Vec<u8> = (whole..room).map(|at| if at == text.len() { 0 } else { b'!' }).collect();
            assert_eq!(out[whole..], behind, "room for {room}");
        }
    }

    #[test]
    fn what_is_invalid_becomes_the_replacement_character() {
        for (bytes, expected) in [
            (&b"a\xffb"[..], "a\u{fffd}b"),
            (b"\xc3", "\u{fffd}"),
            (b"\xe2\x82a", "\u{fffd}a"),
            (b"\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}"),
            (b"\xf0\x9f\x98", "\u{fffd}"),
            (b"\xc0\xaf", "\u{fffd}\u{fffd}"),
        ] {
            let expected: Vec<u16> = expected.encode_utf16().collect();
            let (needed, out) = filled(expected.len(), |out| from_utf8(bytes, out), 7);
            assert_eq!((needed, out), (expected.len(), expected), "{bytes:x?}");
        }
        for (units, expected) in [
            (&[0xd800][..], "\u{fffd}"),
            (&[0x61, 0xdc00, 0x62], "a\u{fffd}b"),
            (&[0xd83d, 0xd83d, 0xde00], "\u{fffd}\u{1f600}"),
            (&[0xde00, 0xd83d], "\u{fffd}\u{fffd}"),
        ] {
            let (needed, out) = filled(expected.len(), |out| from_utf16(units, out), b'!');
            assert_eq!((needed, out.as_slice()), (expected.len(), expected.as_bytes()), "{units:x?}");
        }
    }
}
