//! The way to the server: several addresses, which one wins, and what an error says about each. The times are tried
//! under a paused clock in `client/src/connect/happy_eyeballs`, the name lookups in `tests/c/dns.c`.
//! `docs/hostile.md`, line 22.

mod wire;

use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};
use wire::{Refusal, black_hole, refused, request, silent};
use ws4d_test_host::{Options, api, c, text};
use ws4d_test_server::{Config, Seen, Server};

fn resolve(options: Options, host: &str, port: u16, addresses: &[&str]) -> Options {
    addresses.iter().fold(options, |options, address| {
        options.set(|api, o| (api.ws_options_set_resolve)(o, c(host).as_ptr(), port, c(address).as_ptr()))
    })
}

/// What the system's number means, which each system has its own of.
fn kind(refusal: &Refusal) -> io::ErrorKind {
    io::Error::from_raw_os_error(refusal.errors.os_code).kind()
}

/// A port of that address where nobody listens, and nobody else can while the socket lives; 0: a free one.
fn refusing(address: &str, port: u16) -> io::Result<(u16, Socket)> {
    let at = SocketAddr::new(address.parse().expect("an address"), port);
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, None)?;
    if at.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&at.into())?;
    let port = socket.local_addr()?.as_socket().expect("an address").port();
    Ok((port, socket))
}

/// One port at several addresses: that it is free at one says nothing of the others, so it tries until it is.
fn until_free<T>(mut take: impl FnMut() -> io::Result<T>) -> T {
    loop {
        match take() {
            Ok(taken) => return taken,
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{error}"),
        }
    }
}

fn within(ms: u32) -> Options {
    Options::new().set(|api, o| (api.ws_options_set_connect_timeout_ms)(o, ms))
}

/// `docs/hostile.md`, line 22: black-holed IPv6. The connection is made over IPv4, and the attempt that lost is
/// gone by then.
#[test]
fn a_dead_ipv6_beside_a_live_ipv4_costs_a_moment_and_not_the_connection() {
    let (server, _dead) = until_free(|| {
        let dead = black_hole("::1", 0);
        let config = Config { ws_port: dead.port, ..Config::default() };
        Ok((Server::start_with(config)?, dead))
    });
    let port = server.ws_port();
    let options = resolve(within(20_000), "both.test", port, &["::1", "127.0.0.1"]);
    let ws = silent(&format!("ws://both.test:{port}/echo"), &options);
    let peer = text((api().ws_get_peer_address)(ws));
    assert_eq!(peer, Some(format!("127.0.0.1:{port}")));
    let attempts = std::fs::read_to_string("/proc/self/net/tcp6").expect("what is open over IPv6");
    // The third column is the peer's address and port, the fourth the state: 02 is SYN_SENT.
    let going_on = attempts.lines().filter(|line| line.contains(&format!(":{port:04X} 02 "))).count();
    assert_eq!(going_on, 0, "the loser was cancelled: {attempts}");
    ws.abort();
}

#[test]
fn an_address_that_refuses_gives_way_to_the_next() {
    let (server, _refusing) = until_free(|| {
        let server = Server::start();
        let refusing = (refusing("::1", server.ws_port())?, refusing("127.0.0.3", server.ws_port())?);
        Ok((server, refusing))
    });
    let port = server.ws_port();
    let options = resolve(within(20_000), "both.test", port, &["::1", "127.0.0.3", "127.0.0.1"]);
    let ws = silent(&format!("ws://both.test:{port}/echo"), &options);
    assert_eq!(text((api().ws_get_peer_address)(ws)), Some(format!("127.0.0.1:{port}")));
    ws.abort();
}

