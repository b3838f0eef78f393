//! A driving dispatcher does its sockets' I/O on the host's thread: no thread of the library at all. What it does not do
//! while the host is elsewhere is said in the header; here is what it does.

mod attention;
#[path = "../support/mod.rs"]
mod support;

use std::ffi::CString;
use std::fs;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::{closed_with, script};
use ws4d_test_host::codes::*;
use ws4d_test_host::{Dispatcher, Errors, Host, Options, OptionsToken, RawHandler, Socket, alone, api, c};
use ws4d_test_server::{CertKind, Seen, Server};

/// The library's threads. Those of the whole process: no test of this program uses another dispatcher.
fn library_threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux");
    let names = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("ws4d-io") || name.starts_with("ws4d-work")).collect()
}

fn trusting(server: &Server) -> Options {
    let file = c(server.ca_file().to_str().expect("a path"));
    Options::new().set(|api, options| (api.ws_options_set_ca_file)(options, file.as_ptr()))
}

#[test]
fn sockets_of_every_kind_live_and_end_without_a_thread() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::driving();
    let by_name = server.ws("/echo").replace("127.0.0.1", "localhost");
    let plain = host.to(by_name).named("plain").open();
    let secure = host.to(server.wss("/echo")).named("secure").with(trusting(&server)).open();
    let later = host.to(server.wss("/echo")).named("later").with(trusting(&server)).open_async();
    for (ws, name) in [(plain, "plain"), (secure, "secure"), (later, "later")] {
        assert_eq!(ws.send_text("hello"), WS_OK);
        host.run_until(&format!("{name} message text hello"));
        ws.terminate(1000, "bye");
        host.run_until(&format!("{name} free"));
    }
    for name in ["plain", "secure", "later"] {
        assert_eq!(host.trace_of(name), ["open", "message text hello", "terminate 1000 bye clean", "free"]);
    }
    assert!(host.every_callback_ran_on(thread::current().id()));
    assert_eq!(library_threads(), [""; 0]);
}

#[test]
fn connections_that_are_impossible_are_refused_with_their_errors() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::driving();
    let refused = |url: String| match host.to(url).try_open() {
        Ok(_) => panic!("refused"),
        Err(errors) => Errors::name(&errors),
    };
    assert_eq!(refused(format!("ws://127.0.0.1:{}/", server.closed_port())), "WS_ERR_CONNECTION_REFUSED");
    assert_eq!(refused(server.wss_with(CertKind::Expired, "/echo")), "WS_ERR_CERTIFICATE");
    assert_eq!(refused("ws://no-such-name.invalid/".to_owned()), "WS_ERR_DNS");
    assert_eq!(refused(server.ws("/status?code=503")), "WS_ERR_HTTP_STATUS");
    assert_eq!(host.trace(), ["free"; 4]);
    assert_eq!(library_threads(), [""; 0]);
}

#[test]
fn a_connect_time_out_ends_the_wait_for_a_silent_server() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::driving();
    let options = Options::new().set(|api, options| (api.ws_options_set_connect_timeout_ms)(options, 200));
    match host.to(server.ws("/no-answer")).with(options).try_open() {
        Ok(_) => panic!("refused"),
        Err(errors) => assert_eq!(errors.name(), "WS_ERR_TIMEOUT"),
    };
}

#[test]
fn what_other_threads_ask_for_ends_a_wait() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::driving();
    let ws = host.to(server.ws("/echo")).open();
    for turn in 0..200 {
        let other = thread::spawn(move || assert_eq!(ws.send_text(&turn.to_string()), WS_OK));
        host.run_until(&format!("message text {turn}"));
        other.join().unwrap();
    }
    // Held back, and let go by another thread.
    assert_eq!(ws.pause(), WS_OK);
    assert_eq!(ws.send_text("held"), WS_OK);
    let other = thread::spawn(move || assert_eq!(ws.resume(), WS_OK));
    host.run_until("message text held");
    other.join().unwrap();
    // Stopped, and ended.
    let dispatcher = host.dispatcher();
    let other = thread::spawn(move || assert_eq!(dispatcher.stop(), WS_OK));
    assert_eq!(dispatcher.wait(-1), 0);
    other.join().unwrap();
    let other = thread::spawn(move || assert_eq!(ws.abort(), WS_OK));
    host.run_until("free");
    other.join().unwrap();
}

