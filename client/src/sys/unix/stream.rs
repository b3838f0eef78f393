//! System calls on a bare socket. `send` and `sendmsg` without SIGPIPE, because a host of a library need not ignore it;
//! `recv` and `recvmsg` into spare capacity, because zeroing 256 KiB before each read is work for nothing. The ones with a
//! message header only where there are several parts: the kernel takes a tenth of a microsecond to copy it.

use super::{RawStream, own};
use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;

pub(crate) use own::{choose_port_late, non_blocking, set_low_water, unacknowledged};

/// A socket, of whatever family: TCP, or a Unix socket.
pub(crate) type Stream = socket2::Socket;

/// Unix sockets lead to servers of this machine.
pub(crate) const HAS_UNIX_SOCKETS: bool = true;

/// The system's number of the socket.
pub(crate) fn raw(stream: &Stream) -> RawStream {
    stream.as_raw_fd()
}

/// The same number, as the host gets it.
pub(crate) fn number(stream: &Stream) -> isize {
    stream.as_raw_fd() as isize
}

/// Whether a connection that could not be made at once is being made.
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS)
}

/// Spare capacity that a read fills.
#[repr(transparent)]
pub(crate) struct Spare(libc::iovec);

impl Spare {
    pub(crate) const NONE: Spare = Spare(libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 });

    /// At most so many bytes behind what the buffer holds. It stays good until the buffer is changed.
    pub(crate) fn of(buffer: &mut Vec<u8>, at_most: usize) -> Spare {
        let room = buffer.spare_capacity_mut();
        let len = room.len().min(at_most);
        Spare(libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: len })
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iov_len
    }
}

/// Reads what is there into the parts, in order, in one system call.
///
/// # Safety
/// The buffers of the parts are alive and unchanged since [`Spare::of`].
pub(crate) unsafe fn receive(stream: &Stream, parts: &mut [Spare]) -> io::Result<usize> {
    let fd = stream.as_raw_fd();
    let got = match parts {
        // SAFETY: the descriptor is open as long as `stream` is borrowed; the part lies in spare capacity by the
        // caller's promise.
        [one] => unsafe { libc::recv(fd, one.0.iov_base, one.0.iov_len, 0) },
        several => {
            // SAFETY: all-zero is a valid msghdr.
            let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
            // `Spare` has the layout of `iovec`.
            message.msg_iov = several.as_mut_ptr().cast();
            message.msg_iovlen = several.len() as _;
            // SAFETY: as above; the message names only the parts.
            unsafe { libc::recvmsg(fd, &mut message, 0) }
        }
    };
    if got < 0 { Err(io::Error::last_os_error()) } else { Ok(got as usize) }
}

/// Sends as much of the slices, in order, as the system takes, in one system call.
pub(crate) fn send(stream: &Stream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let fd = stream.as_raw_fd();
    let sent = match slices {
        // SAFETY: the descriptor and the slice are borrowed through the call.
        [one] => unsafe { libc::send(fd, one.as_ptr().cast(), one.len(), own::SEND_FLAGS) },
        several => {
            // SAFETY: all-zero is a valid msghdr.
            let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
            // `IoSlice` has the layout of `iovec` by its documentation; the kernel only reads through it here.
            message.msg_iov = several.as_ptr().cast_mut().cast();
            message.msg_iovlen = several.len() as _;
            // SAFETY: the descriptor and the slices are borrowed through the call.
            unsafe { libc::sendmsg(fd, &message, own::SEND_FLAGS) }
        }
    };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(sent as usize) }
}

/// Asks the kernel whether the socket is writable; never waits.
pub(crate) fn is_writable(stream: &Stream) -> bool {
    let mut asked = libc::pollfd { fd: stream.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: one entry, which lives through the call.
    let ready = unsafe { libc::poll(&mut asked, 1, 0) };
    ready > 0 && asked.revents != 0
}
