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

/// Is called for each connection that could not be made.
///
/// It may call any function of the library. If a connection that it opens itself fails, it is not called again for that
/// on the same thread. Like a callback, it must return normally.
///
/// @param errors     Why the connection could not be made. It lives until the function returns, and must not be freed.
/// @param user_data  As given to ws_set_error_handler() or ws_dispatcher_set_error_handler().
pub type ws_error_fn = Option<unsafe extern "C" fn(errors: *const ws_errors, user_data: *mut c_void)>;

/// Returns the version of the library that runs. WS4D_VERSION_STRING is the version of the header that the program was
/// compiled with.
///
/// Thread: any, also in callbacks and in `wake`; never blocks.
///
/// @return A text that lives for ever.
#[unsafe(no_mangle)]
pub extern "C" fn ws_version_string() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Returns the version of the library that runs, as a number that can be compared: major * 65536 + minor * 256 + patch.
/// WS4D_VERSION_NUMBER is the version of the header that the program was compiled with.
///
/// Thread: any, also in callbacks and in `wake`; never blocks.
///
/// @return The number.
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

/// Sets the function that is called for each connection that could not be made. It replaces the one that was set
/// before.
///
/// If ws_new(), ws_new_async() or ws_reconnector_new() fails, it is called on the calling thread, as the last thing. If
/// a connection fails after ws_new_async() has returned, or an attempt of a reconnector, it is called on the thread of the callbacks, before `on_error`. If events are
/// pulled, that is inside the ws_dispatcher_next() that returns the ERROR. It is not called for anything else, and not
/// for the sockets of a dispatcher with a ws_dispatcher_set_error_handler().
///
/// When this call returns, the old function no longer runs on another thread, and its `user_data` may be freed. Calls
/// from inside the function itself are the exception: if it runs on several threads at once, they do not wait for each
/// other.
///
/// Thread: any, also in callbacks; may wait for a callback. It may also be called inside the function itself.
///
/// @param fn         The function; NULL for none.
/// @param user_data  Passed to `fn`; it belongs to the caller.
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
/// The threads start with the first socket, so call this before, or after ws_shutdown().
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param n  The number of threads, 1 to 64.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_ARGUMENT (0, or above 64), WS_ERR_UNSUPPORTED (the threads are running
///         already).
#[unsafe(no_mangle)]
pub extern "C" fn ws_set_io_threads(n: u32) -> ws_result {
    boundary::call(|| match n {
        0 => Err(ErrorCode::InvalidArgument),
        n => library::set_io_threads(n),
    })
}

/// Sets how many bytes of stack each I/O thread has. By default it is what the system gives a thread, but at least 1
/// MiB.
///
/// The callbacks of sockets without a dispatcher run on that stack; the library itself uses less than 64 KiB of it
/// below them. The threads start with the first socket, so call this before, or after ws_shutdown(). In a program with
/// plug-ins, the program should call it, not a plug-in.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param bytes  At least 262144 (256 KiB), at most 1 GiB; 0 for the default.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_ARGUMENT (fewer or more), WS_ERR_UNSUPPORTED (the threads
///         are running already).
#[unsafe(no_mangle)]
pub extern "C" fn ws_set_io_thread_stack(bytes: size_t) -> ws_result {
    boundary::call(|| library::set_io_thread_stack((bytes != 0).then_some(bytes)))
}

/// Counts one more user of the library in this process. A user is the program itself, or a plug-in or another library
/// in it; they are counted so that they do not end each other's sockets.
///
/// While more than one user is counted, ws_shutdown() only counts one of them down. So a program whose plug-ins use the
/// library, and each of these plug-ins, should call ws_startup() first of all and ws_shutdown() last of all. A user
/// that does not count itself is not protected. ws_startup() starts nothing, and no other function needs it. A forked
/// child begins with no user.
///
/// A plug-in ends its own sockets, dispatchers, reconnectors and log receivers before it calls ws_shutdown(); once
/// these calls have returned, none of its functions is called any more. It should use a dispatcher for its sockets. It
/// should leave ws_set_log(), ws_set_error_handler(), ws_set_io_threads() and ws_set_io_thread_stack() to the program,
/// and use ws_add_log() and ws_dispatcher_set_error_handler() instead.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @return WS_OK, or: WS_ERR_SHUT_DOWN (a ws_shutdown() is ending sockets, or has returned WS_ERR_TIMEOUT and was not
///         followed by one that returned WS_OK).
#[unsafe(no_mangle)]
pub extern "C" fn ws_startup() -> ws_result {
    boundary::call(library::startup)
}

/// Ends all sockets and joins all threads of the library (except for one that looks up a name, if the system does not
/// return from the look-up).
///
/// If ws_startup() has counted more than one user, it only counts one of them down, and ends nothing. Otherwise the
/// following holds.
///
/// Each server is sent close code 1001 if the network takes it at once; no answer is awaited. When it returns, sockets
/// without a dispatcher have had `on_terminate` (1006) and `on_free`. The last events of the other sockets wait in
/// their dispatchers, which stay open. A ws_new() that is waiting fails with WS_ERR_SHUT_DOWN. Handles stay valid until
/// they are released. Afterwards the library can be used again. Only a call that returns WS_OK counts a user down.
///
/// It works in an `atexit` handler and in the destructor of a static object just as in `main`. It does not wait for a
/// thread that has ended inside a callback (see ws_callback). If a thread has ended in that way, it ends everything
/// even while several users are counted, because new sockets may be refused until it has done so.
///
/// On Windows the system ends all other threads of a process before it runs the last destructors, and a lock that such
/// a thread held stays locked. From then on, every function except for those that only read returns WS_ERR_SHUT_DOWN
/// (or NULL) at once. The library must not be called from a DllMain at any other time. It stays loaded when it is given
/// to FreeLibrary(), because its threads may still run; a plug-in ends its sockets before it is unloaded.
///
/// It closes the descriptors of all sockets. A program that closes descriptors which are not its own, as some do to
/// become a daemon, must call it before that. If a program has closed the library's descriptors, calls may return
/// WS_ERR_INTERNAL until it has called ws_dispatcher_close() for each dispatcher, and then ws_shutdown(); the library
/// then starts again with new threads. Old sockets without a dispatcher may get no further callback, and their memory
/// is not freed.
///
/// Thread: any, but not in callbacks; may block.
///
/// @param timeout_ms  Milliseconds to wait for callbacks that are running on I/O threads, and for the threads
///                    themselves, which need a moment to end; 0: do not wait; -1: wait for ever.
/// @return WS_OK, or: WS_ERR_TIMEOUT (one of them has not ended in time; new sockets then fail with WS_ERR_SHUT_DOWN
///         until another call succeeds), WS_ERR_WRONG_THREAD (inside a callback), WS_ERR_INVALID_ARGUMENT (below -1).
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
