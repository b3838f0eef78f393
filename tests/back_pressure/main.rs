//! Back-pressure: what a host does not take is bounded in memory, slows the server down, and is not lost.

mod bound;
mod pause;
#[path = "../wire/mod.rs"]
mod wire;

use std::thread;
use std::time::Instant;
use wire::{Count, Own, count};
use ws4d_test_host::{Options, PATIENCE, Socket};
use ws4d_test_server::Server;

/// ARCHITECTURE, "A message in".
const ONE_READ: usize = 256 * 1024;

/// Options with this size of the receive buffer.
fn receive_buffer(bytes: usize) -> Options {
    Options::new().set(|api, o| (api.ws_options_set_receive_buffer_size)(o, bytes))
}

/// Receives a flood on a dispatcher of its own. When it returns, the I/O thread, which takes its sockets in turn,
/// has given all others every chance to read as much: who has stopped reading by then has stopped for good.
fn give_the_others_time(server: &Server) {
    let (own, seen) = (Own::new(), Count::default());
    own.open(&server.ws("/flood?n=60000&size=1000&log=0"), &Options::new(), count, &seen);
    own.run_until(|| seen.is_over());
    assert_eq!(seen.messages(), 60_000);
}

/// An open socket that is flooded, on a dispatcher that has not dispatched: all that it will take it has taken.
fn flooded(server: &Server, own: &Own, path: &str, bound: usize, seen: &Count) -> Socket {
    let ws = own.open(&server.ws(path), &receive_buffer(bound), count, seen);
    until_full(server, ws, bound);
    ws
}

/// Waits until the flooded socket's receive buffer is full and it has had every chance to read more. That it has not
/// is what stops the server; how much the kernels between them hold is not the library's affair.
fn until_full(server: &Server, ws: Socket, bound: usize) {
    let start = Instant::now();
    while (ws.stats().receive_buffered as usize) < bound {
        assert!(start.elapsed() < PATIENCE, "{:?}", ws.stats());
        thread::yield_now();
    }
    give_the_others_time(server);
    // What one read brings may pass the bound; and the answer to the upgrade comes first.
    let taken = ws.stats().wire_bytes_received as usize;
    assert!(taken <= bound + ONE_READ + 4096, "{taken} bytes were read for a buffer of {bound}");
}
