//! Trust and the TLS handshake. One `ClientConfig` for each distinct set of options, kept for the process:
//! sessions are resumed only through the same config. Reading the system's trust and verifying may block,
//! so both run on a worker.

use super::readiness::Readiness;
use super::url::Destination;
use crate::engine::{Kind, run_blocking};
use crate::error::{Error, ErrorCode};
use crate::fork::PerProcess;
use crate::log::log;
use crate::sync::Mutex;
use crate::transport::{Received, TlsSession, Transport};
use once_cell::sync::OnceCell;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;

/// Whom to trust.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct TlsOptions {
    /// Certificates trusted beside the system's.
    authorities: Vec<CertificateDer<'static>>,
    verify: bool,
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

    /// The config for these options; made at the first call, which may read files.
    fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        type Cell = Arc<OnceCell<Arc<ClientConfig>>>;
        static CONFIGS: PerProcess<Mutex<HashMap<TlsOptions, Cell>>> =
            PerProcess::new(|| Mutex::new(HashMap::new()));
        /// A host that makes up options without end must not fill the memory with configs.
        const MOST: usize = 64;
        let cell = {
            let mut configs = CONFIGS.get().lock();
            if configs.len() >= MOST && !configs.contains_key(self) {
                configs.clear();
            }
            Arc::clone(configs.entry(self.clone()).or_default())
        };
        // Not under the lock: another set of options need not wait for the files of this one.
        cell.get_or_try_init(|| self.make_config()).cloned()
    }

    fn make_config(&self) -> Result<Arc<ClientConfig>, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let trust: Arc<dyn ServerCertVerifier> = if self.verify {
            let verifier =
                Verifier::new_with_extra_roots(self.authorities.iter().cloned(), Arc::clone(&provider));
            Arc::new(verifier.map_err(|error| {
                Error::new(
                    ErrorCode::Tls,
                    "tls ",
                    format!(
                        "The system's trust could not be read: {error}; add a CA with ws_options_set_ca_file"
                    ),
                )
            })?)
        } else {
            Arc::new(NoVerification(provider.signature_verification_algorithms))
        };
        let config = ClientConfig::builder_with_provider(provider as Arc<CryptoProvider>)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::new(ErrorCode::Tls, "tls ", error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(trust)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }
}

/// Does the handshake over the stream as it is. Returns the session, and plaintext that came with its last records.
pub(crate) async fn handshake(
    to: &Destination,
    options: &TlsOptions,
    transport: &Transport,
    readiness: &Readiness,
) -> Result<(TlsSession, Vec<u8>), Error> {
    if !options.verify {
        log!(Warn, "tls ", "the certificate of {} is NOT verified (ws_options_set_verify)", to.authority);
    }
    let name = ServerName::try_from(to.host.clone()).map_err(|_| {
        Error::new(ErrorCode::InvalidUrl, "tls ", format!("{} is no name for a certificate", to.host))
    })?;
    let of_worker = options.clone();
    let mut connection = run_blocking(Kind::Handshake, move || {
        let config = of_worker.config()?;
        ClientConnection::new(config, name)
            .map_err(|error| Error::new(ErrorCode::Tls, "tls ", error.to_string()))
    })
    .await??;
    let broken = |error: &io::Error| {
        Error::from_io(
            "tls ",
            &format!("The TLS handshake with {} broke off", to.authority_with_port()),
            error,
        )
    };
    loop {
        write_all(&mut connection, transport, readiness).await.map_err(|error| broken(&error))?;
        if !connection.is_handshaking() {
            break;
        }
        let bytes = read_some(transport, readiness).await.map_err(|error| broken(&error))?;
        if bytes.is_empty() {
            return Err(Error::new(
                ErrorCode::Tls,
                "tls ",
                format!(
                    "{} ended the connection during the TLS handshake; is it a TLS server (wss)?",
                    to.authority_with_port()
                ),
            ));
        }
        let result;
        (connection, result) = run_blocking(Kind::Handshake, move || {
            let result = feed(&mut connection, &bytes);
            (connection, result)
        })
        .await?;
        if let Err(error) = result {
            // The alert tells the server why; nobody waits for it.
            let _ = connection.write_tls(&mut transport.writer());
            let _ = transport.flush();
            return Err(describe(to, &error));
        }
    }
    let mut early = Vec::new();
    if let Err(error) = connection.reader().read_to_end(&mut early)
        && error.kind() != ErrorKind::WouldBlock
    {
        return Err(broken(&error));
    }
    Ok((TlsSession::new(connection), early))
}

fn feed(connection: &mut ClientConnection, mut bytes: &[u8]) -> Result<(), rustls::Error> {
    while !bytes.is_empty() {
        if connection.read_tls(&mut bytes).map_err(|error| rustls::Error::General(error.to_string()))? == 0 {
            break;
        }
        connection.process_new_packets()?;
    }
    Ok(())
}

async fn write_all(
    connection: &mut ClientConnection,
    transport: &Transport,
    readiness: &Readiness,
) -> io::Result<()> {
    while connection.wants_write() {
        match connection.write_tls(&mut transport.writer()) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => readiness.writable().await?.clear_ready(),
            Err(error) => return Err(error),
        }
    }
    while transport.flush()? {
        readiness.writable().await?.clear_ready();
    }
    Ok(())
}

/// Empty at the end of the stream.
async fn read_some(transport: &Transport, readiness: &Readiness) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(16 * 1024);
    loop {
        let mut guard = readiness.readable().await?;
        match transport.read(None, &mut bytes)? {
            Received::Data { drained, buffered, .. } => {
                if drained {
                    guard.clear_ready();
                }
                if buffered > 0 {
                    return Ok(bytes);
                }
            }
            Received::Nothing => guard.clear_ready(),
            Received::End => return Ok(bytes),
        }
    }
}

/// Says which of the many ways not to be trusted this is.
pub(super) fn describe(to: &Destination, error: &rustls::Error) -> Error {
    let whose = format!("TLS: the certificate of {}", to.authority_with_port());
    let message = match error {
        rustls::Error::InvalidCertificate(reason) => match reason {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                format!("{whose} has expired ({reason}); is the clock of this machine right?")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                format!("{whose} is not yet valid ({reason}); is the clock of this machine right?")
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("{whose} is for another name ({reason})")
            }
            CertificateError::UnknownIssuer => {
                format!("{whose} has an unknown issuer; add its CA with ws_options_set_ca_file")
            }
            CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => format!(
                "{whose} was not signed by the trusted CA of its issuer's name ({reason}): its issuer is unknown, or \
                 another one of the same name; add its CA with ws_options_set_ca_file"
            ),
            CertificateError::Revoked => format!("{whose} is revoked"),
            other => format!("{whose} is not trusted: {other}"),
        },
        rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired) => {
            let message = format!("TLS: {} demands a client certificate", to.authority_with_port());
            return Error::new(ErrorCode::Tls, "tls ", message);
        }
        rustls::Error::NoCertificatesPresented => format!("{whose} is missing: the server sent none"),
        other => {
            let message = format!(
                "TLS with {} failed: {other}; is it a TLS server (wss), and does it speak TLS 1.2 or 1.3?",
                to.authority_with_port()
            );
            return Error::new(ErrorCode::Tls, "tls ", message);
        }
    };
    Error::new(ErrorCode::Certificate, "tls ", message)
}

/// Accepts any certificate; signatures are still checked. Only by the host's explicit call.
#[derive(Debug)]
struct NoVerification(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for NoVerification {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
