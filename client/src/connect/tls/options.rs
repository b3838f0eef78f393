//! The host's options of TLS. Judged at the setter; a socket keeps a copy.

use super::encrypted_key::KeyPassword;
use super::identity::Identity;
use super::pem;
use super::pin::Pin;
use crate::error::ErrorCode;
use crate::options::refusal::Refusal;
use crate::options::texts::SharedList;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName};
use rustls::{RootCertStore, SupportedProtocolVersion, version};
use std::borrow::Cow;
use webpki::OwnedCertRevocationList;

/// The lowest version of TLS that is spoken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum MinVersion {
    Tls12,
    Tls13,
}

/// The peer whose certificate is judged: what may be advised differs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Peer {
    Server,
    Proxy,
}

impl Peer {
    /// The option that switches the verification of its certificate off.
    pub(super) fn verify_option(self) -> &'static str {
        match self {
            Peer::Server => "ws_options_set_verify",
            Peer::Proxy => "ws_options_set_proxy_verify",
        }
    }
}

/// The peers to trust, and how to speak. Equal options share a config, and with it their sessions.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct TlsOptions {
    /// Certificates trusted beside the system's.
    pub(super) ca: SharedList<CertificateDer<'static>>,
    pub(super) system_trust: bool,
    /// Revocation lists.
    pub(super) crl: SharedList<CertificateRevocationListDer<'static>>,
    pub(super) verify: bool,
    proxy_verify: bool,
    pub(super) peer: Peer,
    pub(super) pinned_keys: Vec<Pin>,
    pub(super) client_certificate: Option<Identity>,
    server_name: Option<ServerName<'static>>,
    min_tls_version: MinVersion,
    /// In the order of preference.
    pub(super) alpn: Vec<String>,
    pub(super) key_log_file: Option<String>,
}

/// No name that is longer could be in a certificate, whatever its letters take in UTF-8.
const LONGEST_NAME: usize = 1024;

/// The protocol that we speak inside TLS; the others of RFC 7301's registry we do not.
const HTTP_1_1: &str = "http/1.1";

impl Default for TlsOptions {
    fn default() -> Self {
        TlsOptions {
            ca: SharedList::default(),
            system_trust: true,
            crl: SharedList::default(),
            verify: true,
            proxy_verify: true,
            peer: Peer::Server,
            pinned_keys: Vec::new(),
            client_certificate: None,
            server_name: None,
            min_tls_version: MinVersion::Tls12,
            alpn: vec![HTTP_1_1.to_owned()],
            key_log_file: None,
        }
    }
}

fn refuse(why: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::new(ErrorCode::InvalidArgument, why)
}

impl TlsOptions {
    /// [`ErrorCode::InvalidArgument`]: no certificate in it, or one that cannot be read.
    pub(crate) fn add_ca_pem(&mut self, pem: &[u8]) -> Result<(), Refusal> {
        let found: Vec<CertificateDer<'static>> = pem::all(pem, "certificate")?;
        let mut store = RootCertStore::empty();
        for (i, certificate) in found.iter().enumerate() {
            store.add(certificate.clone()).map_err(|error| {
                refuse(format!("certificate {} cannot be a trusted one: {}", i + 1, pem::der_words(&error)))
            })?;
        }
        Ok(self.ca.extend(found)?)
    }

    /// Switches the system's trust on or off.
    pub(crate) fn set_system_trust(&mut self, on: bool) {
        self.system_trust = on;
    }

    /// [`ErrorCode::InvalidArgument`]: no revocation list in it, or one that cannot be used.
    pub(crate) fn add_crl_pem(&mut self, pem: &[u8]) -> Result<(), Refusal> {
        let found: Vec<CertificateRevocationListDer<'static>> = pem::all(pem, "revocation list")?;
        for (i, list) in found.iter().enumerate() {
            OwnedCertRevocationList::from_der(list).map_err(|error| {
                refuse(format!("revocation list {} cannot be used: {}", i + 1, pem::crl_words(&error)))
            })?;
        }
        Ok(self.crl.extend(found)?)
    }

    pub(crate) fn set_verify(&mut self, on: bool) {
        self.verify = on;
    }

    pub(crate) fn set_proxy_verify(&mut self, on: bool) {
        self.proxy_verify = on;
    }

    /// [`ErrorCode::InvalidArgument`]: chain or key cannot be read, or they do not belong together.
    pub(crate) fn set_client_certificate(
        &mut self,
        chain: &[u8],
        key: &[u8],
        password: &KeyPassword,
    ) -> Result<(), Refusal> {
        let identity = Identity::from_pem(chain, key, password)?;
        self.client_certificate = Some(identity);
        Ok(())
    }

    /// [`ErrorCode::InvalidArgument`]: neither a name nor an address that a certificate could have.
    pub(crate) fn set_server_name(&mut self, name: &str) -> Result<(), Refusal> {
        let refuse = || refuse("it is neither a host name nor an IP address; it has no port, scheme or path");
        if name.len() > LONGEST_NAME {
            return Err(refuse());
        }
        let ascii = match url::Host::parse(name) {
            // IDNA, and what a URL would make of the name.
            Ok(url::Host::Domain(name)) => name,
            Ok(address @ url::Host::Ipv4(_)) => address.to_string(),
            // An IPv6 address needs no brackets here.
            _ => name.trim_start_matches('[').trim_end_matches(']').to_owned(),
        };
        self.server_name = Some(ServerName::try_from(ascii).map_err(|_| refuse())?);
        Ok(())
    }

