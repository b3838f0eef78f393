//! `ws_close_info`: why a socket's connection ended.

use std::time::{SystemTime, UNIX_EPOCH};

use libc::size_t;
use ws4d_client::CloseInfo;

use crate::boundary;
use crate::bridge::entry;
use crate::out_struct::{self, OutStruct};
use crate::result::ws_result;
use crate::types::{ws_socket, ws_stage};

/// Why and when the connection of a socket ended; see ws_get_close_info().
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ws_close_info {
    /// `sizeof(ws_close_info)`, which WS_CLOSE_INFO_INIT sets. It allows the struct to grow without breaking existing
    /// programs.
    pub size: size_t,
    /// The stage that the connection had reached when it ended: a ws_stage. WS_STAGE_NONE means that it has not ended.
    pub stage: i32,
    /// What went wrong: a ws_result. It is WS_OK if the server closed the connection, or if the program or its
    /// dispatcher did. After ws_terminate() it says why the server's close frame did not come (WS_ERR_TIMEOUT,
    /// WS_ERR_CONNECTION_RESET); there is no `on_error` for that.
    pub result: i32,
    /// The code of the server's close frame: 0 if none came, 1005 if it had no code. `on_terminate` has the same code,
    /// except in two cases in which it has 1006: if no close frame came, and if the server sent a code that no server
    /// may send, which this field has as it came.
    pub code_received: i32,
    /// The code of the close frame that was sent to the server: 0 if none has left, 1005 if it had no code.
    pub code_sent: i32,
    /// 1 if a close frame was both sent and received, otherwise 0.
    pub was_clean: i32,
    /// The operating system's error number (`errno`) behind the failure; 0 if there is none.
    pub os_code: i32,
    /// The alert with which the server ended TLS (RFC 8446 section 6); -1 if there was none.
    pub tls_alert: i32,
    /// The HTTP status of the server's (or the proxy's) answer to the opening handshake: 101 if it was accepted, 0 if
    /// there was no answer.
    pub http_status: i32,
    /// When ws_new() or ws_new_async() was called, in milliseconds since 1970 (UTC) by the machine's clock.
    pub began_ms: i64,
    /// When the connection was opened, in the same unit; 0 if it never was.
    pub opened_ms: i64,
    /// When the connection ended, in the same unit.
    pub closed_ms: i64,
    /// How long the connection was open, in microseconds; -1 if it never was. Changes of the machine's clock do not
    /// affect it.
    pub open_us: i64,
}

// SAFETY: `repr(C)`, and `size` is its first field.
unsafe impl OutStruct for ws_close_info {
    const FIRST_SIZE: usize = 72;
}

/// The values for a connection that has not ended.
const NEUTRAL: ws_close_info = ws_close_info {
    size: size_of::<ws_close_info>(),
    stage: ws_stage::WS_STAGE_NONE as i32,
    result: 0,
    code_received: 0,
    code_sent: 0,
    was_clean: 0,
    os_code: 0,
    tls_alert: -1,
    http_status: 0,
    began_ms: 0,
    opened_ms: 0,
    closed_ms: 0,
    open_us: -1,
};

impl From<CloseInfo> for ws_close_info {
    fn from(info: CloseInfo) -> ws_close_info {
        ws_close_info {
            stage: ws_stage::from(info.stage) as i32,
            result: info.cause.map_or(0, |cause| ws_result::from(cause) as i32),
            code_received: info.code_received.into(),
            code_sent: info.code_sent.into(),
            was_clean: info.was_clean.into(),
            os_code: info.os_code,
            tls_alert: info.tls_alert.map_or(-1, i32::from),
            http_status: info.http_status.into(),
            began_ms: unix_ms(info.began),
            opened_ms: info.opened.map_or(0, unix_ms),
            closed_ms: unix_ms(info.closed),
            open_us: info.open_for.map_or(-1, |time| i64::try_from(time.as_micros()).unwrap_or(i64::MAX)),
            ..NEUTRAL
        }
    }
}

fn unix_ms(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Returns why the socket's connection ended: the stage it had reached, the codes that were sent and received, what
/// went wrong, and when.
///
/// It can be read as soon as the end is known, and as long as the handle is valid: from `on_error` and `on_terminate`
/// on, or earlier if messages have not been delivered yet. It is also there for a connection that could not be made, if
/// ws_new_async() returned a socket. Before the end all fields are 0, except `tls_alert` and `open_us`, which are -1.
///
/// Thread: any, also in callbacks and in `wake`; never blocks.
///
/// @param ws    A socket in any state.
/// @param info  Receives the information. The caller sets its `size` (WS_CLOSE_INFO_INIT); as many fields as fit are
///              filled.
/// @return WS_OK, or, with nothing filled: WS_ERR_INVALID_HANDLE, WS_ERR_FORKED, WS_ERR_INVALID_ARGUMENT (NULL, or a
///         `size` that ws_close_info never had).
///
/// # Safety
/// `info` is NULL or writable for its `size`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_get_close_info(ws: *const ws_socket, info: *mut ws_close_info) -> ws_result {
    boundary::call(|| {
        let noted = entry(ws)?.socket().close_info();
        // SAFETY: the caller upholds the contract above.
        unsafe { out_struct::fill(info, noted.map_or(NEUTRAL, ws_close_info::from)) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_version_stays_readable() {
        const { assert!(size_of::<ws_close_info>() >= ws_close_info::FIRST_SIZE) };
        assert_eq!(std::mem::offset_of!(ws_close_info, open_us) + 8, ws_close_info::FIRST_SIZE);
    }
}
