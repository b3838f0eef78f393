//! Linux: descriptors, `/proc`, signals.

use std::ffi::c_int;
use std::fs;
use std::io;
use std::mem;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

/// Readable from `raise` to `lower`.
pub(crate) struct Event(OwnedFd);

impl Event {
    pub(crate) fn new() -> Event {
        // SAFETY: takes no pointer.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        assert!(fd >= 0, "an eventfd");
        // SAFETY: a fresh descriptor that nobody else owns.
        Event(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    pub(crate) fn raise(&self) {
        let one = 1u64;
        // SAFETY: eight readable bytes; a full counter is as good.
        unsafe { libc::write(self.0.as_raw_fd(), (&raw const one).cast(), 8) };
    }

    pub(crate) fn lower(&self) {
        let mut count = 0u64;
        // SAFETY: eight writable bytes.
        unsafe { libc::read(self.0.as_raw_fd(), (&raw mut count).cast(), 8) };
    }
}

/// Waits until the dispatcher's descriptor is readable, or the event is raised; says whether the descriptor is.
pub(crate) fn wait_for(descriptor: isize, event: Option<&Event>, ms: u32) -> bool {
    let fds = [descriptor as c_int, event.map_or(-1, |event| event.0.as_raw_fd())];
    let mut polled = fds.map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
    // SAFETY: two pollfds.
    unsafe { libc::poll(polled.as_mut_ptr(), 2, ms as c_int) };
    polled[0].revents & libc::POLLIN != 0
}

/// Of the calling thread.
pub(crate) fn thread_name() -> String {
    let mut name = [0u8; 16];
    // SAFETY: room for the 16 bytes of a thread's name.
    unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    String::from_utf8_lossy(name.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}

/// The names of the library's threads that live.
pub(crate) fn library_threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("ws4d-")).collect()
}

/// How many descriptors the process has open.
pub(crate) fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

pub(crate) const HAS_SIGNALS: bool = true;

const SIGNAL: c_int = libc::SIGUSR1;

extern "C" fn handle(_: c_int) {}

/// Gives the signal a handler that does nothing: what counts is that one runs.
pub(crate) fn handle_signals() {
    // SAFETY: a zeroed sigaction is one with an empty mask and no flags, and the handler may run anywhere.
    let result = unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = handle as extern "C" fn(c_int) as usize;
        libc::sigaction(SIGNAL, &action, ptr::null_mut())
    };
    assert_eq!(result, 0, "a handler");
}

/// A thread that signals are sent to.
pub(crate) struct Target(libc::pthread_t);

impl Target {
    /// The calling thread.
    pub(crate) fn here() -> Target {
        // SAFETY: takes nothing.
        Target(unsafe { libc::pthread_self() })
    }

    /// Sends it a signal while it lives.
    pub(crate) fn signal(&self) {
        // SAFETY: the thread of the script lives as long as jobs of it are waited for.
        unsafe { libc::pthread_kill(self.0, SIGNAL) };
    }
}

/// Small buffers and short segments for the connections to come, so that a server that does not read is felt soon.
pub(crate) fn narrow(listener: &TcpListener) -> io::Result<()> {
    let socket = socket2::SockRef::from(listener);
    socket.set_recv_buffer_size(4096)?;
    socket.set_tcp_mss(1000)
}
