//! A descriptor that is readable exactly while a dispatcher has deliverable events, level-triggered. It is made when
//! the host first asks for it, so that it costs nothing before.

use super::signal_fd::{self, SignalFd};
use std::io;
use std::os::fd::RawFd;

/// The descriptor, and its present state.
pub(crate) struct ReadyFd {
    fd: SignalFd,
    readable: bool,
}

impl ReadyFd {
    pub(crate) fn new() -> io::Result<ReadyFd> {
        Ok(ReadyFd { fd: SignalFd::new()?, readable: false })
    }

    pub(crate) fn raw(&self) -> RawFd {
        self.fd.raw()
    }

    /// Sets the state. It makes a system call only if the state changes.
    pub(crate) fn set(&mut self, readable: bool) {
        if readable == self.readable {
            return;
        }
        self.readable = readable;
        if readable {
            signal_fd::write(self.fd.write_end());
        } else {
            signal_fd::drain(self.fd.raw());
        }
    }
}
