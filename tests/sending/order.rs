//! Messages of one thread leave in the order of its calls, whatever the others do and however large they are.

use crate::wire::{script, texts};
use std::collections::HashMap;
use std::thread;
use ws4d_test_host::codes::{WS_ERR_WOULD_BLOCK, WS_OK};
use ws4d_test_host::{Host, Options, Socket, api, c};
use ws4d_test_server::{Seen, Server};

const THREADS: usize = 8;

/// Different sizes are encoded in different ways.
fn filler(i: usize) -> String {
    "x".repeat(match i % 16 {
        3 => 5_000,
        7 => 70_000,
        11 => 300_000,
        _ => 10,
    })
}

/// So many threads send, each `each` messages of `thread number filler`.
fn send_from_all(ws: Socket, each: usize) {
    thread::scope(|scope| {
        for t in 0..THREADS {
            scope.spawn(move || {
                for i in 0..each {
                    let text = format!("{t} {i} {}", filler(i));
                    loop {
                        match ws.send_text(&text) {
                            WS_OK => break,
                            WS_ERR_WOULD_BLOCK => thread::yield_now(),
                            other => panic!("ws_send_text: {other}"),
                        }
                    }
                }
            });
        }
    });
}

/// What the server has got of each thread, in order.
fn assert_in_order(server: &Server, each: usize) {
    let numbers = server.wait_until(|log| {
        let texts = texts(log);
        if texts.len() < THREADS * each {
            return None;
        }
        let mut numbers = HashMap::<usize, Vec<usize>>::new();
        for text in texts {
            let parts: Vec<&str> = text.split(' ').collect();
            let [t, i] = [0, 1].map(|at| parts[at].parse().expect("a number"));
            assert_eq!(parts[2].len(), filler(i).len(), "thread {t}, message {i} came whole");
            numbers.entry(t).or_default().push(i);
        }
        Some(numbers)
    });
    for t in 0..THREADS {
        assert_eq!(numbers[&t], (0..each).collect::<Vec<_>>(), "thread {t}");
    }
}

#[test]
fn eight_threads_may_send_and_each_keeps_its_order() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "expect*100000"));
    send_from_all(ws, 300);
    assert_in_order(&server, 300);
}

#[test]
fn order_is_kept_while_the_server_reads_late() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "gate:read,expect*100000"));
    send_from_all(ws, 40);
    server.open_gate("read");
    assert_in_order(&server, 40);
}

#[test]
fn order_is_kept_through_tls() {
    let server = Server::start();
    let host = Host::new();
    let path = server.ca_file();
    let trusting = Options::new()
        .set(|api, o| (api.ws_options_set_ca_file)(o, c(path.to_str().expect("UTF-8")).as_ptr()));
    let ws = host.to(server.wss("/script?do=expect*100000")).with(trusting).open();
    send_from_all(ws, 100);
    assert_in_order(&server, 100);
}

#[test]
fn pings_of_many_threads_are_each_answered() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    thread::scope(|scope| {
        for t in 0..THREADS {
            scope.spawn(move || {
                for i in 0..50 {
                    let payload = format!("{t}-{i}");
                    assert_eq!((api().ws_ping)(ws, payload.as_ptr().cast(), payload.len()), WS_OK);
                    assert_eq!(ws.send_text(&payload), WS_OK);
                }
            });
        }
    });
    host.run_until_count("pong", 50 * THREADS);
    host.run_until_count("message", 50 * THREADS);
    let pings = server.log().iter().filter(|event| matches!(event.seen, Seen::Ping(_))).count();
    assert_eq!(pings, 50 * THREADS);
}

/// A thread that terminates while others send: what was accepted before arrives, what came after was refused.
#[test]
fn every_message_that_was_accepted_before_terminate_arrives() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "expect*100000"));
    let accepted: usize = thread::scope(|scope| {
        let senders: Vec<_> = (0..THREADS)
            .map(|t| {
                scope.spawn(move || (0..).take_while(|i| ws.send_text(&format!("{t} {i}")) == WS_OK).count())
            })
            .collect();
        server.wait_for(|event| matches!(event.seen, Seen::Text(_)));
        ws.terminate(1000, "");
        senders.into_iter().map(|sender| sender.join().expect("a sender")).sum()
    });
    host.run_until("free");
    server.wait_for(|event| event.seen == Seen::Close(Some(1000), String::new()));
    assert_eq!(texts(&server.log()).len(), accepted);
}
