//! Making the connection: each step's failure says which step it was, and what the host does meanwhile is kept.

mod wire;

use std::cell::Cell;
use std::io;
use std::sync::mpsc::{self, Sender};
use std::{ptr, thread};
use wire::{Relay, black_hole, close_seen, refused, silent, wait_texts};
use ws4d_test_host::codes::{WS_STATUS_CLOSED, WS_STATUS_CONNECTED, WS_STATUS_CONNECTING};
use ws4d_test_host::{Errors, Host, Options, Socket, api, c, name};
use ws4d_test_server::{Seen, Server};

fn impatient(ms: u32) -> Options {
    Options::new().set(|api, o| (api.ws_options_set_connect_timeout_ms)(o, ms))
}

#[test]
fn a_refused_connection_names_the_address_and_the_systems_words() {
    let server = Server::start();
    let port = server.closed_port();
    let refusal = refused(&format!("ws://127.0.0.1:{port}/"), &Options::new());
    refusal.assert("WS_ERR_CONNECTION_REFUSED", &format!("127.0.0.1:{port}"));
    assert_eq!(refusal.component(), "tcp ");
    let number = refusal.errors.os_code;
    assert_eq!(io::Error::from_raw_os_error(number).kind(), io::ErrorKind::ConnectionRefused, "{number}");
    let details = &refusal.errors.entries[1..];
    assert_eq!(details.len(), 1, "each address tried: {:?}", refusal.errors);
    assert!(details[0].2.contains("refused"), "the system's words: {details:?}");
}

#[test]
fn a_name_that_nobody_knows_is_a_failure_of_dns() {
    let refusal = refused("ws://nobody.invalid/", &Options::new());
    refusal.assert("WS_ERR_DNS", "nobody.invalid");
    assert_eq!(refusal.component(), "dns ");
}

#[test]
fn a_name_that_cannot_be_one_is_a_failure_of_dns_too() {
    let url = format!("ws://{}/", "a.".repeat(200));
    refused(&url, &Options::new()).assert("WS_ERR_DNS", "a.a.a");
}

#[test]
fn a_timeout_names_the_step_that_took_too_long() {
    let server = Server::start();
    let refusal = refused(&server.ws("/no-answer"), &impatient(2000));
    refusal.assert("WS_ERR_TIMEOUT", "answer to the upgrade");
    assert_eq!(refusal.component(), "http");

    let hole = black_hole("127.0.0.1", 0);
    let port = hole.port;
    let refusal = refused(&format!("ws://127.0.0.1:{port}/"), &impatient(2000));
    refusal.assert("WS_ERR_TIMEOUT", "TCP");
    assert_eq!(refusal.component(), "tcp ");
    assert!(refusal.message().contains("2000 ms"), "{:?}", refusal.errors);
}

#[test]
fn no_connect_timeout_is_no_limit_of_no_time() {
    let server = Server::start();
    silent(&server.ws("/drip?ms=2"), &impatient(0)).abort();
}

#[test]
fn what_is_sent_while_connecting_arrives_in_order_after_the_open() {
    let server = Server::start();
    let relay = Relay::closed(server.ws_port());
    let host = Host::new();
    let ws = host.open_async(relay.ws("/echo"));
    for i in 0..100 {
        // Above 4 KiB a message is encoded in another way: mixed, the order must hold all the same.
        let text = if i % 10 == 3 { format!("{i} {}", "x".repeat(10_000)) } else { format!("{i}") };
        assert_eq!(name(ws.send_text(&text)), "WS_OK");
    }
    assert_eq!(name(ws.send_blob(&[1, 2, 3])), "WS_OK");
    assert_eq!(name(ws.ping("p")), "WS_OK");
    assert_eq!(ws.status(), WS_STATUS_CONNECTING);
    assert!(ws.buffered_amount() > 100_000, "{}", ws.buffered_amount());
    relay.open();
    host.run_until("message blob 010203");
    host.run_until("pong p");

    let numbers = wait_texts(&server, 100);
    let numbers: Vec<&str> = numbers.iter().filter_map(|text| text.split(' ').next()).collect();
    assert_eq!(numbers, (0..100).map(|i| i.to_string()).collect::<Vec<_>>());
    assert_eq!(host.trace()[0], "open");
    assert_eq!(host.count("message"), 101);
}

#[test]
fn what_is_sent_while_connecting_is_lost_when_that_fails() {
    let server = Server::start();
    let relay = Relay::closed(server.ws_port());
    let host = Host::new();
    let ws = host.open_async(relay.ws("/status?code=503"));
    assert_eq!(name(ws.send_text("never")), "WS_OK");
    relay.open();
    host.run_until("free");
    assert_eq!(host.trace(), ["error WS_ERR_HTTP_STATUS", "terminate 1006", "free"]);
    assert_eq!(name(ws.send_text("late")), "WS_ERR_CLOSED");
    assert_eq!(ws.buffered_amount(), 0);
    server.wait_until_idle();
    assert!(!server.log().iter().any(|event| matches!(event.seen, Seen::Text(_))));
}

