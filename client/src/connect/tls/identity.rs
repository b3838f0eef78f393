//! The client's certificate and its key. The key never shows: not in `Debug`, not in messages.

use super::certificate::sha256;
use super::encrypted_key::{KeyPassword, decrypted};
use super::pem;
use super::provider::{UNKNOWN_KEY, default_provider};
use crate::error::ErrorCode;
use crate::options::refusal::Refusal;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A certificate chain and the key that belongs to it.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) certified: Arc<CertifiedKey>,
    /// A hash of chain and key: equal where both are, and it reveals nothing of the key.
    digest: [u8; 32],
}

impl Identity {
    /// `chain` has the certificate first, then its issuers; the key is PKCS#8, also encrypted, PKCS#1 (RSA) or SEC1 (EC).
    pub(super) fn from_pem(chain: &[u8], key: &[u8], password: &KeyPassword) -> Result<Identity, Refusal> {
        let chain: Vec<CertificateDer<'static>> =
            pem::all(chain, "certificate").map_err(|why| of("the certificate chain", &why))?;
        let key = private_key(key, password).map_err(|why| of("the key", &why))?;
        let mut whole = Vec::new();
        for part in chain.iter().map(|certificate| certificate.as_ref()).chain([key.secret_der()]) {
            whole.extend_from_slice(&sha256(part));
        }
        let certified = CertifiedKey::from_der(chain, key, &default_provider())
            .map_err(|error| Refusal::new(ErrorCode::InvalidArgument, fit_words(&error)))?;
        Ok(Identity { certified: Arc::new(certified), digest: sha256(&whole) })
    }
}

fn of(what: &str, why: &Refusal) -> Refusal {
    Refusal::new(why.code(), format!("{what}: {}", why.why()))
}

fn private_key(text: &[u8], password: &KeyPassword) -> Result<PrivateKeyDer<'static>, Refusal> {
    match PrivateKeyDer::from_pem_slice(text) {
        Ok(key) => Ok(key),
        Err(error) => match (decrypted(text, password), error) {
            (Some(key), _) => Ok(PrivatePkcs8KeyDer::from(key?.as_bytes().to_vec()).into()),
            (None, PemError::NoItemsFound) => Err(pem::none(text, "private key (PKCS#8, PKCS#1 or SEC1)")),
            (None, error) => Err(pem::broken(&error)),
        },
    }
}

fn fit_words(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            "certificate and key do not fit: the key is not the certificate's"
        }
        rustls::Error::InvalidCertificate(_) => {
            "the certificate chain: its first certificate is no X.509 certificate, or a damaged one"
        }
        _ => UNKNOWN_KEY,
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
