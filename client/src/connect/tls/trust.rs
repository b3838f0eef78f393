//! Trust: every judge must accept the certificate, and its key must be pinned where keys are.

use super::certificate::{Certificate, key_sha256, names, validity};
use super::options::TlsOptions;
use super::pin::{NotPinned, Pin};
use super::system_trust;
use crate::error::{Component, Error, ErrorCode};
use crate::options::texts::SharedList;
use crate::sys::services::JUDGES_CERTIFICATES;
use crate::thread_slot::thread_slot;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;
use std::sync::Arc;

/// The certificates that the server showed, where they were refused.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) leaf: Option<Certificate>,
    /// The names that its certificate is for.
    pub(super) names: Vec<String>,
    /// The last certificate that the server sent behind its own.
    pub(super) top: Option<Certificate>,
}

impl Shown {
    pub(super) fn is_self_signed(&self) -> bool {
        self.leaf.as_ref().is_some_and(|leaf| leaf.subject == leaf.issuer)
    }
}

thread_slot! {
    /// The verifier belongs to all connections of a config, and rustls's error does not say which certificates were
    /// refused. It runs inside `process_new_packets`, on the thread that calls that.
    static REFUSED: Shown;
}

/// The certificates that were refused on this thread since the last call.
pub(super) fn take_refused() -> Option<Shown> {
    REFUSED.take()
}

/// The verifier of a config. With no judge every certificate is good, its signatures are still checked: only by the
/// host's explicit call.
#[derive(Debug)]
pub(super) struct Trust {
    /// Certificates that are trusted by themselves where they are a server's own; empty where nothing is verified.
    by_themselves: SharedList<CertificateDer<'static>>,
    judges: Vec<Judge>,
    pins: Vec<Pin>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Trust {
    /// Reads the system's trust, where it is wanted.
    pub(super) fn new(options: &TlsOptions, provider: &Arc<CryptoProvider>) -> Result<Trust, Error> {
        Ok(Trust {
            by_themselves: if options.verify { options.ca.clone() } else { SharedList::default() },
            judges: if options.verify { judges(options, provider)? } else { Vec::new() },
            pins: options.pinned_keys.clone(),
            algorithms: provider.signature_verification_algorithms,
        })
    }

    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        if self.by_themselves.iter().any(|known| known == leaf) {
            judge_by_itself(leaf, name, now)?;
        } else {
            for judge in &self.judges {
                judge.judge(leaf, others, name, ocsp, now)?;
            }
        }
        if self.pins.is_empty() {
            return Ok(());
        }
        let key = key_sha256(leaf);
        if key.is_some_and(|key| self.pins.iter().any(|pin| pin.is(&key))) {
            return Ok(());
        }
        Err(CertificateError::Other(OtherError(Arc::new(NotPinned(key)))).into())
    }
}

/// A certificate that the host has named itself: whatever it says of CAs and purposes, it is good for its names and its
/// time. That the server has its key shows in the handshake.
fn judge_by_itself(
    leaf: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<(), rustls::Error> {
    verify_server_name(&ParsedCertificate::try_from(leaf)?, name)?;
    let (not_before, not_after) = validity(leaf).ok_or(CertificateError::BadEncoding)?;
    if now < not_before {
        return Err(CertificateError::NotValidYetContext { time: now, not_before }.into());
    }
    if now > not_after {
        return Err(CertificateError::ExpiredContext { time: now, not_after }.into());
    }
    Ok(())
}

/// One that decides whether a certificate is good.
#[derive(Debug)]
enum Judge {
    WebPki(Arc<WebPkiServerVerifier>),
    /// The system, and before it webpki with the CAs that the host has added: not every system takes them beside its own.
    System {
        own: Option<Arc<WebPkiServerVerifier>>,
        system: Verifier,
    },
}

impl Judge {
    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let (own, system) = match self {
            Judge::WebPki(webpki) => return webpki.verify_server_cert(leaf, others, name, ocsp, now),
            Judge::System { own, system } => (own, system),
        };
        let by_own = own.as_ref().map(|own| own.verify_server_cert(leaf, others, name, ocsp, now));
        let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        match by_own {
            Some(Ok(good)) => Ok(good),
            // It is of one of the host's CAs, and wrong in another way: that is what the host wants to know.
            Some(Err(error)) if error != unknown => {
                system.verify_server_cert(leaf, others, name, ocsp, now).map_err(|_| error)
            }
            _ => system.verify_server_cert(leaf, others, name, ocsp, now),
        }
    }
}

fn refuse(message: String) -> Error {
    Error::new(ErrorCode::Tls, Component::Tls, message)
}

/// A judge that trusts the roots.
fn webpki(
    roots: RootCertStore,
    options: &TlsOptions,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Error> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .with_crls(options.crl.iter().cloned())
        .enforce_revocation_expiration()
        .build()
        .map_err(|error| refuse(format!("The revocation lists cannot be used: {error}")))
}

/// The system's verifier, where there is one: it takes no revocation lists, and cannot be kept from the system's trust. And
/// webpki, where there is none or either is asked for. Where both stand, both must accept.
fn judges(options: &TlsOptions, provider: &Arc<CryptoProvider>) -> Result<Vec<Judge>, Error> {
    let mut own = RootCertStore::empty();
    own.add_parsable_certificates(options.ca.iter().cloned());
    let mut judges = Vec::new();
    if JUDGES_CERTIFICATES && options.system_trust {
        let system = Verifier::new(Arc::clone(provider)).map_err(|error| {
            refuse(format!(
                "The system's trust could not be read: {error}; add a CA with ws_options_set_ca_file"
            ))
        })?;
        let own = if own.is_empty() { None } else { Some(webpki(own.clone(), options, provider)?) };
        judges.push(Judge::System { own, system });
    }
    if !JUDGES_CERTIFICATES || !options.system_trust || !options.crl.is_empty() {
        let mut roots = own;
        if options.system_trust {
            system_trust::add_to(&mut roots)?;
        }
        if roots.is_empty() {
            let whom = match options.system_trust {
                true => {
                    "the system trusts nobody (no certificates in its usual places, SSL_CERT_FILE or SSL_CERT_DIR)"
                }
                false => "the system is not (ws_options_set_system_trust)",
            };
            return Err(refuse(format!(
                "Nobody is trusted: {whom}, and no CA was added; add one with ws_options_set_ca_file"
            )));
        }
        judges.push(Judge::WebPki(webpki(roots, options, provider)?));
    }
    Ok(judges)
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.judge(leaf, others, name, ocsp, now).inspect_err(|_| {
            let top = others.last().and_then(|top| Certificate::read(top));
            REFUSED.keep(Shown { leaf: Certificate::read(leaf), names: names(leaf), top });
        })?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
