//! What Linux has of its own, from what POSIX has: for macOS and the BSDs, and for Linux with `--cfg ws4d_portable`.

use super::stream::Stream;
use socket2::{Domain, Protocol, Type};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// A write to a connection that is gone raises no SIGPIPE. Apple's systems have an option of the socket for it.
#[cfg(not(target_vendor = "apple"))]
pub(super) const SEND_FLAGS: libc::c_int = libc::MSG_NOSIGNAL;
#[cfg(target_vendor = "apple")]
pub(super) const SEND_FLAGS: libc::c_int = 0;

/// A socket that never blocks and that no program inherits.
pub(crate) fn non_blocking(domain: Domain, protocol: Option<Protocol>) -> io::Result<Stream> {
    let stream = Stream::new(domain, Type::STREAM, protocol)?;
    stream.set_nonblocking(true)?;
    #[cfg(target_vendor = "apple")]
    stream.set_nosigpipe(true)?;
    Ok(stream)
}

/// Not used on the BSDs: their reads return nothing below the mark, and their pollers do not signal when it is lowered.
pub(crate) fn set_low_water(_: &Stream, _: usize) -> bool {
    false
}

/// Nobody tells.
pub(crate) fn unacknowledged(_: &Stream) -> Option<u64> {
    None
}

/// The port is chosen when the address is bound.
pub(crate) fn choose_port_late(_: &Stream) {}

/// A pipe: what was written to the one end makes the other readable.
pub(super) struct Signal {
    read: OwnedFd,
    write: OwnedFd,
}

/// A pipe that is full takes no further write, and so reports none: it must be drained.
pub(super) const REPORTS_EACH_WRITE: bool = false;

impl Signal {
    pub(super) fn new() -> io::Result<Signal> {
        let mut fds = [0; 2];
        // SAFETY: `fds` has room for two descriptors.
        if unsafe { libc::pipe(fds.as_mut_ptr()) } < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: fresh descriptors that nobody else owns.
        let [read, write] = fds.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
        for fd in fds {
            // SAFETY: our own open descriptors.
            let set = unsafe {
                libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) >= 0
                    && libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK) >= 0
            };
            if !set {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(Signal { read, write })
    }

    pub(super) fn read_end(&self) -> RawFd {
        self.read.as_raw_fd()
    }

    pub(super) fn write_end(&self) -> RawFd {
        self.write.as_raw_fd()
    }
}

/// Only Linux's leak checkers ask.
#[cfg(not(ws4d_loom))]
pub(crate) fn show_main_thread_to_leak_checkers() {}

/// Whether the environment may have a variable whose name ends so and begins with one of these bytes. The list of all
/// variables has another name on each system, so they are asked for one by one.
pub(crate) fn may_have_variable(_: &str, _: &[u8]) -> bool {
    true
}
