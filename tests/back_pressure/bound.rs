//! The bound of the receive buffer, and that it only delays.

use crate::wire::{Count, Own, Relay, count, script};
use crate::{flooded, receive_buffer, until_full};
use std::sync::atomic::Ordering;
use ws4d_test_host::codes::{WS_STATUS_CLOSED, WS_STATUS_CONNECTED};
use ws4d_test_host::{Host, Options, name};
use ws4d_test_server::{Seen, Server};

#[test]
fn a_host_that_does_not_dispatch_stops_the_server_and_nothing_is_lost() {
    let server = Server::start();
    let (own, seen) = (Own::new(), Count::default());
    let path = "/flood?n=100000&size=1000&seq=1&log=0";
    flooded(&server, &own, path, 256 * 1024, &seen);

    // What is deliverable is what the buffer holds: the bound, which one read and its last message may pass.
    let first = own.0.dispatch(0);
    assert!((1..=(256 * 1024 / 1064) + 1).contains(&first), "{first} messages waited");
    own.run_until(|| seen.is_over());
    assert_eq!(seen.messages(), 100_000);
    assert_eq!(seen.misplaced.load(Ordering::SeqCst), 0, "in order");
    assert_eq!(seen.bytes.load(Ordering::SeqCst), 100_000_000);
}

/// Each message counts 64 bytes besides its own, so that empty ones are bounded too.
#[test]
fn a_flood_of_empty_messages_is_bounded() {
    let server = Server::start();
    let (own, seen) = (Own::new(), Count::default());
    flooded(&server, &own, "/flood?n=3000000&size=0&log=0", 64 * 1024, &seen);
    let first = own.0.dispatch(0);
    assert!((1..=1024).contains(&first), "64 KiB of messages that count 64 each: {first}");
    own.run_until(|| seen.is_over());
    assert_eq!(seen.messages(), 3_000_000);
}

#[test]
fn one_message_may_be_larger_than_the_buffer() {
    let server = Server::start();
    let host = Host::new();
    host.to(script(&server, "binary_size:1000000,text:next,binary_size:2000000,close:1000:"))
        .with(receive_buffer(1000))
        .open();
    host.run_until("free");
    let all = ["open", "message blob 1000000 bytes", "message text next", "message blob 2000000 bytes"];
    assert_eq!(host.trace()[..4], all);
    assert_eq!(host.trace()[4..], ["terminate 1000 clean", "free"]);
}

#[test]
fn the_smallest_buffer_delivers_one_message_after_the_other() {
    let server = Server::start();
    let (own, seen) = (Own::new(), Count::default());
    own.open(&server.ws("/flood?n=2000&size=100&seq=1&log=0"), &receive_buffer(1), count, &seen);
    own.run_until(|| seen.is_over());
    assert_eq!((seen.messages(), seen.misplaced.load(Ordering::SeqCst)), (2000, 0));
}

#[test]
fn a_bound_of_0_is_none() {
    let server = Server::start();
    let relay = Relay::opened(server.ws_port());
    let (own, seen) = (Own::new(), Count::default());
    own.open(&relay.ws("/flood?n=60000&size=1000&seq=1&log=0"), &receive_buffer(0), count, &seen);
    // The server's end shows that all was taken, and nobody has dispatched.
    server.wait_for(|event| matches!(event.seen, Seen::Close(..)));
    assert_eq!(seen.messages(), 0);
    own.run_until(|| seen.is_over());
    assert_eq!((seen.messages(), seen.misplaced.load(Ordering::SeqCst)), (60_000, 0));
}

#[test]
fn by_default_the_buffer_has_8_mib() {
    let server = Server::start();
    // These fit: the pong shows that all of them were read.
    let (own, seen) = (Own::new(), Count::default());
    let ws = own.open(&script(&server, "binary_size*7800:1000,ping:all"), &Options::new(), count, &seen);
    server.wait_for(|event| event.seen == Seen::Pong(b"all".to_vec()));
    assert_eq!(own.0.dispatch(0), 7800);
    ws.abort();

    // These do not.
    let (own, seen) = (Own::new(), Count::default());
    let ws = own.open(&server.ws("/flood?n=1000000&size=1000&log=0"), &Options::new(), count, &seen);
    until_full(&server, ws, 8 << 20);
    let first = own.0.dispatch(0);
    assert!((1..=(8 << 20) / 1064 + 1).contains(&first), "{first}");
}

