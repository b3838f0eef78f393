//! The content of a certificate, for people: read by x509-parser. Nothing here decides whether it is to be trusted.

use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::UnixTime;
use std::fmt::Write;
use std::net::IpAddr;
use std::time::Duration;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Name;

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
        let (_, certificate) = parse_x509_certificate(der).ok()?;
        Some(Certificate {
            subject: name(certificate.subject()),
            issuer: name(certificate.issuer()),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            sha256: hex(&sha256(der)),
            key_sha256: hex(&sha256(certificate.public_key().raw)),
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
    let (_, certificate) = parse_x509_certificate(der).ok()?;
    Some(sha256(certificate.public_key().raw))
}

/// The names and addresses that it is for (subjectAltName, the only ones that count: RFC 9525).
pub(super) fn names(der: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = parse_x509_certificate(der) else { return Vec::new() };
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let names = extension.value.general_names.iter().filter_map(|name| match *name {
        GeneralName::DNSName(name) => Some(visible(name)),
        GeneralName::IPAddress(bytes) => <[u8; 4]>::try_from(bytes)
            .map(IpAddr::from)
            .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
            .ok()
            .map(|address| address.to_string()),
        _ => None,
    });
    names.collect()
}

/// From when until when it is valid.
pub(super) fn validity(der: &[u8]) -> Option<(UnixTime, UnixTime)> {
    let (_, certificate) = parse_x509_certificate(der).ok()?;
    // Before 1970 is as good as 1970.
    let moment =
        |time: &ASN1Time| UnixTime::since_unix_epoch(Duration::from_secs(time.timestamp().max(0) as u64));
    Some((moment(&certificate.validity().not_before), moment(&certificate.validity().not_after)))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn name(name: &X509Name<'_>) -> String {
    visible(&name.to_string())
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
    match ASN1Time::from_timestamp(unix) {
        Ok(time) => {
            let time = time.to_datetime();
            let month = u8::from(time.month());
            format!(
                "{:04}-{month:02}-{:02} {:02}:{:02}:{:02} UTC",
                time.year(),
                time.day(),
                time.hour(),
                time.minute(),
                time.second()
            )
        }
        Err(_) => format!("{unix} seconds after 1970"),
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
