//! Nothing to do takes no processor: for a host that waits, for one that has gone away after a wait, and for the library's
//! threads.

mod support;

use std::fs;
use std::time::Duration;

use support::script;
use ws4d_test_host::{Host, Options, alone};
use ws4d_test_server::Server;

/// What the calling thread and the library's have used so far, as the system counts.
struct Used {
    /// How often they have gone to sleep. That another program took the processor from them does not count.
    turns: u64,
    /// The time for which they had the processor.
    time: Duration,
}

fn used() -> Used {
    let own = fs::read_link("/proc/thread-self").expect("Linux");
    let tasks = fs::read_dir("/proc/self/task").expect("Linux");
    let mut used = Used { turns: 0, time: Duration::ZERO };
    for task in tasks.flatten() {
        let read = |file| fs::read_to_string(task.path().join(file)).unwrap_or_default();
        if read("comm").starts_with("ws4d-io") || own.file_name() == Some(&task.file_name()) {
            let turns = read("status")
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")?.trim().parse().ok());
            used.turns += turns.unwrap_or(0);
            let time = read("schedstat").split(' ').next().and_then(|time| time.parse().ok());
            used.time += Duration::from_nanos(time.unwrap_or(0));
        }
    }
    used
}

/// How often the threads have gone to sleep during this; they have hardly done anything.
fn turns_during(what: impl FnOnce()) -> u64 {
    let before = used();
    what();
    let after = used();
    let time = after.time.saturating_sub(before.time);
    assert!(time < Duration::from_millis(300), "{time:?} of the processor");
    after.turns.saturating_sub(before.turns)
}

/// The host does something else, for longer than the library goes on looking for it.
fn time_passes() {
    assert_eq!(Host::new().dispatcher().wait(1500), 0);
}

/// Lets time pass until the sockets have settled: a busy machine takes its while to open them and to lend their
/// descriptors. A library that never settles fails afterwards.
fn until_settled(host: &Host) {
    let mut waits = (0..50).map(|_| turns_during(|| assert_eq!(host.dispatcher().wait(100), 0)));
    waits.find(|turns| *turns < 10);
}

/// The processor time of the calling thread.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes one timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[test]
fn silent_sockets_cost_a_waiting_host_nothing() {
    let _alone = alone();
    let server = Server::start();
    for count in [1, 100] {
        let host = Host::new();
        let sockets: Vec<_> = (0..count).map(|_| host.open(server.ws("/idle"))).collect();
        until_settled(&host);
        let waiting = turns_during(|| assert_eq!(host.dispatcher().wait(1500), 0));
        let away = turns_during(time_passes);
        println!("{count} sockets: waiting {waiting}, away {away}");
        for ws in sockets {
            ws.abort();
        }
        host.run_until_count("free", count);
        assert!(waiting < 30, "{waiting} turns");
        assert!(away < 30 + 2 * count as u64, "{away} turns");
    }
}

#[test]
fn silent_sockets_that_call_back_on_the_io_thread_cost_nothing() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::inline();
    let _sockets: Vec<_> = (0..100).map(|_| host.open(server.ws("/idle"))).collect();
    until_settled(&Host::new());
    let turns = turns_during(time_passes);
    assert!(turns < 30, "{turns} turns");
}

#[test]
fn a_paused_socket_that_is_full_costs_a_waiting_host_nothing() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::new();
    let small = Options::new().set(|api, o| (api.ws_options_set_receive_buffer_size)(o, 1000));
    let ws = host.to(script(&server, "text:1,gate:full,text_size*100:500")).with(small).open();
    host.run_until("message text 1");
    assert_eq!(host.dispatcher().wait(50), 0);
    ws.pause();
    server.open_gate("full");
    assert_eq!(host.dispatcher().wait(300), 0);
    let before = processor_time();
    assert_eq!(host.dispatcher().wait(1000), 0);
    let used = processor_time() - before;
    ws.resume();
    host.run_until_count("message", 101);
    ws.abort();
    host.run_until("free");
    assert!(used < Duration::from_millis(100), "{used:?} of a second");
}
