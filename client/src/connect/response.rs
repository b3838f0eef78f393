//! Reading a response head, strictly: a peer that bends HTTP may be no HTTP server, or somebody in between
//! (RFC 9112 §2.2, §5.1, §5.2). Bytes in, heads out: no I/O here.

use super::headers::is_token;
use super::stranger;
use crate::error::{Component, Error, ErrorCode};
use crate::header_list::HeaderList;
use std::fmt;

/// A head above this is refused.
const MOST_BYTES: usize = 64 * 1024;
const MOST_HEADERS: usize = 512;
/// Room for those of most answers.
const FEW_HEADERS: usize = 32;

/// A response head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    /// HTTP/1.0 or HTTP/1.1.
    pub(crate) minor_version: u8,
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) headers: HeaderList,
}

impl Head {
    /// All values of a header, in order.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.all(name)
    }
}

/// Finds heads in bytes that may come one by one; linear in their number.
#[derive(Default)]
pub(crate) struct HeadReader {
    bytes: Vec<u8>,
    /// So many bytes were looked at.
    scanned: usize,
    /// The part of the limit that interim heads have used up.
    spent: usize,
}

/// The reason why bytes are no acceptable HTTP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NotHttp {
    why: String,
    /// The kind of server that sends such bytes, in words.
    server: &'static str,
}

impl NotHttp {
    /// The reason without what is said of servers alone.
    pub(crate) fn of_a_proxy(&self) -> &str {
        &self.why
    }
}

impl fmt::Display for NotHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)?;
        f.write_str(self.server)
    }
}

fn not_http(why: impl fmt::Display) -> NotHttp {
    NotHttp { why: why.to_string(), server: "" }
}

/// The answer to the upgrade is good HTTP, and yet not to be accepted.
pub(crate) fn not_accepted(why: impl fmt::Display) -> Error {
    Error::new(
        ErrorCode::Handshake,
        Component::Http,
        format!("The answer to the upgrade is not accepted: {why}"),
    )
}

/// The answer to the upgrade is not to be taken for one.
pub(crate) fn refused(why: impl fmt::Display) -> Error {
    Error::new(
        ErrorCode::Handshake,
        Component::Http,
        format!("The answer to the upgrade is no acceptable HTTP: {why}"),
    )
}

impl HeadReader {
    /// The buffer to which to append what the network brings.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The bytes behind the head.
    pub(crate) fn into_rest(self) -> Vec<u8> {
        self.bytes
    }

    /// The next head, once it is whole.
    pub(crate) fn next(&mut self) -> Result<Option<Head>, NotHttp> {
        const START: &[u8] = b"HTTP/1.";
        let known = self.bytes.len().min(START.len());
        if self.bytes[..known] != START[..known] {
            let (why, server) = stranger::described(&self.bytes);
            return Err(NotHttp { why, server });
        }
        let Some(end) = self.find_end()? else {
            return if self.bytes.len() + self.spent > MOST_BYTES { Err(too_large()) } else { Ok(None) };
        };
        if end + self.spent > MOST_BYTES {
            return Err(too_large());
        }
        let head = parse(&self.bytes[..end])?;
        self.bytes.drain(..end);
        self.scanned = 0;
        self.spent += end;
        Ok(Some(head))
    }

    fn find_end(&mut self) -> Result<Option<usize>, NotHttp> {
        while let Some(&byte) = self.bytes.get(self.scanned) {
            let at = self.scanned;
            // Most bytes are inside a line.
            if byte > b' ' && byte != 0x7f && at > 0 && self.bytes[at - 1] > b'\r' {
                self.scanned += 1;
                continue;
            }
            if byte == b'\n' {
                if at == 0 || self.bytes[at - 1] != b'\r' {
                    return Err(self.bent(at, "a line ends with a bare LF"));
                }
                if at >= 3 && self.bytes[at - 3..at] == *b"\r\n\r" {
                    self.scanned += 1;
                    return Ok(Some(at + 1));
                }
            } else if at > 0 && self.bytes[at - 1] == b'\r' {
                return Err(self.bent(at, "it contains a bare CR"));
            } else if byte.is_ascii_control() && byte != b'\r' && byte != b'\t' {
                return Err(self.bent(at, format_args!("it contains the control character {byte:#04x}")));
            } else if at > 1 && self.bytes[at - 1] == b'\n' && (byte == b' ' || byte == b'\t') {
                return Err(self.bent(at - 1, "a header is folded over two lines"));
            }
            self.scanned += 1;
        }
        Ok(None)
    }
}

