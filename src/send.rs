//! Entry points that send.

use std::ffi::{c_char, c_void};

use libc::size_t;
use ws4d_client::{DataType, ErrorCode, MOST_PING, SendKind};

use crate::result::ws_result;
use crate::types::ws_socket;
use crate::{arg, socket, utf16};

/// `WS_SEND_PLAIN` of the header.
const PLAIN: u32 = 1;

/// Sends a text message.
///
/// The library copies or writes the bytes before it returns, so the caller keeps its buffer. Success means that the
/// message was *accepted*: it leaves as soon as the network takes it. The messages of one thread leave in the order of
/// its calls.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param ws    A socket. While it is connecting, the message waits for the connection.
/// @param utf8  The text; may be NULL if `len` is 0.
/// @param len   Bytes in `utf8`, or WS_NUL_TERMINATED.
/// @return WS_OK, or, with nothing sent: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED, WS_ERR_INVALID_ARGUMENT (NULL, or a
///         length that no buffer can have), WS_ERR_INVALID_UTF8, WS_ERR_CLOSED, WS_ERR_WOULD_BLOCK (the send buffer is
///         full: wait for `on_drain`), WS_ERR_TOO_LARGE (above `max_message_size`), WS_ERR_OUT_OF_MEMORY (a part of a
///         message of several frames may have left by then; in that case the connection ends with this error, too).
///
/// # Safety
/// `utf8` is readable for `len` bytes, or up to its NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_send_text(ws: *mut ws_socket, utf8: *const c_char, len: size_t) -> ws_result {
    socket::send(ws, |socket| {
        // SAFETY: the caller upholds the contract above.
        let text = unsafe { arg::text(utf8, len) }?;
        socket.send(SendKind::Text, text, false)
    })
}

/// Sends a text message from UTF-16; it is sent as UTF-8. Otherwise it is like ws_send_text().
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param ws     A socket. While it is connecting, the message waits for the connection.
/// @param utf16  UTF-16 in the machine's byte order, aligned; may be NULL if `units` is 0.
/// @param units  16-bit units in `utf16`, or WS_NUL_TERMINATED.
/// @return As ws_send_text(); a lone surrogate is WS_ERR_INVALID_UTF8.
///
/// # Safety
/// `utf16` is readable for `units` units, or up to its 0 unit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_send_text_utf16(
    ws: *mut ws_socket,
    utf16: *const u16,
    units: size_t,
) -> ws_result {
    socket::send(ws, |socket| {
        // SAFETY: the caller upholds the contract above.
        let units = unsafe { arg::utf16(utf16, units) }?;
        socket.send(SendKind::Text, &utf16::to_utf8(units)?, false)
    })
}

/// Sends a binary message. Otherwise it is like ws_send_text().
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param ws    A socket. While it is connecting, the message waits for the connection.
/// @param data  The bytes; may be NULL if `len` is 0.
/// @param len   Bytes in `data`; not WS_NUL_TERMINATED.
/// @return As ws_send_text(), but never WS_ERR_INVALID_UTF8.
///
/// # Safety
/// `data` is readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_send_blob(ws: *mut ws_socket, data: *const c_void, len: size_t) -> ws_result {
    socket::send(ws, |socket| {
        // SAFETY: the caller upholds the contract above.
        let data = unsafe { arg::bytes(data, len) }?;
        socket.send(SendKind::Blob, data, false)
    })
}

/// Sends a JSON value as a text message.
///
/// Any JSON value is accepted (RFC 8259), not only objects. The white space between its tokens is removed; everything
/// else is sent as it is given, including the digits of numbers and the order of keys. Otherwise it is like
/// ws_send_text().
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param ws    A socket. While it is connecting, the message waits for the connection.
/// @param json  JSON text in UTF-8.
/// @param len   Bytes in `json`, or WS_NUL_TERMINATED.
/// @return As ws_send_text(), and WS_ERR_INVALID_JSON.
///
/// # Safety
/// `json` is readable for `len` bytes, or up to its NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_send_object(ws: *mut ws_socket, json: *const c_char, len: size_t) -> ws_result {
    socket::send(ws, |socket| {
        // SAFETY: the caller upholds the contract above.
        let json = unsafe { arg::text(json, len) }?;
        socket.send(SendKind::Object, json, false)
    })
}

/// Sends a JSON value from UTF-16; it is sent as UTF-8. Otherwise it is like ws_send_object().
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param ws     A socket. While it is connecting, the message waits for the connection.
/// @param json   JSON text in UTF-16 in the machine's byte order, aligned.
/// @param units  16-bit units in `json`, or WS_NUL_TERMINATED.
/// @return As ws_send_object(). A lone surrogate is WS_ERR_INVALID_UTF8, but one that is written as an escape
///         (`\ud800`) is sent as it is given.
///
/// # Safety
/// `json` is readable for `units` units, or up to its 0 unit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_send_object_utf16(
    ws: *mut ws_socket,
    json: *const u16,
    units: size_t,
) -> ws_result {
    socket::send(ws, |socket| {
        // SAFETY: the caller upholds the contract above.
        let units = unsafe { arg::utf16(json, units) }?;
        socket.send(SendKind::Object, &utf16::to_utf8(units)?, false)
    })
}

