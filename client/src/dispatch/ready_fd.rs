//! A descriptor that is readable exactly while a dispatcher has deliverable events, level-triggered. It is made when
//! the host first asks for it, so that it costs nothing before.

use crate::sys::thread::CancellationHeld;
use crate::sys::{RawWaitable, wake};
use std::io;

/// The descriptor, and its present state.
pub(crate) struct ReadyFd {
    fd: wake::Wake,
    readable: bool,
}

impl ReadyFd {
    pub(crate) fn new() -> io::Result<ReadyFd> {
        Ok(ReadyFd { fd: wake::Wake::new()?, readable: false })
    }

    pub(crate) fn raw(&self) -> RawWaitable {
        self.fd.raw()
    }

    /// Sets the state. It makes a system call only if the state changes.
    pub(crate) fn set(&mut self, readable: bool) {
        if readable == self.readable {
            return;
        }
        self.readable = readable;
        let _held = CancellationHeld::begin();
        if readable {
            wake::signal(self.fd.signal_end());
        } else {
            wake::reset(self.fd.raw());
        }
    }
}
