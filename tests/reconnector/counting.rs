//! `ws_reconnector_get_stats`, `ws_reconnector_get_connections`: over all connections.

use ws4d_test_host::codes::*;
use ws4d_test_host::{Options, RawReconnectPolicy, RawStats, Reconnector, alone, api, name};
use ws4d_test_server::Server;

use crate::support::script;
use crate::{FAST, Mode, Script, Test, send};

fn stats(r: Reconnector) -> RawStats {
    let mut stats = RawStats::INIT;
    assert_eq!(name((api().ws_reconnector_get_stats)(r, &mut stats)), "WS_OK");
    stats
}

fn connections(r: Reconnector) -> u32 {
    (api().ws_reconnector_get_connections)(r)
}

#[test]
fn counters_are_sums_and_connections_are_those_that_were_open() {
    let _alone = alone();
    let server = Server::start();
    for mode in [Mode::Dispatched, Mode::Inline, Mode::Pull] {
        let urls = [
            server.ws("/status?code=503"),
            script(&server, "text:four,close:1001:"),
            server.ws("/status?code=503"),
            script(&server, "text:sixsix,close:1012:"),
            server.ws("/echo"),
        ];
        let test = Test::new(mode, &urls, FAST);
        test.until("open", 3);
        assert_eq!(connections(test.r), 3);
        assert_eq!(test.send("hello"), "WS_OK");
        test.until("message", 3);
        let now = stats(test.r);
        assert_eq!((now.messages_received, now.bytes_received), (3, 4 + 6 + 5));
        assert_eq!((now.messages_sent, now.bytes_sent), (1, 5));
        let mut last = RawStats::INIT;
        let ws = (api().ws_reconnector_get_socket)(test.r);
        assert_eq!((api().ws_get_stats)(ws, &mut last), WS_OK);
        // Three opening handshakes, of which this socket has one.
        let (all, its) = (now.wire_bytes_sent, last.wire_bytes_sent);
        assert!(all > 2 * its, "{all} {its}");
        assert_eq!((now.connect_us, now.upgrade_us), (last.connect_us, last.upgrade_us));
        test.terminate();
        test.until("free", 1);
        // Until it is released.
        let over = stats(test.r);
        assert_eq!((over.messages_received, over.messages_sent, connections(test.r)), (3, 1, 3));
        assert_eq!((over.connect_us, over.send_buffered), (last.connect_us, 0));
        test.finish();
    }
}

#[test]
fn in_each_callback_the_connection_of_now_counts_once() {
    let _alone = alone();
    let server = Server::start();
    for (from, expected) in
        [("attempt 0", 0), ("open", 1), ("message", 1), ("terminate", 1), ("reconnect", 1), ("attempt 1", 1)]
    {
        let look: Script = Box::new(move |_, r| {
            assert_eq!(connections(r), expected, "{from}");
            let messages = stats(r).messages_received;
            assert!(messages == u64::from(expected) || from == "open", "{from}: {messages}");
        });
        let urls = [script(&server, "text:hi,close:1012:"), server.ws("/echo")];
        let test = Test::with(Mode::Dispatched, &urls, FAST, Options::new(), vec![(from, look)]);
        test.until("open", 2);
        assert_eq!(connections(test.r), 2);
        test.terminate();
        test.finish();
    }
}

#[test]
fn an_attempt_that_fails_has_no_times_once_there_was_a_connection() {
    let _alone = alone();
    let server = Server::start();
    let dead = format!("ws://127.0.0.1:{}/", server.closed_port());
    let slow = RawReconnectPolicy { queue_size: 1000, ..FAST };
    let keep: Script = Box::new(|_, r| {
        assert_eq!(send(r, "kept"), "WS_OK");
        let now = stats(r);
        assert_eq!((now.send_buffered, now.receive_buffered), (4 + 64, 0), "the queue");
        assert!(now.upgrade_us >= 0 && now.connect_us >= now.upgrade_us, "of the connection that was open");
        assert_eq!(connections(r), 1);
    });
    let never: Script = Box::new(|_, r| {
        let now = stats(r);
        assert!(now.connect_us >= 0 && now.upgrade_us == -1, "of the attempt: there is nothing else");
        assert_eq!((connections(r), now.send_buffered), (0, 0));
    });
    let urls = [dead.clone(), script(&server, "rst"), dead];
    let test = Test::with(
        Mode::Dispatched,
        &urls,
        slow,
        Options::new(),
        vec![("reconnect 1", never), ("reconnect 3", keep)],
    );
    test.until("reconnect 3", 1);
    test.terminate();
    test.finish();
}
