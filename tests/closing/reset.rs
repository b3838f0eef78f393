//! A reset, or an end without a close frame, in every state of a connection. `docs/hostile.md`, line 20.

use crate::wire::{Relay, at_gate, close_seen, script};
use ws4d_test_host::{Host, check_grammar, name};
use ws4d_test_server::Server;

#[test]
fn an_open_connection_that_ends_without_a_close_frame_is_an_error() {
    for end in ["drop", "fin"] {
        let server = Server::start();
        let host = Host::new();
        let ws = host.open(script(&server, &format!("text:last,{end}")));
        host.run_until("free");
        let lost = ["open", "message text last", "error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"];
        assert_eq!(host.trace(), lost);
        assert_eq!(name(ws.send_text("x")), "WS_ERR_CLOSED");
    }
}

#[test]
fn an_open_connection_that_is_reset_is_an_error() {
    let server = Server::start();
    let host = Host::new();
    host.once("error", |call| {
        let errors = call.event.errors();
        assert_eq!(errors.os_code, libc::ECONNRESET);
        assert!(errors.entries[0].2.contains("127.0.0.1"), "{errors:?}");
    });
    host.open(script(&server, "gate:go,rst"));
    server.open_gate("go");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"]);
}

#[test]
fn a_reset_in_the_middle_of_a_message_is_an_error_and_no_message() {
    for partial in ["raw:81", "raw:8105", "raw:81056865", "raw:01026865", "raw:0102686500", "raw:827f0000"] {
        for end in ["drop", "rst"] {
            let server = Server::start();
            let host = Host::new();
            host.open(script(&server, &format!("{partial},{end}")));
            host.run_until("free");
            let lost = ["open", "error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"];
            assert_eq!(host.trace(), lost, "{partial} {end}");
        }
    }
}

#[test]
fn a_reset_while_much_is_queued_is_an_error() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "gate:go,rst"));
    at_gate(&server, "go");
    while name(ws.send_blob(&[7; 1 << 20])) == "WS_OK" {}
    server.open_gate("go");
    host.run_until("free");
    assert_eq!(
        host.trace(),
        ["open", "error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"],
        "and no drain"
    );
    assert_eq!(ws.buffered_amount(), 0);
}

/// The end was the host's own act, whatever the server made of it.
#[test]
fn a_reset_after_the_hosts_close_frame_is_1006_and_no_error() {
    for end in ["rst", "drop", "fin"] {
        let server = Server::start();
        let host = Host::new();
        let ws = host.open(script(&server, &format!("wait_close,{end}")));
        ws.terminate(4000, "");
        host.run_until("free");
        assert_eq!(host.trace(), ["open", "terminate 1006", "free"], "{end}");
    }
}

#[test]
fn a_reset_after_both_close_frames_is_clean() {
    for commands in ["close:4001:bye,wait_close,rst", "wait_close,close:4001:bye,gate:told,rst"] {
        let server = Server::start();
        let host = Host::new();
        let ws = host.open(script(&server, commands));
        if commands.starts_with("wait") {
            ws.terminate(4000, "");
            at_gate(&server, "told");
            server.open_gate("told");
            host.run_until("free");
            // The reset may overtake the close frame that lies before it.
            let end = host.trace()[1].clone();
            assert!(end == "terminate 4001 bye clean" || end == "terminate 1006", "{end}");
            assert_eq!(host.count("error"), 0);
        } else {
            close_seen(&server);
            host.run_until("free");
            assert_eq!(host.trace(), ["open", "terminate 4001 bye clean", "free"]);
        }
    }
}

/// Right behind each other, so that the reset may come at any point of the close handshake.
#[test]
fn a_reset_at_any_moment_keeps_the_grammar() {
    let server = Server::start();
    for round in 0..20 {
        for commands in
            ["rst", "text:a,rst", "close:4001:bye,rst", "cork,text:a,close:4001:,uncork,rst", "ping*50:x,rst"]
        {
            let host = Host::new();
            let ws = host.open_async(script(&server, commands));
            if round % 2 == 1 {
                ws.send_text("x");
                ws.terminate(4000, "");
            }
            host.run_until("free");
            check_grammar(&host.trace());
        }
    }
}

#[test]
fn connections_killed_from_outside_are_each_an_error() {
    let server = Server::start();
    let host = Host::new();
    for i in 0..50 {
        host.to(server.ws("/echo")).named(&format!("s{i}")).open();
    }
    server.kill_connections();
    for i in 0..50 {
        host.run_until(&format!("s{i} free"));
        let lost = ["open", "error WS_ERR_CONNECTION_RESET", "terminate 1006", "free"];
        assert_eq!(host.trace_of(&format!("s{i}")), lost);
    }
}

#[test]
fn a_reset_through_a_relay_that_is_still_closed_is_a_failure_to_connect() {
    let server = Server::start();
    let relay = Relay::closed(server.ws_port());
    let host = Host::new();
    host.open_async(relay.ws("/reset"));
    relay.open();
    host.run_until("free");
    let trace = host.trace();
    assert!(trace[0] == "error WS_ERR_CONNECTION_RESET" || trace[0] == "error WS_ERR_HANDSHAKE", "{trace:?}");
    assert_eq!(trace[1..], ["terminate 1006", "free"]);
}
