//! One wait for a few descriptors, without a poller that would have to be told of them and would have to forget them.

use super::{RawStream, RawWaitable};
use std::io;
use std::time::Duration;

/// A thread can wait for streams and for what is signalled in one call.
pub(crate) const IS_POSSIBLE: bool = true;

/// A descriptor, what of it is waited for, and after the wait, what it is ready for.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Asked(libc::pollfd);

impl Asked {
    /// Fills a list; nothing is waited for.
    pub(crate) const NOTHING: Asked = Asked(libc::pollfd { fd: -1, events: 0, revents: 0 });

    pub(crate) fn stream(stream: RawStream, read: bool, write: bool) -> Asked {
        let events = if read { libc::POLLIN } else { 0 } | if write { libc::POLLOUT } else { 0 };
        Asked(libc::pollfd { fd: stream, events, revents: 0 })
    }

    /// Asks until it is signalled.
    pub(crate) fn waitable(what: RawWaitable) -> Asked {
        Asked::stream(what, true, false)
    }

    /// A read finds bytes, the end or an error; what is waited for is signalled.
    pub(crate) fn is_readable(&self) -> bool {
        self.0.revents & !libc::POLLOUT != 0
    }

    /// A write finds room or an error; a connection was made, or has failed.
    pub(crate) fn is_writable(&self) -> bool {
        self.0.revents & !libc::POLLIN != 0
    }

    /// There is an error to be asked for.
    pub(crate) fn has_failed(&self) -> bool {
        self.0.revents & !(libc::POLLIN | libc::POLLOUT) != 0
    }
}

/// Waits until one of them is ready, at most for the limit (`None`: for ever). Fails with
/// [`io::ErrorKind::Interrupted`] when a signal handler has run.
pub(crate) fn wait(asked: &mut [Asked], limit: Option<Duration>) -> io::Result<()> {
    // Rounded up, so that a remainder of less than a millisecond is no busy loop. The caller looks at the time again.
    let ms = limit.map_or(-1, |limit| limit.as_nanos().div_ceil(1_000_000).min(i32::MAX as u128) as i32);
    // SAFETY: `Asked` has the layout of `pollfd`, and the list lives through the call.
    let found = unsafe { libc::poll(asked.as_mut_ptr().cast(), asked.len() as libc::nfds_t, ms) };
    if found < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