#[test]
fn when_none_answers_the_error_lists_each_address_with_its_cause_in_the_order_tried() {
    let addresses = ["127.0.0.1", "127.0.0.2", "::1"];
    let (port, _refusing) = until_free(|| {
        let (port, first) = refusing(addresses[0], 0)?;
        Ok((port, (first, refusing(addresses[1], port)?, refusing(addresses[2], port)?)))
    });
    let options = resolve(Options::new(), "many.test", port, &addresses);
    let refusal = refused(&format!("ws://many.test:{port}/"), &options);
    refusal.assert("WS_ERR_CONNECTION_REFUSED", &format!("many.test:{port}"));
    assert_eq!(kind(&refusal), io::ErrorKind::ConnectionRefused);
    let details: Vec<&str> = refusal.errors.entries[1..].iter().map(|entry| entry.2.as_str()).collect();
    assert_eq!(details.len(), 3, "{details:?}");
    for (detail, address) in details.iter().zip([
        format!("127.0.0.1:{port}"),
        format!("[::1]:{port}"),
        format!("127.0.0.2:{port}"),
    ]) {
        assert!(detail.starts_with(&address) && detail.contains("refused"), "{details:?}");
    }
}

#[test]
fn a_timeout_tells_which_addresses_gave_no_answer_and_which_one_refused() {
    let (dead, _refusing) = until_free(|| {
        let dead = black_hole("127.0.0.1", 0);
        let refusing = refusing("::1", dead.port)?;
        Ok((dead, refusing))
    });
    let port = dead.port;
    let options = resolve(within(2000), "many.test", port, &["127.0.0.1", "::1"]);
    let refusal = refused(&format!("ws://many.test:{port}/"), &options);
    refusal.assert("WS_ERR_TIMEOUT", "TCP");
    let details: Vec<&str> = refusal.errors.entries[1..].iter().map(|entry| entry.2.as_str()).collect();
    assert!(details[0].starts_with(&format!("127.0.0.1:{port}: it has not answered")), "{details:?}");
    assert!(
        details[1].starts_with(&format!("[::1]:{port}: ")) && details[1].contains("refused"),
        "{details:?}"
    );
}

/// `docs/hostile.md`, line 22: a thousand addresses, here of the host's own making; tests/c/dns.c has those of a
/// lookup.
#[test]
fn of_a_thousand_addresses_thirty_two_are_tried_and_the_error_says_so() {
    let port = Server::start().closed_port();
    let addresses: Vec<String> = (0..1000).map(|i| format!("127.1.{}.{}", i / 250, i % 250 + 1)).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let options = resolve(Options::new(), "many.test", port, &addresses);
    let refusal = refused(&format!("ws://many.test:{port}/"), &options);
    let entries = &refusal.errors.entries;
    assert_eq!(entries.len(), 1 + 32 + 1, "{entries:?}");
    assert!(entries[33].2.contains("968 more addresses"), "{:?}", entries[33]);
}

#[test]
fn a_resolved_host_keeps_its_name_and_other_ports_are_looked_up() {
    let server = Server::start();
    let port = server.ws_port();
    let options = resolve(Options::new(), "Name.Test", port, &["127.0.0.1"]);
    silent(&format!("ws://name.test:{port}/echo"), &options).abort();
    assert_eq!(request(&server)[1], format!("Host: name.test:{port}"));
    let other = format!("ws://name.test:{}/echo", server.wss_port());
    refused(&other, &options).assert("WS_ERR_DNS", "name.test");
}

#[test]
fn a_resolved_host_is_the_one_that_the_certificate_must_name() {
    let server = Server::start();
    let trusting = || {
        let file = server.ca_file();
        Options::new()
            .set(|api, o| (api.ws_options_set_ca_file)(o, c(file.to_str().expect("UTF-8")).as_ptr()))
    };
    let port = server.wss_port();
    let options = resolve(trusting(), "other.test", port, &["127.0.0.1"]);
    refused(&format!("wss://other.test:{port}/echo"), &options).assert("WS_ERR_CERTIFICATE", "name");
    let options = resolve(trusting(), "localhost", port, &["127.0.0.1"]);
    silent(&format!("wss://localhost:{port}/echo"), &options).abort();
    server.wait_for(|event| matches!(&event.seen, Seen::Tls(tls) if tls.contains("server_name=localhost")));
}

