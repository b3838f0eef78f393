//! The entry point that sends many messages in one call.

use std::ffi::c_void;
use std::slice;

use libc::size_t;
use ws4d_client::{ErrorCode, SendKind};

use crate::bridge::entry;
use crate::types::ws_socket;
use crate::{arg, boundary, send};

/// One message of ws_send_many(): where its bytes are, and how many they are. This struct will not grow.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ws_slice {
    /// The bytes; may be NULL if `len` is 0.
    pub data: *const c_void,
    /// Bytes in `data`; for text and object also WS_NUL_TERMINATED.
    pub len: size_t,
}

/// Sends many messages of one type in one call, which costs less than one call for each message.
///
/// All messages are checked first. If one of them is wrong, its error is the result, and nothing is sent. Then they are
/// sent in order, as `count` calls of ws_send() under a cork would send them, and with no other thread's message
/// between them. A cork that the caller has set stays as it is.
///
/// Fewer than `count` messages are accepted only if the send buffer is full or if there is no memory. The result then
/// says how many of them, counted from the first, were accepted. If the send buffer is full, `on_drain` follows, and
/// the rest can be sent then.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param ws         A socket. While it is connecting, the messages wait for the connection.
/// @param data_type  A ws_data_type, which holds for all the messages.
/// @param messages   `count` messages; may be NULL if `count` is 0. The caller keeps the array and the buffers.
/// @param count      The number of messages, at most INT32_MAX; 0 sends nothing.
/// @param flags      As for ws_send().
/// @return The number of messages that were accepted, from the first one on; or, with nothing sent, a negative
///         ws_result: the result of ws_send() for the first message that is wrong, or for the first message if even
///         that was not accepted. The pointers and lengths of all messages are checked before any text.
///         WS_ERR_INVALID_ARGUMENT also if `messages` is NULL or not aligned, or if `count` is above INT32_MAX.
///
/// # Safety
/// `messages` is readable for `count` elements, and the `data` of each for its `len` bytes, or up to its NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_send_many(
    ws: *mut ws_socket,
    data_type: i32,
    messages: *const ws_slice,
    count: size_t,
    flags: u32,
) -> i32 {
    boundary::count(|| {
        let entry = entry(ws)?;
        let (kind, plain) = (send::kind(data_type)?, send::is_plain(flags)?);
        // SAFETY: the caller upholds the contract above.
        let messages = unsafe { payloads(kind, messages, count) }?;
        let accepted = entry.socket().send_many(kind, &messages, plain)?;
        // At most `count`, which is at most INT32_MAX.
        u32::try_from(accepted).map_err(|_| ErrorCode::Internal)
    })
}

/// The bytes of each message.
///
/// # Safety
/// As of ws_send_many(), for the length of the caller's call.
unsafe fn payloads<'a>(
    kind: SendKind,
    messages: *const ws_slice,
    count: size_t,
) -> Result<Vec<&'a [u8]>, ErrorCode> {
    if count == 0 {
        return Ok(Vec::new());
    }
    // So many structs may also be more than an address space holds, where that is small.
    let fits = i32::try_from(count).is_ok() && count <= isize::MAX as usize / size_of::<ws_slice>();
    if messages.is_null() || !messages.is_aligned() || !fits {
        return Err(ErrorCode::InvalidArgument);
    }
    // SAFETY: not NULL, aligned, not above isize::MAX bytes; the caller upholds the rest.
    let messages = unsafe { slice::from_raw_parts(messages, count) };
    let mut payloads = Vec::new();
    payloads.try_reserve_exact(count).map_err(|_| ErrorCode::OutOfMemory)?;
    for ws_slice { data, len } in messages {
        payloads.push(match kind {
            // SAFETY: the caller upholds the contract above.
            SendKind::Blob => unsafe { arg::bytes(*data, *len) }?,
            // SAFETY: as above.
            SendKind::Text | SendKind::Object => unsafe { arg::text(data.cast(), *len) }?,
        });
    }
    Ok(payloads)
}
