//! Silence: when a server is pinged, when it is given up, and what must not be taken for a dead server.
//! `docs/hostile.md`, lines 17, 22. Times are short; what has to be waited for is an event, never a time.

mod support;
mod wire;

use std::env;
use std::process::{Command, Stdio};

use support::arrived;
use wire::{Relay, at_gate, script};
use ws4d_test_host::{Host, Options, c, name};
use ws4d_test_server::{Seen, Server};

/// Milliseconds; 0: never.
fn patience(idle: u32, interval: u32, timeout: u32) -> Options {
    Options::new()
        .set(|api, o| (api.ws_options_set_idle_timeout_ms)(o, idle))
        .set(|api, o| (api.ws_options_set_ping_interval_ms)(o, interval))
        .set(|api, o| (api.ws_options_set_ping_timeout_ms)(o, timeout))
}

fn smallest_buffer(options: Options) -> Options {
    options.set(|api, o| (api.ws_options_set_receive_buffer_size)(o, 1))
}

/// The same with the first frames in one write with the answer to the upgrade: they are there when the socket opens,
/// however busy the machine is.
fn glued(server: &Server, commands: &str) -> String {
    server.ws(&format!("/glued?do={commands}"))
}

/// Lets so much time pass: a server that says nothing is given up so often.
fn pass(server: &Server, ms: u32, times: u32) {
    let clock = Host::new();
    for i in 0..times {
        clock.to(script(server, "mute")).named(&format!("{i}")).with(patience(ms, 0, 0)).open();
        clock.run_until(&format!("{i} free"));
    }
}

/// Expects that the server is given up, for a reason that names the option.
fn is_given_up(url: &str, options: Options, option: &'static str) {
    let host = Host::new();
    host.once("error", move |call| {
        let errors = call.event.errors();
        assert!(errors.entries[0].2.contains(option), "{errors:?} does not name {option}");
    });
    host.to(url).with(options).open();
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "error WS_ERR_TIMEOUT", "terminate 1006", "free"]);
}

#[test]
fn a_silent_server_is_given_up_after_the_idle_timeout() {
    let server = Server::start();
    is_given_up(&server.ws("/idle"), patience(80, 0, 0), "idle_timeout_ms");
    is_given_up(&script(&server, "stall"), patience(80, 0, 0), "idle_timeout_ms");
}

#[test]
fn a_server_that_leaves_a_ping_unanswered_is_given_up() {
    let server = Server::start();
    is_given_up(&script(&server, "mute"), patience(0, 40, 80), "ping_timeout_ms");
    server.wait_for(|event| matches!(event.seen, Seen::Ping(_)));
    is_given_up(&script(&server, "stall"), patience(0, 40, 80), "ping_timeout_ms");
}

#[test]
fn messages_before_the_silence_are_delivered_before_the_error() {
    let server = Server::start();
    let host = Host::new();
    host.to(glued(&server, "text:last,mute")).with(patience(80, 0, 0)).open();
    host.run_until("free");
    let end = ["open", "message text last", "error WS_ERR_TIMEOUT", "terminate 1006", "free"];
    assert_eq!(host.trace(), end);
}

#[test]
fn silence_is_found_out_over_tls_as_well() {
    let server = Server::start();
    let trusting = |options: Options| {
        let path = c(server.ca_file().to_str().expect("UTF-8"));
        options.set(|api, o| (api.ws_options_set_ca_file)(o, path.as_ptr()))
    };
    is_given_up(&server.wss("/idle"), trusting(patience(80, 0, 0)), "idle_timeout_ms");
    is_given_up(&server.wss("/script?do=mute"), trusting(patience(0, 40, 80)), "ping_timeout_ms");
    let host = Host::new();
    let ws = host.to(server.wss("/echo")).with(trusting(patience(0, 20, 20_000))).open();
    wait_pings(&server, "/echo", 3);
    ws.terminate(1000, "");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "terminate 1000 clean", "free"]);
}

fn wait_pings(server: &Server, path: &str, count: usize) {
    server.wait_until(|log| {
        let pings = log.iter().filter(|event| event.path == path && matches!(event.seen, Seen::Ping(_)));
        (pings.count() >= count).then_some(())
    });
}

#[test]
fn the_pongs_of_our_own_pings_are_no_events() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.to(server.ws("/echo")).with(patience(0, 20, 20_000)).open();
    wait_pings(&server, "/echo", 3);
    // The third is only sent once the second was answered.
    let round_trip = ws.stats().ping_us;
    assert!((1..20_000_000).contains(&round_trip), "{round_trip}");
    assert_eq!(name(ws.ping("mine")), "WS_OK");
    host.run_until("pong mine");
    ws.ping("");
    host.run_until_count("pong", 2);
    assert_eq!(host.trace(), ["open", "pong mine", "pong"]);
}

fn always(options: Options) -> Options {
    options.set(|api, o| (api.ws_options_set_ping_always)(o, 1))
}

