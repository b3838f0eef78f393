//! Trust and the TLS handshake. The host's choices are in `options`, `identity` and `pin`, the rustls config made of
//! them in `config`, the trust in `trust`, the handshake itself in `handshake`, its terms in `info`, and the messages
//! for its failures in `failure`.
//!
//! Reading the system's trust and verifying may block, so both run on a worker.

mod certificate;
mod config;
mod encrypted_key;
mod failure;
mod handshake;
mod identity;
mod info;
mod key_log;
mod options;
mod pem;
mod pin;
mod provider;
mod system_trust;
mod trust;
mod words;
mod x509;

pub use certificate::Certificate;
pub(crate) use encrypted_key::KeyPassword;
pub(crate) use failure::{broken, describe};
pub(crate) use handshake::{Secured, handshake};
pub use info::TlsInfo;
pub(crate) use options::TlsOptions;
#[cfg(test)]
pub(crate) use provider::default_provider;
pub(crate) use provider::digest;
