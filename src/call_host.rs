//! Calls the host's functions: the one place that does. Each goes through a frame of C (`call_host.c`), where a thread
//! that is ended inside the host's function is stopped before its unwinding reaches Rust.
//!
//! Knows which arguments each kind of function has, and nothing of when it is to be called.

use std::ffi::{c_char, c_void};

use libc::intptr_t;
use ws4d_client::library;

use crate::boundary;
use crate::errors::ws_errors;
use crate::reconnector::policy::ws_reconnect_info;
use crate::types::{ws_event, ws_options, ws_reconnector, ws_socket};

type Ended = extern "C" fn();

/// The cleanup handler's last words, on the thread that has ended: it must not unwind any further.
extern "C" fn ended() {
    boundary::last_words(library::host_call_never_returns);
}

pub(crate) type Callback =
    unsafe extern "C" fn(ws: *mut ws_socket, event: *const ws_event, user_data: *mut c_void);
pub(crate) type Notify = unsafe extern "C" fn(user_data: *mut c_void);
pub(crate) type OnError = unsafe extern "C" fn(errors: *const ws_errors, user_data: *mut c_void);
pub(crate) type OnLog = unsafe extern "C" fn(
    level: i32,
    component: *const c_char,
    message: *const c_char,
    user_data: *mut c_void,
);
pub(crate) type OnAttempt = unsafe extern "C" fn(
    r: *mut ws_reconnector,
    options: *mut ws_options,
    attempt: u32,
    user_data: *mut c_void,
) -> *const c_char;
pub(crate) type OnReconnect =
    unsafe extern "C" fn(r: *mut ws_reconnector, info: *const ws_reconnect_info, user_data: *mut c_void);
pub(crate) type IsFinal = unsafe extern "C" fn(
    r: *mut ws_reconnector,
    info: *const ws_reconnect_info,
    user_data: *mut c_void,
) -> i32;

pub(crate) type PrepareSocket =
    unsafe extern "C" fn(fd: intptr_t, address: *const c_char, user_data: *mut c_void) -> i32;

#[expect(improper_ctypes, reason = "the pointers are only passed through")]
unsafe extern "C" {
    fn ws4d_host_callback(
        ended: Ended,
        function: Callback,
        ws: *mut ws_socket,
        event: *const ws_event,
        user_data: *mut c_void,
    );
    fn ws4d_host_notify(ended: Ended, function: Notify, user_data: *mut c_void);
    fn ws4d_host_error(ended: Ended, function: OnError, errors: *const ws_errors, user_data: *mut c_void);
    fn ws4d_host_log(
        ended: Ended,
        function: OnLog,
        level: i32,
        component: *const c_char,
        message: *const c_char,
        user_data: *mut c_void,
    );
    fn ws4d_host_attempt(
        ended: Ended,
        function: OnAttempt,
        r: *mut ws_reconnector,
        options: *mut ws_options,
        attempt: u32,
        user_data: *mut c_void,
    ) -> *const c_char;
    fn ws4d_host_reconnect(
        ended: Ended,
        function: OnReconnect,
        r: *mut ws_reconnector,
        info: *const ws_reconnect_info,
        user_data: *mut c_void,
    );
    fn ws4d_host_is_final(
        ended: Ended,
        function: IsFinal,
        r: *mut ws_reconnector,
        info: *const ws_reconnect_info,
        user_data: *mut c_void,
    ) -> i32;
    fn ws4d_host_socket(
        ended: Ended,
        function: PrepareSocket,
        fd: intptr_t,
        address: *const c_char,
        user_data: *mut c_void,
    ) -> i32;
}

/// # Safety
/// `function` can be called with these arguments, as the header says of a `ws_callback`.
#[inline]
pub(crate) unsafe fn callback(
    function: Callback,
    ws: *mut ws_socket,
    event: *const ws_event,
    user_data: *mut c_void,
) {
    // SAFETY: the caller upholds it.
    unsafe { ws4d_host_callback(ended, function, ws, event, user_data) }
}

/// # Safety
/// `function` can be called with this argument, as the header says of `on_free` and of a `ws_wake_fn`.
pub(crate) unsafe fn notify(function: Notify, user_data: *mut c_void) {
    // SAFETY: the caller upholds it.
    unsafe { ws4d_host_notify(ended, function, user_data) }
}

/// # Safety
/// `function` can be called with these arguments, as the header says of a `ws_error_fn`.
pub(crate) unsafe fn error(function: OnError, errors: *const ws_errors, user_data: *mut c_void) {
    // SAFETY: the caller upholds it.
    unsafe { ws4d_host_error(ended, function, errors, user_data) }
}

/// # Safety
/// `function` can be called with these arguments, as the header says of a `ws_log_fn`.
pub(crate) unsafe fn log(
    function: OnLog,
    level: i32,
    component: *const c_char,
    message: *const c_char,
    user_data: *mut c_void,
) {
    // SAFETY: the caller upholds it.
    unsafe { ws4d_host_log(ended, function, level, component, message, user_data) }
}

/// # Safety
/// `function` can be called with these arguments, as the header says of a `ws_reconnect_attempt_fn`.
pub(crate) unsafe fn attempt(
    function: OnAttempt,
    r: *mut ws_reconnector,
    options: *mut ws_options,
    attempt: u32,
    user_data: *mut c_void,
) -> *const c_char {
    // SAFETY: the caller upholds it.
    unsafe { ws4d_host_attempt(ended, function, r, options, attempt, user_data) }
}

/// # Safety
/// `function` can be called with these arguments, as the header says of a `ws_reconnect_fn`.
pub(crate) unsafe fn reconnect(
    function: OnReconnect,
    r: *mut ws_reconnector,
    info: *const ws_reconnect_info,
    user_data: *mut c_void,
) {
    // SAFETY: the caller upholds it.
    unsafe { ws4d_host_reconnect(ended, function, r, info, user_data) }
}

/// # Safety
/// `function` can be called with these arguments, as the header says of a `ws_reconnect_final_fn`.
pub(crate) unsafe fn is_final(
    function: IsFinal,
    r: *mut ws_reconnector,
    info: *const ws_reconnect_info,
    user_data: *mut c_void,
) -> i32 {
    // SAFETY: the caller upholds it.
    unsafe { ws4d_host_is_final(ended, function, r, info, user_data) }
}

/// # Safety
/// `function` can be called with these arguments, as the header says of a `ws_socket_fn`.
pub(crate) unsafe fn socket(
    function: PrepareSocket,
    fd: intptr_t,
    address: *const c_char,
    user_data: *mut c_void,
) -> i32 {
    // SAFETY: the caller upholds it.
    unsafe { ws4d_host_socket(ended, function, fd, address, user_data) }
}
