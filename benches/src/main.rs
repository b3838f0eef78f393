//! The benchmarks: `make bench` builds what takes part and starts this program, which starts the server on one core
//! and the clients, each a process of its own, one after the other on another, and writes the report.
//!
//! ```text
//! ws4d-benches                         all cases, or those in CASES; QUICK=1: fewer and shorter runs
//! ws4d-benches server FOLDER           the server
//! ws4d-benches raw KIND URL SIZE N …   the floor, a client like the others (see clients/bench.h)
//! ws4d-benches raw-post-quantum …      the same with the key exchange that libws4d prefers
//! ws4d-benches instructions            instructions a message, counted by callgrind
//! ws4d-benches profile                 where the time goes, sampled by perf: docs/profile.md
//! ```

mod cases;
mod chart;
mod clients;
mod counted;
mod frame;
mod launch;
mod process;
mod profile;
mod quiet;
mod raw;
mod report;
mod results;
mod run;
mod server;
mod spin;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("server") => server::run(std::path::Path::new(&arguments[1])),
        Some("raw") => raw::run(&arguments[1..], false),
        Some("raw-post-quantum") => raw::run(&arguments[1..], true),
        Some("instructions") => counted::instructions(),
        Some("profile") => profile::write(),
        Some("report") => report::write(&results::Results::load()),
        _ => run::all(),
    }
}
