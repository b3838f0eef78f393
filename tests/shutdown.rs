//! `ws_shutdown` ends everything for the whole process; so these tests take turns.

mod support;

use std::ptr;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use support::{arrived, closed_with, script, until_status};
use ws4d_test_host::codes::*;
use ws4d_test_host::{Dispatcher, Host, OptionsToken, RawHandler, Socket, alone, api, c};
use ws4d_test_server::{Seen, Server};

fn shutdown(timeout_ms: i32) -> i32 {
    (api().ws_shutdown)(timeout_ms)
}

/// The trace without what the end was like, which
/// [`a_server_that_answers_at_once_is_not_awaited_and_the_end_is_1006`] looks at.
fn outline(trace: Vec<String>) -> Vec<String> {
    let kind = |line: String| if line.starts_with("terminate") { "terminate".to_owned() } else { line };
    trace.into_iter().map(kind).collect()
}

/// Threads of the library that run. One that was joined may be seen for a moment more: the kernel has it exiting.
fn library_threads() -> Vec<String> {
    const PF_EXITING: u32 = 4;
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux");
    let stats = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
    stats
        .filter_map(|stat| {
            let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
            let flags: u32 = rest.split(' ').nth(6)?.parse().ok()?;
            (name.starts_with("ws4d-") && flags & PF_EXITING == 0).then(|| name.to_owned())
        })
        .collect()
}

#[test]
fn all_sockets_end_and_the_servers_see_1001() {
    let _alone = alone();
    let server = Server::start();
    let (host, inline) = (Host::new(), Host::inline());
    let a = host.to(script(&server, "text:undelivered,ping:sync")).named("a").open();
    arrived(&server, "sync");
    host.to(server.ws("/no-answer")).named("b").open_async();
    let c = inline.open(server.ws("/echo"));
    assert_eq!(shutdown(-1), WS_OK);
    assert_eq!(outline(inline.trace()), ["open", "terminate", "free"], "during the call");
    assert_eq!((a.status(), c.status()), (WS_STATUS_CLOSED, WS_STATUS_CLOSED));
    assert_eq!(host.trace(), ["a open"], "the last events wait in their dispatcher");
    assert_eq!(host.dispatcher().run(), WS_OK);
    assert_eq!(outline(host.trace_of("a")), ["open", "message text undelivered", "terminate", "free"]);
    assert_eq!(host.trace_of("b"), ["terminate 1006", "free"]);
    let told = |log: &[ws4d_test_server::Event]| {
        let closes = log.iter().filter(|event| event.seen == Seen::Close(Some(1001), String::new()));
        (closes.count() == 2).then_some(())
    };
    server.wait_until(told);
    server.wait_until_idle();
}

#[test]
fn a_server_that_answers_at_once_is_not_awaited_and_the_end_is_1006() {
    let _alone = alone();
    let server = Server::start();
    for _ in 0..50 {
        let (host, inline) = (Host::new(), Host::inline());
        host.open(server.ws("/echo"));
        inline.open(server.ws("/echo"));
        assert_eq!((shutdown(-1), host.dispatcher().run()), (WS_OK, WS_OK));
        assert_eq!(host.trace(), ["open", "terminate 1006", "free"]);
        assert_eq!(inline.trace(), ["open", "terminate 1006", "free"]);
    }
}

#[test]
fn tokens_stay_valid_until_they_are_released() {
    let _alone = alone();
    let server = Server::start();
    let (host, inline) = (Host::new(), Host::inline());
    let (a, b) = (host.open(server.ws("/echo")), inline.open(server.ws("/echo")));
    assert_eq!(shutdown(-1), WS_OK);
    assert!(a.is_valid() && b.is_valid());
    assert_eq!((a.send_text("x"), b.send_text("x")), (WS_ERR_CLOSED, WS_ERR_CLOSED));
    assert_eq!((a.release(), b.release()), (WS_OK, WS_OK));
    assert!(a.is_valid() && !b.is_valid(), "on_terminate of the first waits");
    host.run_until("free");
    assert!(!a.is_valid());
}

#[test]
fn afterwards_the_library_can_be_used_again() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::new();
    for round in 0..3 {
        let ws = host.to(server.ws("/echo")).named(&round.to_string()).open();
        ws.send_text("again");
        host.run_until(&format!("{round} message text again"));
        // A thread has its name a moment after it was started.
        while library_threads().is_empty() {
            thread::yield_now();
        }
        assert_eq!(shutdown(-1), WS_OK);
        host.run_until(&format!("{round} free"));
    }
    assert_eq!((shutdown(-1), shutdown(0)), (WS_OK, WS_OK), "with nothing to end");
}

