//! Which machine is connected to, and how: names that stand for others, zones of IPv6 addresses, and the host's own word
//! before a socket connects.

mod wire;

use std::ffi::{CStr, c_char, c_void};
use std::ptr;
use std::sync::Mutex;
use wire::{percent, refused, request, silent};
use ws4d_test_host::{Options, api, c, name, text};
use ws4d_test_server::{Seen, Server};

fn resolve(options: Options, host: &str, port: u16, address: &str) -> Options {
    options.set(|api, o| (api.ws_options_set_resolve)(o, c(host).as_ptr(), port, c(address).as_ptr()))
}

fn connect_to(options: Options, host: &str, port: u16, to_host: &str, to_port: u16) -> Options {
    options.set(|api, o| {
        (api.ws_options_set_connect_to)(o, c(host).as_ptr(), port, c(to_host).as_ptr(), to_port)
    })
}

#[test]
fn resolve_takes_a_star_for_every_host_and_an_exact_entry_wins() {
    let server = Server::start();
    let port = server.ws_port();
    let options = resolve(Options::new(), "*", port, "127.0.0.1");
    for host in ["any.test", "other.invalid"] {
        silent(&format!("ws://{host}:{port}/echo"), &options).abort();
    }
    // An address that nothing connects to without an interface.
    let options = resolve(options, "exact.test", port, "fe80::1");
    refused(&format!("ws://exact.test:{port}/echo"), &options).assert("WS_ERR_UNREACHABLE", "link-local");
    silent(&format!("ws://any.test:{port}/echo"), &options).abort();
}

#[test]
fn connect_to_leads_elsewhere_and_the_request_stays_as_it_is() {
    let server = Server::start();
    let port = server.ws_port();
    let options = connect_to(Options::new(), "wrong.test", 0, "wrong.invalid", 1);
    let options = connect_to(options, "Service.Test", 80, "localhost", port);
    let options = connect_to(options, "", 0, "wrong.invalid", 1);
    let ws = silent("ws://service.test/echo?a", &options);
    assert_eq!(request(&server)[..2], ["GET /echo?a HTTP/1.1", "Host: service.test"]);
    let peer = text((api().ws_get_peer_address)(ws)).expect("a peer");
    assert!(peer.ends_with(&format!(":{port}")), "{peer}");
    ws.abort();
    // The new name is what is resolved.
    let options = connect_to(Options::new(), "", 0, "there.invalid", port);
    silent("ws://service.test/echo", &resolve(options, "there.invalid", port, "127.0.0.1")).abort();
}

#[test]
fn connect_to_holds_for_each_hop_of_a_redirect() {
    let server = Server::start();
    let options = connect_to(Options::new(), "", 0, "127.0.0.1", server.ws_port())
        .set(|api, o| (api.ws_options_set_max_redirects)(o, 2));
    let to = percent(b"ws://two.test:81/echo");
    silent(&format!("ws://one.test/redirect?to={to}"), &options).abort();
    let asked = |host: &str| {
        let line = format!("Host: {host}\r\n");
        server
            .log()
            .iter()
            .any(|event| matches!(&event.seen, Seen::Request { head, .. } if head.contains(&line)))
    };
    assert!(asked("one.test") && asked("two.test:81"), "{:?}", server.log());
}

#[test]
fn connect_to_leaves_the_name_in_the_certificate() {
    let server = Server::start();
    let ca = c(server.ca_file().to_str().expect("UTF-8"));
    let options = connect_to(Options::new(), "", 0, "127.0.0.1", server.wss_port())
        .set(|api, o| (api.ws_options_set_ca_file)(o, ca.as_ptr()));
    silent("wss://localhost/echo", &options).abort();
    refused("wss://elsewhere.test/echo", &options).assert("WS_ERR_CERTIFICATE", "elsewhere.test");
}

#[test]
fn connect_to_wants_hosts() {
    let options = Options::new();
    let set = |host: *const c_char, to: *const c_char| {
        name((api().ws_options_set_connect_to)(options.0, host, 0, to, 0))
    };
    let good = c"a".as_ptr();
    for bad in [ptr::null(), c"a b".as_ptr(), c"a:80".as_ptr(), c"a/b".as_ptr()] {
        assert_eq!(
            (set(bad, good), set(good, bad)),
            ("WS_ERR_INVALID_ARGUMENT".into(), "WS_ERR_INVALID_ARGUMENT".into())
        );
    }
    assert_eq!(set(c"\xff".as_ptr(), good), "WS_ERR_INVALID_UTF8");
    assert_eq!(
        (set(c"".as_ptr(), c"".as_ptr()), set(good, c"[::1]".as_ptr())),
        ("WS_OK".into(), "WS_OK".into())
    );
}

