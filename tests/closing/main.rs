//! How connections end: who began it, what each side was told, and what the host may still do.

mod code;
mod error;
mod host_first;
mod reset;
mod server_first;
#[path = "../wire/mod.rs"]
mod wire;

use ws4d_test_host::Options;

/// Options with this close timeout.
fn close_timeout(ms: u32) -> Options {
    Options::new().set(|api, o| (api.ws_options_set_close_timeout_ms)(o, ms))
}