#[test]
fn its_threads_are_gone() {
    let _alone = alone();
    let server = Server::start();
    assert_eq!(shutdown(-1), WS_OK);
    assert_eq!((api().ws_set_io_threads)(3), WS_OK);
    let host = Host::new();
    host.to(server.ws("/echo")).named("a").open();
    // A name is looked up on a thread of its own.
    let url = format!("ws://localhost:{}/echo", server.ws_port());
    host.to(url).named("b").open_async();
    host.run_until("b open");
    assert!(library_threads().len() >= 3, "{:?}", library_threads());
    assert_eq!(shutdown(-1), WS_OK);
    // The system lists a thread for a moment after it has ended.
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !library_threads().is_empty() && std::time::Instant::now() < limit {
        std::thread::yield_now();
    }
    assert_eq!(library_threads(), [""; 0]);
    assert_eq!((api().ws_set_io_threads)(1), WS_OK);
}

#[test]
fn the_number_of_threads_is_set_before_they_run() {
    let _alone = alone();
    let server = Server::start();
    assert_eq!(shutdown(-1), WS_OK);
    let set = api().ws_set_io_threads;
    assert_eq!((set(0), set(2), set(1)), (WS_ERR_INVALID_ARGUMENT, WS_OK, WS_OK));
    let host = Host::new();
    host.open(server.ws("/echo"));
    assert_eq!(set(2), WS_ERR_UNSUPPORTED);
    assert_eq!(shutdown(-1), WS_OK);
    assert_eq!((set(2), set(1)), (WS_OK, WS_OK));
}

#[test]
fn a_blocked_ws_new_fails_with_shut_down() {
    let _alone = alone();
    let server = Server::start();
    for (round, make) in [Host::new as fn() -> Host, Host::inline].into_iter().enumerate() {
        thread::scope(|scope| {
            let blocked = scope.spawn(|| {
                let host = make();
                let errors = host.to(server.ws("/no-answer")).try_open().expect_err("it is shut down");
                (errors.name(), host.trace())
            });
            server.wait_until(|log| {
                let asked = log.iter().filter(|event| matches!(event.seen, Seen::Request { .. }));
                (asked.count() == round + 1).then_some(())
            });
            assert_eq!(shutdown(-1), WS_OK);
            let failed = ("WS_ERR_SHUT_DOWN".to_owned(), vec!["free".to_owned()]);
            assert_eq!(blocked.join().unwrap(), failed);
        });
    }
}

#[test]
fn a_callback_that_does_not_return_makes_it_time_out_and_then_succeed() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::inline();
    let ((entered, is_entered), (leave, may_leave)) = (mpsc::channel(), mpsc::channel::<()>());
    host.once("message", move |call| {
        entered.send(()).unwrap();
        may_leave.recv().unwrap();
        assert!(call.ws.is_valid() && call.event.text() == "stuck", "nothing was freed under it");
    });
    let ws = host.open(script(&server, "text:stuck,text:held"));
    is_entered.recv().unwrap();
    assert_eq!((shutdown(0), shutdown(1)), (WS_ERR_TIMEOUT, WS_ERR_TIMEOUT));
    assert_eq!(host.trace(), ["open", "message text stuck"]);
    let refused = Host::new();
    let new = refused.to(server.ws("/echo")).try_open().expect_err("not until a call succeeds");
    let new_async = refused.to(server.ws("/echo")).named("b").try_open_async().expect_err("likewise");
    assert_eq!((new.code(), new_async.code()), (WS_ERR_SHUT_DOWN, WS_ERR_SHUT_DOWN));
    leave.send(()).unwrap();
    assert_eq!(shutdown(-1), WS_OK);
    assert_eq!(host.trace().last().unwrap(), "free");
    assert_eq!((host.count("terminate"), ws.release()), (1, WS_OK));
    refused.to(server.ws("/echo")).named("c").open();
}

#[test]
fn inside_a_callback_it_is_refused() {
    let _alone = alone();
    let server = Server::start();
    for host in [Host::new(), Host::inline()] {
        for at in ["open", "message", "terminate", "free"] {
            host.once(at, |_| assert_eq!(shutdown(-1), WS_ERR_WRONG_THREAD));
        }
        let ws = host.open(script(&server, "text:a,close:1000"));
        host.run_until("free");
        assert_eq!(ws.status(), WS_STATUS_CLOSED);
    }
    assert_eq!(shutdown(-2), WS_ERR_INVALID_ARGUMENT);
}

