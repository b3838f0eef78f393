//! A server that is nothing but a closure for each connection: for answers that depend on what was asked before, and for
//! peers that speak no HTTP at all.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// Listens until it is dropped. Each connection has a thread of its own.
pub struct RawServer {
    at: SocketAddr,
    state: Arc<State>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    stopped: AtomicBool,
    connections: AtomicUsize,
    heads: Mutex<Vec<String>>,
}

/// One connection of a [`RawServer`].
pub struct RawPeer {
    /// Counted from 0.
    pub number: usize,
    /// The bytes.
    pub stream: TcpStream,
    state: Arc<State>,
}

impl RawServer {
    /// On a free port of 127.0.0.1.
    pub fn start(serve: impl Fn(&mut RawPeer) + Send + Sync + 'static) -> RawServer {
        RawServer::at("127.0.0.1", 0, serve)
    }

    /// At that port of the address; 0: a free one.
    pub fn at(address: &str, port: u16, serve: impl Fn(&mut RawPeer) + Send + Sync + 'static) -> RawServer {
        RawServer::try_at(address, port, serve).expect("a free port")
    }

    /// The same, where somebody else may have the port.
    pub fn try_at(
        address: &str,
        port: u16,
        serve: impl Fn(&mut RawPeer) + Send + Sync + 'static,
    ) -> io::Result<RawServer> {
        let listener = TcpListener::bind((address, port))?;
        let at = listener.local_addr()?;
        let (state, serve) = (Arc::new(State::default()), Arc::new(serve));
        let of_thread = Arc::clone(&state);
        let listening = thread::spawn(move || {
            for stream in listener.incoming() {
                if of_thread.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let number = of_thread.connections.fetch_add(1, Ordering::SeqCst);
                let mut peer = RawPeer { number, stream, state: Arc::clone(&of_thread) };
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(&mut peer));
            }
        });
        Ok(RawServer { at, state, listening: Some(listening) })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.at.port()
    }

    /// Where a path of it is.
    pub fn ws(&self, path: &str) -> String {
        format!("ws://{}{path}", self.at)
    }

    /// How many connections it has got.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// The request heads that were read with [`RawPeer::head`], in order.
    pub fn heads(&self) -> Vec<String> {
        self.state.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        // Ends the wait for the next connection.
        drop(TcpStream::connect(self.at));
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

impl RawPeer {
    /// Reads a request head. Empty where the client went away.
    pub fn head(&mut self) -> String {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            match self.stream.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => return String::new(),
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        self.state.heads.lock().unwrap_or_else(PoisonError::into_inner).push(head.clone());
        head
    }

    /// Writes as much as the client takes.
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Accepts the upgrade that `head` asks for, with more header lines.
    pub fn accept(&mut self, head: &str, lines: &str) {
        let key = head_value(head, "Sec-WebSocket-Key").unwrap_or_default();
        self.say(format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n{lines}\r\n",
            ws4d_test_server::accept_for(&key)
        ));
    }

    /// An answer without a body, which goes on as the lines say.
    pub fn answer(&mut self, status: &str, lines: &str) {
        self.say(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n{lines}\r\n"));
    }

    /// Reads until the client ends the connection.
    pub fn wait_for_the_end(&mut self) {
        while self.stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {}
    }
}

/// The first value of a header in a head.
pub fn head_value(head: &str, name: &str) -> Option<String> {
    head.split("\r\n")
        .filter_map(|line| line.split_once(": "))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.to_owned())
}