impl HeadReader {
    /// The fault at this byte, with the line so far.
    fn bent(&self, at: usize, why: impl fmt::Display) -> NotHttp {
        let start = self.bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |lf| lf + 1);
        not_http(format_args!("{why}, in the line \"{}\"", quoted(&self.bytes[start..at])))
    }
}

/// The beginning of a line, without the value of a header, which may be a secret.
fn quoted(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let name = line.iter().position(|byte| *byte == b':').map_or(line.len(), |colon| colon + 1);
    stranger::shown(&line[..name])
}

/// The first line that is no header, nor the status line of an answer.
fn bad_line(head: &[u8]) -> Option<String> {
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let status = lines.next()?;
    let digits = status.get(9..12).is_some_and(|digits| digits.iter().all(u8::is_ascii_digit));
    if !digits || status.get(12).is_some_and(|byte| *byte != b' ') {
        return Some(stranger::shown(status));
    }
    let is_bad = |line: &&[u8]| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        let is_token = std::str::from_utf8(name).is_ok_and(is_token);
        !(line.is_empty() || is_token && line.contains(&b':'))
    };
    lines.find(is_bad).map(quoted)
}

fn too_large() -> NotHttp {
    not_http(format_args!("its head is larger than {} KiB", MOST_BYTES / 1024))
}

fn parse(bytes: &[u8]) -> Result<Head, NotHttp> {
    match parse_into(&mut [httparse::EMPTY_HEADER; FEW_HEADERS], bytes) {
        Err(httparse::Error::TooManyHeaders) => {
            parse_into(&mut vec![httparse::EMPTY_HEADER; MOST_HEADERS], bytes)
        }
        parsed => parsed,
    }
    .map_err(|error| match error {
        httparse::Error::TooManyHeaders => not_http(format_args!("it has more than {MOST_HEADERS} headers")),
        error => match bad_line(bytes) {
            Some(line) => not_http(format_args!("it is malformed ({error}): the line \"{line}\"")),
            None => not_http(format_args!("it is malformed ({error})")),
        },
    })
}