    /// [`ErrorCode::InvalidArgument`]: no SHA-256 in hex digits or base64.
    pub(crate) fn add_pinned_key(&mut self, text: &str) -> Result<(), Refusal> {
        let pin = Pin::parse(text).ok_or_else(|| {
            refuse("it is no SHA-256: 64 hex digits, or 44 characters of base64, perhaps with sha256// before them")
        })?;
        if !self.pinned_keys.contains(&pin) {
            self.pinned_keys.push(pin);
        }
        Ok(())
    }

    /// 12 or 13. [`ErrorCode::InvalidArgument`] for others.
    pub(crate) fn set_min_tls_version(&mut self, version: i32) -> Result<(), Refusal> {
        self.min_tls_version = match version {
            12 => MinVersion::Tls12,
            13 => MinVersion::Tls13,
            _ => return Err(refuse("versions are 12 for TLS 1.2 and 13 for TLS 1.3")),
        };
        Ok(())
    }

    /// Names with commas between them, the preferred first; empty: none are offered. [`ErrorCode::InvalidArgument`]: a
    /// name that is empty, longer than 255 bytes or there twice, or not of visible ASCII.
    pub(crate) fn set_alpn(&mut self, protocols: &str) -> Result<(), Refusal> {
        let mut names: Vec<String> = Vec::new();
        for name in protocols.split(',').filter(|_| !protocols.is_empty()) {
            let good = (1..=255).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
            if !good || names.iter().any(|known| known == name) {
                return Err(refuse(
                    "a name is empty, longer than 255 bytes, there twice, or not of visible ASCII; it takes names with \
                     commas between them and no spaces",
                ));
            }
            names.push(name.to_owned());
        }
        self.alpn = names;
        Ok(())
    }

    pub(crate) fn set_key_log_file(&mut self, path: String) {
        self.key_log_file = Some(path);
    }

    /// The options for a server of another name, to which a redirect leads: without the client's certificate, and
    /// without the name that the first server had to have. The pins stay: a host that pins keys would rather not
    /// connect.
    pub(crate) fn for_another_server(&self) -> TlsOptions {
        TlsOptions { client_certificate: None, server_name: None, ..self.clone() }
    }

    /// For a proxy: whatever was said of the server alone stays behind: its pins, the lists that its certificates need, and
    /// that it is not verified.
    pub(crate) fn for_proxy(&self) -> TlsOptions {
        TlsOptions {
            pinned_keys: Vec::new(),
            crl: SharedList::default(),
            alpn: vec![HTTP_1_1.to_owned()],
            verify: self.proxy_verify,
            peer: Peer::Proxy,
            ..self.for_another_server()
        }
    }

    pub(super) fn versions(&self) -> &'static [&'static SupportedProtocolVersion] {
        static BOTH: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
        match self.min_tls_version {
            MinVersion::Tls12 => &BOTH,
            MinVersion::Tls13 => &BOTH[..1],
        }
    }

    /// The name to ask for and to verify, where the URL has `name`.
    pub(super) fn name<'a>(&'a self, name: &'a ServerName<'static>) -> &'a ServerName<'static> {
        self.server_name.as_ref().unwrap_or(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::refusal::code;

    #[test]
    fn server_names_are_names_or_addresses() {
        let mut options = TlsOptions::default();
        for (given, expected) in [
            ("feed.example.com", "feed.example.com"),
            ("Bücher.example", "xn--bcher-kva.example"),
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
        ] {
            assert_eq!(code(options.set_server_name(given)), Ok(()), "{given}");
            let of_url = ServerName::try_from("localhost").unwrap();
            assert_eq!(options.name(&of_url).to_str(), expected);
        }
        for bad in ["", " ", "a b", "a/b", "a:1", "a\0b"] {
            assert_eq!(code(options.set_server_name(bad)), Err(ErrorCode::InvalidArgument), "{bad:?}");
        }
    }

    #[test]
    fn alpn_is_a_list_of_names() {
        let mut options = TlsOptions::default();
        assert_eq!(options.alpn, ["http/1.1"]);
        assert_eq!(code(options.set_alpn("x,http/1.1")), Ok(()));
        assert_eq!(options.alpn, ["x", "http/1.1"]);
        for bad in [",", "x,", "x,,y", "x,x", "a b", "é", "\n", &"x".repeat(256)] {
            assert_eq!(code(options.set_alpn(bad)), Err(ErrorCode::InvalidArgument), "{bad:?}");
        }
        assert_eq!(code(options.set_alpn("")), Ok(()));
        assert!(options.alpn.is_empty());
    }

    #[test]
    fn what_was_said_of_the_server_alone_goes_to_no_other() {
        let mut options = TlsOptions::default();
        options.set_server_name("feed.example.com").unwrap();
        options.add_pinned_key(&"ab".repeat(32)).unwrap();
        options.set_min_tls_version(13).unwrap();
        options.set_alpn("x").unwrap();
        options.set_verify(false);
        let elsewhere = options.for_another_server();
        assert_eq!((elsewhere.server_name.is_none(), elsewhere.pinned_keys.len()), (true, 1));
        let proxy = options.for_proxy();
        assert_eq!(
            (proxy.server_name.is_none(), proxy.pinned_keys.len(), &proxy.alpn[0][..]),
            (true, 0, "http/1.1")
        );
        assert_eq!(proxy.versions().len(), 1);
        assert_eq!((elsewhere.verify, proxy.verify), (false, true));
        options.set_proxy_verify(false);
        assert!(!options.for_proxy().verify);
    }
}