/// Both end an attempt, at whatever step it is: `docs/hostile.md`, line 20, "in every state".
#[test]
fn terminate_and_abort_while_connecting_end_the_attempt() {
    let server = Server::start();
    let hole = black_hole("127.0.0.1", 0);
    let port = hole.port;
    let black_hole = format!("ws://127.0.0.1:{port}/");
    for url in [server.ws("/no-answer"), server.ws("/endless-head"), server.ws("/drip?ms=500"), black_hole] {
        for abort in [false, true] {
            let host = Host::new();
            let ws = host.open_async(url.as_str());
            assert_eq!(ws.status(), WS_STATUS_CONNECTING, "{url}");
            let ended = if abort { ws.abort() } else { ws.terminate(3000, "changed my mind") };
            assert_eq!(name(ended), "WS_OK");
            assert_eq!(name(ws.send_text("late")), "WS_ERR_CLOSED");
            host.run_until("free");
            assert_eq!(ws.status(), WS_STATUS_CLOSED);
            if url != server.ws("/endless-head") {
                assert_eq!(host.trace(), ["terminate 1006", "free"], "{url}");
            }
        }
    }
    server.wait_until_idle();
}

#[test]
fn terminate_while_connecting_takes_the_arguments_as_seriously_as_later() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open_async(server.ws("/no-answer"));
    assert_eq!(name(ws.terminate(999, "")), "WS_ERR_INVALID_CLOSE_CODE");
    assert_eq!(name(ws.terminate(1000, &"x".repeat(124))), "WS_ERR_INVALID_CLOSE_REASON");
    assert_eq!(ws.status(), WS_STATUS_CONNECTING);
    assert_eq!(name(ws.terminate(0, "")), "WS_OK");
    host.run_until("free");
}

#[test]
fn a_socket_that_is_released_while_connecting_opens_all_the_same() {
    let server = Server::start();
    let relay = Relay::closed(server.ws_port());
    let host = Host::new();
    host.once("open", |call| {
        assert_eq!(call.ws.status(), WS_STATUS_CONNECTED, "its token is valid until it is over");
        call.ws.send_text("hello");
    });
    host.once("message", |call| {
        call.ws.terminate(4000, "enough");
    });
    let ws = host.open_async(relay.ws("/echo"));
    assert_eq!(name(ws.release()), "WS_OK");
    assert_eq!(name(ws.release()), "WS_ERR_INVALID_HANDLE");
    relay.open();
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message text hello", "terminate 4000 enough clean", "free"]);
    assert_eq!(close_seen(&server), (Some(4000), "enough".to_owned()));
    assert!(!ws.is_valid());
}

#[test]
fn two_hundred_sockets_connect_at_once_and_each_hears_its_own() {
    let server = Server::start();
    let host = Host::new();
    let sockets: Vec<_> =
        (0..200).map(|i| host.to(server.ws("/echo")).named(&format!("s{i}")).open_async()).collect();
    for (i, ws) in sockets.iter().enumerate() {
        assert_eq!(name(ws.send_text(&format!("I am {i}"))), "WS_OK");
    }
    for i in 0..200 {
        host.run_until(&format!("s{i} message text I am {i}"));
    }
    for ws in &sockets {
        ws.terminate(1000, "");
        ws.release();
    }
    for i in 0..200 {
        host.run_until(&format!("s{i} free"));
        let hello = format!("message text I am {i}");
        let all = ["open", &hello, "terminate 1000 clean", "free"];
        assert_eq!(host.trace_of(&format!("s{i}")), all);
    }
    server.wait_until_idle();
}

#[test]
fn a_hundred_failures_at_once_are_a_hundred_errors() {
    let server = Server::start();
    let closed = format!("ws://127.0.0.1:{}/", server.closed_port());
    let host = Host::new();
    for i in 0..100 {
        let url = if i % 2 == 0 { closed.clone() } else { server.ws("/status?code=503") };
        host.to(url).named(&format!("s{i}")).open_async();
    }
    for i in 0..100 {
        host.run_until(&format!("s{i} free"));
        let error = if i % 2 == 0 { "error WS_ERR_CONNECTION_REFUSED" } else { "error WS_ERR_HTTP_STATUS" };
        assert_eq!(host.trace_of(&format!("s{i}")), [error, "terminate 1006", "free"]);
    }
}

/// Opens a socket in its destructor, which runs while the thread's own values are destroyed.
struct Late(String, Sender<Errors>);

impl Drop for Late {
    fn drop(&mut self) {
        let mut errors = ptr::null_mut();
        let ws = (api().ws_new)(c(&self.0).as_ptr(), ptr::null(), Options::new().0, &mut errors);
        assert_eq!(ws, Socket::NULL);
        self.1.send(Errors::take(errors)).expect("the test waits");
    }
}

thread_local! {
    static LATE: Cell<Option<Late>> = const { Cell::new(None) };
}

#[test]
fn a_thread_that_is_ending_can_wait_for_no_connection() {
    let server = Server::start();
    let url = server.ws("/echo");
    let (sender, errors) = mpsc::channel();
    thread::spawn(move || {
        LATE.set(Some(Late(url.clone(), sender)));
        // The library's values of this thread are made behind that one, so that they are destroyed before it.
        silent(&url, &Options::new()).abort();
    })
    .join()
    .expect("the thread");
    let errors = errors.recv().expect("errors");
    assert_eq!(errors.name(), "WS_ERR_SHUT_DOWN");
    assert!(errors.entries[0].2.starts_with("This thread is ending"), "{errors:?}");
}
