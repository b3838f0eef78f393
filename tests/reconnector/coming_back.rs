//! Connections one after the other: their order, their delays, and the messages between them.

use std::ptr;
use std::thread;

use ws4d_test_host::codes::*;
use ws4d_test_host::{Options, RawReconnectPolicy, Socket, alone, api};
use ws4d_test_server::Server;

use crate::support::script;
use crate::{FAST, Mode, Script, Test, end_of, send};

#[test]
fn it_comes_back_and_each_connection_has_the_grammar_of_a_socket() {
    let _alone = alone();
    let server = Server::start();
    for mode in [Mode::Dispatched, Mode::Inline, Mode::Pull] {
        let urls = [script(&server, "rst"), script(&server, "close:1012:"), server.ws("/echo")];
        let test = Test::new(mode, &urls, FAST);
        test.until("open", 3);
        assert_eq!((api().ws_reconnector_get_status)(test.r), WS_STATUS_CONNECTED);
        assert_eq!((api().ws_reconnector_get_attempts)(test.r), 2);
        let ws = (api().ws_reconnector_get_socket)(test.r);
        assert!(
            (api().ws_get_id)(ws) > 0 && (api().ws_release)(ws) == WS_ERR_INVALID_HANDLE,
            "not the host's to release"
        );
        assert_eq!(test.send("hello"), "WS_OK");
        test.until("message", 1);
        let infos = test.infos();
        assert_eq!((infos[0].result, infos[0].code, infos[0].http_status), (WS_ERR_CONNECTION_RESET, 0, 101));
        assert_eq!((infos[1].result, infos[1].code, infos[1].http_status), (WS_OK, 1012, 101));
        test.terminate();
        test.until("free", 1);
        assert_eq!((api().ws_get_id)(ws), 0, "its handle went with it");
        let mine = thread::current().id();
        let threads = test.world.state.lock().unwrap().threads.clone();
        assert!(threads.iter().all(|thread| (*thread == mine) == (mode != Mode::Inline)));
        assert_eq!(
            test.finish(),
            [
                "attempt 0",
                "open",
                "error WS_ERR_CONNECTION_RESET",
                "terminate 1006",
                "reconnect 1",
                "attempt 1",
                "open",
                "terminate 1012 clean",
                "reconnect 2",
                "attempt 2",
                "open",
                "message text hello",
                "terminate 1000 bye clean",
                "end 1",
                "free",
            ]
        );
    }
}

#[test]
fn run_goes_on_while_it_waits_and_ends_with_it() {
    let _alone = alone();
    let server = Server::start();
    let later: Script = Box::new(|world, _| {
        let stop: Script = Box::new(|_, r| {
            assert_eq!((api().ws_reconnector_terminate)(r, 0, ptr::null()), WS_OK);
        });
        world.state.lock().unwrap().scripts.push(("open", stop));
    });
    let urls = [script(&server, "rst"), server.ws("/echo")];
    let test = Test::with(Mode::Dispatched, &urls, FAST, Options::new(), vec![("attempt 1", later)]);
    assert_eq!((api().ws_dispatcher_run)(test.dispatcher), WS_OK);
    assert_eq!(test.finish().last().unwrap(), "free");
}

#[test]
fn a_stable_connection_makes_attempts_count_anew() {
    let _alone = alone();
    let server = Server::start();
    for (stable_ms, expected) in [(0, [1, 1, 1]), (60_000, [1, 2, 3])] {
        let policy = RawReconnectPolicy { stable_ms, ..FAST };
        let test = Test::new(Mode::Dispatched, &[server.ws("/close?code=1001")], policy);
        test.until("reconnect", 3);
        assert_eq!(test.infos().iter().map(|info| info.attempt).take(3).collect::<Vec<_>>(), expected);
        test.terminate();
        test.finish();
    }
}

