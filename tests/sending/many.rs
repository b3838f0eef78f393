//! Many messages in one call.

use crate::wire::{Relay, deflate_echo, script, silent, wait_texts};
use crate::{messages, send_buffer};
use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Mutex};
use std::thread;
use ws4d_test_host::codes::*;
use ws4d_test_host::{Host, Options, RawSlice, Socket, api, name};
use ws4d_test_server::{Seen, Server};

fn slice(data: &[u8]) -> RawSlice {
    RawSlice { data: data.as_ptr().cast(), len: data.len() }
}

fn many<T: AsRef<[u8]>>(ws: Socket, data_type: i32, all: &[T]) -> i32 {
    let slices: Vec<_> = all.iter().map(|data| slice(data.as_ref())).collect();
    (api().ws_send_many)(ws, data_type, slices.as_ptr(), slices.len(), 0)
}

/// Texts of all lengths that are sent in different ways, short ones around each.
fn mixed() -> Vec<String> {
    let lengths = [0, 1, 125, 126, 4096, 4097, 10, 70_000, 3, 2, 300_000, 7, 700_000, 5, 5];
    lengths.iter().zip("abcdefghijklmno".chars()).map(|(len, c)| c.to_string().repeat(*len)).collect()
}

fn bytes(texts: &[String]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.clone().into_bytes()).collect()
}

#[test]
fn many_messages_arrive_in_their_order_whatever_their_length_and_type() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    let all = mixed();
    let count = all.len();
    for data_type in [WS_DATA_TYPE_TEXT, WS_DATA_TYPE_BLOB] {
        assert_eq!(many(ws, data_type, &all), count as i32);
    }
    assert_eq!(messages(&server, 2 * count), [bytes(&all), bytes(&all)].concat());
    host.run_until_count("message", 2 * count);
    let len: usize = all.iter().map(String::len).sum();
    ws.until_nothing_is_buffered();
    assert_eq!(ws.stats().messages_sent, 2 * count as u64);
    assert_eq!(ws.stats().bytes_sent, 2 * len as u64);
}

#[test]
fn objects_leave_without_their_white_space() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    let long = format!("[ {}1 ]", "1, ".repeat(10_000));
    assert_eq!(many(ws, WS_DATA_TYPE_OBJECT, &["{ \"a\" : 1 }", &long, " [ ] "]), 3);
    assert_eq!(wait_texts(&server, 3), ["{\"a\":1}", &long.replace(' ', ""), "[]"]);
}

#[test]
fn one_that_is_wrong_is_its_error_and_nothing_is_sent() {
    let server = Server::start();
    let host = Host::new();
    let small = Options::new().set(|api, o| (api.ws_options_set_max_message_size)(o, 1000));
    let ws = host.to(server.ws("/echo")).with(small).open();
    let wrong = |data_type, data: &[u8]| name(many(ws, data_type, &[b"[1]", data, b"[2]"]));
    assert_eq!(wrong(WS_DATA_TYPE_TEXT, b"\xff"), "WS_ERR_INVALID_UTF8");
    assert_eq!(wrong(WS_DATA_TYPE_OBJECT, b"{"), "WS_ERR_INVALID_JSON");
    assert_eq!(wrong(WS_DATA_TYPE_OBJECT, b"\"\xff\""), "WS_ERR_INVALID_UTF8");
    assert_eq!(wrong(WS_DATA_TYPE_BLOB, &[0; 1001]), "WS_ERR_TOO_LARGE");
    let send = |data_type, slices: &[RawSlice], flags| {
        name((api().ws_send_many)(ws, data_type, slices.as_ptr(), slices.len(), flags))
    };
    let (text, null) = (slice(b"text"), RawSlice { data: ptr::null(), len: 1 });
    assert_eq!(send(WS_DATA_TYPE_TEXT, &[text, null], 0), "WS_ERR_INVALID_ARGUMENT");
    let endless = RawSlice { data: text.data, len: usize::MAX };
    assert_eq!(send(WS_DATA_TYPE_BLOB, &[text, endless], 0), "WS_ERR_INVALID_ARGUMENT");
    assert_eq!(send(3, &[text, text], 0), "WS_ERR_INVALID_ARGUMENT");
    assert_eq!(send(WS_DATA_TYPE_TEXT, &[text, text], 2), "WS_ERR_UNSUPPORTED");
    ws.send_text("only this");
    host.run_until("message text only this");
    assert_eq!(messages(&server, 1), [b"only this".to_vec()]);
    assert_eq!(ws.stats().messages_sent, 1);
}

