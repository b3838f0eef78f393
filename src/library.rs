//! Entry points on the library as a whole: version, log, error handler, threads, shutdown.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use ws4d_client::library::{self, LogLevel};
use ws4d_client::{Component, Error, ErrorCode};

use crate::boundary::UserData;
use crate::errors::ws_errors;
use crate::result::ws_result;
use crate::types::ws_log_level;
use crate::{arg, boundary, call_host};

/// Told of each connection that could not be made: 4D's ON ERR CALL.
///
/// Any function may be called from it; a failure inside it does not enter it again on that thread. Like a callback it
/// returns normally.
///
/// @param errors     Why; lives until the function returns, and is not to be freed.
/// @param user_data  As given to ws_set_error_handler().
pub type ws_error_fn = Option<unsafe extern "C" fn(errors: *const ws_errors, user_data: *mut c_void)>;

/// Receives the lines of the log.
///
/// It may run on any thread, also on several at once and inside a `ws_` function that the host itself has called; it
/// may call only `ws_*_name` functions, and returns normally.
///
/// @param level      A ws_log_level.
/// @param component  Which part of the library speaks, in a few letters; lives until the function returns.
/// @param message    One line of UTF-8; lives until the function returns. Never a secret: no header's value, no payload,
///                   no password; of a URL neither user info nor query, which shows as `?...`.
/// @param user_data  As given to ws_set_log().
pub type ws_log_fn = Option<
    unsafe extern "C" fn(
        level: i32,
        component: *const c_char,
        message: *const c_char,
        user_data: *mut c_void,
    ),
>;

/// The version of the library that runs.
///
/// Any thread.
///
/// @return A text that lives for ever; WS4D_VERSION_STRING is that of the header that a program was compiled with.
#[unsafe(no_mangle)]
pub extern "C" fn ws_version_string() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The version of the library that runs, as a number to compare: major * 65536 + minor * 256 + patch.
///
/// Any thread.
///
/// @return A number; WS4D_VERSION_NUMBER is that of the header that a program was compiled with.
#[unsafe(no_mangle)]
pub extern "C" fn ws_version_number() -> u32 {
    const { VERSION_NUMBER }
}

const VERSION_NUMBER: u32 = part(env!("CARGO_PKG_VERSION_MAJOR")) << 16
    | part(env!("CARGO_PKG_VERSION_MINOR")) << 8
    | part(env!("CARGO_PKG_VERSION_PATCH"));

const fn part(digits: &str) -> u32 {
    match u32::from_str_radix(digits, 10) {
        Ok(number) if number < 256 => number,
        _ => panic!("a part of the version is no number below 256"),
    }
}

/// Sets the function that is told of connections that could not be made, in place of the one before.
///
/// It is called where ws_new() or ws_new_async() fails, on the calling thread, as the last thing; and for a connection
/// that fails after ws_new_async() has returned, on the thread of the callbacks, before `on_error` (where events are
/// pulled: inside the ws_dispatcher_next() that returns the ERROR). For nothing else.
///
/// Any thread, also inside it. When this returns, the old function no longer runs on another thread, and its
/// `user_data` may go; but calls from inside it, on several threads at once, do not wait for each other.
///
/// @param fn         NULL for none.
/// @param user_data  Passed to `fn`; the caller's.
///
/// # Safety
/// `fn` can be called on any thread with `user_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_set_error_handler(r#fn: ws_error_fn, user_data: *mut c_void) {
    let user_data = UserData::new(user_data);
    boundary::run(|| {
        library::set_error_handler(r#fn.map(|function| {
            let handler = move |error: &Error| {
                let errors = ws_errors::new(error);
                // SAFETY: the caller upholds the contract above; the stack lives until the function returns.
                unsafe { call_host::error(function, &errors, user_data.get()) }
            };
            Arc::new(handler) as Arc<dyn Fn(&Error) + Send + Sync>
        }));
    });
}

