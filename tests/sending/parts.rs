//! A message that is sent in parts.

use crate::wire::{Relay, script, silent};
use crate::{messages, send_buffer};
use std::ptr;
use ws4d_test_host::codes::*;
use ws4d_test_host::{Host, Options, Socket, api, name};
use ws4d_test_server::{Seen, Server};

fn begin(ws: Socket, data_type: i32) -> String {
    name((api().ws_send_begin)(ws, data_type, 0))
}

fn part(ws: Socket, data: impl AsRef<[u8]>) -> String {
    let data = data.as_ref();
    name((api().ws_send_part)(ws, data.as_ptr().cast(), data.len()))
}

fn end(ws: Socket) -> String {
    name((api().ws_send_end)(ws))
}

fn plain() -> Options {
    Options::new().set(|api, o| (api.ws_options_set_compression)(o, 0))
}

/// First bytes and payloads of the frames that left, without the close frame.
fn frames(relay: &Relay) -> Vec<(u8, Vec<u8>)> {
    let frames = relay.frames().into_iter().filter(|frame| frame.first != 0x88);
    frames.map(|frame| (frame.first, frame.payload)).collect()
}

#[test]
fn parts_are_frames_of_one_message_and_what_is_sent_meanwhile_stands_behind_it() {
    let server = Server::start();
    let relay = Relay::opened(server.ws_port());
    let host = Host::new();
    let ws = host.to(relay.ws("/echo")).with(plain()).open();
    assert_eq!(begin(ws, WS_DATA_TYPE_TEXT), "WS_OK");
    assert_eq!(part(ws, "hel"), "WS_OK");
    assert_eq!(ws.send_text("other"), WS_OK);
    assert_eq!(ws.ping("ping"), WS_OK);
    // Its answer shows that neither the message behind nor the next part has to come first.
    host.run_until("pong");
    assert_eq!((part(ws, ""), part(ws, "lo")), ("WS_OK".into(), "WS_OK".into()));
    assert_eq!(end(ws), "WS_OK");
    assert_eq!(messages(&server, 2), [b"hello".to_vec(), b"other".to_vec()]);
    let expected: [(u8, &[u8]); 5] =
        [(0x01, b"hel"), (0x89, b"ping"), (0x00, b"lo"), (0x80, b""), (0x81, b"other")];
    assert_eq!(frames(&relay), expected.map(|(first, payload)| (first, payload.to_vec())));
    assert_eq!(ws.stats().messages_sent, 2);
    ws.until_nothing_is_buffered();
}

#[test]
fn a_part_is_cut_into_frames_and_without_a_limit_it_is_one() {
    for (frame_size, expected) in [
        (1000, vec![(0x02, 1000), (0, 1000), (0, 500), (0, 1), (0x80, 0)]),
        (0, vec![(0x02, 2500), (0, 1), (0x80, 0)]),
    ] {
        let server = Server::start();
        let relay = Relay::opened(server.ws_port());
        let host = Host::new();
        let options = plain().set(|api, o| (api.ws_options_set_frame_size)(o, frame_size));
        let ws = host.to(relay.ws("/echo")).with(options).open();
        assert_eq!(begin(ws, WS_DATA_TYPE_BLOB), "WS_OK");
        assert_eq!((part(ws, [7; 2500]), part(ws, [7])), ("WS_OK".into(), "WS_OK".into()));
        assert_eq!(end(ws), "WS_OK");
        assert_eq!(messages(&server, 1), [vec![7; 2501]]);
        let frames: Vec<_> = frames(&relay).iter().map(|(first, payload)| (*first, payload.len())).collect();
        assert_eq!(frames, expected);
    }
}

#[test]
fn text_may_be_cut_anywhere_and_leaves_between_characters() {
    let text = "a\u{1f980}\u{20ac}b\u{fc}";
    for cut in 0..=text.len() {
        let server = Server::start();
        let relay = Relay::opened(server.ws_port());
        let host = Host::new();
        let ws = host.to(relay.ws("/echo")).with(plain()).open();
        assert_eq!(begin(ws, WS_DATA_TYPE_TEXT), "WS_OK");
        for bytes in [&text.as_bytes()[..cut], &text.as_bytes()[cut..]] {
            assert_eq!(part(ws, bytes), "WS_OK");
        }
        assert_eq!(end(ws), "WS_OK");
        assert_eq!(messages(&server, 1), [text.as_bytes()]);
        assert!(frames(&relay).iter().all(|(_, payload)| std::str::from_utf8(payload).is_ok()), "{cut}");
        ws.until_nothing_is_buffered();
    }
}

