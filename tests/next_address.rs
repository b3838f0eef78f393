//! A name with several addresses, of which the first connects and is no good: the next one has its turn, as long as nobody
//! has given a verdict. `docs/hostile.md`, line 22.

mod wire;

use socket2::SockRef;
use std::time::Duration;
use wire::{RawPeer, RawServer, Refusal, refused, silent};
use ws4d_test_host::{Options, api, c, text};

/// What an address does with a connection.
#[derive(Clone, Copy)]
enum Conduct {
    Upgrades,
    /// Reads the request, and ends.
    Ends,
    Resets,
    IsSilent,
    /// Answers so, with these header lines.
    Answers(&'static str, &'static str),
}
use Conduct::{Answers, Ends, IsSilent, Resets, Upgrades};

fn serve(conduct: Conduct) -> impl Fn(&mut RawPeer) + Send + Sync {
    move |peer| {
        let head = peer.head();
        match conduct {
            Upgrades => {
                peer.accept(&head, "");
                peer.wait_for_the_end();
            }
            Ends => {}
            Resets => SockRef::from(&peer.stream).set_linger(Some(Duration::ZERO)).expect("a socket"),
            IsSilent => peer.wait_for_the_end(),
            Answers(status, lines) => peer.answer(status, lines),
        }
    }
}

/// Servers on one port of several addresses, and options that give all of them to `many.test`, in this order.
fn servers(conducts: &[(&str, Conduct)]) -> (Vec<RawServer>, Options) {
    let servers: Vec<RawServer> = loop {
        let mut port = 0;
        let all: Result<Vec<_>, _> = conducts
            .iter()
            .map(|(address, conduct)| {
                let server = RawServer::try_at(address, port, serve(*conduct))?;
                port = server.port();
                Ok::<_, std::io::Error>(server)
            })
            .collect();
        if let Ok(all) = all {
            break all;
        }
    };
    let port = servers[0].port();
    let options = conducts.iter().fold(Options::new(), |options, (address, _)| {
        options
            .set(|api, o| (api.ws_options_set_resolve)(o, c"many.test".as_ptr(), port, c(address).as_ptr()))
    });
    (servers, options)
}

fn url(servers: &[RawServer]) -> String {
    format!("ws://many.test:{}/", servers[0].port())
}

fn connections(servers: &[RawServer]) -> Vec<usize> {
    servers.iter().map(RawServer::connections).collect()
}

fn details(refusal: &Refusal) -> String {
    refusal.errors.entries[1..].iter().map(|entry| format!("{}\n", entry.2)).collect()
}

#[test]
fn an_address_that_breaks_off_or_says_that_it_reaches_nobody_gives_way_to_the_next() {
    for dead in [
        Ends,
        Resets,
        Answers("502 Bad Gateway", ""),
        Answers("503 Busy", ""),
        Answers("504 Timeout", ""),
        IsSilent,
    ] {
        for (first, second) in [("::1", "127.0.0.1"), ("127.0.0.1", "::1")] {
            let (servers, options) = servers(&[(first, dead), (second, Upgrades)]);
            // A share of two seconds.
            let options = options.set(|api, o| (api.ws_options_set_connect_timeout_ms)(o, 20_000));
            let options = match dead {
                IsSilent => options.set(|api, o| (api.ws_options_set_connect_timeout_ms)(o, 4000)),
                _ => options,
            };
            let ws = silent(&url(&servers), &options);
            let peer = text((api().ws_get_peer_address)(ws)).expect("a peer");
            assert!(peer.contains(second), "{peer}");
            assert_eq!(connections(&servers), [1, 1]);
            ws.abort();
        }
    }
}

#[test]
fn a_verdict_is_one_and_no_other_address_is_asked() {
    for (status, lines) in [
        ("401 No", ""),
        ("404 No", ""),
        ("500 Broken", ""),
        ("503 Busy", "Retry-After: 7\r\n"),
        ("101 Switching Protocols", ""),
    ] {
        let (servers, options) = servers(&[("::1", Answers(status, lines)), ("127.0.0.1", Upgrades)]);
        let refusal = refused(&url(&servers), &options);
        let code = if status.starts_with("101") { "WS_ERR_HANDSHAKE" } else { "WS_ERR_HTTP_STATUS" };
        refusal.assert(code, "many.test");
        assert_eq!(connections(&servers), [1, 0], "{status}");
    }
}

#[test]
fn where_none_is_any_good_the_last_answer_is_told_and_each_address_has_a_line() {
    let (servers, options) =
        servers(&[("127.0.0.1", Answers("503 Busy", "X-Who: one\r\n")), ("127.0.0.2", Ends)]);
    let refusal = refused(&url(&servers), &options);
    refusal.assert("WS_ERR_HTTP_STATUS", "503");
    assert_eq!(refusal.header("X-Who", 0).as_deref(), Some("one"));
    let lines = details(&refusal);
    for address in ["127.0.0.1", "127.0.0.2"] {
        assert!(lines.contains(&format!("{address}:{}: The server of", servers[0].port())), "{lines}");
    }
    drop(servers);

    let (servers, options) = servers_that_end(2);
    refused(&url(&servers), &options).assert("WS_ERR_CONNECTION_RESET", "ended the connection");
}

#[test]
fn an_address_that_was_silent_has_a_line_that_says_why_it_was_given_up() {
    let (servers, options) = servers(&[("127.0.0.1", IsSilent), ("127.0.0.2", Ends)]);
    // A share of two seconds.
    let options = options.set(|api, o| (api.ws_options_set_connect_timeout_ms)(o, 4000));
    let refusal = refused(&url(&servers), &options);
    refusal.assert("WS_ERR_CONNECTION_RESET", "ended the connection");
    let port = servers[0].port();
    let line = format!(
        "127.0.0.1:{port}: Connecting to {} was given up while waiting for the answer",
        url(&servers)
    );
    assert!(details(&refusal).contains(&line), "{}", details(&refusal));
}

fn servers_that_end(count: usize) -> (Vec<RawServer>, Options) {
    let all = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"];
    servers(&all.map(|address| (address, Ends))[..count])
}

#[test]
fn at_most_three_are_tried_beyond_tcp() {
    let (servers, options) = servers_that_end(5);
    let refusal = refused(&url(&servers), &options);
    refusal.assert("WS_ERR_CONNECTION_RESET", "ended the connection");
    assert_eq!(connections(&servers).iter().sum::<usize>(), 3);
    assert!(details(&refusal).contains("2 more addresses were not tried"), "{:?}", refusal.errors);
}

/// One address that never answers has all of the time, and its error is the one of a timeout as ever.
#[test]
fn the_last_address_has_all_the_time_there_is() {
    let (servers, options) = servers(&[("127.0.0.1", IsSilent)]);
    let options = options.set(|api, o| (api.ws_options_set_connect_timeout_ms)(o, 2500));
    let refusal = refused(&url(&servers), &options);
    refusal.assert("WS_ERR_TIMEOUT", "2500 ms and was given up while waiting for the answer");
    assert_eq!(connections(&servers), [1]);
}
