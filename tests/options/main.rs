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

/// A pipe is read as long as it takes; no other call waits for that.
#[cfg(unix)]
#[test]
fn nobody_waits_for_the_options_while_a_file_is_read() {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::OpenOptionsExt;
    use std::time::Duration;
    use std::{env, fs, process, sync::mpsc, thread};

    let folder = env::temp_dir().join(format!("ws4d-pipe-{}", process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let pipe = folder.join("ca.pem");
    let path = std::ffi::CString::new(pipe.as_os_str().as_bytes()).expect("no NUL");
    // SAFETY: a text that ends with a NUL.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    let options = Options::new();
    let token = options.0;
    let reader = thread::spawn(move || name((api().ws_options_set_ca_file)(token, path.as_ptr())));
    // It can be opened for writing, without waiting, once the setter reads it.
    let writer = loop {
        match fs::OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(&pipe) {
            Ok(writer) => break writer,
            Err(_) => thread::yield_now(),
        }
    };
    let (said, says) = mpsc::channel();
    let setter = thread::spawn(move || said.send(name((api().ws_options_set_verify)(token, 1))));
    let meanwhile = says.recv_timeout(Duration::from_secs(20));
    assert!(!reader.is_finished(), "the pipe has no end yet");
    drop(writer);
    assert_eq!(reader.join().expect("no panic"), "WS_ERR_FILE", "it was empty");
    assert_eq!(meanwhile.as_deref(), Ok("WS_OK"));
    setter.join().expect("no panic").expect("received");
    fs::remove_dir_all(folder).expect("removed");
}
