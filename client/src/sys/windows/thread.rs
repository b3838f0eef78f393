//! Threads of the library. There are no signals.

use std::io;
use windows_sys::Win32::Foundation::{
    ERROR_MAX_THRDS_REACHED, ERROR_NO_SYSTEM_RESOURCES, ERROR_NOT_ENOUGH_MEMORY, ERROR_OUTOFMEMORY,
    ERROR_TOO_MANY_OPEN_FILES,
};

/// Memory for a stack is taken as it is used.
const STACK: usize = 2 * 1024 * 1024;

/// The size of a thread's stack where the host has set none.
pub(crate) fn default_stack() -> usize {
    STACK
}

/// Whether a thread, or what it waits in, could not be made for want of memory, handles or threads.
pub(crate) fn is_want_of_resources(error: &io::Error) -> bool {
    const WANTS: [u32; 5] = [
        ERROR_TOO_MANY_OPEN_FILES,
        ERROR_NOT_ENOUGH_MEMORY,
        ERROR_OUTOFMEMORY,
        ERROR_MAX_THRDS_REACHED,
        ERROR_NO_SYSTEM_RESOURCES,
    ];
    error.raw_os_error().is_some_and(|number| WANTS.iter().any(|want| *want as i32 == number))
}

/// Nothing runs in the midst of something else.
pub(crate) const HAS_SIGNALS: bool = false;

/// Runs `start`: there are no signals to block.
pub(crate) fn with_signals_blocked<R>(start: impl FnOnce() -> R) -> R {
    start()
}

/// Nothing interrupts a sleep.
pub(crate) fn forget_interruption() {}

/// Never.
pub(crate) fn was_interrupted() -> bool {
    false
}

/// Nobody asks.
pub(crate) fn show_main_thread_to_leak_checkers() {}

/// Nothing ends a thread at a system call.
pub struct CancellationHeld(());

impl CancellationHeld {
    /// Nothing to hold off.
    #[inline]
    pub fn begin() -> CancellationHeld {
        CancellationHeld(())
    }
}

impl Drop for CancellationHeld {
    #[inline]
    fn drop(&mut self) {}
}
