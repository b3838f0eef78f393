//! System calls on a bare socket. `send` and `sendmsg` with `MSG_NOSIGNAL`, because a host of a library need not ignore
//! SIGPIPE; `recv` and `recvmsg` into spare capacity, because zeroing 256 KiB before each read is work for nothing. The
//! ones with a message header only where there are several parts: the kernel takes a tenth of a microsecond to copy it.

use super::{Received, Stream, Traffic, Written};
use socket2::{Domain, Protocol, Type};
use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::AsRawFd;

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
const SEND_FLAGS: libc::c_int = libc::MSG_NOSIGNAL;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
const SEND_FLAGS: libc::c_int = 0;

/// In one system call, where the system can do it in one.
pub(super) fn non_blocking(domain: Domain, protocol: Option<Protocol>) -> io::Result<Stream> {
    #[cfg(any(target_os = "macos", target_os = "ios"))]
    {
        let socket = Stream::new(domain, Type::STREAM, protocol)?;
        socket.set_nonblocking(true)?;
        socket.set_nosigpipe(true)?;
        Ok(socket)
    }
    #[cfg(not(any(target_os = "macos", target_os = "ios")))]
    Stream::new(domain, Type::STREAM.nonblocking(), protocol)
}

fn spare(buffer: &mut Vec<u8>, at_most: usize) -> libc::iovec {
    let room = buffer.spare_capacity_mut();
    let len = room.len().min(at_most);
    libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: len }
}

/// Appends what the kernel has to the buffers, within their capacity.
pub(super) fn receive(
    stream: &Stream,
    traffic: &Traffic,
    direct: Option<(&mut Vec<u8>, usize)>,
    into: &mut Vec<u8>,
) -> io::Result<Received> {
    let mut parts = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; 2];
    let (direct, direct_room) = match direct {
        Some((buffer, wanted)) => {
            parts[0] = spare(buffer, wanted);
            let room = parts[0].iov_len;
            (Some(buffer), room)
        }
        None => (None, 0),
    };
    // One byte stays free, for the NUL behind a text that ends with the buffer.
    let free = into.capacity() - into.len();
    parts[1] = spare(into, free.saturating_sub(1));
    let room = direct_room + parts[1].iov_len;
    let skip = usize::from(direct_room == 0);
    // SAFETY: all-zero is a valid msghdr; it names only the vectors below, which lie in the spare capacity
    // of buffers that are borrowed mutably through the call.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = parts[skip..].as_mut_ptr();
    message.msg_iovlen = (2 - skip) as _;
    let got = loop {
        // SAFETY: the descriptor is open as long as `stream` is borrowed; the message as above, and so its last part.
        let got = unsafe {
            if skip == 1 {
                libc::recv(stream.as_raw_fd(), parts[1].iov_base, parts[1].iov_len, 0)
            } else {
                libc::recvmsg(stream.as_raw_fd(), &mut message, 0)
            }
        };
        if got >= 0 {
            break got as usize;
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            ErrorKind::Interrupted => {}
            ErrorKind::WouldBlock => return Ok(Received::Nothing),
            _ => return Err(error),
        }
    };
    if got == 0 && room > 0 {
        return Ok(Received::End);
    }
    traffic.receive(got);
    let in_direct = got.min(direct_room);
    // SAFETY: the kernel has filled the first `in_direct` bytes of the first buffer's spare capacity and the
    // first `got - in_direct` of the second's.
    unsafe {
        if let Some(buffer) = direct {
            buffer.set_len(buffer.len() + in_direct);
        }
        into.set_len(into.len() + got - in_direct);
    }
    Ok(Received::Data { direct: in_direct, buffered: got - in_direct, drained: got < room })
}

/// Makes the socket readable only once so many bytes are there, or none will come; a non-blocking read returns the
/// available ones all the same. Returns whether the system has accepted that.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn set_low_water(stream: &Stream, bytes: usize) -> bool {
    let set = |level, option, value: libc::c_int| {
        let size = size_of_val(&value) as libc::socklen_t;
        // SAFETY: the descriptor is open as long as `stream` is borrowed; the option is an int, which outlives the call.
        unsafe { libc::setsockopt(stream.as_raw_fd(), level, option, (&raw const value).cast(), size) == 0 }
    };
    set(libc::SOL_SOCKET, libc::SO_RCVLOWAT, libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX))
}

/// Not used on the BSDs: their reads return nothing below the mark, and their pollers do not signal when it is
/// lowered.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn set_low_water(_: &Stream, _: usize) -> bool {
    false
}

/// Asks the kernel whether the socket is writable; never waits.
pub(super) fn is_writable(stream: &Stream) -> bool {
    let mut asked = libc::pollfd { fd: stream.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: one entry, which lives through the call.
    let ready = unsafe { libc::poll(&mut asked, 1, 0) };
    ready > 0 && asked.revents != 0
}

/// Sends as much of the slices as the kernel takes.
pub(super) fn send(stream: &Stream, traffic: &Traffic, slices: &[IoSlice<'_>]) -> io::Result<Written> {
    let total: usize = slices.iter().map(|slice| slice.len()).sum();
    let mut taken = 0;
    if total == 0 {
        return Ok(Written { taken, blocked: false });
    }
    loop {
        match send_once(stream, slices) {
            Ok(n) => {
                traffic.send(n);
                taken += n;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Ok(Written { taken, blocked: true });
            }
            Err(error) => return Err(error),
        }
        // A short write has filled the socket buffer.
        return Ok(Written { taken, blocked: taken < total });
    }
}

/// One system call.
fn send_once(stream: &Stream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    if let [one] = slices {
        // SAFETY: the descriptor and the slice are borrowed through the call.
        let sent = unsafe { libc::send(stream.as_raw_fd(), one.as_ptr().cast(), one.len(), SEND_FLAGS) };
        return if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(sent as usize) };
    }
    // SAFETY: all-zero is a valid msghdr.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    // `IoSlice` has the layout of `iovec` by its documentation; the kernel only reads through it here.
    message.msg_iov = slices.as_ptr().cast_mut().cast();
    message.msg_iovlen = slices.len() as _;
    // SAFETY: the descriptor and the slices are borrowed through the call.
    let sent = unsafe { libc::sendmsg(stream.as_raw_fd(), &message, SEND_FLAGS) };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(sent as usize) }
}

/// Bytes that the kernel has taken and the peer has not acknowledged.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn unacknowledged(stream: &Stream) -> Option<u64> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is open as long as `stream` is borrowed, and the request (SIOCOUTQ) writes one int.
    let result = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    (result == 0).then(|| u64::try_from(bytes).ok())?
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn unacknowledged(_: &Stream) -> Option<u64> {
    None
}
