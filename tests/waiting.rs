//! A host thread that waits reads its sockets itself; while it stays away, the I/O thread does. Nothing of that is to be
//! seen but by whom it is done.

mod support;

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::{arrived, script};
use ws4d_test_host::Host;
use ws4d_test_host::codes::*;
use ws4d_test_server::Server;

/// How often the I/O thread was given the processor, as the system counts.
fn turns_of_the_io_thread() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux");
    let counted = tasks.flatten().filter_map(|task| {
        let name = fs::read_to_string(task.path().join("comm")).ok()?;
        let status = fs::read_to_string(task.path().join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        name.starts_with("ws4d-io").then(|| line.trim().parse::<u64>().ok())?
    });
    counted.sum()
}

/// Answers each message with the next one, until `last`.
fn ping_pong(host: &Host, last: usize) {
    let count = AtomicUsize::new(0);
    host.on("message", move |call| {
        let next = count.fetch_add(1, Ordering::SeqCst) + 1;
        if next < last {
            assert_eq!(call.ws.send_text(&next.to_string()), WS_OK);
        }
    });
}

#[test]
fn a_host_that_waits_talks_to_its_server_without_the_io_thread() {
    // The only test that counts turns: they are the process's.
    let _alone = ws4d_test_host::alone();
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    ping_pong(&host, usize::MAX);
    assert_eq!(ws.send_text("0"), WS_OK);
    // It looks every 10 ms whether the host still comes, and has its part while the machine is too busy for that: not in
    // each of many stretches. With its help each message is a turn.
    let in_peace = (1..=300).any(|stretch| {
        let before = turns_of_the_io_thread();
        host.run_until_count("message", stretch * 10);
        turns_of_the_io_thread() - before < 5
    });
    assert!(in_peace, "{} turns of the I/O thread", turns_of_the_io_thread());
    assert_eq!(host.dispatcher().close(), WS_OK);
}

#[test]
fn while_the_host_stays_away_the_io_thread_answers_pings_and_reads() {
    let server = Server::start();
    let host = Host::with_wake();
    let ws = host.open(script(&server, "text:1,gate:away,text:2,text:3,ping:after"));
    host.run_until("message text 1");
    let before = host.wakes();
    // The host has waited, and comes no more: what follows happens all the same.
    server.open_gate("away");
    arrived(&server, "after");
    host.wait_for_wakes(before + 1);
    host.run_until("message text 3");
    ws.terminate(0, "");
    host.run_until("free");
}

#[test]
fn a_message_that_the_kernel_does_not_take_leaves_while_the_host_stays_away() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    assert_eq!(ws.send_text("1"), WS_OK);
    host.run_until("message text 1");
    // More than the socket's buffers hold; the host does not wait meanwhile.
    assert_eq!(ws.send_blob(&vec![7; 12 << 20]), WS_OK);
    while ws.buffered_amount() > 0 {
        thread::yield_now();
    }
    host.run_until(&format!("message blob {} bytes", 12 << 20));
    ws.terminate(0, "");
    host.run_until("free");
}

#[test]
fn what_another_thread_does_ends_a_wait_that_reads() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    assert_eq!(ws.send_text("1"), WS_OK);
    host.run_until("message text 1");
    thread::scope(|scope| {
        // While the host waits: an echo for what another thread sends, and the end that it asks for.
        scope.spawn(move || {
            assert_eq!(ws.send_text("from another thread"), WS_OK);
            assert_eq!(ws.terminate(3000, "enough"), WS_OK);
        });
        host.run_until("free");
    });
    let end = ["message text from another thread", "terminate 3000 enough clean", "free"];
    assert_eq!(host.trace()[2..], end);
}

#[test]
fn the_end_behind_the_last_bytes_is_found_by_a_host_that_waits() {
    let server = Server::start();
    for end in ["fin", "close:1000:bye", "rst"] {
        let host = Host::new();
        // The message, and in the same packet or just behind it, the end.
        let ws = host.open(script(&server, &format!("text:1,gate:go-{end},text:2,{end}")));
        host.run_until("message text 1");
        server.open_gate(&format!("go-{end}"));
        host.run_until("free");
        assert!(end == "rst" || host.count("message text 2") == 1, "{:?}", host.trace());
        assert_eq!(host.count("terminate"), 1);
        assert!(!ws.is_valid() || ws.release() == WS_OK);
    }
}

#[test]
fn sockets_go_back_and_forth_between_host_and_io_thread() {
    let server = Server::start();
    let host = Host::with_wake();
    let sockets: Vec<_> = (0..20).map(|_| host.open(server.ws("/echo"))).collect();
    for round in 1..=30 {
        for ws in &sockets {
            assert_eq!(ws.send_text(&format!("round {round}")), WS_OK);
        }
        if round % 2 == 0 {
            // The I/O thread reads: the host only dispatches what it is woken for.
            while host.count(&format!("message text round {round}")) < sockets.len() {
                host.dispatch();
                thread::yield_now();
            }
        } else {
            host.run_until_count(&format!("message text round {round}"), sockets.len());
        }
    }
    for ws in &sockets {
        ws.terminate(0, "");
    }
    host.run_until_count("free", sockets.len());
}

#[test]
fn closing_the_dispatcher_says_goodbye_for_sockets_that_the_host_reads() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    assert_eq!(ws.send_text("1"), WS_OK);
    host.run_until("message text 1");
    assert_eq!(host.dispatcher().close(), WS_OK);
    assert_eq!(host.trace()[2..], ["terminate 1006", "free"]);
    server.wait_for(|event| matches!(&event.seen, ws4d_test_server::Seen::Close(Some(1001), _)));
}

/// The stop comes at any moment of the wait's beginning, also where the descriptors are being asked for.
#[test]
fn a_stop_is_never_lost_between_the_look_and_the_sleep() {
    let server = Server::start();
    for _ in 0..200 {
        let host = Host::new();
        let ws = host.open_async(server.ws("/idle"));
        let d = host.dispatcher();
        thread::scope(|scope| {
            scope.spawn(move || assert_eq!(d.stop(), WS_OK));
            let begun = Instant::now();
            assert!(d.wait(20_000) >= 0);
            assert!(begun.elapsed() < Duration::from_secs(10), "the stop was lost");
        });
        ws.abort();
        host.run_until("free");
    }
}

/// What comes, comes in the same order and with the same ends, however little is slept.
#[test]
fn with_busy_poll_nothing_is_different_but_the_time() {
    let server = Server::start();
    let host = Host::new();
    assert_eq!((ws4d_test_host::api().ws_dispatcher_set_busy_poll_us)(host.dispatcher(), 200), WS_OK);
    let inline = Host::inline();
    for host in [host, inline] {
        let options = ws4d_test_host::Options::new().set(|api, o| (api.ws_options_set_busy_poll_us)(o, 200));
        let ws = host.to(server.ws("/echo")).with(options).open();
        ping_pong(&host, 300);
        assert_eq!(ws.send_text("0"), WS_OK);
        host.run_until_count("message", 300);
        ws.terminate(3000, "enough");
        host.run_until("free");
        assert_eq!(host.trace().len(), 303);
        assert_eq!(host.trace()[301..], ["terminate 3000 enough clean", "free"]);
    }
}
