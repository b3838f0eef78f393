//! The cryptography of TLS, and the hashes that others need: aws-lc, or ring in a build for a small host.

#[cfg(feature = "aws-lc")]
pub(crate) use aws_lc_rs::digest;
#[cfg(not(feature = "aws-lc"))]
pub(crate) use ring::digest;
#[cfg(feature = "aws-lc")]
pub(crate) use rustls::crypto::aws_lc_rs::default_provider;
#[cfg(not(feature = "aws-lc"))]
pub(crate) use rustls::crypto::ring::default_provider;

/// Why a client's key was not read.
#[cfg(feature = "aws-lc")]
pub(super) const UNKNOWN_KEY: &str = "the key: it is damaged, or of a kind that is not known here (known are RSA, P-256, P-384, P-521 and Ed25519)";
#[cfg(not(feature = "aws-lc"))]
pub(super) const UNKNOWN_KEY: &str =
    "the key: it is damaged, or of a kind that is not known here (known are RSA, P-256, P-384 and Ed25519)";

/// The kinds of keys that a server's certificate may have.
#[cfg(feature = "aws-lc")]
pub(super) const SERVER_KEYS: &str = "RSA, P-256, P-384, Ed25519, and with TLS 1.3 P-521";
#[cfg(not(feature = "aws-lc"))]
pub(super) const SERVER_KEYS: &str = "RSA, P-256, P-384, Ed25519";
