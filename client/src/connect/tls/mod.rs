//! Trust and the TLS handshake. What the host chose (`options`, `identity`, `pin`), the rustls config made of it
//! (`config`), who is trusted (`trust`), the handshake itself, what it agreed on (`info`), and what to say where it
//! fails (`failure`).
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
mod system_trust;
mod trust;

pub use certificate::Certificate;
pub(crate) use encrypted_key::KeyPassword;
pub(crate) use failure::{broken, describe};
pub(crate) use handshake::{Secured, handshake};
pub use info::TlsInfo;
pub(crate) use options::TlsOptions;
