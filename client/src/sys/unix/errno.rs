//! `errno` of the calling thread: for code that must leave it as it was, and for calls through a library that does not
//! report it.

/// The current value. Async-signal-safe.
pub(super) fn get() -> i32 {
    // SAFETY: the place of this thread's `errno` is always readable.
    unsafe { *place() }
}

/// Async-signal-safe.
pub(super) fn set(errno: i32) {
    // SAFETY: the place of this thread's `errno` is always writable.
    unsafe { *place() = errno };
}

fn place() -> *mut i32 {
    // SAFETY: takes no argument; it gives the address of this thread's `errno`.
    #[cfg(target_os = "linux")]
    return unsafe { libc::__errno_location() };
    // SAFETY: as above.
    #[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
    return unsafe { libc::__error() };
    // SAFETY: as above.
    #[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
    return unsafe { libc::__errno() };
}
