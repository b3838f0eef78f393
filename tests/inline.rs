//! With no dispatcher, callbacks run on the library's I/O thread.

mod support;

use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc;
use std::thread;

use support::script;
use ws4d_test_host::codes::*;
use ws4d_test_host::{Errors, Host, Options, OptionsToken, RawHandler, Socket, api, c};
use ws4d_test_server::Server;

#[test]
fn callbacks_run_on_the_io_thread_and_on_open_before_ws_new_returns() {
    let server = Server::start();
    let host = Host::inline();
    let ws = host.open(server.ws("/echo"));
    assert_eq!(host.trace(), ["open"]);
    ws.send_text("hello");
    host.run_until("message text hello");
    ws.terminate(1000, "bye");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message text hello", "terminate 1000 bye clean", "free"]);
    assert!(host.no_callback_ran_on(thread::current().id()));
    assert!(host.every_callback_ran_on(host.entries()[0].thread), "one thread by default");
}

#[test]
fn a_failure_of_ws_new_is_freed_on_the_calling_thread_or_before_it_returns() {
    let server = Server::start();
    let host = Host::inline();
    let refused = host.to(format!("ws://127.0.0.1:{}/", server.closed_port())).try_open();
    assert_eq!(refused.expect_err("nobody listens").code(), WS_ERR_CONNECTION_REFUSED);
    assert_eq!(host.trace(), ["free"]);
}

#[test]
fn callbacks_never_overlap_and_keep_the_order() {
    let server = Server::start();
    let host = Host::inline();
    let running = AtomicI32::new(0);
    host.on("message", move |_| {
        assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0);
        thread::yield_now();
        running.fetch_sub(1, Ordering::SeqCst);
    });
    host.open_async(server.ws("/flood?n=2000&size=8&seq=1"));
    host.run_until("free");
    let texts: Vec<String> = host
        .trace()
        .into_iter()
        .filter_map(|line| Some(line.strip_prefix("message text ")?.to_owned()))
        .collect();
    let expected: Vec<String> = (0..2000).map(|i| format!("{i:08}")).collect();
    assert!(texts == expected, "{:?}", &texts[..10]);
    assert_eq!(host.count("terminate 1000 done clean"), 1);
}

#[test]
fn ws_new_inside_a_callback_would_wait_for_itself_and_is_refused() {
    let server = Server::start();
    let host = Host::inline();
    let url = server.ws("/echo");
    host.once("a message", move |call| {
        let refused = call.host.to(url.clone()).named("b").try_open();
        assert_eq!(refused.expect_err("on the I/O thread").code(), WS_ERR_WRONG_THREAD);
        assert_eq!(call.host.trace_of("b"), ["free"]);
        // Nor does a dispatcher of this thread help.
        let d = (api().ws_dispatcher_new)();
        let handler = RawHandler { dispatcher: d, ..RawHandler::INIT };
        let mut errors = ptr::null_mut();
        let ws = (api().ws_new)(c(&url).as_ptr(), &handler, OptionsToken(0), &mut errors);
        assert_eq!((ws, Errors::take(errors).code()), (Socket::NULL, WS_ERR_WRONG_THREAD));
        assert_eq!(d.close(), WS_OK);
    });
    host.to(script(&server, "text:go")).named("a").open();
    host.run_until("a message");
}

#[test]
fn ws_new_async_inside_a_callback_works() {
    let server = Server::start();
    let host = Host::inline();
    let url = server.ws("/echo");
    host.once("a message", move |call| {
        let ws = call.host.to(url).named("b").open_async();
        assert_eq!(ws.send_text("early"), WS_OK);
    });
    host.to(script(&server, "text:go")).named("a").open();
    host.run_until("b message text early");
    assert_eq!(host.trace_of("b"), ["open", "message text early"]);
}

#[test]
fn a_dispatcher_made_in_a_callback_dispatches_there_but_does_not_wait() {
    let server = Server::start();
    let host = Host::inline();
    host.once("message", |_| {
        let d = (api().ws_dispatcher_new)();
        assert_eq!((d.dispatch(0), d.wait(0)), (0, 0));
        assert_eq!(d.next(0).unwrap().map(|_| ()), None);
        assert_eq!([d.wait(1), d.wait(-1), d.run()], [WS_ERR_WRONG_THREAD; 3]);
        assert_eq!(d.next(1).err(), Some(WS_ERR_WRONG_THREAD));
        assert_eq!(d.close(), WS_OK);
    });
    host.open(script(&server, "text:go"));
    host.run_until("message");
    // What the script found is told here.
    assert_eq!(host.count("message"), 1);
}

#[test]
fn a_dispatcher_of_another_thread_is_refused_inside_a_callback() {
    let server = Server::start();
    let (host, other) = (Host::inline(), Host::new());
    let d = other.dispatcher();
    host.once("message", move |_| {
        assert_eq!([d.dispatch(0), d.wait(0), d.run(), d.close()], [WS_ERR_WRONG_THREAD; 4]);
    });
    host.open(script(&server, "text:go,close:1000"));
    // By then the script has returned, and what it found is told here.
    host.run_until("free");
    assert_eq!((host.count("message"), d.dispatch(0)), (1, 0));
}

#[test]
fn sends_inside_a_callback_are_corked_and_leave_when_it_returns() {
    let server = Server::start();
    let host = Host::inline();
    host.once("message text go", |call| {
        for i in 0..10 {
            assert_eq!(call.ws.send_text(&i.to_string()), WS_OK);
        }
        let held = call.ws.buffered_amount();
        assert!(held >= 10, "{held} bytes wait for one write");
    });
    host.open(script(&server, "text:go,echo:10"));
    host.run_until("message text 9");
    let echoed: Vec<String> = (0..10).map(|i| format!("message text {i}")).collect();
    assert_eq!(host.trace()[2..], echoed);
}

