//! The terms on which the handshake agreed.

use super::certificate::Certificate;
use rustls::{ClientConnection, HandshakeKind};

/// An established session, as `ws_get_tls_info` shows it.
#[derive(Clone, Debug)]
pub struct TlsInfo {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: String,
    /// By IANA's name: `TLS_AES_256_GCM_SHA384`.
    pub cipher_suite: String,
    /// The group of the key exchange: `X25519MLKEM768`; `None` where a resumed session did without.
    pub key_exchange: Option<String>,
    /// The protocol that the server chose by ALPN.
    pub alpn: Option<String>,
    /// An earlier session went on; no certificate was sent.
    pub resumed: bool,
    /// The certificate was verified: not so where the host switched that off.
    pub verified: bool,
    /// The server's own certificate; that of the earlier session where it was resumed.
    pub certificate: Option<Certificate>,
}

impl TlsInfo {
    /// Of a connection whose handshake is complete.
    pub(super) fn of(connection: &ClientConnection, verified: bool) -> TlsInfo {
        let version =
            connection.protocol_version().map_or_else(String::new, |version| format!("{version:?}"));
        let suite = connection
            .negotiated_cipher_suite()
            .map_or_else(String::new, |suite| format!("{:?}", suite.suite()));
        let leaf = connection.peer_certificates().and_then(|chain| chain.first());
        TlsInfo {
            // rustls: TLSv1_3.
            version: version.replace('_', "."),
            // rustls: TLS13_AES_256_GCM_SHA384.
            cipher_suite: suite.replacen("TLS13_", "TLS_", 1),
            key_exchange: connection
                .negotiated_key_exchange_group()
                .map(|group| format!("{:?}", group.name())),
            alpn: connection.alpn_protocol().map(|chosen| String::from_utf8_lossy(chosen).into_owned()),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
            verified,
            certificate: leaf.and_then(|leaf| Certificate::read(leaf)),
        }
    }
}
