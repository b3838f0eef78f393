//! The system's trust where it is files: each distinct set of options reads them once. A set that could not be read
//! whole is an error of that attempt, and the next one reads again.

use crate::error::{Component, Error, ErrorCode, code_of_io};
use crate::sys::failure;
use rustls::RootCertStore;
use rustls_native_certs::{CertificateResult, ErrorKind, load_native_certs};
use std::io;

/// Adds what the system trusts.
pub(super) fn add_to(roots: &mut RootCertStore) -> Result<(), Error> {
    let read = load_native_certs();
    if let Some(error) = passing_failure(&read) {
        return Err(error);
    }
    roots.add_parsable_certificates(read.certs);
    Ok(())
}

/// The failure that is one of this moment, not of the files. A file that is not there, that nobody may read or that is no
/// PEM is not trusted, and that is all.
fn passing_failure(read: &CertificateResult) -> Option<Error> {
    let (context, path, inner) = read.errors.iter().find_map(|error| match &error.kind {
        ErrorKind::Io { inner, path } if passes(inner) => Some((error.context, path, inner)),
        _ => None,
    })?;
    let message = format!(
        "The system's trust could not be read whole: {context} {}: {inner}; nothing was decided from a part of it, and the \
         next attempt reads it again",
        path.display()
    );
    let code = match code_of_io(inner) {
        ErrorCode::OutOfMemory => ErrorCode::OutOfMemory,
        _ => ErrorCode::Tls,
    };
    Some(Error::new(code, Component::Tls, message).with_os_code(inner.raw_os_error().unwrap_or(0)))
}

fn passes(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::OutOfMemory || failure::passes(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::failure::examples;

    fn failing(code: i32) -> Option<Error> {
        let mut read = CertificateResult::default();
        read.errors.push(rustls_native_certs::Error {
            context: "failed to open file",
            kind: ErrorKind::Io {
                inner: io::Error::from_raw_os_error(code),
                path: "/etc/ssl/certs/x".into(),
            },
        });
        passing_failure(&read)
    }

    #[test]
    fn only_what_passes_makes_an_attempt_fail() {
        for code in examples::NO_DESCRIPTORS.iter().copied() {
            let error = failing(code).unwrap();
            assert_eq!((error.code(), error.os_code()), (ErrorCode::OutOfMemory, code));
            assert!(error.to_string().contains("/etc/ssl/certs/x"), "{error}");
        }
        assert_eq!(failing(examples::BROKEN_DISK).unwrap().code(), ErrorCode::Tls);
        for code in examples::NOT_READABLE.iter().copied() {
            assert!(failing(code).is_none());
        }
    }
}