#[test]
fn a_blocking_ws_new_is_cancelled_by_a_stop_and_by_a_shutdown() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::driving();
    let dispatcher = host.dispatcher();
    for (end, error) in [
        ((|d: Dispatcher| d.stop()) as fn(Dispatcher) -> i32, "WS_ERR_CANCELLED"),
        (|_| (api().ws_shutdown)(20_000), "WS_ERR_SHUT_DOWN"),
    ] {
        let seen = server.log().len();
        let other = thread::scope(|scope| {
            let other = scope.spawn(|| {
                server.wait_until(|log| {
                    log[seen..].iter().any(|event| matches!(event.seen, Seen::Request { .. })).then_some(())
                });
                end(dispatcher)
            });
            match host.to(server.ws("/no-answer")).try_open() {
                Ok(_) => panic!("cancelled"),
                Err(errors) => assert_eq!(errors.name(), error),
            };
            other.join().unwrap()
        });
        assert_eq!(other, WS_OK);
    }
}

#[test]
fn a_shutdown_leaves_the_last_events_to_the_owner() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::driving();
    host.to(script(&server, "text:1,ping:a")).open();
    host.run_until("message text 1");
    assert_eq!((api().ws_shutdown)(20_000), WS_OK);
    closed_with(&server, 1001);
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message text 1", "terminate 1006", "free"]);
}

#[test]
fn a_host_that_only_dispatches_has_its_messages_and_answers_pings() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::driving();
    let ws = host.to(script(&server, "ping:a,text:1,ping:b,text:2")).open_async();
    let begun = Instant::now();
    while host.count("message") < 2
        || !server.log().iter().any(|event| event.seen == Seen::Pong(b"b".to_vec()))
    {
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", host.trace());
        host.dispatch();
    }
    ws.terminate(0, "");
    while host.count("free") < 1 {
        host.dispatch();
    }
    assert_eq!(host.trace(), ["open", "message text 1", "message text 2", "terminate 1000 clean", "free"]);
}

#[test]
fn events_may_be_pulled() {
    let _alone = alone();
    let server = Server::start();
    let dispatcher = (api().ws_dispatcher_new_driving)();
    let handler = RawHandler { dispatcher, ..RawHandler::INIT };
    let url = c(&server.ws("/echo"));
    let ws = (api().ws_new)(url.as_ptr(), &handler, OptionsToken(0), ptr::null_mut());
    assert_ne!(ws, Socket::NULL);
    let next = |timeout| dispatcher.next(timeout).unwrap().map(|(_, event)| event.describe());
    assert_eq!(next(0), None);
    for n in 0..100 {
        assert_eq!(ws.send_text(&n.to_string()), WS_OK);
    }
    for n in 0..100 {
        assert_eq!(next(20_000), Some(format!("message text {n}")));
    }
    assert_eq!(ws.terminate(1000, ""), WS_OK);
    assert_eq!(next(20_000), Some("terminate 1000 clean".to_owned()));
    assert_eq!((dispatcher.close(), ws.release()), (WS_OK, WS_OK));
}

#[test]
fn callbacks_open_sockets_wait_and_close_inside() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::driving();
    let outer = host.to(server.ws("/echo")).named("outer").open();
    let url = server.ws("/echo");
    host.once("outer message", move |call| {
        let inner = call.host.to(url).named("inner").open();
        assert_eq!(inner.send_text("nested"), WS_OK);
        call.host.run_until("inner message text nested");
        inner.terminate(0, "");
        call.host.run_until("inner free");
        assert_eq!(call.host.dispatcher().close(), WS_OK);
    });
    assert_eq!(outer.send_text("go"), WS_OK);
    assert_eq!(host.dispatcher().wait(20_000), WS_ERR_CANCELLED);
    assert_eq!(host.trace_of("outer"), ["open", "message text go", "terminate 1006", "free"]);
    closed_with(&server, 1001);
}

#[test]
fn closing_sends_what_the_network_takes_and_1001() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::driving();
    let ws = host.to(server.ws("/echo")).open();
    assert_eq!((ws.cork(), ws.send_text("last words")), (WS_OK, WS_OK));
    assert_eq!(host.dispatcher().close(), WS_OK);
    server.wait_for(|event| event.seen == Seen::Text("last words".to_owned()));
    closed_with(&server, 1001);
    assert_eq!(host.trace(), ["open", "terminate 1006", "free"]);
    server.wait_until_idle();
}

