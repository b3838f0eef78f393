//! The owner's thread is the only one there is: whatever it does in its calls, nothing is slept over, and everything gets
//! its turn.

use std::fs;
use std::ptr;
use std::thread;

use ws4d_test_host::codes::*;
use ws4d_test_host::{Host, Options, OptionsToken, RawHandler, Socket, alone, api, c};
use ws4d_test_server::{Seen, Server};

use crate::support::script;
use crate::trusting;

fn option(set: impl FnOnce(&ws4d_test_host::Api, OptionsToken) -> i32) -> Options {
    Options::new().set(set)
}

#[test]
fn a_socket_that_another_thread_makes_wakes_an_owner_that_sleeps() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::driving();
    for lent in [false, true] {
        if lent {
            host.to(server.ws("/echo")).named("lent").open();
        }
        let (url, dispatcher) = (c(&server.ws("/echo")), host.dispatcher());
        thread::scope(|scope| {
            scope.spawn(move || {
                let handler = RawHandler { dispatcher, ..RawHandler::INIT };
                let ws = (api().ws_new_async)(url.as_ptr(), &handler, OptionsToken(0), ptr::null_mut());
                assert_eq!(ws.send_text("from elsewhere"), WS_OK);
            });
            // The server has it only if the owner made the connection; OPEN and its echo end the waits.
            assert_eq!(dispatcher.wait(-1), 1);
            assert_eq!(dispatcher.wait(-1), 1);
        });
    }
}

/// A socket whose time is kept by a task, so that the owner may not sleep in the poller alone.
fn timed(host: &Host, server: &Server) {
    let idle = option(|api, options| (api.ws_options_set_idle_timeout_ms)(options, 600_000));
    host.to(server.ws("/idle")).named("timed").with(idle).open();
}

#[test]
fn what_one_read_leaves_is_read_beside_a_socket_with_a_time_to_keep() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::driving();
    timed(&host, &server);
    let ws = host.to(server.wss("/echo")).named("tls").with(trusting(&server)).open();
    // More than one read takes, and then nothing that would tell of the rest.
    let large = "x".repeat(4 << 20);
    assert_eq!(ws.send_text(&large), WS_OK);
    host.run_until("tls message");
    // The last bytes and the end come together.
    host.to(script(&server, "text:last,close:1000")).named("ends").open();
    host.run_until("ends free");
}

#[test]
fn more_sockets_than_one_look_tells_of_are_served_beside_a_socket_with_a_time_to_keep() {
    let _alone = alone();
    const MANY: usize = 400;
    let server = Server::start();
    let host = Host::driving();
    timed(&host, &server);
    let all: Vec<Socket> =
        (0..MANY).map(|_| host.to(script(&server, "gate:go,ping:all,text:all,expect")).open()).collect();
    // So that all of them have something at once.
    server.open_gate("go");
    host.run_until_count("message text all", MANY);
    assert!(all.iter().all(|ws| ws.abort() == WS_OK));
    host.run_until_count("free", MANY);
}

#[test]
fn pings_are_answered_while_ws_new_waits_for_another_server() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::driving();
    let dispatcher = host.dispatcher();
    host.to(script(&server, "text:1,gate:go,ping:during")).named("served").open();
    host.run_until("served message text 1");
    thread::scope(|scope| {
        scope.spawn(|| {
            let asked = |event: &ws4d_test_server::Event| matches!(&event.seen, Seen::Request { path, .. } if path == "/no-answer");
            server.wait_for(asked);
            server.open_gate("go");
            server.wait_for(|event| event.seen == Seen::Pong(b"during".to_vec()));
            assert_eq!(dispatcher.stop(), WS_OK);
        });
        match host.to(server.ws("/no-answer")).named("silent").try_open() {
            Ok(_) => panic!("cancelled"),
            Err(errors) => assert_eq!(errors.name(), "WS_ERR_CANCELLED"),
        };
    });
}

#[test]
fn pings_are_answered_while_a_host_pulls_what_it_has() {
    let _alone = alone();
    const BACKLOG: usize = 4000;
    let server = Server::start();
    let d = (api().ws_dispatcher_new_driving)();
    let open = |commands: &str| {
        let handler = RawHandler { dispatcher: d, ..RawHandler::INIT };
        let url = c(&script(&server, commands));
        assert_ne!((api().ws_new)(url.as_ptr(), &handler, OptionsToken(0), ptr::null_mut()), Socket::NULL);
    };
    open("gate:go,ping:during");
    open(&format!("text*{BACKLOG}:x,gate:sent"));
    // The first pull brings in what is there.
    assert!(d.next(20_000).unwrap().is_some());
    server.open_gate("go");
    let answered = || server.log().iter().any(|event| event.seen == Seen::Pong(b"during".to_vec()));
    let mut pulled = 1;
    while !answered() {
        assert!(pulled < BACKLOG, "the ping was answered only behind all messages");
        assert!(d.next(20_000).unwrap().is_some());
        pulled += 1;
        thread::yield_now();
    }
    assert_eq!(d.close(), WS_OK);
}

#[test]
fn on_an_io_thread_its_calls_are_refused_and_change_nothing() {
    let _alone = alone();
    let server = Server::start();
    let inline = Host::inline();
    inline.once("open", move |_| {
        let driving = (api().ws_dispatcher_new_driving)();
        assert_eq!(driving.dispatch(0), WS_ERR_WRONG_THREAD);
        assert_eq!(driving.wait(0), WS_ERR_WRONG_THREAD);
        assert_eq!(driving.run(), WS_ERR_WRONG_THREAD);
        assert_eq!(driving.next(0).map(|_| ()), Err(WS_ERR_WRONG_THREAD));
        assert_eq!((api().ws_dispatcher_new_driving)().close(), WS_OK);
        // Another thread takes it over, and can end it.
        let other = thread::spawn(move || assert_eq!((driving.attach(), driving.close()), (WS_OK, WS_OK)));
        other.join().unwrap();
    });
    inline.open(server.ws("/echo")).terminate(0, "");
    inline.run_until("free");
    drop(inline);
    assert_eq!((api().ws_shutdown)(20_000), WS_OK);
}

#[test]
fn when_run_returns_the_descriptors_of_its_sockets_are_closed() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::driving();
    host.to(server.ws("/echo")).open().abort();
    host.run_until("free");
    let descriptors = || fs::read_dir("/proc/self/fd").expect("Linux").count();
    let sockets: Vec<Socket> = (0..20).map(|_| host.to(server.ws("/echo")).open()).collect();
    sockets.iter().for_each(|ws| assert_eq!(ws.abort(), WS_OK));
    assert_eq!(host.dispatcher().run(), WS_OK);
    server.wait_until_idle();
    let after = descriptors();
    // The server's ends are in this process, and gone.
    host.dispatcher().wait(0);
    assert_eq!(descriptors(), after);
}

/// Until a task has ended, what it was told counted as something to do, for ever.
#[test]
fn a_socket_that_is_let_go_after_a_shutdown_leaves_nothing_to_do() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::driving();
    let small = option(|api, options| (api.ws_options_set_receive_buffer_size)(options, 1000));
    let paused = host.to(script(&server, "text*100:x")).named("paused").with(small).open();
    assert_eq!(paused.pause(), WS_OK);
    while host.dispatcher().wait(50) > 0 {}
    assert_eq!((api().ws_shutdown)(20_000), WS_OK);
    assert_eq!(paused.resume(), WS_OK);
    host.run_until("paused free");
    let ws = host.to(script(&server, "text:1,close:1000")).named("next").open();
    host.run_until("next free");
    assert_eq!(ws.release(), WS_OK);
}
