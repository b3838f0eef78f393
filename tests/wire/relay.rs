//! A relay in front of the server: holds a connection back until the test says go, counts, and keeps what the
//! client sent, so that a test can look at frames.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Relays one connection. Its threads end with the connection.
pub struct Relay {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    open: Mutex<bool>,
    opened: Condvar,
    sent: Mutex<Vec<u8>>,
    received: Mutex<usize>,
    more: Condvar,
    /// Of the client's bytes it takes few at a time, and lets the kernel hold few more.
    slow: bool,
}

impl Relay {
    /// To the server's port; passes nothing until [`Relay::open`].
    pub fn closed(server_port: u16) -> Relay {
        Relay::new(server_port, State::default())
    }

    /// Open from the start, but a slow road from the client to the server: some MB in a second.
    pub fn slow(server_port: u16) -> Relay {
        let relay = Relay::new(server_port, State { slow: true, ..State::default() });
        relay.open();
        relay
    }

    fn new(server_port: u16, state: State) -> Relay {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        if state.slow {
            socket2::SockRef::from(&listener).set_recv_buffer_size(32 * 1024).expect("a receive buffer");
        }
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let state = Arc::new(state);
        let of_thread = Arc::clone(&state);
        thread::spawn(move || of_thread.relay(&listener, server_port));
        Relay { port, state }
    }

    /// The same, open from the start.
    pub fn opened(server_port: u16) -> Relay {
        let relay = Relay::closed(server_port);
        relay.open();
        relay
    }

    /// Lets everything pass.
    pub fn open(&self) {
        *self.state.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.state.opened.notify_all();
    }

    /// The URL through the relay.
    pub fn ws(&self, path: &str) -> String {
        format!("ws://127.0.0.1:{}{path}", self.port)
    }

    /// How much the server has sent so far.
    pub fn received(&self) -> usize {
        *self.state.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the server has sent so much.
    pub fn wait_received(&self, bytes: usize) {
        let received = self.state.received.lock().unwrap_or_else(PoisonError::into_inner);
        let patience = Duration::from_secs(20);
        let waited = self.state.more.wait_timeout_while(received, patience, |received| *received < bytes);
        let (received, _) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(*received >= bytes, "{received} bytes instead of {bytes}");
    }

    /// The client's frames so far: all that the server has got, and maybe more.
    pub fn frames(&self) -> Vec<Frame> {
        let sent = self.state.sent.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let head = sent.windows(4).position(|window| window == b"\r\n\r\n").expect("a request") + 4;
        let mut rest = &sent[head..];
        std::iter::from_fn(|| Frame::take(&mut rest)).collect()
    }
}

impl State {
    fn relay(self: Arc<Self>, listener: &TcpListener, server_port: u16) {
        let Ok((client, _)) = listener.accept() else { return };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        while !*open {
            open = self.opened.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
        drop(open);
        let Ok(server) = TcpStream::connect(("127.0.0.1", server_port)) else { return };
        let (Ok(client_too), Ok(server_too)) = (client.try_clone(), server.try_clone()) else { return };
        let back = Arc::clone(&self);
        thread::spawn(move || {
            pass(server_too, client_too, |bytes| {
                *back.received.lock().unwrap_or_else(PoisonError::into_inner) += bytes.len();
                back.more.notify_all();
            });
        });
        pass(client, server, |bytes| {
            if self.slow {
                thread::sleep(Duration::from_millis(bytes.len().div_ceil(4096) as u64));
            }
            self.sent.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        });
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, saw: impl Fn(&[u8])) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        saw(&buffer[..n]);
        if to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// A frame of the client.
pub struct Frame {
    /// FIN, RSV and opcode.
    pub first: u8,
    /// The mask.
    pub key: [u8; 4],
    /// Unmasked.
    pub payload: Vec<u8>,
}

impl Frame {
    fn take(rest: &mut &[u8]) -> Option<Frame> {
        let (&first, &second) = (rest.first()?, rest.get(1)?);
        assert!(second & 0x80 != 0, "a client masks its frames");
        let (at, len) = match second & 0x7f {
            126 => (4, u16::from_be_bytes(rest.get(2..4)?.try_into().ok()?).into()),
            127 => (10, u64::from_be_bytes(rest.get(2..10)?.try_into().ok()?) as usize),
            len => (2, usize::from(len)),
        };
        let key: [u8; 4] = rest.get(at..at + 4)?.try_into().ok()?;
        let masked = rest.get(at + 4..at + 4 + len)?;
        let payload = masked.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        *rest = &rest[at + 4 + len..];
        Some(Frame { first, key, payload })
    }
}
