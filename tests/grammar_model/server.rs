//! The scripted server: raw TCP, one thread for all connections. A script finds its connection by the path of the
//! request, `/<id>`, and writes its own bytes.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::frames::{self, CLOSE, Incoming, PONG, Reader, frame};
use crate::sends::IN_PARTS;
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
    poke: Arc<Bell>,
    _closed: OwnedFd,
}

impl Server {
    pub(crate) fn start() -> Server {
        let listeners = [listen(), listen()];
        option(&listeners[1], libc::SOL_SOCKET, libc::SO_RCVBUF, 4096);
        option(&listeners[1], libc::IPPROTO_TCP, libc::TCP_MAXSEG, 1000);
        let port = |of: &TcpListener| of.local_addr().expect("bound").port();
        let (closed, closed_port) = bound_only();
        let (wires, poke) = (Arc::<Mutex<HashMap<_, _>>>::default(), Bell::new());
        let server = Server {
            wide: port(&listeners[0]),
            narrow: port(&listeners[1]),
            closed: closed_port,
            wires: Arc::clone(&wires),
            poke: Arc::clone(&poke),
            _closed: closed,
        };
        let turns = Turns { listeners, wires, poke, connections: Vec::new() };
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

fn listen() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a listener that does not wait");
    listener
}

/// A port that is taken, and answers nobody.
fn bound_only() -> (OwnedFd, u16) {
    use std::os::fd::FromRawFd;
    // SAFETY: plain calls with memory of the right size; the descriptor is ours.
    unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        let mut address: libc::sockaddr_in = std::mem::zeroed();
        let mut len = size_of_val(&address) as libc::socklen_t;
        address.sin_family = libc::AF_INET as libc::sa_family_t;
        address.sin_addr.s_addr = u32::from_ne_bytes([127, 0, 0, 1]);
        assert_eq!(libc::bind(fd, (&raw const address).cast(), len), 0, "a port");
        assert_eq!(libc::getsockname(fd, (&raw mut address).cast(), &mut len), 0, "its number");
        (OwnedFd::from_raw_fd(fd), u16::from_be(address.sin_port))
    }
}

fn option(socket: &impl AsRawFd, level: i32, name: i32, value: i32) {
    // SAFETY: an int, as these options want.
    let set = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), 4) };
    assert_eq!(set, 0, "socket option {name}");
}

struct Turns {
    listeners: [TcpListener; 2],
    wires: Arc<Mutex<HashMap<u64, Arc<Wire>>>>,
    poke: Arc<Bell>,
    connections: Vec<Connection>,
}

impl Turns {
    fn run(mut self) {
        loop {
            let watch = |fd, events| libc::pollfd { fd, events, revents: 0 };
            let mut fds = vec![watch(self.poke.fd, libc::POLLIN)];
            fds.extend(self.listeners.iter().map(|listener| watch(listener.as_raw_fd(), libc::POLLIN)));
            fds.extend(self.connections.iter().map(|c| watch(c.stream.as_raw_fd(), c.interest())));
            // SAFETY: a vector of pollfd with its length.
            unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, -1) };
            self.poke.hush();
            for listener in &self.listeners {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true).expect("a stream that does not wait");
                    stream.set_nodelay(true).expect("a stream that does not linger");
                    self.connections.push(Connection::new(stream));
                }
            }
            let wires = &self.wires;
            let mut events = fds[1 + self.listeners.len()..].iter().map(|fd| fd.revents);
            self.connections.retain_mut(|connection| {
                let hung_up =
                    events.next().is_some_and(|events| events & (libc::POLLHUP | libc::POLLERR) != 0);
                let stays = connection.turn(wires, hung_up);
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

struct Connection {
    stream: TcpStream,
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
    fn new(stream: TcpStream) -> Connection {
        Connection {
            stream,
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

    fn interest(&self) -> libc::c_short {
        let reads = self.wire.as_ref().is_none_or(|wire| wire.state().reading);
        (if reads { libc::POLLIN } else { 0 }) | (if self.out.is_empty() { 0 } else { libc::POLLOUT })
    }

    /// Does what can be done now; says whether there is a connection still.
    fn turn(&mut self, wires: &Mutex<HashMap<u64, Arc<Wire>>>, hung_up: bool) -> bool {
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
        self.over |= hung_up;
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
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return bytes,
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
        let linger = libc::linger { l_onoff: 1, l_linger: 0 };
        // SAFETY: the structure that SO_LINGER wants, with its size.
        unsafe {
            let (fd, len) = (self.stream.as_raw_fd(), size_of_val(&linger) as libc::socklen_t);
            libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_LINGER, (&raw const linger).cast(), len);
        }
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
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.out.clear(),
            }
        }
        if self.fin && !self.fin_sent && !self.over {
            self.fin_sent = true;
            // Whoever is gone already need not be told.
            let _ = self.stream.shutdown(std::net::Shutdown::Write);
        }
    }
}
