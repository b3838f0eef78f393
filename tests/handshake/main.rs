//! The opening handshake, as the server and the host see it: what is asked, what is accepted, and how each refusal
//! says what happened. `docs/hostile.md`, lines 1 to 12.

mod answer;
#[cfg(unix)]
mod early;
mod head;
mod option;
mod request;
mod status;
mod url;
#[path = "../wire/mod.rs"]
mod wire;

use ws4d_test_host::Options;

/// Options whose connect timeout is short, for servers that never come to an end.
fn impatient(ms: u32) -> Options {
    Options::new().set(|api, o| (api.ws_options_set_connect_timeout_ms)(o, ms))
}
