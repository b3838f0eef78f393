//! Over a Unix socket: the URL gives host and path, the option says where to connect. And what a TCP socket is asked
//! to do, seen by `getsockopt`.

mod wire;

use std::ffi::{c_char, c_int, c_void};
use std::io;
use std::mem::ManuallyDrop;
use std::net::{Shutdown, TcpStream};
use std::os::fd::FromRawFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::ptr;
use std::thread;
use wire::{refused, request, silent};
use ws4d_test_host::{Host, Options, api, c, name, text};
use ws4d_test_server::Server;

fn over(path: &Path) -> Options {
    let path = c(path.to_str().expect("UTF-8"));
    Options::new().set(|api, o| (api.ws_options_set_unix_socket)(o, path.as_ptr()))
}

fn echoes(url: &str, options: Options) {
    let host = Host::new();
    let ws = host.to(url).with(options).open();
    ws.send_text("hello");
    // More than the kernel takes at once.
    ws.send_blob(&vec![7; 4 << 20]);
    host.run_until("message blob");
    ws.terminate(1000, "bye");
    host.run_until("free");
    assert_eq!(
        host.trace(),
        ["open", "message text hello", "message blob 4194304 bytes", "terminate 1000 bye clean", "free"]
    );
}

#[test]
fn a_unix_socket_is_spoken_to_and_the_url_gives_host_and_path() {
    let server = Server::start();
    let path = server.unix_socket();
    let ws = silent("ws://service.test/echo?a=b", &over(&path));
    let lines = request(&server);
    assert_eq!(lines[..2], ["GET /echo?a=b HTTP/1.1", "Host: service.test"]);
    assert_eq!(text((api().ws_get_peer_address)(ws)), Some(format!("unix:{}", path.display())));
    assert_eq!(text((api().ws_get_url)(ws)).as_deref(), Some("ws://service.test/echo?a=b"));
    ws.abort();
    echoes("ws://service.test/echo", over(&path));
}

#[test]
fn tls_goes_over_a_unix_socket_too() {
    let server = Server::start();
    let path = server.ca_file().with_file_name("front");
    let listener = UnixListener::bind(&path).expect("a Unix socket");
    let port = server.wss_port();
    let relay = thread::spawn(move || {
        let (front, _) = listener.accept().expect("a client");
        let back = TcpStream::connect(("127.0.0.1", port)).expect("the server");
        let (mut front_in, mut back_out) =
            (front.try_clone().expect("a copy"), back.try_clone().expect("a copy"));
        let there = thread::spawn(move || {
            let _ = io::copy(&mut front_in, &mut back_out);
            let _ = back_out.shutdown(Shutdown::Write);
        });
        let (mut back_in, mut front_out) = (back, front);
        let _ = io::copy(&mut back_in, &mut front_out);
        let _ = front_out.shutdown(Shutdown::Write);
        there.join().expect("the relay's other half");
    });
    let ca = c(server.ca_file().to_str().expect("UTF-8"));
    let options = over(&path).set(|api, o| (api.ws_options_set_ca_file)(o, ca.as_ptr()));
    echoes("wss://localhost/echo", options);
    relay.join().expect("the relay");
}

#[test]
fn a_unix_socket_that_cannot_be_connected_to_is_named_with_its_cause() {
    let server = Server::start();
    let folder = server.ca_file().parent().expect("a folder").to_owned();
    let stale = folder.join("stale");
    drop(UnixListener::bind(&stale).expect("a Unix socket"));
    let other = folder.join("datagrams");
    let _datagrams = UnixDatagram::bind(&other).expect("a Unix socket");
    for (path, code, why) in [
        (folder.join("none"), "WS_ERR_UNREACHABLE", "is the server running, and the path right?"),
        (server.ca_file(), "WS_ERR_CONNECTION_REFUSED", "refused"),
        (stale, "WS_ERR_CONNECTION_REFUSED", "is the server running"),
        (other, "WS_ERR_UNREACHABLE", "is it the socket of a server?"),
    ] {
        let refusal = refused("ws://service.test/", &over(&path));
        refusal.assert(code, why);
        refusal.assert(code, &format!("unix:{}", path.display()));
        assert_eq!(refusal.component(), "tcp ");
        assert_ne!(refusal.errors.os_code, 0);
    }
    // Root may write to each of them: the host's function says what the system would say to others.
    extern "C" fn forbids(_: isize, _: *const c_char, _: *mut c_void) -> c_int {
        libc::EACCES
    }
    let path = server.unix_socket();
    let options = over(&path).set(|api, o| (api.ws_options_set_socket_fn)(o, Some(forbids), ptr::null_mut()));
    refused("ws://service.test/", &options).assert("WS_ERR_UNREACHABLE", "may this process write to it?");
}

