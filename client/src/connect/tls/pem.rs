//! PEM (RFC 7468), with words for what is wrong with it.

use super::words::plain;
use crate::error::ErrorCode;
use crate::options::refusal::Refusal;
use rustls::pki_types::pem::{Error, PemObject};

/// All items of one kind that a text has: one at least. `what` they are called: "certificate".
pub(super) fn all<T: PemObject>(text: &[u8], what: &str) -> Result<Vec<T>, Refusal> {
    let found: Result<Vec<T>, Error> = T::pem_slice_iter(text).collect();
    match found {
        Ok(found) if found.is_empty() => Err(none(text, what)),
        Ok(found) => Ok(found),
        Err(error) => Err(broken(&error)),
    }
}

/// Returns `true` if these bytes are somewhere in a text.
pub(super) fn has(text: &[u8], what: &[u8]) -> bool {
    position(text, what).is_some()
}

/// The text between the first `BEGIN` and `END` with this label.
pub(super) fn section<'a>(text: &'a [u8], label: &str) -> Option<&'a [u8]> {
    let begin = format!("-----BEGIN {label}-----");
    let inside = &text[position(text, begin.as_bytes())? + begin.len()..];
    Some(&inside[..position(inside, format!("-----END {label}-----").as_bytes())?])
}

fn position(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// There is nothing of the kind in it; but something may be.
pub(super) fn none(text: &[u8], what: &str) -> Refusal {
    let why = match other(text) {
        Some(other) => format!("there is no {what} in it, but {other}"),
        None => format!("there is no {what} in it: it wants -----BEGIN ...----- before base64 (PEM)"),
    };
    Refusal::new(ErrorCode::InvalidArgument, why)
}

fn other(text: &[u8]) -> Option<String> {
    if text.is_empty() {
        return Some("nothing at all".to_owned());
    }
    // A SEQUENCE with a length of two bytes.
    if text.starts_with(&[0x30, 0x82]) {
        return Some("DER; convert it to PEM (openssl x509 -inform DER -in FILE -out FILE.pem)".to_owned());
    }
    let begin = b"-----BEGIN ";
    let at = position(text, begin)?;
    let label: String = text[at + begin.len()..]
        .iter()
        .map(|byte| char::from(*byte))
        .take_while(|c| *c != '-')
        .take(40)
        .collect();
    label
        .chars()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == ' ')
        .then(|| format!("\"{label}\""))
}

/// The fault of the form: rustls shows lines as lists of numbers.
pub(super) fn broken(error: &Error) -> Refusal {
    let why = match error {
        Error::MissingSectionEnd { .. } => {
            "a section that begins in it has no -----END ...----- line; was it cut?"
        }
        Error::IllegalSectionStart { .. } => "a -----BEGIN ...----- line in it is malformed",
        // Its other errors are those of reading a file, and of more than 256 MB.
        _ => "what stands between BEGIN and END in it is no base64",
    };
    Refusal::new(ErrorCode::InvalidArgument, why)
}

/// The reason why a certificate that was decoded is none, in words: those of rustls and webpki are the names in their sources.
pub(super) fn der_words(error: &rustls::Error) -> String {
    use rustls::{CertificateError, Error as Tls};
    match error {
        Tls::InvalidCertificate(CertificateError::BadEncoding) => {
            "it is no X.509 certificate, or a damaged one".to_owned()
        }
        Tls::InvalidCertificate(CertificateError::Other(other)) => plain(&other.to_string()),
        Tls::InvalidCertificate(other) => plain(&format!("{other:?}")),
        other => plain(&other.to_string()),
    }
}

/// The reason why a revocation list that was decoded is none.
pub(super) fn crl_words(error: &webpki::Error) -> String {
    match error {
        webpki::Error::BadDer | webpki::Error::TrailingData(_) => {
            "it is no X.509 revocation list, or a damaged one".to_owned()
        }
        other => plain(&format!("{other:?}")),
    }
}
