//! System calls on a bare socket, for several buffers at once and into spare capacity, because zeroing 256 KiB before each
//! read is work for nothing.

use super::RawStream;
use socket2::{Domain, Protocol, Type};
use std::io::{self, IoSlice};
use std::os::windows::io::AsRawSocket;
use std::ptr;
use windows_sys::Win32::Networking::WinSock::{
    POLLWRNORM, SO_EXCLUSIVEADDRUSE, SOCKET, SOL_SOCKET, WSABUF, WSAESHUTDOWN, WSAEWOULDBLOCK,
    WSAGetLastError, WSAPOLLFD, WSAPoll, WSARecv, WSASend, setsockopt,
};

/// A socket: TCP.
pub(crate) type Stream = socket2::Socket;

/// The runtime cannot wait for them here.
pub(crate) const HAS_UNIX_SOCKETS: bool = false;

/// The system's number of the socket.
pub(crate) fn raw(stream: &Stream) -> RawStream {
    stream.as_raw_socket()
}

/// The same number, as the host gets it.
pub(crate) fn number(stream: &Stream) -> isize {
    stream.as_raw_socket() as isize
}

fn socket(stream: &Stream) -> SOCKET {
    stream.as_raw_socket() as SOCKET
}

fn last_error() -> io::Error {
    // SAFETY: takes nothing.
    io::Error::from_raw_os_error(unsafe { WSAGetLastError() })
}

/// A socket that never blocks and that no program inherits.
pub(crate) fn non_blocking(domain: Domain, protocol: Option<Protocol>) -> io::Result<Stream> {
    let stream = Stream::new(domain, Type::STREAM, protocol)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// Whether a connection that could not be made at once is being made.
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(WSAEWOULDBLOCK)
}

/// Before a local address is bound: no other program may take the same one. A failure does not matter.
pub(crate) fn choose_port_late(stream: &Stream) {
    let on: i32 = 1;
    let size = size_of_val(&on) as i32;
    // SAFETY: the socket is open as long as `stream` is borrowed; the option is an int, which outlives the call.
    unsafe { setsockopt(socket(stream), SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (&raw const on).cast(), size) };
}

/// The system has no such mark.
pub(crate) fn set_low_water(_: &Stream, _: usize) -> bool {
    false
}

/// Nobody tells.
pub(crate) fn unacknowledged(_: &Stream) -> Option<u64> {
    None
}

/// Spare capacity that a read fills.
#[repr(transparent)]
pub(crate) struct Spare(WSABUF);

impl Spare {
    pub(crate) const NONE: Spare = Spare(WSABUF { len: 0, buf: ptr::null_mut() });

    /// At most so many bytes behind what the buffer holds. It stays good until the buffer is changed.
    pub(crate) fn of(buffer: &mut Vec<u8>, at_most: usize) -> Spare {
        let room = buffer.spare_capacity_mut();
        let len = u32::try_from(room.len().min(at_most)).unwrap_or(u32::MAX);
        Spare(WSABUF { len, buf: room.as_mut_ptr().cast() })
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len as usize
    }
}

/// Reads what is there into the parts, in order, in one system call.
///
/// # Safety
/// The buffers of the parts are alive and unchanged since [`Spare::of`].
pub(crate) unsafe fn receive(stream: &Stream, parts: &mut [Spare]) -> io::Result<usize> {
    let (mut got, mut flags) = (0, 0);
    let count = parts.len() as u32;
    // SAFETY: the socket is open as long as `stream` is borrowed; `Spare` has the layout of WSABUF, and each part lies in
    // spare capacity by the caller's promise. The call is not overlapped.
    let result = unsafe {
        WSARecv(socket(stream), parts.as_ptr().cast(), count, &mut got, &mut flags, ptr::null_mut(), None)
    };
    if result == 0 {
        return Ok(got as usize);
    }
    match last_error() {
        // This side has ended the reading: as on other systems, that is the end of the data.
        error if error.raw_os_error() == Some(WSAESHUTDOWN) => Ok(0),
        error => Err(error),
    }
}

/// Sends as much of the slices, in order, as the system takes, in one system call.
pub(crate) fn send(stream: &Stream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut sent = 0;
    // SAFETY: the socket is open as long as `stream` is borrowed; `IoSlice` has the layout of WSABUF by its documentation,
    // and the slices, which are only read, are borrowed through the call. The call is not overlapped.
    let result = unsafe {
        let buffers = slices.as_ptr().cast();
        WSASend(socket(stream), buffers, slices.len() as u32, &mut sent, 0, ptr::null_mut(), None)
    };
    if result == 0 { Ok(sent as usize) } else { Err(last_error()) }
}

/// Asks the system whether the socket is writable; never waits.
pub(crate) fn is_writable(stream: &Stream) -> bool {
    let mut asked = WSAPOLLFD { fd: socket(stream), events: POLLWRNORM, revents: 0 };
    // SAFETY: one entry, which lives through the call.
    let ready = unsafe { WSAPoll(&mut asked, 1, 0) };
    ready > 0 && asked.revents != 0
}
