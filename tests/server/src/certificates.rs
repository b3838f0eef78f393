//! A fresh certificate authority for each server, and the certificates that a client must refuse.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber,
    date_time_ymd,
};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use std::sync::Arc;

/// What a TLS port presents, or does instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CertKind {
    /// Signed by the server's CA, for localhost, 127.0.0.1 and ::1: what [`crate::Server::wss`] uses.
    Good,
    /// Signed by itself.
    SelfSigned,
    /// Good, but for another host.
    WrongHost,
    /// Good until 2001.
    Expired,
    /// Good from 2099 on.
    NotYetValid,
    /// Signed by a CA that nobody knows.
    UnknownCa,
    /// Good, but listed in [`crate::Server::crl_file`].
    Revoked,
    /// Good; asks for a client certificate and takes only [`crate::Server::client_certificate_files`].
    ClientRequired,
    /// Good, and speaks TLS 1.2 only.
    Tls12,
    /// No TLS: answers the hello with plain text.
    Garbage,
    /// No TLS: takes the hello and never answers.
    Silent,
}

const REVOKED: u64 = 666;

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) ca_pem: String,
    pub(crate) crl_pem: String,
    pub(crate) client_chain_pem: String,
    pub(crate) client_key_pem: String,
    ca_der: CertificateDer<'static>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        let issuer = Issuer::new(params, key);

        let crl = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2099, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: SerialNumber::from(REVOKED),
                revocation_time: date_time_ymd(2024, 1, 1),
                reason_code: Some(RevocationReason::KeyCompromise),
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let crl_pem = crl.signed_by(&issuer)?.pem()?;

        let client_key = KeyPair::generate()?;
        let mut client = CertificateParams::new(vec!["client.test".to_owned()])?;
        client.distinguished_name.push(DnType::CommonName, "ws4d test client");
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let client_chain_pem = client.signed_by(&client_key, &issuer)?.pem();

        Ok(Authority {
            issuer,
            ca_pem: certificate.pem(),
            crl_pem,
            client_chain_pem,
            client_key_pem: client_key.serialize_pem(),
            ca_der: certificate.der().clone(),
        })
    }

    /// What a port of that kind needs to speak TLS.
    pub(crate) fn server_config(
        &self,
        kind: CertKind,
    ) -> Result<rustls::ServerConfig, Box<dyn std::error::Error>> {
        let host = if kind == CertKind::WrongHost { "elsewhere.test" } else { "localhost" };
        let mut names = vec![host.to_owned()];
        if kind != CertKind::WrongHost {
            names.extend(["127.0.0.1".to_owned(), "::1".to_owned()]);
        }
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, host);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        match kind {
            CertKind::Expired => {
                params.not_before = date_time_ymd(2000, 1, 1);
                params.not_after = date_time_ymd(2001, 1, 1);
            }
            CertKind::NotYetValid => {
                params.not_before = date_time_ymd(2099, 1, 1);
                params.not_after = date_time_ymd(2100, 1, 1);
            }
            CertKind::Revoked => params.serial_number = Some(SerialNumber::from(REVOKED)),
            _ => {}
        }
        let certificate = match kind {
            CertKind::SelfSigned => params.self_signed(&key)?,
            CertKind::UnknownCa => params.signed_by(&key, &Authority::new("nobody's CA")?.issuer)?,
            _ => params.signed_by(&key, &self.issuer)?,
        };

        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions: &[&rustls::SupportedProtocolVersion] =
            if kind == CertKind::Tls12 { &[&rustls::version::TLS12] } else { rustls::ALL_VERSIONS };
        let builder =
            rustls::ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions)?;
        let builder = if kind == CertKind::ClientRequired {
            let mut roots = RootCertStore::empty();
            roots.add(self.ca_der.clone())?;
            builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build()?,
            )
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = builder.with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}
