//! A fresh certificate authority for each server, and the certificates that a client must refuse.

use crate::odd_certificates;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ED25519, RevocationReason,
    RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What a TLS port presents, or does instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CertKind {
    /// Signed by the server's CA, for localhost, 127.0.0.1 and ::1: what [`crate::Server::wss`] uses.
    Good,
    /// Signed by itself.
    SelfSigned,
    /// What `openssl req -x509` makes: signed by itself, and that of a CA.
    SelfMade,
    /// The same, for no host at all.
    SelfMadeNameless,
    /// The same, good until 2001.
    SelfMadeExpired,
    /// Good, with its addresses written as names of hosts.
    AddressAsName,
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
    /// Good, and speaks TLS 1.3 only.
    Tls13,
    /// Good, with an RSA key of 2048 bits.
    Rsa,
    /// Good, with an Ed25519 key.
    Ed25519,
    /// Good, signed by an intermediate CA whose certificate is sent too.
    Intermediate,
    /// The same, and listed in [`crate::Server::chain_crl_file`].
    RevokedBehindIntermediate,
    /// As [`CertKind::Intermediate`], but the intermediate certificate is not sent.
    MissingIntermediate,
    /// Good for `*.localhost`.
    Wildcard,
    /// Good, but for another purpose: it is a client's.
    ForClients,
    /// Good, with a critical extension that nobody knows.
    UnknownExtension,
    /// Signed by an intermediate CA that may vouch for another name only.
    Constrained,
    /// No certificate, but a few bytes of DER.
    Damaged,
    /// Good, but the server does not have its key.
    NotItsKey,
    /// Signed with SHA-1, by [`crate::RSA_CA_PEM`].
    Sha1,
    /// One of X.509 version 1, signed by [`crate::RSA_CA_PEM`].
    Version1,
    /// Good; by ALPN it speaks h2 only.
    H2,
    /// Good; knows no ALPN.
    NoAlpn,
    /// No TLS: answers the hello with plain text.
    Garbage,
    /// No TLS: takes the hello and never answers.
    Silent,
}

const REVOKED: u64 = 666;
const INTERMEDIATE: u64 = 777;

/// One RSA key in its two forms, because nothing here can make one. It guards nothing.
const RSA_PKCS8: &str = include_str!("../keys/rsa_pkcs8.pem");
const RSA_PKCS1: &str = include_str!("../keys/rsa_pkcs1.pem");

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    intermediate: (CertificateDer<'static>, Issuer<'static, KeyPair>),
    pub(crate) ca_pem: String,
    pub(crate) crl_pem: String,
    pub(crate) expired_crl_pem: String,
    pub(crate) chain_crl_pem: String,
    pub(crate) intermediate_crl_pem: String,
    pub(crate) client_chain_pem: String,
    pub(crate) client_key_pem: String,
    /// The same key without its PKCS#8 wrapping (SEC1).
    pub(crate) client_sec1_pem: String,
    pub(crate) client_rsa_chain_pem: String,
    ca_der: CertificateDer<'static>,
    /// What its ports show, by kind.
    pub(crate) shown: Mutex<HashMap<CertKind, String>>,
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

        let intermediate = intermediate(name, &issuer, None)?;
        let crl_pem = crl(&issuer, REVOKED, 2099)?;
        let expired_crl_pem = crl(&issuer, REVOKED, 2025)?;
        let its_list = crl(&intermediate.1, REVOKED, 2099)?;
        let chain_crl_pem = format!("{crl_pem}{its_list}");
        let intermediate_crl_pem = crl(&issuer, INTERMEDIATE, 2099)? + &its_list;
        let client_key = KeyPair::generate()?;
        let client_sec1_pem = sec1_of(&client_key);
        let client_chain_pem = client(&client_key, &issuer)?;
        let client_rsa_chain_pem = client(&KeyPair::from_pem(RSA_PKCS8)?, &issuer)?;

        Ok(Authority {
            issuer,
            intermediate,
            ca_pem: certificate.pem(),
            crl_pem,
            expired_crl_pem,
            chain_crl_pem,
            intermediate_crl_pem,
            client_chain_pem,
            client_key_pem: client_key.serialize_pem(),
            client_sec1_pem,
            client_rsa_chain_pem,
            ca_der: certificate.der().clone(),
            shown: Mutex::default(),
        })
    }

    /// The RSA client's key as PKCS#8 and as PKCS#1.
    pub(crate) fn client_rsa_key_pems() -> [&'static str; 2] {
        [RSA_PKCS8, RSA_PKCS1]
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
        let key = match kind {
            CertKind::Rsa | CertKind::Sha1 | CertKind::Version1 => KeyPair::from_pem(RSA_PKCS8)?,
            CertKind::Ed25519 => KeyPair::generate_for(&PKCS_ED25519)?,
            _ => KeyPair::generate()?,
        };
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, host);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if matches!(kind, CertKind::SelfMade | CertKind::SelfMadeNameless | CertKind::SelfMadeExpired) {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            params.extended_key_usages = Vec::new();
        }
        match kind {
            CertKind::SelfMadeNameless => params.subject_alt_names = Vec::new(),
            CertKind::AddressAsName => {
                params.subject_alt_names = vec![SanType::DnsName("127.0.0.1".try_into()?)]
            }
            CertKind::Expired | CertKind::SelfMadeExpired => {
                params.not_before = date_time_ymd(2000, 1, 1);
                params.not_after = date_time_ymd(2001, 1, 1);
            }
            CertKind::NotYetValid => {
                params.not_before = date_time_ymd(2099, 1, 1);
                params.not_after = date_time_ymd(2100, 1, 1);
            }
            CertKind::Revoked | CertKind::RevokedBehindIntermediate => {
                params.serial_number = Some(SerialNumber::from(REVOKED))
            }
            _ => odd_certificates::change(kind, &mut params)?,
        }
        let constrained = odd_certificates::constrained(&self.issuer)?;
        let certificate = match kind {
            CertKind::SelfSigned
            | CertKind::SelfMade
            | CertKind::SelfMadeNameless
            | CertKind::SelfMadeExpired => params.self_signed(&key)?,
            CertKind::UnknownCa => params.signed_by(&key, &Authority::new("nobody's CA")?.issuer)?,
            CertKind::Intermediate | CertKind::RevokedBehindIntermediate | CertKind::MissingIntermediate => {
                params.signed_by(&key, &self.intermediate.1)?
            }
            CertKind::Constrained => params.signed_by(&key, &constrained.1)?,
            _ => params.signed_by(&key, &self.issuer)?,
        };
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).insert(kind, certificate.pem());
        let mut chain = vec![certificate.der().clone()];
        if matches!(kind, CertKind::Intermediate | CertKind::RevokedBehindIntermediate) {
            chain.push(self.intermediate.0.clone());
        }
        if kind == CertKind::Constrained {
            chain.push(constrained.0);
        }
        let (chain, key) = odd_certificates::shown(kind, chain, key)?;

        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions: &[&rustls::SupportedProtocolVersion] = match kind {
            CertKind::Tls12 => &[&rustls::version::TLS12],
            CertKind::Tls13 => &[&rustls::version::TLS13],
            _ => rustls::ALL_VERSIONS,
        };
        let builder =
            rustls::ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions)?;
        let builder = if kind == CertKind::ClientRequired {
            let mut roots = RootCertStore::empty();
            roots.add(self.ca_der.clone())?;
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
            builder.with_client_cert_verifier(verifier.build()?)
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        // Not judged here, because some are to be refused by the client.
        let certified = CertifiedKey::new(chain, provider.key_provider.load_private_key(key)?);
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = match kind {
            CertKind::H2 => vec![b"h2".to_vec()],
            CertKind::NoAlpn => Vec::new(),
            _ => vec![b"http/1.1".to_vec()],
        };
        Ok(config)
    }
}

