//! Options of permessage-deflate (RFC 7692).

use libc::size_t;

use super::{flag, set};
use crate::result::ws_result;
use crate::types::ws_options;

/// How hard to compress messages (permessage-deflate, RFC 7692), if the server agrees to it. Where there is no memory
/// to compress a message, it is sent uncompressed.
///
/// @param o      Options.
/// @param level  1 (fast) to 9 (small); 0: no compression is offered. Default: 1.
/// @return WS_OK; WS_ERR_INVALID_ARGUMENT (another level), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_compression(o: *mut ws_options, level: i32) -> ws_result {
    set(o, "ws_options_set_compression", &[&level], |options| options.set_compression(level))
}

/// The largest windows of compression, which say how far back a message may refer, and how much memory that takes:
/// 2 to the power of so many bytes.
///
/// @param o        Options.
/// @param ours     Bits of our messages' window, 8 to 15. Default: 15.
/// @param servers  Bits of the server's, 8 to 15. Default: 15. Below 15 it is asked for; a server that keeps a larger one
///                 is taken with that. One that answers the request with 400 is asked once more, as by default.
/// @return WS_OK; WS_ERR_INVALID_ARGUMENT (other numbers), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
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

/// How much memory compressing may take. A socket keeps none before its first compressed message. With context takeover it
/// then keeps the end of what it has sent, no more than was sent, and what decompresses the server's (44 KiB):
///
///     level                      1    2    3    4    5    6    7    8    9
///     kept by a socket, KiB    0.5  0.5    1    2    4    8   16   32   32
///     a compressor, KiB        260  261  263  267  274  288  316  372  484
///
/// Compressors (zlib's memLevel is this level) belong to the process and are lent to whichever socket sends: it makes at most
/// four, and more only where more threads send at once. One that was another socket's meanwhile reads first what this one has kept,
/// which takes time: 7 microseconds for 4 KiB, 40 for 32. While a socket sends by the same one as before, its messages refer back as far as was
/// agreed, whatever is kept. With smaller windows (ws_options_set_compression_window_bits()) both take less.
///
/// @param o      Options.
/// @param level  1 (little) to 9 (much). Default: 5.
/// @return WS_OK; WS_ERR_INVALID_ARGUMENT (another level), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_compression_memory(o: *mut ws_options, level: i32) -> ws_result {
    set(o, "ws_options_set_compression_memory", &[&level], |options| options.set_compression_memory(level))
}

/// Whether a compressed message may refer to those before it, which makes small messages much smaller and keeps memory for each
/// socket that has sent and received one: 4 KiB for ours (ws_options_set_compression_memory()) and 44 KiB for the server's. Without
/// it an idle socket keeps none.
///
/// @param o        Options.
/// @param ours     For our messages, 0 or 1. Default: 1.
/// @param servers  For the server's, 0 or 1. Default: 1. 0 is asked for; a server that does not grant it is taken all the
///                 same. One that answers the request with 400 is asked once more, as by default.
/// @return WS_OK; WS_ERR_INVALID_ARGUMENT (other numbers), WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_compression_context_takeover(
    o: *mut ws_options,
    ours: i32,
    servers: i32,
) -> ws_result {
    set(o, "ws_options_set_compression_context_takeover", &[&ours, &servers], |options| {
        options.set_compression_context_takeover(flag(ours)?, flag(servers)?);
        Ok(())
    })
}

/// The size from which messages are compressed: below it, compressing costs more than it saves.
///
/// @param o      Options.
/// @param bytes  Bytes. Default: 128.
/// @return WS_OK, WS_ERR_INVALID_HANDLE, WS_ERR_FORKED.
#[unsafe(no_mangle)]
pub extern "C" fn ws_options_set_compression_min_size(o: *mut ws_options, bytes: size_t) -> ws_result {
    set(o, "ws_options_set_compression_min_size", &[&bytes], |options| {
        options.set_compression_min_size(bytes);
        Ok(())
    })
}
