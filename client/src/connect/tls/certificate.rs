//! The content of a certificate, for people. Nothing here decides whether it is to be trusted.

use super::provider::digest::{SHA256, digest};
use super::x509::Fields;
use der::DateTime;
use rustls::pki_types::UnixTime;
use std::fmt::Write;
use std::time::Duration;

/// A certificate, as `ws_get_tls_info` and error messages show it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    /// `CN=feed.example.com, O=Example`; empty if the certificate names its names elsewhere only.
    pub subject: String,
    /// Its issuer, written alike.
    pub issuer: String,
    /// Valid from here on, in seconds since 1970.
    pub not_before: i64,
    /// Valid until here, in seconds since 1970.
    pub not_after: i64,
    /// SHA-256 of the whole certificate, in hex digits.
    pub sha256: String,
    /// SHA-256 of its key (SubjectPublicKeyInfo), in hex digits: what a pin is.
    pub key_sha256: String,
}

impl Certificate {
    /// `None` for what is no X.509 certificate.
    pub(super) fn read(der: &[u8]) -> Option<Certificate> {
        let fields = Fields::read(der)?;
        Some(Certificate {
            subject: visible(&fields.subject()?),
            issuer: visible(&fields.issuer()?),
            not_before: fields.not_before,
            not_after: fields.not_after,
            sha256: hex(&sha256(der)),
            key_sha256: hex(&sha256(fields.key)),
        })
    }
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, bytes).as_ref());
    sum
}

/// SHA-256 of the leaf's key: RFC 7469's SPKI fingerprint.
pub(super) fn key_sha256(der: &[u8]) -> Option<[u8; 32]> {
    Some(sha256(Fields::read(der)?.key))
}

/// The names and addresses that it is for (subjectAltName, the only ones that count: RFC 9525).
pub(super) fn names(der: &[u8]) -> Vec<String> {
    let names = Fields::read(der).and_then(|fields| fields.alt_names()).unwrap_or_default();
    names.iter().map(|name| visible(name)).collect()
}

/// From when until when it is valid.
pub(super) fn validity(der: &[u8]) -> Option<(UnixTime, UnixTime)> {
    let fields = Fields::read(der)?;
    // Before 1970 is as good as 1970.
    let moment = |seconds: i64| UnixTime::since_unix_epoch(Duration::from_secs(seconds.max(0) as u64));
    Some((moment(fields.not_before), moment(fields.not_after)))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The server chose these characters: none of them may move a cursor or end a line of a log.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// A moment as people read it: `2001-01-01 00:00:00 UTC`.
pub(super) fn moment(unix: i64) -> String {
    let time = u64::try_from(unix)
        .ok()
        .and_then(|unix| DateTime::from_unix_duration(Duration::from_secs(unix)).ok());
    match time {
        Some(time) => format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC",
            time.year(),
            time.month(),
            time.day(),
            time.hour(),
            time.minutes(),
            time.seconds()
        ),
        None => format!("{unix} seconds after 1970"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_for_people() {
        assert_eq!(moment(978_307_200), "2001-01-01 00:00:00 UTC");
        assert_eq!(moment(4_102_444_799), "2099-12-31 23:59:59 UTC");
        assert_eq!(moment(i64::MAX), format!("{} seconds after 1970", i64::MAX));
    }

    #[test]
    fn what_is_no_certificate_is_not_read() {
        assert_eq!(Certificate::read(b"no certificate"), None);
        assert_eq!(key_sha256(b""), None);
    }
}
