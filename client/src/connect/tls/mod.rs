//! Trust and the TLS handshake. What the host chose (`options`), the rustls config made of it (`config`), who is
//! trusted (`trust`), the handshake itself, and what to say where it fails (`failure`).
//!
//! Reading the system's trust and verifying may block, so both run on a worker.

mod config;
mod failure;
mod handshake;
mod options;
mod trust;

pub(crate) use failure::{broken, describe};
pub(crate) use handshake::handshake;
pub(crate) use options::TlsOptions;