/// A head that ends with an empty line.
fn parse_into<'b>(storage: &mut [httparse::Header<'b>], bytes: &'b [u8]) -> Result<Head, httparse::Error> {
    let mut response = httparse::Response::new(storage);
    if response.parse(bytes)?.is_partial() {
        // Nothing that ends so is a part of something longer.
        return Err(httparse::Error::NewLine);
    }
    let headers = response.headers.iter().map(|header| {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let start = header.value.iter().position(|byte| !blank(byte)).unwrap_or(header.value.len());
        let end = header.value.iter().rposition(|byte| !blank(byte)).map_or(start, |at| at + 1);
        (header.name, String::from_utf8_lossy(&header.value[start..end]))
    });
    Ok(Head {
        minor_version: response.version.unwrap_or(0),
        status: response.code.unwrap_or(0),
        reason: response.reason.unwrap_or("").to_owned(),
        // With the line ends and colons of the head, it has as many bytes as the list or more.
        headers: HeaderList::with_room(bytes.len(), headers),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<Head>, NotHttp> {
        let mut reader = HeadReader::default();
        reader.buffer().extend_from_slice(bytes);
        let whole = reader.next();
        // Byte by byte gives the same answer.
        let mut reader = HeadReader::default();
        let mut dripped = Ok(None);
        for byte in bytes {
            reader.buffer().push(*byte);
            dripped = reader.next();
            if !matches!(dripped, Ok(None)) {
                break;
            }
        }
        // Less of what is wrong may be shown.
        assert!(whole == dripped || (whole.is_err() && dripped.is_err()), "{whole:?} {dripped:?}");
        whole
    }

    #[test]
    fn a_head_is_read_and_what_is_behind_it_stays() {
        let mut reader = HeadReader::default();
        reader
            .buffer()
            .extend_from_slice(b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 101 Ok\r\nA: b \r\na:c\r\n\r\n\x81\x00");
        assert_eq!(reader.next().unwrap().unwrap().status, 103);
        let head = reader.next().unwrap().unwrap();
        assert_eq!((head.status, head.reason.as_str()), (101, "Ok"));
        assert_eq!(head.all("A").collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(reader.into_rest(), b"\x81\x00");
    }

    #[test]
    fn up_to_512_headers_are_read() {
        for (headers, is_read) in [(FEW_HEADERS, true), (FEW_HEADERS + 1, true), (512, true), (513, false)] {
            let head = format!("HTTP/1.1 101 Ok\r\n{}\r\n", "A: b\r\n".repeat(headers));
            let mut reader = HeadReader::default();
            reader.buffer().extend_from_slice(head.as_bytes());
            match reader.next() {
                Ok(Some(head)) => assert!(is_read && head.headers.iter().count() == headers),
                Ok(None) => panic!("a whole head of {headers} headers"),
                Err(error) => assert!(!is_read && error.to_string().contains("more than 512"), "{error}"),
            }
        }
    }

    #[test]
    fn bent_heads_are_refused() {
        for (bytes, why) in [
            (&b"SSH-2.0-OpenSSH\r\n"[..], "does not begin"),
            (b"HTTP/1.1 101 Ok\nA: b\n\n", "bare LF"),
            (b"HTTP/1.1 101 Ok\r\nA: b\nC: d\r\n\r\n", "bare LF"),
            (b"HTTP/1.1 101 Ok\r\nA: b\rc\r\n\r\n", "bare CR"),
            (b"HTTP/1.1 101 Ok\r\nA: \0\r\n\r\n", "control character"),
            (b"HTTP/1.1 101 Ok\r\nA: b\r\n c\r\n\r\n", "folded"),
            (b"HTTP/1.1 101 Ok\r\nA: secret\n\r\n", "in the line \"A:\""),
            (b"HTTP/1.1 101 Ok\r\nA: secret\r\n b\r\n\r\n", "folded over two lines, in the line \"A:\""),
            (b"HTTP/1.1 101 Ok\r\nA : b\r\n\r\n", "malformed"),
            (b"HTTP/1.1 101 Ok\r\nA: b\r\nB : secret\r\n\r\n", "the line \"B :\""),
            (b"HTTP/1.1 101 Ok\r\nA: b\r\ngarbage\r\n\r\n", "the line \"garbage\""),
            (b"HTTP/1.1 101 Ok\r\n: b\r\n\r\n", "malformed"),
            (b"HTTP/1.1 1x1 Ok\r\n\r\n", "the line \"HTTP/1.1 1x1 Ok\""),
        ] {
            let error = read(bytes).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[test]
    fn a_proxy_is_not_told_to_be_a_websocket_server() {
        let error = read(b"SSH-2.0-OpenSSH\r\n").unwrap_err();
        assert!(
            error.to_string().ends_with("it is an SSH server and no WebSocket server: is the port right?")
        );
        let of_a_proxy = "it does not begin with HTTP/1.1 but with \"SSH-2.0-OpenSSH\\r\\n\"";
        assert_eq!(error.of_a_proxy(), of_a_proxy);
    }

    #[test]
    fn a_head_above_64_kib_is_refused_also_where_it_never_ends() {
        let mut endless = b"HTTP/1.1 101 Ok\r\n".to_vec();
        while endless.len() <= MOST_BYTES {
            endless.extend_from_slice(b"A: b\r\n");
        }
        assert!(read(&endless).unwrap_err().to_string().contains("64 KiB"));
        let interim = b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(3000);
        let mut reader = HeadReader::default();
        reader.buffer().extend_from_slice(&interim);
        let error = loop {
            match reader.next() {
                Ok(Some(head)) => assert_eq!(head.status, 103),
                Ok(None) => panic!("3000 interim heads were taken"),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains("64 KiB"));
    }
}
