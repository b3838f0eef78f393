//! Keys that are kept encrypted with a password: PKCS#8 with PBES2 (RFC 8018 §6.2), as openssl writes them.

use super::pem;
use crate::error::ErrorCode;
use crate::options::refusal::Refusal;
use crate::options::texts::{copied, ensure_memory};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pkcs8::pkcs5::pbes2::Kdf;
use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use std::fmt;
use zeroize::Zeroizing;

/// The password of keys that are read later. Wiped when it is dropped; a copy of the options is without one, because
/// that copy's owner may read no keys of its own.
#[derive(Default)]
pub(crate) struct KeyPassword(Option<Zeroizing<String>>);

impl KeyPassword {
    pub(crate) fn set(&mut self, password: &str) -> Result<(), ErrorCode> {
        self.0 = Some(Zeroizing::new(copied(password)?));
        Ok(())
    }
}

impl Clone for KeyPassword {
    fn clone(&self) -> KeyPassword {
        KeyPassword(None)
    }
}

impl fmt::Debug for KeyPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPassword")
    }
}

/// The PKCS#8 key that is encrypted in a PEM text. `None`: there is none in it.
pub(super) fn decrypted(text: &[u8], password: &KeyPassword) -> Option<Result<SecretDocument, Refusal>> {
    if pem::has(text, b"Proc-Type: 4,ENCRYPTED") {
        return Some(refuse(
            "it is encrypted in the way of old versions of openssl (Proc-Type: 4,ENCRYPTED); write it anew: openssl pkcs8 \
             -topk8 -in KEY -out KEY.new",
        ));
    }
    pem::section(text, "ENCRYPTED PRIVATE KEY").map(|section| decrypt(section, password))
}

fn decrypt(section: &[u8], password: &KeyPassword) -> Result<SecretDocument, Refusal> {
    let Some(password) = &password.0 else {
        return refuse(
            "it is encrypted: set the password first, with ws_options_set_client_certificate_password",
        );
    };
    let base64: Vec<u8> = section.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let Ok(der) = STANDARD.decode(base64) else {
        return refuse("what stands between BEGIN and END in it is no base64");
    };
    let encrypted = EncryptedPrivateKeyInfoRef::try_from(&der[..]);
    // The decoder does not say which part it does not know.
    let Ok(encrypted) = encrypted else { return refuse(UNKNOWN) };
    check_cost(&encrypted)?;
    encrypted.decrypt(password.as_bytes()).or_else(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(
            pkcs8::pkcs5::Error::UnsupportedAlgorithm { .. } | pkcs8::pkcs5::Error::NoPbes1CryptSupport,
        ) => refuse(UNKNOWN),
        // A wrong key makes wrong padding, or by chance what is no key.
        _ => refuse(
            "it cannot be decrypted: the password of ws_options_set_client_certificate_password is wrong, or the key is damaged",
        ),
    })
}

const UNKNOWN: &str = "it is damaged, or encrypted in a way that is not known here (known is PBES2 with AES or 3DES); write it \
                       anew: openssl pkcs8 -topk8 -v2 aes-256-cbc -in KEY -out KEY.new";

/// scrypt takes as much memory as the key says (RFC 7914 §2).
fn check_cost(encrypted: &EncryptedPrivateKeyInfoRef<'_>) -> Result<(), Refusal> {
    const MOST_MEMORY: u64 = 128 * 1024 * 1024;
    let parameters = encrypted.encryption_algorithm.pbes2();
    let Some(Kdf::Scrypt(scrypt)) = parameters.map(|parameters| &parameters.kdf) else { return Ok(()) };
    let blocks = scrypt.cost_parameter.saturating_add(scrypt.parallelization.into());
    let memory = blocks.saturating_mul(128 * u64::from(scrypt.block_size));
    if memory > MOST_MEMORY {
        return refuse(
            "to decrypt it would take more than 128 MiB (scrypt); write it anew: openssl pkcs8 -topk8 -in KEY -out KEY.new",
        );
    }
    Ok(ensure_memory(usize::try_from(memory).unwrap_or(usize::MAX))?)
}

fn refuse<T>(why: &'static str) -> Result<T, Refusal> {
    Err(Refusal::new(ErrorCode::InvalidArgument, why))
}
