//! Forks.

/// Has `in_the_child` called in the child of every later fork, before `fork` returns there. Call it once.
pub(crate) fn on_fork(in_the_child: extern "C" fn()) {
    // SAFETY: the library is never unmapped (it is linked with `-z nodelete`), so the pointer stays good; the caller's
    // function is async-signal-safe.
    unsafe { libc::pthread_atfork(None, None, Some(in_the_child)) };
}
