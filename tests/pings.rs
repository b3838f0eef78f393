//! The server's pings, for a host that wants to know of them: `on_ping`, and `ping_events` for who pulls.

mod support;

use std::ptr;
use std::sync::mpsc::channel;
use support::script;
use ws4d_test_host::codes::*;
use ws4d_test_host::{Host, Options, RawBatch, api};
use ws4d_test_server::{Seen, Server};

fn ping_events() -> Options {
    Options::new().set(|api, o| (api.ws_options_set_ping_events)(o, 1))
}

#[test]
fn a_ping_comes_with_its_payload_in_its_place() {
    let server = Server::start();
    let host = Host::new();
    host.on("ping", |call| {
        assert_eq!(call.event.kind(), WS_EVENT_TYPE_PING);
        assert!((api().ws_event_time_us)(call.event.0) > 0);
    });
    host.to(script(&server, "text:a,ping:one,text:b,ping:,text:c")).with_pings().open();
    host.run_until("message text c");
    let expected = ["open", "message text a", "ping one", "message text b", "ping", "message text c"];
    assert_eq!(host.trace(), expected);
    server.wait_for(|event| event.seen == Seen::Pong(b"one".to_vec()));
}

#[test]
fn without_on_ping_it_is_answered_and_not_told() {
    let server = Server::start();
    let host = Host::new();
    host.open(script(&server, "ping:one,text:a"));
    host.run_until("message");
    assert_eq!(host.trace(), ["open", "message text a"]);
    server.wait_for(|event| event.seen == Seen::Pong(b"one".to_vec()));
}

#[test]
fn the_server_has_its_pong_although_on_ping_does_not_return() {
    for make in [Host::inline, Host::new] {
        let server = Server::start();
        let host = make();
        let (answered, answer) = channel();
        host.once("ping", move |_| answer.recv().expect("the test sends it"));
        host.to(script(&server, "gate:go,ping:now")).with_pings().open();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                server.open_gate("go");
                server.wait_for(|event| event.seen == Seen::Pong(b"now".to_vec()));
                answered.send(()).expect("on_ping waits");
            });
            host.run_until("ping now");
        });
    }
}

#[test]
fn a_pause_holds_messages_and_no_ping_before_them() {
    let server = Server::start();
    let host = Host::new();
    host.once("open", |call| assert_eq!(call.ws.pause(), WS_OK));
    let ws = host.to(script(&server, "ping:first,text:held,ping:behind")).with_pings().open();
    host.run_until("ping first");
    server.wait_for(|event| event.seen == Seen::Pong(b"behind".to_vec()));
    host.dispatch();
    assert_eq!(host.trace(), ["open", "ping first"]);
    assert_eq!(ws.resume(), WS_OK);
    host.run_until("ping behind");
    assert_eq!(host.trace()[2..], ["message text held", "ping behind"]);
}

#[test]
fn pings_are_pulled_where_the_option_is_on() {
    let server = Server::start();
    for (options, expected) in [
        (ping_events(), vec!["open", "message text a", "ping one", "terminate 1000 clean", "free"]),
        (Options::new(), vec!["open", "message text a", "terminate 1000 clean", "free"]),
    ] {
        let host = Host::pulling();
        host.to(script(&server, "text:a,ping:one,close:1000")).with(options).open_async();
        host.run_until("free");
        assert_eq!(host.trace(), expected);
    }
}

#[test]
fn pings_are_in_batches_with_their_payload() {
    let server = Server::start();
    let host = Host::pulling();
    host.to(script(&server, "text:a,ping:one,text:b")).with(ping_events()).open();
    let mut kinds = Vec::new();
    while kinds.len() < 3 {
        let mut batch: *mut RawBatch = ptr::null_mut();
        assert!((api().ws_dispatcher_next_batch)(host.dispatcher(), 20_000, 100, &mut batch) >= 0);
        let mut count = 0;
        let items = (api().ws_batch_items)(batch, &mut count);
        for at in 0..count {
            // SAFETY: `count` items, which live as long as the batch.
            let item = unsafe { *items.add(at) };
            kinds.push(item.kind);
            if item.kind == WS_EVENT_TYPE_PING {
                // SAFETY: so many bytes, which live as long as the batch.
                let data = unsafe { std::slice::from_raw_parts(item.data.cast::<u8>(), item.len) };
                assert_eq!((data, item.data_type), (&b"one"[..], WS_DATA_TYPE_TEXT));
            }
        }
        (api().ws_batch_free)(batch);
    }
    assert_eq!(kinds, [WS_EVENT_TYPE_MESSAGE, WS_EVENT_TYPE_PING, WS_EVENT_TYPE_MESSAGE]);
}

/// Each counts its bytes and 64 against the receive buffer, so that a flood of pings that nobody takes is not read on.
#[test]
fn a_flood_of_pings_is_bounded_by_the_receive_buffer() {
    const PINGS: usize = 20_000;
    let server = Server::start();
    let host = Host::new();
    let small = Options::new().set(|api, o| (api.ws_options_set_receive_buffer_size)(o, 10_000));
    let ws =
        host.to(script(&server, &format!("ping*{PINGS}:12345678,text:last"))).with(small).with_pings().open();
    while host.count("message") == 0 {
        let waiting = ws.stats().receive_buffered;
        assert!(waiting <= 10_000 + 72, "{waiting}");
        assert!(host.dispatcher().wait(20_000) >= 0);
    }
    assert_eq!(host.count("ping"), PINGS);
}