#[test]
fn no_message_is_none_and_a_number_that_cannot_be_is_refused() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    let send = |slices: *const RawSlice, count| (api().ws_send_many)(ws, WS_DATA_TYPE_TEXT, slices, count, 0);
    assert_eq!((send(ptr::null(), 0), ws.stats().messages_sent), (0, 0));
    let one = [slice(b"x"), slice(b"y")];
    for (slices, count) in [
        (ptr::null(), 1),
        (one.as_ptr(), i32::MAX as usize + 1),
        (one.as_ptr(), usize::MAX),
        (one.as_ptr().wrapping_byte_add(1), 1),
    ] {
        assert_eq!(name(send(slices, count)), "WS_ERR_INVALID_ARGUMENT");
    }
    assert_eq!(name((api().ws_send_many)(Socket::NULL, 0, one.as_ptr(), 1, 0)), "WS_ERR_INVALID_HANDLE");
    ws.terminate(1000, "");
    host.run_until("terminate");
    let late = many(ws, WS_DATA_TYPE_TEXT, &["x", "y"]);
    assert!(["WS_ERR_CLOSED", "WS_ERR_INVALID_HANDLE"].contains(&name(late).as_str()), "{late}");
}

#[test]
fn a_text_may_end_at_its_nul() {
    let server = Server::start();
    let ws = silent(&server.ws("/echo"), &Options::new());
    let texts = [c"one", c"two", c""].map(|text| RawSlice { data: text.as_ptr().cast(), len: usize::MAX });
    assert_eq!((api().ws_send_many)(ws, WS_DATA_TYPE_TEXT, texts.as_ptr(), 3, WS_SEND_PLAIN), 3);
    assert_eq!(wait_texts(&server, 3), ["one", "two", ""]);
    ws.abort();
}

/// Several threads, each with calls of its own; the messages of a call stand together.
fn stand_together(options: Options) {
    const CALLS: usize = 40;
    let server = Server::start();
    let host = Host::new();
    let ws = host.to(script(&server, "expect*100000")).with(options).open();
    thread::scope(|scope| {
        for t in 0..3 {
            scope.spawn(move || {
                for call in 0..CALLS {
                    let filler = "x".repeat([10, 6000, 150_000][call % 3]);
                    let all: Vec<_> = (0..5).map(|i| format!("{t} {call} {i} {filler}")).collect();
                    while many(ws, WS_DATA_TYPE_TEXT, &all) == WS_ERR_WOULD_BLOCK {
                        thread::yield_now();
                    }
                }
            });
        }
        scope.spawn(move || {
            for i in 0..300 {
                ws.send_text(&format!("9 {i} 0"));
            }
        });
    });
    let seen = wait_texts(&server, 3 * CALLS * 5 + 300);
    let head = |text: &String| -> Vec<usize> {
        text.split(' ').take(3).map(|number| number.parse().expect("a number")).collect()
    };
    let heads: Vec<_> = seen.iter().map(head).collect();
    let mut at = 0;
    while at < heads.len() {
        let (thread, call) = (heads[at][0], heads[at][1]);
        let len = if thread == 9 { 1 } else { 5 };
        for i in 0..len {
            assert_eq!(heads[at + i], [thread, call, i], "message {}", at + i);
        }
        at += len;
    }
}

#[test]
fn no_message_of_another_thread_comes_between() {
    stand_together(send_buffer(0).set(|api, o| (api.ws_options_set_compression)(o, 0)));
}

/// The deflater's context goes from message to message in the order of their places, whichever thread sends.
#[test]
fn compressed_messages_keep_their_order_with_context_takeover_and_without() {
    for (takeover, agreed) in [(1, ""), (0, "; client_no_context_takeover; server_no_context_takeover")] {
        let options = Options::new()
            .set(|api, o| (api.ws_options_set_compression_context_takeover)(o, takeover, takeover))
            .set(|api, o| (api.ws_options_set_compression_min_size)(o, 1));
        let server = deflate_echo(agreed);
        let host = Host::new();
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let here = Arc::clone(&arrived);
        host.on("message", move |call| here.lock().expect("no panic").push(call.event.data()));
        let ws = host.to(server.ws("/")).with(options).open();
        let all: Vec<_> = (0..30).map(|i| format!("{i} ").repeat([20, 100, 3000, 60_000][i % 4])).collect();
        thread::scope(|scope| {
            scope.spawn(|| (0..50).for_each(|_| assert_eq!(ws.send_text(&"other ".repeat(100)), WS_OK)));
            for _ in 0..5 {
                assert_eq!(many(ws, WS_DATA_TYPE_TEXT, &all), 30);
            }
        });
        host.run_until_count("message", 5 * 30 + 50);
        let mine: Vec<_> = arrived
            .lock()
            .expect("no panic")
            .iter()
            .filter(|data| !data.starts_with(b"o"))
            .cloned()
            .collect();
        assert!(mine == vec![bytes(&all); 5].concat(), "takeover {takeover}");
    }
}