#[test]
fn outside_callbacks_a_message_is_on_the_wire_when_the_call_returns() {
    let server = Server::start();
    let host = Host::inline();
    let ws = host.open(server.ws("/idle"));
    assert_eq!((ws.send_text("now"), ws.buffered_amount()), (WS_OK, 0));
}

#[test]
fn every_callback_may_end_its_socket() {
    let server = Server::start();
    for at in ["open", "message", "pong"] {
        for how in ["abort", "terminate"] {
            let host = Host::inline();
            host.once(at, move |call| {
                let done = if how == "abort" { call.ws.abort() } else { call.ws.terminate(4000, "enough") };
                assert_eq!((done, call.ws.release()), (WS_OK, WS_OK));
            });
            let ws = host.open(script(&server, "expect,text:1"));
            let _ = (ws.ping("x"), ws.send_text("go"));
            host.run_until("free");
            assert!(host.count("error") == 0 && !ws.is_valid(), "{at} {how}: {:?}", host.trace());
        }
    }
}

#[test]
fn a_paused_socket_goes_on_when_another_thread_resumes_it() {
    let server = Server::start();
    let host = Host::inline();
    host.once("message text 1", |call| assert_eq!(call.ws.pause(), WS_OK));
    let ws = host.open(script(&server, "cork,text:1,text:2,close:4000:bye"));
    host.run_until("message text 1");
    server.wait_until_idle();
    assert_eq!(host.trace(), ["open", "message text 1"]);
    assert_eq!(ws.resume(), WS_OK);
    host.run_until("free");
    assert_eq!(host.trace()[2..], ["message text 2", "terminate 4000 bye clean", "free"]);
}

#[test]
fn a_connection_that_fails_later_is_told_on_the_io_thread() {
    let server = Server::start();
    let host = Host::inline();
    host.open_async(format!("ws://127.0.0.1:{}/", server.closed_port()));
    host.run_until("free");
    assert_eq!(host.trace(), ["error WS_ERR_CONNECTION_REFUSED", "terminate 1006", "free"]);
    assert!(host.no_callback_ran_on(thread::current().id()));
}

#[test]
fn a_blocked_callback_blocks_no_function_of_another_thread() {
    let server = Server::start();
    let host = Host::inline();
    let (leave, may_leave) = mpsc::channel::<()>();
    let (entered, is_entered) = mpsc::channel();
    host.once("message", move |_| {
        entered.send(()).unwrap();
        may_leave.recv().unwrap();
    });
    let ws = host.open(script(&server, "text:1"));
    is_entered.recv().unwrap();
    assert_eq!((ws.send_text("a"), ws.ping("x"), ws.status()), (WS_OK, WS_OK, WS_STATUS_CONNECTED));
    assert_eq!((ws.pause(), ws.resume(), ws.cork(), ws.uncork()), (WS_OK, WS_OK, WS_OK, WS_OK));
    assert_eq!((ws.terminate(1000, ""), ws.abort(), ws.release()), (WS_OK, WS_OK, WS_OK));
    assert_eq!(host.trace(), ["open", "message text 1"]);
    leave.send(()).unwrap();
    host.run_until("free");
}

/// Longer than any test lasts.
fn looks_for_an_hour() -> Options {
    Options::new().set(|api, o| (api.ws_options_set_busy_poll_us)(o, 3_600_000_000))
}

#[test]
fn times_are_kept_while_the_io_thread_looks_for_messages() {
    let server = Server::start();
    let host = Host::inline();
    let closing = looks_for_an_hour().set(|api, o| (api.ws_options_set_close_timeout_ms)(o, 50));
    let ws = host.to(script(&server, "wait_close")).with(closing).named("a").open();
    ws.terminate(1000, "");
    host.run_until("a free");
    let idle = looks_for_an_hour().set(|api, o| (api.ws_options_set_idle_timeout_ms)(o, 50));
    host.to(server.ws("/idle")).with(idle).named("b").open();
    host.run_until("b free");
}

#[test]
fn what_was_blocked_leaves_while_the_io_thread_looks_for_messages() {
    let server = Server::start();
    let host = Host::inline();
    let options = looks_for_an_hour().set(|api, o| (api.ws_options_set_compression)(o, 0));
    let options = options.set(|api, o| (api.ws_options_set_close_timeout_ms)(o, 3_600_000));
    let ws = host.to(server.ws("/idle")).with(options).open();
    // More than fits into the buffers of the kernel.
    (0..4).for_each(|_| assert_eq!(ws.send_blob(&vec![0; 4 << 20]), WS_OK));
    ws.terminate(1000, "");
    host.run_until("free");
    assert_eq!(host.trace()[1], "terminate 1000 clean");
}

#[test]
fn a_socket_that_looks_for_messages_and_always_finds_some_leaves_the_others_their_turns() {
    let server = Server::start();
    let host = Host::inline();
    let other = host.to(server.ws("/echo")).named("other").open();
    let flooded = host
        .to(server.ws("/flood?n=1000000000&type=binary&size=512"))
        .with(looks_for_an_hour())
        .named("flooded")
        .open();
    for turn in ["1", "2", "3"] {
        assert_eq!(other.send_text(turn), WS_OK);
        host.run_until(&format!("other message text {turn}"));
    }
    assert_eq!((flooded.abort(), other.abort()), (WS_OK, WS_OK));
    host.run_until("flooded free");
    host.run_until("other free");
}
