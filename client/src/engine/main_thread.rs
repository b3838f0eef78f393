//! The standard library's handle of the main thread.

/// tokio asks for the calling thread's handle where a runtime is made. The standard library keeps a pointer to the middle of
/// that block, and frees it with the thread; for the main thread that is never, so leak checkers find 48 bytes "possibly
/// lost". Here is a pointer to its beginning.
pub(super) fn show_to_leak_checkers() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use std::sync::OnceLock;
        use std::thread::{self, Thread};
        static MAIN: OnceLock<Thread> = OnceLock::new();
        // SAFETY: neither takes a pointer.
        if unsafe { libc::gettid() == libc::getpid() } {
            MAIN.get_or_init(thread::current);
        }
    }
}
