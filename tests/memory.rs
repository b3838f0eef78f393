//! What the whole process holds while servers flood and hosts keep little of much. The tests measure the process, so
//! they run one after the other.

mod wire;

use std::ffi::c_void;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;
use wire::{Count, Own, RawServer, at_gate, count, deflate_echo, script, silent};
use ws4d_test_host::codes::*;
use ws4d_test_host::{Event, Options, PATIENCE, Pulled, RawEvent, Socket, alone, api};
use ws4d_test_server::{Seen, Server};

const MIB: usize = 1 << 20;

/// A line of /proc/self/status, in bytes.
fn status(name: &str) -> usize {
    let text = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = text.lines().find(|line| line.starts_with(name)).expect("a line of that name");
    let kib = line.split_whitespace().nth(1).and_then(|number| number.parse::<usize>().ok());
    kib.expect("a number of KiB") * 1024
}

/// What the whole process has allocated, in bytes, its library included. What is resident would depend on when the
/// allocator gives pages back, and on how large they are.
fn allocated() -> usize {
    // SAFETY: mallinfo2 has no preconditions.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks + info.hblkhd
}

/// What `work` adds to what the process has allocated, with what it returns. A thread may still be freeing what it held, so
/// that this waits for it to be below `limit`; it panics where that does not come.
#[track_caller]
fn grows_below<T>(limit: usize, what: &str, work: impl FnOnce() -> T) -> T {
    let before = allocated();
    let kept = work();
    let deadline = Instant::now() + PATIENCE;
    while allocated().saturating_sub(before) >= limit {
        let grown = allocated().saturating_sub(before);
        assert!(Instant::now() < deadline, "{what}: {} MiB, not below {}", grown / MIB, limit / MIB);
        thread::yield_now();
    }
    kept
}

/// Keeps every 500th message.
#[derive(Default)]
struct Keeper {
    messages: AtomicUsize,
    kept: Mutex<Vec<Pulled>>,
    over: AtomicUsize,
}

extern "C" fn keep_some(_: Socket, event: *const RawEvent, user_data: *mut c_void) {
    // SAFETY: the test passes a `Keeper` that lives until its dispatcher is closed.
    let keeper = unsafe { &*user_data.cast::<Keeper>() };
    match Event(event).kind() {
        WS_EVENT_TYPE_MESSAGE if keeper.messages.fetch_add(1, Ordering::SeqCst) % 500 == 0 => {
            keeper.kept.lock().expect("no panic inside").push(Event(event).retain());
        }
        WS_EVENT_TYPE_TERMINATE => keeper.over.store(1, Ordering::SeqCst),
        _ => {}
    }
}

const FLOOD: &str = "/flood?n=400000&size=250&seq=1&log=0";

fn assert_kept(kept: &[Pulled]) {
    assert_eq!(kept.len(), 800);
    for (i, event) in kept.iter().enumerate() {
        assert!(event.event().text().starts_with(&format!("{:08}", i * 500)), "event {i} is what it was");
    }
}

/// 800 messages of 100 MB: where each kept its batch alive, they would hold nearly all of it.
#[test]
fn a_retained_event_does_not_keep_the_batch_that_it_came_with() {
    let _alone = alone();
    let server = Server::start();
    let kept = grows_below(25 * MIB, "800 messages", || {
        let (own, keeper) = (Own::new(), Keeper::default());
        own.open(&server.ws(FLOOD), &Options::new(), keep_some, &keeper);
        own.run_until(|| keeper.over.load(Ordering::SeqCst) != 0);
        drop(own);
        keeper.kept.into_inner().expect("no panic inside")
    });
    assert_kept(&kept);
}

#[test]
fn a_pulled_event_does_not_keep_the_batch_that_it_came_with() {
    let _alone = alone();
    let server = Server::start();
    let kept = grows_below(25 * MIB, "800 messages", || {
        let own = Own::new();
        let nobody = Count::default();
        own.open(&server.ws(FLOOD), &Options::new(), count, &nobody);
        let (mut kept, mut messages) = (Vec::new(), 0);
        loop {
            let (_, pulled) = own.0.next(20_000).expect("no error").expect("an event in good time");
            match pulled.event().kind() {
                WS_EVENT_TYPE_MESSAGE => {
                    messages += 1;
                    if messages % 500 == 1 {
                        kept.push(pulled);
                    }
                }
                _ => break kept,
            }
        }
    });
    assert_kept(&kept);
}

