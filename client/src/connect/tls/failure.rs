//! The messages of TLS that fails.

use super::certificate::moment;
use super::options::{Peer, TlsOptions};
use super::pin::NotPinned;
use super::provider::SERVER_KEYS;
use super::trust::Shown;
use super::words::plain;
use crate::error::{Component, Error, ErrorCode};
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, OtherError, PeerMisbehaved};

/// The error of an established session with `server` (`host:port`) before the upgrade was answered. With TLS 1.3 that
/// includes the server's verdict on the client's certificate.
pub(crate) fn describe(server: &str, options: &TlsOptions, error: &rustls::Error) -> Error {
    match error {
        rustls::Error::AlertReceived(alert) if !is_of_renegotiation(*alert) => {
            alert_received(server, options, *alert)
        }
        other => broken(&format!("TLS with {server} broke"), other),
    }
}

/// Returns `true` for an alert with which a server ends a session whose renegotiation was refused.
fn is_of_renegotiation(alert: AlertDescription) -> bool {
    matches!(alert, AlertDescription::NoRenegotiation | AlertDescription::HandshakeFailure)
}

/// The words for an error: rustls shows its own identifiers, and lists of numbers.
fn words(error: &rustls::Error) -> String {
    match error {
        rustls::Error::PeerMisbehaved(why) => {
            format!("the peer broke the rules of TLS ({})", plain(&format!("{why:?}")).trim())
        }
        rustls::Error::PeerIncompatible(why) => {
            format!("both sides have nothing in common ({})", plain(&format!("{why:?}")).trim())
        }
        rustls::Error::InvalidMessage(why) => {
            format!("what came is no TLS, or was damaged ({})", plain(&format!("{why:?}")).trim())
        }
        rustls::Error::InappropriateMessage { .. } | rustls::Error::InappropriateHandshakeMessage { .. } => {
            "a message of TLS came that was not expected".to_owned()
        }
        rustls::Error::AlertReceived(alert) => {
            format!("the peer ended it ({})", named(*alert))
        }
        other => other.to_string(),
    }
}

/// The error of the handshake; one of the certificate says which of the many ways not to be trusted it is.
pub(super) fn handshake_failed(
    server: &str,
    options: &TlsOptions,
    error: &rustls::Error,
    shown: Option<Shown>,
) -> Error {
    match error {
        rustls::Error::InvalidCertificate(reason) => {
            let why = not_trusted(reason, &shown.unwrap_or_default(), options.peer);
            let message = format!("TLS: the certificate of {server} {why}");
            let refused = Error::new(ErrorCode::Certificate, Component::Tls, message);
            match reason {
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    refused.with_not_valid_yet()
                }
                _ => refused,
            }
        }
        rustls::Error::NoCertificatesPresented => {
            let message = format!("TLS: the certificate of {server} is missing: the server sent none");
            Error::new(ErrorCode::Certificate, Component::Tls, message)
        }
        rustls::Error::AlertReceived(alert) => alert_received(server, options, *alert),
        other => {
            let message = format!(
                "TLS with {server} failed: {}; is it a TLS server (wss), and does it speak TLS {}?",
                words(other),
                versions(options)
            );
            Error::new(ErrorCode::Tls, Component::Tls, message)
        }
    }
}

fn versions(options: &TlsOptions) -> &'static str {
    if options.versions().len() == 1 { "1.3 (ws_options_set_min_tls_version)" } else { "1.2 or 1.3" }
}

fn when(time: &UnixTime) -> String {
    moment(i64::try_from(time.as_secs()).unwrap_or(i64::MAX))
}

const CLOCK: &str = "is the clock of this machine right?";

