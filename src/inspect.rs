//! Entry points that read a socket. NULL and stale handles get the neutral answer.

use std::ffi::{CString, c_char, c_void};
use std::ptr;
use std::sync::OnceLock;

use libc::size_t;

use crate::bridge::{SocketEntry, entry};
use crate::handler::ws_handler;
use crate::result::ws_result;
use crate::types::{ws_data_type, ws_socket, ws_status};
use crate::{arg, boundary};

fn read<T>(ws: *const ws_socket, neutral: T, body: impl FnOnce(&SocketEntry) -> Option<T>) -> T {
    boundary::read(neutral, || body(&*entry(ws).ok()?))
}

/// A text of the socket that, once it is there, does not change any more.
fn text(kept: &OnceLock<CString>, text: Option<&str>) -> Option<*const c_char> {
    let text = text?;
    Some(kept.get_or_init(|| arg::to_c(text)).as_ptr())
}

/// Returns the state of a socket.
///
/// It may be ahead of the callbacks: a socket can be closing while its messages still wait for the dispatcher.
///
/// Thread: any, also in callbacks and in `wake`; never blocks.
///
/// @param ws  A socket.
/// @return A ws_status; WS_STATUS_CLOSED for NULL or a stale handle.
#[unsafe(no_mangle)]
pub extern "C" fn ws_get_status(ws: *const ws_socket) -> ws_status {
    read(ws, ws_status::WS_STATUS_CLOSED, |entry| Some(entry.socket().status().into()))
}

/// Returns the number of a socket, which is never used again in the same process.
///
/// Thread: any, also in callbacks and in `wake`; never blocks.
///
/// @param ws  A socket.
/// @return A positive number; 0 for NULL or a stale handle.
#[unsafe(no_mangle)]
pub extern "C" fn ws_get_id(ws: *const ws_socket) -> i32 {
    read(ws, 0, |entry| Some(entry.socket().id()))
}

/// Returns the URL as it was passed to ws_new(), but without user name and password.
///
/// Thread: any, also in callbacks and in `wake`; never blocks.
///
/// @param ws  A socket.
/// @return UTF-8 that lives as long as the handle is valid; NULL for NULL or a stale handle.
#[unsafe(no_mangle)]
pub extern "C" fn ws_get_url(ws: *const ws_socket) -> *const c_char {
    read(ws, ptr::null(), |entry| text(&entry.url, Some(entry.socket().url())))
}

/// Returns the option `data_type` of a socket: the form in which its text messages arrive.
///
/// Thread: any, also in callbacks and in `wake`; never blocks.
///
/// @param ws  A socket.
/// @return A ws_data_type; WS_DATA_TYPE_TEXT for NULL or a stale handle.
#[unsafe(no_mangle)]
pub extern "C" fn ws_get_data_type(ws: *const ws_socket) -> ws_data_type {
    read(ws, ws_data_type::WS_DATA_TYPE_TEXT, |entry| Some(entry.socket().data_type().into()))
}

/// Returns a copy of the handler with which the socket was made. All its fields are NULL if there was none.
///
/// Once `on_free` has been called, `user_data` is NULL. The `dispatcher` may have been closed in the meantime.
///
/// Thread: any, also in callbacks and in `wake`; never blocks.
///
/// @param ws       A socket.
/// @param handler  Receives the handler. The caller sets its `size` (WS_HANDLER_INIT); as many fields as fit are
///                 filled.
/// @return WS_OK, or, with nothing filled: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED, WS_ERR_INVALID_ARGUMENT (NULL, or a
///         `size` that ws_handler never had).
///
/// # Safety
/// `handler` is NULL or writable for its `size`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_get_handler(ws: *const ws_socket, handler: *mut ws_handler) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    boundary::call(|| unsafe { entry(ws)?.bridge.handler().write(handler) })
}

/// Returns the `user_data` of the socket's handler.
///
/// A program that pulls events with ws_dispatcher_next() finds its own object for an event this way.
///
/// Thread: any, also in callbacks and in `wake`; never blocks.
///
/// @param ws  A socket.
/// @return The pointer as it was given; NULL once `on_free` has been called, and for NULL or a stale handle.
#[unsafe(no_mangle)]
pub extern "C" fn ws_get_user_data(ws: *const ws_socket) -> *mut c_void {
    read(ws, ptr::null_mut(), |entry| Some(entry.bridge.user_data()))
}

/// Returns the subprotocol that the server has chosen.
///
/// Thread: any, also in callbacks and in `wake`; never blocks.
///
/// @param ws  A socket.
/// @return A text that lives as long as the handle is valid; NULL if there is none, or not yet, and for NULL or a stale
///         handle.
#[unsafe(no_mangle)]
pub extern "C" fn ws_get_subprotocol(ws: *const ws_socket) -> *const c_char {
    read(ws, ptr::null(), |entry| text(&entry.subprotocol, entry.socket().subprotocol()))
}

/// Returns the HTTP status of the server's answer to the opening handshake.
///
/// If the connection could not be made, ws_errors_http_status() has the status.
///
/// Thread: any, also in callbacks and in `wake`; never blocks.
///
/// @param ws  A socket.
/// @return 101 once the socket is connected; 0 before that, and for NULL or a stale handle.
#[unsafe(no_mangle)]
pub extern "C" fn ws_get_response_status(ws: *const ws_socket) -> i32 {
    read(ws, 0, |entry| Some(entry.socket().response_status()))
}

/// Returns a header of the server's answer to the opening handshake.
///
/// Thread: any, also in callbacks and in `wake`; never blocks.
///
/// @param ws    A socket.
/// @param name  The header's name, NUL-terminated; upper and lower case do not matter.
/// @param i     Which of the headers of that name, counted from 0.
/// @return The value: a text that lives as long as the handle is valid; NULL if there is no such header, or not yet,
///         and for NULL or a stale handle.
///
/// # Safety
/// `name` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_get_response_header(
    ws: *const ws_socket,
    name: *const c_char,
    i: size_t,
) -> *const c_char {
    read(ws, ptr::null(), |entry| {
        // SAFETY: the caller upholds the contract above.
        let name = unsafe { arg::c_string(name) }.ok()?.to_bytes();
        entry.socket().response_headers()?.nth(name, i).map(|value| value.as_ptr().cast())
    })
}

/// Returns the address of the machine that the socket is connected to, with its port: `192.0.2.1:443` or
/// `[2001:db8::1]:443`; or `unix:/the/path` (see ws_options_set_unix_socket()).
///
/// After redirects it is the address of the last server; through a proxy it is the proxy's.
///
/// Thread: any, also in callbacks and in `wake`; never blocks.
///
/// @param ws  A socket.
/// @return A text that lives as long as the handle is valid; NULL before the connection is made, and for NULL or a
///         stale handle.
#[unsafe(no_mangle)]
pub extern "C" fn ws_get_peer_address(ws: *const ws_socket) -> *const c_char {
    read(ws, ptr::null(), |entry| text(&entry.peer_address, entry.socket().peer_address()))
}

/// Returns how full the send buffer is: the bytes of the messages that were accepted and that the operating system has
/// not taken yet, plus 64 for each message.
///
/// Thread: any, also in callbacks and in `wake`; never blocks.
///
/// @param ws  A socket.
/// @return Bytes; 0 for NULL or a stale handle.
#[unsafe(no_mangle)]
pub extern "C" fn ws_get_buffered_amount(ws: *const ws_socket) -> size_t {
    read(ws, 0, |entry| Some(entry.socket().buffered_amount()))
}
