//! Text that nobody judges: `ws_options_set_validate_utf8` with 0.

use crate::wire::{hex, refused};
use crate::{delivers_with, fails_with};
use std::ptr;
use ws4d_test_host::codes::*;
use ws4d_test_host::{Errors, Host, Options, Reconnector, api, c, name};
use ws4d_test_server::Server;

fn unjudged(data_type: i32) -> Options {
    Options::new()
        .set(|api, o| (api.ws_options_set_validate_utf8)(o, 0))
        .set(|api, o| (api.ws_options_set_data_type)(o, data_type))
}

#[test]
fn text_that_is_not_utf_8_arrives_as_a_blob_where_that_was_asked_for() {
    let latin = hex(b"caf\xe9");
    let commands = format!("frame:81:{latin},frame:01:{latin},frame:80:ff,text:caf,frame:82:{latin}");
    let blobs =
        ["message blob 636166e9", "message blob 636166e9ff", "message blob 636166", "message blob 636166e9"];
    delivers_with(unjudged(WS_DATA_TYPE_BLOB), &commands, &blobs);
}

#[test]
fn as_a_blob_it_is_refused_by_default() {
    let blobs = Options::new().set(|api, o| (api.ws_options_set_data_type)(o, WS_DATA_TYPE_BLOB));
    let commands = format!("frame:81:{}", hex(b"caf\xe9"));
    fails_with(&Server::start(), blobs, &commands, &[], "WS_ERR_PROTOCOL", "UTF-8", 1007);
}

#[test]
fn what_is_sent_and_the_reason_of_a_close_frame_are_judged_all_the_same() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.to(server.ws("/echo")).with(unjudged(WS_DATA_TYPE_BLOB)).open();
    assert_eq!(name((api().ws_send_text)(ws, b"caf\xe9".as_ptr().cast(), 4)), "WS_ERR_INVALID_UTF8");
    let commands = format!("frame:88:03e8{}", hex(b"caf\xe9"));
    let options = unjudged(WS_DATA_TYPE_BLOB);
    fails_with(&server, options, &commands, &[], "WS_ERR_PROTOCOL", "UTF-8", 1007);
}

#[test]
fn unjudged_text_arrives_as_blobs_or_the_options_are_refused() {
    let server = Server::start();
    for data_type in [WS_DATA_TYPE_TEXT, WS_DATA_TYPE_OBJECT] {
        let options = unjudged(data_type);
        let url = server.ws("/echo");
        refused(&url, &options).assert("WS_ERR_INVALID_ARGUMENT", "ws_options_set_validate_utf8");
        let mut errors = ptr::null_mut();
        let ws = (api().ws_new_async)(c(&url).as_ptr(), ptr::null(), options.0, &mut errors);
        assert!(!ws.is_valid());
        assert_eq!(Errors::take(errors).name(), "WS_ERR_INVALID_ARGUMENT");
        let (url, mut errors) = (c(&url), ptr::null_mut());
        let r = (api().ws_reconnector_new)(url.as_ptr(), ptr::null(), options.0, ptr::null(), &mut errors);
        assert!(r == Reconnector(0));
        assert_eq!(Errors::take(errors).name(), "WS_ERR_INVALID_ARGUMENT");
    }
    let options = Options::new();
    assert_eq!(name((api().ws_options_set_validate_utf8)(options.0, 2)), "WS_ERR_INVALID_ARGUMENT");
}
