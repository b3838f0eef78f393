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

/// Gives a socket back: the caller will not use it any more.
///
/// An open socket is not closed by it: it stays open and keeps calling back until it terminates, and until then the
/// handle stays valid, for the callbacks. Once the socket is released and over, the handle is stale, and so are the
/// texts that ws_get_url() and its like gave.
///
/// Any thread, also inside a callback; never blocks.
///
/// @param ws  A socket.
/// @return WS_OK; WS_ERR_INVALID_HANDLE, also for a second release; WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_release(ws: *mut ws_socket) -> ws_result {
    boundary::call(|| entry(ws)?.bridge.release())
}

/// Ends one socket at once: what ws_dispatcher_close() is for all sockets of a dispatcher. When it returns, no callback of the
/// socket runs or ever will, so that what its `user_data` points to may go.
///
/// To end a conversation politely, and to be told the server's answer, use ws_terminate(). This discards what is
/// undelivered and runs `on_terminate` and `on_free` on the calling thread: with the server's close frame if that had
/// arrived, else with code 1006, not clean; `on_error` does not come. What was accepted for sending still goes out in the
/// background, and then a close frame with code 1000, within the close timeout (on a driving dispatcher: while its owner
/// goes on calling it). A connection that is still being made is given up.
///
/// The handle counts as released, and is stale once `on_terminate` has returned; a socket that was released before can be
/// closed as well. Where TERMINATE was pulled, it is not repeated, and `on_free` runs.
///
/// Thread: with a dispatcher, its own thread; without one, or once the dispatcher is closed, any. Inside a callback of the same
/// socket it returns at once, and `on_terminate` and `on_free` follow on that thread when the callback has returned.
/// Inside any other callback on an I/O thread it does not wait for one that runs elsewhere: `on_free` tells. Anywhere else it
/// waits for a callback of the socket that runs on another thread, so the caller holds no lock that the callback wants.
///
/// @param ws  A socket in any state, released or not.
/// @return WS_OK; or, with nothing changed, WS_ERR_INVALID_HANDLE (also for a second call), WS_ERR_FORKED, WS_ERR_WRONG_THREAD
///         (another thread's dispatcher), WS_ERR_UNSUPPORTED (a socket of a reconnector: see ws_reconnector_close()).
#[unsafe(no_mangle)]
pub extern "C" fn ws_close(ws: *mut ws_socket) -> ws_result {
    boundary::call(|| {
        let entry = entry(ws)?;
        entry.socket().close_now(|| entry.bridge.close())
    })
}

/// Holds back the socket's messages, and what is queued behind one, until ws_resume().
///
/// What was held back counts against the receive buffer; once that is full, the library stops reading from the
/// network, and the server slows down. `on_drain`, `on_pong`, and an end with no message before it are still
/// delivered. ws_abort() ends the pause; after ws_terminate() the host must still resume.
///
/// Any thread, also inside a callback; never blocks. A callback that runs already is not affected. Pausing a
/// paused socket changes nothing.
///
/// @param ws  A socket in any state.
/// @return WS_OK, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_pause(ws: *mut ws_socket) -> ws_result {
    call(ws, |socket| socket.pause())
}

/// Lets go what ws_pause() holds back.
///
/// Any thread, also inside a callback; never blocks. Resuming a socket that is not paused changes nothing.
///
/// @param ws  A socket in any state.
/// @return WS_OK, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_resume(ws: *mut ws_socket) -> ws_result {
    call(ws, |socket| socket.resume())
}

/// Begins the closing handshake (RFC 6455 section 7.1.2). What was sent before goes out first.
///
/// `on_terminate` follows: with what the server answers, or, where it does not answer within the close timeout (5 s
/// by default), with code 1006 after the connection was dropped. Until then messages may still arrive. While
/// connecting it aborts instead. On a socket that is closing or closed already it is WS_OK and changes nothing.
///
/// Any thread, also inside a callback; never blocks.
///
/// @param ws      A socket in any state.
/// @param code    1000 (normal) or 3000 to 4999 (yours); 0 means 1000.
/// @param reason  UTF-8, NUL-terminated, at most 123 bytes; copied. NULL for none.
/// @return WS_OK, or, with no change of state: WS_ERR_INVALID_CLOSE_CODE, WS_ERR_INVALID_CLOSE_REASON,
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

/// Drops the connection at once, with no closing handshake.
///
/// What is queued for sending is lost, what is undelivered is discarded, a pause ends; `on_terminate` with code 1006
/// follows. On a closed socket it changes nothing.
///
/// Any thread, also inside a callback; never blocks.
///
/// @param ws  A socket in any state.
/// @return WS_OK, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_abort(ws: *mut ws_socket) -> ws_result {
    call(ws, |socket| socket.abort())
}
