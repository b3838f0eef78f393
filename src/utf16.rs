//! UTF-16 of the host to the UTF-8 that goes over the network.
//!
//! Pure; sizes are the host's, so memory that cannot be had is an error.

use ws4d_client::ErrorCode;

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
}
