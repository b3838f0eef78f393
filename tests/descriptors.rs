//! `docs/hostile.md`, line 22: a process that has no file descriptors left.

use std::fs::File;

use ws4d_test_host::{Host, Options, PATIENCE, alone, api, name};
use ws4d_test_server::Server;

/// Takes every descriptor that the process may still have.
fn take_all() -> Vec<File> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` lives through the calls.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = limit.rlim_cur.min(512);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
    }
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

#[test]
fn without_descriptors_connecting_fails_what_is_open_goes_on_and_later_all_is_well() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    let taken = take_all();
    assert!(taken.len() > 100, "{}", taken.len());

    // Both ways of opening say so, with the system's words; no callback but on_free runs.
    let errors = host.to(server.ws("/echo")).named("refused").try_open().expect_err("no descriptor");
    assert_eq!(
        (errors.name().as_str(), errors.os_code),
        ("WS_ERR_OUT_OF_MEMORY", libc::EMFILE),
        "{errors:?}"
    );
    assert_eq!(host.trace_of("refused"), ["free"]);
    host.to(server.ws("/echo")).named("later").open_async();
    host.run_until("later free");
    assert!((api().ws_dispatcher_fd)(host.dispatcher()) < 0, "nor is there one for the host's loop");

    assert_eq!(name(ws.send_text("still here")), "WS_OK");
    host.run_until("message text still here");

    drop(taken);
    host.to(server.ws("/echo")).named("again").open();
    assert!((api().ws_dispatcher_fd)(host.dispatcher()) >= 0);
}

/// How many pollers and event descriptors the process has.
fn anonymous() -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| {
        let target = std::fs::read_link(entry.ok()?.path()).ok()?;
        Some(target.to_string_lossy().starts_with("anon_inode:"))
    });
    open.filter(|anonymous| *anonymous).count()
}

/// Also where its sockets are not released yet.
#[test]
fn a_closed_dispatcher_has_given_its_descriptors_back() {
    let _alone = alone();
    let server = Server::start();
    // Brings the I/O thread up, and the driver in which ws_new connects.
    Host::new().open(server.ws("/echo"));
    for make in [Host::new, Host::driving] {
        let before = anonymous();
        let host = make();
        let d = host.dispatcher();
        let ws = host.open(server.ws("/echo"));
        ws.send_text("hello");
        host.run_until("message text hello");
        (api().ws_dispatcher_fd)(d);
        assert!(anonymous() > before);
        assert_eq!(name(d.close()), "WS_OK");
        // The standby task lets go of the poller when it has its turn.
        let start = std::time::Instant::now();
        while anonymous() > before {
            assert!(start.elapsed() < ws4d_test_host::PATIENCE, "{} instead of {before}", anonymous());
            std::thread::yield_now();
        }
        assert!(ws.is_valid());
    }
}

/// How many descriptors of any kind the process has.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Nobody turns its tasks then, and perhaps nobody ever will.
#[test]
fn a_shutdown_gives_the_descriptors_of_a_driving_dispatchers_sockets_back() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::driving();
    let before = descriptors();
    let timed = || Options::new().set(|api, o| (api.ws_options_set_idle_timeout_ms)(o, 3_600_000));
    for _ in 0..3 {
        // One that the owner watches, one that its task does, and one that is on its way.
        host.open(server.ws("/echo"));
        host.to(server.ws("/echo")).with(timed()).open();
        host.to(server.ws("/no-answer")).open_async();
    }
    host.dispatcher().dispatch(0);
    assert!(descriptors() > before);
    assert_eq!((api().ws_shutdown)(20_000), 0);
    // The server's ends are in this process.
    let start = std::time::Instant::now();
    while descriptors() > before {
        assert!(start.elapsed() < PATIENCE, "{} instead of {before}", descriptors());
        std::thread::yield_now();
    }
    assert_eq!(host.dispatcher().run(), 0);
    assert_eq!(host.count("free"), 9, "{:?}", host.trace());
    let ws = host.to(server.ws("/echo")).named("next").open();
    assert_eq!(name(ws.send_text("hello")), "WS_OK");
    host.run_until("next message text hello");
}
