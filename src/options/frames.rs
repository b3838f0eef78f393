//! Options that concern messages and frames: how large they are, what text is to be, and when pings go.

use libc::size_t;

use super::{flag, set};
use crate::result::ws_result;
use crate::types::ws_options;

/// The largest message, both ways: a larger one is WS_ERR_TOO_LARGE when sending, and close code 1009 when receiving.
///
/// @param o      Options.
/// @param bytes  Bytes; 0: no limit. Default: 64 MiB.
/// @return WS_OK, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_max_message_size(o: *mut ws_options, bytes: size_t) -> ws_result {
    set(o, "ws_options_set_max_message_size", &[&bytes], |options| {
        options.set_max_message_size(bytes);
        Ok(())
    })
}

/// How long a message may be that is received whole. A longer one arrives in parts of at most so many bytes, each as an
/// event of its own (`on_part`), so that a message may be larger than memory; the parts of a text are cut between
/// characters, with one character at least. `max_message_size` holds for all parts together: 0 takes that limit away.
///
/// With it, `strict_json`, or an `on_message` without an `on_part`, is WS_ERR_INVALID_ARGUMENT at ws_new(), ws_new_async() and
/// ws_reconnector_new().
///
/// @param o      Options.
/// @param bytes  Bytes; 0: each message is received whole. Default: 0.
/// @return WS_OK, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_part_size(o: *mut ws_options, bytes: size_t) -> ws_result {
    set(o, "ws_options_set_part_size", &[&bytes], |options| {
        options.set_part_size(bytes);
        Ok(())
    })
}

/// How long the payload of a frame of ours may be. A longer message leaves as several frames, for servers that have a limit
/// on frames; between them pings, pongs and what the server is to be told can go. Uncompressed text is cut between
/// characters, with one character at least in a frame.
///
/// @param o      Options.
/// @param bytes  Bytes; 0: each message is one frame, for servers that know no continuation frames. A compressed message is then
///               compressed whole before it leaves, and no ping goes between. Default: 128 KiB.
/// @return WS_OK, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_frame_size(o: *mut ws_options, bytes: size_t) -> ws_result {
    set(o, "ws_options_set_frame_size", &[&bytes], |options| {
        options.set_frame_size(bytes);
        Ok(())
    })
}

/// Whether text messages that are not UTF-8 end the connection (1007), as RFC 6455 section 8.1 wants it. For servers that
/// send text in another encoding: what they send arrives as it is, as blobs. For receiving only: what is sent, and the
/// reason of the server's close frame, are always checked.
///
/// @param o   Options.
/// @param on  0 or 1. Default: 1. With 0 `data_type` has to be blob: any other is WS_ERR_INVALID_ARGUMENT at ws_new(),
///            ws_new_async() and ws_reconnector_new().
/// @return WS_OK; WS_ERR_INVALID_ARGUMENT (another number), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_validate_utf8(o: *mut ws_options, on: i32) -> ws_result {
    set(o, "ws_options_set_validate_utf8", &[&on], |options| {
        options.set_validate_utf8(flag(on)?);
        Ok(())
    })
}

/// Whether the server's pings are events (WS_EVENT_TYPE_PING) for a host that pulls them with ws_dispatcher_next() or
/// ws_dispatcher_next_batch(). The library answers them in any case. With callbacks it is `on_ping` that decides: where the
/// handler has it, pings are events whatever this says.
///
/// Each counts its bytes plus 64 against `receive_buffer_size` until it is delivered.
///
/// @param o   Options.
/// @param on  0 or 1. Default: 0.
/// @return WS_OK; WS_ERR_INVALID_ARGUMENT (another number), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_ping_events(o: *mut ws_options, on: i32) -> ws_result {
    set(o, "ws_options_set_ping_events", &[&on], |options| {
        options.set_ping_events(flag(on)?);
        Ok(())
    })
}

/// Whether the server is sent a ping each `ping_interval_ms` although bytes come from it, for servers and routers that want
/// to see pings, and for a round trip that is never old (`ws_stats`). By default only silence makes a ping.
///
/// No ping follows one whose pong has not come, for as long as `ping_timeout_ms` gives it; where that is 0, pings go on.
/// When a server is given up does not change: as long as bytes come, it is not.
///
/// @param o   Options.
/// @param on  0 or 1. Default: 0. Without `ping_interval_ms` it does nothing.
/// @return WS_OK; WS_ERR_INVALID_ARGUMENT (another number), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_ping_always(o: *mut ws_options, on: i32) -> ws_result {
    set(o, "ws_options_set_ping_always", &[&on], |options| {
        options.set_ping_always(flag(on)?);
        Ok(())
    })
}
