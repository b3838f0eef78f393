//! Entry points that send one message in parts.

use std::ffi::c_void;

use libc::size_t;

use crate::result::ws_result;
use crate::types::ws_socket;
use crate::{arg, send, socket};

/// Begins a message that is sent in parts, so that it never has to be in memory as a whole.
///
/// Its parts follow with ws_send_part(), and ws_send_end() ends it. One message can be open on a socket; it belongs to the
/// socket, not to a thread, so that any thread may go on with it. What else is sent meanwhile, by any thread, waits behind its
/// end; pings, pongs and the close frame do not wait. A message that is never ended therefore holds all others up.
///
/// The message is compressed as others are, but whatever its size, because that is not known: `compression_min_size` is not
/// asked. With ws_terminate() or ws_close() in the middle of it, the parts that were accepted leave, then the close frame, and
/// what waits behind it is dropped; a server then has a message that never ends. On a reconnector's socket the message ends
/// with that socket, and is not begun again.
///
/// Any thread, also inside a callback; never blocks.
///
/// @param ws         A socket; while it is connecting the parts wait for the connection.
/// @param data_type  WS_DATA_TYPE_TEXT or WS_DATA_TYPE_BLOB.
/// @param flags      As for ws_send().
/// @return WS_OK, or, with nothing begun: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED, WS_ERR_INVALID_ARGUMENT (an unknown type, or a
///         message is open already), WS_ERR_UNSUPPORTED (an object, or an unknown flag), WS_ERR_CLOSED,
///         WS_ERR_WOULD_BLOCK (the send buffer is full: wait for `on_drain`), WS_ERR_OUT_OF_MEMORY.
#[unsafe(no_mangle)]
pub extern "C" fn ws_send_begin(ws: *mut ws_socket, data_type: i32, flags: u32) -> ws_result {
    socket::call(ws, |socket| socket.send_begin(send::kind(data_type)?, send::is_plain(flags)?))
}

/// Sends the next part of the message that ws_send_begin() has begun.
///
/// The bytes are copied or written before the call returns; the caller keeps its buffer. Success means *accepted*: parts leave
/// in the order of the calls, each in one frame or more (see ws_options_set_frame_size()). Text may be cut anywhere: the
/// beginning of a character at the end of a part waits for the next one. An empty part sends nothing.
///
/// The send buffer is judged by what was sent before the message and by its own bytes; what waits behind it does not count, so
/// that the message can always go on. A compressed part leaves in a form that the server can read at once, which costs
/// some bytes a part.
///
/// Any thread, also inside a callback; never blocks on the network. It waits while another thread's part of the same message
/// is encoded.
///
/// @param ws    A socket with an open message.
/// @param data  Bytes; may be NULL if `len` is 0.
/// @param len   Bytes in `data`; not WS_NUL_TERMINATED.
/// @return WS_OK, or, with the message as it was: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED, WS_ERR_INVALID_ARGUMENT (no message is
///         open, or NULL), WS_ERR_INVALID_UTF8, WS_ERR_TOO_LARGE (all parts together are above `max_message_size`),
///         WS_ERR_CLOSED, WS_ERR_WOULD_BLOCK (wait for `on_drain`, then send the part again), WS_ERR_OUT_OF_MEMORY (where
///         the message is compressed the connection ends with that error, too).
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

/// Ends the message that ws_send_begin() has begun. What waits behind it goes on.
///
/// It is never refused for want of room. The message counts in `messages_sent` from here on. A message without parts is
/// an empty one.
///
/// Any thread, also inside a callback; never blocks.
///
/// @param ws  A socket with an open message.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED, WS_ERR_INVALID_ARGUMENT (no message is open), WS_ERR_INVALID_UTF8
///         (its text ends inside a character; the message is still open), WS_ERR_CLOSED, WS_ERR_OUT_OF_MEMORY (call again).
#[unsafe(no_mangle)]
pub extern "C" fn ws_send_end(ws: *mut ws_socket) -> ws_result {
    socket::call(ws, |socket| socket.send_end())
}
