//! Bytes both ways while a connection is made, and the body of an answer that refuses it.

use super::readiness::Readiness;
use super::response::Head;
use crate::transport::{Received, Transport};
use std::io::{self, IoSlice};
use std::time::{Duration, Instant};

/// So much of a refusal's body is kept, and so long is it waited for: the refusal is what counts.
const MOST_BODY: usize = 64 * 1024;
const BODY_PATIENCE: Duration = Duration::from_secs(1);

/// How long a refusal's body is waited for: the refusal is to be told before the connect timeout hides it.
pub(super) fn patience(deadline: Option<Instant>) -> Duration {
    let left = deadline.map_or(BODY_PATIENCE, |deadline| deadline.saturating_duration_since(Instant::now()));
    BODY_PATIENCE.min(left / 2)
}

/// What there is of a refusal's body, whose beginning came with the head. The refusal is reported also where it stalls.
pub(super) async fn refused_body(
    head: &Head,
    transport: &Transport,
    readiness: &Readiness,
    mut bytes: Vec<u8>,
    patience: Duration,
) -> Vec<u8> {
    let chunked = head.all("Transfer-Encoding").any(|value| value.to_ascii_lowercase().contains("chunked"));
    let length = head.all("Content-Length").next().and_then(|value| value.parse::<usize>().ok());
    let whole = |bytes: &[u8]| match length {
        _ if bytes.len() >= MOST_BODY => true,
        _ if matches!(head.status, 204 | 304) => true,
        _ if chunked => unchunk(bytes).1,
        Some(length) => bytes.len() >= length,
        None => false,
    };
    let reading = async {
        while !whole(&bytes) && matches!(read_some(transport, readiness, &mut bytes).await, Ok(true)) {}
    };
    let _ = tokio::time::timeout(patience, reading).await;
    let mut body = if chunked { unchunk(&bytes).0 } else { bytes };
    body.truncate(length.filter(|_| !chunked).unwrap_or(MOST_BODY).min(MOST_BODY));
    body
}

/// The data of a chunked body as far as it came (RFC 9112 §7.1), and whether its end was seen.
pub(crate) fn unchunk(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut data = Vec::new();
    loop {
        match httparse::parse_chunk_size(bytes) {
            Ok(httparse::Status::Complete((_, 0))) => return (data, true),
            Ok(httparse::Status::Complete((head, size))) => {
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                let rest = &bytes[head..];
                data.extend_from_slice(&rest[..size.min(rest.len())]);
                match rest.get(size.saturating_add(2)..) {
                    Some(next) => bytes = next,
                    None => return (data, false),
                }
            }
            Ok(httparse::Status::Partial) => return (data, false),
            // No chunk any more: what came is what there is.
            Err(_) => return (data, true),
        }
    }
}

/// Writes all of it.
pub(super) async fn write_all(
    transport: &Transport,
    readiness: &Readiness,
    mut bytes: &[u8],
) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = transport.write(&[IoSlice::new(bytes)])?;
        bytes = &bytes[written.taken..];
        if written.blocked && !bytes.is_empty() {
            readiness.writable().await?.clear_ready();
        }
    }
    flush(transport, readiness).await
}

/// Writes some of it, all where the network takes it; where it does not, what comes meanwhile is appended to `into`.
/// `false`: nothing more will come.
pub(super) async fn write_some(
    transport: &Transport,
    readiness: &Readiness,
    bytes: &mut &[u8],
    into: &mut Vec<u8>,
) -> io::Result<bool> {
    let written = transport.write(&[IoSlice::new(bytes)])?;
    *bytes = &bytes[written.taken..];
    if bytes.is_empty() {
        flush(transport, readiness).await?;
    } else if written.blocked {
        tokio::select! {
            biased;
            read = read_some(transport, readiness, into) => return read,
            writable = readiness.writable() => writable?.clear_ready(),
        }
    }
    Ok(true)
}

/// Waits until what the stream itself has to say has left.
pub(super) async fn flush(transport: &Transport, readiness: &Readiness) -> io::Result<()> {
    while transport.flush()? {
        readiness.writable().await?.clear_ready();
    }
    Ok(())
}

/// Appends what the network brings; `false` at its end.
pub(super) async fn read_some(
    transport: &Transport,
    readiness: &Readiness,
    into: &mut Vec<u8>,
) -> io::Result<bool> {
    loop {
        into.reserve(4096);
        let mut guard = readiness.readable().await?;
        match transport.read(None, into)? {
            Received::Data { drained, buffered, .. } => {
                readiness.hear();
                if drained {
                    guard.clear_ready();
                }
                if buffered > 0 {
                    return Ok(true);
                }
            }
            Received::Nothing => guard.clear_ready(),
            Received::End => return Ok(false),
        }
    }
}
