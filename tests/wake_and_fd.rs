//! How a host's own loop learns that there is something to dispatch.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use support::{arrived, script};
use ws4d_test_host::codes::*;
use ws4d_test_host::{Dispatcher, Host, api, text};
use ws4d_test_server::Server;

/// The dispatcher's descriptor, asked for once: to ask again might bring it up to date.
#[derive(Clone, Copy)]
struct Descriptor(i32);

impl Descriptor {
    fn of(d: Dispatcher) -> Descriptor {
        let fd = d.fd();
        assert!(fd >= 0);
        Descriptor(fd as i32)
    }

    /// At once, or within `timeout_ms`.
    fn readable(self, timeout_ms: i32) -> bool {
        let mut poll = libc::pollfd { fd: self.0, events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd, alive through the call.
        let count = unsafe { libc::poll(&mut poll, 1, timeout_ms) };
        assert!(count >= 0 && poll.revents & !libc::POLLIN == 0, "{poll:?}");
        count == 1
    }
}

const LONG: i32 = 20_000;

#[test]
fn wake_is_called_when_events_appear_where_there_were_none() {
    let server = Server::start();
    let host = Host::with_wake();
    let ws = host.open(script(&server, "gate:go,text:1,text:2,ping:sync,expect,text:3,ping:more"));
    assert_eq!(host.wakes(), 0, "the OPEN that ws_new consumes wakes nobody");
    server.open_gate("go");
    host.wait_for_wakes(1);
    arrived(&server, "sync");
    assert_eq!(host.wakes(), 1, "once for all that appears");
    assert_eq!(host.dispatch(), 2);
    assert_eq!(host.wakes(), 1, "nothing is left");
    assert_eq!(ws.send_text("more"), WS_OK);
    arrived(&server, "more");
    host.wait_for_wakes(2);
    assert_eq!(host.dispatch(), 1);
    assert_eq!(host.wakes(), 2);
}

#[test]
fn the_open_of_ws_new_async_wakes() {
    let server = Server::start();
    let host = Host::with_wake();
    host.open_async(server.ws("/echo"));
    host.wait_for_wakes(1);
    assert_eq!((host.dispatch(), host.trace()), (1, vec!["open".to_owned()]));
}

#[test]
fn what_arrived_during_ws_new_wakes_once_it_is_deliverable() {
    let server = Server::start();
    let host = Host::with_wake();
    let (fd, server) = (Descriptor::of(host.dispatcher()), Arc::new(server));
    let inside = Arc::clone(&server);
    host.on("open", move |call| {
        arrived(&inside, "sync");
        assert_eq!((call.host.wakes(), fd.readable(0)), (0, false));
    });
    host.open(server.ws("/glued?do=text:early,ping:sync"));
    assert_eq!((host.wakes(), fd.readable(0)), (1, true), "the last act of ws_new");
    assert_eq!(host.dispatch(), 1);
}

#[test]
fn a_dispatch_that_leaves_events_wakes_again_as_its_last_act() {
    let server = Server::start();
    let host = Host::with_wake();
    let inside = Arc::new(AtomicBool::new(false));
    let in_callback = Arc::clone(&inside);
    host.on("message", move |call| {
        in_callback.store(true, Ordering::SeqCst);
        assert!(call.host.dispatcher().fd() >= 0);
        in_callback.store(false, Ordering::SeqCst);
    });
    host.open(script(&server, "text:1,text:2,text:3,ping:sync"));
    arrived(&server, "sync");
    assert_eq!(host.wakes(), 1);
    host.on_wake(move || assert!(!inside.load(Ordering::SeqCst)));
    assert_eq!((host.dispatcher().dispatch(1), host.wakes()), (1, 2));
    assert_eq!((host.dispatcher().dispatch(1), host.wakes()), (1, 3));
    assert_eq!((host.dispatcher().dispatch(1), host.wakes()), (1, 3), "none is left");
}

#[test]
fn wait_and_run_that_leave_events_wake_too_and_next_does_not() {
    let server = Server::start();
    let host = Host::with_wake();
    let d = host.dispatcher();
    let fd = Descriptor::of(d);
    host.on("message", move |_| assert_eq!(d.stop(), WS_OK));
    host.open(script(&server, "text:1,text:2,text:3,text:4,ping:sync"));
    arrived(&server, "sync");
    assert_eq!(host.wakes(), 1);
    assert_eq!((d.wait(-1), host.wakes()), (1, 2));
    assert_eq!((d.run(), host.wakes()), (WS_OK, 3));
    let pulled = d.next(0).unwrap().expect("the third message");
    assert_eq!((pulled.1.describe().as_str(), host.wakes()), ("message text 3", 3));
    assert!(fd.readable(0), "the descriptor needs no such care");
}

#[test]
fn a_nested_dispatch_that_leaves_events_wakes() {
    let server = Server::start();
    let host = Host::with_wake();
    let d = host.dispatcher();
    host.once("a message", move |call| {
        let before = call.host.wakes();
        assert_eq!((d.dispatch(1), call.host.wakes()), (1, before + 1), "one of b is left");
        assert_eq!((d.dispatch(1), call.host.wakes()), (1, before + 1), "that of a is not deliverable");
    });
    for name in ["a", "b"] {
        host.to(script(&server, &format!("text:1,text:2,ping:{name}"))).named(name).open();
        arrived(&server, name);
    }
    let before = host.wakes();
    assert_eq!(d.dispatch(1), 1);
    assert_eq!(host.wakes(), before + 2, "the second message of a was left");
    assert_eq!(d.dispatch(0), 1);
}

#[test]
fn no_wake_for_what_is_paused_and_one_at_resume() {
    let server = Server::start();
    let host = Host::with_wake();
    let fd = Descriptor::of(host.dispatcher());
    let ws = host.open(script(&server, "gate:go,text:1,ping:sync"));
    assert_eq!(ws.pause(), WS_OK);
    server.open_gate("go");
    arrived(&server, "sync");
    assert_eq!((host.wakes(), fd.readable(0)), (0, false));
    assert_eq!(ws.resume(), WS_OK);
    assert_eq!((host.wakes(), fd.readable(0)), (1, true));
    assert_eq!(ws.pause(), WS_OK);
    assert!(!fd.readable(0));
}

#[test]
fn wake_may_call_readers_on_whatever_thread_it_runs() {
    let server = Server::start();
    let host = Host::with_wake();
    let ws = host.open(script(&server, "gate:go,text:1,text:2,ping:sync"));
    host.on_wake(move || {
        assert!(ws.status() >= WS_STATUS_CONNECTED && !ws.user_data().is_null() && ws.is_valid());
        assert!((api().ws_get_id)(ws) > 0 && text((api().ws_get_url)(ws)).is_some());
        assert_eq!(text((api().ws_result_name)(-20)).as_deref(), Some("WS_ERR_CLOSED"));
        let _ = (ws.buffered_amount(), (api().ws_get_peer_address)(ws));
    });
    server.open_gate("go");
    arrived(&server, "sync");
    host.wait_for_wakes(1);
    assert_eq!((ws.pause(), ws.resume(), host.wakes()), (WS_OK, WS_OK, 2));
    assert_eq!((host.dispatcher().dispatch(1), host.wakes()), (1, 3));
    assert_eq!((ws.abort(), host.wakes()), (WS_OK, 3));
}

#[test]
fn no_wake_runs_or_ever_will_once_close_has_returned() {
    let server = Server::start();
    for round in 0..10 {
        let host = Host::with_wake();
        let (entered, is_entered) = mpsc::channel();
        let (leave, may_leave) = mpsc::channel::<()>();
        let may_leave = std::sync::Mutex::new(may_leave);
        let inside = Arc::new(AtomicBool::new(false));
        let waking = Arc::clone(&inside);
        host.on_wake(move || {
            waking.store(true, Ordering::SeqCst);
            let _ = entered.send(());
            let _ = may_leave.lock().unwrap().recv();
            waking.store(false, Ordering::SeqCst);
        });
        let gate = format!("go{round}");
        host.open(script(&server, &format!("gate:{gate},text*100:x")));
        server.open_gate(&gate);
        is_entered.recv().unwrap();
        let other = thread::spawn(move || drop(leave));
        assert_eq!(host.dispatcher().close(), WS_OK);
        assert!(!inside.load(Ordering::SeqCst));
        let wakes = host.wakes();
        other.join().unwrap();
        server.wait_until_idle();
        assert_eq!((host.wakes(), host.trace().last().unwrap().as_str()), (wakes, "free"));
    }
}

#[test]
fn the_descriptor_is_readable_exactly_while_events_are_deliverable() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    let fd = Descriptor::of(d);
    let ws = host.open(script(&server, "gate:go,text:1,text:2,ping:sync,expect,text:3"));
    assert!(!fd.readable(0), "the OPEN that ws_new consumes does not count");
    server.open_gate("go");
    assert!(fd.readable(LONG));
    arrived(&server, "sync");
    assert!(fd.readable(0) && fd.readable(0), "level-triggered");
    assert_eq!((d.dispatch(1), fd.readable(0)), (1, true));
    assert_eq!((d.dispatch(1), fd.readable(0)), (1, false));
    assert_eq!(ws.send_text("more"), WS_OK);
    assert!(fd.readable(LONG));
    assert!(d.next(0).unwrap().is_some() && !fd.readable(0), "pulled");
}

