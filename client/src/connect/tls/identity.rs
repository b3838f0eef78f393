//! The client's certificate and its key. The key never shows: not in `Debug`, not in messages.

use super::certificate::sha256;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A certificate chain and the key that belongs to it.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) certified: Arc<CertifiedKey>,
    /// Of chain and key: equal where both are, and tells nothing of the key.
    digest: [u8; 32],
}

impl Identity {
    /// `chain` has the certificate first, then its issuers; the key is PKCS#8, PKCS#1 (RSA) or SEC1 (EC), not
    /// encrypted. `Err` says what is wrong, in words for the log.
    pub(super) fn from_pem(chain: &[u8], key: &[u8]) -> Result<Identity, String> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = chain.map_err(|error| format!("the certificate chain cannot be read: {error}"))?;
        if chain.is_empty() {
            return Err("there is no certificate in the chain".to_owned());
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|_| "there is no private key (PKCS#8, PKCS#1 or SEC1, not encrypted)".to_owned())?;
        let mut whole = Vec::new();
        for part in chain.iter().map(|certificate| certificate.as_ref()).chain([key.secret_der()]) {
            whole.extend_from_slice(&sha256(part));
        }
        let certified = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
            .map_err(|error| format!("certificate and key do not fit: {error}"))?;
        Ok(Identity { certified: Arc::new(certified), digest: sha256(&whole) })
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Identity) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Identity {}

impl Hash for Identity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({} certificates, a key)", self.certified.cert.len())
    }
}
