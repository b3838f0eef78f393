//! What the host chose. Judged at the setter; a socket keeps a copy.

use crate::error::ErrorCode;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Whom to trust.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct TlsOptions {
    /// Certificates trusted beside the system's.
    pub(super) authorities: Vec<CertificateDer<'static>>,
    pub(super) verify: bool,
}

impl Default for TlsOptions {
    fn default() -> Self {
        TlsOptions { authorities: Vec::new(), verify: true }
    }
}

impl TlsOptions {
    /// [`ErrorCode::InvalidArgument`]: no certificate in it, or one that cannot be read.
    pub(crate) fn add_ca_pem(&mut self, pem: &[u8]) -> Result<(), ErrorCode> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let found = found.map_err(|_| ErrorCode::InvalidArgument)?;
        let mut store = RootCertStore::empty();
        if found.is_empty() || found.iter().any(|certificate| store.add(certificate.clone()).is_err()) {
            return Err(ErrorCode::InvalidArgument);
        }
        self.authorities.extend(found);
        Ok(())
    }

    pub(crate) fn set_verify(&mut self, on: bool) {
        self.verify = on;
    }

    /// For a server of another name, where a redirect leads: whatever proves who the host is, or names the server, stays
    /// behind.
    pub(crate) fn for_another_server(&self) -> TlsOptions {
        self.clone()
    }

    /// For a proxy: also what was said of the server alone.
    pub(crate) fn for_proxy(&self) -> TlsOptions {
        self.for_another_server()
    }
}
