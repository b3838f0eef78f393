//! What ends it for good.

use std::ptr;
use std::sync::Arc;

use ws4d_test_host::codes::*;
use ws4d_test_host::{Errors, Options, OptionsToken, RawHandler, RawReconnectPolicy, alone, api, c};
use ws4d_test_server::{CertKind, Server};

use crate::support::script;
use crate::{FAST, Mode, Script, Test, World, end_of, free, is_final, send};

/// `docs/hostile.md`, line 22.
#[test]
fn what_cannot_succeed_is_tried_once() {
    let _alone = alone();
    let server = Server::start();
    for status in [401, 403, 404, 407, 410] {
        let test = Test::new(Mode::Dispatched, &[server.ws(&format!("/status?code={status}"))], FAST);
        test.until("free", 1);
        let end = end_of(&test);
        assert_eq!(
            (end.end, end.http_status, end.result),
            (WS_RECONNECT_END_REFUSED, status, WS_ERR_HTTP_STATUS)
        );
        assert_eq!(
            test.finish(),
            ["attempt 0", "error WS_ERR_HTTP_STATUS", "terminate 1006", "end 3", "free"]
        );
    }
    let test = Test::new(Mode::Dispatched, &[server.wss_with(CertKind::Expired, "/echo")], FAST);
    assert_eq!(test.finish(), ["attempt 0", "error WS_ERR_CERTIFICATE", "terminate 1006", "end 3", "free"]);
    // A URL that only on_attempt gives.
    let test = Test::new(Mode::Dispatched, &[server.ws("/close?code=1001"), "http://x/".into()], FAST);
    test.until("free", 1);
    assert_eq!((end_of(&test).end, end_of(&test).result), (WS_RECONNECT_END_REFUSED, WS_ERR_INVALID_URL));
}

#[test]
fn what_may_mend_itself_is_tried_again_with_the_longest_delay() {
    let _alone = alone();
    let server = Server::start();
    let refused = |status: u16| server.ws(&format!("/status?code={status}"));
    let mut roads = vec![];
    // Before a connection was ever open.
    for status in [400, 402, 409, 418, 421, 423, 426, 499] {
        roads.push((vec![refused(status), server.ws("/echo")], 0));
    }
    // The clock may be wrong.
    roads.push((vec![server.wss_with(CertKind::NotYetValid, "/echo"), server.ws("/echo")], 0));
    // Once one was.
    for status in [401, 403, 404, 407, 410] {
        roads.push((vec![script(&server, "rst"), refused(status), server.ws("/echo")], 1));
    }
    let expired = server.wss_with(CertKind::Expired, "/echo");
    roads.push((vec![script(&server, "rst"), expired, server.ws("/echo")], 1));
    for (urls, refusal) in roads {
        let test = Test::new(Mode::Dispatched, &urls, FAST);
        test.until("open", urls.len() - 1);
        let info = test.infos()[refusal];
        assert_eq!(
            (info.end, info.delay_ms),
            (WS_RECONNECT_END_NONE, FAST.max_delay_ms),
            "{urls:?}: {info:?}"
        );
        test.terminate();
        test.finish();
    }
}

#[test]
fn no_close_code_ends_it_unless_the_policy_names_it() {
    let _alone = alone();
    let server = Server::start();
    for code in [1000, 1002, 1003, 1007, 1008, 1010, 1011] {
        let urls = [server.ws(&format!("/close?code={code}")), server.ws("/echo")];
        let test = Test::new(Mode::Dispatched, &urls, FAST);
        test.until("open", 2);
        assert_eq!(test.infos()[0].code, code);
        test.terminate();
        test.finish();
    }
    let codes = [4000u16];
    let own = RawReconnectPolicy { final_codes: codes.as_ptr(), final_code_count: 1, ..FAST };
    let urls = [server.ws("/close?code=1000"), server.ws("/close?code=4000")];
    let test = Test::new(Mode::Dispatched, &urls, own);
    test.until("free", 1);
    let end = end_of(&test);
    assert_eq!((end.end, end.code, test.count("open")), (WS_RECONNECT_END_CLOSE_CODE, 4000, 2));
}

