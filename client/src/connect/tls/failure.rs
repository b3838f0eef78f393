//! What to say where TLS fails.

use crate::error::{Error, ErrorCode};
use rustls::{AlertDescription, CertificateError};

/// What failed of TLS with `server` (`host:port`), and which of the many ways not to be trusted it is.
pub(crate) fn describe(server: &str, error: &rustls::Error) -> Error {
    let whose = format!("TLS: the certificate of {}", server);
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
        rustls::Error::AlertReceived(alert) => return alert_received(server, *alert),
        rustls::Error::NoCertificatesPresented => format!("{whose} is missing: the server sent none"),
        other => {
            let message = format!(
                "TLS with {} failed: {other}; is it a TLS server (wss), and does it speak TLS 1.2 or 1.3?",
                server
            );
            return Error::new(ErrorCode::Tls, "tls ", message);
        }
    };
    Error::new(ErrorCode::Certificate, "tls ", message)
}

/// The server has told why it does not go on (RFC 8446 section 6.2).
fn alert_received(server: &str, alert: AlertDescription) -> Error {
    let number = u8::from(alert);
    let message = match alert {
        AlertDescription::CertificateRequired => {
            format!("TLS: {server} demands a client certificate (alert {alert:?}, {number})")
        }
        _ => format!(
            "TLS: {server} refused with the alert {alert:?} ({number}); is it a TLS server (wss), and does it speak TLS \
             1.2 or 1.3?"
        ),
    };
    Error::new(ErrorCode::Tls, "tls ", message).with_tls_alert(number)
}

/// An established session that broke: `what` says on whose connection.
pub(crate) fn broken(what: &str, error: &rustls::Error) -> Error {
    let broken = Error::new(ErrorCode::Tls, "tls ", format!("{what}: {error}"));
    match error {
        rustls::Error::AlertReceived(alert) => broken.with_tls_alert(u8::from(*alert)),
        _ => broken,
    }
}
