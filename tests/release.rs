//! A token lives until it was released and its socket is over, whichever is later.

mod support;

use std::ptr;

use support::{arrived, script};
use ws4d_test_host::codes::*;
use ws4d_test_host::{Host, Options, RawHandler, Socket, api, c, text};
use ws4d_test_server::Server;

/// What every operation says of a token that is none, and what every reader.
fn check_stale(ws: Socket) {
    let api = api();
    let mut handler = RawHandler::INIT;
    let operations = [
        ws.send_text("x"),
        ws.send_blob(b"x"),
        ws.send_object("{}"),
        (api.ws_send_text_utf16)(ws, [65u16].as_ptr(), 1),
        (api.ws_send)(ws, WS_DATA_TYPE_BLOB, ptr::null(), 0, 0),
        ws.ping("x"),
        ws.cork(),
        ws.uncork(),
        ws.pause(),
        ws.resume(),
        ws.terminate(1000, "x"),
        ws.abort(),
        ws.release(),
        (api.ws_get_handler)(ws, &mut handler),
    ];
    assert_eq!(operations, [WS_ERR_INVALID_HANDLE; 14], "{ws:?}");
    assert_eq!(ws.status(), WS_STATUS_CLOSED);
    let numbers = [(api.ws_get_id)(ws), (api.ws_get_response_status)(ws), (api.ws_get_data_type)(ws)];
    assert_eq!((numbers, ws.buffered_amount()), ([0; 3], 0));
    assert!((api.ws_get_url)(ws).is_null() && (api.ws_get_subprotocol)(ws).is_null());
    assert!((api.ws_get_peer_address)(ws).is_null() && ws.user_data().is_null());
    assert!((api.ws_get_response_header)(ws, c("Upgrade").as_ptr(), 0).is_null());
}

#[test]
fn releasing_an_open_socket_does_not_close_it() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    assert_eq!(ws.release(), WS_OK);
    assert_eq!((ws.status(), ws.send_text("still here")), (WS_STATUS_CONNECTED, WS_OK));
    host.run_until("message text still here");
    assert_eq!(ws.terminate(1000, ""), WS_OK);
    host.run_until("free");
    assert_eq!(host.trace()[2..], ["terminate 1000 clean", "free"]);
    check_stale(ws);
}

#[test]
fn released_before_it_is_over_the_token_lives_until_on_terminate_has_returned() {
    let server = Server::start();
    let host = Host::new();
    host.on("terminate", |call| {
        assert!(call.ws.is_valid());
        assert_eq!(call.ws.release(), WS_ERR_INVALID_HANDLE, "it was released before");
    });
    host.on("free", |call| check_stale(call.ws));
    let ws = host.open(script(&server, "text:a,close:1000"));
    assert_eq!(ws.release(), WS_OK);
    host.run_until("free");
    check_stale(ws);
}

#[test]
fn over_before_it_is_released_the_token_lives_until_then() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "close:1000"));
    host.on("free", |call| assert!(call.ws.is_valid()));
    host.run_until("free");
    let url = (api().ws_get_url)(ws);
    assert!(text(url).unwrap().starts_with("ws://127.0.0.1"));
    assert_eq!((ws.status(), (api().ws_get_response_status)(ws)), (WS_STATUS_CLOSED, 101));
    drop(host);
    assert_eq!((api().ws_get_url)(ws), url, "its texts live as long");
    assert_eq!(ws.release(), WS_OK);
    check_stale(ws);
}

#[test]
fn a_second_release_is_refused_and_changes_nothing() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    assert_eq!([ws.release(), ws.release(), ws.release()][1..], [WS_ERR_INVALID_HANDLE; 2]);
    assert_eq!(ws.send_text("a"), WS_OK);
    host.run_until("message text a");
    ws.abort();
    host.run_until("free");
    check_stale(ws);
}

#[test]
fn every_callback_may_release() {
    let server = Server::start();
    for at in ["open", "message", "pong", "error", "terminate", "free"] {
        let host = Host::new();
        host.once(at, |call| assert_eq!(call.ws.release(), WS_OK));
        let ws = host.open(script(&server, "expect,text:a,rst"));
        assert_eq!((ws.ping("x"), ws.send_text("go")), (WS_OK, WS_OK));
        host.run_until("free");
        let whole =
            ["open", "pong x", "message text a", "error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"];
        assert_eq!(host.trace(), whole, "{at}");
        check_stale(ws);
    }
}

#[test]
fn a_socket_released_while_it_connects_tells_how_that_ends() {
    let server = Server::start();
    let host = Host::new();
    let refused = format!("ws://127.0.0.1:{}/", server.closed_port());
    let (a, b) =
        (host.to(refused).named("a").open_async(), host.to(server.ws("/echo")).named("b").open_async());
    assert_eq!((a.release(), b.release()), (WS_OK, WS_OK));
    host.run_until("a free");
    host.run_until("b open");
    assert_eq!(host.trace_of("a"), ["error WS_ERR_CONNECTION_REFUSED", "terminate 1006", "free"]);
    check_stale(a);
    assert_eq!(b.send_text("x"), WS_OK);
    host.run_until("b message text x");
}

#[test]
fn a_socket_that_is_over_for_the_network_lives_until_the_host_has_heard() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "text:a,ping:sync"));
    arrived(&server, "sync");
    assert_eq!((ws.abort(), ws.release()), (WS_OK, WS_OK));
    assert!(ws.is_valid() && !ws.user_data().is_null(), "on_terminate waits in the dispatcher");
    host.run_until("free");
    check_stale(ws);
}

#[test]
fn a_stale_token_never_becomes_another_socket() {
    let server = Server::start();
    let host = Host::new();
    let mut tokens = Vec::new();
    for i in 0..30 {
        let ws = host.to(server.ws("/echo")).named(&i.to_string()).open();
        assert!(!tokens.contains(&ws) && ws.0 < 1 << 47);
        tokens.push(ws);
        assert_eq!((ws.abort(), ws.release()), (WS_OK, WS_OK));
        host.run_until(&format!("{i} free"));
        tokens.iter().for_each(|stale| assert!(!stale.is_valid()));
    }
    let last = host.to(server.ws("/echo")).named("last").open();
    tokens.into_iter().for_each(check_stale);
    assert!(last.is_valid());
}

#[test]
fn null_and_tokens_of_other_types_are_stale() {
    let host = Host::new();
    let options = Options::new();
    for token in [0, host.dispatcher().0, options.0.0, 1, 0x7fff_ffff_ffff, usize::MAX] {
        check_stale(Socket(token));
    }
}

#[test]
fn ids_are_positive_and_never_used_again() {
    let server = Server::start();
    let host = Host::new();
    let mut ids = Vec::new();
    for i in 0..10 {
        let ws = host.to(server.ws("/echo")).named(&i.to_string()).open();
        let id = (api().ws_get_id)(ws);
        assert!(id > 0 && !ids.contains(&id));
        ids.push(id);
        assert_eq!((ws.abort(), ws.release()), (WS_OK, WS_OK));
        host.run_until(&format!("{i} free"));
    }
}
