//! The handshake over a connected stream.

use super::config::config;
use super::failure::describe;
use super::options::TlsOptions;
use crate::connect::readiness::Readiness;
use crate::engine::{Kind, run_blocking};
use crate::error::{Error, ErrorCode};
use crate::log::log;
use crate::transport::{Received, TlsSession, Transport};
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use std::io::{self, ErrorKind, Read};

/// Does the handshake over the stream as it is, with `server` (`host:port`, for messages), whose certificate must be for
/// `host`. Returns the session, and plaintext that came with its last records.
pub(crate) async fn handshake(
    host: &str,
    server: &str,
    options: &TlsOptions,
    transport: &Transport,
    readiness: &Readiness,
) -> Result<(TlsSession, Vec<u8>), Error> {
    if !options.verify {
        log!(Warn, "tls ", "the certificate of {server} is NOT verified (ws_options_set_verify)");
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|_| {
        Error::new(ErrorCode::InvalidUrl, "tls ", format!("{host} is no name for a certificate"))
    })?;
    let of_worker = options.clone();
    let mut connection = run_blocking(Kind::Handshake, move || {
        let config = config(&of_worker)?;
        ClientConnection::new(config, name)
            .map_err(|error| Error::new(ErrorCode::Tls, "tls ", error.to_string()))
    })
    .await??;
    let broken = |error: &io::Error| {
        Error::from_io("tls ", &format!("The TLS handshake with {server} broke off"), error)
    };
    loop {
        write_all(&mut connection, transport, readiness).await.map_err(|error| broken(&error))?;
        if !connection.is_handshaking() {
            break;
        }
        let bytes = read_some(transport, readiness).await.map_err(|error| broken(&error))?;
        if bytes.is_empty() {
            return Err(Error::new(
                ErrorCode::Tls,
                "tls ",
                format!("{server} ended the connection during the TLS handshake; is it a TLS server (wss)?"),
            ));
        }
        let result;
        (connection, result) = run_blocking(Kind::Handshake, move || {
            let result = feed(&mut connection, &bytes);
            (connection, result)
        })
        .await?;
        if let Err(error) = result {
            // The alert tells the server why; nobody waits for it.
            let _ = connection.write_tls(&mut transport.writer());
            let _ = transport.flush();
            return Err(describe(server, &error));
        }
    }
    let mut early = Vec::new();
    if let Err(error) = connection.reader().read_to_end(&mut early)
        && error.kind() != ErrorKind::WouldBlock
    {
        return Err(broken(&error));
    }
    Ok((TlsSession::new(connection), early))
}

fn feed(connection: &mut ClientConnection, mut bytes: &[u8]) -> Result<(), rustls::Error> {
    while !bytes.is_empty() {
        if connection.read_tls(&mut bytes).map_err(|error| rustls::Error::General(error.to_string()))? == 0 {
            break;
        }
        connection.process_new_packets()?;
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
    while transport.flush()? {
        readiness.writable().await?.clear_ready();
    }
    Ok(())
}

/// Empty at the end of the stream.
async fn read_some(transport: &Transport, readiness: &Readiness) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(16 * 1024);
    loop {
        let mut guard = readiness.readable().await?;
        match transport.read(None, &mut bytes)? {
            Received::Data { drained, buffered, .. } => {
                if drained {
                    guard.clear_ready();
                }
                if buffered > 0 {
                    return Ok(bytes);
                }
            }
            Received::Nothing => guard.clear_ready(),
            Received::End => return Ok(bytes),
        }
    }
}