/// Sends a message of any type, with flags. Otherwise it is like ws_send_text(), ws_send_blob() or ws_send_object().
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param ws         A socket. While it is connecting, the message waits for the connection.
/// @param data_type  A ws_data_type.
/// @param data       The bytes; may be NULL if `len` is 0.
/// @param len        Bytes in `data`; for text and object also WS_NUL_TERMINATED.
/// @param flags      0 or WS_SEND_PLAIN. WS_SEND_PLAIN means: do not compress this message. Use it for a message that
///                   contains both a secret and text that somebody else can choose. Whoever watches the network sees
///                   the length of the compressed message, which is shorter if the chosen text repeats a part of the
///                   secret; so the secret can be guessed piece by piece.
/// @return As the function for that type; WS_ERR_INVALID_ARGUMENT for an unknown type, WS_ERR_UNSUPPORTED for an
///         unknown flag.
///
/// # Safety
/// `data` is readable for `len` bytes, or up to its NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_send(
    ws: *mut ws_socket,
    data_type: i32,
    data: *const c_void,
    len: size_t,
    flags: u32,
) -> ws_result {
    socket::send(ws, |socket| {
        // SAFETY: the caller upholds the contract above.
        let (kind, data, plain) = unsafe { message(data_type, data, len, flags) }?;
        socket.send(kind, data, plain)
    })
}

/// The checked arguments of `ws_send`: kind, bytes, and whether they are sent without compression.
///
/// # Safety
/// `data` is readable for `len` bytes, or up to its NUL, for the length of the caller's call.
pub(crate) unsafe fn message<'a>(
    data_type: i32,
    data: *const c_void,
    len: size_t,
    flags: u32,
) -> Result<(SendKind, &'a [u8], bool), ErrorCode> {
    let kind = kind(data_type)?;
    let plain = is_plain(flags)?;
    let data = match kind {
        // SAFETY: the caller upholds the contract above.
        SendKind::Blob => unsafe { arg::bytes(data, len) }?,
        // SAFETY: as above.
        SendKind::Text | SendKind::Object => unsafe { arg::text(data.cast(), len) }?,
    };
    Ok((kind, data, plain))
}

/// What a `ws_data_type` is sent as.
pub(crate) fn kind(data_type: i32) -> Result<SendKind, ErrorCode> {
    Ok(match arg::data_type(data_type)? {
        DataType::Text => SendKind::Text,
        DataType::Blob => SendKind::Blob,
        DataType::Object => SendKind::Object,
    })
}

/// Whether these flags of `ws_send` ask for no compression.
pub(crate) fn is_plain(flags: u32) -> Result<bool, ErrorCode> {
    if flags & !PLAIN != 0 {
        return Err(ErrorCode::Unsupported);
    }
    Ok(flags & PLAIN != 0)
}

/// Sends a ping (RFC 6455 section 5.5.2). The server's answer comes as `on_pong`.
///
/// Pings that the server sends are answered by the library itself.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param ws    A socket. While it is connecting, the ping waits for the connection.
/// @param data  Bytes that the pong brings back; may be NULL if `len` is 0.
/// @param len   Bytes in `data`, at most 125.
/// @return WS_OK, or, with nothing sent: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED, WS_ERR_INVALID_ARGUMENT (NULL),
///         WS_ERR_TOO_LARGE (`len` is above 125; nothing is read), WS_ERR_CLOSED, WS_ERR_WOULD_BLOCK,
///         WS_ERR_OUT_OF_MEMORY.
///
/// # Safety
/// `data` is readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_ping(ws: *mut ws_socket, data: *const c_void, len: size_t) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    socket::call(ws, |socket| socket.ping(unsafe { control(data, len) }?))
}

/// Sends a pong that answers no ping (RFC 6455 section 5.5.3). It shows the server that the client is alive, and the
/// server does not answer it.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param ws    A socket. While it is connecting, the pong waits for the connection.
/// @param data  The bytes; may be NULL if `len` is 0.
/// @param len   Bytes in `data`, at most 125.
/// @return As ws_ping().
///
/// # Safety
/// `data` is readable for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_pong(ws: *mut ws_socket, data: *const c_void, len: size_t) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    socket::call(ws, |socket| socket.pong(unsafe { control(data, len) }?))
}

/// The payload of a control frame. Above the limit nothing is read, so that an impossible length is too large as well.
///
/// # Safety
/// `data` is readable for `len` bytes, for the length of the caller's call.
unsafe fn control<'a>(data: *const c_void, len: size_t) -> Result<&'a [u8], ErrorCode> {
    if len > MOST_PING {
        return Err(ErrorCode::TooLarge);
    }
    // SAFETY: the caller upholds the contract above.
    unsafe { arg::bytes(data, len) }
}

/// Holds the socket's messages back, so that several of them leave in as few writes as possible.
///
/// They leave at ws_uncork(), at ws_terminate(), or when the send buffer is full, whichever comes first. Pings are not
/// held back. Calls do not nest: one ws_uncork() ends any number of them. Inside a callback on an I/O thread the
/// library does this by itself: what is sent there leaves together when the callbacks of the events that had arrived
/// together have returned, or when the send buffer is full, or with the next message above 512 KiB, which leaves at
/// once.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param ws  A socket.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED, WS_ERR_CLOSED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_cork(ws: *mut ws_socket) -> ws_result {
    socket::call(ws, |socket| socket.cork())
}

/// Sends what ws_cork() has held back. On a socket that is not corked it does nothing.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param ws  A socket.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED, WS_ERR_CLOSED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_uncork(ws: *mut ws_socket) -> ws_result {
    socket::call(ws, |socket| socket.uncork())
}
