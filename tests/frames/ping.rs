//! Pings and pongs in both directions, and floods of them. `docs/hostile.md`, line 17.

use crate::wire::{script, silent};
use ws4d_test_host::{Host, Options, name};
use ws4d_test_server::{Seen, Server};

/// The payloads of the pongs that the server has got.
fn pongs(server: &Server) -> Vec<Vec<u8>> {
    let log = server.log().into_iter();
    log.filter_map(|event| if let Seen::Pong(payload) = event.seen { Some(payload) } else { None }).collect()
}

#[test]
fn every_ping_is_answered_in_order() {
    let server = Server::start();
    let host = Host::new();
    let pings: String = (0..500).map(|i| format!("ping:{i},")).collect();
    let ws = host.open(script(&server, &format!("{pings}ping:,ping:{}", "x".repeat(125))));
    server.wait_for(|event| event.seen == Seen::Pong(vec![b'x'; 125]));
    let mut expected: Vec<Vec<u8>> = (0..500).map(|i| i.to_string().into_bytes()).collect();
    expected.extend([vec![], vec![b'x'; 125]]);
    assert_eq!(pongs(&server), expected);
    ws.terminate(1000, "");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "terminate 1000 clean", "free"], "a ping is no event");
}

/// Once the kernel takes no more, only the newest unsent pong is kept: the last ping is answered, and the
/// connection lives.
#[test]
fn a_ping_flood_while_the_server_reads_nothing_is_survived() {
    let server = Server::start();
    let host = Host::new();
    let flood = format!("ping*150000:{}", "x".repeat(125));
    let ws = host.open(script(&server, &format!("{flood},ping:last,text:after")));
    host.run_until("message text after");
    server.wait_for(|event| event.seen == Seen::Pong(b"last".to_vec()));
    assert!(pongs(&server).len() <= 150_001);
    ws.terminate(1000, "");
    host.run_until("free");
}

#[test]
fn pongs_do_not_wait_for_the_host() {
    let server = Server::start();
    let ws = silent(&script(&server, "ping:now"), &Options::new());
    server.wait_for(|event| event.seen == Seen::Pong(b"now".to_vec()));
    ws.abort();
    let host = Host::new();
    host.open(script(&server, "ping:and%20now"));
    server.wait_for(|event| event.seen == Seen::Pong(b"and now".to_vec()));
}

#[test]
fn a_pong_that_answers_no_ping_is_no_event() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "pong:,pong:x,expect,pong:wrong,text:after"));
    ws.ping("asked");
    ws.send_text("go");
    host.run_until("message text after");
    assert_eq!(host.trace(), ["open", "pong asked", "message text after"]);
}

#[test]
fn a_flood_of_unsolicited_pongs_is_no_event_and_leaves_nothing_behind() {
    let server = Server::start();
    let host = Host::new();
    host.open(script(&server, &format!("cork,pong*200000:{},uncork,text:after,close:1000:", "x".repeat(50))));
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message text after", "terminate 1000 clean", "free"]);
}

#[test]
fn each_ping_of_the_host_has_its_pong() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    for i in 0..100 {
        assert_eq!(name(ws.ping(&format!("{i}"))), "WS_OK");
    }
    host.run_until("pong 99");
    let pongs: Vec<String> = (0..100).map(|i| format!("pong {i}")).collect();
    assert_eq!(host.trace()[1..], pongs);
}

/// RFC 6455 §5.5.3: an endpoint may answer only the most recent ping.
#[test]
fn a_pong_answers_the_pings_before_it_too() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "mute,expect,pong:2,pong:1,pong:2,pong:3,text:after"));
    for i in 0..4 {
        ws.ping(&i.to_string());
    }
    ws.send_text("go");
    host.run_until("message text after");
    assert_eq!(host.trace(), ["open", "pong 2", "pong 3", "message text after"]);
}

#[test]
fn equal_pings_have_a_pong_each() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "mute,expect,pong:x,pong:x,pong:x,text:after"));
    ws.ping("x");
    ws.ping("x");
    ws.send_text("go");
    host.run_until("message text after");
    assert_eq!(host.trace(), ["open", "pong x", "pong x", "message text after"]);
}

#[test]
fn a_pong_comes_in_its_place_between_messages() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "mute,expect,cork,text:a,pong:p,text:b,uncork"));
    ws.ping("p");
    ws.send_text("go");
    host.run_until("message text b");
    assert_eq!(host.trace(), ["open", "message text a", "pong p", "message text b"]);
}

#[test]
fn a_host_that_pings_without_end_at_a_mute_server_is_told_to_stop_or_goes_on_unharmed() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(script(&server, "mute,expect,pong:0,pong:99999,text:after"));
    let accepted = (0..100_000).filter(|i| ws.ping(&i.to_string()) == 0).count();
    assert!(accepted > 0);
    while ws.send_text("go") != 0 {
        host.run_until("drain");
    }
    host.run_until("message text after");
    assert!(host.count("pong") <= 2);
}
