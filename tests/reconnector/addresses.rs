//! A name with several addresses: an attempt begins behind the one that failed last.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use ws4d_test_host::codes::*;
use ws4d_test_host::{Options, alone, api, c};
use ws4d_test_server::Server;

use crate::{FAST, Mode, Test};

/// Behind `[::1]` at the port of the server on 127.0.0.1: takes each connection, reads the request, says this and closes.
struct Dead {
    connections: Arc<AtomicUsize>,
}

impl Dead {
    fn beside(port: u16, says: &'static str) -> io::Result<Dead> {
        let listener = TcpListener::bind(("::1", port))?;
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        // It ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = answer(stream, says);
            }
        });
        Ok(Dead { connections })
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: TcpStream, says: &str) -> io::Result<()> {
    let (mut head, mut byte) = (vec![], [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    stream.write_all(says.as_bytes())
}

/// A server, and a dead one at the same port of the other family.
fn two(says: &'static str) -> (Server, Dead) {
    for _ in 0..20 {
        let server = Server::start();
        if let Ok(dead) = Dead::beside(server.ws_port(), says) {
            return (server, dead);
        }
    }
    panic!("no port is free in both families");
}

#[test]
fn an_attempt_begins_behind_the_address_that_failed_last() {
    let _alone = alone();
    for says in ["", "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"] {
        for mode in [Mode::Dispatched, Mode::Inline, Mode::Pull] {
            let (server, dead) = two(says);
            let port = server.ws_port();
            let options = ["::1", "127.0.0.1"].into_iter().fold(Options::new(), |options, address| {
                options.set(|api, o| {
                    (api.ws_options_set_resolve)(o, c"both.test".as_ptr(), port, c(address).as_ptr())
                })
            });
            let urls = [format!("ws://both.test:{port}/echo")];
            let test = Test::with(mode, &urls, FAST, options, vec![]);
            test.until("open", 1);
            assert_eq!(dead.connections(), 1, "{says}");
            // The host's own end is no failure: the other one still failed last.
            assert_eq!((api().ws_abort)((api().ws_reconnector_get_socket)(test.r)), WS_OK);
            test.until("open", 2);
            assert_eq!(dead.connections(), 1, "{says}");
            test.terminate();
            test.finish();
        }
    }
}
