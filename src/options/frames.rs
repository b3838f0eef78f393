//! Options that concern messages and frames: how large they are, what text is to be, and when pings go.

use libc::size_t;

use super::{flag, set};
use crate::result::ws_result;
use crate::types::ws_options;

/// Sets the size of the largest message, in both directions. To send a larger one returns WS_ERR_TOO_LARGE; to receive
/// one ends the connection with that error, and the server is told close code 1009.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o      Options.
/// @param bytes  Bytes; 0: no limit. Default: 64 MiB.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_max_message_size(o: *mut ws_options, bytes: size_t) -> ws_result {
    set(o, "ws_options_set_max_message_size", &[&bytes], |options| {
        options.set_max_message_size(bytes);
        Ok(())
    })
}

/// Sets the size up to which a message is received as a whole. A longer one arrives in parts of at most this many
/// bytes.
///
/// Each part is an event of its own (`on_part`), so that a message may be larger than memory. The parts of a text are
/// cut between characters; each has at least one character. `max_message_size` limits all parts of a message together;
/// set it to 0 to remove that limit.
///
/// Together with `strict_json`, or with an `on_message` but no `on_part`, this option is WS_ERR_INVALID_ARGUMENT in
/// ws_new(), ws_new_async() and ws_reconnector_new().
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o      Options.
/// @param bytes  Bytes; 0: each message is received as a whole. Default: 0.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_part_size(o: *mut ws_options, bytes: size_t) -> ws_result {
    set(o, "ws_options_set_part_size", &[&bytes], |options| {
        options.set_part_size(bytes);
        Ok(())
    })
}

/// Sets the longest payload of the frames that are sent. A longer message leaves as several frames.
///
/// This is for servers that limit the size of frames. Also, pings, pongs and the close frame can be sent between the
/// frames of a message. Uncompressed text is cut between characters; each frame has at least one character.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o      Options.
/// @param bytes  Bytes; 0: each message is one frame, for servers that do not understand continuation frames. A
///               compressed message is then compressed as a whole before it leaves, and no ping can be sent in the
///               middle of it. Default: 128 KiB.
/// @return WS_OK, or: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_frame_size(o: *mut ws_options, bytes: size_t) -> ws_result {
    set(o, "ws_options_set_frame_size", &[&bytes], |options| {
        options.set_frame_size(bytes);
        Ok(())
    })
}

/// Sets whether a text message that is not UTF-8 ends the connection (close code 1007), as RFC 6455 section 8.1
/// requires.
///
/// Switch it off for servers that send text in another encoding: their text then arrives unchanged, as blobs. It
/// affects only messages that are received. What is sent, and the reason in the server's close frame, are always
/// checked.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o   Options.
/// @param on  0 or 1. Default: 1. With 0, `data_type` must be blob: any other is WS_ERR_INVALID_ARGUMENT in ws_new(),
///            ws_new_async() and ws_reconnector_new().
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_ARGUMENT (another number), WS_ERR_INVALID_HANDLE,
///         WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_validate_utf8(o: *mut ws_options, on: i32) -> ws_result {
    set(o, "ws_options_set_validate_utf8", &[&on], |options| {
        options.set_validate_utf8(flag(on)?);
        Ok(())
    })
}

/// Sets whether the server's pings are events (WS_EVENT_TYPE_PING) for a program that pulls events with
/// ws_dispatcher_next() or ws_dispatcher_next_batch().
///
/// The library answers pings in any case. With callbacks this option is not needed: if the handler has an `on_ping`,
/// pings are events. Until it is delivered, each ping counts its bytes plus 64 against `receive_buffer_size`.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o   Options.
/// @param on  0 or 1. Default: 0.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_ARGUMENT (another number), WS_ERR_INVALID_HANDLE,
///         WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_ping_events(o: *mut ws_options, on: i32) -> ws_result {
    set(o, "ws_options_set_ping_events", &[&on], |options| {
        options.set_ping_events(flag(on)?);
        Ok(())
    })
}

/// Sets whether a ping is sent every `ping_interval_ms` even while data comes from the server. By default a ping is
/// sent only after a silence.
///
/// This is for servers and routers that want to see pings, and for a round-trip time that is never old (`ping_us` of
/// ws_stats). It does not change when a server is given up: one that sends anything at all is kept. While a ping has
/// not been answered, no other one is sent until `ping_timeout_ms` is over; if that is 0, pings go on.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o   Options.
/// @param on  0 or 1. Default: 0. Without `ping_interval_ms` this option does nothing.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_ARGUMENT (another number), WS_ERR_INVALID_HANDLE,
///         WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_ping_always(o: *mut ws_options, on: i32) -> ws_result {
    set(o, "ws_options_set_ping_always", &[&on], |options| {
        options.set_ping_always(flag(on)?);
        Ok(())
    })
}
