//! What is told to nobody else: neither errors nor the log have the user, the password or an answer to a challenge.

use crate::wire::{RawServer, refused, silent};
use crate::{asks, challenge, with_user};
use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::{Mutex, PoisonError};
use ws4d_test_host::codes::{WS_LOG_LEVEL_OFF, WS_LOG_LEVEL_TRACE};
use ws4d_test_host::{Options, alone, api, c, text};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

extern "C" fn keep(_: i32, _: *const c_char, message: *const c_char, _: *mut c_void) {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).push(text(message).unwrap_or_default());
}

#[test]
fn neither_errors_nor_the_log_show_what_was_told() {
    let _alone = alone();
    (api().ws_set_log)(WS_LOG_LEVEL_TRACE, Some(keep), ptr::null_mut());
    let server = RawServer::start(|peer| {
        let takes = peer.number == 0;
        for asked in 0.. {
            let head = peer.head();
            if head.is_empty() {
                return;
            }
            if takes && asked == 1 {
                peer.accept(&head, "");
                return peer.wait_for_the_end();
            }
            let (status, header) = match head.starts_with("CONNECT ") {
                true => ("407 Who", "Proxy-Authenticate"),
                false => ("401 Who", "WWW-Authenticate"),
            };
            asks(peer, status, header, &[&challenge(", qop=auth, opaque=\"opaque\"")], "");
        }
    });
    let url = with_user(&server.ws("/"));
    silent(&url, &Options::new()).abort();
    let by_server = refused(&url, &Options::new());
    let proxy = with_user(&format!("http://127.0.0.1:{}", server.port()));
    let options = Options::new().set(|api, o| (api.ws_options_set_proxy)(o, c(&proxy).as_ptr()));
    let by_proxy = refused("ws://far.invalid/", &options);
    (api().ws_set_log)(WS_LOG_LEVEL_OFF, None, ptr::null_mut());
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(lines.iter().any(|line| line.contains("asked again with Digest (MD5)")), "{lines:#?}");
    let heads = server.heads().join("\n");
    let responses = heads.split("response=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let secrets: Vec<&str> =
        ["anna", "se cret", "se%20cret", "YW5uYTpz", "opaque"].into_iter().chain(responses).collect();
    assert!(secrets.len() > 6, "{heads}");
    let told = [format!("{:?}", by_server.errors), format!("{:?}", by_proxy.errors)];
    for line in lines.iter().chain(&told) {
        // The server's own words may have what it has said itself.
        assert!(!secrets.iter().any(|secret| line.contains(secret)), "{line}");
    }
}