/// DESIGN, section 3: a trickle of small messages stays within twice the bound.
#[test]
fn messages_that_nobody_takes_stay_near_the_bound() {
    let _alone = alone();
    let server = Server::start();
    // Each write of the script is a message of its own, and so is each read, more or less.
    for path in [
        "/flood?n=1000000&size=100&log=0",
        "/flood?n=1000000&size=0&log=0",
        "/script?do=text*60000:x,gate:sent",
    ] {
        let bound = 4 * MIB;
        let options = Options::new().set(|api, o| (api.ws_options_set_receive_buffer_size)(o, bound));
        let (own, seen) = (Own::new(), Count::default());
        grows_below(2 * bound + 8 * MIB, path, || {
            own.open(&server.ws(path), &options, count, &seen);
            if path.starts_with("/script") {
                at_gate(&server, "sent");
            }
            let (other, taken) = (Own::new(), Count::default());
            other.open(&server.ws("/flood?n=50000&size=1000&log=0"), &Options::new(), count, &taken);
            other.run_until(|| taken.is_over());
        });
        assert!(own.0.dispatch(1) == 1, "{path}: there is something");
    }
    server.open_gate("sent");
}

/// `docs/hostile.md`, line 17: while the kernel takes no more, only the newest pong is kept.
#[test]
fn a_ping_flood_while_the_server_reads_nothing_queues_no_pongs() {
    let _alone = alone();
    let server = Server::start();
    let payload = "x".repeat(125);
    let ws = silent(&script(&server, "gate:go"), &Options::new());
    ws.abort();
    let ws = grows_below(20 * MIB, "pongs of 75 MiB", || {
        let ws =
            silent(&script(&server, &format!("ping*600000:{payload},gate:sent,ping:last")), &Options::new());
        at_gate(&server, "sent");
        ws
    });
    server.open_gate("go");
    server.open_gate("sent");
    server.wait_for(|event| event.seen == Seen::Pong(b"last".to_vec()));
    ws.abort();
}

/// `docs/hostile.md`, lines 15, 16: no allocation ahead of what comes.
#[test]
fn announced_lengths_with_nothing_behind_cost_nothing() {
    let _alone = alone();
    let server = Server::start();
    let unlimited = || Options::new().set(|api, o| (api.ws_options_set_max_message_size)(o, 0));
    // The first one brings up what there is once.
    silent(&server.ws("/echo"), &unlimited()).abort();
    let before = status("VmSize");
    let mut sockets = Vec::new();
    for length in ["0000000003c00000", "0000000040000000", "7fffffffffffffff"] {
        for first in ["82", "81", "02", "01"] {
            let url = script(&server, &format!("raw:{first}7f{length}6161,ping:{length}{first}"));
            sockets.extend((0..20).map(|_| silent(&url, &unlimited())));
        }
    }
    // A message that is cut by nothing: that was payload, no ping. An echo shows that all was read.
    let ws = silent(&server.ws("/echo"), &unlimited());
    ws.send_text("x");
    server.wait_for(|event| event.seen == Seen::Text("x".into()));
    let grown = status("VmSize").saturating_sub(before);
    assert!(grown < 1024 * MIB, "{} MiB of address space for 240 sockets", grown / MIB);
    sockets.push(ws);
    for ws in sockets {
        (api().ws_abort)(ws);
    }
}

/// What `work` adds to the most that the process has ever held, which begins anew here.
fn peak_growth(work: impl FnOnce()) -> usize {
    // SAFETY: malloc_trim has no preconditions.
    unsafe { libc::malloc_trim(0) };
    fs::write("/proc/self/clear_refs", "5").expect("Linux");
    let before = status("VmHWM");
    work();
    status("VmHWM").saturating_sub(before)
}

