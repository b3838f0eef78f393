//! `ws_get_stats`: what was counted, both ways, and how long connecting took.

mod support;

use std::ptr;

use support::{arrived, script, until_status};
use ws4d_test_host::codes::*;
use ws4d_test_host::{Host, Options, RawStats, Socket, api, c, name};
use ws4d_test_server::{Seen, Server};

#[test]
fn messages_and_bytes_are_counted_both_ways() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    ws.send_text("hällo");
    ws.send_blob(&[7; 1000]);
    ws.send_object("[1, 2]");
    ws.send_text("");
    host.run_until_count("message", 4);
    let stats = ws.stats();
    assert_eq!((stats.messages_sent, stats.messages_received), (4, 4));
    // The object goes without its white space.
    assert_eq!((stats.bytes_sent, stats.bytes_received), (6 + 1000 + 5, 6 + 1000 + 5));
    assert_eq!((stats.send_buffered, stats.receive_buffered, stats.messages_discarded), (0, 0, 0));
}

#[test]
fn the_wires_bytes_are_those_of_the_frames_and_of_the_opening_handshake() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    let before = ws.stats();
    let head = server.wait_until(|log| {
        log.iter().find_map(|event| match &event.seen {
            Seen::Request { head, .. } => Some(head.len()),
            _ => None,
        })
    });
    assert_eq!(before.wire_bytes_sent, head as u64, "the request");
    assert!(before.wire_bytes_received > 100, "and its answer");
    ws.send_blob(&[7; 1000]);
    host.run_until("message");
    let after = ws.stats();
    // Two bytes, a length of two, a mask of four; the server's frame has none.
    assert_eq!(after.wire_bytes_sent - before.wire_bytes_sent, 1008);
    assert_eq!(after.wire_bytes_received - before.wire_bytes_received, 1004);
    // A fragmented message is one.
    ws.send_blob(&vec![7; 300 * 1024]);
    host.run_until_count("message", 2);
    assert_eq!(ws.stats().messages_sent, 2);
    assert!(ws.stats().wire_bytes_sent > after.wire_bytes_sent + 300 * 1024 + 3 * 8);
}

#[test]
fn records_of_tls_are_on_the_wire_too() {
    let server = Server::start();
    let host = Host::new();
    let ca = c(server.ca_file().to_str().unwrap());
    let trusting = Options::new().set(|api, o| (api.ws_options_set_ca_file)(o, ca.as_ptr()));
    let ws = host.to(server.wss("/echo")).with(trusting).open();
    let before = ws.stats();
    ws.send_blob(&[7; 1000]);
    host.run_until("message");
    let after = ws.stats();
    for grown in [
        after.wire_bytes_sent - before.wire_bytes_sent,
        after.wire_bytes_received - before.wire_bytes_received,
    ] {
        assert!((1004 + 5 + 16..2000).contains(&grown), "a record's header and tag: {grown}");
    }
    assert!(after.tls_us > 0 && after.tls_us <= after.connect_us, "{after:?}");
}

#[test]
fn what_waits_for_the_host_is_in_the_receive_buffer() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "text:four,text:,ping:sync"));
    arrived(&server, "sync");
    let stats = ws.stats();
    assert_eq!(
        (stats.receive_buffered, stats.messages_received),
        (4 + 64 + 64, 2),
        "received, not delivered"
    );
    host.run_until_count("message", 2);
    assert_eq!(ws.stats().receive_buffered, 0);
}

#[test]
fn what_the_kernel_has_not_taken_is_in_the_send_buffer() {
    let server = Server::narrow();
    let host = Host::new();
    let ws = host.open(script(&server, "stall"));
    while name(ws.send_blob(&[7; 1 << 20])) == "WS_OK" {}
    let stats = ws.stats();
    assert_eq!(stats.send_buffered, ws.buffered_amount() as u64);
    assert!(stats.send_buffered > 1 << 20);
    assert!(stats.wire_bytes_sent < stats.bytes_sent, "accepted, not yet sent: {stats:?}");
    ws.abort();
}

