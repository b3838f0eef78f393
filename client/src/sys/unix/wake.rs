//! A descriptor that is readable once something was written to it. It never blocks.

use super::own::Signal;
use super::{RawWaitable, errno};
use std::io;
use std::time::{Duration, Instant};

pub(crate) struct Wake(Signal);

/// Where [`signal`] makes a [`Wake`] readable.
pub(crate) type RawSignal = std::os::fd::RawFd;

/// A runtime that waits can watch one, so that a signal ends its wait.
pub(crate) const IS_SEEN_BY_A_RUNTIME: bool = true;

impl Wake {
    pub(crate) fn new() -> io::Result<Wake> {
        Signal::new().map(Wake)
    }

    /// The end that becomes readable.
    pub(crate) fn raw(&self) -> RawWaitable {
        self.0.read_end()
    }

    /// The end for [`signal`].
    pub(crate) fn signal_end(&self) -> RawSignal {
        self.0.write_end()
    }
}

/// Makes the other end readable. Async-signal-safe, and leaves `errno` as it was. A write that does not fit changes
/// nothing, because the end is readable already.
pub(crate) fn signal(end: RawSignal) {
    let before = errno::get();
    let word = 1u64.to_ne_bytes();
    // SAFETY: `word` is eight bytes that live through the call, which cannot block.
    unsafe { libc::write(end, word.as_ptr().cast(), word.len()) };
    errno::set(before);
}

/// Makes it unreadable. A pipe may hold several words.
pub(crate) fn reset(end: RawWaitable) {
    let mut words = [0u8; 512];
    // SAFETY: `words` lives through the call, which cannot block.
    while unsafe { libc::read(end, words.as_mut_ptr().cast(), words.len()) } == words.len() as isize {}
}

/// Waits until it is readable; `false` once the time is over (`None`: never). Fails with
/// [`io::ErrorKind::Interrupted`] when a signal handler has run. With `None` for the end it only waits.
pub(crate) fn wait(end: Option<RawWaitable>, limit: Option<Duration>) -> io::Result<bool> {
    let until = limit.and_then(|limit| Instant::now().checked_add(limit));
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        // Rounded up, so that a remainder of less than a millisecond is no busy loop. A limit beyond the range of poll is
        // split into several calls.
        let ms = left.map_or(-1, |left| left.as_nanos().div_ceil(1_000_000).min(i32::MAX as u128) as i32);
        let mut watched = libc::pollfd { fd: end.unwrap_or(-1), events: libc::POLLIN, revents: 0 };
        // SAFETY: one `pollfd` that lives through the call; a negative descriptor is ignored.
        match unsafe { libc::poll(&mut watched, 1, ms) } {
            -1 => return Err(io::Error::last_os_error()),
            0 if ms == i32::MAX => {}
            found => return Ok(found > 0),
        }
    }
}
