//! The scripted server: raw TCP, one thread for all connections. A script finds its connection by the path of the
//! request, `/<id>`, and writes its own bytes.
//!
//! The poller tells of changes only, so whoever reads, writes or accepts does so until nothing is left to do.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use socket2::{Domain, SockRef, Socket, Type};

use crate::frames::{self, CLOSE, Incoming, PONG, Reader, frame};
use crate::sends::IN_PARTS;
use crate::system;
use crate::wire::{Answer, Bell, Out, Wire, WireState, lock};

/// Which way a connection takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Road {
    Wide,
    /// Small buffers: a server that does not read is felt soon.
    Narrow,
    /// Nobody listens there.
    Closed,
}

/// The server; lives as long as the process.
pub(crate) struct Server {
    wide: u16,
    narrow: u16,
    closed: u16,
    wires: Arc<Mutex<HashMap<u64, Arc<Wire>>>>,
    poke: Arc<Waker>,
    _closed: Socket,
}

impl Server {
    pub(crate) fn start() -> Server {
        let listeners = [listen(), listen()];
        system::narrow(&listeners[1]).expect("little room");
        let ports = listeners.each_ref().map(|of| of.local_addr().expect("bound").port());
        let (closed, closed_port) = bound_only();
        let poll = Poll::new().expect("a poller");
        let poke = Arc::new(Waker::new(poll.registry(), POKE).expect("a waker"));
        let mut listeners = listeners.map(TcpListener::from_std);
        for (listener, token) in listeners.iter_mut().zip([WIDE, NARROW]) {
            poll.registry().register(listener, token, Interest::READABLE).expect("a listener is watched");
        }
        let wires = Arc::<Mutex<HashMap<_, _>>>::default();
        let server = Server {
            wide: ports[0],
            narrow: ports[1],
            closed: closed_port,
            wires: Arc::clone(&wires),
            poke,
            _closed: closed,
        };
        let turns = Turns { poll, listeners, wires, connections: Vec::new(), next: FIRST };
        thread::Builder::new().name("model-server".into()).spawn(|| turns.run()).expect("a thread");
        server
    }

    /// A connection to come.
    pub(crate) fn expect(&self, id: u64, answer: Answer, bell: &Arc<Bell>) -> Arc<Wire> {
        let wire = Wire::new(id, answer, bell, &self.poke);
        lock(&self.wires).insert(id, Arc::clone(&wire));
        wire
    }

    /// A connection that, if it is to come still, finds nobody.
    pub(crate) fn forget(&self, id: u64) {
        lock(&self.wires).remove(&id);
    }

    pub(crate) fn url(&self, road: Road, id: u64) -> String {
        let port = match road {
            Road::Wide => self.wide,
            Road::Narrow => self.narrow,
            Road::Closed => self.closed,
        };
        format!("ws://127.0.0.1:{port}/{id}")
    }
}

fn listen() -> std::net::TcpListener {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a listener that does not wait");
    listener
}

/// A port that is taken, and answers nobody.
fn bound_only() -> (Socket, u16) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a port");
    let address = socket.local_addr().expect("bound").as_socket().expect("of IPv4");
    (socket, address.port())
}

const POKE: Token = Token(0);
const WIDE: Token = Token(1);
const NARROW: Token = Token(2);
/// The first connection's.
const FIRST: usize = 3;

struct Turns {
    poll: Poll,
    listeners: [TcpListener; 2],
    wires: Arc<Mutex<HashMap<u64, Arc<Wire>>>>,
    connections: Vec<Connection>,
    /// The number of the next connection.
    next: usize,
}

impl Turns {
    fn run(mut self) {
        let mut events = Events::with_capacity(256);
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result.expect("events"),
            }
            let broken = events.iter().filter(|event| event.is_error() || event.is_write_closed());
            let broken: Vec<Token> = broken.map(|event| event.token()).collect();
            for listener in &self.listeners {
                while let Some(stream) = accept(listener) {
                    let connection = Connection::new(stream, Token(self.next), self.poll.registry());
                    self.connections.push(connection);
                    self.next += 1;
                }
            }
            let wires = &self.wires;
            self.connections.retain_mut(|connection| {
                let stays = connection.turn(wires, broken.contains(&connection.token));
                if !stays && let Some(wire) = &connection.wire {
                    wire.state().gone = true;
                    lock(wires).remove(&wire.id);
                    wire.bell.ring();
                }
                stays
            });
        }
    }
}

/// The next connection that waits, if one does.
fn accept(listener: &TcpListener) -> Option<TcpStream> {
    loop {
        match listener.accept() {
            Ok((stream, _)) => return Some(stream),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            // The client has given it up already.
            Err(error) if is_lost(&error) => {}
            Err(error) => panic!("the server cannot accept: {error}"),
        }
    }
}

fn is_lost(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted)
}

struct Connection {
    stream: TcpStream,
    token: Token,
    head: Vec<u8>,
    reader: Reader,
    wire: Option<Arc<Wire>>,
    key: String,
    answered: bool,
    out: Vec<u8>,
    fin: bool,
    fin_sent: bool,
    over: bool,
}