#[test]
fn a_server_that_speaks_is_pinged_all_the_same_where_that_was_asked_for() {
    let server = Server::start();
    let host = Host::inline();
    // As soon as a message has come, the next one leaves, until the host ends it.
    host.on("message", |call| {
        let _ = call.ws.send_text("again");
    });
    let ws = host.to(server.ws("/echo")).with(always(patience(0, 200, 20_000))).open();
    assert_eq!(name(ws.send_text("first")), "WS_OK");
    wait_pings(&server, "/echo", 3);
    assert!(ws.stats().ping_us > 0);
    assert_eq!(host.count("pong"), 0, "their pongs are no events");
}

#[test]
fn with_no_limit_for_the_answer_pings_go_on_and_nobody_is_given_up() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.to(script(&server, "mute,gate:end,text:alive")).with(patience(0, 10, 0)).open();
    at_gate(&server, "end");
    server.open_gate("end");
    wait_pings(&server, "/script?do=mute,gate:end,text:alive", 5);
    ws.terminate(1000, "");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message text alive", "terminate 1000 clean", "free"]);
}

#[test]
fn a_server_that_speaks_is_not_given_up() {
    let server = Server::start();
    // It speaks for longer than the limit, and each time long before that is over.
    let speaks = vec!["text:x,delay:100"; 30].join(",");
    // It answers no ping; any byte is an answer.
    let url = glued(&server, &format!("mute,{speaks},close:1000:"));
    let host = Host::new();
    for (name, options) in [("a", patience(2000, 0, 0)), ("b", patience(0, 100, 2000))] {
        host.to(url.as_str()).named(name).with(options).open();
    }
    for name in ["a", "b"] {
        host.run_until(&format!("{name} free"));
        assert_eq!(host.count(&format!("{name} message")), 30);
        assert_eq!(host.trace_of(name)[31..], ["terminate 1000 clean", "free"]);
    }
}

#[test]
fn each_byte_of_a_message_that_comes_slowly_is_life() {
    let server = Server::start();
    let host = Host::new();
    // 3000 bytes, one in a millisecond at most.
    let text = format!("817e0bb8{}", "61".repeat(3000));
    host.to(script(&server, &format!("drip:{text},close:1000:"))).with(patience(2500, 50, 2000)).open();
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message text 3000 bytes", "terminate 1000 clean", "free"]);
}

/// Who waits for the rest of a large message is not woken for each packet; that the server speaks is found out in time.
#[test]
fn a_large_message_that_comes_slowly_is_life_too() {
    let server = Server::start();
    let host = Host::new();
    // The header of 1 MiB, and three seconds of bytes that do not end it.
    let some = vec!["raw:61616161,delay:100"; 30].join(",");
    let commands = format!("raw:817f0000000000100000,{some},drop");
    host.to(script(&server, &commands)).with(patience(2000, 0, 0)).open();
    host.once("error", |call| {
        let errors = call.event.errors();
        assert_ne!(errors.entries[0].1, "WS_ERR_TIMEOUT", "{errors:?}");
    });
    host.run_until("free");
    assert_eq!(host.count("error"), 1);
}

/// Lets the script go on to its end; what it still sends has left when this returns.
fn all_sent(server: &Server) {
    server.open_gate("sent");
    server.open_gate("go");
    at_gate(server, "sent");
}

/// The server is there, and it is the host that is slow: while the receive buffer is full, the time stands still.
#[test]
fn a_host_that_is_slow_to_dispatch_is_no_dead_server() {
    let server = Server::start();
    let host = Host::new();
    let commands = "text:1,text:2,ping:full,mute,gate:go,text:3,close:1000:,gate:sent";
    let both = smallest_buffer(patience(90, 30, 60));
    host.to(glued(&server, commands)).with(both).open();
    pass(&server, 150, 3);
    all_sent(&server);
    host.run_until("free");
    let all = ["open", "message text 1", "message text 2", "message text 3", "terminate 1000 clean", "free"];
    assert_eq!(host.trace(), all);
}

#[test]
fn a_pause_that_stops_reading_stops_the_time() {
    let server = Server::start();
    let host = Host::new();
    host.once("open", |call| assert_eq!(name(call.ws.pause()), "WS_OK"));
    let commands = "text:1,mute,gate:go,text:2,close:1000:,gate:sent";
    let ws = host.to(glued(&server, commands)).with(smallest_buffer(patience(90, 30, 60))).open();
    pass(&server, 150, 3);
    assert_eq!(host.dispatch(), 0, "nothing but what is held back, and no end");
    all_sent(&server);
    ws.resume();
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message text 1", "message text 2", "terminate 1000 clean", "free"]);
}

#[test]
fn once_the_host_is_back_the_time_starts_again() {
    let server = Server::start();
    for options in [patience(90, 0, 0), patience(0, 30, 60)] {
        let host = Host::new();
        host.to(glued(&server, "text:1,mute")).with(smallest_buffer(options)).open();
        pass(&server, 150, 1);
        host.run_until("free");
        let end = ["open", "message text 1", "error WS_ERR_TIMEOUT", "terminate 1006", "free"];
        assert_eq!(host.trace(), end);
    }
}

