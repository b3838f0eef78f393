//! The guard between C and Rust: no panic leaves the library, and every outcome becomes a C value here.
//!
//! Knows no handle and no argument; an entry point puts its whole body into one of these functions.

use std::ffi::c_void;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ws4d_client::{CancellationHeld, Component, Error, ErrorCode, library};

use crate::result::ws_result;

/// For functions that do something: `Ok` is `WS_OK`, a panic `WS_ERR_INTERNAL`.
#[inline]
pub(crate) fn call(body: impl FnOnce() -> Result<(), ErrorCode>) -> ws_result {
    let _held = CancellationHeld::begin();
    call_that_holds(body)
}

/// As [`call`], for a body that holds cancellation off by itself, around what may do I/O, wait or call the host.
#[inline]
pub(crate) fn call_that_holds(body: impl FnOnce() -> Result<(), ErrorCode>) -> ws_result {
    match caught(|| library::check_alive().and_then(|()| body())) {
        Some(Ok(())) => ws_result::WS_OK,
        Some(Err(code)) => code.into(),
        None => ws_result::WS_ERR_INTERNAL,
    }
}

/// For functions that return a count or a negative `ws_result`.
#[inline]
pub(crate) fn count(body: impl FnOnce() -> Result<u32, ErrorCode>) -> i32 {
    let _held = CancellationHeld::begin();
    count_that_holds(body)
}

/// As [`count`], for a body that holds cancellation off by itself, around what may do I/O, wait or call the host.
#[inline]
pub(crate) fn count_that_holds(body: impl FnOnce() -> Result<u32, ErrorCode>) -> i32 {
    match caught(|| library::check_alive().and_then(|()| body())) {
        Some(Ok(n)) => i32::try_from(n).unwrap_or(i32::MAX),
        Some(Err(code)) => ws_result::from(code) as i32,
        None => ws_result::WS_ERR_INTERNAL as i32,
    }
}

/// For functions that make something: `None` and a panic both give `nothing`.
pub(crate) fn make<T>(nothing: T, body: impl FnOnce() -> Option<T>) -> T {
    let _held = CancellationHeld::begin();
    caught(|| library::check_alive().ok().and_then(|()| body())).flatten().unwrap_or(nothing)
}

/// For readers: `None` and a panic both give the neutral answer. They reach no cancellation point.
#[inline]
pub(crate) fn read<T>(neutral: T, body: impl FnOnce() -> Option<T>) -> T {
    caught(body).flatten().unwrap_or(neutral)
}

/// For functions without an answer.
#[inline]
pub(crate) fn run(body: impl FnOnce()) {
    let _held = CancellationHeld::begin();
    run_that_holds(body);
}

/// As [`run`], for a body that holds cancellation off by itself, around what may do I/O, wait or call the host.
#[inline]
pub(crate) fn run_that_holds(body: impl FnOnce()) {
    caught(|| library::check_alive().is_ok().then(body));
}

/// For a step that must go on after a panic, with an error stack to report.
pub(crate) fn attempt<T>(body: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    caught(body).unwrap_or_else(|| {
        let message =
            "a fault in the library itself ended the call; please report it, with the log from level error on";
        Err(Error::new(ErrorCode::Internal, Component::Socket, message))
    })
}

/// For work whose panic must keep nothing that follows from being done.
pub(crate) fn last_words(body: impl FnOnce()) {
    caught(body);
}

fn caught<T>(body: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => Some(value),
        Err(payload) => {
            // Dropping a payload may panic too; the second payload is leaked.
            if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                mem::forget(second);
            }
            let _held = CancellationHeld::begin();
            library::log_caught_panic();
            None
        }
    }
}

/// A `user_data` of the host on its way into a closure that any thread may call.
#[derive(Clone, Copy)]
pub(crate) struct UserData(*mut c_void);

// SAFETY: the library only hands the pointer back to the host's own functions. The header says on which threads
// they run, so what lies behind it is the host's to synchronise.
unsafe impl Send for UserData {}
// SAFETY: as above.
unsafe impl Sync for UserData {}

impl UserData {
    pub(crate) fn new(pointer: *mut c_void) -> UserData {
        UserData(pointer)
    }

    pub(crate) fn get(&self) -> *mut c_void {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    #[test]
    fn a_result_is_translated() {
        assert_eq!(call(|| Ok(())), ws_result::WS_OK);
        assert_eq!(call(|| Err(ErrorCode::Closed)), ws_result::WS_ERR_CLOSED);
        assert_eq!(count(|| Ok(3)), 3);
        assert_eq!(count(|| Ok(u32::MAX)), i32::MAX);
        assert_eq!(count(|| Err(ErrorCode::WrongThread)), -3);
        assert_eq!(read(7, || Some(8)), 8);
        assert_eq!(read(7, || None), 7);
    }

    #[test]
    fn a_panic_is_an_internal_error_or_the_neutral_answer() {
        assert_eq!(call(|| panic!("expected by the test")), ws_result::WS_ERR_INTERNAL);
        assert_eq!(count(|| panic!("expected by the test")), ws_result::WS_ERR_INTERNAL as i32);
        assert_eq!(read(7, || panic!("expected by the test")), 7);
        run(|| panic!("expected by the test"));
        let failed = attempt::<()>(|| panic!("expected by the test")).unwrap_err();
        assert_eq!(failed.code(), ErrorCode::Internal);
    }

    #[test]
    fn a_panic_whose_payload_panics_when_dropped_stays_inside() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("expected by the test");
            }
        }
        assert_eq!(call(|| panic_any(Bomb)), ws_result::WS_ERR_INTERNAL);
    }
}
