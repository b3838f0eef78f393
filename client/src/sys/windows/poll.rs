//! One wait for a few descriptors. Windows has none for sockets together with events, so that a runtime does it there.

use super::{RawStream, RawWaitable};
use std::io;
use std::time::Duration;

/// A thread can wait for streams and for what is signalled in one call.
pub(crate) const IS_POSSIBLE: bool = false;

/// What would be waited for.
#[derive(Clone, Copy)]
pub(crate) struct Asked(());

impl Asked {
    /// Fills a list; nothing is waited for.
    pub(crate) const NOTHING: Asked = Asked(());

    pub(crate) fn stream(_: RawStream, _: bool, _: bool) -> Asked {
        Asked::NOTHING
    }

    pub(crate) fn waitable(_: RawWaitable) -> Asked {
        Asked::NOTHING
    }

    pub(crate) fn is_readable(&self) -> bool {
        false
    }

    pub(crate) fn is_writable(&self) -> bool {
        false
    }

    pub(crate) fn has_failed(&self) -> bool {
        false
    }
}

/// Fails with [`io::ErrorKind::Unsupported`].
pub(crate) fn wait(_: &mut [Asked], _: Option<Duration>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