#[test]
fn a_shutdown_from_another_thread_ends_run() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::new();
    host.open(server.ws("/idle"));
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(shutdown(-1), WS_OK));
        assert_eq!(host.dispatcher().run(), WS_OK, "every socket has terminated");
    });
    assert_eq!(outline(host.trace()), ["open", "terminate", "free"]);
}

#[test]
fn two_shutdowns_at_once_both_succeed() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::new();
    for round in 0..5 {
        host.to(server.ws("/idle")).named(&round.to_string()).open();
        thread::scope(|scope| {
            let other = scope.spawn(|| shutdown(-1));
            assert_eq!((shutdown(-1), other.join().unwrap()), (WS_OK, WS_OK));
        });
    }
    assert_eq!(host.dispatcher().run(), WS_OK);
    assert_eq!(host.count("0 terminate"), 1);
}

#[test]
fn a_paused_socket_ends_too() {
    let _alone = alone();
    let server = Server::start();
    let (host, inline) = (Host::new(), Host::inline());
    let a = host.open(script(&server, "text:1,ping:a"));
    let b = inline.open(server.ws("/glued?do=ping:b,gate:go,text:1,close:4000:bye"));
    assert_eq!((a.pause(), b.pause()), (WS_OK, WS_OK));
    arrived(&server, "a");
    server.open_gate("go");
    closed_with(&server, 4000);
    until_status(b, WS_STATUS_CLOSED);
    assert_eq!(shutdown(-1), WS_OK);
    assert_eq!(inline.trace(), ["open", "terminate 4000 bye clean", "free"], "nobody is there to resume it");
    assert_eq!(host.dispatch(), 0, "the host still may");
    assert_eq!(a.resume(), WS_OK);
    host.run_until("free");
    assert_eq!(outline(host.trace()), ["open", "message text 1", "terminate", "free"]);
}

#[test]
fn a_pause_that_comes_while_it_ends_the_socket_holds_nothing_up() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::inline();
    let ((entered, is_entered), (leave, may_leave)) = (mpsc::channel(), mpsc::channel::<()>());
    host.once("message", move |call| {
        entered.send(()).unwrap();
        may_leave.recv().unwrap();
        assert_eq!(call.ws.pause(), WS_OK);
    });
    host.open(script(&server, "cork,text:1,text:2,uncork,wait_close"));
    is_entered.recv().unwrap();
    thread::scope(|scope| {
        let ending = scope.spawn(|| shutdown(20_000));
        server.wait_for(|event| matches!(event.seen, Seen::Eof | Seen::Reset));
        leave.send(()).unwrap();
        assert_eq!(ending.join().unwrap(), WS_OK);
    });
    assert_eq!(
        host.trace(),
        ["open", "message text 1", "terminate 1006", "free"],
        "nobody is there to resume it"
    );
}

#[test]
fn retained_and_pulled_events_outlive_it() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::pulling();
    let ws = host.open(script(&server, "text:keep,ping:sync"));
    arrived(&server, "sync");
    let (_, event) = host.pull(0).expect("the message");
    assert_eq!((shutdown(-1), ws.release()), (WS_OK, WS_OK));
    assert_eq!(
        (event.event().text().as_str(), event.event().retain().describe().as_str()),
        ("keep", "message text keep")
    );
}

#[test]
fn a_dispatcher_survives_and_serves_new_sockets() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::with_wake();
    host.to(server.ws("/echo")).named("old").open();
    let before = host.wakes();
    assert_eq!(shutdown(-1), WS_OK);
    assert_eq!(host.wakes(), before + 1, "its last event wakes");
    let new = host.to(server.ws("/echo")).named("new").open();
    new.send_text("hello");
    host.run_until("new message text hello");
    assert_eq!(outline(host.trace_of("old")), ["open", "terminate", "free"]);
}

#[test]
fn a_shutdown_is_the_cause_that_is_noted() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    assert_eq!((api().ws_shutdown)(-1), WS_OK);
    let info = ws.close_info();
    assert_eq!((info.stage, info.result), (WS_STAGE_OPEN, WS_ERR_SHUT_DOWN));
    assert_eq!((info.code_received, info.code_sent, info.was_clean), (0, 1001, 0));
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "terminate 1006", "free"]);
}