/// `docs/hostile.md`, line 22: Retry-After and 1013 are honoured, a terminate does not wait for them.
#[test]
fn the_server_may_ask_for_time_within_a_limit_and_terminate_ends_the_wait() {
    let _alone = alone();
    let server = Server::start();
    let policy = RawReconnectPolicy { max_retry_after_ms: 3_600_000, max_delay_ms: 600_000, ..FAST };
    for (path, least, most) in [
        ("/status?code=503&header=Retry-After:600", 600_000, 600_004),
        (
            "/status?code=429&header=Retry-After:Wed%2C%2031%20Dec%202600%2023:59:59%20GMT",
            3_600_000,
            3_600_004,
        ),
        ("/close?code=1013", 300_000, 600_000),
    ] {
        for mode in [Mode::Dispatched, Mode::Inline, Mode::Pull] {
            let test = Test::new(mode, &[server.ws(path)], policy);
            test.until("reconnect", 1);
            let delay = test.infos()[0].delay_ms;
            assert!((least..=most).contains(&delay), "{path}: {delay}");
            assert_eq!((api().ws_reconnector_get_status)(test.r), WS_STATUS_CONNECTING);
            assert_eq!((api().ws_reconnector_get_socket)(test.r), Socket::NULL);
            test.terminate();
            assert_eq!(end_of_finished(test), WS_RECONNECT_END_HOST);
        }
    }
}

fn end_of_finished(test: Test) -> i32 {
    test.until("free", 1);
    end_of(&test).end
}

#[test]
fn each_attempt_has_fresh_options() {
    let _alone = alone();
    let server = Server::start();
    let urls = [server.ws("/close?code=1001"), server.ws("/headers")];
    let test = Test::new(Mode::Dispatched, &urls, FAST);
    test.until("message", 1);
    let head = test.trace().iter().find(|line| line.starts_with("message")).cloned().unwrap();
    let heads: Vec<String> =
        server.log().iter().filter_map(|event| format!("{:?}", event.seen).into()).collect();
    assert!(head.contains("bytes") || head.contains("token-2"), "{head}");
    assert!(
        heads.iter().any(|seen| seen.contains("token-1"))
            && heads.iter().any(|seen| seen.contains("token-2"))
    );
    assert!(!heads.iter().any(|seen| seen.contains("token-1") && seen.contains("token-2")), "a copy each");
    test.terminate();
    test.finish();
}

#[test]
fn messages_wait_in_order_within_the_bound() {
    let _alone = alone();
    let server = Server::start();
    for mode in [Mode::Dispatched, Mode::Inline] {
        let policy = RawReconnectPolicy { queue_size: 3 * 65, ..FAST };
        let urls = [server.ws("/close?code=1001"), server.ws("/echo")];
        let fill: Script = Box::new(|_, r| {
            assert_eq!(send(r, "a"), "WS_OK");
            for text in ["b", "c"] {
                assert_eq!(send(r, text), "WS_OK");
            }
            assert_eq!(send(r, "d"), "WS_ERR_WOULD_BLOCK");
            let bad = (api().ws_reconnector_send)(r, WS_DATA_TYPE_TEXT, [0xff_u8].as_ptr().cast(), 1, 0);
            assert_eq!(bad, WS_ERR_INVALID_UTF8);
        });
        let later: Script = Box::new(|world, _| {
            world
                .state
                .lock()
                .unwrap()
                .scripts
                .push(("open", Box::new(|_, r| assert_eq!(send(r, "e"), "WS_OK"))));
        });
        let test =
            Test::with(mode, &urls, policy, Options::new(), vec![("reconnect", fill), ("attempt 1", later)]);
        test.until("message", 4);
        test.until("drain", 1);
        let got: Vec<_> = test.trace().into_iter().filter(|line| line.starts_with("message")).collect();
        assert_eq!(got, ["message text a", "message text b", "message text c", "message text e"]);
        test.terminate();
        test.finish();
    }
}

#[test]
fn without_a_queue_nothing_is_kept() {
    let _alone = alone();
    let server = Server::start();
    let fill: Script = Box::new(|_, r| assert_eq!(send(r, "lost"), "WS_ERR_WOULD_BLOCK"));
    let urls = [server.ws("/close?code=1001"), server.ws("/echo")];
    let test = Test::with(Mode::Dispatched, &urls, FAST, Options::new(), vec![("reconnect", fill)]);
    test.until("drain", 1);
    assert_eq!(test.send("now"), "WS_OK");
    test.until("message", 1);
    assert_eq!(test.count("message text now"), 1);
    test.terminate();
    test.finish();
}