#[test]
fn each_byte_of_a_text_may_be_a_part() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.to(server.ws("/echo")).with(plain()).open();
    assert_eq!(begin(ws, WS_DATA_TYPE_TEXT), "WS_OK");
    let text = "a\u{1f980}\u{20ac}b\u{fc}";
    assert!(text.bytes().all(|byte| part(ws, [byte]) == "WS_OK"));
    assert_eq!(end(ws), "WS_OK");
    assert_eq!(messages(&server, 1), [text.as_bytes()]);
}

#[test]
fn a_part_that_is_refused_leaves_the_message_as_it_was() {
    let server = Server::start();
    let host = Host::new();
    let options = plain().set(|api, o| (api.ws_options_set_max_message_size)(o, 10));
    let ws = host.to(server.ws("/echo")).with(options).open();
    assert_eq!(begin(ws, WS_DATA_TYPE_TEXT), "WS_OK");
    assert_eq!(part(ws, &"abc\u{20ac}".as_bytes()[..5]), "WS_OK");
    assert_eq!(end(ws), "WS_ERR_INVALID_UTF8", "inside a character");
    assert_eq!(part(ws, b"\xff"), "WS_ERR_INVALID_UTF8");
    assert_eq!(part(ws, "x"), "WS_ERR_INVALID_UTF8", "the character is not finished");
    assert_eq!(part(ws, b"\xac12345"), "WS_ERR_TOO_LARGE", "11 bytes in all");
    assert_eq!(name((api().ws_send_part)(ws, ptr::null(), 1)), "WS_ERR_INVALID_ARGUMENT");
    assert_eq!(part(ws, b"\xac1234"), "WS_OK");
    assert_eq!(end(ws), "WS_OK");
    assert_eq!(messages(&server, 1), ["abc\u{20ac}1234".as_bytes()]);
}

#[test]
fn one_message_is_open_at_a_time() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    let wrong = "WS_ERR_INVALID_ARGUMENT";
    assert_eq!((part(ws, "x"), part(ws, ""), end(ws)), (wrong.into(), wrong.into(), wrong.into()));
    assert_eq!((begin(ws, WS_DATA_TYPE_OBJECT), begin(ws, 3)), ("WS_ERR_UNSUPPORTED".into(), wrong.into()));
    assert_eq!(name((api().ws_send_begin)(ws, WS_DATA_TYPE_TEXT, 2)), "WS_ERR_UNSUPPORTED");
    for data_type in [WS_DATA_TYPE_TEXT, WS_DATA_TYPE_BLOB] {
        assert_eq!(begin(ws, data_type), "WS_OK");
        assert_eq!(begin(ws, data_type), wrong);
        assert_eq!(end(ws), "WS_OK");
        assert_eq!(end(ws), wrong);
    }
    assert_eq!(messages(&server, 2), [b"", b""], "a message without parts is an empty one");
}

#[test]
fn parts_wait_for_the_connection_and_so_does_what_stands_behind_them() {
    for compression in [0, 6] {
        let server = Server::start();
        let relay = Relay::closed(server.ws_port());
        let host = Host::new();
        let options = Options::new().set(|api, o| (api.ws_options_set_compression)(o, compression));
        let ws = host.to(relay.ws("/echo")).with(options).open_async();
        assert_eq!(ws.send_text("first"), WS_OK);
        for text in ["one", "two"] {
            assert_eq!(begin(ws, WS_DATA_TYPE_TEXT), "WS_OK");
            assert_eq!(
                (part(ws, text), part(ws, text), end(ws)),
                ("WS_OK".into(), "WS_OK".into(), "WS_OK".into())
            );
        }
        assert_eq!(begin(ws, WS_DATA_TYPE_TEXT), "WS_OK");
        assert_eq!(part(ws, "three"), "WS_OK");
        assert_eq!(ws.send_text("last"), WS_OK);
        relay.open();
        host.run_until("open");
        assert_eq!(messages(&server, 3)[1..], [b"oneone".to_vec(), b"twotwo".to_vec()]);
        assert_eq!((part(ws, "four"), end(ws)), ("WS_OK".into(), "WS_OK".into()));
        assert_eq!(messages(&server, 5)[3..], [b"threefour".to_vec(), b"last".to_vec()]);
        ws.until_nothing_is_buffered();
        assert_eq!(ws.stats().messages_sent, 5);
    }
}

