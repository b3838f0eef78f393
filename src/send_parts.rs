//! Entry points that send one message in parts.

use std::ffi::c_void;

use libc::size_t;

use crate::result::ws_result;
use crate::types::ws_socket;
use crate::{arg, send, socket};

/// Begins a message that is sent in parts, so that it never has to be in memory as a whole.
///
/// ws_send_part() sends its parts, and ws_send_end() ends it. A socket can have one such message at a time. The message
/// belongs to the socket, not to a thread, so any thread may continue it. Whatever else is sent meanwhile, by any
/// thread, waits until it has ended, except for pings, pongs and the close frame. A message that is never ended
/// therefore holds up all others.
///
/// The message is compressed like any other, but regardless of `compression_min_size`, because its size is not known.
/// If ws_terminate() or ws_close() is called before it has ended, the parts that were accepted are sent, followed by
/// the close frame, and the messages that wait behind it are dropped; the server has then received a message without an
/// end. On a reconnector's socket the message ends with that socket, and is not repeated on the next one.
///
/// Thread: any, also in callbacks; never blocks on the network. It waits while parts of another message of this socket
/// are being encoded.
///
/// @param ws         A socket. While it is connecting, the parts wait for the connection.
/// @param data_type  WS_DATA_TYPE_TEXT or WS_DATA_TYPE_BLOB.
/// @param flags      As for ws_send().
/// @return WS_OK, or, with nothing begun: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED, WS_ERR_INVALID_ARGUMENT (an unknown
///         type, or another message has not ended yet), WS_ERR_UNSUPPORTED (an object, or an unknown flag),
///         WS_ERR_CLOSED, WS_ERR_WOULD_BLOCK (the send buffer is full: wait for `on_drain`), WS_ERR_OUT_OF_MEMORY.
#[unsafe(no_mangle)]
pub extern "C" fn ws_send_begin(ws: *mut ws_socket, data_type: i32, flags: u32) -> ws_result {
    socket::call(ws, |socket| socket.send_begin(send::kind(data_type)?, send::is_plain(flags)?))
}

/// Sends the next part of the message that ws_send_begin() has begun.
///
/// The library copies or writes the bytes before it returns, so the caller keeps its buffer. Success means that the
/// part was *accepted*. Parts leave in the order of the calls, each of them in one or more frames (see
/// ws_options_set_frame_size()). Text may be cut anywhere: the beginning of a character at the end of a part waits for
/// the next part. An empty part sends nothing.
///
/// The send buffer counts as full if the messages sent before this one and the message's own bytes fill it. What waits
/// behind the message does not count, so that the message can always go on. A compressed part is sent in a form that
/// the server can read at once, which costs a few bytes for each part.
///
/// Thread: any, also in callbacks; never blocks on the network. It waits while another thread's part of the same
/// message is being encoded.
///
/// @param ws    A socket on which a message was begun.
/// @param data  The bytes; may be NULL if `len` is 0.
/// @param len   Bytes in `data`; not WS_NUL_TERMINATED.
/// @return WS_OK, or, with the message as it was: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED, WS_ERR_INVALID_ARGUMENT (no
///         message was begun, or NULL), WS_ERR_INVALID_UTF8, WS_ERR_TOO_LARGE (all parts together are above
///         `max_message_size`), WS_ERR_CLOSED, WS_ERR_WOULD_BLOCK (wait for `on_drain`, then send this part again),
///         WS_ERR_OUT_OF_MEMORY (if the message is compressed, the connection may end with this error, too).
///
/// # Safety
/// `data` is readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_send_part(ws: *mut ws_socket, data: *const c_void, len: size_t) -> ws_result {
    socket::call(ws, |socket| {
        // SAFETY: the caller upholds the contract above.
        let part = unsafe { arg::bytes(data, len) }?;
        socket.send_part(part)
    })
}

/// Ends the message that ws_send_begin() has begun. The messages that wait behind it can then leave.
///
/// This is never refused for lack of room. The message counts in `messages_sent` from this call on. A message without
/// any parts is an empty message.
///
/// Thread: any, also in callbacks; never blocks on the network. It waits while parts of the message are being encoded.
///
/// @param ws  A socket on which a message was begun.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED, WS_ERR_INVALID_ARGUMENT (no message was begun),
///         WS_ERR_INVALID_UTF8 (the text ends inside a character; the message has not ended), WS_ERR_CLOSED,
///         WS_ERR_OUT_OF_MEMORY (call it again).
#[unsafe(no_mangle)]
pub extern "C" fn ws_send_end(ws: *mut ws_socket) -> ws_result {
    socket::call(ws, |socket| socket.send_end())
}