/// Messages past the bound, once the host has closed.
#[test]
fn messages_that_are_dropped_after_terminate_are_counted() {
    let server = Server::start();
    let host = Host::new();
    let small = Options::new().set(|api, o| (api.ws_options_set_receive_buffer_size)(o, 200));
    let commands = "text:1,text:2,text:3,text:4,ping:full,gate:go,text:5,text:6,text:7,answer_close";
    let ws = host.to(script(&server, commands)).with(small).open();
    server.wait_for(|event| matches!(&event.seen, Seen::Gate(gate) if gate == "go"));
    ws.terminate(1000, "");
    server.open_gate("go");
    // The host is busy until all has come.
    until_status(ws, WS_STATUS_CLOSED);
    host.run_until("free");
    let stats = ws.stats();
    let delivered = host.count("message") as u64;
    assert_eq!(stats.messages_received, 7);
    assert!(stats.messages_discarded > 0, "{stats:?}");
    assert_eq!(delivered + stats.messages_discarded, 7);
}

#[test]
fn a_ping_has_its_round_trip() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    assert_eq!(ws.stats().ping_us, -1, "none yet");
    ws.ping("x");
    host.run_until("pong x");
    let round_trip = ws.stats().ping_us;
    assert!((1..20_000_000).contains(&round_trip), "{round_trip}");
}

#[test]
fn each_step_of_connecting_that_was_taken_has_its_time() {
    let server = Server::start();
    let host = Host::new();
    let stats = host.open(server.ws("/echo")).stats();
    let taken = [stats.dns_us, stats.tcp_us, stats.upgrade_us];
    assert!(taken.iter().all(|time| *time >= 0), "{stats:?}");
    assert_eq!((stats.proxy_us, stats.tls_us), (-1, -1), "not taken");
    assert!(stats.connect_us > 0 && taken.iter().sum::<i64>() <= stats.connect_us, "{stats:?}");
}

#[test]
fn a_connection_that_could_not_be_made_has_the_times_up_to_its_failure() {
    let server = Server::start();
    let host = Host::new();
    let refused = host.to(format!("ws://127.0.0.1:{}/", server.closed_port())).named("refused").open_async();
    let bad = host.to(server.ws("/bad-accept")).named("bad").open_async();
    host.run_until("refused free");
    host.run_until("bad free");
    let stats = refused.stats();
    assert!(stats.tcp_us >= 0 && stats.connect_us >= stats.tcp_us, "{stats:?}");
    assert_eq!(stats.upgrade_us, -1, "{stats:?}");
    assert!(bad.stats().upgrade_us >= 0);
}

#[test]
fn the_numbers_stay_until_the_handle_goes() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "text:hello,close:4000:"));
    host.run_until("free");
    let stats = ws.stats();
    assert_eq!((stats.messages_received, stats.bytes_received), (1, 5));
    assert!(stats.wire_bytes_received > 100, "{stats:?}");
    assert_eq!(name(ws.release()), "WS_OK");
    let mut untouched = RawStats { messages_sent: 9, ..RawStats::INIT };
    assert_eq!(name((api().ws_get_stats)(ws, &mut untouched)), "WS_ERR_INVALID_HANDLE");
    assert_eq!(untouched.messages_sent, 9);
}

#[test]
fn the_struct_is_filled_as_far_as_its_size_says() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    for (size, result) in [
        (0, "WS_ERR_INVALID_ARGUMENT"),
        (135, "WS_ERR_INVALID_ARGUMENT"),
        (136, "WS_OK"),
        (144, "WS_OK"),
        (usize::MAX, "WS_ERR_INVALID_ARGUMENT"),
    ] {
        let mut stats = RawStats { size, connect_us: -9, last_received_us: -9, ..RawStats::INIT };
        assert_eq!(name((api().ws_get_stats)(ws, &mut stats)), result, "{size}");
        assert_eq!((stats.size, stats.connect_us == -9), (size, result != "WS_OK"));
        assert_eq!(stats.last_received_us == -9, size != 144);
    }
    assert_eq!(name((api().ws_get_stats)(ws, ptr::null_mut())), "WS_ERR_INVALID_ARGUMENT");
    let mut stats = RawStats::INIT;
    assert_eq!((api().ws_get_stats)(Socket::NULL, &mut stats), WS_ERR_INVALID_HANDLE);
}
