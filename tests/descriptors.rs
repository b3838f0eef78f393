//! `docs/hostile.md`, line 22: a process that has no file descriptors left.

use std::fs::File;

use ws4d_test_host::{Host, alone, api, name};
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