/// A pause with room in the receive buffer does not stop reading, and so no time.
#[test]
fn a_pause_that_does_not_stop_reading_stops_no_time() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.to(glued(&server, "ping:sync,mute")).with(patience(80, 0, 0)).open();
    ws.pause();
    arrived(&server, "sync");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "error WS_ERR_TIMEOUT", "terminate 1006", "free"]);
}

/// The callback holds up the I/O thread; what came meanwhile is read before the server is judged.
#[test]
fn a_callback_that_takes_long_on_an_io_thread_is_no_silence() {
    let server = std::sync::Arc::new(Server::start());
    let host = Host::inline();
    let seen = std::sync::Arc::clone(&server);
    host.once("message", move |_| at_gate(&seen, "sent"));
    server.open_gate("sent");
    let commands = "text:1,delay:400,text:2,close:1000:,gate:sent";
    host.to(glued(&server, commands)).with(patience(150, 0, 0)).open();
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message text 1", "message text 2", "terminate 1000 clean", "free"]);
}

/// On a slow road the ping goes between the frames of our own large message, and has its time again while the
/// network takes what lies before it.
#[test]
fn a_large_message_on_a_slow_road_is_no_silence_and_pings_go_between_its_frames() {
    let server = Server::start();
    let relay = Relay::slow(server.ws_port());
    let host = Host::new();
    let path = "/script?do=expect,text:done,close:1000:";
    // The message takes three seconds and more, and the relay takes some of it every few milliseconds.
    let ws = host.to(relay.ws(path)).with(patience(0, 30, 2000)).open();
    ws.send_blob(&vec![7; 12 << 20]);
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message text done", "terminate 1000 clean", "free"]);
    let log = server.log();
    let place = |wanted: fn(&Seen) -> bool| log.iter().position(|event| wanted(&event.seen));
    let ping = place(|seen| matches!(seen, Seen::Ping(_))).expect("a ping");
    let message = place(|seen| matches!(seen, Seen::Binary(_))).expect("the message");
    assert!(ping < message, "{ping} {message}");
}

/// Where the URL is for the process that [`after_a_sleep_the_server_is_asked_before_it_is_given_up`] stops.
const SLEEPER: &str = "WS4D_TEST_SLEEPER_URL";

/// `docs/hostile.md`, line 22: a process that was stopped, as a machine that slept, finds all its timers long
/// past. The server has its chance: it is pinged, although no pings were asked for, and given up only after the
/// silence that follows.
#[test]
fn after_a_sleep_the_server_is_asked_before_it_is_given_up() {
    let server = Server::start();
    let path = "/idle?sleeper";
    let mut sleeper = Command::new(env::current_exe().expect("a path"))
        .args(["--exact", "a_process_to_be_stopped", "--ignored"])
        .env(SLEEPER, server.ws(path))
        .stdout(Stdio::null())
        .spawn()
        .expect("this program once more");
    server.wait_for(|event| event.path == path && event.seen == Seen::Text("ready".into()));
    let signal = |number| {
        // SAFETY: a child of this test that was not waited for, so that its number is nobody else's.
        assert_eq!(unsafe { libc::kill(sleeper.id().cast_signed(), number) }, 0);
    };
    signal(libc::SIGSTOP);
    pass(&server, 5000, 1);
    signal(libc::SIGCONT);
    let of_the_sleeper = |seen: fn(&Seen) -> bool| {
        server.wait_for(|event| event.path == path && seen(&event.seen));
    };
    of_the_sleeper(|seen| matches!(seen, Seen::Ping(payload) if payload != b"here"));
    of_the_sleeper(|seen| matches!(seen, Seen::Eof));
    assert!(sleeper.wait().expect("its end").success(), "it saw what it should");
}

/// The other process of the test above.
#[test]
#[ignore = "a part of another test"]
fn a_process_to_be_stopped() {
    let Ok(url) = env::var(SLEEPER) else { return };
    let host = Host::new();
    let ws = host.to(url).with(patience(2000, 0, 20_000)).open();
    ws.ping("here");
    host.run_until("pong here");
    ws.send_text("ready");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "pong here", "error WS_ERR_TIMEOUT", "terminate 1006", "free"]);
}

/// How a close handshake ends is the close timeout's.
#[test]
fn silence_while_closing_is_not_the_idle_timeouts() {
    let server = Server::start();
    // On the I/O thread, which keeps the time: between the open and the terminate there is none to look at.
    let host = Host::inline();
    host.once("open", |call| assert_eq!(name(call.ws.terminate(4000, "")), "WS_OK"));
    host.to(script(&server, "wait_close,gate:go,answer_close")).with(patience(60, 20, 40)).open();
    at_gate(&server, "go");
    pass(&server, 150, 2);
    server.open_gate("go");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "terminate 4000 clean", "free"]);
}

#[test]
fn by_default_nobody_is_pinged_or_given_up() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "mute"));
    pass(&server, 100, 3);
    assert_eq!(host.dispatch(), 0);
    ws.terminate(1000, "");
    host.run_until("free");
    assert!(!server.log().iter().any(|event| matches!(event.seen, Seen::Ping(_))));
}
