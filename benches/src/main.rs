//! Round trips and receive rates of libws4d through its C functions, beside a raw blocking socket (the floor) and
//! tokio-tungstenite. All clients run interleaved in one process on one core, the server in another process on
//! another core; what counts are the ratios of one run.
//!
//! ```text
//! make bench                 medians of 7 rounds
//! make bench QUICK=1         medians of 3 shorter rounds
//! ```

mod measure;
mod ours;
mod peer;
mod raw;
mod server;

use measure::{Case, Table};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

fn main() {
    if std::env::args().nth(1).as_deref() == Some("server") {
        server::run();
        return;
    }
    let quick = std::env::var_os("QUICK").is_some_and(|value| !value.is_empty() && value != "0");
    let rounds = if quick { 3 } else { 7 };
    let (server, port) = start_server();
    let _server = server;
    measure::pin_to_core(1);
    let scale = if quick { 1 } else { 4 };
    let cases = [
        Case::round_trip(32, 5_000 * scale),
        Case::round_trip(1024, 5_000 * scale),
        Case::round_trip(64 * 1024, 1_000 * scale),
        Case::receive(32, 1_000_000 * scale),
        Case::receive(1024, 200_000 * scale),
        Case::receive(1024 * 1024, 300 * scale),
    ];
    let mut table = Table::new();
    for case in cases {
        for _ in 0..rounds {
            table.add(&case, "raw blocking socket", raw::run(port, &case));
            table.add(&case, "libws4d, callbacks on the I/O thread", ours::inline(port, &case));
            table.add(&case, "libws4d, ws_dispatcher_wait loop", ours::dispatcher(port, &case));
            table.add(&case, "tokio-tungstenite", peer::run(port, &case));
        }
        table.print(&case);
    }
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_server() -> (Server, u16) {
    let own = std::env::current_exe().expect("the path of this program");
    let mut child =
        Command::new(own).arg("server").stdout(Stdio::piped()).spawn().expect("the server starts");
    let mut line = String::new();
    let out = child.stdout.take().expect("a pipe");
    BufReader::new(out).read_line(&mut line).expect("the server says its port");
    (Server(child), line.trim().parse().expect("a port"))
}
