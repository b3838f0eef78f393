//! Options as a host sets them: what is taken, what is refused, and what a refusal says.

mod errors;
mod limits;
#[path = "../wire/mod.rs"]
mod wire;

use ws4d_test_host::{Errors, Options, OptionsToken, api, c, name};

/// What a setter that takes one text says, in words.
fn says(
    setter: extern "C" fn(OptionsToken, *const std::ffi::c_char) -> i32,
    o: &Options,
    text: &str,
) -> String {
    name(setter(o.0, c(text).as_ptr()))
}

/// Entry 0 of the options' errors; empty if they have none.
fn told(options: &Options) -> String {
    let errors = (api().ws_options_errors)(options.0);
    if errors.is_null() { String::new() } else { Errors::copy(errors).entries[0].2.clone() }
}

/// A setter that takes one text.
type TextSetter = extern "C" fn(OptionsToken, *const std::ffi::c_char) -> i32;

/// All setters that take one text.
fn text_setters() -> Vec<TextSetter> {
    let api = api();
    vec![
        api.ws_options_set_cookie,
        api.ws_options_set_subprotocol,
        api.ws_options_set_ca_file,
        api.ws_options_set_local_address,
        api.ws_options_set_unix_socket,
        api.ws_options_set_proxy,
        api.ws_options_set_crl_file,
        api.ws_options_set_server_name,
        api.ws_options_set_pinned_key_sha256,
        api.ws_options_set_alpn,
        api.ws_options_set_key_log_file,
    ]
}