/// What waits behind the message does not count for its parts, or it could never go on.
#[test]
fn a_full_buffer_refuses_parts_and_others_each_by_what_stands_before_them() {
    let server = Server::start();
    let relay = Relay::held(server.ws_port());
    let host = Host::new();
    let ws = host.to(relay.ws("/echo")).with(send_buffer(1 << 20)).open();
    assert_eq!(begin(ws, WS_DATA_TYPE_BLOB), "WS_OK");
    assert_eq!(part(ws, "begun"), "WS_OK");
    let mut behind = 0;
    while ws.send_blob(&[1; 64 << 10]) == WS_OK {
        behind += 1;
    }
    assert!(behind >= 16, "{behind} messages of 64 KiB fill a buffer of 1 MiB");
    let mut parts = 0;
    while part(ws, [2; 64 << 10]) == "WS_OK" {
        parts += 1;
    }
    assert_eq!(part(ws, "x"), "WS_ERR_WOULD_BLOCK");
    assert!(parts >= 16, "{parts} parts of 64 KiB have found room");
    relay.open();
    // Although what waits behind still fills the buffer.
    host.run_until("drain");
    assert_eq!(ws.send_text("x"), WS_ERR_WOULD_BLOCK);
    assert_eq!((part(ws, "end"), end(ws)), ("WS_OK".into(), "WS_OK".into()));
    host.run_until_count("drain", 2);
    let messages = messages(&server, 1 + behind);
    assert_eq!(messages[0].len(), 5 + parts * (64 << 10) + 3);
    assert!(messages[1..].iter().all(|message| *message == [1; 64 << 10]));
}

/// The smallest buffers have no room for what the library charges for the message itself.
#[test]
fn the_smallest_buffers_let_a_message_go_on() {
    let server = Server::start();
    for limit in [1, 63, 64, 65, 128] {
        let host = Host::new();
        let ws = host.to(server.ws("/echo")).with(send_buffer(limit)).open();
        assert_eq!(begin(ws, WS_DATA_TYPE_TEXT), "WS_OK");
        let mut drains = 0;
        for _ in 0..3 {
            while part(ws, "a") != "WS_OK" {
                drains += 1;
                host.run_until_count("drain", drains);
            }
        }
        assert_eq!(end(ws), "WS_OK");
        host.run_until("message text aaa");
    }
}

#[test]
fn the_end_is_never_refused_for_want_of_room() {
    let server = Server::start();
    let relay = Relay::held(server.ws_port());
    let host = Host::new();
    let ws = host.to(relay.ws("/echo")).with(send_buffer(1000)).open();
    assert_eq!(begin(ws, WS_DATA_TYPE_BLOB), "WS_OK");
    let mut parts = 0;
    while part(ws, [2; 64 << 10]) == "WS_OK" {
        parts += 1;
    }
    assert_eq!(end(ws), "WS_OK");
    assert_eq!(begin(ws, WS_DATA_TYPE_BLOB), "WS_ERR_WOULD_BLOCK");
    relay.open();
    assert_eq!(messages(&server, 1)[0].len(), parts * (64 << 10));
}

