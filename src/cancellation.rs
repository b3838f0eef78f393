//! Holds `pthread_cancel` off while a thread is inside the library.

use std::ffi::c_int;

// SAFETY: `call_host.c` defines them, with these arguments.
unsafe extern "C" {
    fn ws4d_hold_cancellation() -> c_int;
    fn ws4d_restore_cancellation(before: c_int);
}

/// While this value lives, `pthread_cancel` does not act on the calling thread, because a cancellation point in the
/// library would unwind through Rust.
pub(crate) struct CancellationHeld(c_int);

impl CancellationHeld {
    #[inline]
    pub(crate) fn begin() -> CancellationHeld {
        // SAFETY: takes nothing, and changes the calling thread's own state only.
        CancellationHeld(unsafe { ws4d_hold_cancellation() })
    }
}

impl Drop for CancellationHeld {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: gives back what `begin` got, on the same thread.
        unsafe { ws4d_restore_cancellation(self.0) }
    }
}