/// It is a breach of the protocol, and no word of the server's.
#[test]
fn a_code_that_no_server_may_send_is_not_final() {
    let _alone = alone();
    let server = Server::start();
    let codes = [2500u16, 0];
    let own = RawReconnectPolicy { final_codes: codes.as_ptr(), final_code_count: 2, ..FAST };
    let test = Test::new(Mode::Dispatched, &[server.ws("/close?code=2500"), server.ws("/echo")], own);
    test.until("open", 2);
    assert_eq!((test.infos()[0].code, test.infos()[0].result), (0, WS_ERR_PROTOCOL));
    test.terminate();
    test.finish();
}

#[test]
fn the_end_of_its_socket_by_the_host_is_not_its_own() {
    let _alone = alone();
    let server = Server::start();
    // What the server answers with is final where the server says it.
    let codes = [1000u16];
    let policy = RawReconnectPolicy { final_codes: codes.as_ptr(), final_code_count: 1, ..FAST };
    for mode in [Mode::Dispatched, Mode::Inline] {
        for code in [0, -1] {
            let end: Script = Box::new(move |_, r| {
                let ws = (api().ws_reconnector_get_socket)(r);
                let ended = match code {
                    0 => (api().ws_terminate)(ws, 0, ptr::null()),
                    _ => (api().ws_abort)(ws),
                };
                assert_eq!(ended, WS_OK);
            });
            let test = Test::with(mode, &[server.ws("/echo")], policy, Options::new(), vec![("open", end)]);
            test.until("open", 2);
            assert_eq!(test.infos()[0].result, WS_OK);
            test.terminate();
            test.finish();
        }
    }
}

/// `docs/hostile.md`, line 22: attempts, their windows, their limits.
#[test]
fn delays_stay_in_their_windows_and_limits_end_it() {
    let _alone = alone();
    let server = Server::start();
    let dead = format!("ws://127.0.0.1:{}/", server.closed_port());
    let policy = RawReconnectPolicy { max_attempts: 5, ..FAST };
    let test = Test::new(Mode::Dispatched, std::slice::from_ref(&dead), policy);
    test.until("free", 1);
    let infos = test.infos();
    let attempts: Vec<u32> = infos.iter().map(|info| info.attempt).collect();
    assert_eq!((attempts, end_of(&test).end), (vec![1, 2, 3, 4, 5, 5], WS_RECONNECT_END_ATTEMPTS));
    for (info, most) in infos[..5].iter().zip([4, 8, 8, 8, 8]) {
        assert!((1..=most).contains(&info.delay_ms) && info.result == WS_ERR_CONNECTION_REFUSED, "{info:?}");
    }
    let policy = RawReconnectPolicy { max_time_ms: 1, min_delay_ms: 2, ..FAST };
    let test = Test::new(Mode::Dispatched, &[dead], policy);
    test.until("free", 1);
    assert_eq!((end_of(&test).end, test.count("attempt")), (WS_RECONNECT_END_TIME, 1));
}

#[test]
fn it_may_be_ended_and_released_in_each_callback() {
    let _alone = alone();
    let server = Server::start();
    for mode in [Mode::Dispatched, Mode::Inline] {
        for from in ["attempt 0", "open", "message", "terminate", "reconnect 1", "attempt 1"] {
            let stop: Script = Box::new(|_, r| {
                assert_eq!((api().ws_reconnector_terminate)(r, 4000, ptr::null()), WS_OK);
                assert_eq!((api().ws_reconnector_terminate)(r, 4001, ptr::null()), WS_OK);
                assert_eq!((api().ws_reconnector_terminate)(r, 999, ptr::null()), WS_ERR_INVALID_CLOSE_CODE);
                assert_eq!(send(r, "x"), "WS_ERR_CLOSED");
            });
            let url = script(&server, "text:hi,close:1012:");
            let test = Test::with(mode, &[url], FAST, Options::new(), vec![(from, stop)]);
            test.until("free", 1);
            let trace = test.trace();
            assert_eq!(end_of(&test).end, WS_RECONNECT_END_HOST, "{from}");
            assert!(
                trace.iter().filter(|line| line.starts_with("attempt")).count() <= 2,
                "{from}: {trace:?}"
            );
            let at = trace.iter().position(|line| line.starts_with(from)).unwrap();
            assert!(
                trace[at + 1..]
                    .iter()
                    .all(|line| !line.starts_with("attempt") && !line.starts_with("reconnect"))
            );
        }
    }
}

