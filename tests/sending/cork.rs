//! Corking: messages are held back until uncork, terminate or a full buffer, and control frames are not.

use crate::wire::{Relay, close_seen, silent, texts, wait_texts};
use crate::{messages, send_buffer};
use ws4d_test_host::{Host, Options, name};
use ws4d_test_server::{Seen, Server};

#[test]
fn a_cork_holds_messages_back_and_no_pings() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    assert_eq!(name(ws.cork()), "WS_OK");
    ws.send_text("one");
    ws.send_text(&"x".repeat(10_000));
    ws.ping("past");
    host.run_until("pong past");
    assert!(texts(&server.log()).is_empty(), "the ping was first, and nothing came with it");
    assert_eq!(name(ws.uncork()), "WS_OK");
    ws.send_text("three");
    assert_eq!(wait_texts(&server, 3), ["one", &"x".repeat(10_000), "three"]);
    host.run_until_count("message", 3);
}

#[test]
fn an_automatic_pong_is_not_held_back() {
    let server = Server::start();
    let ws = silent(&server.ws("/script?do=expect,ping:now"), &Options::new());
    ws.send_text("go");
    ws.cork();
    ws.send_text("held");
    server.wait_for(|event| event.seen == Seen::Pong(b"now".to_vec()));
    assert_eq!(texts(&server.log()), ["go"]);
    ws.abort();
}

#[test]
fn corks_do_not_nest() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    ws.cork();
    ws.cork();
    ws.send_text("held");
    ws.uncork();
    host.run_until("message text held");
    assert_eq!(name(ws.uncork()), "WS_OK", "not corked: nothing to do");
    ws.send_text("free");
    host.run_until("message text free");
}

#[test]
fn a_full_buffer_uncorks() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.to(server.ws("/echo")).with(send_buffer(10_000)).open();
    ws.cork();
    for i in 0..9 {
        assert_eq!(name(ws.send_blob(&[i; 1000])), "WS_OK");
    }
    ws.ping("held so far");
    host.run_until("pong held so far");
    assert_eq!(host.count("message"), 0);
    assert_eq!(name(ws.send_blob(&[9; 1000])), "WS_OK");
    host.run_until_count("message", 10);
    assert_eq!(messages(&server, 10), (0..10).map(|i| vec![i; 1000]).collect::<Vec<_>>());
}

/// Whoever was told to wait is told when there is room, corked or not.
#[test]
fn a_buffer_that_is_full_before_the_cork_is_not_held() {
    let server = Server::start();
    for cork_first in [true, false] {
        let relay = Relay::closed(server.ws_port());
        let host = Host::new();
        let ws = host.to(relay.ws("/echo")).with(send_buffer(300)).open_async();
        assert_eq!(name(ws.send_blob(&[1; 5000])), "WS_OK");
        let refused = || assert_eq!(name(ws.send_text("too much")), "WS_ERR_WOULD_BLOCK");
        if !cork_first {
            refused();
        }
        assert_eq!(name(ws.cork()), "WS_OK");
        if cork_first {
            refused();
        }
        relay.open();
        host.run_until("drain");
        host.run_until("message blob 5000 bytes");
    }
}

#[test]
fn a_message_that_pings_leave_no_room_for_ends_the_cork() {
    let server = Server::start();
    let relay = Relay::closed(server.ws_port());
    let host = Host::new();
    let ws = host.to(relay.ws("/echo")).with(send_buffer(300)).open_async();
    assert_eq!(name(ws.cork()), "WS_OK");
    assert_eq!(name(ws.send_blob(&[1; 200])), "WS_OK");
    assert_eq!(name(ws.ping("fills it")), "WS_OK");
    assert_eq!(name(ws.send_text("too much")), "WS_ERR_WOULD_BLOCK");
    relay.open();
    host.run_until("drain");
    host.run_until("message blob 200 bytes");
}

#[test]
fn terminate_uncorks_and_the_close_frame_is_last() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/script?do="));
    ws.cork();
    ws.send_text("one");
    ws.send_text("two");
    ws.terminate(4000, "bye");
    assert_eq!(close_seen(&server), (Some(4000), "bye".to_owned()));
    assert_eq!(texts(&server.log()), ["one", "two"]);
    host.run_until("free");
    assert_eq!(name(ws.cork()), "WS_ERR_CLOSED");
    assert_eq!(name(ws.uncork()), "WS_ERR_CLOSED");
}

#[test]
fn abort_loses_what_is_corked() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    ws.cork();
    ws.send_text("lost");
    ws.abort();
    host.run_until("free");
    assert_eq!(ws.buffered_amount(), 0);
    server.wait_until_idle();
    assert!(texts(&server.log()).is_empty());
}

#[test]
fn a_socket_may_be_corked_before_it_is_open() {
    let server = Server::start();
    let relay = Relay::closed(server.ws_port());
    let host = Host::new();
    let ws = host.open_async(relay.ws("/echo"));
    assert_eq!(name(ws.cork()), "WS_OK");
    ws.send_text("held");
    ws.ping("past");
    relay.open();
    host.run_until("pong past");
    assert_eq!(host.trace(), ["open", "pong past"]);
    ws.uncork();
    host.run_until("message text held");
}

/// `ws_cork`: inside a callback on an I/O thread a cork is implied.
#[test]
fn what_a_callback_on_the_io_thread_sends_leaves_in_order_when_it_returns() {
    let server = Server::start();
    let host = Host::inline();
    host.once("open", |call| {
        for i in 0..100 {
            assert_eq!(name(call.ws.send_text(&i.to_string())), "WS_OK");
        }
        assert_eq!(call.ws.buffered_amount(), (10 * 65) + (90 * 66), "held until this returns");
        call.ws.ping("p");
    });
    host.open(server.ws("/echo"));
    host.run_until_count("message", 100);
    host.run_until("pong p");
    assert_eq!(wait_texts(&server, 100), (0..100).map(|i| i.to_string()).collect::<Vec<_>>());
}
