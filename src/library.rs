//! Entry points on the library as a whole: version, error handler, threads, users, shutdown.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use libc::size_t;
use ws4d_client::library::{self, ErrorHandler};
use ws4d_client::{Error, ErrorCode};

use crate::boundary::UserData;
use crate::errors::ws_errors;
use crate::result::ws_result;
use crate::{arg, boundary, call_host};

/// Told of each connection that could not be made: 4D's ON ERR CALL.
///
/// Any function may be called from it; a failure inside it does not enter it again on that thread. Like a callback it
/// returns normally.
///
/// @param errors     Why; lives until the function returns, and is not to be freed.
/// @param user_data  As given to ws_set_error_handler().
pub type ws_error_fn = Option<unsafe extern "C" fn(errors: *const ws_errors, user_data: *mut c_void)>;

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
        // SAFETY: the caller upholds the contract above.
        library::set_error_handler(unsafe { error_handler(r#fn, user_data) });
    });
}

/// The host's function for errors as the client calls it.
///
/// # Safety
/// `function` can be called on any thread with `user_data`, for as long as the client has the handler.
pub(crate) unsafe fn error_handler(function: ws_error_fn, user_data: UserData) -> Option<Arc<ErrorHandler>> {
    let function = function?;
    Some(Arc::new(move |error: &Error| {
        let errors = ws_errors::new(error);
        // SAFETY: the caller upholds the contract above; the stack lives until the function returns.
        unsafe { call_host::error(function, &errors, user_data.get()) }
    }))
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

/// Sets how many bytes of stack each I/O thread has. Default, and with 0: what the system gives a thread, at least 1 MiB.
///
/// Callbacks of sockets without a dispatcher run on that stack, below less than 64 KiB of the library's own frames. The
/// threads start with the first socket; so call it before that, or after ws_shutdown(). In a program with plug-ins this
/// is the program's to set, not a plug-in's.
///
/// Any thread; never blocks.
///
/// @param bytes  At least 262144 (256 KiB), at most 1 GiB; 0 for the default.
/// @return WS_OK; or, with nothing changed, WS_ERR_INVALID_ARGUMENT (fewer or more), WS_ERR_UNSUPPORTED (the threads run
///         already).
#[unsafe(no_mangle)]
pub extern "C" fn ws_set_io_thread_stack(bytes: size_t) -> ws_result {
    boundary::call(|| library::set_io_thread_stack((bytes != 0).then_some(bytes)))
}

/// Counts one more user of the library in this process, so that its users do not end each other's sockets.
///
/// As long as more than one is counted, ws_shutdown() only counts one down. So a program whose plug-ins use the library,
/// and each plug-in, calls this first of all and ws_shutdown() last of all; whoever does not count is not protected. It
/// starts nothing, and no other function needs it. A forked child begins with no user.
///
/// A plug-in ends its own sockets, dispatchers, reconnectors and log receivers before its ws_shutdown(): nothing of it is
/// called after they have returned. It gives its sockets a dispatcher, and leaves ws_set_log(), ws_set_error_handler(),
/// ws_set_io_threads() and ws_set_io_thread_stack() to the program: ws_add_log() and ws_dispatcher_set_error_handler() are
/// for it.
///
/// Any thread; never blocks.
///
/// @return WS_OK; WS_ERR_SHUT_DOWN while a ws_shutdown() ends sockets, and after one that was WS_ERR_TIMEOUT until a further
///         one is WS_OK.
#[unsafe(no_mangle)]
pub extern "C" fn ws_startup() -> ws_result {
    boundary::call(library::startup)
}

/// Ends all sockets and joins all threads of the library (except a name lookup that the system does not let go).
///
/// Where ws_startup() has counted more than one user, it counts one down and ends nothing. Else all that follows holds.
///
/// Each server is sent close code 1001 if the kernel takes it at once; no answer is awaited. Sockets without a
/// dispatcher have had `on_terminate` (1006) and `on_free` when it returns; the last events of the others wait in their
/// dispatchers, which survive. A ws_new() that is blocked fails with WS_ERR_SHUT_DOWN. Handles stay valid until they are
/// released. Afterwards the library can be used again. A user is counted down only by a call that is WS_OK.
///
/// It works in an `atexit` handler and in the destructor of a static object as it does in `main`. It does not wait for a
/// thread that has ended inside a callback (see ws_callback), and after such an end it acts whatever ws_startup() has
/// counted, because new sockets may be refused until it has.
///
/// It closes the descriptors of all sockets. A program that closes descriptors which are not its own, as some do that become
/// a daemon, has to call it before. Where one has closed the library's, calls may be WS_ERR_INTERNAL until it has called
/// ws_dispatcher_close() for each dispatcher that there is, and then this: the library begins anew, with new threads. Sockets
/// of before that have no dispatcher may have no further callback, and what they held in memory stays.
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
}
