//! Options of permessage-deflate (RFC 7692).

use libc::size_t;

use super::{flag, set};
use crate::result::ws_result;
use crate::types::ws_options;

/// Sets how hard messages are compressed (permessage-deflate, RFC 7692), if the server agrees to compression.
///
/// If there is no memory to compress a message, it is sent uncompressed.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o      Options.
/// @param level  1 (fast) to 9 (small); 0: compression is not offered. Default: 1. A library that was built
///               without compression accepts only 0, which is its default.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_ARGUMENT (another level), WS_ERR_UNSUPPORTED (the
///         library was built without compression), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_compression(o: *mut ws_options, level: i32) -> ws_result {
    set(o, "ws_options_set_compression", &[&level], |options| options.set_compression(level))
}

/// Sets the largest compression windows: how many bytes back a message may refer to what was sent before, and so how
/// much memory compression takes. A window of n bits has 2 to the power of n bytes.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o        Options.
/// @param ours     Bits of the window for messages to the server, 8 to 15. Default: 15.
/// @param servers  Bits of the window for messages from the server, 8 to 15. Default: 15. A number below 15 is a
///                 request. A server that keeps a larger window is accepted. If the server answers the request with
///                 400, it is asked once more, with the defaults.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_ARGUMENT (other numbers), WS_ERR_UNSUPPORTED (the
///         library was built without compression), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_compression_window_bits(
    o: *mut ws_options,
    ours: i32,
    servers: i32,
) -> ws_result {
    set(o, "ws_options_set_compression_window_bits", &[&ours, &servers], |options| {
        options.set_compression_window_bits(ours, servers)
    })
}

/// Sets how much memory compression may take.
///
/// A socket keeps none before its first compressed message. After that, with context takeover, it keeps the end of what
/// it has sent (at most what the table shows), and 44 KiB for decompressing the server's messages:
///
///     level                      1    2    3    4    5    6    7    8    9
///     kept by a socket, KiB    0.5  0.5    1    2    4    8   16   32   32
///     a compressor, KiB        260  261  263  267  274  288  316  372  484
///
/// Compressors belong to the process, not to a socket: a socket has one only while it sends. This level is what zlib
/// calls their memLevel. The library makes at most four of them, and more only if more threads send at once. A
/// compressor that another socket has used in the meantime first reads what this socket has kept; this takes 7
/// microseconds for 4 KiB and 40 for 32 KiB. While a socket keeps sending with the same compressor, its messages refer
/// back as far as was agreed with the server, no matter how much is kept. Smaller windows
/// (ws_options_set_compression_window_bits()) make both numbers smaller. A compressor that no socket has used for 5 to
/// 10 seconds is freed, so a process that sends nothing keeps none. The I/O threads do this: in a process that has only
/// driving dispatchers, compressors stay until ws_shutdown().
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o      Options.
/// @param level  1 (little) to 9 (much). Default: 5.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_ARGUMENT (another level), WS_ERR_UNSUPPORTED (the
///         library was built without compression), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_compression_memory(o: *mut ws_options, level: i32) -> ws_result {
    set(o, "ws_options_set_compression_memory", &[&level], |options| options.set_compression_memory(level))
}

/// Sets whether a compressed message may refer to the messages before it.
///
/// This makes small messages much smaller. In return, each socket that has sent and received a compressed message keeps
/// memory: 4 KiB for what it sends (see ws_options_set_compression_memory()) and 44 KiB for what it receives. Without
/// context takeover, an idle socket keeps none.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o        Options.
/// @param ours     0 or 1, for messages to the server. Default: 1.
/// @param servers  0 or 1, for messages from the server. Default: 1. A 0 is a request. A server that does not grant it
///                 is accepted. If the server answers the request with 400, it is asked once more, with the defaults.
/// @return WS_OK, or, with nothing changed: WS_ERR_INVALID_ARGUMENT (other numbers), WS_ERR_UNSUPPORTED (the
///         library was built without compression), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_compression_context_takeover(
    o: *mut ws_options,
    ours: i32,
    servers: i32,
) -> ws_result {
    set(o, "ws_options_set_compression_context_takeover", &[&ours, &servers], |options| {
        options.set_compression_context_takeover(flag(ours)?, flag(servers)?)
    })
}

/// Sets the size from which on messages are compressed. For smaller messages, compression costs more than it saves.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param o      Options.
/// @param bytes  Bytes. Default: 128.
/// @return WS_OK, or, with nothing changed: WS_ERR_UNSUPPORTED (the library was built without compression),
///         WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_compression_min_size(o: *mut ws_options, bytes: size_t) -> ws_result {
    set(o, "ws_options_set_compression_min_size", &[&bytes], |options| {
        options.set_compression_min_size(bytes)
    })
}
