//! Entry points that query a reconnector; the statistics of its sockets are in `stats`.

use std::ptr;

use super::get;
use crate::types::{ws_reconnector, ws_socket, ws_status};
use crate::{boundary, handles};

/// The socket of now, for all that a socket can do: ws_ping(), ws_get_stats(), ws_pause().
///
/// Any thread; never blocks.
///
/// @param r  A reconnector, or any other value.
/// @return A socket that the caller does not release; its handle is stale once its `on_terminate` has returned. NULL
///         between two connections, and for a handle that is none.
#[unsafe(no_mangle)]
pub extern "C" fn ws_reconnector_get_socket(r: *const ws_reconnector) -> *mut ws_socket {
    boundary::make(ptr::null_mut(), || {
        let token = get(r).ok()?.reconnector.socket()?.tag();
        (token != 0).then(|| handles::handle(token))
    })
}

/// How far it is.
///
/// Any thread; never blocks.
///
/// @param r  A reconnector, or any other value.
/// @return WS_STATUS_CONNECTING while it waits or tries, WS_STATUS_CONNECTED, WS_STATUS_CLOSING after
///         ws_reconnector_terminate(), WS_STATUS_CLOSED once it is over, and for a handle that is none.
#[unsafe(no_mangle)]
pub extern "C" fn ws_reconnector_get_status(r: *const ws_reconnector) -> ws_status {
    boundary::read(ws_status::WS_STATUS_CLOSED, || Some(get(r).ok()?.reconnector.status().into()))
}

/// How many attempts there were since the last stable connection, the one that goes on or is waited for included.
///
/// Any thread; never blocks.
///
/// @param r  A reconnector, or any other value.
/// @return The number; 0 as long as nothing has failed, and for a handle that is none.
#[unsafe(no_mangle)]
pub extern "C" fn ws_reconnector_get_attempts(r: *const ws_reconnector) -> u32 {
    boundary::read(0, || Some(get(r).ok()?.reconnector.attempts()))
}

/// How often it was connected: how many of its sockets were open.
///
/// Any thread; never blocks.
///
/// @param r  A reconnector, or any other value.
/// @return The number, the connection of now included; 0 for a handle that is none.
#[unsafe(no_mangle)]
pub extern "C" fn ws_reconnector_get_connections(r: *const ws_reconnector) -> u32 {
    boundary::read(0, || Some(get(r).ok()?.reconnector.connections()))
}
