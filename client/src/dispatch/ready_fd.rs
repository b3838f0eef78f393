//! A descriptor that is readable exactly while a dispatcher has deliverable events, level-triggered. Made
//! when the host first asks for it, so that it costs nothing before.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// An eventfd, or a pipe where there is none.
pub(crate) struct ReadyFd {
    read: OwnedFd,
    #[cfg(not(target_os = "linux"))]
    write: OwnedFd,
    readable: bool,
}

impl ReadyFd {
    #[cfg(target_os = "linux")]
    pub(crate) fn new() -> io::Result<ReadyFd> {
        // SAFETY: takes no pointer; the result is checked.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a fresh descriptor that nobody else owns.
        Ok(ReadyFd { read: unsafe { OwnedFd::from_raw_fd(fd) }, readable: false })
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn new() -> io::Result<ReadyFd> {
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
        unsafe {
            Ok(ReadyFd {
                read: OwnedFd::from_raw_fd(fds[0]),
                write: OwnedFd::from_raw_fd(fds[1]),
                readable: false,
            })
        }
    }

    pub(crate) fn raw(&self) -> RawFd {
        self.read.as_raw_fd()
    }

    /// One system call where the state changes, none where it does not.
    pub(crate) fn set(&mut self, readable: bool) {
        if readable == self.readable {
            return;
        }
        self.readable = readable;
        let mut word = 1u64.to_ne_bytes();
        #[cfg(target_os = "linux")]
        let write = &self.read;
        #[cfg(not(target_os = "linux"))]
        let write = &self.write;
        // SAFETY: `word` is eight bytes that live through the call; neither call can block, and both always
        // succeed here: the counter holds 0 or 1.
        unsafe {
            if readable {
                libc::write(write.as_raw_fd(), word.as_ptr().cast(), word.len());
            } else {
                libc::read(self.read.as_raw_fd(), word.as_mut_ptr().cast(), word.len());
            }
        }
    }
}