#[test]
fn the_descriptor_that_is_asked_for_late_knows_what_waits() {
    let server = Server::start();
    let host = Host::new();
    host.open(script(&server, "text:1,ping:sync"));
    arrived(&server, "sync");
    assert!(Descriptor::of(host.dispatcher()).readable(0));
    assert_eq!(host.dispatcher().fd(), host.dispatcher().fd());
}

#[test]
fn inside_callbacks_the_descriptor_speaks_of_the_other_sockets() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    let fd = Descriptor::of(d);
    assert!(!fd.readable(0));
    host.once("a message", move |_| {
        assert!(fd.readable(0), "b has two");
        assert_eq!((d.dispatch(1), fd.readable(0)), (1, true));
        assert_eq!((d.dispatch(1), fd.readable(0)), (1, false), "a has one more, but is on the stack");
    });
    host.on("b message text 2", move |_| assert!(!fd.readable(0)));
    for name in ["a", "b"] {
        host.to(script(&server, &format!("text:1,text:2,ping:{name}"))).named(name).open();
        arrived(&server, name);
    }
    assert_eq!((d.dispatch(1), fd.readable(0)), (1, true), "it has returned");
    assert_eq!((d.dispatch(0), fd.readable(0)), (1, false));
}

#[test]
fn the_end_of_a_socket_takes_its_events_from_the_descriptor() {
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    let fd = Descriptor::of(d);
    let ws = host.open(script(&server, "text:1,text:2,ping:sync"));
    arrived(&server, "sync");
    assert!(fd.readable(0));
    ws.abort();
    assert!(fd.readable(0), "TERMINATE");
    assert_eq!((d.dispatch(0), fd.readable(0)), (1, false));
}

/// `docs/hostile.md`, line 23: a host that drops its wake-ups, or heeds them late, has lost nothing but time.
#[test]
fn a_host_that_drops_every_wake_gets_all_at_its_next_dispatch() {
    let server = Server::start();
    let host = Host::with_wake();
    let ws = host.open(script(&server, "text:1,ping:one,text:2,ping:two,expect,close:4000:bye"));
    arrived(&server, "one");
    arrived(&server, "two");
    assert_eq!(ws.send_text("go"), WS_OK);
    host.wait_for_wakes(1);
    // Nobody dispatched meanwhile, and nobody is woken again for what joins events that wait.
    while host.count("free") == 0 {
        host.dispatch();
    }
    assert_eq!(
        host.trace(),
        ["open", "message text 1", "message text 2", "terminate 4000 bye clean", "free"]
    );
}
