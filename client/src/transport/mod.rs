//! The byte stream under the protocol: a non-blocking descriptor, bare or with TLS, that any thread may read and
//! write without waiting. Knows neither frames nor tasks; waiting for readiness is left to its users.

mod pace;
mod plain;
#[cfg(test)]
mod tests;
mod tls;
mod traffic;

pub(crate) use tls::TlsSession;
pub(crate) use traffic::Traffic;

use crate::sys::stream::{self, Stream};
use std::io::{self, ErrorKind, IoSlice, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Waiting for fewer bytes is not worth a system call.
const FEW: u64 = 32 * 1024;
/// Upper limit of the mark: the rest is copied while the server sends more.
const MOST_AT_ONCE: u64 = 256 * 1024;

/// Result of a read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Received {
    /// Bytes were read, the first of them into the direct buffer; `drained`: there is nothing more for now.
    Data { direct: usize, buffered: usize, drained: bool },
    /// Nothing for now.
    Nothing,
    /// The server has ended its side.
    End,
}

/// Result of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Written {
    /// Number of the caller's bytes that were taken.
    pub(crate) taken: usize,
    /// The kernel takes no more for now.
    pub(crate) blocked: bool,
}

/// A connected stream. Reading and writing may run on different threads at the same time.
pub(crate) struct Transport {
    stream: Arc<Stream>,
    /// TLS, the session next to the descriptor first: a proxy's, the server's, both, or none.
    sessions: Vec<TlsSession>,
    traffic: Traffic,
    /// Fewer bytes than this do not make the socket readable; 0: the default, one byte.
    low_water: AtomicUsize,
    wakes_too_late: AtomicBool,
}

/// A stream with some of its sessions: the layer under the next session.
#[derive(Clone, Copy)]
struct Layer<'a> {
    stream: &'a Stream,
    traffic: &'a Traffic,
    sessions: &'a [TlsSession],
}

/// The bytes that make the stream readable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wakes {
    ForAnyByte,
    /// The missing bytes, or many of them; a few packets do not wake the reader.
    ForMany,
    /// More than the missing bytes: the system has refused to lower the mark, so that the awaited bytes do not wake
    /// the reader.
    TooLate,
}

impl Transport {
    /// `stream` must be non-blocking.
    pub(crate) fn new(stream: Arc<Stream>) -> Transport {
        Transport {
            stream,
            sessions: Vec::new(),
            traffic: Traffic::default(),
            low_water: AtomicUsize::new(0),
            wakes_too_late: AtomicBool::new(false),
        }
    }

    /// Adds a session, whose handshake was done over the stream so far; all later bytes go through it.
    pub(crate) fn secure(&mut self, session: TlsSession) {
        self.sessions.push(session);
    }

    /// The descriptor under it all.
    pub(crate) fn stream(&self) -> Arc<Stream> {
        Arc::clone(&self.stream)
    }

    fn top(&self) -> Layer<'_> {
        Layer { stream: &self.stream, traffic: &self.traffic, sessions: &self.sessions }
    }

    /// Reads the available bytes, first into `direct` (a buffer and the number of bytes wanted in it), then into
    /// `into`; both are appended to within their capacity, without zeroing it first.
    pub(crate) fn read(
        &self,
        direct: Option<(&mut Vec<u8>, usize)>,
        into: &mut Vec<u8>,
    ) -> io::Result<Received> {
        self.top().receive(direct, into)
    }

    /// Returns whether a session of TLS has ended. Nothing more will come then, and nothing will make the descriptor
    /// readable: whoever has read the last bytes must not wait for the end.
    pub(crate) fn has_ended(&self) -> bool {
        self.sessions.iter().any(TlsSession::has_ended)
    }

    /// Announces that at least `missing` more bytes are needed: if they are many, the reader is not woken for each
    /// packet. A read returns the available bytes all the same, and the end of the stream wakes. Called after each
    /// read, so that the mark fits the next bytes; `drained`: that read has left nothing. Returns what wakes now.
    pub(crate) fn expect(&self, missing: u64, drained: bool) -> Wakes {
        let now = self.low_water.load(Ordering::Relaxed);
        let low = match missing {
            // A session may hold some of them already.
            FEW.. if self.sessions.is_empty() => missing.min(MOST_AT_ONCE) as usize,
            _ => 0,
        };
        // Raised only if the next thing is to wait.
        let low = if drained { low } else { low.min(now) };
        if low != now && stream::set_low_water(&self.stream, low.max(1)) {
            self.low_water.store(low, Ordering::Relaxed);
        }
        let now = self.low_water.load(Ordering::Relaxed);
        self.wakes_too_late.store(now > low, Ordering::Relaxed);
        match now {
            0 => Wakes::ForAnyByte,
            _ if now > low => Wakes::TooLate,
            _ => Wakes::ForMany,
        }
    }

    /// Returns whether the last call of [`expect`](Self::expect) returned [`Wakes::TooLate`].
    pub(crate) fn wakes_too_late(&self) -> bool {
        self.wakes_too_late.load(Ordering::Relaxed)
    }

    /// Writes as much of the slices, in order, as the kernel takes.
    pub(crate) fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<Written> {
        self.top().send(slices)
    }

    /// Sends the stream's own bytes (TLS answers, or the rest of a record); returns whether that is blocked.
    pub(crate) fn flush(&self) -> io::Result<bool> {
        self.top().flush()
    }

    /// The stream as `io::Write`, without SIGPIPE: for the handshake of the next session.
    pub(crate) fn writer(&self) -> impl Write {
        self.top()
    }

    /// Ends the sending side: `close_notify`, then the end of the stream. Reading goes on.
    pub(crate) fn finish_sending(&self) {
        let mut layer = self.top();
        while let Some((session, under)) = layer.split() {
            session.close_notify(under);
            layer = under;
        }
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }

    /// Number of bytes that the kernel took and the peer has not acknowledged; `None` where the system does not report
    /// it.
    pub(crate) fn unacknowledged(&self) -> Option<u64> {
        stream::unacknowledged(&self.stream)
    }

    /// The byte counters.
    pub(crate) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Drops the connection for both sides; the descriptor stays open until its last owner is dropped.
    pub(crate) fn drop_connection(&self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}

/// Returns the TLS error, if it was TLS that failed.
pub(crate) fn tls_failure(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

impl<'a> Layer<'a> {
    /// Returns the last session, and the layer under it.
    fn split(self) -> Option<(&'a TlsSession, Layer<'a>)> {
        let (session, sessions) = self.sessions.split_last()?;
        Some((session, Layer { sessions, ..self }))
    }

    fn receive(self, direct: Option<(&mut Vec<u8>, usize)>, into: &mut Vec<u8>) -> io::Result<Received> {
        match self.split() {
            None => plain::receive(self.stream, self.traffic, direct, into),
            Some((session, under)) => session.receive(under, into),
        }
    }

    fn send(self, slices: &[IoSlice<'_>]) -> io::Result<Written> {
        match self.split() {
            None => plain::send(self.stream, self.traffic, slices),
            Some((session, under)) => session.send(under, slices),
        }
    }

    /// Sends waiting records; returns whether some still wait.
    fn flush(self) -> io::Result<bool> {
        match self.split() {
            None => Ok(false),
            Some((session, under)) => session.flush(under),
        }
    }
}

impl Write for Layer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.send(slices)? {
            Written { taken: 0, blocked: true } => Err(ErrorKind::WouldBlock.into()),
            Written { taken, .. } => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
