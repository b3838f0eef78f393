//! Entry points that steer a socket: releasing, pausing, closing.

use std::ffi::c_char;
use std::sync::Arc;

use ws4d_client::{ErrorCode, Socket};

use crate::bridge::entry;
use crate::result::ws_result;
use crate::types::ws_socket;
use crate::{arg, boundary};

#[inline]
pub(crate) fn call(
    ws: *mut ws_socket,
    body: impl FnOnce(&Arc<Socket>) -> Result<(), ErrorCode>,
) -> ws_result {
    boundary::call(|| body(entry(ws)?.socket()))
}

/// As [`call`], for a body that sends, and holds cancellation off by itself.
#[inline]
pub(crate) fn send(
    ws: *mut ws_socket,
    body: impl FnOnce(&Arc<Socket>) -> Result<(), ErrorCode>,
) -> ws_result {
    boundary::call_that_holds(|| body(entry(ws)?.socket()))
}

/// Gives a socket back: the caller will not use it any more.
///
/// This does not close the socket. An open socket stays open and continues to call back until it terminates; until then
/// its handle stays valid for the callbacks. Once the socket is both released and over, the handle is stale, and the
/// texts that ws_get_url() and similar functions returned are freed.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param ws  A socket.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE (also for a second release), WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_release(ws: *mut ws_socket) -> ws_result {
    boundary::call(|| entry(ws)?.bridge.release())
}

/// Ends one socket at once. When it returns, no callback of the socket runs or will run, so what its `user_data` points
/// to may be freed. ws_dispatcher_close() does the same for all sockets of a dispatcher.
///
/// To end a conversation politely, and to get the server's answer, use ws_terminate() instead. ws_close() discards all
/// events that were not delivered, and runs `on_terminate` and `on_free` on the calling thread. `on_terminate` has the
/// code of the server's close frame if that had arrived, otherwise 1006, not clean; `on_error` does not come. What was
/// accepted for sending is still sent in the background, followed by a close frame with code 1000, within the close
/// timeout. (On a driving dispatcher this needs its owner to go on calling it.) A connection that is still being made
/// is given up.
///
/// The handle counts as released, and is stale once `on_terminate` has returned. A socket that was released before can
/// be closed, too. If the TERMINATE event was pulled already, it is not repeated; `on_free` runs.
///
/// Inside a callback of the same socket it returns at once; `on_terminate` and `on_free` follow on that thread when the
/// callback has returned. Anywhere else it waits for a callback of the socket that is running on another thread, so the
/// caller must not hold a lock that this callback wants. The exception is a callback of another socket on an I/O
/// thread: there it does not wait, and `on_free` tells when the socket is gone.
///
/// Thread: the dispatcher's own, or any if there is none, also in callbacks; may wait for a callback. Any thread may
/// call it once the dispatcher is closed.
///
/// @param ws  A socket in any state, released or not.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_HANDLE (also for a second call), WS_ERR_FORKED,
///         WS_ERR_WRONG_THREAD (the dispatcher belongs to another thread), WS_ERR_UNSUPPORTED (the socket belongs to a
///         reconnector: see ws_reconnector_close()).
#[unsafe(no_mangle)]
pub extern "C" fn ws_close(ws: *mut ws_socket) -> ws_result {
    boundary::call(|| {
        let entry = entry(ws)?;
        entry.socket().close_now(|| entry.bridge.close()).map(drop)
    })
}

/// Holds the socket's messages back until ws_resume(), and with them the events that come after a message.
///
/// What is held back counts against the receive buffer. Once that is full, the library stops reading from the network,
/// so that the server has to slow down. `on_drain`, `on_pong`, and an end without a message before it are still
/// delivered. ws_abort() ends the pause; after ws_terminate() the program must still call ws_resume(). A callback that
/// is running already is not affected. On a socket that is paused already it does nothing.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param ws  A socket in any state.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_pause(ws: *mut ws_socket) -> ws_result {
    call(ws, |socket| socket.pause())
}

/// Delivers what ws_pause() has held back. On a socket that is not paused it does nothing.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param ws  A socket in any state.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_resume(ws: *mut ws_socket) -> ws_result {
    call(ws, |socket| socket.resume())
}

/// Begins the closing handshake (RFC 6455 section 7.1.2). Messages that were sent before leave first.
///
/// `on_terminate` follows with the code and reason that the server answers. If the server does not answer within the
/// close timeout (5 s by default), the connection is dropped, and `on_terminate` has code 1006. Until then, messages
/// may still arrive. While the socket is connecting, the connection is aborted instead. On a socket that is closing or
/// closed already, it returns WS_OK and does nothing.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param ws      A socket in any state.
/// @param code    1000 (normal), or 3000 to 4999 (for the application); 0 means 1000.
/// @param reason  UTF-8, NUL-terminated, at most 123 bytes; copied. NULL for none.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_CLOSE_CODE, WS_ERR_INVALID_CLOSE_REASON,
///         WS_ERR_INVALID_UTF8, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
///
/// # Safety
/// `reason` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_terminate(ws: *mut ws_socket, code: i32, reason: *const c_char) -> ws_result {
    call(ws, |socket| {
        if reason.is_null() {
            return socket.terminate(code, b"");
        }
        // SAFETY: the caller upholds the contract above.
        let reason = unsafe { arg::c_string(reason) }?;
        socket.terminate(code, reason.to_bytes())
    })
}

/// Drops the connection at once, without a closing handshake.
///
/// What is queued for sending is lost, events that were not delivered are discarded, and a pause ends. `on_terminate`
/// follows, with the code of the server's close frame if that had arrived, otherwise with 1006. If the connection has
/// ended already, the events that were not delivered are discarded all the same, except for `on_terminate`.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param ws  A socket in any state.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_abort(ws: *mut ws_socket) -> ws_result {
    call(ws, |socket| socket.abort())
}
