//! Options that concern frames: how long ours are.

use libc::size_t;

use super::set;
use crate::result::ws_result;
use crate::types::ws_options;

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
