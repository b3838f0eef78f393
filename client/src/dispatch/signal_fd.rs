//! A descriptor that is readable once something was written to it: an eventfd, or a pipe on systems without one. It
//! never blocks.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

pub(super) struct SignalFd {
    read: OwnedFd,
    #[cfg(not(target_os = "linux"))]
    write: OwnedFd,
}

impl SignalFd {
    #[cfg(target_os = "linux")]
    pub(super) fn new() -> io::Result<SignalFd> {
        // SAFETY: takes no pointer; the result is checked.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a fresh descriptor that nobody else owns.
        Ok(SignalFd { read: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn new() -> io::Result<SignalFd> {
        let mut fds = [0; 2];
        // SAFETY: `fds` has room for two descriptors.
        if unsafe { libc::pipe(fds.as_mut_ptr()) } < 0 {
            return Err(io::Error::last_os_error());
        }
        for fd in fds {
            // SAFETY: our own fresh descriptors.
            unsafe {
                libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
                libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK);
            }
        }
        // SAFETY: fresh descriptors that nobody else owns.
        unsafe { Ok(SignalFd { read: OwnedFd::from_raw_fd(fds[0]), write: OwnedFd::from_raw_fd(fds[1]) }) }
    }

    /// The end that becomes readable.
    pub(super) fn raw(&self) -> RawFd {
        self.read.as_raw_fd()
    }

    /// The end for [`write`].
    pub(super) fn write_end(&self) -> RawFd {
        #[cfg(target_os = "linux")]
        return self.read.as_raw_fd();
        #[cfg(not(target_os = "linux"))]
        self.write.as_raw_fd()
    }
}

/// Makes the other end readable. Async-signal-safe, but for `errno`. A write that does not fit changes nothing, because
/// the end is readable already.
pub(super) fn write(write_end: RawFd) {
    let word = 1u64.to_ne_bytes();
    // SAFETY: `word` is eight bytes that live through the call, which cannot block.
    unsafe { libc::write(write_end, word.as_ptr().cast(), word.len()) };
}

/// Makes it unreadable. A pipe may hold several words.
pub(super) fn drain(read_end: RawFd) {
    let mut words = [0u8; 512];
    // SAFETY: `words` lives through the call, which cannot block.
    while unsafe { libc::read(read_end, words.as_mut_ptr().cast(), words.len()) } == words.len() as isize {}
}
