//! Long messages arrive in parts, where the option `part_size` asks for it.

mod support;

use std::ffi::c_void;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;
use std::{ptr, thread};
use support::{arrived, closed_with, script, until_status};
use ws4d_test_host::codes::*;
use ws4d_test_host::{Errors, Host, Options, RawEvent, RawHandler, Socket, api, c};
use ws4d_test_server::{Seen, Server};

fn in_parts_of(bytes: usize) -> Options {
    Options::new().set(|api, o| (api.ws_options_set_part_size)(o, bytes))
}

fn small_buffer(options: Options, bytes: usize) -> Options {
    options.set(|api, o| (api.ws_options_set_receive_buffer_size)(o, bytes))
}

/// A compressed frame of a message of so many `a` (RFC 1951, fixed codes), as a command.
fn compressed(count: usize) -> String {
    let (mut bits, mut hex) = (Vec::new(), String::new());
    // Codes come with their first bit first, other numbers with their last.
    let mut put = |code: u32, len: u32| bits.extend((0..len).rev().map(|bit| code >> bit & 1));
    put(0b010, 3);
    put(0x30 + u32::from(b'a'), 8);
    for _ in 0..(count - 1) / 258 {
        put(0b1100_0101, 8);
        put(0, 5);
    }
    for _ in 0..(count - 1) % 258 {
        put(0x30 + u32::from(b'a'), 8);
    }
    // The end of the block, and an empty one that a sync flush would make.
    put(0, 7);
    put(0, 3);
    for byte in bits.chunks(8) {
        let byte: u32 = byte.iter().enumerate().map(|(place, bit)| bit << place).sum();
        hex.push_str(&format!("{byte:02x}"));
    }
    format!("frame:c1:{hex}")
}

const SCRIPT: &str =
    "text:abcd,text:hello%20w%C3%B6rld,frag_ping:1|23456|7,binary:,binary:0102030405,close:1000";
const MESSAGES: [&str; 10] = [
    "message text abcd",
    "part 0 text hell",
    "part 4 text o w",
    "part 7 text örl",
    "part 11 last text d",
    "part 0 text 1234",
    "part 4 last text 567",
    "message blob",
    "part 0 blob 01020304",
    "part 4 last blob 05",
];

fn is_data(line: &str) -> bool {
    line.starts_with("message") || line.starts_with("part")
}

#[test]
fn a_long_message_arrives_in_parts_wherever_callbacks_run() {
    for host in [Host::new(), Host::inline(), Host::driving(), Host::with_wake()] {
        let server = Server::start();
        let ws = host.to(script(&server, SCRIPT)).with(in_parts_of(4)).open();
        host.run_until("free");
        let data: Vec<String> = host.trace().into_iter().filter(|line| is_data(line)).collect();
        assert_eq!(data, MESSAGES);
        assert_eq!((ws.stats().messages_received, ws.stats().bytes_received), (5, 4 + 12 + 7 + 5));
    }
}

#[test]
fn parts_are_pulled_one_by_one_and_in_batches() {
    // Without the end, which would be in the last batch or not.
    let data_alone = SCRIPT.strip_suffix(",close:1000").unwrap();
    for at_once in [1, 3, 100] {
        let server = Server::start();
        let host = Host::pulling();
        host.to(script(&server, data_alone)).with(in_parts_of(4)).open();
        let mut data = Vec::new();
        while data.len() < MESSAGES.len() {
            let mut batch = ptr::null_mut();
            let count = (api().ws_dispatcher_next_batch)(host.dispatcher(), 20_000, at_once, &mut batch);
            assert!(count > 0);
            let items = (api().ws_batch_items)(batch, ptr::null_mut());
            for at in 0..count as usize {
                let event = ws4d_test_host::Event((api().ws_batch_event)(batch, at));
                // SAFETY: the library says that there are so many.
                let item = unsafe { &*items.add(at) };
                assert_eq!(item.kind, event.kind());
                let line = event.describe();
                if line.starts_with("part") {
                    assert_eq!(event.kind(), WS_EVENT_TYPE_PART);
                    assert_eq!(item.data_type, (api().ws_event_data_type)(event.0));
                    assert_eq!(event.retain().describe(), line, "kept as it is");
                    assert!((api().ws_event_time_us)(event.0) > 0);
                }
                data.extend(is_data(&line).then_some(line));
            }
            (api().ws_batch_free)(batch);
        }
        assert_eq!(data, MESSAGES);
    }
}

/// Counts the parts of one message, and sends their number when it is whole.
struct Counter(AtomicUsize, Mutex<Sender<usize>>);

