//! The structs and functions of `ws_reconnector_new`.

use std::ffi::{c_char, c_void};
use std::ptr;

use crate::api::{OptionsToken, Reconnector};

/// `ws_reconnect_info`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RawReconnectInfo {
    pub size: usize,
    pub attempt: u32,
    pub delay_ms: u32,
    pub result: i32,
    pub code: i32,
    pub http_status: i32,
    pub end: i32,
}

/// `ws_reconnect_attempt_fn`.
pub type ReconnectAttemptFn = extern "C" fn(Reconnector, OptionsToken, u32, *mut c_void) -> *const c_char;
/// `ws_reconnect_fn`.
pub type ReconnectFn = extern "C" fn(Reconnector, *const RawReconnectInfo, *mut c_void);

/// `ws_reconnect_policy`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct RawReconnectPolicy {
    pub size: usize,
    pub base_delay_ms: u32,
    pub max_delay_ms: u32,
    pub min_delay_ms: u32,
    pub stable_ms: u32,
    pub max_attempts: u32,
    pub max_time_ms: u32,
    pub max_retry_after_ms: u32,
    pub final_code_count: u32,
    pub queue_size: usize,
    pub final_codes: *const u16,
    pub on_attempt: Option<ReconnectAttemptFn>,
    pub on_reconnect: Option<ReconnectFn>,
    pub on_end: Option<ReconnectFn>,
}

impl RawReconnectPolicy {
    /// `WS_RECONNECT_POLICY_INIT`.
    pub const INIT: RawReconnectPolicy = RawReconnectPolicy {
        size: size_of::<RawReconnectPolicy>(),
        base_delay_ms: 500,
        max_delay_ms: 30000,
        min_delay_ms: 100,
        stable_ms: 10000,
        max_attempts: 0,
        max_time_ms: 0,
        max_retry_after_ms: 300_000,
        final_code_count: 0,
        queue_size: 0,
        final_codes: ptr::null(),
        on_attempt: None,
        on_reconnect: None,
        on_end: None,
    };
}
