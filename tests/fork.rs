//! A forked child inherits the library's memory, but neither its threads nor its sockets.

mod support;
#[path = "wire/mod.rs"]
mod wire;

use std::ptr;

use support::script;
use wire::Relay;
use ws4d_test_host::codes::*;
use ws4d_test_host::{Errors, Host, Options, OptionsToken, RawHandler, Socket, alone, api, c};
use ws4d_test_server::{Seen, Server};

/// Runs `child` in a forked process, where it must neither panic nor return what it inherited, and gives the number with
/// which it has ended; 0 is what it should be. A child that hangs is ended by its alarm.
fn in_a_child(child: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child runs `child` only, and ends.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        // SAFETY: takes no pointers.
        unsafe { libc::alarm(30) };
        let code = child();
        // SAFETY: does not return.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: `status` lives through the call.
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -libc::WTERMSIG(status) }
}

/// The number of the first check that fails, counted from 1; 0 if none does.
fn first_failure(checks: &[bool]) -> i32 {
    checks.iter().position(|check| !check).map_or(0, |at| at as i32 + 1)
}

/// Opens a socket in this process, sends a text, and waits for its echo. 0, or what failed.
fn echo(url: &std::ffi::CStr) -> i32 {
    let api = api();
    let d = (api.ws_dispatcher_new)();
    let handler = RawHandler { dispatcher: d, ..RawHandler::INIT };
    let ws = (api.ws_new)(url.as_ptr(), &handler, OptionsToken(0), ptr::null_mut());
    if ws == Socket::NULL {
        return 101;
    }
    if ws.send_text("from here") != WS_OK {
        return 102;
    }
    match d.next(20_000) {
        Ok(Some((from, event))) if from == ws && event.event().text() == "from here" => {}
        _ => return 103,
    }
    first_failure(&[d.close() == WS_OK, ws.release() == WS_OK, !ws.is_valid()])
}

#[test]
fn inherited_handles_are_refused_in_the_child() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::new();
    let (d, options) = (host.dispatcher(), Options::new());
    let ws = host.open(script(&server, "text:a,expect,text:b"));
    let code = in_a_child(|| {
        let api = api();
        let mut handler = RawHandler::INIT;
        first_failure(&[
            ws.send_text("x") == WS_ERR_FORKED,
            ws.send_blob(b"x") == WS_ERR_FORKED,
            ws.send_object("1") == WS_ERR_FORKED,
            ws.ping("x") == WS_ERR_FORKED,
            ws.cork() == WS_ERR_FORKED,
            ws.uncork() == WS_ERR_FORKED,
            ws.pause() == WS_ERR_FORKED,
            ws.resume() == WS_ERR_FORKED,
            (api.ws_terminate)(ws, 1000, ptr::null()) == WS_ERR_FORKED,
            ws.abort() == WS_ERR_FORKED,
            ws.release() == WS_ERR_FORKED,
            (api.ws_get_handler)(ws, &mut handler) == WS_ERR_FORKED,
            d.dispatch(0) == WS_ERR_FORKED,
            d.wait(-1) == WS_ERR_FORKED,
            d.run() == WS_ERR_FORKED,
            matches!(d.next(0), Err(WS_ERR_FORKED)),
            d.stop() == WS_ERR_FORKED,
            d.attach() == WS_ERR_FORKED,
            d.close() == WS_ERR_FORKED,
            (api.ws_options_set_verify)(options.0, 1) == WS_ERR_FORKED,
            (api.ws_options_free)(options.0) == WS_ERR_FORKED,
        ])
    });
    assert_eq!(code, 0, "the number of the check that failed");
    ws.send_text("the parent goes on");
    host.run_until("message text b");
}

#[test]
fn readers_give_the_neutral_answer_in_the_child() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::new();
    let d = host.dispatcher();
    let ws = host.open(server.ws("/echo"));
    let code = in_a_child(|| {
        let api = api();
        first_failure(&[
            ws.status() == WS_STATUS_CLOSED,
            (api.ws_get_id)(ws) == 0,
            (api.ws_get_url)(ws).is_null(),
            (api.ws_get_data_type)(ws) == WS_DATA_TYPE_TEXT,
            ws.user_data().is_null(),
            (api.ws_get_subprotocol)(ws).is_null(),
            (api.ws_get_response_status)(ws) == 0,
            (api.ws_get_response_header)(ws, c"Upgrade".as_ptr(), 0).is_null(),
            (api.ws_get_peer_address)(ws).is_null(),
            ws.buffered_amount() == 0,
            d.fd() == -1,
        ])
    });
    assert_eq!(code, 0, "the number of the check that failed");
    assert_eq!(ws.status(), WS_STATUS_CONNECTED);
}

#[test]
fn inherited_options_and_dispatchers_open_no_socket_in_the_child() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::new();
    let (d, options) = (host.dispatcher(), Options::new());
    let url = c(&server.ws("/echo"));
    let code = in_a_child(|| {
        let api = api();
        let failed_with = |handler: &RawHandler, options| {
            let mut errors = ptr::null_mut();
            let ws = (api.ws_new)(url.as_ptr(), handler, options, &mut errors);
            let errors = Errors::take(errors);
            let said =
                errors.entries[0].2.contains("is a handle that belongs to the parent of this forked process");
            (ws == Socket::NULL && said).then_some(errors.code())
        };
        let inherited = RawHandler { dispatcher: d, ..RawHandler::INIT };
        first_failure(&[
            failed_with(&inherited, OptionsToken(0)) == Some(WS_ERR_FORKED),
            failed_with(&RawHandler::INIT, options.0) == Some(WS_ERR_FORKED),
        ])
    });
    assert_eq!(code, 0, "the number of the check that failed");
}