#[test]
fn its_dispatcher_ends_it() {
    let _alone = alone();
    let server = Server::start();
    for (path, until) in [("/echo", "open"), ("/close?code=1013", "reconnect")] {
        let test = Test::new(
            Mode::Dispatched,
            &[server.ws(path)],
            RawReconnectPolicy { max_delay_ms: 600_000, ..FAST },
        );
        test.until(until, 1);
        assert_eq!(test.dispatcher.close(), WS_OK);
        assert_eq!(
            (test.count("free"), end_of(&test).end),
            (1, WS_RECONNECT_END_DISPATCHER),
            "during the call"
        );
    }
    // Inside a callback of its own.
    for from in ["attempt 0", "open", "reconnect 1", "attempt 1"] {
        let close: Script = Box::new(|world, _| {
            let dispatcher = world.state.lock().unwrap().dispatcher;
            assert_eq!(dispatcher.close(), WS_OK);
        });
        let url = server.ws("/close?code=1001");
        let test = Test::with(Mode::Dispatched, &[url], FAST, Options::new(), vec![(from, close)]);
        assert_eq!((api().ws_dispatcher_run)(test.dispatcher), WS_ERR_CANCELLED);
        assert_eq!((test.count("free"), end_of(&test).end), (1, WS_RECONNECT_END_DISPATCHER), "{from}");
    }
}

#[test]
fn a_shutdown_ends_it_and_it_does_not_come_back() {
    let _alone = alone();
    let server = Server::start();
    for mode in [Mode::Dispatched, Mode::Inline, Mode::Pull] {
        for (path, until) in
            [("/echo", "open"), ("/close?code=1013", "reconnect"), ("/close?code=1001", "open")]
        {
            let policy = RawReconnectPolicy { max_delay_ms: 600_000, ..FAST };
            let test = Test::new(mode, &[server.ws(path)], policy);
            test.until(until, 1);
            assert_eq!((api().ws_shutdown)(-1), WS_OK);
            if mode == Mode::Inline {
                assert_eq!(test.count("free"), 1, "when it returns");
            }
            let opened = test.count("open");
            test.until("free", 1);
            assert_eq!((end_of(&test).end, test.count("open")), (WS_RECONNECT_END_SHUT_DOWN, opened));
        }
    }
}

/// A policy of a later version: with one field more.
#[repr(C)]
struct Later {
    known: RawReconnectPolicy,
    more: usize,
}

#[test]
fn what_can_be_judged_at_once_is_refused_at_once() {
    let _alone = alone();
    let try_new = |url: &str, policy: *const RawReconnectPolicy| {
        let world = World::new();
        let handler = RawHandler {
            user_data: Arc::as_ptr(&world).cast_mut().cast(),
            on_free: Some(free),
            ..RawHandler::INIT
        };
        let mut errors = ptr::null_mut();
        let r = (api().ws_reconnector_new)(c(url).as_ptr(), &handler, OptionsToken(0), policy, &mut errors);
        assert_eq!((r.0, world.state.lock().unwrap().freed), (0, true));
        let errors = Errors::take(errors);
        (errors.name(), errors.entries[0].2.clone())
    };
    assert_eq!(try_new("http://x/", ptr::null()).0, "WS_ERR_INVALID_URL");
    let good = "ws://127.0.0.1:1/";
    let code = 4000_u16;
    for (policy, why) in [
        (RawReconnectPolicy { size: 8, ..FAST }, "the size of the policy is none"),
        (RawReconnectPolicy { size: usize::MAX, ..FAST }, "the size of the policy is none"),
        (RawReconnectPolicy { base_delay_ms: 0, ..FAST }, "a delay of the policy is 0"),
        (RawReconnectPolicy { max_delay_ms: 0, ..FAST }, "a delay of the policy is 0"),
        (RawReconnectPolicy { min_delay_ms: 0, ..FAST }, "a delay of the policy is 0"),
        (
            RawReconnectPolicy { final_codes: &raw const code, final_code_count: 65_537, ..FAST },
            "final_code_count of the policy is above 65536",
        ),
        (
            RawReconnectPolicy { final_codes: ptr::without_provenance(1), final_code_count: 1, ..FAST },
            "final_codes is not aligned",
        ),
    ] {
        let (code, said) = try_new(good, &policy);
        assert_eq!(code, "WS_ERR_INVALID_ARGUMENT");
        assert!(said.contains(why), "{why}: {said}");
    }
    let later = Later { known: RawReconnectPolicy { size: size_of::<Later>(), ..FAST }, more: 1 };
    let (code, said) = try_new(good, &raw const later.known);
    assert_eq!(code, "WS_ERR_UNSUPPORTED");
    assert!(said.contains("the policy has fields that this version of the library does not know"), "{said}");
}

