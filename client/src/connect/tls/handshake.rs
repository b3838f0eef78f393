//! The handshake over a connected stream.

use super::config::config;
use super::failure::handshake_failed;
use super::info::TlsInfo;
use super::options::TlsOptions;
use super::trust::{Shown, take_refused};
use crate::connect::exchange;
use crate::connect::readiness::Readiness;
use crate::engine::{Kind, run_blocking};
use crate::error::{Component, Error, ErrorCode};
use crate::log::log;
use crate::transport::{TlsSession, Transport};
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use std::io::{self, ErrorKind, Read};

/// A session, and what came of its handshake.
pub(crate) struct Secured {
    pub(crate) session: TlsSession,
    /// Plaintext that came with the handshake's last records.
    pub(crate) early: Vec<u8>,
    pub(crate) info: TlsInfo,
}

/// Does the handshake over the stream as it is, with `server` (`host:port`, for messages), whose certificate must be for
/// `name`, or for the one that the options have instead.
pub(crate) async fn handshake(
    name: &ServerName<'static>,
    server: &str,
    options: &TlsOptions,
    transport: &Transport,
    readiness: &Readiness,
) -> Result<Secured, Error> {
    if !options.verify {
        let option = options.peer.verify_option();
        log!(Warn, Component::Tls, "the certificate of {server} is NOT verified ({option})");
    }
    if let Some(path) = &options.key_log_file {
        log!(
            Warn,
            Component::Tls,
            "the secrets of the session with {server} are written to {path} (ws_options_set_key_log_file)"
        );
    }
    let name = options.name(name).clone();
    let of_worker = options.clone();
    let mut connection = run_blocking(Kind::Handshake, move || {
        let config = config(&of_worker)?;
        ClientConnection::new(config, name)
            .map_err(|error| Error::new(ErrorCode::Tls, Component::Tls, error.to_string()))
    })
    .await??;
    let broken = |error: &io::Error| {
        Error::from_io(Component::Tls, &format!("The TLS handshake with {server} broke off"), error)
    };
    loop {
        write_all(&mut connection, transport, readiness).await.map_err(|error| broken(&error))?;
        if !connection.is_handshaking() {
            break;
        }
        // A flight of the server's is seldom longer. Without memory for that much, less is read at once.
        let mut bytes = Vec::new();
        let _ = bytes.try_reserve(16 * 1024);
        if !exchange::read_some(transport, readiness, &mut bytes).await.map_err(|error| broken(&error))? {
            return Err(Error::new(
                ErrorCode::Tls,
                Component::Tls,
                format!("{server} ended the connection during the TLS handshake; is it a TLS server (wss)?"),
            ));
        }
        let result;
        (connection, result) = run_blocking(Kind::Handshake, move || {
            let result = feed(&mut connection, &bytes);
            (connection, result)
        })
        .await?;
        if let Err(failure) = result {
            let (error, shown) = *failure;
            // The alert gives the server the reason; nothing waits for it to leave.
            let _ = connection.write_tls(&mut transport.writer());
            let _ = transport.flush();
            return Err(handshake_failed(server, options, &error, shown));
        }
    }
    let mut early = Vec::new();
    if let Err(error) = connection.reader().read_to_end(&mut early)
        && error.kind() != ErrorKind::WouldBlock
    {
        return Err(broken(&error));
    }
    let info = TlsInfo::of(&connection, options.verify);
    check_protocol(server, info.alpn.as_deref())?;
    Ok(Secured { session: TlsSession::new(connection), early, info })
}

/// The host may offer what it likes; but the upgrade of RFC 6455 is one of HTTP/1.1.
fn check_protocol(server: &str, chosen: Option<&str>) -> Result<(), Error> {
    match chosen {
        Some(chosen @ ("h2" | "h2c" | "h3" | "http/1.0" | "http/0.9")) => Err(Error::new(
            ErrorCode::Tls,
            Component::Tls,
            format!(
                "TLS: {server} chose to speak {chosen}, not HTTP/1.1; do not offer it with ws_options_set_alpn"
            ),
        )),
        _ => Ok(()),
    }
}

/// On an error also what the server had shown, if that was the reason.
fn feed(
    connection: &mut ClientConnection,
    mut bytes: &[u8],
) -> Result<(), Box<(rustls::Error, Option<Shown>)>> {
    let _of_others = take_refused();
    while !bytes.is_empty() {
        match connection.read_tls(&mut bytes) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => return Err(Box::new((rustls::Error::General(error.to_string()), None))),
        }
        connection.process_new_packets().map_err(|error| Box::new((error, take_refused())))?;
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
    exchange::flush(transport, readiness).await
}