#[test]
fn a_full_buffer_accepts_the_first_ones_and_drains() {
    let server = Server::start();
    let relay = Relay::closed(server.ws_port());
    let host = Host::new();
    // Nothing leaves before the relay is open.
    let ws = host.to(relay.ws("/echo")).with(send_buffer(1000)).open_async();
    let all: Vec<_> = (0..10).map(|i| vec![i; 200]).collect();
    assert_eq!(many(ws, WS_DATA_TYPE_BLOB, &all), 4, "the fourth fills it");
    assert_eq!(name(many(ws, WS_DATA_TYPE_BLOB, &all)), "WS_ERR_WOULD_BLOCK");
    assert_eq!(ws.buffered_amount(), 4 * 264);
    relay.open();
    host.run_until("drain");
    host.run_until_count("message", 4);
    assert_eq!(messages(&server, 4), all[..4]);
    assert_eq!(host.count("drain"), 1);
    // An open connection fills within the call as well.
    ws.cork();
    assert_eq!(many(ws, WS_DATA_TYPE_BLOB, &all), 4);
    host.run_until_count("drain", 2);
    host.run_until_count("message", 8);
}

#[test]
fn a_large_one_may_overshoot_and_those_behind_it_are_not_accepted() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.to(server.ws("/echo")).with(send_buffer(10_000)).open();
    let all = [vec![1; 10], vec![2; 50_000], vec![3; 10]];
    assert_eq!(many(ws, WS_DATA_TYPE_BLOB, &all), 2);
    host.run_until("drain");
    assert_eq!(messages(&server, 2), all[..2]);
}

#[test]
fn while_it_connects_they_wait_for_the_connection() {
    let server = Server::start();
    let relay = Relay::closed(server.ws_port());
    let host = Host::new();
    let ws = host.open_async(relay.ws("/echo"));
    let all = mixed();
    assert_eq!(many(ws, WS_DATA_TYPE_TEXT, &all), all.len() as i32);
    relay.open();
    assert_eq!(messages(&server, all.len()), bytes(&all));
    host.run_until_count("message", all.len());
}

#[test]
fn a_cork_of_the_host_stays() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    assert_eq!(name(ws.cork()), "WS_OK");
    let all = ["one".to_owned(), "x".repeat(10_000), "three".to_owned()];
    assert_eq!(many(ws, WS_DATA_TYPE_TEXT, &all), 3);
    ws.ping("past");
    host.run_until("pong past");
    assert_eq!(host.count("message"), 0);
    ws.uncork();
    assert_eq!(messages(&server, 3), bytes(&all));
}

#[test]
fn what_a_callback_on_an_io_thread_sends_is_held_until_it_returns() {
    let server = Server::start();
    let host = Host::inline();
    host.once("open", |call| {
        assert_eq!(many(call.ws, WS_DATA_TYPE_TEXT, &["a", "b"]), 2);
        assert_eq!(many(call.ws, WS_DATA_TYPE_TEXT, &["c", "d"]), 2);
        assert_eq!(call.ws.buffered_amount(), 4 * 65);
    });
    host.open(server.ws("/echo"));
    host.run_until_count("message", 4);
    assert_eq!(wait_texts(&server, 4), ["a", "b", "c", "d"]);
}

#[test]
fn behind_an_open_message_they_wait_for_its_end() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    assert_eq!((api().ws_send_begin)(ws, WS_DATA_TYPE_TEXT, 0), WS_OK);
    let part = b"begun".as_ptr().cast::<c_void>();
    assert_eq!((api().ws_send_part)(ws, part, 5), WS_OK);
    let all = mixed();
    assert_eq!(many(ws, WS_DATA_TYPE_TEXT, &all), all.len() as i32);
    ws.ping("past");
    host.run_until("pong past");
    assert!(!server.log().iter().any(|event| matches!(event.seen, Seen::Text(_))));
    assert_eq!((api().ws_send_end)(ws), WS_OK);
    assert_eq!(messages(&server, all.len() + 1), [vec![b"begun".to_vec()], bytes(&all)].concat());
}