#[test]
fn a_cork_holds_parts() {
    let server = Server::start();
    let relay = Relay::opened(server.ws_port());
    let host = Host::new();
    let ws = host.to(relay.ws("/echo")).with(plain()).open();
    assert_eq!(name((api().ws_cork)(ws)), "WS_OK");
    assert_eq!(begin(ws, WS_DATA_TYPE_TEXT), "WS_OK");
    assert_eq!((part(ws, "a"), part(ws, "b"), end(ws)), ("WS_OK".into(), "WS_OK".into(), "WS_OK".into()));
    assert_eq!(ws.buffered_amount(), 64 + 2);
    ws.ping("");
    host.run_until("pong");
    assert_eq!(ws.buffered_amount(), 64 + 2, "all of it is held");
    assert_eq!(name((api().ws_uncork)(ws)), "WS_OK");
    assert_eq!(messages(&server, 1), [b"ab"]);
}

#[test]
fn what_a_callback_on_an_io_thread_sends_in_parts_leaves_when_it_has_returned() {
    let server = Server::start();
    let host = Host::inline();
    host.once("open", |call| {
        assert_eq!(begin(call.ws, WS_DATA_TYPE_TEXT), "WS_OK");
        assert_eq!((part(call.ws, "in"), part(call.ws, "side")), ("WS_OK".into(), "WS_OK".into()));
        assert_eq!(end(call.ws), "WS_OK");
    });
    host.open(server.ws("/echo"));
    assert_eq!(messages(&server, 1), [b"inside"]);
}

/// How it ends in the middle of a message: the parts leave, then the close frame.
fn ends_in_the_middle(close: impl Fn(Socket)) {
    let server = Server::start();
    let relay = Relay::opened(server.ws_port());
    let host = Host::new();
    let ws = host.to(relay.ws("/echo")).with(plain()).open();
    assert_eq!(begin(ws, WS_DATA_TYPE_TEXT), "WS_OK");
    assert_eq!(part(ws, "half"), "WS_OK");
    assert_eq!(ws.send_text("dropped"), WS_OK);
    close(ws);
    host.run_until("free");
    server.wait_for(|event| event.seen == Seen::Close(Some(1000), String::new()));
    assert_eq!(frames(&relay), [(0x01, b"half".to_vec())], "and nothing of what waits behind");
    assert!(part(ws, "x") != "WS_OK" && end(ws) != "WS_OK" && begin(ws, WS_DATA_TYPE_TEXT) != "WS_OK");
}

#[test]
fn terminate_in_the_middle_sends_the_close_frame_behind_the_parts() {
    ends_in_the_middle(|ws| {
        ws.terminate(1000, "");
        assert_eq!((part(ws, "x"), end(ws)), ("WS_ERR_CLOSED".into(), "WS_ERR_CLOSED".into()));
        assert_eq!(begin(ws, WS_DATA_TYPE_TEXT), "WS_ERR_CLOSED");
    });
}

#[test]
fn close_in_the_middle_sends_the_close_frame_behind_the_parts() {
    ends_in_the_middle(|ws| assert_eq!(name((api().ws_close)(ws)), "WS_OK"));
}

#[test]
fn a_server_that_closes_in_the_middle_is_answered() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "gate:close,close:1001:bye"));
    assert_eq!(begin(ws, WS_DATA_TYPE_TEXT), "WS_OK");
    assert_eq!(part(ws, "half"), "WS_OK");
    server.open_gate("close");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "terminate 1001 bye clean", "free"]);
    assert!(part(ws, "x") != "WS_OK" && end(ws) != "WS_OK");
}

#[test]
fn any_thread_may_go_on_with_it_and_no_part_is_torn() {
    let server = Server::start();
    let ws = silent(&server.ws("/echo"), &Options::new());
    assert_eq!(begin(ws, WS_DATA_TYPE_BLOB), "WS_OK");
    let feed = |byte: u8| move || (0..200).for_each(|_| assert_eq!(part(ws, [byte; 1000]), "WS_OK"));
    let threads = [1, 2].map(|byte| std::thread::spawn(feed(byte)));
    for thread in threads {
        thread.join().expect("it fed");
    }
    assert_eq!(end(ws), "WS_OK");
    let message = messages(&server, 1).remove(0);
    assert_eq!(message.len(), 400_000);
    assert!(message.chunks(1000).all(|part| part.iter().all(|byte| *byte == part[0])));
    ws.abort();
}
