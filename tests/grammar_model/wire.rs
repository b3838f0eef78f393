//! One connection of the scripted server, as a script sees it: what is to be sent, what was seen. The server's
//! thread does the rest.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mio::Waker;

use crate::frames::{self, BINARY, CLOSE, PING, PONG, TEXT, close_payload, frame};
use crate::system::{self, Event};

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Rings whenever something has happened that a script may wait for, be it together with a dispatcher's descriptor.
pub(crate) struct Bell {
    rings: Mutex<u64>,
    rung: Condvar,
    event: Event,
}

impl Bell {
    pub(crate) fn new() -> Arc<Bell> {
        Arc::new(Bell { rings: Mutex::new(0), rung: Condvar::new(), event: Event::new() })
    }

    pub(crate) fn ring(&self) {
        *lock(&self.rings) += 1;
        self.rung.notify_all();
        self.event.raise();
    }

    pub(crate) fn rings(&self) -> u64 {
        *lock(&self.rings)
    }

    /// Waits until it has rung since `seen`, a second at most: the caller looks again anyway.
    pub(crate) fn wait(&self, seen: u64) {
        let limit = Instant::now() + Duration::from_secs(1);
        let mut rings = lock(&self.rings);
        while *rings == seen {
            let left = limit.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            rings = self.rung.wait_timeout(rings, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until it rings, or this descriptor of a dispatcher is ready, a second at most; says whether it is.
    pub(crate) fn wait_with(&self, descriptor: isize) -> bool {
        let is_ready = system::wait_for(descriptor, Some(&self.event), 1000);
        self.event.lower();
        is_ready
    }
}

/// How the server answers the upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Accept,
    Refuse,
    Malformed,
    Fin,
    Rst,
    /// Not before the script says how.
    Hold,
}

/// Why the connection ends, as far as the server is concerned, in the order of its doings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ender {
    Close(Option<u16>, String),
    Garbage,
    Fin,
    Rst,
    Refused,
    Malformed,
    /// The end of the stream before the upgrade was answered.
    Early,
}

/// What is to be done next, in order.
pub(crate) enum Out {
    /// Bytes; whether they make a message whole.
    Bytes(Vec<u8>, bool),
    Close(Vec<u8>),
    Fin,
    Rst,
}

/// A message that the server sent, or would have.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) text: bool,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) struct WireState {
    pub(crate) answer: Answer,
    pub(crate) asked: bool,
    pub(crate) queue: VecDeque<Out>,
    pub(crate) reading: bool,
    pub(crate) answers_close: bool,
    pub(crate) sent: Vec<Sent>,
    /// The bytes of a message that never becomes whole, behind so many others.
    pub(crate) unfinished: Option<(usize, &'static [u8])>,
    /// Pings of the server's, each with the number of messages that it sent before.
    pub(crate) pings: Vec<(usize, &'static [u8])>,
    pub(crate) enders: Vec<Ender>,
    /// So many messages of `sent` were on the wire before the server ended anything.
    pub(crate) whole: usize,
    pub(crate) ended: bool,
    /// The server has sent control frames of its own.
    pub(crate) chatted: bool,
    pub(crate) got: Vec<String>,
    /// Those that were sent in parts.
    pub(crate) in_parts: Vec<Vec<u8>>,
    pub(crate) close_got: Option<Vec<u8>>,
    pub(crate) close_sent: bool,
    pub(crate) breach: Option<String>,
    /// The server has no connection any more.
    pub(crate) gone: bool,
    pub(crate) dismissed: bool,
}

/// One connection.
pub(crate) struct Wire {
    pub(crate) id: u64,
    pub(crate) state: Mutex<WireState>,
    pub(crate) bell: Arc<Bell>,
    /// Wakes the server.
    pub(crate) poke: Arc<Waker>,
}

impl Wire {
    pub(crate) fn new(id: u64, answer: Answer, bell: &Arc<Bell>, poke: &Arc<Waker>) -> Arc<Wire> {
        let state = WireState {
            answer: Answer::Hold,
            asked: false,
            queue: VecDeque::new(),
            reading: true,
            answers_close: true,
            sent: Vec::new(),
            unfinished: None,
            pings: Vec::new(),
            enders: Vec::new(),
            whole: 0,
            ended: false,
            chatted: false,
            got: Vec::new(),
            in_parts: Vec::new(),
            close_got: None,
            close_sent: false,
            breach: None,
            gone: false,
            dismissed: false,
        };
        let wire = Wire { id, state: Mutex::new(state), bell: Arc::clone(bell), poke: Arc::clone(poke) };
        wire.answer(answer);
        Arc::new(wire)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, WireState> {
        lock(&self.state)
    }

    fn change(&self, change: impl FnOnce(&mut WireState)) {
        change(&mut self.state());
        self.poke.wake().expect("the server");
    }

    /// Decides how the upgrade is answered, once.
    pub(crate) fn answer(&self, answer: Answer) {
        self.change(|state| {
            if state.answer != Answer::Hold {
                return;
            }
            state.answer = answer;
            match answer {
                Answer::Accept | Answer::Hold => {}
                Answer::Refuse => state.enders.push(Ender::Refused),
                Answer::Malformed => state.enders.push(Ender::Malformed),
                Answer::Fin | Answer::Rst => state.enders.push(Ender::Early),
            }
        });
    }

    /// Sends a message in so many frames.
    pub(crate) fn message(&self, text: bool, len: usize, parts: usize) {
        self.change(|state| state.message(self.id, text, len, parts));
    }

    /// Many messages, to arrive together.
    pub(crate) fn burst(&self, count: usize, len: usize) {
        self.change(|state| (0..count).for_each(|_| state.message(self.id, true, len, 1)));
    }

    pub(crate) fn ping(&self) {
        self.control(PING, b"server's");
    }

    pub(crate) fn unasked_pong(&self) {
        self.control(PONG, b"unasked");
    }

    fn control(&self, opcode: u8, payload: &'static [u8]) {
        self.change(|state| {
            state.chatted = true;
            if opcode == PING {
                state.pings.push((state.sent.len(), payload));
            }
            state.queue.push_back(Out::Bytes(frame(true, opcode, payload), false));
        });
    }

    /// A message that never becomes whole.
    pub(crate) fn unfinished(&self) {
        self.change(|state| {
            state.enders.push(Ender::Garbage);
            let before = state.sent.len();
            state.unfinished.get_or_insert((before, b"never"));
            state.queue.push_back(Out::Bytes(frame(false, TEXT, b"never"), false));
            state.queue.push_back(Out::Close(frame(true, TEXT, b"inside another")));
        });
    }

    /// What RFC 6455 forbids.
    pub(crate) fn garbage(&self, kind: usize) {
        let forbidden: [&[u8]; 4] = [
            b"\xff\xff\xff\xff",
            // A masked frame.
            b"\x81\x81aaaab",
            // Text that is not UTF-8.
            b"\x81\x02\xc3\x28",
            // A continuation of nothing.
            b"\x80\x01x",
        ];
        self.change(|state| {
            state.enders.push(Ender::Garbage);
            state.queue.push_back(Out::Close(forbidden[kind % 4].to_vec()));
        });
    }

    pub(crate) fn close(&self, code: Option<u16>, reason: &str) {
        self.change(|state| {
            state.enders.push(Ender::Close(code, reason.to_owned()));
            state.queue.push_back(Out::Close(frame(true, CLOSE, &close_payload(code, reason))));
        });
    }

    pub(crate) fn fin(&self) {
        self.end(Answer::Fin, Ender::Fin, Out::Fin);
    }

    pub(crate) fn rst(&self) {
        self.end(Answer::Rst, Ender::Rst, Out::Rst);
    }

    fn end(&self, answer: Answer, ender: Ender, out: Out) {
        if self.state().answer == Answer::Hold {
            return self.answer(answer);
        }
        self.change(|state| {
            state.enders.push(ender);
            state.queue.push_back(out);
        });
    }

    pub(crate) fn read(&self, on: bool) {
        self.change(|state| state.reading = on);
    }

    pub(crate) fn answer_close(&self, on: bool) {
        self.change(|state| state.answers_close = on);
    }

    /// The script is over: what is left of the connection is dropped.
    pub(crate) fn dismiss(&self) {
        self.change(|state| state.dismissed = true);
    }
}

impl WireState {
    /// Whether the server reads, and nothing keeps it from it.
    pub(crate) fn listens(&self) -> bool {
        self.reading && self.enders.is_empty() && self.answer == Answer::Accept
    }

    fn message(&mut self, wire: u64, text: bool, len: usize, parts: usize) {
        let mut bytes = format!("{wire}.{}:", self.sent.len()).into_bytes();
        if len == 0 {
            bytes.clear();
        }
        bytes.resize(len.max(bytes.len()), b'x');
        let opcode = if text { TEXT } else { BINARY };
        let frames = match parts {
            1 => frame(true, opcode, &bytes),
            _ => {
                self.pings.push((self.sent.len(), frames::BETWEEN));
                frames::fragmented(opcode, &bytes, parts, true)
            }
        };
        self.sent.push(Sent { text, bytes });
        self.queue.push_back(Out::Bytes(frames, true));
    }
}
