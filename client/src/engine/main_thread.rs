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
        // By its number: in a static program gettid may be missing, because the standard library asks for it weakly.
        // SAFETY: neither takes a pointer.
        let (thread, process) = unsafe { (libc::syscall(libc::SYS_gettid), libc::getpid()) };
        if thread == i64::from(process) {
            MAIN.get_or_init(thread::current);
        }
    }
}
