//! Certificates that a client must refuse for what they are, however well they are signed.

use crate::certificates::{CertKind, intermediate};
use rcgen::{
    CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, GeneralSubtree, Issuer, KeyPair,
    NameConstraints, SanType,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::error::Error;

/// Two that nothing here can make.
const SHA1: &str = include_str!("../keys/sha1.pem");
const VERSION_1: &str = include_str!("../keys/version1.pem");

/// A SEQUENCE with nothing in it.
const DAMAGED: &[u8] = &[0x30, 0x00];

/// Changes what is in the certificate.
pub(crate) fn change(kind: CertKind, params: &mut CertificateParams) -> Result<(), rcgen::Error> {
    match kind {
        CertKind::Wildcard => params.subject_alt_names = vec![SanType::DnsName("*.localhost".try_into()?)],
        CertKind::ForClients => params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
        CertKind::UnknownExtension => {
            // A NULL, under an identifier that the standards leave free.
            let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 99], vec![5, 0]);
            extension.set_criticality(true);
            params.custom_extensions.push(extension);
        }
        _ => {}
    }
    Ok(())
}

/// An intermediate CA that may vouch for names of `elsewhere.test` only.
pub(crate) fn constrained(
    root: &Issuer<'static, KeyPair>,
) -> Result<(CertificateDer<'static>, Issuer<'static, KeyPair>), rcgen::Error> {
    let constraints = NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("elsewhere.test".to_owned())],
        excluded_subtrees: Vec::new(),
    };
    intermediate("ws4d test CA, constrained", root, Some(constraints))
}

/// The chain that is shown, and the key with which the server signs.
pub(crate) fn shown(
    kind: CertKind,
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
) -> Result<(Vec<CertificateDer<'static>>, KeyPair), Box<dyn Error>> {
    Ok(match kind {
        CertKind::Damaged => (vec![CertificateDer::from(DAMAGED.to_vec())], key),
        CertKind::NotItsKey => (chain, KeyPair::generate()?),
        CertKind::Sha1 => (vec![CertificateDer::from_pem_slice(SHA1.as_bytes())?], key),
        CertKind::Version1 => (vec![CertificateDer::from_pem_slice(VERSION_1.as_bytes())?], key),
        _ => (chain, key),
    })
}
