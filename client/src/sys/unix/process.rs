//! The process.

/// Called once, before the library makes its first process-wide value. Has `in_the_child` called in the child of every
/// later fork, before `fork` returns there.
pub(crate) fn on_first_use(in_the_child: extern "C" fn()) {
    // SAFETY: the library is never unmapped (it is linked with `-z nodelete`), so the pointer stays good; the caller's
    // function is async-signal-safe.
    unsafe { libc::pthread_atfork(None, None, Some(in_the_child)) };
}

/// Whether the system has ended the process's other threads already. Never here: they run to the last moment.
#[inline]
pub(crate) fn is_ending() -> bool {
    false
}
