//! When the stream of a connection can be read or written. Kept apart from reading and writing, which any thread may do.

use crate::sys::readiness::{Guard, Registration};
use crate::sys::stream::Stream;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

/// One registration with the I/O thread's poller.
pub(crate) struct Readiness {
    registered: Registration,
    /// While it connects: a byte has come.
    heard: AtomicBool,
}

impl Readiness {
    /// Registers with the I/O thread on which this runs.
    pub(crate) fn new(stream: Arc<Stream>) -> io::Result<Readiness> {
        Ok(Readiness { registered: Registration::new(stream)?, heard: AtomicBool::new(false) })
    }

    /// A byte has come.
    pub(crate) fn hear(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    /// Returns `true` if one has come while the connection was made.
    pub(crate) fn was_heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    /// The stream that is watched.
    pub(crate) fn stream(&self) -> &Arc<Stream> {
        self.registered.stream()
    }

    /// Waits until a read may find something. Clear the guard's readiness if it did not.
    pub(crate) async fn readable(&self) -> io::Result<Guard<'_>> {
        self.registered.readable().await
    }

    /// Waits until the kernel may take something.
    pub(crate) async fn writable(&self) -> io::Result<Guard<'_>> {
        self.registered.writable().await
    }

    /// The same two for code that polls; the last caller of each is woken.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<Guard<'_>>> {
        self.registered.poll_readable(cx)
    }

    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<Guard<'_>>> {
        self.registered.poll_writable(cx)
    }
}
