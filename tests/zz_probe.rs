//! probe
mod support;
use std::time::Instant;
use ws4d_test_host::codes::*;
use ws4d_test_host::{Host, Options};
use ws4d_test_server::Server;
#[test]
fn probe() {
    let server = Server::start();
    for (n, size, buffer) in [(3000, 10000, 100_000usize), (3000, 10000, 1_000_000), (300,10000,100_000), (3000, 1000, 100_000)] {
        let host = Host::new();
        let small = Options::new().set(|api, o| (api.ws_options_set_receive_buffer_size)(o, buffer));
        let start = Instant::now();
        host.to(server.ws(&format!("/flood?n={n}&size={size}&log=0"))).with(small).open();
        let d = host.dispatcher();
        let mut waits = 0;
        while d.wait(3000) > 0 { waits += 1; if host.entries().len() > n { break } }
        println!("{n} {size} {buffer}: {:?} {waits} waits, {}", start.elapsed(), host.entries().len());
        let _ = WS_OK;
        d.close();
    }
}
