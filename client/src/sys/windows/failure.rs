//! What the system's error numbers mean to a client.

use std::io;
use windows_sys::Win32::Foundation::{
    ERROR_COMMITMENT_LIMIT, ERROR_DISK_FULL, ERROR_HOST_UNREACHABLE, ERROR_LOCK_VIOLATION,
    ERROR_NETNAME_DELETED, ERROR_NETWORK_UNREACHABLE, ERROR_NO_SYSTEM_RESOURCES, ERROR_NOT_ENOUGH_MEMORY,
    ERROR_OUTOFMEMORY, ERROR_PORT_UNREACHABLE, ERROR_SHARING_VIOLATION, ERROR_TOO_MANY_OPEN_FILES,
};
use windows_sys::Win32::Networking::WinSock::{
    WSAEACCES, WSAEADDRINUSE, WSAEADDRNOTAVAIL, WSAEAFNOSUPPORT, WSAEDISCON, WSAEDQUOT, WSAEHOSTDOWN,
    WSAEHOSTUNREACH, WSAEINVAL, WSAEMFILE, WSAENETDOWN, WSAENETRESET, WSAENETUNREACH, WSAENOBUFS,
    WSAENOPROTOOPT, WSAENOTCONN, WSAEPROCLIM, WSAEPROTONOSUPPORT, WSAESHUTDOWN,
};

/// What a failed call says about the cure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// Handles, memory, buffers or ports to come from are used up.
    NoResources,
    /// The connection is gone.
    Reset,
    /// The address cannot be reached, or not from here.
    Unreachable,
}

const NO_RESOURCES: [u32; 6] = [
    ERROR_TOO_MANY_OPEN_FILES,
    ERROR_NOT_ENOUGH_MEMORY,
    ERROR_OUTOFMEMORY,
    ERROR_DISK_FULL,
    ERROR_NO_SYSTEM_RESOURCES,
    ERROR_COMMITMENT_LIMIT,
];
const UNREACHABLE: [u32; 3] = [ERROR_NETWORK_UNREACHABLE, ERROR_HOST_UNREACHABLE, ERROR_PORT_UNREACHABLE];

/// `None`: the kind that the standard library makes of the number says it all.
pub(crate) fn meaning(number: i32) -> Option<Failure> {
    match number {
        WSAEMFILE | WSAENOBUFS | WSAEADDRINUSE | WSAEDQUOT | WSAEPROCLIM => Some(Failure::NoResources),
        WSAENETRESET | WSAENOTCONN | WSAESHUTDOWN | WSAEDISCON => Some(Failure::Reset),
        // WSAEINVAL: a link-local address whose interface was not named.
        WSAEHOSTUNREACH | WSAENETUNREACH | WSAENETDOWN | WSAEHOSTDOWN | WSAEADDRNOTAVAIL
        | WSAEAFNOSUPPORT | WSAEPROTONOSUPPORT | WSAENOPROTOOPT | WSAEINVAL | WSAEACCES => {
            Some(Failure::Unreachable)
        }
        _ => match u32::try_from(number) {
            Ok(ERROR_NETNAME_DELETED) => Some(Failure::Reset),
            Ok(number) if NO_RESOURCES.contains(&number) => Some(Failure::NoResources),
            Ok(number) if UNREACHABLE.contains(&number) => Some(Failure::Unreachable),
            _ => None,
        },
    }
}

/// Whether a connection could not begin because no local port was free. `is_routed`: the address is one that is reached
/// from any of this machine's, so that a local address that is not available means that none has a port left.
pub(crate) fn is_no_port(number: i32, is_routed: bool) -> bool {
    matches!(number, WSAEADDRINUSE | WSAENOBUFS) || (is_routed && number == WSAEADDRNOTAVAIL)
}

/// Whether reading a file failed for a reason of this moment, which says nothing about the file.
pub(crate) fn passes(error: &io::Error) -> bool {
    let Some(number) = error.raw_os_error().and_then(|number| u32::try_from(number).ok()) else {
        return false;
    };
    NO_RESOURCES.contains(&number) || [ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION].contains(&number)
}

#[cfg(test)]
pub(crate) mod examples {
    use super::*;
    use windows_sys::Win32::Networking::WinSock::{
        WSAECONNABORTED, WSAECONNREFUSED, WSAECONNRESET, WSAETIMEDOUT,
    };

    /// Error numbers, by what they mean.
    pub(crate) const REFUSED: &[i32] = &[WSAECONNREFUSED];
    pub(crate) const TIMED_OUT: &[i32] = &[WSAETIMEDOUT];
    pub(crate) const RESET: &[i32] = &[WSAECONNRESET, WSAECONNABORTED, WSAENETRESET];
    pub(crate) const UNREACHABLE: &[i32] =
        &[WSAEINVAL, WSAEHOSTDOWN, WSAEHOSTUNREACH, WSAENETUNREACH, WSAEADDRNOTAVAIL, WSAEACCES];
    pub(crate) const NO_RESOURCES: &[i32] = &[WSAEMFILE, WSAENOBUFS, WSAEADDRINUSE];
    /// Numbers of a failed read that are of this moment, and of no resources, then others.
    pub(crate) const NO_DESCRIPTORS: &[i32] =
        &[ERROR_TOO_MANY_OPEN_FILES as i32, ERROR_NOT_ENOUGH_MEMORY as i32];
    pub(crate) const BROKEN_DISK: i32 = ERROR_SHARING_VIOLATION as i32;
    /// ERROR_FILE_NOT_FOUND, ERROR_ACCESS_DENIED.
    pub(crate) const NOT_READABLE: &[i32] = &[2, 5];
}
