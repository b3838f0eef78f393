//! The send buffer: what it accepts, how it says that it is full, and that it drains.

use crate::wire::{Relay, script};
use crate::{messages, send_buffer};
use ws4d_test_host::codes::WS_ERR_WOULD_BLOCK;
use ws4d_test_host::{Host, Options, Socket, name};
use ws4d_test_server::{Seen, Server};

const PIECE: usize = 64 * 1024;

/// Sends numbered messages until the buffer is full; says how many were accepted.
fn fill(ws: Socket) -> usize {
    let mut data = vec![0; PIECE];
    for i in 0.. {
        data[..8].copy_from_slice(&usize::to_be_bytes(i));
        match ws.send_blob(&data) {
            0 => {}
            result => {
                assert_eq!(name(result), "WS_ERR_WOULD_BLOCK");
                return i;
            }
        }
    }
    unreachable!("a buffer becomes full");
}

fn numbers(messages: &[Vec<u8>]) -> Vec<usize> {
    let number = |data: &Vec<u8>| usize::from_be_bytes(data[..8].try_into().expect("eight bytes"));
    messages.iter().map(number).collect()
}

#[test]
fn a_full_buffer_would_block_and_drains_once_there_is_room() {
    let server = Server::narrow();
    let host = Host::new();
    let ws = host.to(script(&server, "gate:read")).with(send_buffer(1 << 20)).open();
    let accepted = fill(ws);
    let buffered = ws.buffered_amount();
    assert!((1 << 20..(1 << 20) + PIECE + 64).contains(&buffered), "{buffered}");
    for _ in 0..10 {
        assert_eq!(ws.send_text("refused"), WS_ERR_WOULD_BLOCK);
        assert_eq!(ws.ping("refused"), WS_ERR_WOULD_BLOCK);
    }
    assert_eq!(ws.buffered_amount(), buffered, "nothing of a refused message stays");

    server.open_gate("read");
    host.run_until("drain");
    assert!(ws.buffered_amount() < 1 << 19, "below half");
    assert_eq!(numbers(&messages(&server, accepted)), (0..accepted).collect::<Vec<_>>());
    assert_eq!(name(ws.send_text("room again")), "WS_OK");
    server.wait_for(|event| event.seen == Seen::Text("room again".into()));
    ws.terminate(1000, "");
    host.run_until("free");
    assert_eq!(
        host.trace(),
        ["open", "drain", "terminate 1000 clean", "free"],
        "one drain for many refusals"
    );
    assert!(!server.log().iter().any(|event| matches!(&event.seen, Seen::Text(text) if text == "refused")));
}

#[test]
fn every_time_that_it_would_block_a_drain_follows() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.to(script(&server, "gate:1,expect,gate:2")).with(send_buffer(1 << 20)).open();
    fill(ws);
    server.open_gate("1");
    server.open_gate("2");
    for drains in 1..4 {
        host.run_until_count("drain", drains);
        fill(ws);
    }
    host.run_until_count("drain", 4);
}

#[test]
fn a_buffer_that_never_was_full_does_not_drain() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    for _ in 0..100 {
        ws.send_blob(&[0; 1000]);
    }
    host.run_until_count("message", 100);
    assert_eq!(host.count("drain"), 0);
}

#[test]
fn one_message_may_overshoot_and_then_it_is_full() {
    let server = Server::start();
    // An empty buffer takes any message.
    let (relay, host, ws, large) = stuck(&server, "/idle", || send_buffer(1000));
    assert_eq!(name(ws.send_text("x")), "WS_ERR_WOULD_BLOCK");
    relay.open();
    host.run_until("drain");
    server.wait_for(|event| event.seen == Seen::Binary(large.clone()));
    assert_eq!(name(ws.send_text("x")), "WS_OK");
}

#[test]
fn a_limit_of_0_is_none() {
    let server = Server::narrow();
    let host = Host::new();
    let ws = host.to(script(&server, "gate:read")).with(send_buffer(0)).open();
    // Twice what would be the limit.
    let sent = ws.send_until_held(32 << 20, |_| ws.send_blob(&[7; 1 << 20]));
    server.open_gate("read");
    assert!(messages(&server, sent).iter().all(|data| data.len() == 1 << 20));
}

