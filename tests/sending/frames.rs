//! How a message is cut into frames.

use crate::messages;
use crate::wire::{RawServer, Relay, silent};
use std::sync::mpsc;
use ws4d_test_host::codes::*;
use ws4d_test_host::{Host, Options, Socket, api, name};
use ws4d_test_server::{Seen, Server};

fn frame_size(bytes: usize) -> Options {
    Options::new().set(|api, o| (api.ws_options_set_frame_size)(o, bytes))
}

/// What `send` sends, as the frames of it: first bytes and lengths. `expected` is the message that arrives.
fn frames_of(options: Options, send: impl Fn(Socket) -> i32, expected: &[u8]) -> Vec<(u8, usize)> {
    let server = Server::start();
    let relay = Relay::opened(server.ws_port());
    let host = Host::new();
    let ws = host.to(relay.ws("/echo")).with(options).open();
    assert_eq!(name(send(ws)), "WS_OK");
    assert!(messages(&server, 1) == [expected], "it arrives whole");
    ws.terminate(1000, "");
    host.run_until("free");
    let close = |frame: &(u8, usize)| frame.0 & 15 == 8;
    relay.frames().iter().map(|frame| (frame.first, frame.payload.len())).filter(|f| !close(f)).collect()
}

/// Compressed, it is still long.
fn numbers(count: u64) -> String {
    (0..count).map(|i| format!("{} ", i * 7919 % 10_007)).collect()
}

/// The same where the server agrees to compression; it reads, and says nothing.
fn compressed_frames_of(bytes: usize, text: &str) -> Vec<(u8, usize)> {
    let (ended, end) = mpsc::channel();
    let server = RawServer::start(move |peer| {
        let head = peer.head();
        peer.accept(&head, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
        peer.wait_for_the_end();
        let _ = ended.send(());
    });
    let relay = Relay::opened(server.port());
    let options = frame_size(bytes).set(|api, o| (api.ws_options_set_close_timeout_ms)(o, 0));
    let ws = silent(&relay.ws("/"), &options);
    assert_eq!(ws.send_text(text), WS_OK);
    ws.terminate(1000, "");
    end.recv().expect("the connection ends");
    ws.release();
    let mut frames: Vec<_> = relay.frames().iter().map(|frame| (frame.first, frame.payload.len())).collect();
    assert_eq!(frames.pop(), Some((0x88, 2)), "all of it has left");
    frames
}

fn plain(bytes: usize) -> Options {
    frame_size(bytes).set(|api, o| (api.ws_options_set_compression)(o, 0))
}

#[test]
fn a_frame_has_at_most_the_bytes_that_were_set() {
    for (len, lengths) in
        [(999, vec![999]), (1000, vec![1000]), (1001, vec![1000, 1]), (2500, vec![1000, 1000, 500])]
    {
        let data = vec![7; len];
        let frames = frames_of(plain(1000), |ws| ws.send_blob(&data), &data);
        let last = lengths.len() - 1;
        let first = |i: usize| if i == 0 { 2 } else { 0 } | if i == last { 0x80 } else { 0 };
        let expected: Vec<_> = lengths.iter().enumerate().map(|(i, len)| (first(i), *len)).collect();
        assert_eq!(frames, expected, "{len} bytes");
    }
}

#[test]
fn by_default_a_frame_has_128_kib() {
    let data = vec![7; (256 << 10) + 1];
    let options = Options::new().set(|api, o| (api.ws_options_set_compression)(o, 0));
    let frames = frames_of(options, |ws| ws.send_blob(&data), &data);
    assert_eq!(frames, [(2, 128 << 10), (0, 128 << 10), (0x80, 1)]);
}

#[test]
fn with_0_each_message_is_one_frame() {
    let data = vec![7; 3 << 20];
    assert_eq!(frames_of(plain(0), |ws| ws.send_blob(&data), &data), [(0x82, 3 << 20)]);
    let frames = compressed_frames_of(0, &numbers(200_000));
    assert!(frames.len() == 1 && frames[0].0 == 0xc1 && frames[0].1 > 200_000, "{frames:?}");
}

#[test]
fn text_is_cut_between_characters_with_one_at_least() {
    let text = "a\u{1f980}\u{20ac}b\u{fc}";
    let frames = frames_of(plain(4), |ws| ws.send_text(text), text.as_bytes());
    assert_eq!(frames, [(1, 1), (0, 4), (0, 4), (0x80, 2)]);
    let frames = frames_of(plain(1), |ws| ws.send_text(text), text.as_bytes());
    assert_eq!(frames, [(1, 1), (0, 4), (0, 3), (0, 1), (0x80, 2)]);
    // As many as share a chunk, and more.
    let long = "\u{20ac}".repeat(100_000);
    let frames = frames_of(plain(5), |ws| ws.send_text(&long), long.as_bytes());
    assert!(frames.len() == 100_000 && frames.iter().all(|frame| frame.1 == 3));
}

#[test]
fn a_compressed_message_is_cut_as_well_and_only_its_first_frame_says_so() {
    let frames = compressed_frames_of(100, &numbers(2000));
    assert!(frames.len() > 10, "{}", frames.len());
    let (last, before) = frames.split_last().expect("many");
    assert_eq!((before[0], last.0), ((0x41, 100), 0x80));
    assert!(before[1..].iter().all(|frame| *frame == (0, 100)) && last.1 <= 100);
}

/// A callback on the I/O thread and a cork hold messages; frames do not change their order.
#[test]
fn short_frames_keep_the_order_and_what_a_cork_holds() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.to(server.ws("/echo")).with(plain(3)).open();
    assert_eq!(name((api().ws_cork)(ws)), "WS_OK");
    for text in ["ab", "abcdef", "", "abcd"] {
        assert_eq!(ws.send_text(text), WS_OK);
    }
    assert!(ws.buffered_amount() == 4 * 64 + 12, "all of it is held");
    assert_eq!(name((api().ws_uncork)(ws)), "WS_OK");
    host.run_until_count("message", 4);
    let texts: Vec<Seen> = server
        .log()
        .into_iter()
        .map(|event| event.seen)
        .filter(|seen| matches!(seen, Seen::Text(_)))
        .collect();
    assert_eq!(texts, ["ab", "abcdef", "", "abcd"].map(|text| Seen::Text(text.into())));
    ws.until_nothing_is_buffered();
}

#[test]
fn what_waits_for_the_connection_is_cut_as_well() {
    let server = Server::start();
    let relay = Relay::closed(server.ws_port());
    let host = Host::new();
    let ws = host.to(relay.ws("/echo")).with(plain(2)).open_async();
    assert_eq!(ws.send_text("hello"), WS_OK);
    relay.open();
    host.run_until("message text hello");
    ws.terminate(1000, "");
    host.run_until("free");
    let frames: Vec<_> = relay.frames().iter().map(|frame| (frame.first, frame.payload.len())).collect();
    assert_eq!(frames[..3], [(1, 2), (0, 2), (0x80, 1)]);
}
