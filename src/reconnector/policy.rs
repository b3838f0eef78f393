//! The structs of a reconnector: the policy that the host sets, and the reports that it gets.

use std::ffi::{c_char, c_void};
use std::time::Duration;
use std::{ptr, slice};

use libc::size_t;
use ws4d_client::{Error, ErrorCode, Policy, Reconnecting};

use crate::arg;
use crate::errors::ws_errors;
use crate::out_struct::{self, OutStruct};
use crate::result::ws_result;
use crate::types::{ws_options, ws_reconnect_end, ws_reconnector};

/// Is called before each attempt, including the first. This is the place to set a fresh token, however long the wait
/// before the attempt was.
///
/// @param r          The reconnector.
/// @param options    A copy of the options of ws_reconnector_new() for this attempt only. ws_options_set_header() and
///                   all other setters change it. It ends when the function returns.
/// @param attempt    0 for the very first attempt; otherwise the number of the attempt since the last stable
///                   connection, counted from 1, as in ws_reconnect_info.
/// @param user_data  The handler's `user_data`.
/// @return The URL for this attempt and those after it, which is copied at once; NULL: the URL stays as it is. A URL
///         that ws_new() would refuse ends the reconnector, unless the policy's `is_final` says otherwise; the next
///         attempt then uses the URL from before.
pub type ws_reconnect_attempt_fn = Option<
    unsafe extern "C" fn(
        r: *mut ws_reconnector,
        options: *mut ws_options,
        attempt: u32,
        user_data: *mut c_void,
    ) -> *const c_char,
>;

/// Is called between two connections, or at the end.
///
/// @param r          The reconnector.
/// @param info       What happened, and what comes next. It lives until the function returns.
/// @param user_data  The handler's `user_data`.
pub type ws_reconnect_fn = Option<
    unsafe extern "C" fn(r: *mut ws_reconnector, info: *const ws_reconnect_info, user_data: *mut c_void),
>;

/// Decides whether the end of a connection or of an attempt is final. It is called after each end for which there is a
/// choice, before `on_reconnect` or `on_end`.
///
/// There is no choice if the program has ended the connection or the reconnector, at the limits of the policy, when the
/// dispatcher is closed, and at ws_shutdown().
///
/// @param r          The reconnector.
/// @param info       What happened, with the default decision in `end`: WS_RECONNECT_END_NONE means another attempt in
///                   `delay_ms`. It lives until the function returns.
/// @param user_data  The handler's `user_data`.
/// @return 1: it is final. `on_end` follows, with WS_RECONNECT_END_CLOSE_CODE if the server closed the connection,
///         otherwise with WS_RECONNECT_END_REFUSED. 0: another attempt follows, as far as the policy's limits allow it.
pub type ws_reconnect_final_fn = Option<
    unsafe extern "C" fn(
        r: *mut ws_reconnector,
        info: *const ws_reconnect_info,
        user_data: *mut c_void,
    ) -> i32,
>;

/// What the functions of a ws_reconnect_policy are told. The library fills it in. A library that is older than this
/// header gives it a smaller `size`; fields beyond that size must not be read.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ws_reconnect_info {
    /// The size of the struct, as the library knows it.
    pub size: size_t,
    /// The number of the next attempt since the last stable connection, counted from 1; in `on_end` the number of the
    /// last one.
    pub attempt: u32,
    /// Milliseconds until that attempt; 0 in `on_end`.
    pub delay_ms: u32,
    /// What went wrong: a ws_result. It is WS_OK if the server closed the connection, or if the program ended it.
    pub result: i32,
    /// The code of the server's close frame: 0 if none came, or one with a code that no server may send; 1005 if it had
    /// no code.
    pub code: i32,
    /// The HTTP status of the server's (or the proxy's) answer to the opening handshake; 0 if there was no answer.
    pub http_status: i32,
    /// Why the reconnector does not try again: a ws_reconnect_end. In `on_reconnect` it is WS_RECONNECT_END_NONE.
    pub end: i32,
    /// Why the connection or the attempt ended: the same stack as in its `on_error`. If the server closed the
    /// connection, it is one entry, WS_ERR_CLOSED, with the code and the reason. NULL if the program ended it. It lives
    /// until the function returns.
    pub errors: *const ws_errors,
}