/// Loopback has no link-local address; what a zone does to others is nothing, but that it has to be an interface.
#[test]
fn a_zone_is_an_interface_of_this_machine_and_no_server_hears_of_it() {
    let server = wire::RawServer::at("::1", 0, |peer| {
        let head = peer.head();
        peer.accept(&head, "");
        peer.wait_for_the_end();
    });
    let (port, lo) = (server.port(), "lo");
    for zone in [format!("%25{lo}"), format!("%{lo}"), "%251".to_owned()] {
        silent(&format!("ws://[::1{zone}]:{port}/x"), &Options::new()).abort();
        let head = server.heads().pop().expect("a request");
        assert!(head.starts_with(&format!("GET /x HTTP/1.1\r\nHost: [::1]:{port}\r\n")), "{head}");
    }
    let named = format!("ws://name.test:{port}/");
    silent(&named, &resolve(Options::new(), "name.test", port, "::1%lo")).abort();
    let from = |address: &str| {
        Options::new().set(|api, o| (api.ws_options_set_local_address)(o, c(address).as_ptr()))
    };
    silent(&server.ws("/"), &from("::1%lo")).abort();

    refused(&format!("ws://[fe80::1%25nosuch0]:{port}/"), &Options::new())
        .assert("WS_ERR_UNREACHABLE", "no interface nosuch0");
    refused(&named, &resolve(Options::new(), "name.test", port, "fe80::1%nosuch0"))
        .assert("WS_ERR_UNREACHABLE", "no interface nosuch0");
    refused(&server.ws("/"), &from("fe80::1%nosuch0")).assert("WS_ERR_UNREACHABLE", "no interface nosuch0");
}

#[test]
fn a_link_local_address_without_its_interface_is_unreachable_and_the_cure_is_named() {
    for (url, from) in
        [("ws://[fe80::1]:9/", None), ("wss://[fe80::1]:9/", None), ("ws://[fe80::1]:9/", Some("::1"))]
    {
        let options = from.into_iter().fold(Options::new(), |options, from| {
            options.set(|api, o| (api.ws_options_set_local_address)(o, c(from).as_ptr()))
        });
        refused(url, &options).assert("WS_ERR_UNREACHABLE", "link-local");
    }
}

/// What the function below was called with, and what it answers to addresses that begin so.
struct Prepared {
    refuse: &'static str,
    with: i32,
    seen: Mutex<Vec<String>>,
}

extern "C" fn prepare(fd: isize, address: *const c_char, user_data: *mut c_void) -> i32 {
    // SAFETY: the pointer that the test passed, which outlives its sockets; a text that lives during the call.
    let (prepared, address) = unsafe { (&*user_data.cast::<Prepared>(), CStr::from_ptr(address)) };
    let (mut kind, mut size) = (0, size_of::<libc::c_int>() as libc::socklen_t);
    // SAFETY: value and size live longer than the call.
    let result = unsafe {
        libc::getsockopt(fd as i32, libc::SOL_SOCKET, libc::SO_TYPE, (&raw mut kind).cast(), &raw mut size)
    };
    assert_eq!((result, kind), (0, libc::SOCK_STREAM));
    let address = address.to_str().expect("UTF-8").to_owned();
    let refused = !prepared.refuse.is_empty() && address.starts_with(prepared.refuse);
    prepared.seen.lock().expect("no panic").push(address);
    if refused { prepared.with } else { 0 }
}

fn preparing(prepared: &Prepared, options: Options) -> Options {
    let user_data = ptr::from_ref(prepared).cast_mut().cast();
    options.set(|api, o| (api.ws_options_set_socket_fn)(o, Some(prepare), user_data))
}