#[test]
fn a_new_socket_works_in_the_child_and_the_parents_goes_on() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    let url = c(&server.ws("/echo"));
    for round in 0..3 {
        assert_eq!(in_a_child(|| echo(&url)), 0);
        assert_eq!(ws.send_text(&round.to_string()), WS_OK);
        host.run_until(&format!("message text {round}"));
    }
    let first = |event: &ws4d_test_server::Event| event.connection == 1;
    let ended = |seen: &Seen| matches!(seen, Seen::Close(..) | Seen::Eof | Seen::Reset | Seen::Violation(_));
    assert!(!server.log().iter().any(|event| first(event) && ended(&event.seen)), "the child closed nothing");
}

#[test]
fn a_grandchild_is_as_free_as_its_parent() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    let url = c(&server.ws("/echo"));
    let code = in_a_child(|| {
        let own = (api().ws_dispatcher_new)();
        let failed = in_a_child(|| {
            let strangers = [ws.abort() == WS_ERR_FORKED, own.dispatch(0) == WS_ERR_FORKED];
            first_failure(&strangers) + echo(&url)
        });
        if own.dispatch(0) == 0 { failed } else { 110 }
    });
    assert_eq!(code, 0);
}

#[test]
fn a_child_forked_inside_a_callback_may_exit() {
    let _alone = alone();
    let server = Server::start();
    for host in [Host::new(), Host::inline()] {
        host.on("message", |call| {
            let (ws, d) = (call.ws, call.host.dispatcher());
            let refused = || first_failure(&[ws.send_text("x") == WS_ERR_FORKED, d.stop() < 0]);
            assert_eq!(in_a_child(refused), 0);
        });
        host.open(script(&server, "text:fork,close:1000"));
        host.run_until("free");
        assert_eq!(host.trace(), ["open", "message text fork", "terminate 1000 clean", "free"]);
    }
}

#[test]
fn a_fork_amid_traffic_leaves_no_lock_behind() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::inline();
    let ws = host.open(server.ws("/flood?n=100000000&size=32&log=0"));
    let url = c(&server.ws("/echo"));
    for _ in 0..20 {
        let code = in_a_child(|| match first_failure(&[ws.send_text("x") == WS_ERR_FORKED]) {
            0 => echo(&url),
            failed => failed,
        });
        assert_eq!(code, 0);
    }
    assert_eq!(ws.abort(), WS_OK);
}

#[test]
fn the_child_may_shut_down_and_free_what_it_inherited() {
    let _alone = alone();
    let server = Server::start();
    let host = Host::pulling();
    let ws = host.open(script(&server, "text:a,expect,close:4000"));
    let (_, message) = host.pull(20_000).expect("the message");
    let url = c(&server.ws("/echo"));
    let code = in_a_child(|| {
        let kept = message.event().text() == "a";
        (api().ws_event_free)(message.0);
        let checks =
            [kept, (api().ws_shutdown)(-1) == WS_OK, echo(&url) == 0, (api().ws_shutdown)(-1) == WS_OK];
        first_failure(&checks)
    });
    assert_eq!(code, 0, "the number of the check that failed");
    ws.send_text("go on");
    let (_, terminated) = host.pull(20_000).expect("the end");
    let code = in_a_child(|| {
        (api().ws_event_free)(terminated.0);
        0
    });
    assert_eq!(code, 0);
    assert_eq!((host.dispatch(), host.count("free")), (0, 0), "the parent's event lives");
    drop(terminated);
    assert_eq!((host.dispatch(), host.count("free")), (0, 1));
}

/// `docs/hostile.md`, line 24: the generator of mask keys is inherited as it stands; what it says next must not
/// be the same twice.
#[test]
fn the_child_masks_with_other_keys_than_its_parent() {
    let _alone = alone();
    let server = Server::start();
    let (parents, childs) = (Relay::opened(server.ws_port()), Relay::opened(server.ws_port()));
    let host = Host::new();
    let ws = host.open(parents.ws("/echo"));
    // This thread has its generator now: the sender masks.
    assert_eq!(ws.send_text("before"), WS_OK);
    let url = c(&childs.ws("/echo"));
    assert_eq!(in_a_child(|| echo(&url)), 0);
    assert_eq!(ws.send_text("after"), WS_OK);
    host.run_until("message text after");
    let key = |relay: &Relay, text: &str| {
        let frames = relay.frames();
        frames.iter().find(|frame| frame.payload == text.as_bytes()).expect("it arrived").key
    };
    assert_ne!(key(&childs, "from here"), key(&parents, "after"));
}

/// What a callback that has forked was inside of is the parent's: the child's thread is the host's own.
#[test]
fn a_child_forked_inside_a_callback_on_an_io_thread_can_use_the_library() {
    let _alone = alone();
    let server = Server::start();
    let url = c(&server.ws("/echo"));
    let (told, heard) = std::sync::mpsc::channel();
    let host = Host::inline();
    host.on("message", move |_| {
        let code = in_a_child(|| {
            let inline = (api().ws_new)(url.as_ptr(), &RawHandler::INIT, OptionsToken(0), ptr::null_mut());
            let sent = inline.send_text("with no dispatcher");
            match (inline != Socket::NULL && sent == WS_OK, echo(&url)) {
                (false, _) => 104,
                (true, 0) => -(api().ws_shutdown)(10_000),
                (true, failed) => failed,
            }
        });
        told.send(code).unwrap();
    });
    let ws = host.open(script(&server, "text:fork,expect,text:b"));
    assert_eq!(heard.recv().unwrap(), 0, "the number of the check that failed");
    ws.send_text("the parent goes on");
    server.wait_for(|event| event.seen == Seen::Text("the parent goes on".into()));
}