impl ws_reconnect_info {
    /// `errors` must live as long as the result is used.
    pub(super) fn new(about: &Reconnecting, errors: Option<&ws_errors>) -> ws_reconnect_info {
        // Rounded up: not sooner than it says.
        let delay = about.delay.as_nanos().div_ceil(1_000_000);
        ws_reconnect_info {
            size: size_of::<ws_reconnect_info>(),
            attempt: about.attempt,
            delay_ms: u32::try_from(delay).unwrap_or(u32::MAX),
            result: about.end.cause.map_or(0, |cause| ws_result::from(cause) as i32),
            code: about.end.code.into(),
            http_status: about.end.http_status.into(),
            end: about.given_up.map_or(0, |given_up| ws_reconnect_end::from(given_up) as i32),
            errors: errors.map_or(ptr::null(), ptr::from_ref),
        }
    }
}

/// When a reconnector tries again, and when it gives up. Begin with WS_RECONNECT_POLICY_INIT, which has the defaults
/// below, and change the fields that should differ. ws_reconnector_new() copies the struct.
///
/// The delay before attempt n is a random number, evenly distributed between 0 and the lesser of `max_delay_ms` and
/// `base_delay_ms` * 2^(n-1) ("full jitter"). So when a server comes back, its clients do not all come at the same
/// moment.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ws_reconnect_policy {
    /// `sizeof(ws_reconnect_policy)`. It allows the struct to grow without breaking existing programs, like that of
    /// ws_handler.
    pub size: size_t,
    /// The delay with which the backoff begins, in milliseconds. Default 500, at least 1.
    pub base_delay_ms: u32,
    /// The longest delay, in milliseconds. Default 30000, at least 1. After close code 1013 (try again later), the
    /// delay is between half of it and all of it. After a refusal that is not final (a certificate, a TLS alert that
    /// refuses what the client offers, HTTP 4xx except 408, 425, 429 and answers with Retry-After, or a wrong call
    /// after which `is_final` goes on), it is all of it.
    pub max_delay_ms: u32,
    /// The shortest delay, in milliseconds, except after a stable connection. Default 100, at least 1. It prevents a
    /// storm of attempts on a server that accepts connections and closes them at once.
    pub min_delay_ms: u32,
    /// How long a connection must be open to count as stable, in milliseconds; attempts and time are then counted anew.
    /// Default 10000.
    pub stable_ms: u32,
    /// How many attempts may follow one another without a stable connection, not counting the first. Default 0: no
    /// limit.
    pub max_attempts: u32,
    /// How long the reconnector may go on without a stable connection, in milliseconds; no attempt begins after that.
    /// Default 0: no limit.
    pub max_time_ms: u32,
    /// The longest wait that the server's Retry-After header (seconds or a date) can demand, in milliseconds. Default
    /// 300000. That wait is then the shortest delay, and a random delay is added to it.
    pub max_retry_after_ms: u32,
    /// The number of codes in `final_codes`.
    pub final_code_count: u32,
    /// How many bytes of messages ws_reconnector_send() keeps while there is no connection. Default 0: none. Each
    /// message counts its bytes plus 64. A message is accepted while what is kept before it is below this number.
    pub queue_size: size_t,
    /// The server's close codes after which the reconnector gives up. NULL: none, because servers that restart close
    /// with all kinds of codes. A code that answers the program's own ws_terminate() does not count.
    pub final_codes: *const u16,
    /// Is called before each attempt; see ws_reconnect_attempt_fn. May be NULL, like the others.
    pub on_attempt: ws_reconnect_attempt_fn,
    /// Is called when a connection or an attempt has ended and another one will follow: after its `on_terminate`,
    /// before the next `on_open`.
    pub on_reconnect: ws_reconnect_fn,
    /// Is called when no other attempt will follow; `end` says why. It comes exactly once, as the last callback before
    /// `on_free`, but not if ws_reconnector_new() fails.
    pub on_end: ws_reconnect_fn,
    /// Decides whether an end is final. NULL: as ws_reconnector_new() describes.
    pub is_final: ws_reconnect_final_fn,
}