#[test]
fn time_is_kept_while_the_owner_waits() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::driving();
    let options = Options::new().set(|api, options| (api.ws_options_set_idle_timeout_ms)(options, 150));
    host.to(server.ws("/idle")).named("idle").with(options).open_async();
    host.to(script(&server, "text:a")).named("busy").open();
    host.run_until("idle free");
    assert_eq!(host.trace_of("idle"), ["open", "error WS_ERR_TIMEOUT", "terminate 1006", "free"]);
    let options = Options::new().set(|api, options| (api.ws_options_set_close_timeout_ms)(options, 150));
    let deaf = host.to(script(&server, "gate:never")).named("deaf").with(options).open();
    deaf.terminate(0, "");
    host.run_until("deaf free");
    assert_eq!(host.trace_of("deaf"), ["open", "terminate 1006", "free"]);
    host.dispatcher().close();
}

#[test]
fn a_dispatcher_that_is_handed_over_drives_on_its_new_thread() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::driving();
    let ws = host.to(server.ws("/echo")).open();
    let dispatcher = host.dispatcher();
    thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(dispatcher.wait(0), WS_ERR_WRONG_THREAD);
            assert_eq!(dispatcher.attach(), WS_OK);
            assert_eq!(ws.send_text("there"), WS_OK);
            host.run_until("message text there");
            ws.terminate(0, "");
            host.run_until("free");
        });
    });
    assert_eq!(dispatcher.attach(), WS_OK);
    assert!(!host.every_callback_ran_on(thread::current().id()));
}

#[test]
fn many_connections_at_once_are_made_and_served() {
    let _alone = alone();
    const MANY: usize = 300;
    let server = Server::start();
    let host = Host::driving();
    let echoes = AtomicUsize::new(0);
    host.on("open", |call| assert_eq!(call.ws.send_text("hello"), WS_OK));
    host.on("message", move |call| {
        echoes.fetch_add(1, Ordering::SeqCst);
        call.ws.terminate(0, "");
    });
    for _ in 0..MANY {
        host.to(server.ws("/echo")).open_async();
    }
    host.run_until_count("free", MANY);
    assert_eq!(host.count("terminate 1000 clean"), MANY);
    assert_eq!(library_threads(), [""; 0]);
}

#[test]
fn a_flood_does_not_keep_another_from_connecting_nor_a_full_host_from_going_on() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::driving();
    let small =
        |api: &ws4d_test_host::Api, options| (api.ws_options_set_receive_buffer_size)(options, 8 * 1024);
    let flood = host
        .to(script(&server, "text*2000:x,text:last"))
        .named("flood")
        .with(Options::new().set(small))
        .open();
    let other = host.to(server.ws("/echo")).named("other").open_async();
    assert_eq!(other.send_text("beside"), WS_OK);
    host.run_until("other message text beside");
    host.run_until("flood message text last");
    assert_eq!(host.count("flood message"), 2_001);
    flood.terminate(0, "");
    other.terminate(0, "");
    host.run_until_count("other free", 1);
    host.run_until_count("flood free", 1);
}

#[test]
fn large_messages_leave_while_the_owner_waits() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::driving();
    let ws = host.to(server.ws("/echo")).open();
    let large = "x".repeat(3 << 20);
    for _ in 0..4 {
        assert_eq!(ws.send_text(&large), WS_OK);
    }
    host.run_until_count("message", 4);
    ws.terminate(0, "");
    host.run_until("free");
}

#[test]
fn it_has_no_descriptor_to_poll() {
    let _alone = alone();
    let host = Host::driving();
    assert_eq!(host.dispatcher().fd(), -1);
}

/// What a child of a fork needs no library thread for.
#[test]
fn a_host_that_forks_goes_on_in_both_processes() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::driving();
    let ws = host.to(server.ws("/echo")).open();
    let (url, d) = (CString::new(server.ws("/echo")).unwrap(), host.dispatcher());
    // SAFETY: the child only calls the library and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: as above.
        unsafe { libc::alarm(30) };
        let inherited = d.wait(0) == WS_ERR_FORKED && ws.send_text("x") == WS_ERR_FORKED;
        let own = (api().ws_dispatcher_new_driving)();
        let handler = RawHandler { dispatcher: own, ..RawHandler::INIT };
        let mine = (api().ws_new)(url.as_ptr(), &handler, OptionsToken(0), ptr::null_mut());
        let echoed = mine.send_text("from the child") == WS_OK
            && matches!(own.next(20_000), Ok(Some((_, event))) if event.event().text() == "from the child");
        // SAFETY: does not return.
        unsafe { libc::_exit(i32::from(!(inherited && echoed))) };
    }
    assert_eq!(ws.send_text("from the parent"), WS_OK);
    host.run_until("message text from the parent");
    let mut status = -1;
    // SAFETY: `status` lives through the call.
    unsafe { libc::waitpid(child, &mut status, 0) };
    assert_eq!(status, 0);
    ws.terminate(0, "");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message text from the parent", "terminate 1000 clean", "free"]);
}
