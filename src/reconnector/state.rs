//! Entry points that query a reconnector; the statistics of its sockets are in `stats`.

use std::ptr;

use super::get;
use crate::types::{ws_reconnector, ws_socket, ws_status};
use crate::{boundary, handles};

/// Returns the present socket of a reconnector, for everything that needs a socket, such as ws_ping() and ws_pause().
///
/// Thread: any, also in callbacks and in `wake`; never blocks.
///
/// @param r  A reconnector, or any other value.
/// @return A socket, which the caller must not release. Its handle is stale once its `on_terminate` has returned. NULL
///         between two connections, and for an invalid handle.
#[unsafe(no_mangle)]
pub extern "C" fn ws_reconnector_get_socket(r: *const ws_reconnector) -> *mut ws_socket {
    boundary::make(ptr::null_mut(), || {
        let token = get(r).ok()?.reconnector.socket()?.tag();
        (token != 0).then(|| handles::handle(token))
    })
}

/// Returns the state of a reconnector.
///
/// Thread: any, also in callbacks and in `wake`; never blocks.
///
/// @param r  A reconnector, or any other value.
/// @return WS_STATUS_CONNECTING while it waits or connects, WS_STATUS_CONNECTED, WS_STATUS_CLOSING after
///         ws_reconnector_terminate(), WS_STATUS_CLOSED once it is over, and for an invalid handle.
#[unsafe(no_mangle)]
pub extern "C" fn ws_reconnector_get_status(r: *const ws_reconnector) -> ws_status {
    boundary::read(ws_status::WS_STATUS_CLOSED, || Some(get(r).ok()?.reconnector.status().into()))
}

/// Returns the number of attempts since the last stable connection, including the one that is in progress or to come.
///
/// Thread: any, also in callbacks and in `wake`; never blocks.
///
/// @param r  A reconnector, or any other value.
/// @return The number; 0 as long as nothing has failed, and for an invalid handle.
#[unsafe(no_mangle)]
pub extern "C" fn ws_reconnector_get_attempts(r: *const ws_reconnector) -> u32 {
    boundary::read(0, || Some(get(r).ok()?.reconnector.attempts()))
}

/// Returns how many of a reconnector's connections were opened, including the present one.
///
/// Thread: any, also in callbacks and in `wake`; never blocks.
///
/// @param r  A reconnector, or any other value.
/// @return The number; 0 for an invalid handle.
#[unsafe(no_mangle)]
pub extern "C" fn ws_reconnector_get_connections(r: *const ws_reconnector) -> u32 {
    boundary::read(0, || Some(get(r).ok()?.reconnector.connections()))
}
