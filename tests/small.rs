//! A library for a small host: without compression, and with ring for TLS (docs/building.md). The other tests run with it as
//! well; what needs what it does not have is not built there.

#![cfg(not(feature = "compression"))]

#[path = "wire/mod.rs"]
mod wire;

use std::sync::{Arc, Mutex};
use ws4d_test_host::codes::{WS_ERR_INVALID_ARGUMENT, WS_ERR_UNSUPPORTED, WS_OK};
use ws4d_test_host::{Host, Options, api, c};
use ws4d_test_server::Server;

use wire::{RawServer, head_value, refused};

#[test]
fn what_needs_compression_is_unsupported_and_a_wrong_value_is_still_called_wrong() {
    let api = api();
    let options = Options::new();
    assert_eq!((api.ws_options_set_compression)(options.0, 0), WS_OK, "none is what there is");
    assert_eq!((api.ws_options_set_compression)(options.0, 1), WS_ERR_UNSUPPORTED);
    assert_eq!((api.ws_options_set_compression)(options.0, 10), WS_ERR_INVALID_ARGUMENT);
    assert_eq!((api.ws_options_set_compression_memory)(options.0, 5), WS_ERR_UNSUPPORTED);
    assert_eq!((api.ws_options_set_compression_memory)(options.0, 0), WS_ERR_INVALID_ARGUMENT);
    assert_eq!((api.ws_options_set_compression_window_bits)(options.0, 15, 15), WS_ERR_UNSUPPORTED);
    assert_eq!((api.ws_options_set_compression_window_bits)(options.0, 7, 15), WS_ERR_INVALID_ARGUMENT);
    assert_eq!((api.ws_options_set_compression_context_takeover)(options.0, 1, 1), WS_ERR_UNSUPPORTED);
    assert_eq!((api.ws_options_set_compression_min_size)(options.0, 128), WS_ERR_UNSUPPORTED);
}

#[test]
fn no_extension_is_offered_and_one_that_comes_unasked_is_refused() {
    let offered = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&offered);
    let server = RawServer::start(move |peer| {
        let head = peer.head();
        *seen.lock().unwrap() = Some(head_value(&head, "Sec-WebSocket-Extensions"));
        peer.accept(&head, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
        peer.wait_for_the_end();
    });
    refused(&server.ws("/"), &Options::new()).assert("WS_ERR_HANDSHAKE", "extension that was not offered");
    assert_eq!(*offered.lock().unwrap(), Some(None));
}

#[test]
fn messages_of_every_size_come_back_over_ws_and_wss() {
    let server = Server::start();
    let ca = c(&server.ca_file().display().to_string());
    for url in [server.ws("/echo"), server.wss("/echo")] {
        let host = Host::new();
        let trusting = Options::new().set(|api, o| (api.ws_options_set_ca_file)(o, ca.as_ptr()));
        let ws = host.to(url).with(trusting).open();
        // The last one takes several frames.
        for text in ["h", "hello, world", &"hello ".repeat(100_000)] {
            assert_eq!(ws.send_text(text), WS_OK);
        }
        host.run_until_count("message", 3);
        ws.terminate(1000, "bye");
        host.run_until("free");
        assert_eq!(
            host.trace(),
            [
                "open",
                "message text h",
                "message text hello, world",
                "message text 600000 bytes",
                "terminate 1000 bye clean",
                "free"
            ]
        );
    }
}