// SAFETY: `repr(C)`, and `size` is its first field.
unsafe impl OutStruct for ws_reconnect_policy {
    const FIRST_SIZE: usize = 80;
}

/// The functions of a policy.
#[derive(Clone, Copy)]
pub(super) struct Functions {
    pub(super) on_attempt: ws_reconnect_attempt_fn,
    pub(super) on_reconnect: ws_reconnect_fn,
    pub(super) on_end: ws_reconnect_fn,
    pub(super) is_final: ws_reconnect_final_fn,
}

/// Reads the policy of the host; NULL stands for the defaults.
///
/// # Safety
/// `policy` is NULL or readable for its `size`, and its `final_codes` for its `final_code_count`.
pub(super) unsafe fn read(policy: *const ws_reconnect_policy) -> Result<(Policy, Functions), Error> {
    let none = Functions { on_attempt: None, on_reconnect: None, on_end: None, is_final: None };
    if policy.is_null() {
        return Ok((Policy::default(), none));
    }
    // SAFETY: all fields are plain; an Option of a function and a pointer may be 0.
    let empty: ws_reconnect_policy = unsafe { std::mem::zeroed() };
    // SAFETY: the caller upholds it.
    let (given, all_known) = unsafe { out_struct::read(policy, empty) }.map_err(|code| {
        arg::refused(
            code,
            "the size of the policy is none that ws_reconnect_policy ever had; begin it with WS_RECONNECT_POLICY_INIT",
        )
    })?;
    if !all_known {
        let message = "the policy has fields that this version of the library does not know; set only those of its own header";
        return Err(arg::refused(ErrorCode::Unsupported, message));
    }
    if [given.base_delay_ms, given.max_delay_ms, given.min_delay_ms].contains(&0) {
        let message = "a delay of the policy is 0: a reconnector that does not wait is a storm; begin it with WS_RECONNECT_POLICY_INIT";
        return Err(arg::refused(ErrorCode::InvalidArgument, message));
    }
    let ms = |ms: u32| Duration::from_millis(ms.into());
    let mut own = Policy {
        base_delay: ms(given.base_delay_ms),
        max_delay: ms(given.max_delay_ms),
        min_delay: ms(given.min_delay_ms),
        stable: ms(given.stable_ms),
        max_attempts: given.max_attempts,
        max_time: (given.max_time_ms != 0).then(|| ms(given.max_time_ms)),
        max_retry_after: ms(given.max_retry_after_ms),
        queue_size: given.queue_size,
        ..Policy::default()
    };
    if !given.final_codes.is_null() {
        if given.final_code_count > 65536 || !given.final_codes.is_aligned() {
            let message = "final_code_count of the policy is above 65536, or final_codes is not aligned as a uint16_t is";
            return Err(arg::refused(ErrorCode::InvalidArgument, message));
        }
        // SAFETY: not NULL, aligned; the caller upholds the rest.
        let codes = unsafe { slice::from_raw_parts(given.final_codes, given.final_code_count as usize) };
        own.final_codes.clear();
        own.final_codes.try_reserve_exact(codes.len()).map_err(|_| {
            arg::refused(ErrorCode::OutOfMemory, "there is no memory left for the final_codes of the policy")
        })?;
        own.final_codes.extend_from_slice(codes);
    }
    let functions = Functions {
        on_attempt: given.on_attempt,
        on_reconnect: given.on_reconnect,
        on_end: given.on_end,
        is_final: given.is_final,
    };
    Ok((own, functions))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_version_stays_readable() {
        const { assert!(size_of::<ws_reconnect_policy>() >= ws_reconnect_policy::FIRST_SIZE) };
        assert_eq!(std::mem::offset_of!(ws_reconnect_info, errors), 32, "behind the first version");
        assert_eq!(std::mem::offset_of!(ws_reconnect_policy, on_end) + 8, ws_reconnect_policy::FIRST_SIZE);
        // SAFETY: NULL.
        let (policy, _) = unsafe { read(std::ptr::null()) }.unwrap();
        assert!(policy.final_codes.is_empty());
    }
}