#[test]
fn connections_come_from_the_local_address() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let server = std::thread::spawn(move || {
        let (_stream, peer) = listener.accept().expect("a client");
        peer.ip().to_string()
    });
    let from = |address: &str| {
        Options::new().set(|api, o| (api.ws_options_set_local_address)(o, c(address).as_ptr()))
    };
    refused(&format!("ws://127.0.0.1:{port}/"), &from("127.0.0.9"));
    assert_eq!(server.join().expect("the server's thread"), "127.0.0.9");
}

#[test]
fn only_addresses_of_the_local_addresss_family_are_tried() {
    let port = Server::start().closed_port();
    let from = |address: &str| {
        Options::new().set(|api, o| (api.ws_options_set_local_address)(o, c(address).as_ptr()))
    };
    let options = resolve(from("127.0.0.1"), "both.test", port, &["::1", "127.0.0.1"]);
    let refusal = refused(&format!("ws://both.test:{port}/"), &options);
    assert_eq!(refusal.errors.entries.len(), 2, "{:?}", refusal.errors);
    assert!(refusal.errors.entries[1].2.starts_with(&format!("127.0.0.1:{port}")), "{:?}", refusal.errors);

    let refusal = refused(&format!("ws://[::1]:{port}/"), &from("127.0.0.1"));
    refusal.assert("WS_ERR_DNS", "ws_options_set_local_address");
}

#[test]
fn a_local_address_that_this_machine_does_not_have_is_named() {
    let server = Server::start();
    let options = Options::new().set(|api, o| (api.ws_options_set_local_address)(o, c"192.0.2.77".as_ptr()));
    let refusal = refused(&server.ws("/echo"), &options);
    refusal.assert("WS_ERR_UNREACHABLE", "ws_options_set_local_address");
    assert_eq!(kind(&refusal), io::ErrorKind::AddrNotAvailable);
}

/// A network of its own, with an address behind which there is nobody: what is sent there is never answered.
const NAMESPACE: &str = "ip link set lo up && ip link add hole type veth peer name far && ip link set hole up && \
    ip link set far up && ip -6 address add 2001:db8::1/64 dev hole nodad && \
    ip -6 neighbour add 2001:db8::2 lladdr 02:00:00:00:00:01 dev hole && echo ready && exec \"$@\"";

/// `docs/hostile.md`, line 22: black-holed IPv6, for real, where the machine lets a test have a network namespace.
#[test]
fn a_black_hole_in_a_network_of_its_own_costs_a_quarter_of_a_second() {
    let test = std::env::current_exe().expect("this program");
    let run = std::process::Command::new("unshare")
        .args(["--map-root-user", "--net", "sh", "-c", NAMESPACE, "sh"])
        .arg(test)
        .args(["--exact", "--ignored", "--nocapture", "beside_a_black_hole"])
        .env("WS4D_LIBRARY", ws4d_test_host::library_path())
        .output();
    match run {
        Ok(output) if String::from_utf8_lossy(&output.stdout).contains("ready") => {
            assert!(output.status.success(), "{output:?}");
            assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
        }
        other => eprintln!("skipped: this machine gives no network namespace: {other:?}"),
    }
}

#[test]
#[ignore = "runs in a network namespace, which the test above makes"]
fn beside_a_black_hole() {
    let server = Server::start();
    let port = server.ws_port();
    let url = format!("ws://both.test:{port}/echo");
    let begun = std::time::Instant::now();
    let ws = silent(&url, &resolve(within(20_000), "both.test", port, &["2001:db8::2", "127.0.0.1"]));
    assert!(begun.elapsed() >= std::time::Duration::from_millis(250), "the first attempt has its head start");
    assert_eq!(text((api().ws_get_peer_address)(ws)), Some(format!("127.0.0.1:{port}")));
    ws.abort();
    let refusal = refused(&url, &resolve(within(300), "both.test", port, &["2001:db8::2"]));
    refusal.assert("WS_ERR_TIMEOUT", "TCP");
    assert!(refusal.errors.entries[1].2.contains("[2001:db8::2]"), "{:?}", refusal.errors);
}
