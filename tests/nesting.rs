//! Dispatch may nest: other sockets go on, the one on the stack waits. And no socket starves another.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use support::{arrived, script};
use ws4d_test_host::codes::*;
use ws4d_test_host::{Host, Socket};
use ws4d_test_server::Server;

/// A socket with undelivered messages `1`, `2`, … that have arrived.
fn busy(server: &Server, host: &Host, name: &str, messages: usize) -> Socket {
    let texts: String = (1..=messages).map(|i| format!("text:{i},")).collect();
    let ws = host.to(script(server, &format!("{texts}ping:{name}"))).named(name).open();
    arrived(server, name);
    ws
}

#[test]
fn nested_dispatch_delivers_other_sockets_events_and_not_those_of_the_one_on_the_stack() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    host.once("a message", move |call| {
        assert_eq!(d.dispatch(0), 2);
        assert_eq!(call.host.count("b message"), 2);
        assert_eq!(d.dispatch(0), 0, "what is left waits for this callback");
        assert_eq!(d.wait(0), 0);
        assert_eq!(d.next(0).unwrap().map(|_| ()), None);
    });
    busy(&server, &host, "a", 2);
    busy(&server, &host, "b", 2);
    assert_eq!(d.dispatch(1), 1);
    assert_eq!(host.count("a message"), 1);
    assert_eq!(d.dispatch(0), 1);
    let order = ["a message text 1", "b message text 1", "b message text 2", "a message text 2"];
    assert_eq!(host.trace()[2..], order);
}

#[test]
fn an_end_waits_for_the_callback_on_the_stack_too() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    host.once("message", move |call| {
        assert_eq!(call.ws.abort(), WS_OK);
        assert_eq!(call.ws.status(), WS_STATUS_CLOSED);
        assert_eq!((d.dispatch(0), d.run()), (0, WS_OK), "run: every socket but this one has terminated");
        assert_eq!(call.host.count("terminate"), 0);
    });
    host.open(script(&server, "text:a,text:b,ping:sync"));
    arrived(&server, "sync");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message text a", "terminate 1006", "free"]);
}

#[test]
fn callbacks_of_one_socket_never_nest_however_deep_the_others_do() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    let names: Vec<String> = (0..10).map(|i| format!("s{i}")).collect();
    let all = Arc::new(AtomicI32::new(0));
    for name in &names {
        let (depth, all) = (AtomicI32::new(0), Arc::clone(&all));
        host.on(&format!("{name} message"), move |call| {
            assert_eq!(depth.fetch_add(1, Ordering::SeqCst), 0, "nested in itself");
            all.fetch_add(1, Ordering::SeqCst);
            d.dispatch(1);
            depth.fetch_sub(1, Ordering::SeqCst);
            assert!(call.ws.is_valid());
        });
        busy(&server, &host, name, 3);
    }
    while d.dispatch(0) > 0 {}
    assert_eq!(all.load(Ordering::SeqCst), 30);
    for name in &names {
        assert_eq!(host.trace_of(name), ["open", "message text 1", "message text 2", "message text 3"]);
    }
}

#[test]
fn every_callback_may_dispatch() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    for what in ["a open", "a message", "a pong", "a error", "a terminate", "a free"] {
        let what = what.to_owned();
        host.once(&what.clone(), move |call| {
            assert!(d.dispatch(1) >= 0);
            call.host.run_until_count("b message", 1);
            assert!(call.host.trace_of("a").last().unwrap().starts_with(&what[2..]), "still inside");
        });
    }
    busy(&server, &host, "b", 8);
    let a = host.to(script(&server, "expect,text:hi,gate:end,rst")).named("a").open();
    assert_eq!((a.ping("x"), a.send_text("go")), (WS_OK, WS_OK));
    host.run_until("a pong");
    host.run_until("a message");
    server.open_gate("end");
    host.run_until("a free");
    let order =
        ["open", "pong x", "message text hi", "error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"];
    assert_eq!(host.trace_of("a"), order);
}

#[test]
fn a_busy_socket_does_not_starve_another() {
    let server = Server::start();
    let host = Host::new();
    busy(&server, &host, "busy", 3000);
    busy(&server, &host, "quiet", 1);
    assert_eq!(host.dispatcher().dispatch(1000), 1000);
    assert_eq!(host.trace_of("quiet"), ["open", "message text 1"]);
    assert_eq!(host.dispatch(), 2001);
}

#[test]
fn a_busy_socket_does_not_starve_another_in_one_dispatch_of_all() {
    let server = Server::start();
    let host = Host::new();
    busy(&server, &host, "busy", 3000);
    busy(&server, &host, "quiet", 1);
    assert_eq!(host.dispatch(), 3001);
    let at = host.trace().iter().position(|line| line == "quiet message text 1").unwrap();
    assert!(at < 1000, "only at {at}");
}

#[test]
fn pulling_takes_turns_too() {
    let server = Server::start();
    let host = Host::pulling();
    busy(&server, &host, "busy", 300);
    busy(&server, &host, "quiet", 1);
    for _ in 0..100 {
        host.pull(0).expect("an event");
    }
    assert_eq!(host.trace_of("quiet"), ["open", "message text 1"]);
}

#[test]
fn per_socket_the_order_is_strict() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    for name in ["a", "b", "c"] {
        host.on(&format!("{name} message"), move |_| assert!(d.dispatch(2) >= 0));
        busy(&server, &host, name, 200);
    }
    while d.dispatch(7) > 0 {}
    for name in ["a", "b", "c"] {
        let expected: Vec<String> = std::iter::once("open".to_owned())
            .chain((1..=200).map(|i| format!("message text {i}")))
            .collect();
        assert_eq!(host.trace_of(name), expected);
    }
}