/// A compressed message of so many zeros (RFC 1951, fixed codes): the first, matches of 258, and the rest one by one.
fn compressed_zeros(count: usize) -> String {
    let (mut bits, mut bytes) = (Vec::new(), Vec::new());
    // Codes come with their first bit first, other numbers with their last.
    let mut put = |code: u32, len: u32| bits.extend((0..len).rev().map(|bit| code >> bit & 1));
    put(0b010, 3);
    put(0x30, 8);
    for _ in 0..(count - 1) / 258 {
        put(0b1100_0101, 8);
        put(0, 5);
    }
    for _ in 0..(count - 1) % 258 {
        put(0x30, 8);
    }
    // The end of the block, and an empty one that a sync flush would make.
    put(0, 7);
    put(0, 3);
    bytes.extend(bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |sum, bit| sum << 1 | *bit as u8)));
    let head = [&[0xc2, 126][..], &(bytes.len() as u16).to_be_bytes()].concat();
    head.iter().chain(&bytes).map(|byte| format!("{byte:02x}")).collect()
}

/// 1.6 MB that become 262 MB.
#[test]
fn what_is_inflated_after_the_host_has_closed_stays_near_the_bound() {
    let _alone = alone();
    let server = Server::start();
    let messages = format!("gate:go,raw*4000:{},answer_close", compressed_zeros(64 * 1024));
    let url = server.ws(&format!("/script?extensions=permessage-deflate&do={messages}"));
    let options = Options::new().set(|api, o| (api.ws_options_set_receive_buffer_size)(o, MIB));
    let (own, seen) = (Own::new(), Count::default());
    let ws = own.open(&url, &options, count, &seen);
    assert_eq!((api().ws_terminate)(ws, 1000, std::ptr::null()), 0);
    let grown = peak_growth(|| {
        server.open_gate("go");
        own.run_until(|| seen.is_over());
    });
    assert!(grown < 16 * MIB, "{} MiB", grown / MIB);
}

/// Open sockets of one dispatcher.
fn hundred(own: &Own, server: &RawServer, options: &Options, seen: &Count) -> Vec<Socket> {
    (0..100).map(|_| own.open(&server.ws("/"), options, count, seen)).collect()
}

fn close_all(own: &Own, sockets: Vec<Socket>, seen: &Count) {
    for ws in &sockets {
        (api().ws_abort)(*ws);
    }
    own.run_until(|| seen.is_over());
    for ws in sockets {
        (api().ws_release)(ws);
    }
}

/// An inflater alone would be 44 KiB, and what is kept of messages sent 4 KiB; the server's side is measured with it.
#[test]
fn a_socket_that_has_compressed_nothing_has_no_memory_for_it() {
    let _alone = alone();
    let server = deflate_echo("");
    let (own, seen) = (Own::new(), Count::default());
    // What there is once.
    close_all(&own, hundred(&own, &server, &Options::new(), &seen), &seen);
    let seen = Count::default();
    let sockets =
        grows_below(100 * 8 * 1024, "100 sockets", || hundred(&own, &server, &Options::new(), &seen));
    close_all(&own, sockets, &seen);
}

/// With context takeover in both directions, and the largest windows. What each has sent fills what it keeps.
#[test]
fn a_socket_that_has_compressed_keeps_less_than_100_kib() {
    let _alone = alone();
    let server = deflate_echo("");
    let message = (0..6000).map(|i| (i * 7919 % 9973).to_string()).collect::<String>();
    for memory_level in [1, 5, 9] {
        let options = Options::new().set(|api, o| (api.ws_options_set_compression_memory)(o, memory_level));
        let (own, seen) = (Own::new(), Count::default());
        // A compressor of level 9 takes 484 KiB, and there are four for all.
        let limit = 100 * 100 * 1024;
        let sockets = grows_below(limit, &format!("100 sockets, level {memory_level}"), || {
            let sockets = hundred(&own, &server, &options, &seen);
            for ws in &sockets {
                for _ in 0..2 {
                    ws.send_text(&message);
                }
            }
            own.run_until(|| seen.messages() == 200);
            sockets
        });
        close_all(&own, sockets, &seen);
    }
}

