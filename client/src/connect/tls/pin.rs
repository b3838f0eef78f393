//! Pins: the keys of which the server's must be one, whatever its certificate says.

use super::certificate::hex;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// SHA-256 of a SubjectPublicKeyInfo.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Pin([u8; 32]);

impl Pin {
    /// 64 hex digits, or base64 as curl and RFC 7469 write it, with or without curl's `sha256//` before it.
    pub(super) fn parse(text: &str) -> Option<Pin> {
        let text = text.strip_prefix("sha256//").unwrap_or(text);
        if text.len() > 64 {
            return None;
        }
        let bytes = if text.len() == 64 {
            let digit = |byte: &u8| (*byte as char).to_digit(16).map(|digit| digit as u8);
            let pair = |pair: &[u8]| Some(digit(&pair[0])? << 4 | digit(&pair[1])?);
            text.as_bytes().chunks_exact(2).map(pair).collect::<Option<Vec<u8>>>()?
        } else {
            STANDARD.decode(text).ok()?
        };
        Some(Pin(bytes.try_into().ok()?))
    }

    pub(super) fn is(&self, key: &[u8; 32]) -> bool {
        self.0 == *key
    }
}

/// The server's key is none of the pinned ones, in words behind "the certificate of X". Its own is public: a host that expects
/// it can pin it.
#[derive(Debug)]
pub(super) struct NotPinned(pub(super) Option<[u8; 32]>);

impl fmt::Display for NotPinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(key) => write!(
                f,
                "has the wrong key: its key has the SHA-256 {} (sha256//{}), which is not pinned",
                hex(key),
                STANDARD.encode(key)
            ),
            None => f.write_str("cannot be read, so that its key is none of the pinned ones"),
        }
    }
}

impl std::error::Error for NotPinned {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_64_hex_digits_or_base64() {
        let pin = Pin([0xab; 32]);
        let base64 = STANDARD.encode([0xab; 32]);
        for text in ["ab".repeat(32), "AB".repeat(32), base64.clone(), format!("sha256//{base64}")] {
            assert_eq!(Pin::parse(&text), Some(pin), "{text}");
        }
        for text in [
            "",
            "sha256//",
            "ab",
            &"ab".repeat(31),
            &"xy".repeat(32),
            &base64[1..],
            "sha1//ab",
            &"é".repeat(32),
        ] {
            assert_eq!(Pin::parse(text), None, "{text}");
        }
    }
}