/// What it returned is used for that attempt alone, and a text that is none is a refusal.
#[test]
fn a_url_of_on_attempt_that_is_no_text_is_a_refusal_with_the_reason() {
    let _alone = alone();
    let long = c(&format!("ws://127.0.0.1/{}", "x".repeat(64 * 1024)));
    for (url, why) in [
        (long, "WS_ERR_TOO_LARGE: The URL that on_attempt returned is longer than 64 KiB"),
        (
            c"ws://127.0.0.1/\xff".to_owned(),
            "WS_ERR_INVALID_UTF8: The URL that on_attempt returned is not valid UTF-8",
        ),
    ] {
        // The attempts after it are made with the URL that it had before.
        let test = Test::giving("ws://127.0.0.1:1/", url, RawReconnectPolicy { max_attempts: 1, ..FAST });
        test.until("free", 1);
        assert_eq!(test.errors()[0], why);
    }
}

#[test]
fn each_end_says_why() {
    let _alone = alone();
    let server = Server::start();
    let urls = [
        script(&server, "close:1001:new-release"),
        script(&server, "close:4001:"),
        script(&server, "close_empty"),
        script(&server, "rst"),
        server.ws("/status?code=503"),
        server.ws("/status?code=418"),
        "http://x/".into(),
    ];
    let test = Test::new(Mode::Dispatched, &urls, FAST);
    test.until("free", 1);
    let errors = test.errors();
    let expected = [
        ("WS_ERR_CLOSED: The server of ws://", "closed with 1001 (going away): new-release"),
        ("WS_ERR_CLOSED: The server of ws://", "closed with 4001"),
        ("WS_ERR_CLOSED: The server of ws://", "closed without a code"),
        ("WS_ERR_CONNECTION_RESET: ", ""),
        ("WS_ERR_HTTP_STATUS: ", ""),
        ("WS_ERR_HTTP_STATUS: ", ""),
        ("WS_ERR_INVALID_URL: The URL \"http://x/\" is refused", ""),
    ];
    assert_eq!(errors.len(), expected.len(), "{errors:?}");
    for (error, (begins, ends)) in errors.iter().zip(expected) {
        assert!(error.starts_with(begins) && error.ends_with(ends), "{error:?} is not {begins}…{ends}");
    }
    assert_eq!(test.world.state.lock().unwrap().errors[4].http_status, 503, "the whole stack");
    // The host's own end, of a socket and of all, has none.
    let end: Script = Box::new(|_, r| {
        let ws = (api().ws_reconnector_get_socket)(r);
        assert_eq!((api().ws_terminate)(ws, 0, ptr::null()), WS_OK);
    });
    let stop: Script = Box::new(|_, r| {
        assert_eq!((api().ws_reconnector_terminate)(r, 0, ptr::null()), WS_OK);
    });
    let scripts = vec![("open", end), ("attempt 1", stop)];
    let test = Test::with(Mode::Dispatched, &[server.ws("/echo")], FAST, Options::new(), scripts);
    test.until("free", 1);
    assert_eq!(test.errors(), ["", ""]);
}