#[test]
fn half_a_message_goes_with_its_connection() {
    let _alone = alone();
    let server = Server::start();
    let half = format!("raw:827f0000000004000000,raw*32768:{},fin", "61".repeat(1024));
    let options = Options::new().set(|api, o| (api.ws_options_set_max_message_size)(o, 0));
    let (own, seen) = (Own::new(), Count::default());
    let ws = grows_below(16 * MIB, "half a message of 64 MiB", || {
        let ws = own.open(&script(&server, &half), &options, count, &seen);
        own.run_until(|| seen.is_over());
        ws
    });
    (api().ws_release)(ws);
}

#[test]
fn a_message_that_arrives_in_parts_is_never_in_memory_as_a_whole() {
    let mib = streamed();
    let _alone = alone();
    let server = Server::start();
    let commands = format!("raw:827f{:016x},raw*{}:{}", mib * MIB, mib * 1024, "61".repeat(1024));
    let options = Options::new()
        .set(|api, o| (api.ws_options_set_max_message_size)(o, 0))
        .set(|api, o| (api.ws_options_set_part_size)(o, 64 * 1024))
        .set(|api, o| (api.ws_options_set_receive_buffer_size)(o, MIB));
    let (own, seen) = (Own::new(), Count::default());
    let grown = peak_growth(|| {
        let ws = own.open(&script(&server, &commands), &options, count, &seen);
        own.run_until(|| seen.bytes.load(Ordering::SeqCst) == mib * MIB);
        assert_eq!((ws.stats().messages_received, seen.messages()), (1, mib * 16));
        (api().ws_abort)(ws);
    });
    assert!(grown < 32 * MIB, "{} MiB for a message of {mib}", grown / MIB);
}

/// 4 million small values would be a tree of 100 MiB.
#[test]
fn strict_json_takes_no_more_than_its_text() {
    let _alone = alone();
    let server = Server::start();
    let text = format!("raw:817f0000000000800004,raw:5b30,raw*8192:{},raw:205d", "2c30".repeat(512));
    let options = Options::new()
        .set(|api, o| (api.ws_options_set_data_type)(o, ws4d_test_host::codes::WS_DATA_TYPE_OBJECT))
        .set(|api, o| (api.ws_options_set_strict_json)(o, 1));
    let (own, seen) = (Own::new(), Count::default());
    let grown = peak_growth(|| {
        let ws = own.open(&script(&server, &text), &options, count, &seen);
        own.run_until(|| seen.messages() == 1);
        (api().ws_abort)(ws);
    });
    assert!(grown < 40 * MIB, "{} MiB for a text of 8", grown / MIB);
}

/// How many MiB a message that is streamed has: `WS4D_STREAM_MIB`, as `make stream` sets it.
fn streamed() -> usize {
    std::env::var("WS4D_STREAM_MIB").ok().and_then(|mib| mib.parse().ok()).unwrap_or(64)
}

/// One message whose parts make that many MiB, to a server that reads and keeps nothing.
#[test]
fn a_message_in_parts_is_never_in_memory_as_a_whole() {
    let _alone = alone();
    for extension in ["", "Sec-WebSocket-Extensions: permessage-deflate\r\n"] {
        let server = RawServer::start(move |peer| {
            let head = peer.head();
            peer.accept(&head, extension);
            peer.wait_for_the_end();
        });
        let ws = silent(&server.ws("/"), &Options::new());
        let part = vec![b'x'; 256 << 10];
        let grown = peak_growth(|| {
            assert_eq!((api().ws_send_begin)(ws, WS_DATA_TYPE_BLOB, 0), 0);
            for _ in 0..streamed() * 4 {
                while (api().ws_send_part)(ws, part.as_ptr().cast(), part.len()) == WS_ERR_WOULD_BLOCK {
                    thread::yield_now();
                }
            }
            assert_eq!((api().ws_send_end)(ws), 0);
        });
        assert!(grown < 40 * MIB, "{} MiB for a message of {} MiB", grown / MIB, streamed());
        let stats = ws.stats();
        assert_eq!((stats.messages_sent, stats.bytes_sent), (1, (streamed() * MIB) as u64));
        ws.abort();
    }
}
