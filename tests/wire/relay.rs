//! A relay in front of the server: holds a connection back until the test says go, and keeps what the
//! client sent, so that a test can look at frames.
//!
//! Where a test wants the client's bytes to be stuck, the relay's receive buffer is small and fixed: how much the
//! kernel takes by default depends on the machine, and grows.

use socket2::{Domain, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
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
    road: Road,
}

/// How the client's bytes pass.
#[derive(Default, PartialEq)]
enum Road {
    /// As the kernel has it.
    #[default]
    Wide,
    /// Few at a time.
    Slow,
    /// The request passes; what follows it waits until the relay is opened.
    Held,
}

/// What the kernel may hold for a relay that is slow or held.
const RECEIVE_BUFFER: usize = 32 * 1024;

impl Relay {
    /// To the server's port; passes nothing until [`Relay::open`].
    pub fn closed(server_port: u16) -> Relay {
        Relay::new(server_port, State::default())
    }

    /// Open from the start, but a slow road from the client to the server: some MB in a second.
    pub fn slow(server_port: u16) -> Relay {
        let relay = Relay::new(server_port, State { road: Road::Slow, ..State::default() });
        relay.open();
        relay
    }

    /// Passes the handshake and all that the server sends, but takes nothing more from the client until
    /// [`Relay::open`].
    pub fn held(server_port: u16) -> Relay {
        Relay::new(server_port, State { road: Road::Held, ..State::default() })
    }

    fn new(server_port: u16, state: State) -> Relay {
        let receive_buffer = (state.road != Road::Wide).then_some(RECEIVE_BUFFER);
        let listener = listen(receive_buffer).expect("a free port");
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
        if self.road != Road::Held {
            self.wait_open();
        }
        let Ok(server) = TcpStream::connect(("127.0.0.1", server_port)) else { return };
        let (Ok(client_too), Ok(server_too)) = (client.try_clone(), server.try_clone()) else { return };
        thread::spawn(move || pass(server_too, client_too, |_| {}));
        if self.road == Road::Held {
            if self.pass_request(&client, &server).is_err() {
                return;
            }
            self.wait_open();
        }
        pass(client, server, |bytes| {
            if self.road == Road::Slow {
                thread::sleep(Duration::from_millis(bytes.len().div_ceil(4096) as u64));
            }
            self.keep(bytes);
        });
    }

    fn wait_open(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.opened.wait_while(open, |open| !*open);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn keep(&self, bytes: &[u8]) {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
    }

    /// Nothing follows the request before it is answered, so this reads no byte of a frame.
    fn pass_request(&self, mut client: &TcpStream, mut server: &TcpStream) -> io::Result<()> {
        let mut request = vec![];
        let mut buffer = [0; 4096];
        while !request.ends_with(b"\r\n\r\n") {
            match client.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => request.extend_from_slice(&buffer[..n]),
            }
        }
        self.keep(&request);
        server.write_all(&request)
    }
}

/// The size is set before the port listens, so that each connection has it from its first packet on, and no other.
fn listen(receive_buffer: Option<usize>) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    socket.listen(128)?;
    Ok(socket.into())
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
