//! The byte stream under the protocol: a non-blocking descriptor, bare or with TLS, that any thread may turn
//! without waiting. Knows neither frames nor tasks; who waits for readiness is none of its business.

mod plain;
mod tls;
mod traffic;

pub(crate) use tls::TlsSession;
pub(crate) use traffic::Traffic;

use std::io::{self, IoSlice};
use std::sync::Arc;

/// A descriptor of a connected socket, of whatever family: TCP, or a Unix socket.
pub(crate) type Stream = socket2::Socket;

/// What a read brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Received {
    /// So many bytes, the first of them in the direct buffer; `drained`: there is nothing more for now.
    Data { direct: usize, buffered: usize, drained: bool },
    /// Nothing for now.
    Nothing,
    /// The server has ended its side.
    End,
}

/// What a write took.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Written {
    /// So many of the caller's bytes need not be offered again.
    pub(crate) taken: usize,
    /// The kernel takes no more for now.
    pub(crate) blocked: bool,
}

/// A connected stream. Reading and writing may run on different threads at the same time.
pub(crate) struct Transport {
    stream: Arc<Stream>,
    tls: Option<TlsSession>,
    traffic: Traffic,
}

impl Transport {
    /// `stream` must be non-blocking.
    pub(crate) fn new(stream: Arc<Stream>, tls: Option<TlsSession>) -> Transport {
        Transport { stream, tls, traffic: Traffic::default() }
    }

    /// Reads what is there, first into `direct` (a buffer and how many bytes belong into it), then into
    /// `into`; both are appended to within their capacity, without zeroing it first.
    pub(crate) fn read(
        &self,
        direct: Option<(&mut Vec<u8>, usize)>,
        into: &mut Vec<u8>,
    ) -> io::Result<Received> {
        match &self.tls {
            None => plain::receive(&self.stream, &self.traffic, direct, into),
            Some(session) => session.receive(&self.stream, &self.traffic, into),
        }
    }

    /// Writes from the slices, in order, what the kernel takes.
    pub(crate) fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<Written> {
        match &self.tls {
            None => plain::send(&self.stream, &self.traffic, slices),
            Some(session) => session.send(&self.stream, &self.traffic, slices),
        }
    }

    /// Sends what the stream itself has to say (TLS answers, or a record that was cut); says whether that is
    /// blocked.
    pub(crate) fn flush(&self) -> io::Result<bool> {
        self.tls.as_ref().map_or(Ok(false), |session| session.flush(&self.stream, &self.traffic))
    }

    /// Says goodbye on this side: `close_notify`, then the end of the stream. Reading goes on.
    pub(crate) fn finish_sending(&self) {
        if let Some(session) = &self.tls {
            session.close_notify(&self.stream, &self.traffic);
        }
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
    }

    /// What went over it so far.
    pub(crate) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Drops the connection for both sides; the descriptor stays until the last owner lets go.
    pub(crate) fn drop_connection(&self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}

/// What TLS itself objected to, if it was TLS that failed.
pub(crate) fn tls_failure(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// One write of a bare stream, without SIGPIPE: for the handshakes.
pub(crate) fn send_once(stream: &Stream, bytes: &[u8]) -> io::Result<usize> {
    plain::send_once(stream, &[IoSlice::new(bytes)])
}