#[test]
fn what_is_no_path_host_or_address_is_refused_at_the_setter() {
    let options = Options::new();
    let o = options.0;
    let unix = |path: &str| name((api().ws_options_set_unix_socket)(o, c(path).as_ptr()));
    assert_eq!(unix(""), "WS_ERR_INVALID_ARGUMENT");
    assert_eq!(unix(&"x".repeat(108)), "WS_ERR_INVALID_ARGUMENT");
    assert_eq!(name((api().ws_options_set_unix_socket)(o, c"\xff".as_ptr())), "WS_ERR_INVALID_UTF8");
    let local = |address: &str| name((api().ws_options_set_local_address)(o, c(address).as_ptr()));
    for bad in ["", "localhost", "127.0.0.1:80", "127.0.0.1/8", "[::1]", "fe80::1%", "127.1"] {
        assert_eq!(local(bad), "WS_ERR_INVALID_ARGUMENT", "{bad:?}");
    }
    let resolve = |host: &str, port, address: &str| {
        name((api().ws_options_set_resolve)(o, c(host).as_ptr(), port, c(address).as_ptr()))
    };
    for (host, port, address) in [
        ("", 80, "127.0.0.1"),
        ("a b", 80, "127.0.0.1"),
        ("a\r\nb", 80, "127.0.0.1"),
        ("a%00", 80, "127.0.0.1"),
        ("a@b", 80, "127.0.0.1"),
        ("a", 0, "127.0.0.1"),
        ("a", 80, "b"),
        ("a", 80, ""),
        ("a", 80, "fe80::1%"),
    ] {
        assert_eq!(resolve(host, port, address), "WS_ERR_INVALID_ARGUMENT", "{host:?} {port} {address:?}");
    }
    // Nothing of it has stayed.
    let server = Server::start();
    silent(&server.ws("/echo"), &options).abort();
}

/// What the library's own end of its connection to that port says.
fn option_of_the_client(port: u16, level: c_int, option: c_int) -> c_int {
    for entry in std::fs::read_dir("/proc/self/fd").expect("own descriptors") {
        let number: c_int = entry.ok().and_then(|e| e.file_name().to_str()?.parse().ok()).expect("a number");
        // SAFETY: never dropped, so that it closes nothing. Another thread may close it meanwhile, or it is no socket:
        // then the call below fails, which is looked at.
        let stream = ManuallyDrop::new(unsafe { TcpStream::from_raw_fd(number) });
        if stream.peer_addr().map_or(0, |peer| peer.port()) != port {
            continue;
        }
        let (mut value, mut size) = (-1, size_of::<c_int>() as libc::socklen_t);
        // SAFETY: value and size live longer than the call.
        let result =
            unsafe { libc::getsockopt(number, level, option, (&raw mut value).cast(), &raw mut size) };
        assert_eq!(result, 0);
        return value;
    }
    panic!("no connection to port {port}");
}

#[test]
fn tcp_nodelay_is_on_and_keep_alive_is_as_it_was_set() {
    let server = Server::start();
    let port = server.ws_port();
    let with = |ms| Options::new().set(|api, o| (api.ws_options_set_tcp_keepalive_ms)(o, ms));
    let cases = [
        (Options::new(), 0, 0),
        (with(0), 0, 0),
        (with(30_000), 1, 30),
        (with(1500), 1, 2),
        (with(1), 1, 1),
        // More than the system takes.
        (with(u32::MAX), 1, 32_767),
    ];
    for (options, keepalive, seconds) in cases {
        let ws = silent(&server.ws("/echo"), &options);
        assert_ne!(option_of_the_client(port, libc::IPPROTO_TCP, libc::TCP_NODELAY), 0);
        let on = option_of_the_client(port, libc::SOL_SOCKET, libc::SO_KEEPALIVE);
        assert_eq!(on != 0, keepalive == 1);
        if keepalive == 1 {
            assert_eq!(option_of_the_client(port, libc::IPPROTO_TCP, libc::TCP_KEEPIDLE), seconds);
            assert_eq!(option_of_the_client(port, libc::IPPROTO_TCP, libc::TCP_KEEPINTVL), seconds);
        }
        ws.abort();
        server.wait_until_idle();
    }
}
