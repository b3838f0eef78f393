//! Messages over the limit: refused at the header that shows it, with nothing allocated ahead. `docs/hostile.md`,
//! line 15.

use crate::wire::{close_seen, script};
use crate::{delivers, fails, fails_with};
use ws4d_test_host::{Host, Options};
use ws4d_test_server::Server;

fn limited(bytes: usize) -> Options {
    Options::new().set(|api, o| (api.ws_options_set_max_message_size)(o, bytes))
}

#[test]
fn a_message_of_the_limit_is_delivered_and_one_byte_more_is_1009() {
    let server = Server::start();
    let fits = ["message text 1000 bytes", "message blob 1000 bytes", "message blob 1000 bytes"];
    let commands = "text_size:1000,binary_size:1000,cork,frame:02:00,frame*999:00:01,frame:80:,uncork";
    let too_large = format!("{commands},text_size:1001");
    fails_with(&server, limited(1000), &too_large, &fits, "WS_ERR_TOO_LARGE", "1000", 1009);
    let fragments = "frame:02:00,cork,frame*999:00:01,uncork,frame:80:01";
    fails_with(
        &server,
        limited(1000),
        fragments,
        &[],
        "WS_ERR_TOO_LARGE",
        "ws_options_set_max_message_size",
        1009,
    );
}

#[test]
fn small_messages_have_a_limit_too() {
    let server = Server::start();
    fails_with(
        &server,
        limited(5),
        "text:hello,text:larger",
        &["message text hello"],
        "WS_ERR_TOO_LARGE",
        "5",
        1009,
    );
    fails_with(&server, limited(1), "text:a,frag:b|c", &["message text a"], "WS_ERR_TOO_LARGE", "1", 1009);
}

#[test]
fn control_frames_are_no_messages() {
    let server = Server::start();
    let host = Host::new();
    host.to(script(&server, "ping:longer%20than%20that,text:x,close:4000:longer%20than%20that"))
        .with(limited(1))
        .open();
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message text x", "terminate 4000 longer than that clean", "free"]);
}

/// The server holds back all that the header has announced.
#[test]
fn a_header_that_announces_too_much_is_enough() {
    for header in ["82 7e 03e9", "82 7f 0000000000010000", "82 7f 7fffffffffffffff", "82 7f 0000000100000000"]
    {
        let server = Server::start();
        let host = Host::new();
        let raw = header.replace(' ', "");
        host.to(script(&server, &format!("raw:{raw},gate:rest"))).with(limited(1000)).open();
        host.run_until("error WS_ERR_TOO_LARGE");
        server.open_gate("rest");
        assert_eq!(close_seen(&server).0, Some(1009), "{header}");
    }
}

#[test]
fn by_default_64_mib_are_the_limit() {
    let server = Server::start();
    fails(&server, "raw:827f0000000004000001", &[], "WS_ERR_TOO_LARGE", "67108864", 1009);
    fails(&server, "raw:827f7fffffffffffffff", &[], "WS_ERR_TOO_LARGE", "67108864", 1009);
    delivers("binary_size:67108864", &["message blob 67108864 bytes"]);
}

#[test]
fn without_a_limit_a_message_may_be_larger() {
    let server = Server::start();
    let host = Host::new();
    host.to(script(&server, "binary_size:70000000,close:1000:")).with(limited(0)).open();
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message blob 70000000 bytes", "terminate 1000 clean", "free"]);
}

/// Without a limit the announced length is believed, but nothing is allocated ahead of what comes.
#[test]
fn a_length_of_2_to_the_63_allocates_nothing_ahead() {
    let server = Server::start();
    for first in ["82", "81", "01", "02"] {
        let host = Host::new();
        let commands = format!("raw:{first}7f7fffffffffffffff,text_size:1000,gate:more,text_size:1000,drop");
        host.to(script(&server, &commands)).with(limited(0)).open();
        server.open_gate("more");
        host.run_until("free");
        // Read as the payload of a text, the headers of the frames that follow are no UTF-8.
        let error =
            if first.ends_with('1') { "error WS_ERR_PROTOCOL" } else { "error WS_ERR_CONNECTION_RESET" };
        assert_eq!(host.trace(), ["open", error, "terminate 1006", "free"], "{first}");
    }
}
