//! Back-pressure: what a host does not take is bounded in memory, slows the server down, and is not lost.

mod bound;
mod pause;
#[path = "../wire/mod.rs"]
mod wire;

use wire::{Count, Own, Relay, count};
use ws4d_test_host::{Options, Socket};
use ws4d_test_server::Server;

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
fn flooded(server: &Server, own: &Own, path: &str, options: &Options, seen: &Count) -> (Relay, Socket) {
    let relay = Relay::opened(server.ws_port());
    let ws = own.open(&relay.ws(path), options, count, seen);
    // Several times what the library may hold, and less than what the system does beside it.
    relay.wait_received(2 << 20);
    give_the_others_time(server);
    (relay, ws)
}