impl Connection {
    fn new(mut stream: TcpStream, token: Token, registry: &Registry) -> Connection {
        stream.set_nodelay(true).expect("a stream that does not linger");
        let both = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut stream, token, both).expect("a stream is watched");
        Connection {
            stream,
            token,
            head: Vec::new(),
            reader: Reader::default(),
            wire: None,
            key: String::new(),
            answered: false,
            out: Vec::new(),
            fin: false,
            fin_sent: false,
            over: false,
        }
    }

    /// Does what can be done now; says whether there is a connection still.
    fn turn(&mut self, wires: &Mutex<HashMap<u64, Arc<Wire>>>, is_broken: bool) -> bool {
        if self.wire.is_none() {
            self.read_head(wires);
        }
        let Some(wire) = self.wire.clone() else { return !self.over };
        let mut state = wire.state();
        if state.dismissed {
            return false;
        }
        let seen = (state.asked, state.got.len(), state.close_got.is_some());
        if state.reading {
            self.read(&mut state);
        }
        self.over |= is_broken;
        state.asked = true;
        self.answer(&mut state);
        if self.answered {
            self.perform(&mut state);
        }
        self.write();
        if seen != (state.asked, state.got.len(), state.close_got.is_some()) {
            wire.bell.ring();
        }
        !self.over
    }

    fn receive(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => {
                    // The client closes only what is over.
                    self.over = true;
                    return bytes;
                }
                Ok(n) => bytes.extend_from_slice(&buffer[..n]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return bytes,
                Err(_) => {
                    self.over = true;
                    return bytes;
                }
            }
        }
    }

    fn read_head(&mut self, wires: &Mutex<HashMap<u64, Arc<Wire>>>) {
        let bytes = self.receive();
        self.head.extend(bytes);
        let Some(end) = self.head.windows(4).position(|four| four == b"\r\n\r\n") else { return };
        self.reader.buffer.extend(self.head.drain(end + 4..));
        let head = String::from_utf8_lossy(&self.head).into_owned();
        let id = head.split(' ').nth(1).and_then(|path| path[1..].parse::<u64>().ok());
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        self.key = key.unwrap_or_default().to_owned();
        self.wire = id.and_then(|id| lock(wires).get(&id).cloned());
        self.over |= self.wire.is_none();
    }

    fn answer(&mut self, state: &mut WireState) {
        if self.answered {
            return;
        }
        match state.answer {
            Answer::Accept => self.out.extend(frames::accepted(&self.key)),
            Answer::Refuse => self.out.extend(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"),
            Answer::Malformed => self.out.extend(b"HTP/1.1 101 What\n\r\n\r\n"),
            Answer::Fin => self.fin = true,
            Answer::Rst => self.reset(),
            Answer::Hold => return,
        }
        self.answered = true;
        if state.answer != Answer::Accept {
            state.queue.clear();
            state.ended = true;
            self.fin = true;
        }
    }

    fn reset(&mut self) {
        // Whoever is gone already need not be told.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        self.over = true;
    }

    fn read(&mut self, state: &mut WireState) {
        let bytes = self.receive();
        self.reader.buffer.extend(bytes);
        loop {
            match self.reader.next() {
                Ok(None) => return,
                Ok(Some(frame)) if state.close_got.is_some() => {
                    state.breach = Some(format!("the client sent {frame:?} after its close frame"));
                }
                Ok(Some(Incoming::Message(bytes))) => {
                    // "<tag>.<number>:…", see `acts`.
                    let shown = bytes.split(|byte| *byte == b':').next().unwrap_or_default();
                    state.got.push(String::from_utf8_lossy(shown).into_owned());
                    if shown.is_empty() || shown.starts_with(format!("{IN_PARTS}.").as_bytes()) {
                        state.in_parts.push(bytes);
                    }
                }
                Ok(Some(Incoming::Ping(payload))) => {
                    if !state.ended {
                        self.out.extend(frame(true, PONG, &payload));
                    }
                }
                Ok(Some(Incoming::Pong)) => {}
                Ok(Some(Incoming::Close(payload))) => state.close_got = Some(payload),
                Err(breach) => {
                    state.breach = Some(breach.to_owned());
                    return;
                }
            }
        }
    }

    fn perform(&mut self, state: &mut WireState) {
        while let Some(next) = state.queue.pop_front() {
            match next {
                _ if self.fin => {}
                Out::Bytes(bytes, message) => {
                    if !state.close_sent {
                        self.out.extend(bytes);
                        state.whole += usize::from(message && !state.ended);
                    }
                }
                Out::Close(bytes) => {
                    if !state.close_sent {
                        self.out.extend(&bytes);
                        state.close_sent |= bytes[0] == 0x80 | CLOSE;
                        state.ended = true;
                    }
                }
                Out::Fin => (self.fin, state.ended) = (true, true),
                Out::Rst => {
                    state.ended = true;
                    self.write();
                    return self.reset();
                }
            }
        }
        if let Some(payload) = &state.close_got
            && (state.answers_close || state.close_sent)
        {
            if !state.close_sent && !state.ended {
                self.out.extend(frame(true, CLOSE, payload));
                state.close_sent = true;
            }
            state.ended = true;
            self.fin = true;
        }
    }

    fn write(&mut self) {
        while !self.out.is_empty() && !self.over {
            match self.stream.write(&self.out) {
                Ok(n) => drop(self.out.drain(..n)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.out.clear(),
            }
        }
        if self.fin && !self.fin_sent && !self.over {
            self.fin_sent = true;
            // Whoever is gone already need not be told.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }
}
