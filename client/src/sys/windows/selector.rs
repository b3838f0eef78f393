//! None: an owner that waits sleeps on its event, and the I/O thread reads. The system has one queue a thread waits on
//! (completion ports), into which an event cannot be put.

use super::{RawStream, RawWaitable};
use std::convert::Infallible;
use std::io;
use std::time::Duration;

/// The readiness of a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    pub(crate) token: usize,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// The peer sends nothing after the data that are there.
    pub(crate) closed: bool,
}

/// There is none.
pub(crate) struct Selector(Infallible);

/// Nor a right to ask it.
pub(crate) struct Selection(Infallible);

impl Selector {
    /// Fails with [`io::ErrorKind::Unsupported`].
    pub(crate) fn new(_: RawWaitable) -> io::Result<(Selector, Selection)> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn raw(&self) -> RawWaitable {
        match self.0 {}
    }

    pub(crate) fn add(&self, _: RawStream, _: usize) -> io::Result<()> {
        match self.0 {}
    }

    pub(crate) fn remove(&self, _: RawStream) {
        match self.0 {}
    }
}

impl Selection {
    pub(crate) fn clear(&mut self) {
        match self.0 {}
    }

    pub(crate) fn wait(&mut self, _: Option<Duration>) -> io::Result<()> {
        match self.0 {}
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn is_full(&self) -> bool {
        match self.0 {}
    }

    #[allow(clippy::iter_empty, unreachable_code, reason = "there is no value of the type")]
    pub(crate) fn found(&self) -> impl Iterator<Item = Ready> {
        match self.0 {}
        std::iter::empty()
    }
}
