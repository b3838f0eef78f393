//! What is Linux's own.

use super::stream::Stream;
use socket2::{Domain, Protocol, Type};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// A write to a connection that is gone raises no SIGPIPE.
pub(super) const SEND_FLAGS: libc::c_int = libc::MSG_NOSIGNAL;

/// A socket that never blocks and that no program inherits; in one system call.
pub(crate) fn non_blocking(domain: Domain, protocol: Option<Protocol>) -> io::Result<Stream> {
    Stream::new(domain, Type::STREAM.nonblocking(), protocol)
}

fn set_option(stream: &Stream, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> bool {
    let size = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the descriptor is open as long as `stream` is borrowed; the option is an int, which outlives the call.
    unsafe { libc::setsockopt(stream.as_raw_fd(), level, option, (&raw const value).cast(), size) == 0 }
}

/// Makes the socket readable only once so many bytes are there, or none will come; a non-blocking read returns the
/// available ones all the same. Returns whether the system has accepted that.
pub(crate) fn set_low_water(stream: &Stream, bytes: usize) -> bool {
    set_option(stream, libc::SOL_SOCKET, libc::SO_RCVLOWAT, bytes.try_into().unwrap_or(libc::c_int::MAX))
}

/// Bytes that the kernel has taken and the peer has not acknowledged.
pub(crate) fn unacknowledged(stream: &Stream) -> Option<u64> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is open as long as `stream` is borrowed, and the request (SIOCOUTQ) writes one int.
    let result = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    (result == 0).then(|| u64::try_from(bytes).ok())?
}

/// Lets the port of a bound address be chosen when connecting, so that one may serve for several servers. A failure does
/// not matter: a port is chosen at once then.
pub(crate) fn choose_port_late(stream: &Stream) {
    set_option(stream, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1);
}

/// A counter of the kernel's that is readable unless it is 0: an eventfd, read and written through one descriptor.
pub(super) struct Signal(OwnedFd);

/// A descriptor that is readable already reports each further write.
pub(super) const REPORTS_EACH_WRITE: bool = true;

impl Signal {
    pub(super) fn new() -> io::Result<Signal> {
        // SAFETY: takes no pointer; the result is checked.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a fresh descriptor that nobody else owns.
        Ok(Signal(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    pub(super) fn read_end(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    pub(super) fn write_end(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// tokio asks for the calling thread's handle where a runtime is made. The standard library keeps a pointer to the middle of
/// that block, and frees it with the thread; for the main thread that is never, so leak checkers find 48 bytes "possibly
/// lost". Here is a pointer to its beginning.
pub(crate) fn show_main_thread_to_leak_checkers() {
    use std::sync::OnceLock;
    use std::thread::{self, Thread};
    static MAIN: OnceLock<Thread> = OnceLock::new();
    // By its number: in a static program gettid may be missing, because the standard library asks for it weakly.
    // SAFETY: neither takes a pointer.
    let (thread, process) = unsafe { (libc::syscall(libc::SYS_gettid), libc::getpid()) };
    if thread == i64::from(process) {
        MAIN.get_or_init(thread::current);
    }
}

/// Whether the environment may have a variable whose name ends so, in upper or lower case, and begins with one of these
/// bytes: one look at each variable instead of one at all of them for each name. As with `getenv`, no thread may change the
/// environment meanwhile.
#[cfg(target_env = "gnu")]
pub(crate) fn may_have_variable(end: &str, first: &[u8]) -> bool {
    // SAFETY: the list is NULL, or ends with NULL; its texts end with NUL. Nobody changes it meanwhile, see above.
    unsafe {
        let mut at = libc::environ;
        while !at.is_null() && !(*at).is_null() {
            let text = (*at).cast::<u8>();
            at = at.add(1);
            if !first.contains(&*text) {
                continue;
            }
            let mut len = 0;
            while !matches!(*text.add(len), b'=' | 0) {
                len += 1;
            }
            let name = std::slice::from_raw_parts(text, len);
            let name_ends = &name[len.saturating_sub(end.len())..];
            if name_ends.eq_ignore_ascii_case(end.as_bytes()) {
                return true;
            }
        }
    }
    false
}

/// Elsewhere the variables are asked for one by one.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn may_have_variable(_: &str, _: &[u8]) -> bool {
    true
}
