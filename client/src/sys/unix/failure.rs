//! What the system's error numbers mean to a client.

use std::io;

/// What a failed call says about the cure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// Descriptors, memory, watches of a poller or ports to come from are used up.
    NoResources,
    /// The connection is gone.
    Reset,
    /// The address cannot be reached, or not from here.
    Unreachable,
}

/// `None`: the kind that the standard library makes of the number says it all.
pub(crate) fn meaning(number: i32) -> Option<Failure> {
    match number {
        libc::ENFILE
        | libc::EMFILE
        | libc::ENOBUFS
        | libc::ENOMEM
        | libc::ENOSPC
        | libc::EDQUOT
        | libc::EAGAIN
        | libc::EADDRINUSE => Some(Failure::NoResources),
        libc::ENETRESET | libc::ENOTCONN | libc::ESHUTDOWN => Some(Failure::Reset),
        // EINVAL: a link-local address whose interface was not named. EPROTO and ENOPROTOOPT: what a router says.
        libc::EHOSTUNREACH
        | libc::ENETUNREACH
        | libc::ENETDOWN
        | libc::EHOSTDOWN
        | libc::EADDRNOTAVAIL
        | libc::EAFNOSUPPORT
        | libc::EPROTONOSUPPORT
        | libc::EPROTO
        | libc::ENOPROTOOPT
        | libc::ENODEV
        | libc::ENXIO
        | libc::EINVAL
        | libc::EACCES
        | libc::EPERM => Some(Failure::Unreachable),
        _ => None,
    }
}

/// Whether a connection could not begin because no local port was free. `is_routed`: the address is one that is reached
/// from any of this machine's, so that a local address that is not available means that none has a port left.
pub(crate) fn is_no_port(number: i32, is_routed: bool) -> bool {
    matches!(number, libc::EADDRINUSE | libc::EAGAIN) || (is_routed && number == libc::EADDRNOTAVAIL)
}

/// Whether reading a file failed for a reason of this moment, which says nothing about the file.
pub(crate) fn passes(error: &io::Error) -> bool {
    const PASSING: [i32; 8] = [
        libc::EMFILE,
        libc::ENFILE,
        libc::ENOMEM,
        libc::ENOBUFS,
        libc::EIO,
        libc::EINTR,
        libc::EAGAIN,
        libc::ETIMEDOUT,
    ];
    error.raw_os_error().is_some_and(|code| PASSING.contains(&code))
}

#[cfg(test)]
pub(crate) mod examples {
    /// Error numbers, by what they mean.
    pub(crate) const REFUSED: &[i32] = &[libc::ECONNREFUSED];
    pub(crate) const TIMED_OUT: &[i32] = &[libc::ETIMEDOUT];
    pub(crate) const RESET: &[i32] = &[libc::ECONNRESET, libc::ECONNABORTED, libc::EPIPE, libc::ENETRESET];
    pub(crate) const UNREACHABLE: &[i32] = &[
        libc::EINVAL,
        libc::EHOSTDOWN,
        libc::EHOSTUNREACH,
        libc::ENETUNREACH,
        libc::EPROTO,
        libc::ENOPROTOOPT,
        libc::EADDRNOTAVAIL,
        libc::EACCES,
    ];
    pub(crate) const NO_RESOURCES: &[i32] =
        &[libc::ENOSPC, libc::EMFILE, libc::ENOMEM, libc::EADDRINUSE, libc::EAGAIN];
    /// Numbers of a failed read that are of this moment, and of no resources, then others.
    pub(crate) const NO_DESCRIPTORS: &[i32] = &[libc::EMFILE, libc::ENFILE, libc::ENOMEM];
    pub(crate) const BROKEN_DISK: i32 = libc::EIO;
    pub(crate) const NOT_READABLE: &[i32] = &[libc::ENOENT, libc::EACCES, libc::EISDIR];
}