extern "C" fn count_part(_: Socket, event: *const RawEvent, user_data: *mut c_void) {
    // SAFETY: the test's, which waits for the last part.
    let Counter(parts, whole) = unsafe { &*user_data.cast::<Counter>() };
    let count = parts.fetch_add(1, Ordering::Relaxed) + 1;
    if (api().ws_event_part_last)(event) != 0 {
        whole.lock().unwrap().send(count).unwrap();
    }
}

/// A read brings many thousands of them. What looked at all of a read for each of its parts would take minutes.
#[test]
fn a_message_may_have_a_hundred_thousand_parts() {
    const PARTS: usize = 150_000;
    let server = Server::start();
    let (sender, whole) = mpsc::channel();
    let counter = Counter(AtomicUsize::new(0), Mutex::new(sender));
    let user_data = ptr::from_ref(&counter).cast_mut().cast();
    let handler = RawHandler { user_data, on_part: Some(count_part), ..RawHandler::INIT };
    let options = in_parts_of(1).set(|api, o| (api.ws_options_set_receive_buffer_size)(o, 0));
    let url = c(&server.ws("/echo"));
    let ws = (api().ws_new)(url.as_ptr(), &handler, options.0, ptr::null_mut());
    assert_ne!(ws, Socket::NULL);
    assert_eq!(ws.send_text(&"a".repeat(PARTS)), WS_OK);
    assert_eq!(whole.recv_timeout(Duration::from_secs(60)), Ok(PARTS));
    assert_eq!((api().ws_close)(ws), WS_OK);
}

#[test]
fn a_part_is_text_or_blob_and_never_an_object() {
    for (mode, expected) in [
        (WS_DATA_TYPE_TEXT, ["part 0 text [\"", "part 2 text ä\"", "part 5 last text ]"]),
        (WS_DATA_TYPE_OBJECT, ["part 0 text [\"", "part 2 text ä\"", "part 5 last text ]"]),
        (WS_DATA_TYPE_BLOB, ["part 0 blob 5b22", "part 2 blob c3a422", "part 5 last blob 5d"]),
    ] {
        let server = Server::start();
        let host = Host::new();
        host.on("part", move |call| {
            assert!((api().ws_event_json)(call.event.0).is_null());
            let mut units = 9;
            let text = (api().ws_event_data_utf16)(call.event.0, &mut units);
            assert_eq!(text.is_null(), mode == WS_DATA_TYPE_BLOB);
            assert_eq!(units, if text.is_null() { 0 } else { call.event.text().encode_utf16().count() });
        });
        let options = in_parts_of(3).set(|api, o| (api.ws_options_set_data_type)(o, mode));
        // Cut before what would be half a character.
        host.to(script(&server, "text:[\"%C3%A4\"],close:1000")).with(options).open();
        host.run_until("free");
        assert_eq!(host.trace()[1..4], expected);
    }
}

#[test]
fn a_pause_inside_a_message_holds_its_next_part() {
    let server = Server::start();
    let host = Host::new();
    host.once("part", |call| assert_eq!(call.ws.pause(), WS_OK));
    let ws = host.to(script(&server, "text:abcdefg,ping:sync")).with(in_parts_of(3)).open();
    arrived(&server, "sync");
    assert_eq!((host.dispatch(), host.dispatch(), ws.resume(), host.dispatch()), (1, 0, WS_OK, 2));
    assert_eq!(host.trace()[1..], ["part 0 text abc", "part 3 text def", "part 6 last text g"]);
}

/// One message of 2 MiB, in some 13 KB that come with one read or a few.
#[test]
fn the_receive_buffer_bounds_what_is_inflated_of_one_message() {
    const SIZE: usize = 2 << 20;
    const PART: usize = 16 * 1024;
    const BOUND: usize = 100_000;
    for host in [Host::new(), Host::inline(), Host::driving()] {
        let server = Server::start();
        let commands = format!("expect,{},text:behind", compressed(SIZE));
        let url = server.ws(&format!("/script?extensions=permessage-deflate&do={commands}"));
        let options = small_buffer(in_parts_of(PART), BOUND);
        host.on("open", |call| assert_eq!((call.ws.pause(), call.ws.send_text("go")), (WS_OK, WS_OK)));
        host.on("part", |call| {
            let held = call.ws.stats().receive_buffered as usize;
            assert!(held <= BOUND + PART + 64, "{held}");
            assert!(call.event.text().bytes().all(|byte| byte == b'a'));
        });
        let ws = host.to(url).with(options).open();
        while (ws.stats().receive_buffered as usize) < BOUND {
            // Nothing is delivered; but a driving dispatcher reads here.
            host.dispatch();
            thread::yield_now();
        }
        assert_eq!(ws.stats().messages_received, 0, "its end is not inflated yet");
        assert_eq!(ws.resume(), WS_OK);
        host.run_until_count("part", SIZE / PART);
        host.run_until("message text behind");
        let last = format!("part {} last text {PART} bytes", SIZE - PART);
        assert_eq!(host.count(&last), 1);
        assert_eq!((ws.stats().messages_received, ws.stats().bytes_received), (2, SIZE as u64 + 6));
        ws.abort();
    }
}

