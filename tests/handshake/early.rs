//! An answer that comes before the request has left.

use crate::wire::{head_value, refused};
use socket2::{Domain, SockRef, Socket, Type};
use std::ffi::{c_char, c_int, c_void};
use std::io::{Read, Write};
use std::mem::ManuallyDrop;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::FromRawFd;
use std::{ptr, thread};
use ws4d_test_host::{Options, c};
use ws4d_test_server::accept_for;

/// As little as the system allows, so that a large request cannot leave at once.
extern "C" fn holds_little(fd: isize, _: *const c_char, _: *mut c_void) -> c_int {
    // SAFETY: the descriptor is open during the call, and is not closed here.
    let socket = ManuallyDrop::new(unsafe { Socket::from_raw_fd(fd as c_int) });
    SockRef::from(&*socket).set_send_buffer_size(4096).expect("a socket");
    0
}

/// The server cannot know what it agrees to: a header that it has not read may change everything.
#[test]
fn a_101_before_all_of_the_request_has_left_is_refused() {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    listener.set_recv_buffer_size(4096).expect("a socket");
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    listener.listen(1).expect("a listener");
    let listener = TcpListener::from(listener);
    let port = listener.local_addr().expect("bound").port();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let (mut head, mut byte) = (Vec::new(), [0]);
        // Behind the line of the key, which is among the first.
        while !(head.ends_with(b"\r\n")
            && head_value(&String::from_utf8_lossy(&head), "Sec-WebSocket-Key").is_some())
        {
            stream.read_exact(&mut byte).expect("a request");
            head.push(byte[0]);
        }
        let key = head_value(&String::from_utf8_lossy(&head), "Sec-WebSocket-Key").expect("a key");
        let accept = accept_for(&key);
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).expect("an answer");
        stream
    });
    let value = c(&"v".repeat(60 << 10));
    let options =
        Options::new().set(|api, o| (api.ws_options_set_socket_fn)(o, Some(holds_little), ptr::null_mut()));
    let options = (0..10).fold(options, |options, _| {
        options.set(|api, o| (api.ws_options_set_header)(o, c"X-Large".as_ptr(), value.as_ptr()))
    });
    let refusal = refused(&format!("ws://127.0.0.1:{port}/"), &options);
    refusal.assert("WS_ERR_HANDSHAKE", "it came before all of the request had left");
    drop(server.join().expect("the server's thread"));
}
