//! `ws_reconnector_retry_now`: the host ends a wait.

use ws4d_test_host::codes::*;
use ws4d_test_host::{Options, RawReconnectPolicy, Socket, alone, api};
use ws4d_test_server::Server;

use crate::support::script;
use crate::{FAST, Mode, Script, Test};

const MODES: [Mode; 3] = [Mode::Dispatched, Mode::Inline, Mode::Pull];
/// Nobody waits so long for the next attempt.
const SLOW: RawReconnectPolicy =
    RawReconnectPolicy { base_delay_ms: 600_000, max_delay_ms: 600_000, min_delay_ms: 600_000, ..FAST };

fn retry_now(test: &Test) {
    assert_eq!((api().ws_reconnector_retry_now)(test.r), WS_OK);
}

#[test]
fn it_ends_a_wait_and_attempts_go_on_counting() {
    let _alone = alone();
    let server = Server::start();
    for mode in MODES {
        let urls = [
            script(&server, "rst"),
            // Retry-After is no reason to wait either.
            server.ws("/status?code=503&header=Retry-After:600"),
            server.ws("/echo"),
        ];
        let test = Test::new(mode, &urls, RawReconnectPolicy { max_retry_after_ms: 600_000, ..SLOW });
        for attempt in 1..=2 {
            test.until("reconnect", attempt);
            assert!(test.infos()[attempt - 1].delay_ms >= 600_000);
            retry_now(&test);
            retry_now(&test);
        }
        test.until("open", 2);
        assert_eq!((api().ws_reconnector_get_attempts)(test.r), 2);
        test.terminate();
        test.finish();
    }
}

#[test]
fn in_on_reconnect_it_is_the_next_wait_that_is_none() {
    let _alone = alone();
    let server = Server::start();
    for mode in MODES {
        for from in ["final?", "reconnect 1", "terminate"] {
            if mode == Mode::Pull && from == "terminate" {
                continue;
            }
            let again: Script = Box::new(|_, r| {
                assert_eq!((api().ws_reconnector_retry_now)(r), WS_OK);
                assert_eq!((api().ws_reconnector_retry_now)(r), WS_OK);
            });
            let urls = [script(&server, "rst")];
            let policy = RawReconnectPolicy { is_final: Some(crate::is_final), ..SLOW };
            let test = Test::with(mode, &urls, policy, Options::new(), vec![(from, again)]);
            // One wait, and no more than that.
            test.until("reconnect", 2);
            still_waits(&test, 2);
            test.terminate();
            assert_eq!(test.finish().iter().filter(|line| line.starts_with("attempt")).count(), 2);
        }
    }
}

#[test]
fn while_it_connects_or_is_connected_it_changes_nothing() {
    let _alone = alone();
    let server = Server::start();
    for mode in MODES {
        for from in ["attempt 0", "open"] {
            let again: Script = Box::new(|_, r| {
                assert_eq!((api().ws_reconnector_retry_now)(r), WS_OK);
            });
            let mut scripts = vec![];
            if mode != Mode::Pull || from != "open" {
                scripts.push((from, again));
            }
            let test = Test::with(mode, &[server.ws("/echo")], SLOW, Options::new(), scripts);
            test.until("open", 1);
            retry_now(&test);
            assert_eq!((api().ws_abort)((api().ws_reconnector_get_socket)(test.r)), WS_OK);
            test.until("reconnect", 1);
            still_waits(&test, 1);
            test.terminate();
            test.finish();
        }
    }
}

/// A wait that had been ended would be over by now: no I/O stands between.
fn still_waits(test: &Test, attempts: usize) {
    for _ in 0..3 {
        match test.mode {
            Mode::Dispatched => assert!(test.dispatcher.wait(0) >= 0),
            Mode::Pull => assert!(test.dispatcher.next(0).unwrap().is_none()),
            Mode::Inline => {}
        }
    }
    assert_eq!(test.count("attempt"), attempts);
    assert_eq!((api().ws_reconnector_get_socket)(test.r), Socket::NULL);
}