#[test]
fn the_host_decides_what_is_final() {
    let _alone = alone();
    let server = Server::start();
    let policy = RawReconnectPolicy { is_final: Some(is_final), ..FAST };
    for mode in [Mode::Dispatched, Mode::Inline, Mode::Pull] {
        // By default final, and not; a URL that is wrong; and at last a code that is final only for this host.
        let urls = [
            server.ws("/status?code=404"),
            "http://x/".into(),
            server.ws("/status?code=503"),
            script(&server, "close:4000:"),
        ];
        let answers: Script = Box::new(|world, _| {
            world.state.lock().unwrap().answers = [0, 0, 0, 1].into();
        });
        let test = Test::with(mode, &urls, policy, Options::new(), vec![("attempt 0", answers)]);
        test.until("free", 1);
        let ours: Vec<String> = test
            .trace()
            .into_iter()
            .filter(|line| ["final", "reconn", "end", "attempt"].iter().any(|word| line.starts_with(word)))
            .collect();
        assert_eq!(
            ours,
            [
                "attempt 0",
                "final? 3 0",
                "reconnect 1",
                "attempt 1",
                "final? 3 1",
                "reconnect 2",
                "attempt 2",
                "final? 0 3",
                "reconnect 3",
                "attempt 3",
                "final? 0 4",
                "end 2",
            ]
        );
        assert_eq!(end_of(&test).code, 4000);
    }
    // Not the server's close: it is a refusal.
    let answers: Script = Box::new(|world, _| world.state.lock().unwrap().answers = [1].into());
    let urls = [server.ws("/status?code=503")];
    let test = Test::with(Mode::Dispatched, &urls, policy, Options::new(), vec![("attempt 0", answers)]);
    test.until("free", 1);
    assert_eq!(end_of(&test).end, WS_RECONNECT_END_REFUSED);
}

#[test]
fn where_there_is_no_choice_the_host_is_not_asked_what_is_final() {
    let _alone = alone();
    let server = Server::start();
    let policy = RawReconnectPolicy { is_final: Some(is_final), ..FAST };
    // The host's end of its socket, and then of all.
    let end: Script = Box::new(|_, r| {
        assert_eq!((api().ws_terminate)((api().ws_reconnector_get_socket)(r), 0, ptr::null()), WS_OK);
    });
    let urls = [server.ws("/echo")];
    let test = Test::with(Mode::Dispatched, &urls, policy, Options::new(), vec![("open", end)]);
    test.until("open", 2);
    test.terminate();
    test.until("free", 1);
    assert_eq!(test.count("final"), 0);
    // A limit.
    let limited = RawReconnectPolicy { max_attempts: 1, ..policy };
    let test = Test::new(Mode::Dispatched, &[server.ws("/status?code=503")], limited);
    test.until("free", 1);
    assert_eq!((end_of(&test).end, test.count("final")), (WS_RECONNECT_END_ATTEMPTS, 1));
    // It ended the reconnector in the answer.
    let stop: Script = Box::new(|_, r| {
        assert_eq!((api().ws_reconnector_terminate)(r, 0, ptr::null()), WS_OK);
    });
    let urls = [server.ws("/status?code=503")];
    let test = Test::with(Mode::Dispatched, &urls, policy, Options::new(), vec![("final", stop)]);
    test.until("free", 1);
    assert_eq!((end_of(&test).end, test.count("reconnect")), (WS_RECONNECT_END_HOST, 0));
}

/// A program of the first edition has a smaller struct.
#[test]
fn a_policy_without_is_final_is_taken_as_before() {
    let _alone = alone();
    let server = Server::start();
    let policy = RawReconnectPolicy { size: 80, is_final: Some(is_final), ..FAST };
    let test = Test::new(Mode::Dispatched, &[server.ws("/status?code=404")], policy);
    test.until("free", 1);
    assert_eq!((end_of(&test).end, test.count("final")), (WS_RECONNECT_END_REFUSED, 0));
}
