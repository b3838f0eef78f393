//! Bytes both ways while a connection is made, and the body of an answer that refuses it.

use super::readiness::Readiness;
use super::response::Head;
use crate::timer::timeout;
use crate::transport::{Received, Transport};
use std::io::{self, IoSlice};
use std::pin::pin;
use std::time::{Duration, Instant};

/// So much of a refusal's body is kept, and so long is it waited for: the refusal is what counts.
const MOST_BODY: usize = 64 * 1024;
const BODY_PATIENCE: Duration = Duration::from_secs(1);

/// The time for which a refusal's body is waited for: the refusal must be reported before the connect timeout hides it.
pub(super) fn patience(deadline: Option<Instant>) -> Duration {
    let left = deadline.map_or(BODY_PATIENCE, |deadline| deadline.saturating_duration_since(Instant::now()));
    BODY_PATIENCE.min(left / 2)
}

/// The body of a refusal.
pub(super) struct Body {
    /// At most [`MOST_BODY`] of it.
    pub(super) bytes: Vec<u8>,
    /// All of it has come and nothing behind it, and the peer has not said that it ends the connection: it can be asked again.
    pub(super) can_go_on: bool,
}

/// Reads a refusal's body, whose beginning came with the head. The refusal is reported also where it stalls.
pub(super) async fn refused_body(
    head: &Head,
    transport: &Transport,
    readiness: &Readiness,
    mut bytes: Vec<u8>,
    patience: Duration,
) -> Body {
    let chunked = head.all("Transfer-Encoding").any(|value| value.to_ascii_lowercase().contains("chunked"));
    let length = match head.status {
        204 | 304 => Some(0),
        _ => head.all("Content-Length").next().and_then(|value| value.parse::<usize>().ok()),
    };
    let is_whole = |bytes: &[u8]| match length {
        _ if chunked => unchunk(bytes).end.is_some(),
        Some(length) => bytes.len() >= length,
        None => false,
    };
    let reading = async {
        while bytes.len() < MOST_BODY
            && !is_whole(&bytes)
            && matches!(read_some(transport, readiness, &mut bytes).await, Ok(true))
        {}
    };
    let _ = timeout(patience, pin!(reading)).await;
    let came = bytes.len();
    let (mut body, end) = match chunked {
        true => {
            let Chunked { data, end } = unchunk(&bytes);
            (data, end)
        }
        false => (bytes, length),
    };
    body.truncate(length.filter(|_| !chunked).unwrap_or(MOST_BODY).min(MOST_BODY));
    Body { bytes: body, can_go_on: end == Some(came) && stays_open(head) }
}

/// RFC 9112 §9.3. HTTP/1.0 could promise it too, but hardly anybody does.
fn stays_open(head: &Head) -> bool {
    let connection = ["Connection", "Proxy-Connection"].into_iter().flat_map(|name| head.all(name));
    let mut tokens = connection.flat_map(|value| value.split(','));
    head.minor_version > 0 && !tokens.any(|token| token.trim().eq_ignore_ascii_case("close"))
}

/// A chunked body (RFC 9112 §7.1).
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Chunked {
    /// As far as it came.
    pub(crate) data: Vec<u8>,
    /// So many bytes the whole of it takes, if its end was seen; or what came, where it is no chunked body.
    pub(crate) end: Option<usize>,
}

pub(crate) fn unchunk(whole: &[u8]) -> Chunked {
    let (mut data, mut at) = (Vec::new(), 0);
    loop {
        match httparse::parse_chunk_size(&whole[at..]) {
            Ok(httparse::Status::Complete((head, 0))) => {
                return Chunked {
                    data,
                    end: end_of_trailers(&whole[at + head..]).map(|len| at + head + len),
                };
            }
            Ok(httparse::Status::Complete((head, size))) => {
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                let rest = &whole[at + head..];
                data.extend_from_slice(&rest[..size.min(rest.len())]);
                match size.checked_add(2) {
                    Some(size) if size <= rest.len() => at += head + size,
                    _ => return Chunked { data, end: None },
                }
            }
            Ok(httparse::Status::Partial) => return Chunked { data, end: None },
            // No chunk any more: what came is what there is.
            Err(_) => return Chunked { data, end: Some(whole.len()) },
        }
    }
}

/// The end of the empty line behind the last chunk, before which there may be trailers.
fn end_of_trailers(rest: &[u8]) -> Option<usize> {
    if rest.starts_with(b"\r\n") {
        return Some(2);
    }
    rest.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
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
        let mut guard = readiness.readable().await?;
        // Not before: many may wait at a time.
        into.try_reserve(4096).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_as_far_as_they_came() {
        for (bytes, data, end) in [
            (&b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"[..], &b"abcde"[..], Some(24)),
            (b"1\r\na\r\n0\r\nA: b\r\nC: d\r\n\r\nmore", b"a", Some(23)),
            (b"1\r\na\r\n0\r\n", b"a", None),
            (b"1\r\na\r\n0\r\nA: b\r\n", b"a", None),
            (b"3\r\nabc\r\n5\r\nde", b"abcde", None),
            (b"3", b"", None),
            (b"no chunk", b"", Some(8)),
            (b"ffffffffffffffff\r\nab", b"ab", None),
        ] {
            let unchunked = unchunk(bytes);
            assert_eq!((&unchunked.data[..], unchunked.end), (data, end), "{}", bytes.escape_ascii());
        }
    }
}
