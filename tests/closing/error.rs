//! When `on_error` comes (`ws_handler` in the header): unless the end was the server's close frame or the host's
//! own act.

use crate::close_timeout;
use crate::wire::script;
use ws4d_test_host::{Host, Socket, check_grammar};
use ws4d_test_server::Server;

fn life(url: &str, act: fn(&Host, Socket)) -> Vec<String> {
    let host = Host::new();
    let ws = host.to(url).with(close_timeout(2000)).open_async();
    act(&host, ws);
    host.run_until("free");
    check_grammar(&host.trace());
    host.trace()
}

fn nothing(_: &Host, _: Socket) {}

#[test]
fn an_error_comes_before_the_end_of_what_failed() {
    let server = Server::start();
    let closed = format!("ws://127.0.0.1:{}/", server.closed_port());
    for (url, error) in [
        (closed, "WS_ERR_CONNECTION_REFUSED"),
        (server.ws("/status?code=503"), "WS_ERR_HTTP_STATUS"),
        (server.ws("/bad-accept"), "WS_ERR_HANDSHAKE"),
        (server.wss("/echo"), "WS_ERR_CERTIFICATE"),
        (script(&server, "drop"), "WS_ERR_CONNECTION_RESET"),
        (script(&server, "raw:c100"), "WS_ERR_PROTOCOL"),
        (script(&server, "close:999:"), "WS_ERR_PROTOCOL"),
        (script(&server, "raw:82ff"), "WS_ERR_PROTOCOL"),
        (script(&server, "raw:8101ff"), "WS_ERR_PROTOCOL"),
    ] {
        let trace = life(&url, nothing);
        let tail = [&format!("error {error}"), "terminate 1006", "free"];
        assert_eq!(trace[trace.len() - 3..], tail, "{url}");
    }
}

#[test]
fn no_error_comes_where_the_server_closed() {
    let server = Server::start();
    for (commands, end) in [
        ("close:1000:", "terminate 1000 clean"),
        ("close:1011:broken%20here", "terminate 1011 broken here clean"),
        ("close:1002:you%20broke%20it", "terminate 1002 you broke it clean"),
        ("close_empty", "terminate 1005 clean"),
        ("close:4001:bye,stall", "terminate 4001 bye clean"),
        ("close:4001:bye,drop", "terminate 4001 bye clean"),
    ] {
        assert_eq!(life(&script(&server, commands), nothing), ["open", end, "free"], "{commands}");
    }
}

#[test]
fn no_error_comes_where_the_host_ended_it() {
    let server = Server::start();
    fn terminate(host: &Host, ws: Socket) {
        host.run_until("open");
        ws.terminate(4000, "");
    }
    fn terminate_early(_: &Host, ws: Socket) {
        ws.terminate(4000, "");
    }
    fn abort(host: &Host, ws: Socket) {
        host.run_until("open");
        ws.abort();
    }
    fn close_dispatcher(host: &Host, _: Socket) {
        host.run_until("open");
        host.dispatcher().close();
    }
    assert_eq!(life(&script(&server, ""), terminate), ["open", "terminate 4000 clean", "free"]);
    assert_eq!(life(&script(&server, "stall"), terminate), ["open", "terminate 1006", "free"]);
    assert_eq!(life(&script(&server, "wait_close,rst"), terminate), ["open", "terminate 1006", "free"]);
    assert_eq!(life(&server.ws("/no-answer"), terminate_early), ["terminate 1006", "free"]);
    assert_eq!(life(&script(&server, ""), abort), ["open", "terminate 1006", "free"]);
    assert_eq!(life(&script(&server, ""), close_dispatcher), ["open", "terminate 1006", "free"]);
}

/// The host has closed, but then the server breaks the rules: that is what ended it.
#[test]
fn a_broken_protocol_during_the_close_handshake_keeps_the_grammar() {
    let server = Server::start();
    for commands in ["wait_close,raw:c100", "wait_close,text:late,raw:c100", "wait_close,close:999:"] {
        let trace = life(&script(&server, commands), |host, ws| {
            host.run_until("open");
            ws.terminate(4000, "");
        });
        assert_eq!(trace[trace.len() - 2..], ["terminate 1006", "free"], "{commands}");
    }
}

/// Whatever goes wrong from then on, the host has ended it; why the end was not clean is told by `ws_get_close_info`.
#[test]
fn no_error_comes_for_what_the_server_does_wrong_after_the_host_has_closed() {
    let server = Server::start();
    for wrong in ["raw:c100", "raw:82ff", "raw:8101ff", "close:999:", "drop", "rst"] {
        let host = Host::new();
        let ws = host.to(script(&server, &format!("wait_close,{wrong}"))).with(close_timeout(5000)).open();
        ws.terminate(4000, "");
        host.run_until("free");
        assert_eq!(host.trace(), ["open", "terminate 1006", "free"], "{wrong}");
    }
}
