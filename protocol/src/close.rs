//! Close frames (RFC 6455 §5.5.1, §7.4): codes and reasons, read and written.
//!
//! Knows what a close frame may say, not when one is due.

use crate::failure::Failure;
use crate::frame::MAX_CONTROL_PAYLOAD;
use std::str;

/// The longest reason of a close frame, in bytes: what a control frame holds behind the code.
pub const MAX_REASON: usize = MAX_CONTROL_PAYLOAD - 2;

/// The contents of a close frame.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct CloseFrame {
    /// The code; `None` if the frame was empty, which the API reports as 1005.
    pub code: Option<u16>,
    /// The reason, empty if there was none; it may hold a NUL.
    pub reason: String,
}

const BAD_CODE: Failure = Failure::Protocol("a close frame has a code that must not be sent (RFC 6455 7.4)");
const HALF_CODE: Failure = Failure::Protocol("a close frame has half a code (RFC 6455 5.5.1)");
const BAD_REASON: Failure = Failure::InvalidText("the reason of a close frame is not UTF-8 (RFC 6455 5.5.1)");

/// Returns whether an endpoint may send this code (RFC 6455 §7.4 and the IANA registry). A host's own choice is
/// narrower still.
pub const fn may_send(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1011 | 3000..=4999)
}

/// Returns whether a server may send this code. That includes 1012 to 1014, which only servers and gateways use.
pub const fn may_receive(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Returns the meaning of a code (RFC 6455 §7.4.1 and the IANA registry), or `None` for one that only its application
/// knows.
pub const fn meaning(code: u16) -> Option<&'static str> {
    Some(match code {
        1000 => "normal closure",
        1001 => "going away",
        1002 => "protocol error",
        1003 => "unsupported data",
        1007 => "invalid payload data",
        1008 => "policy violation",
        1009 => "message too big",
        1010 => "mandatory extension",
        1011 => "internal error",
        1012 => "service restart",
        1013 => "try again later",
        1014 => "bad gateway",
        _ => return None,
    })
}

/// Checks whether the beginning of a close frame's payload can still become a legal one.
///
/// # Errors
///
/// [`Failure::Protocol`] for a bad code, from its second byte on; [`Failure::InvalidText`] for a
/// reason that is not UTF-8, from the first bad byte on.
pub fn check_beginning(payload: &[u8]) -> Result<(), Failure> {
    let Some((&code, reason)) = payload.split_first_chunk::<2>() else {
        return Ok(());
    };
    if !may_receive(u16::from_be_bytes(code)) {
        return Err(BAD_CODE);
    }
    match str::from_utf8(reason) {
        Err(error) if error.error_len().is_some() => Err(BAD_REASON),
        _ => Ok(()),
    }
}

/// Reads the whole payload of a server's close frame.
///
/// # Errors
///
/// As [`check_beginning`]; also for a payload of one byte, and for a reason that ends inside a
/// character.
pub fn parse(payload: &[u8]) -> Result<CloseFrame, Failure> {
    if payload.is_empty() {
        return Ok(CloseFrame::default());
    }
    check_beginning(payload)?;
    let (&code, reason) = payload.split_first_chunk::<2>().ok_or(HALF_CODE)?;
    let reason = str::from_utf8(reason).map_err(|_| BAD_REASON)?;
    Ok(CloseFrame { code: Some(u16::from_be_bytes(code)), reason: reason.to_owned() })
}

/// Appends the payload of a close frame to `out`: nothing at all without a code.
///
/// A code that only a server chooses (1012 to 1014) is legal here too: it is echoed. A reason longer than
/// [`MAX_REASON`] is cut at the last character that fits, because the library's own reasons may be long; a host's
/// reason was checked when it came in.
pub fn encode(code: Option<u16>, reason: &str, out: &mut Vec<u8>) {
    let Some(code) = code else { return };
    debug_assert!(may_receive(code), "close code {code} must not be sent");
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(&reason.as_bytes()[..end]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_of_the_registry_are_received_and_no_others() {
        let legal: Vec<u16> = (0..=u16::MAX).filter(|&code| may_receive(code)).collect();
        let expected: Vec<u16> = (1000..=1003).chain(1007..=1014).chain(3000..=4999).collect();
        assert_eq!(legal, expected);
        for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
            assert_eq!(parse(&u16::to_be_bytes(code)), Err(BAD_CODE));
        }
    }

    #[test]
    fn codes_that_only_servers_use_are_not_sent() {
        for code in 0..=u16::MAX {
            assert_eq!(may_send(code), may_receive(code) && !(1012..=1014).contains(&code), "{code}");
        }
    }

    #[test]
    fn a_close_frame_is_read_as_it_was_written() {
        for (code, reason) in [(None, ""), (Some(1000), ""), (Some(4999), "go\0ing €")] {
            let mut payload = Vec::new();
            encode(code, reason, &mut payload);
            assert_eq!(parse(&payload), Ok(CloseFrame { code, reason: reason.to_owned() }));
        }
    }

    #[test]
    fn a_payload_of_one_byte_is_refused() {
        assert_eq!(parse(&[3]), Err(HALF_CODE));
    }

    #[test]
    fn a_bad_reason_is_refused_at_its_first_bad_byte_and_a_cut_one_at_its_end() {
        let surrogate = b"\x03\xe8ok \xed\xa0\x80";
        assert_eq!(check_beginning(&surrogate[..6]), Ok(()));
        assert_eq!(check_beginning(&surrogate[..7]), Err(BAD_REASON));
        assert_eq!(parse(surrogate), Err(BAD_REASON));

        let cut = b"\x03\xe8\xe2\x82";
        assert_eq!(check_beginning(cut), Ok(()));
        assert_eq!(parse(cut), Err(BAD_REASON));
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let mut payload = Vec::new();
        encode(Some(1002), &"€".repeat(50), &mut payload);
        assert_eq!(parse(&payload).map(|close| close.reason), Ok("€".repeat(41)));
        assert_eq!(payload.len(), MAX_CONTROL_PAYLOAD);
    }
}