/// Sets the function that receives the log, in place of the one before. Without one the library is silent: it never
/// prints.
///
/// Any thread, but not inside the log function. When this returns, the old function no longer runs, and its
/// `user_data` may go.
///
/// @param level      How much, a ws_log_level; a number below or above them is taken for the nearest.
/// @param fn         NULL for none.
/// @param user_data  Passed to `fn`; the caller's.
///
/// # Safety
/// `fn` can be called on any thread with `user_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_set_log(level: i32, r#fn: ws_log_fn, user_data: *mut c_void) {
    let user_data = UserData::new(user_data);
    boundary::run(|| {
        let level = log_level(level);
        let function = r#fn.filter(|_| level != LogLevel::Off);
        let Some(function) = function else { return library::set_log(LogLevel::Off, None) };
        let sink = move |level: LogLevel, component: Component, message: &str| {
            let (component, message) = (arg::to_c(component.as_str()), arg::to_c(message));
            let level = ws_log_level::from(level) as i32;
            // SAFETY: the caller upholds the contract above; the texts live until the function returns.
            unsafe { call_host::log(function, level, component.as_ptr(), message.as_ptr(), user_data.get()) }
        };
        library::set_log(level, Some(Arc::new(sink)));
    });
}

fn log_level(level: i32) -> LogLevel {
    match level {
        ..=0 => LogLevel::Off,
        1 => LogLevel::Error,
        2 => LogLevel::Warn,
        3 => LogLevel::Info,
        4 => LogLevel::Debug,
        5.. => LogLevel::Trace,
    }
}

/// Sets how many I/O threads the library runs. Default: 1, which is enough for thousands of sockets.
///
/// They start with the first socket; so before that, or after ws_shutdown().
///
/// Any thread; never blocks.
///
/// @param n  At least 1.
/// @return WS_OK; or, with nothing changed, WS_ERR_INVALID_ARGUMENT (0), WS_ERR_UNSUPPORTED (the threads run already).
#[unsafe(no_mangle)]
pub extern "C" fn ws_set_io_threads(n: u32) -> ws_result {
    boundary::call(|| match n {
        0 => Err(ErrorCode::InvalidArgument),
        n => library::set_io_threads(n),
    })
}

/// Ends all sockets and joins all threads of the library (except a name lookup that the system does not let go).
///
/// Each server is sent close code 1001 if the kernel takes it at once; no answer is awaited. Sockets without a
/// dispatcher have had `on_terminate` (1006) and `on_free` when it returns; the last events of the others wait in their
/// dispatchers, which survive. A ws_new() that is blocked fails with WS_ERR_SHUT_DOWN. Handles stay valid until they are
/// released. Afterwards the library can be used again.
///
/// Any thread, but not inside a callback.
///
/// @param timeout_ms  Milliseconds to wait for callbacks that run on I/O threads, and for the threads themselves, which need a
///                    moment to end; 0 not at all, -1 for ever.
/// @return WS_OK; WS_ERR_TIMEOUT if one of them has not come back in time: new sockets then fail with
///         WS_ERR_SHUT_DOWN until a further call succeeds; WS_ERR_WRONG_THREAD inside a callback;
///         WS_ERR_INVALID_ARGUMENT (below -1).
#[unsafe(no_mangle)]
pub extern "C" fn ws_shutdown(timeout_ms: i32) -> ws_result {
    boundary::call(|| library::shutdown(arg::timeout(timeout_ms)?))
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    #[test]
    fn the_version_is_cargos() {
        // SAFETY: a static text.
        let text = unsafe { CStr::from_ptr(ws_version_string()) }.to_str().unwrap();
        assert_eq!(text, env!("CARGO_PKG_VERSION"));
        let number = ws_version_number();
        assert!(text.starts_with(&format!("{}.{}.{}", number >> 16, number >> 8 & 255, number & 255)));
    }

    #[test]
    fn a_log_level_out_of_range_is_the_nearest() {
        assert_eq!([i32::MIN, -1, 0].map(log_level), [LogLevel::Off; 3]);
        assert_eq!([5, 6, i32::MAX].map(log_level), [LogLevel::Trace; 3]);
        for level in 0..=5 {
            assert_eq!(ws_log_level::from(log_level(level)) as i32, level);
        }
    }
}
