//! The texts that a `ws_tls_info` points to, kept by the socket's entry.

use std::ffi::CString;

use ws4d_client::{Certificate, TlsInfo};

use crate::arg;

/// The texts of a socket's `TlsInfo`, as C has them.
pub(crate) struct TlsTexts {
    pub(crate) version: CString,
    pub(crate) cipher_suite: CString,
    pub(crate) key_exchange: Option<CString>,
    pub(crate) alpn: Option<CString>,
    /// Subject, issuer, and the two fingerprints.
    pub(crate) certificate: Option<[CString; 4]>,
}

impl TlsTexts {
    pub(crate) fn of(info: &TlsInfo) -> TlsTexts {
        let certificate = info.certificate.as_ref();
        TlsTexts {
            version: arg::to_c(&info.version),
            cipher_suite: arg::to_c(&info.cipher_suite),
            key_exchange: info.key_exchange.as_deref().map(arg::to_c),
            alpn: info.alpn.as_deref().map(arg::to_c),
            certificate: certificate.map(|certificate| {
                let Certificate { subject, issuer, sha256, key_sha256, .. } = certificate;
                [subject, issuer, sha256, key_sha256].map(|text| arg::to_c(text))
            }),
        }
    }
}
