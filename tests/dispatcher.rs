//! A dispatcher belongs to one thread and runs what that thread asks for, no more.

mod support;

use std::sync::Arc;
use std::thread;

use support::{arrived, script};
use ws4d_test_host::codes::*;
use ws4d_test_host::{Dispatcher, Host, api};
use ws4d_test_server::Server;

/// Runs `body` on another thread.
fn elsewhere<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(body).join().expect("no panic"))
}

#[test]
fn only_the_owner_dispatches_pulls_opens_and_closes() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    let ws = host.open(script(&server, "text:a,ping:sync"));
    arrived(&server, "sync");
    elsewhere(|| {
        assert_eq!(d.dispatch(0), WS_ERR_WRONG_THREAD);
        assert_eq!(d.wait(0), WS_ERR_WRONG_THREAD);
        assert_eq!(d.wait(-1), WS_ERR_WRONG_THREAD);
        assert_eq!(d.run(), WS_ERR_WRONG_THREAD);
        assert_eq!(d.next(0).err(), Some(WS_ERR_WRONG_THREAD));
        assert_eq!(d.close(), WS_ERR_WRONG_THREAD);
        let refused = host.to(server.ws("/echo")).named("b").try_open();
        let refused = refused.expect_err("not here");
        assert_eq!(refused.code(), WS_ERR_WRONG_THREAD);
        assert!(refused.entries[0].2.contains("use ws_new_async"), "{refused:?}");
    });
    assert_eq!(host.trace(), ["open", "b free"], "nothing else has changed");
    assert_eq!((d.dispatch(0), ws.status()), (1, WS_STATUS_CONNECTED));
}

#[test]
fn ws_new_async_works_on_a_dispatcher_of_another_thread() {
    let server = Server::start();
    let host = Host::new();
    let ws = elsewhere(|| host.open_async(server.ws("/echo")));
    host.run_until("open");
    assert_eq!(elsewhere(|| ws.send_text("from there")), WS_OK);
    host.run_until("message text from there");
    assert!(host.every_callback_ran_on(thread::current().id()));
}

#[test]
fn attach_hands_the_dispatcher_over() {
    let server = Server::start();
    let (host, there) = elsewhere(|| {
        let host = Host::new();
        let ws = host.open(script(&server, "echo:2"));
        assert_eq!(ws.send_text("first"), WS_OK);
        host.run_until("message text first");
        (host, thread::current().id())
    });
    let d = host.dispatcher();
    assert_eq!(d.dispatch(0), WS_ERR_WRONG_THREAD, "the thread is gone, but it was not this one");
    assert_eq!(d.attach(), WS_OK);
    host.to(server.ws("/close?code=1000")).named("b").open();
    host.run_until("b free");
    let entries = host.entries();
    assert!(entries[..2].iter().all(|entry| entry.thread == there));
    assert!(entries[2..].iter().all(|entry| entry.thread == thread::current().id()));
}

#[test]
fn a_dispatcher_in_use_is_not_handed_over() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    host.on("message", move |_| {
        assert_eq!(elsewhere(|| d.attach()), WS_ERR_WRONG_THREAD);
        assert_eq!(d.attach(), WS_ERR_WRONG_THREAD, "also not to its own thread");
    });
    host.on("open", move |_| assert_eq!(elsewhere(|| d.attach()), WS_ERR_WRONG_THREAD, "ws_new counts"));
    host.open(script(&server, "text:a"));
    host.run_until("message");
    assert_eq!(d.wait(0), 0, "still this thread's");
    assert_eq!(elsewhere(|| d.attach()), WS_OK);
    assert_eq!(d.wait(0), WS_ERR_WRONG_THREAD);
}

#[test]
fn dispatchers_that_share_a_thread_run_their_own_sockets_only() {
    let server = Server::start();
    let (left, right) = (Host::new(), Host::new());
    left.open(script(&server, "text:l,ping:left"));
    right.open(script(&server, "text:r,ping:right"));
    arrived(&server, "left");
    arrived(&server, "right");
    assert_eq!(left.dispatcher().dispatch(0), 1);
    assert_eq!(right.trace(), ["open"]);
    assert_eq!(right.dispatcher().dispatch(0), 1);
    assert_eq!(left.trace(), ["open", "message text l"]);
    assert_eq!(right.trace(), ["open", "message text r"]);
}

#[test]
fn dispatch_runs_at_most_as_many_as_it_is_told() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    host.open(script(&server, "text:1,text:2,text:3,text:4,text:5,ping:sync"));
    arrived(&server, "sync");
    assert_eq!(d.dispatch(2), 2);
    assert_eq!(host.trace(), ["open", "message text 1", "message text 2"]);
    assert_eq!(d.dispatch(1), 1);
    assert_eq!(d.dispatch(u32::MAX), 2);
    assert_eq!(d.dispatch(u32::MAX), 0);
    assert_eq!(host.count("message"), 5);
}