#[test]
fn each_queued_message_counts_its_bytes_and_64() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    assert_eq!(ws.buffered_amount(), 0);
    ws.cork();
    ws.send_text("");
    assert_eq!(ws.buffered_amount(), 64);
    ws.send_blob(&[0; 10]);
    assert_eq!(ws.buffered_amount(), 64 + 74);
    ws.send_object(" [ ] ");
    assert_eq!(ws.buffered_amount(), 64 + 74 + 66);
    ws.send_blob(&[0; 200_000]);
    assert_eq!(ws.buffered_amount(), 64 + 74 + 66 + 200_064);
    ws.uncork();
    host.run_until_count("message", 4);
    assert_eq!(ws.buffered_amount(), 0);
}

/// `ws_send_text`: a message that finds nothing before it is on the wire when the call returns.
#[test]
fn a_message_that_finds_nothing_before_it_is_on_the_wire_at_once() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    for i in 0..100 {
        assert_eq!(name(ws.send_text(&format!("{i}"))), "WS_OK");
        ws.until_nothing_is_buffered();
    }
    host.run_until_count("message", 100);
}

/// Opens the path through a relay that holds the client's bytes back, and sends one message that does not leave: so
/// much of it stays with the library that frames are still to be made, which happens for 512 KiB at a time. How much a
/// kernel takes for a peer that does not read is the machine's affair, so the message doubles until it is enough.
fn stuck(server: &Server, path: &str, options: fn() -> Options) -> (Relay, Host, Socket, Vec<u8>) {
    const STAYS: usize = 1 << 20;
    for size in (0..).map(|power| STAYS << power) {
        let relay = Relay::held(server.ws_port());
        let host = Host::new();
        let ws = host.to(relay.ws(path)).with(options()).open();
        let data: Vec<u8> = (0..size).map(|i| (i >> 8) as u8).collect();
        assert_eq!(name(ws.send_blob(&data)), "WS_OK");
        if ws.buffered_amount() >= STAYS {
            return (relay, host, ws, data);
        }
        ws.abort();
        relay.open();
    }
    unreachable!("no kernel takes everything")
}

#[test]
fn a_message_above_128_kib_leaves_in_frames_and_a_ping_goes_between() {
    let server = Server::start();
    let (relay, host, ws, data) = stuck(&server, "/idle", Options::new);
    assert_eq!(name(ws.ping("between")), "WS_OK");
    relay.open();
    server.wait_for(|event| event.seen == Seen::Binary(data.clone()));

    let frames = relay.frames();
    let ping = frames.iter().position(|frame| frame.first == 0x89).expect("a ping");
    let last = frames.iter().position(|frame| frame.first == 0x80).expect("a last frame");
    assert!(ping < last, "ping {ping}, last {last}");
    let message: Vec<_> = frames.iter().filter(|frame| frame.first != 0x89).take(last).collect();
    assert_eq!(message[0].first, 0x02);
    assert!(message[1..message.len() - 1].iter().all(|frame| frame.first == 0x00));
    assert!(message.iter().all(|frame| frame.payload.len() <= 128 * 1024));
    host.run_until("pong between");
}

#[test]
fn a_message_of_128_kib_is_one_frame() {
    let server = Server::start();
    let relay = Relay::opened(server.ws_port());
    let host = Host::new();
    let ws = host.open(relay.ws("/echo"));
    ws.send_blob(&[7; 128 * 1024]);
    ws.send_text(&"x".repeat(128 * 1024 + 1));
    host.run_until_count("message", 2);
    let frames = relay.frames();
    assert_eq!((frames[0].first, frames[0].payload.len()), (0x82, 128 * 1024));
    let text: Vec<u8> = frames[1..].iter().map(|frame| frame.first).collect();
    assert_eq!(text, [0x01, 0x80]);
}

/// `docs/hostile.md`, lines 17, 18: and so does the answer to the server's ping.
#[test]
fn an_automatic_pong_goes_between_the_frames_of_a_large_message() {
    let server = Server::start();
    let (relay, host, _, _) = stuck(&server, "/script?do=gate:ping,ping:now,text:after", Options::new);
    server.open_gate("ping");
    host.run_until("message text after");
    relay.open();
    server.wait_for(|event| event.seen == Seen::Pong(b"now".to_vec()));
    messages(&server, 1);
    let frames = relay.frames();
    let pong = frames.iter().position(|frame| frame.first == 0x8a).expect("a pong");
    assert!(pong < frames.len() - 1, "frame {pong} of {}", frames.len());
}