#[test]
fn other_sockets_of_the_same_dispatcher_go_on() {
    let server = Server::start();
    let host = Host::new();
    let (slow, seen) = (Own::new(), Count::default());
    slow.open(&server.ws("/flood?n=100000&size=1000&log=0"), &receive_buffer(10_000), count, &seen);
    let ws = host.open(server.ws("/echo"));
    for i in 0..100 {
        ws.send_text(&i.to_string());
        host.run_until(&format!("message text {i}"));
    }
    assert_eq!(seen.messages(), 0);
}

#[test]
fn a_socket_whose_buffer_is_full_can_still_send() {
    let server = Server::start();
    let (own, seen) = (Own::new(), Count::default());
    let path = "/flood?n=1000000&size=1000";
    let ws = flooded(&server, &own, path, 10_000, &seen);
    assert_eq!(name(ws.send_text("still here")), "WS_OK");
    server.wait_for(|event| event.seen == Seen::Text("still here".into()));
    assert_eq!(ws.status(), WS_STATUS_CONNECTED);
}

/// `ws_terminate`: afterwards the library reads again, to find the close frame.
#[test]
fn after_terminate_the_close_frame_is_found_behind_a_full_buffer() {
    let server = Server::start();
    let (own, seen) = (Own::new(), Count::default());
    let path = "/flood?n=10000000&size=1000&seq=1&log=0";
    let ws = flooded(&server, &own, path, 100_000, &seen);
    assert_eq!(name(ws.terminate(4000, "enough")), "WS_OK");
    // Nobody dispatches: the library alone reads up to the close frame, answers nothing more, and ends.
    server.wait_for(|event| {
        event.path.contains("10000000") && matches!(event.seen, Seen::Close(Some(4000), _))
    });
    server.wait_for(|event| event.path.contains("10000000") && matches!(event.seen, Seen::Eof | Seen::Reset));
    assert_eq!(seen.messages(), 0);
    own.run_until(|| seen.is_over());
    assert!((1..=100).contains(&seen.messages()), "the bound was kept: {}", seen.messages());
    assert_eq!(seen.misplaced.load(Ordering::SeqCst), 0, "and what was kept is the beginning");
    assert_eq!(seen.code(), 1000, "the server's close frame was found");
    assert_eq!(ws.status(), WS_STATUS_CLOSED);
}

#[test]
fn the_end_after_a_full_buffer_is_clean_and_comes_after_the_messages() {
    let server = Server::start();
    let host = Host::new();
    let commands = "gate:closing,cork,text*20:x,uncork,wait_close,close:4000:bye";
    let ws = host.to(script(&server, commands)).with(receive_buffer(300)).open();
    ws.terminate(4000, "");
    server.open_gate("closing");
    server.wait_for(|event| matches!(event.seen, Seen::Eof));
    host.run_until("free");
    let trace = host.trace();
    assert_eq!(trace[trace.len() - 2..], ["terminate 4000 bye clean", "free"]);
    // 65 bytes each: five fill a buffer of 300, what is past it is discarded.
    assert_eq!(host.count("message"), 5, "{trace:?}");
}

#[test]
fn a_connection_that_is_lost_behind_a_full_buffer_is_an_error_after_the_messages() {
    let server = Server::start();
    let host = Host::new();
    host.to(script(&server, "cork,text*100:x,uncork,drop")).with(receive_buffer(300)).open();
    host.run_until("free");
    assert_eq!(host.count("message"), 100);
    let trace = host.trace();
    assert_eq!(trace[101..], ["error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"]);
}

#[test]
fn a_callback_on_the_io_thread_is_its_own_back_pressure() {
    let server = Server::start();
    let host = Host::inline();
    host.to(server.ws("/flood?n=5000&size=100&log=0")).with(receive_buffer(1000)).open();
    host.run_until("free");
    assert_eq!(host.count("message"), 5000);
    assert_eq!(host.trace()[5001..], ["terminate 1000 done clean", "free"]);
}

#[test]
fn abort_frees_what_a_full_buffer_holds() {
    let server = Server::start();
    let (own, seen) = (Own::new(), Count::default());
    let path = "/flood?n=1000000&size=1000&log=0";
    let ws = flooded(&server, &own, path, 1 << 20, &seen);
    assert_eq!(name(ws.abort()), "WS_OK");
    own.run_until(|| seen.is_over());
    assert_eq!(seen.messages(), 0);
    server.wait_until_idle();
}
