//! The byte stream under a connection: TCP, TLS or a Unix socket, and how it may end.

use crate::log::{Seen, Trace};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio_rustls::server::TlsStream;

pub(crate) enum Wire {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    #[cfg(unix)]
    Unix(UnixStream),
}

pub(crate) struct Stream {
    wire: Wire,
    /// Set: the drop of the stream resets the connection.
    reset: Arc<AtomicBool>,
}

impl Stream {
    pub(crate) fn new(wire: Wire, reset: Arc<AtomicBool>) -> Self {
        Stream { wire, reset }
    }

    /// Makes the drop of this stream a reset.
    pub(crate) fn reset_on_drop(&self) {
        self.reset.store(true, Ordering::SeqCst);
    }

    /// FIN on the bare transport: on TLS without close_notify.
    pub(crate) async fn fin(&mut self) -> io::Result<()> {
        match &mut self.wire {
            Wire::Tcp(tcp) => tcp.shutdown().await,
            Wire::Tls(tls) => {
                tls.flush().await?;
                tls.get_mut().0.shutdown().await
            }
            #[cfg(unix)]
            Wire::Unix(unix) => unix.shutdown().await,
        }
    }

    /// New keys for TLS, asked for from the client too (RFC 8446 section 4.6.3); nothing without TLS.
    pub(crate) async fn update_keys(&mut self) -> io::Result<()> {
        if let Wire::Tls(tls) = &mut self.wire {
            tls.get_mut().1.refresh_traffic_keys().map_err(io::Error::other)?;
            tls.flush().await?;
        }
        Ok(())
    }

    /// The end of TLS alone, behind which TCP stays open; nothing without TLS.
    pub(crate) async fn close_notify(&mut self) -> io::Result<()> {
        if let Wire::Tls(tls) = &mut self.wire {
            tls.get_mut().1.send_close_notify();
            tls.flush().await?;
        }
        Ok(())
    }

    /// Reads to the client's end and logs it.
    pub(crate) async fn drain(&mut self, trace: &Trace) {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            match self.read(&mut buffer).await {
                Ok(0) => return trace.saw(Seen::Eof),
                Ok(_) => {}
                Err(error) => return trace.saw(end_of(&error)),
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.reset.load(Ordering::SeqCst) {
            let _ = match &self.wire {
                Wire::Tcp(tcp) => tcp.set_zero_linger(),
                Wire::Tls(tls) => tls.get_ref().0.set_zero_linger(),
                #[cfg(unix)]
                Wire::Unix(_) => Ok(()),
            };
        }
    }
}

/// How a failed read or write looks in the log.
pub(crate) fn end_of(error: &io::Error) -> Seen {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Seen::Eof,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            Seen::Reset
        }
        _ => Seen::Violation(error.to_string()),
    }
}

macro_rules! on_wire {
    ($stream:expr, $io:ident => $call:expr) => {
        match &mut $stream.get_mut().wire {
            Wire::Tcp($io) => {
                let $io = Pin::new($io);
                $call
            }
            Wire::Tls($io) => {
                let $io = Pin::new(&mut **$io);
                $call
            }
            #[cfg(unix)]
            Wire::Unix($io) => {
                let $io = Pin::new($io);
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        on_wire!(self, io => io.poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        on_wire!(self, io => io.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_wire!(self, io => io.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_wire!(self, io => io.poll_shutdown(cx))
    }
}
