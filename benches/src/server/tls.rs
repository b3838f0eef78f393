//! TLS on the server's side: rustls with a certificate made for the run.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::Link;
use super::patient::Patient;

pub(crate) struct TlsLink(StreamOwned<ServerConnection, Patient>);

/// Makes a certificate authority and a certificate, and leaves the first in `folder/ca.pem`.
pub(crate) fn config(folder: &Path) -> Arc<ServerConfig> {
    let made = || -> Result<_, rcgen::Error> {
        let ca_key = rcgen::KeyPair::generate()?;
        let mut ca = rcgen::CertificateParams::new(Vec::new())?;
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        ca.distinguished_name.push(rcgen::DnType::CommonName, "benchmark authority");
        let issuer_certificate = ca.self_signed(&ca_key)?;
        let issuer = rcgen::Issuer::new(ca, ca_key);
        let key = rcgen::KeyPair::generate()?;
        let mut leaf = rcgen::CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        leaf.distinguished_name.push(rcgen::DnType::CommonName, "localhost");
        leaf.extended_key_usages.push(rcgen::ExtendedKeyUsagePurpose::ServerAuth);
        leaf.use_authority_key_identifier_extension = true;
        let leaf = leaf.signed_by(&key, &issuer)?;
        Ok((issuer_certificate.pem(), leaf.der().clone(), key.serialize_der()))
    };
    let (ca, leaf, key) = made().expect("a certificate");
    std::fs::write(folder.join("ca.pem"), ca).expect("the certificate authority is written");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![leaf], key));
    Arc::new(config.expect("a TLS configuration"))
}

/// The TLS handshake.
pub(crate) fn accept(mut stream: Patient, config: &Arc<ServerConfig>) -> io::Result<TlsLink> {
    let mut connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(TlsLink(StreamOwned::new(connection, stream)))
}

impl Read for TlsLink {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for TlsLink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl TlsLink {
    fn encrypted(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut records = Vec::new();
        self.0.conn.writer().write_all(bytes)?;
        while self.0.conn.wants_write() {
            self.0.conn.write_tls(&mut records)?;
        }
        Ok(records)
    }
}

impl Link for TlsLink {
    /// All is encrypted before the client is told that it is connected, so that what is measured is the client's work.
    fn flood(mut self, response: &[u8], mut next: impl FnMut() -> Option<Arc<[u8]>>) -> io::Result<()> {
        self.0.conn.set_buffer_limit(None);
        let response = self.encrypted(response)?;
        let mut records = Vec::new();
        while let Some(bytes) = next() {
            records.push(self.encrypted(&bytes)?);
        }
        self.0.sock.write_all(&response)?;
        let _ = self.read(&mut [0; 64])?;
        for bytes in records {
            self.0.sock.write_all(&bytes)?;
        }
        Ok(())
    }

    fn look_before_sleeping(&mut self) {
        self.0.sock.look_before_sleeping();
    }

    fn bare(self) -> Option<TcpStream> {
        None
    }
}

impl Drop for TlsLink {
    fn drop(&mut self) {
        self.0.conn.send_close_notify();
        // The client may be gone already.
        let _ = self.0.conn.write_tls(&mut self.0.sock);
    }
}
