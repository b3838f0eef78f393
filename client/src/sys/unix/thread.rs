//! Threads of the library, and what happens while a thread sleeps.

use super::errno;
use std::ffi::c_int;
use std::io;
use std::marker::PhantomData;

pub(crate) use super::own::show_main_thread_to_leak_checkers;

/// The smallest stack of an I/O thread for which the host has set no size.
const LEAST_STACK: usize = 1024 * 1024;

/// The system's default size of a thread's stack, but at least 1 MiB.
pub(crate) fn default_stack() -> usize {
    let mut bytes = 0;
    // SAFETY: plain data, which pthread_attr_init fills before anything reads it.
    let mut attributes: libc::pthread_attr_t = unsafe { std::mem::zeroed() };
    // SAFETY: the attributes are initialised before they are read and destroyed, and live through the calls.
    unsafe {
        if libc::pthread_attr_init(&mut attributes) == 0 {
            libc::pthread_attr_getstacksize(&attributes, &mut bytes);
            libc::pthread_attr_destroy(&mut attributes);
        }
    }
    bytes.max(LEAST_STACK)
}

/// Whether a thread, or what it waits in, could not be made for want of memory, descriptors or threads.
pub(crate) fn is_want_of_resources(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE))
}

/// A signal handler may run at any moment.
pub(crate) const HAS_SIGNALS: bool = true;

/// The signals that the kernel sends to the thread that has caused a fault. If the thread blocked them, the process
/// would be killed without running the host's handler, for example a crash reporter.
const OWN_FAULTS: [libc::c_int; 7] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS, libc::SIGABRT];

/// Runs `start` with the host's signals blocked, so that a thread it starts inherits that.
pub(crate) fn with_signals_blocked<R>(start: impl FnOnce() -> R) -> R {
    // SAFETY: plain data, filled by the calls below before it is read.
    let (mut all, mut before): (libc::sigset_t, libc::sigset_t) = unsafe { std::mem::zeroed() };
    // SAFETY: both sets live through the calls.
    unsafe {
        libc::sigfillset(&mut all);
        for fault in OWN_FAULTS {
            libc::sigdelset(&mut all, fault);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
    }
    let result = start();
    // SAFETY: `before` was filled above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut()) };
    result
}

/// Call it just before the runtime sleeps: see [`was_interrupted`].
pub(crate) fn forget_interruption() {
    errno::set(0);
}

/// Whether the sleep that has just ended was ended by a signal handler.
pub(crate) fn was_interrupted() -> bool {
    errno::get() == libc::EINTR
}

#[cfg(not(target_os = "android"))]
const PTHREAD_CANCEL_DISABLE: c_int = if cfg!(target_vendor = "apple") { 0 } else { 1 };

// The libc crate lacks it. Android has no cancellation.
#[cfg(not(target_os = "android"))]
// SAFETY: as POSIX has it.
unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
}

#[cfg(target_os = "android")]
const PTHREAD_CANCEL_DISABLE: c_int = 0;

#[cfg(target_os = "android")]
// SAFETY: does nothing; it is unsafe because its namesake is.
unsafe fn pthread_setcancelstate(_: c_int, _: *mut c_int) -> c_int {
    0
}

/// While this value lives, `pthread_cancel` does not act on the calling thread. It would unwind through Rust from a
/// cancellation point (a system call that may wait, and some others) in the library.
pub struct CancellationHeld {
    before: c_int,
    /// It is given back on the thread that took it.
    _of_this_thread: PhantomData<*const ()>,
}

impl CancellationHeld {
    /// Holds the cancellation of the calling thread off.
    #[inline]
    pub fn begin() -> CancellationHeld {
        let mut before = 0;
        // SAFETY: changes the calling thread's own state only, and `before` lives through the call.
        unsafe { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &mut before) };
        CancellationHeld { before, _of_this_thread: PhantomData }
    }
}

impl Drop for CancellationHeld {
    #[inline]
    fn drop(&mut self) {
        let mut held = 0;
        // SAFETY: as above; gives back what `begin` got, on the same thread.
        unsafe { pthread_setcancelstate(self.before, &mut held) };
    }
}
