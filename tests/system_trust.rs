//! The system's trust: from the environment, and where it cannot be read whole. A program of its own, because it changes
//! the environment.

#[path = "wire/mod.rs"]
mod wire;

use std::env;
use std::ffi::OsStr;
use wire::{refused, silent};
use ws4d_test_host::{Options, c};
use ws4d_test_server::Server;

fn trusted_in(file: impl AsRef<OsStr>) {
    // SAFETY: the one test of this program; no socket is connecting, so that no other thread reads the environment.
    unsafe { env::set_var("SSL_CERT_FILE", file) };
}

#[test]
fn trust_that_could_not_be_read_whole_is_an_error_of_that_attempt_alone() {
    let (server, other) = (Server::start(), Server::start());
    let url = server.wss("/echo");
    let options = || {
        let ca = c(other.ca_file().to_str().expect("UTF-8"));
        Options::new().set(|api, o| (api.ws_options_set_ca_file)(o, ca.as_ptr()))
    };
    // SAFETY: as above.
    unsafe { env::remove_var("SSL_CERT_DIR") };
    // Reading it is EIO.
    trusted_in("/proc/self/mem");
    let refusal = refused(&url, &options());
    refusal.assert("WS_ERR_TLS", "The system's trust could not be read whole");
    assert_eq!(refusal.errors.os_code, libc::EIO);
    trusted_in(server.ca_file());
    silent(&url, &options()).abort();
    // One that trusts nobody is no better than none, where no CA was added.
    trusted_in("/nonexistent");
    refused(&url, &Options::new()).assert("WS_ERR_TLS", "Nobody is trusted: the system trusts nobody");
    // From here on it is remembered.
    trusted_in("/nonexistent");
    silent(&url, &options()).abort();
    let others = options().set(|api, o| (api.ws_options_set_alpn)(o, c"".as_ptr()));
    refused(&url, &others).assert("WS_ERR_CERTIFICATE", "its issuer");
}