/// A connection that is made just as the library shuts down: it is refused or ended, no task of it stays, and it brings no
/// thread up again.
#[test]
fn a_shutdown_that_meets_a_blocking_ws_new_ends_all_of_it() {
    let _alone = alone();
    let server = Server::start();
    for with_dispatcher in [false, true] {
        for round in 0..150 {
            let url = c(&server.ws("/echo"));
            let maker = thread::spawn(move || {
                let api = api();
                let d = if with_dispatcher { (api.ws_dispatcher_new)() } else { Dispatcher::NULL };
                let handler = RawHandler { dispatcher: d, ..RawHandler::INIT };
                let ws = (api.ws_new)(url.as_ptr(), &handler, OptionsToken(0), ptr::null_mut());
                if with_dispatcher {
                    assert_eq!(d.close(), WS_OK);
                }
                ws
            });
            // Somewhere in its middle, each round elsewhere.
            let wait = Duration::from_micros(round * 5);
            let begun = Instant::now();
            while begun.elapsed() < wait {
                std::hint::spin_loop();
            }
            assert_eq!((api().ws_shutdown)(20_000), WS_OK, "round {round}");
            let ws = maker.join().unwrap();
            if ws == Socket::NULL {
                // It was refused because of the shutdown.
                assert_eq!(library_threads(), [""; 0], "round {round}");
            } else {
                assert_eq!(ws.release(), WS_OK);
            }
            assert_eq!((api().ws_shutdown)(20_000), WS_OK, "round {round}");
            assert_eq!(library_threads(), [""; 0], "round {round}");
        }
    }
}

#[test]
fn as_long_as_others_use_the_library_a_shutdown_only_counts_down() {
    let _alone = alone();
    let server = Server::start();
    assert_eq!([(api().ws_startup)(), (api().ws_startup)()], [WS_OK; 2]);
    let host = Host::inline();
    let ws = host.open(server.ws("/echo"));
    assert_eq!(shutdown(-1), WS_OK, "the first user leaves");
    ws.send_text("still here");
    host.run_until("message text still here");
    assert_eq!(shutdown(-1), WS_OK, "the last user leaves");
    assert_eq!(
        outline(host.trace()),
        ["open", "message", "terminate", "free"].map(|line| match line {
            "message" => "message text still here",
            line => line,
        })
    );
    assert_eq!(library_threads(), Vec::<String>::new());
    assert_eq!(shutdown(-1), WS_OK, "nobody is counted any more");
}

#[test]
fn inside_a_callback_a_shutdown_counts_nobody_down() {
    let _alone = alone();
    let server = Server::start();
    assert_eq!((api().ws_startup)(), WS_OK);
    assert_eq!((api().ws_startup)(), WS_OK);
    let host = Host::inline();
    host.on("open", |_| assert_eq!(shutdown(0), WS_ERR_WRONG_THREAD));
    host.open(server.ws("/echo"));
    assert_eq!(shutdown(-1), WS_OK);
    assert_eq!(host.trace(), ["open"], "the other user is still counted");
    assert_eq!(shutdown(-1), WS_OK);
    assert_eq!(outline(host.trace()), ["open", "terminate", "free"]);
}

#[test]
fn the_stack_of_io_threads_is_set_before_they_start() {
    let _alone = alone();
    let server = Server::start();
    let set = |bytes| (api().ws_set_io_thread_stack)(bytes);
    assert_eq!(shutdown(-1), WS_OK);
    assert_eq!([set(1), set(256 * 1024 - 1), set(usize::MAX)], [WS_ERR_INVALID_ARGUMENT; 3]);
    // More than a thread has by default; the C library may give more than was asked for, from threads that have ended.
    assert_eq!(set(64 << 20), WS_OK);
    let (told, heard) = mpsc::channel();
    let host = Host::inline();
    host.on("open", move |_| told.send(stack_of_this_thread()).unwrap());
    host.open(server.ws("/echo"));
    let bytes = heard.recv().unwrap();
    assert!(bytes >= 64 << 20, "{bytes}");
    assert_eq!(set(0), WS_ERR_UNSUPPORTED, "they run");
    assert_eq!(shutdown(-1), WS_OK);
    assert_eq!(set(0), WS_OK);
}

fn stack_of_this_thread() -> usize {
    let (mut at, mut bytes) = (ptr::null_mut(), 0);
    // SAFETY: plain data, which the call fills before anything reads it.
    let mut attributes: libc::pthread_attr_t = unsafe { std::mem::zeroed() };
    // SAFETY: the calling thread's own attributes, initialised by the first call and destroyed by the last.
    unsafe {
        assert_eq!(libc::pthread_getattr_np(libc::pthread_self(), &mut attributes), 0);
        libc::pthread_attr_getstack(&attributes, &mut at, &mut bytes);
        libc::pthread_attr_destroy(&mut attributes);
    }
    bytes
}