/// A list with the certificate of that number on it, to be renewed at the beginning of that year.
fn crl(issuer: &Issuer<'static, KeyPair>, number: u64, until: i32) -> Result<String, rcgen::Error> {
    let crl = CertificateRevocationListParams {
        this_update: date_time_ymd(2024, 1, 1),
        next_update: date_time_ymd(until, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![RevokedCertParams {
            serial_number: SerialNumber::from(number),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    crl.signed_by(issuer)?.pem()
}

fn client(key: &KeyPair, issuer: &Issuer<'static, KeyPair>) -> Result<String, rcgen::Error> {
    let mut params = CertificateParams::new(vec!["client.test".to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, "ws4d test client");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params.signed_by(key, issuer)?.pem())
}

pub(crate) fn intermediate(
    name: &str,
    root: &Issuer<'static, KeyPair>,
    constraints: Option<NameConstraints>,
) -> Result<(CertificateDer<'static>, Issuer<'static, KeyPair>), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, format!("{name}, intermediate"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.serial_number = Some(SerialNumber::from(INTERMEDIATE));
    params.name_constraints = constraints;
    let certificate = params.signed_by(&key, root)?;
    Ok((certificate.der().clone(), Issuer::new(params, key)))
}

/// An EC key without its PKCS#8 wrapping (RFC 5958: version, algorithm, the key as an OCTET STRING), as OpenSSL writes it
/// by tradition.
fn sec1_of(key: &KeyPair) -> String {
    /// Tag, content, and what follows; lengths below 256 are all that such keys have.
    fn value(der: &[u8]) -> (u8, &[u8], &[u8]) {
        let (start, length) = if der[1] == 0x81 { (3, der[2]) } else { (2, der[1]) };
        let (content, rest) = der[start..].split_at(usize::from(length));
        (der[0], content, rest)
    }
    let der = key.serialize_der();
    let (_, sequence, _) = value(&der);
    let (_, _version, rest) = value(sequence);
    let (_, _algorithm, rest) = value(rest);
    let (tag, key, _) = value(rest);
    assert_eq!(tag, 4, "an OCTET STRING");
    pem_of("EC PRIVATE KEY", key)
}

fn pem_of(label: &str, der: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for (i, group) in der.chunks(3).enumerate() {
        if i % 16 == 0 {
            text.push('\n');
        }
        let bits =
            group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= group.len() { char::from(digit) } else { '=' });
        }
    }
    format!("-----BEGIN {label}-----{text}\n-----END {label}-----\n")
}