/// The words behind "the certificate of X".
fn not_trusted(reason: &CertificateError, shown: &Shown, peer: Peer) -> String {
    match reason {
        CertificateError::ExpiredContext { time, not_after } => {
            format!("has expired: it was valid until {}, and now it is {}; {CLOCK}", when(not_after), when(time))
        }
        CertificateError::Expired => format!("has expired; {CLOCK}"),
        CertificateError::NotValidYetContext { time, not_before } => {
            format!("is not yet valid: it will be from {}, and now it is {}; {CLOCK}", when(not_before), when(time))
        }
        CertificateError::NotValidYet => format!("is not yet valid; {CLOCK}"),
        CertificateError::NotValidForNameContext { expected, .. } if shown.names.is_empty() => format!(
            "is for no host at all: it has no subjectAltName, and the common name of its subject does not count; have it \
             made anew with one (openssl req -x509 ... -addext subjectAltName={})",
            alternative_name(expected)
        ),
        CertificateError::NotValidForNameContext { expected, .. }
            if shown.names.iter().any(|name| *name == expected.to_str()) =>
        {
            format!(
                "has {} as the name of a host, which does not count for an address; have it made anew with \
                 subjectAltName={}",
                expected.to_str(),
                alternative_name(expected)
            )
        }
        CertificateError::NotValidForNameContext { expected, .. } => format!(
            "is for another name: it is for {}, not for {}{}; {}",
            list(&shown.names),
            expected.to_str(),
            if shown.names.iter().any(|name| name.starts_with('*')) {
                " (a * stands for exactly one label at the beginning of a name, and for no address)"
            } else {
                ""
            },
            match peer {
                Peer::Server => "if that is as it should be: ws_options_set_server_name",
                Peer::Proxy => "is that the name by which the proxy is known?",
            }
        ),
        CertificateError::NotValidForName => "is for another name".to_owned(),
        CertificateError::UnknownIssuer => unknown_issuer(shown),
        // One that signed itself, and has the name of somebody trusted.
        CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
            if shown.is_self_signed() =>
        {
            unknown_issuer(shown)
        }
        // Not the certificate's, but the one of the handshake, made with its key.
        CertificateError::BadSignature if shown.leaf.is_none() => {
            "has a key with which the server has not signed, or one that is too weak (RSA below 2048 bits)".to_owned()
        }
        CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => "was not signed by the trusted CA of its issuer's name: its issuer is unknown, or another one of the same name; \
             add its CA with ws_options_set_ca_file"
            .to_owned(),
        CertificateError::UnsupportedSignatureAlgorithmContext { signature_algorithm_id, .. } => format!(
            "is signed in a way that is too weak or not known ({}), or one of its issuers is; have it signed with SHA-256",
            signature_name(signature_algorithm_id)
        ),
        CertificateError::Revoked => "is revoked, or one of its issuers is (ws_options_set_crl_file)".to_owned(),
        CertificateError::UnknownRevocationStatus => {
            "may be revoked: no list of ws_options_set_crl_file is from its issuer, or from an issuer above it".to_owned()
        }
        CertificateError::ExpiredRevocationListContext { next_update, .. } => format!(
            "may be revoked: the list of ws_options_set_crl_file was to be renewed by {}",
            when(next_update)
        ),
        CertificateError::Other(OtherError(inner)) if inner.downcast_ref::<NotPinned>().is_some() => {
            format!("{inner} (ws_options_set_pinned_key_sha256)")
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => NO_SERVER_S.to_owned(),
        CertificateError::Other(OtherError(inner)) => odd(inner.as_ref(), shown, peer),
        CertificateError::BadEncoding => MALFORMED.to_owned(),
        other => format!("is not trusted: {}", plain(&format!("{other:?}"))),
    }
}

const MALFORMED: &str = "is malformed, or one of its issuers is; have it made anew";

/// The argument of `-addext subjectAltName=`.
fn alternative_name(name: &ServerName<'_>) -> String {
    match name {
        ServerName::IpAddress(_) => format!("IP:{}", name.to_str()),
        _ => format!("DNS:{}", name.to_str()),
    }
}

/// The usual names of signatures that are refused.
fn signature_name(algorithm: &[u8]) -> &'static str {
    // The object identifiers, as DER: RFC 3279 and RFC 8410.
    let has = |oid: &[u8]| algorithm.windows(oid.len()).any(|window| window == oid);
    if has(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05]) {
        "SHA-1 with RSA"
    } else if has(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x04]) {
        "MD5 with RSA"
    } else if has(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01]) {
        "SHA-1 with ECDSA"
    } else {
        "another algorithm"
    }
}

