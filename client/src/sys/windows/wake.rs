//! A manual-reset event: signalled from `signal` to `reset`.

use super::RawWaitable;
use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;
use std::time::{Duration, Instant};
use windows_sys::Win32::Foundation::{WAIT_OBJECT_0, WAIT_TIMEOUT};
use windows_sys::Win32::System::Threading::{
    CreateEventW, INFINITE, ResetEvent, SetEvent, Sleep, WaitForSingleObject,
};

pub(crate) struct Wake(OwnedHandle);

/// Where [`signal`] signals a [`Wake`]: the same handle.
pub(crate) type RawSignal = RawWaitable;

/// The longest wait of one system call, below [`INFINITE`].
const LONGEST: u32 = INFINITE - 1;

/// A runtime waits in a completion port, and has to be woken beside.
pub(crate) const IS_SEEN_BY_A_RUNTIME: bool = false;

impl Wake {
    pub(crate) fn new() -> io::Result<Wake> {
        // SAFETY: no attributes and no name; manual reset, not signalled.
        let event = unsafe { CreateEventW(ptr::null(), 1, 0, ptr::null()) };
        if event.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a fresh handle that nobody else owns.
        Ok(Wake(unsafe { OwnedHandle::from_raw_handle(event) }))
    }

    /// What becomes signalled.
    pub(crate) fn raw(&self) -> RawWaitable {
        self.0.as_raw_handle() as RawWaitable
    }

    /// The handle for [`signal`].
    pub(crate) fn signal_end(&self) -> RawSignal {
        self.raw()
    }
}

/// Signals the event. Any thread.
pub(crate) fn signal(event: RawSignal) {
    // SAFETY: the caller keeps the event open.
    unsafe { SetEvent(event as _) };
}

/// Ends the signal.
pub(crate) fn reset(event: RawWaitable) {
    // SAFETY: the caller keeps the event open.
    unsafe { ResetEvent(event as _) };
}

/// Waits until it is signalled; `false` once the time is over (`None`: never). With `None` for the event it only waits.
pub(crate) fn wait(event: Option<RawWaitable>, limit: Option<Duration>) -> io::Result<bool> {
    let until = limit.and_then(|limit| Instant::now().checked_add(limit));
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        // Rounded up, so that a remainder of less than a millisecond is no busy loop. A limit beyond the range of the call
        // is split into several.
        let ms = left.map_or(INFINITE, |left| {
            u32::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(LONGEST).min(LONGEST)
        });
        let Some(event) = event else {
            // SAFETY: takes no pointer.
            unsafe { Sleep(ms) };
            if ms < LONGEST {
                return Ok(false);
            }
            continue;
        };
        // SAFETY: the caller keeps the event open.
        match unsafe { WaitForSingleObject(event as _, ms) } {
            WAIT_OBJECT_0 => return Ok(true),
            WAIT_TIMEOUT if ms == LONGEST => {}
            WAIT_TIMEOUT => return Ok(false),
            _ => return Err(io::Error::last_os_error()),
        }
    }
}