#[test]
fn a_message_whose_sender_dies_is_left_unfinished() {
    let server = Server::start();
    let host = Host::new();
    host.to(script(&server, "frame:01:616263646566,drop")).with(in_parts_of(4)).open();
    host.run_until("free");
    let trace = ["part 0 text abcd", "error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"];
    assert_eq!(host.trace()[1..], trace);
}

#[test]
fn a_message_above_the_limit_fails_behind_its_parts() {
    let server = Server::start();
    let host = Host::new();
    let options = in_parts_of(4).set(|api, o| (api.ws_options_set_max_message_size)(o, 8));
    host.to(script(&server, "frame:01:6162636465666768,frame:80:69")).with(options).open();
    closed_with(&server, 1009);
    host.run_until("free");
    assert_eq!(host.trace()[1..4], ["part 0 text abcd", "part 4 text efgh", "error WS_ERR_TOO_LARGE"]);
}

#[test]
fn bad_text_fails_behind_the_parts_before_it() {
    let server = Server::start();
    let host = Host::new();
    host.to(script(&server, "frame:81:616263646566ff67")).with(in_parts_of(2)).open();
    closed_with(&server, 1007);
    host.run_until("free");
    let parts = ["part 0 text ab", "part 2 text cd", "part 4 text ef", "error WS_ERR_PROTOCOL"];
    assert_eq!(host.trace()[1..5], parts);
}

#[test]
fn after_terminate_parts_are_discarded_from_the_first_one_on_that_has_no_room() {
    let server = Server::start();
    let host = Host::new();
    let commands = "text:abcdef,gate:go,text:ghijkl,text:m,answer_close";
    let ws = host.to(script(&server, commands)).with(small_buffer(in_parts_of(2), 300)).open();
    server.wait_for(|event| matches!(&event.seen, Seen::Gate(gate) if gate == "go"));
    ws.terminate(1000, "");
    server.open_gate("go");
    until_status(ws, WS_STATUS_CLOSED);
    host.run_until("free");
    // Each counts 66: the second message has room for two parts.
    let prefix =
        ["part 0 text ab", "part 2 text cd", "part 4 last text ef", "part 0 text gh", "part 2 text ij"];
    assert_eq!(host.trace()[1..], [&prefix[..], &["terminate 1000 clean", "free"]].concat());
    assert_eq!((ws.stats().messages_received, ws.stats().messages_discarded), (3, 2));
}

#[test]
fn what_does_not_go_together_is_refused() {
    let server = Server::start();
    let host = Host::new();
    let json = in_parts_of(4).set(|api, o| (api.ws_options_set_strict_json)(o, 1));
    let refused = host.to(server.ws("/echo")).with(json).try_open().expect_err("strict_json");
    assert_eq!(refused.name(), "WS_ERR_INVALID_ARGUMENT");
    assert!(refused.entries[0].2.contains("strict_json has to be 0"), "{refused:?}");

    extern "C" fn nothing(_: Socket, _: *const RawEvent, _: *mut c_void) {}
    let mut handler = RawHandler { on_message: Some(nothing), ..RawHandler::INIT };
    let (url, options) = (c(&server.ws("/echo")), in_parts_of(4));
    for open in [api().ws_new, api().ws_new_async] {
        let mut errors = ptr::null_mut();
        assert_eq!(open(url.as_ptr(), &handler, options.0, &mut errors), Socket::NULL);
        let errors = Errors::take(errors);
        assert_eq!(errors.name(), "WS_ERR_INVALID_ARGUMENT");
        assert!(errors.entries[0].2.contains("the handler needs on_part beside on_message"), "{errors:?}");
    }
    let mut errors = ptr::null_mut();
    let policy = ptr::null();
    let reconnector = (api().ws_reconnector_new)(url.as_ptr(), &handler, options.0, policy, &mut errors);
    assert_eq!(reconnector.0, 0);
    assert_eq!(Errors::take(errors).name(), "WS_ERR_INVALID_ARGUMENT");
    handler.on_message = None;
    let ws = (api().ws_new)(url.as_ptr(), &handler, options.0, ptr::null_mut());
    assert_ne!(ws, Socket::NULL, "a host that has neither");
    assert_eq!(ws.abort(), WS_OK);
}