const NO_SERVER_S: &str =
    "is not one for servers: its extended key usage has other purposes; have it made anew with serverAuth";

/// The message for errors that rustls has no name for: webpki's own words are those of its source.
fn odd(inner: &(dyn std::error::Error + 'static), shown: &Shown, peer: Peer) -> String {
    match inner.downcast_ref::<webpki::Error>() {
        Some(webpki::Error::CaUsedAsEndEntity) => format!(
            "is that of a CA{}, not of a {} (basicConstraints): have it made anew with CA:FALSE, or trust it by itself: \
             ws_options_set_ca_file",
            if shown.is_self_signed() { ", self-signed" } else { "" },
            match peer {
                Peer::Proxy => "proxy",
                Peer::Server => "server",
            }
        ),
        Some(webpki::Error::UnsupportedCriticalExtension) => {
            "has an extension that is critical and not known here; have it made anew without that".to_owned()
        }
        Some(webpki::Error::NameConstraintViolation) => {
            format!(
                "is for {}: its CA may not vouch for that (name constraints); have it signed by one that may",
                list(&shown.names)
            )
        }
        // The system's verifier has a type of its own for this, and keeps it to itself.
        None if inner.to_string() == "certificate had invalid extensions" => NO_SERVER_S.to_owned(),
        Some(webpki::Error::UnsupportedCertVersion) => {
            "is one of X.509 version 1 or 2, or one of its issuers is, which have no names of hosts; have it made anew as \
             version 3 (with a subjectAltName)"
                .to_owned()
        }
        Some(webpki::Error::BadDer | webpki::Error::TrailingData(_)) => MALFORMED.to_owned(),
        Some(other) => format!("is not trusted: {}", plain(&format!("{other:?}"))),
        None => format!("is not trusted: {}", plain(&inner.to_string())),
    }
}

/// A server may have thousands of names.
fn list(names: &[String]) -> String {
    const MOST: usize = 10;
    match names.len() {
        0 => "nobody".to_owned(),
        1..=MOST => names.join(", "),
        all => format!("{} and {} others", names[..MOST].join(", "), all - MOST),
    }
}

/// A client cannot know whether a CA is unknown or an intermediate certificate was not sent; but it knows which one
/// would be next.
fn unknown_issuer(shown: &Shown) -> String {
    const CURE: &str = "add its CA with ws_options_set_ca_file";
    match (&shown.leaf, &shown.top) {
        (Some(leaf), _) if shown.is_self_signed() => {
            format!(
                "has an unknown issuer: it is self-signed ({}); add it with ws_options_set_ca_file",
                leaf.subject
            )
        }
        (Some(leaf), None) => format!(
            "has an unknown issuer: \"{}\" is not trusted, and the server sent no intermediate certificate; {CURE}, or have \
             the server send its whole chain",
            leaf.issuer
        ),
        (_, Some(top)) => {
            format!(
                "has an unknown issuer: its chain ends at \"{}\", which is not trusted; {CURE}",
                top.issuer
            )
        }
        _ => format!("has an unknown issuer; {CURE}"),
    }
}

/// An alert's name in words, and its number.
fn named(alert: AlertDescription) -> String {
    let name = format!("{alert:?}");
    // A number that rustls has no name for is shown as one of its type.
    let name = if name.contains('(') { "unknown".to_owned() } else { plain(&name) };
    format!("alert {name}, {}", u8::from(alert))
}

/// The server has sent the reason why it does not go on (RFC 8446 section 6.2).
fn alert_received(server: &str, options: &TlsOptions, alert: AlertDescription) -> Error {
    use AlertDescription as Alert;
    let number = u8::from(alert);
    let named = named(alert);
    let message = match alert {
        Alert::CertificateRequired => format!(
            "TLS: {server} demands a client certificate ({named}); give one with ws_options_set_client_certificate_file"
        ),
        Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied
        | Alert::DecryptError
            if options.client_certificate.is_some() =>
        {
            format!("TLS: {server} does not accept the client certificate ({named})")
        }
        Alert::HandshakeFailure => format!(
            "TLS: {server} finds nothing that both sides take ({named}): ciphers, key exchanges, or the kind of its \
             certificate's key (here {SERVER_KEYS}); or it asks for a client certificate"
        ),
        Alert::NoApplicationProtocol => {
            format!("TLS: {server} speaks none of the offered protocols ({named}); see ws_options_set_alpn")
        }
        Alert::UnrecognisedName => {
            format!(
                "TLS: {server} does not know the name that it was asked for ({named}); see ws_options_set_server_name"
            )
        }
        Alert::ProtocolVersion => {
            format!("TLS: {server} speaks another version of TLS than {} ({named})", versions(options))
        }
        _ => format!(
            "TLS: {server} refused ({named}); is it a TLS server (wss), and does it speak TLS {}?",
            versions(options)
        ),
    };
    Error::new(ErrorCode::Tls, Component::Tls, message).with_tls_alert(number)
}

/// An established session that broke: `what` says on whose connection.
pub(crate) fn broken(what: &str, error: &rustls::Error) -> Error {
    let renegotiates = match error {
        rustls::Error::AlertReceived(alert) => is_of_renegotiation(*alert),
        rustls::Error::PeerMisbehaved(why) => *why == PeerMisbehaved::TooManyRenegotiationRequests,
        _ => false,
    };
    let cure = if renegotiates { RENEGOTIATION } else { "" };
    let broken = Error::new(ErrorCode::Tls, Component::Tls, format!("{what}: {}{cure}", words(error)));
    match error {
        rustls::Error::AlertReceived(alert) => broken.with_tls_alert(u8::from(*alert)),
        _ => broken,
    }
}

const RENEGOTIATION: &str = "; it asked to renegotiate, as servers of TLS 1.2 do that want a client certificate for some paths \
                             alone, and that is not done here: have it ask in the first handshake, or speak TLS 1.3";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renegotiation_that_is_asked_for_is_named() {
        let options = TlsOptions::default();
        for error in [
            rustls::Error::PeerMisbehaved(PeerMisbehaved::TooManyRenegotiationRequests),
            rustls::Error::AlertReceived(AlertDescription::NoRenegotiation),
            rustls::Error::AlertReceived(AlertDescription::HandshakeFailure),
        ] {
            for said in [broken("TLS with host:1 broke", &error), describe("host:1", &options, &error)] {
                let text = said.to_string();
                assert!(
                    text.starts_with("TLS with host:1 broke: the peer ") && text.contains("renegotiate"),
                    "{text}"
                );
                assert_eq!(said.tls_alert().is_some(), matches!(error, rustls::Error::AlertReceived(_)));
            }
        }
        let other = rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
        let said = describe("host:1", &options, &other).to_string();
        assert!(said.contains("demands a client certificate (alert certificate required, 116)"), "{said}");
        assert_eq!(named(AlertDescription::from(200)), "alert unknown, 200");
    }

    #[test]
    fn what_rustls_shows_of_its_source_becomes_words() {
        for (error, said) in [
            (
                rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType),
                "what came is no TLS, or was damaged (invalid content type)",
            ),
            (
                rustls::Error::InappropriateMessage {
                    expect_types: vec![rustls::ContentType::Alert],
                    got_type: rustls::ContentType::Handshake,
                },
                "a message of TLS came that was not expected",
            ),
            (
                rustls::Error::PeerIncompatible(rustls::PeerIncompatible::NoCipherSuitesInCommon),
                "both sides have nothing in common (no cipher suites in common)",
            ),
        ] {
            assert_eq!(words(&error), said);
        }
    }

    #[test]
    fn weak_signatures_are_named_and_nothing_is_dumped() {
        let reason = CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: vec![6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5, 5, 0],
            supported_algorithms: Vec::new(),
        };
        let said = not_trusted(&reason, &Shown::default(), Peer::Server);
        assert!(said.contains("SHA-1 with RSA") && !said.contains('['), "{said}");
        let version =
            CertificateError::Other(OtherError(std::sync::Arc::new(webpki::Error::UnsupportedCertVersion)));
        assert!(not_trusted(&version, &Shown::default(), Peer::Server).contains("version 1"));
    }
}