#[test]
fn dispatch_0_leaves_what_came_while_it_ran() {
    let server = Arc::new(Server::start());
    let host = Host::new();
    let d = host.dispatcher();
    host.to(script(&server, "text:1,text:2,ping:sync,expect,text:3,ping:a")).named("a").open();
    arrived(&server, "sync");
    let b = host.to(script(&server, "expect,text:1,ping:b")).named("b").open();
    let inside = Arc::clone(&server);
    host.once("a message", move |call| {
        assert_eq!((call.ws.send_text("go on"), b.send_text("go on")), (WS_OK, WS_OK));
        arrived(&inside, "a");
        arrived(&inside, "b");
    });
    assert_eq!(d.dispatch(0), 2);
    assert_eq!(host.trace(), ["a open", "b open", "a message text 1", "a message text 2"]);
    assert_eq!(d.dispatch(0), 2);
    assert_eq!((host.count("a message text 3"), host.count("b message text 1")), (1, 1));
}

/// The end was not deliverable when it was called, though other events of that socket were.
#[test]
fn dispatch_0_leaves_the_end_that_a_callback_brings_about() {
    let server = Server::start();
    let host = Host::new();
    host.once("1 message", |call| assert_eq!(call.ws.abort(), WS_OK));
    let script = script(&server, "text:a,text:b,text:c,ping:sync");
    host.to(&script).named("1").open();
    arrived(&server, "sync");
    assert_eq!(host.dispatch(), 1);
    assert_eq!(host.trace(), ["1 open", "1 message text a"]);
    assert_eq!((host.dispatch(), host.trace().last().unwrap().as_str()), (1, "1 free"));
}

#[test]
fn wait_returns_when_its_time_is_over() {
    let server = Server::start();
    let host = Host::new();
    host.open(server.ws("/idle"));
    assert_eq!(host.dispatcher().wait(0), 0);
    assert_eq!(host.dispatcher().wait(1), 0);
    assert_eq!(host.dispatcher().wait(-2), WS_ERR_INVALID_ARGUMENT);
    assert_eq!(host.dispatcher().next(0).unwrap().map(|_| ()), None);
    assert_eq!(host.dispatcher().next(-2).err(), Some(WS_ERR_INVALID_ARGUMENT));
}

#[test]
fn wait_for_ever_ends_with_the_first_event() {
    let server = Server::start();
    let host = Host::new();
    host.open(script(&server, "gate:go,text:a"));
    thread::scope(|scope| {
        scope.spawn(|| {
            server.wait_for(|event| matches!(event.seen, ws4d_test_server::Seen::Gate(_)));
            server.open_gate("go");
        });
        assert_eq!(host.dispatcher().wait(-1), 1);
    });
    assert_eq!(host.trace(), ["open", "message text a"]);
}

#[test]
fn run_ends_when_every_socket_has_terminated() {
    let server = Server::start();
    let host = Host::new();
    assert_eq!(host.dispatcher().run(), WS_OK, "with no socket at once");
    host.to(script(&server, "text:a,close:1000")).named("a").open();
    host.to(script(&server, "text:b,close:1000")).named("b").open_async();
    assert_eq!(host.dispatcher().run(), WS_OK);
    assert_eq!(host.trace_of("a"), ["open", "message text a", "terminate 1000 clean", "free"]);
    assert_eq!(host.trace_of("b"), ["open", "message text b", "terminate 1000 clean", "free"]);
}

#[test]
fn run_inside_a_callback_ends_when_every_other_socket_has_terminated() {
    let server = Server::start();
    let host = Host::new();
    let url = script(&server, "text:b,close:1000");
    host.once("a message text outer", move |call| {
        call.host.to(url.clone()).named("b").open_async();
        assert_eq!(call.host.dispatcher().run(), WS_OK);
        assert_eq!(call.host.count("b free"), 1);
        assert_eq!(call.ws.terminate(1000, ""), WS_OK);
    });
    host.to(script(&server, "text:outer")).named("a").open();
    assert_eq!(host.dispatcher().run(), WS_OK);
    assert_eq!(host.trace_of("a"), ["open", "message text outer", "terminate 1000 clean", "free"]);
}

#[test]
fn a_stale_or_foreign_dispatcher_is_refused_everywhere() {
    let server = Server::start();
    let gone = (api().ws_dispatcher_new)();
    assert_eq!(gone.close(), WS_OK);
    let host = Host::new();
    let ws = host.open(server.ws("/idle"));
    for d in [gone, Dispatcher::NULL, Dispatcher(ws.0), Dispatcher(0x1234_5678)] {
        assert_eq!(d.dispatch(0), WS_ERR_INVALID_HANDLE);
        assert_eq!(d.wait(0), WS_ERR_INVALID_HANDLE);
        assert_eq!(d.run(), WS_ERR_INVALID_HANDLE);
        assert_eq!(d.next(0).err(), Some(WS_ERR_INVALID_HANDLE));
        assert_eq!(d.stop(), WS_ERR_INVALID_HANDLE);
        assert_eq!(d.attach(), WS_ERR_INVALID_HANDLE);
        assert_eq!(d.close(), WS_ERR_INVALID_HANDLE);
        assert_eq!(d.fd(), -1);
    }
}

#[test]
fn no_event_is_missed_between_two_waits() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    for round in 0..50 {
        elsewhere(|| assert_eq!(ws.send_text(&round.to_string()), WS_OK));
        host.run_until_count("message", round + 1);
    }
    assert_eq!(host.count("message"), 50);
}
