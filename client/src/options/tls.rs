//! The setters of TLS.

use super::Options;
use super::refusal::Refusal;
use super::texts::{MOST_CRL_FILE, MOST_FILE, copied, ensure_memory};
use crate::error::ErrorCode;
use crate::sys::file;
use std::fs::File;
use std::io::Read;

/// What a file for one of the setters holds. It is read before the setter, because reading may take for ever, and others
/// may wait for the options meanwhile.
pub struct PemFile(Vec<u8>);

impl PemFile {
    /// Certificates, or a key.
    pub fn read(path: &str) -> Result<PemFile, Refusal> {
        read(path, MOST_FILE).map(PemFile)
    }

    /// Revocation lists.
    pub fn read_lists(path: &str) -> Result<PemFile, Refusal> {
        read(path, MOST_CRL_FILE).map(PemFile)
    }
}

/// A file to which the sessions' secrets can be appended.
pub struct KeyLogFile(String);

impl KeyLogFile {
    /// Opens it once, to see that it can be written to.
    pub fn at(path: &str) -> Result<KeyLogFile, Refusal> {
        file::append_privately(path)
            .map_err(|error| Refusal::file("the file cannot be written to", &error))?;
        Ok(KeyLogFile(copied(path)?))
    }
}

/// All of a file of at most `most` bytes. The decoders that get it take as much memory again, and would not survive that
/// there is none.
fn read(path: &str, most: usize) -> Result<Vec<u8>, Refusal> {
    let opened = file::check_length(path).and_then(|()| File::open(path));
    let file = opened.map_err(|error| Refusal::file("the file cannot be opened", &error))?;
    let mut bytes = Vec::new();
    file.take(most as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Refusal::file("the file cannot be read", &error))?;
    if bytes.len() > most {
        let why = format!("the file is above {} MiB", most / (1024 * 1024));
        return Err(Refusal::new(ErrorCode::TooLarge, why));
    }
    ensure_memory(2 * bytes.len())?;
    Ok(bytes)
}

impl Options {
    /// Trusts the certificates of a PEM file beside the system's.
    pub fn set_ca_file(&mut self, file: &PemFile) -> Result<(), Refusal> {
        self.tls.add_ca_pem(&file.0).map_err(Refusal::in_file)
    }

    /// Trusts the certificates of a PEM text beside the system's.
    pub fn set_ca_pem(&mut self, pem: &[u8]) -> Result<(), Refusal> {
        ensure_memory(2 * pem.len())?;
        self.tls.add_ca_pem(pem)
    }

    /// Sets whether the system's certificate authorities are trusted.
    pub fn set_system_trust(&mut self, on: bool) {
        self.tls.set_system_trust(on);
    }

    /// Adds the revocation lists of a PEM file.
    pub fn set_crl_file(&mut self, file: &PemFile) -> Result<(), Refusal> {
        self.tls.add_crl_pem(&file.0).map_err(Refusal::in_file)
    }

    /// Certificate chain and key for servers that ask who the client is, of PEM files.
    pub fn set_client_certificate_file(&mut self, chain: &PemFile, key: &PemFile) -> Result<(), Refusal> {
        self.tls.set_client_certificate(&chain.0, &key.0, &self.key_password).map_err(Refusal::in_file)
    }

    /// The same as PEM texts.
    pub fn set_client_certificate_pem(&mut self, chain: &[u8], key: &[u8]) -> Result<(), Refusal> {
        ensure_memory(2 * (chain.len() + key.len()))?;
        self.tls.set_client_certificate(chain, key, &self.key_password)
    }

    /// The password with which the key is encrypted that a later setter reads.
    pub fn set_client_certificate_password(&mut self, password: &str) -> Result<(), Refusal> {
        Ok(self.key_password.set(password)?)
    }

    /// Switches the verification of the server's certificate off or on again.
    pub fn set_verify(&mut self, on: bool) {
        self.tls.set_verify(on);
    }

    /// Switches the verification of an `https://` proxy's certificate off or on again.
    pub fn set_proxy_verify(&mut self, on: bool) {
        self.tls.set_proxy_verify(on);
    }

    /// The name to ask the server for, and that its certificate must have, instead of the URL's.
    pub fn set_server_name(&mut self, name: &str) -> Result<(), Refusal> {
        self.tls.set_server_name(name)
    }

    /// Adds a key of which the server's must be one: SHA-256 in hex digits or base64.
    pub fn set_pinned_key_sha256(&mut self, pin: &str) -> Result<(), Refusal> {
        self.tls.add_pinned_key(pin)
    }

    /// The lowest version of TLS: 12 or 13.
    pub fn set_min_tls_version(&mut self, version: i32) -> Result<(), Refusal> {
        self.tls.set_min_tls_version(version)
    }

    /// The protocols to offer (RFC 7301), with commas between them.
    pub fn set_alpn(&mut self, protocols: &str) -> Result<(), Refusal> {
        self.tls.set_alpn(protocols)
    }

    /// Appends the sessions' secrets to a file.
    pub fn set_key_log_file(&mut self, file: KeyLogFile) {
        self.tls.set_key_log_file(file.0);
    }
}