#[test]
fn the_hosts_function_sees_each_socket_before_it_connects_and_may_refuse_its_address() {
    let server = Server::start();
    let port = server.ws_port();
    let both = || {
        let options = resolve(Options::new(), "both.test", port, "::1");
        resolve(options, "both.test", port, "127.0.0.1")
    };
    let url = format!("ws://both.test:{port}/echo");
    let prepared = Prepared { refuse: "[::1]", with: libc::ENETUNREACH, seen: Mutex::default() };
    let ws = silent(&url, &preparing(&prepared, both()));
    assert_eq!(text((api().ws_get_peer_address)(ws)), Some(format!("127.0.0.1:{port}")));
    ws.abort();
    assert_eq!(*prepared.seen.lock().unwrap(), [format!("[::1]:{port}"), format!("127.0.0.1:{port}")]);

    for (with, code, cure) in [
        (libc::ENETUNREACH, "WS_ERR_UNREACHABLE", "check the network"),
        (libc::EMFILE, "WS_ERR_OUT_OF_MEMORY", "the system has no descriptors or memory left"),
        (libc::ECONNREFUSED, "WS_ERR_CONNECTION_REFUSED", "is the server running, and the port right?"),
        (libc::ETIMEDOUT, "WS_ERR_TIMEOUT", "is a firewall in between?"),
        (
            libc::EADDRNOTAVAIL,
            "WS_ERR_OUT_OF_MEMORY",
            "all local ports to it are in use; use fewer connections",
        ),
    ] {
        let all = Prepared { refuse: "127", with, seen: Mutex::default() };
        let refusal = refused(&server.ws("/echo"), &preparing(&all, Options::new()));
        refusal.assert(code, &port.to_string());
        refusal.assert(code, cure);
        assert_eq!(refusal.errors.os_code, with);
    }
    // On the way to a proxy that is what is named; a want of this machine's is no fault of the proxy's.
    let wanting = Prepared { refuse: "127", with: libc::EMFILE, seen: Mutex::default() };
    let proxy = c(&format!("http://127.0.0.1:{port}"));
    let through = Options::new().set(|api, o| (api.ws_options_set_proxy)(o, proxy.as_ptr()));
    refused(&server.ws("/echo"), &preparing(&wanting, through))
        .assert("WS_ERR_OUT_OF_MEMORY", &format!("Connecting to the proxy http://127.0.0.1:{port}"));
    // None again.
    let options = preparing(&prepared, Options::new())
        .set(|api, o| (api.ws_options_set_socket_fn)(o, None, ptr::null_mut()));
    silent(&server.ws("/echo"), &options).abort();
    assert_eq!(prepared.seen.lock().unwrap().len(), 2);
}

#[test]
fn the_hosts_function_sees_unix_sockets_and_those_to_proxies() {
    let server = Server::start();
    let path = server.unix_socket();
    let prepared = Prepared { refuse: "", with: 0, seen: Mutex::default() };
    let at = c(path.to_str().expect("UTF-8"));
    let options =
        preparing(&prepared, Options::new()).set(|api, o| (api.ws_options_set_unix_socket)(o, at.as_ptr()));
    silent("ws://service.test/echo", &options).abort();
    let proxy = format!("127.0.0.1:{}", server.closed_port());
    let url = c(&format!("http://{proxy}"));
    let options =
        preparing(&prepared, Options::new()).set(|api, o| (api.ws_options_set_proxy)(o, url.as_ptr()));
    refused(&server.ws("/echo"), &options).assert("WS_ERR_PROXY", &proxy);
    assert_eq!(*prepared.seen.lock().unwrap(), [format!("unix:{}", path.display()), proxy]);
}

#[test]
fn a_proxy_may_be_behind_an_interface_that_is_named() {
    let proxy = wire::RawServer::at("::1", 0, |peer| {
        let head = peer.head();
        if head.starts_with("CONNECT ") {
            peer.say("HTTP/1.1 200 Connection established\r\n\r\n");
            let head = peer.head();
            peer.accept(&head, "");
            peer.wait_for_the_end();
        }
    });
    let through = |place: &str| {
        let url = format!("http://{place}:{}", proxy.port());
        Options::new().set(|api, o| (api.ws_options_set_proxy)(o, c(&url).as_ptr()))
    };
    for place in ["[::1%25lo]", "[::1%lo]", "user:secret@[::1%251]"] {
        silent("ws://far.invalid/", &through(place)).abort();
    }
    assert!(proxy.heads().iter().all(|head| !head.contains('%')), "{:?}", proxy.heads());
    let refusal = refused("ws://far.invalid/", &through("[fe80::1%25nosuch0]"));
    refusal.assert("WS_ERR_PROXY", "could not be reached");
    assert!(refusal.errors.entries[1].2.contains("no interface nosuch0"), "{:?}", refusal.errors);
}
