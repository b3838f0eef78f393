//! Entry points of the log.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use ws4d_client::Component;
use ws4d_client::library::{self, LogLevel, LogSink};

use crate::boundary::UserData;
use crate::call_host::OnLog;
use crate::result::ws_result;
use crate::types::ws_log_level;
use crate::{arg, boundary, call_host};

/// Receives the lines of the log.
///
/// It may run on any thread, on several at once, and inside a `ws_` function that the program itself has called. It may
/// call only the `ws_*_name` functions and ws_result_message(), and must return normally.
///
/// @param level      A ws_log_level.
/// @param component  The part of the library that writes the line, in a few letters. It lives until the function
///                   returns.
/// @param message    One line of UTF-8. It lives until the function returns. It never contains a secret: no header's
///                   value, no payload, no password; a URL has neither user name and password nor a query, which shows
///                   as `?...`.
/// @param user_data  As given to ws_set_log() or ws_add_log().
pub type ws_log_fn = Option<
    unsafe extern "C" fn(
        level: i32,
        component: *const c_char,
        message: *const c_char,
        user_data: *mut c_void,
    ),
>;

/// Sets the function that receives the log. It replaces the one that was set before. Without one the library is silent:
/// it never prints.
///
/// When this call returns, the old function no longer runs, and its `user_data` may be freed.
///
/// Thread: any, also in callbacks; may wait for a callback. It must not be called inside a log function.
///
/// @param level      How much to log: a ws_log_level. A number that is too low or too high counts as the nearest level.
/// @param fn         The function; NULL for none.
/// @param user_data  Passed to `fn`; it belongs to the caller.
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
        // SAFETY: the caller upholds the contract above.
        library::set_log(level, Some(unsafe { sink(function, user_data) }));
    });
}

/// Adds a receiver of the log, with a level of its own, beside that of ws_set_log() and all others. It is for a plug-in
/// or a library inside a program, which should leave ws_set_log() to the program.
///
/// Thread: any, also in callbacks; never blocks. It must not be called inside a log function.
///
/// @param level      How much to log: a ws_log_level. A number that is too low or too high counts as the nearest level.
/// @param fn         The receiver, as for ws_set_log().
/// @param user_data  Passed to `fn`; it belongs to the caller.
/// @return An id for ws_remove_log(), which is never 0 and never used again; 0 if `fn` is NULL, or if no memory is
///         left.
///
/// # Safety
/// `fn` can be called on any thread with `user_data`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_add_log(level: i32, r#fn: ws_log_fn, user_data: *mut c_void) -> u32 {
    let user_data = UserData::new(user_data);
    boundary::make(0, || {
        // SAFETY: the caller upholds the contract above.
        library::add_log(log_level(level), unsafe { sink(r#fn?, user_data) }).ok()
    })
}

/// Removes a receiver of the log. When this call returns, its function no longer runs and will not run again, and its
/// `user_data` may be freed.
///
/// It waits while the function is running on another thread, so the caller must not hold a lock that the function
/// wants.
///
/// Thread: any, also in callbacks; may wait for a callback. It must not be called inside a log function.
///
/// @param id  The id that ws_add_log() has returned.
/// @return WS_OK, or: WS_ERR_INVALID_ARGUMENT (no receiver has this id, or it was removed already), WS_ERR_WRONG_THREAD
///         (inside a log function).
#[unsafe(no_mangle)]
pub extern "C" fn ws_remove_log(id: u32) -> ws_result {
    boundary::call(|| library::remove_log(id))
}

/// The host's function for the log as the client calls it.
///
/// # Safety
/// `function` can be called on any thread with `user_data`, for as long as the client has the sink.
unsafe fn sink(function: OnLog, user_data: UserData) -> Arc<LogSink> {
    Arc::new(move |level: LogLevel, component: Component, message: &str| {
        let (component, message) = (arg::to_c(component.as_str()), arg::to_c(message));
        let level = ws_log_level::from(level) as i32;
        // SAFETY: the caller upholds the contract above; the texts live until the function returns.
        unsafe { call_host::log(function, level, component.as_ptr(), message.as_ptr(), user_data.get()) }
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_level_out_of_range_is_the_nearest() {
        assert_eq!([i32::MIN, -1, 0].map(log_level), [LogLevel::Off; 3]);
        assert_eq!([5, 6, i32::MAX].map(log_level), [LogLevel::Trace; 3]);
        for level in 0..=5 {
            assert_eq!(ws_log_level::from(log_level(level)) as i32, level);
        }
    }
}
