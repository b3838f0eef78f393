//! What the `outgoing` lock guards: the phase of the connection, and what waits to be sent. Decides what may come in
//! and makes control frames; who writes is in `send`, who ends in `closing`.

use super::queue::OutQueue;
use super::stats::Sent;
use crate::error::{Error, ErrorCode};
use crate::random::mask_key;
use crate::transport::Transport;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use ws4d_protocol::close::{self, CloseFrame};
use ws4d_protocol::deflate;
use ws4d_protocol::frame::OpCode;
use ws4d_protocol::send::encode;

/// Of so many unanswered pings the answers are recognised.
const MOST_PINGS: usize = 65536;

/// Where the connection is. The host sees less ([`Status`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Connecting,
    Open,
    /// A close frame is queued or sent; the server's, or its end of the TCP connection, is waited for.
    Closing,
    /// The host has been told the end; the transport says goodbye in the background.
    Lingering,
    Over,
}

/// The server broke the rules, or sent what there is no memory for.
pub(super) struct ConnectionFailure {
    pub(super) close_code: u16,
    /// What the server is told. Never the host's message: that names the URL, whose query may hold a token.
    pub(super) reason: String,
    pub(super) error: Error,
}

/// What the `outgoing` lock guards: the phase, and what waits to be sent.
pub(super) struct Outgoing {
    pub(super) phase: Phase,
    pub(super) transport: Option<Arc<Transport>>,
    pub(super) queue: OutQueue,
    pub(super) corked: bool,
    /// A thread is writing; it will look again.
    pub(super) flushing: bool,
    /// The kernel took no more; the I/O thread waits until it does.
    pub(super) blocked: bool,
    pub(super) want_drain: bool,
    /// The close frame has left, or a thread is just writing it: its answer may come before that thread is back.
    pub(super) close_sent: bool,
    /// Of our close frame; 1005 for an empty one.
    close_code: u16,
    pub(super) received: Option<Box<CloseFrame>>,
    pub(super) write_error: Option<io::Error>,
    /// A panic has given a role up: what that has left is the task's to do.
    pub(super) undone: bool,
    /// A message, or a part of one, is lost: nothing more may leave.
    pub(super) lost: bool,
    /// The host has closed before anything had failed: what goes wrong from then on is no error for it.
    pub(super) ended_by_host: bool,
    /// The server has ended its stream behind its close frame, and ours has not left.
    pub(super) read_ended: bool,
    /// Whoever set this tells the host how it ended; nobody else does, whatever it has found.
    pub(super) end_reported: bool,
    /// To be given up, once the host has had what came before.
    pub(super) failure: Option<Box<ConnectionFailure>>,
    pub(super) deadline: Option<Instant>,
    /// What was agreed about compressed messages.
    pub(super) deflate: Option<deflate::Params>,
    /// Accepted messages whose place is taken and whose encoding waits: for the connection, or for the deflater.
    pub(super) waiting: VecDeque<Waiting>,
    /// Who encodes what waits, and compresses with a context that goes from message to message.
    pub(super) encoder: Encoder,
    pub(super) sent: Sent,
    /// From a ping to its pong, the last time.
    pub(super) round_trip: Option<Duration>,
    /// Pings that were not answered, newest last.
    pings: VecDeque<Ping>,
}

struct Ping {
    /// Of its payload.
    hash: u64,
    sent: Instant,
    wanted: bool,
}

/// Whose turn it is with the deflater: messages must reach it in the order of their places. Only who has the turn
/// gives it away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Encoder {
    Nobody,
    /// A thread that sends a message of its own; who comes meanwhile waits in `waiting`.
    Sender,
    /// The I/O thread, until nothing waits any more.
    IoThread,
}

/// A message that was accepted and is not encoded yet.
pub(super) struct Waiting {
    pub(super) ticket: u64,
    pub(super) charge: usize,
    pub(super) message: OutgoingMessage<Vec<u8>>,
}

/// A message on its way out.
#[derive(Clone, Copy)]
pub(super) struct OutgoingMessage<P> {
    pub(super) opcode: OpCode,
    pub(super) payload: P,
    /// Not to be compressed.
    pub(super) plain: bool,
}

impl Outgoing {
    pub(super) fn new() -> Outgoing {
        Outgoing {
            phase: Phase::Connecting,
            transport: None,
            queue: OutQueue::default(),
            corked: false,
            flushing: false,
            blocked: false,
            want_drain: false,
            close_sent: false,
            close_code: 0,
            received: None,
            write_error: None,
            undone: false,
            lost: false,
            ended_by_host: false,
            read_ended: false,
            end_reported: false,
            failure: None,
            deadline: None,
            deflate: None,
            waiting: VecDeque::new(),
            sent: Sent::default(),
            round_trip: None,
            encoder: Encoder::Nobody,
            pings: VecDeque::new(),
        }
    }

    /// Whether a message may come in. Where the buffer is full, a cork has ended: to be followed by a flush.
    pub(super) fn admit(&mut self, limit: usize) -> Result<(), ErrorCode> {
        if !matches!(self.phase, Phase::Connecting | Phase::Open) || self.is_broken() {
            return Err(ErrorCode::Closed);
        }
        if limit != 0 && self.queue.buffered() >= limit {
            self.refuse_full();
            return Err(ErrorCode::WouldBlock);
        }
        Ok(())
    }

    /// A message finds the buffer full: a drain is owed, and a cork has ended.
    pub(super) fn refuse_full(&mut self) {
        self.want_drain = true;
        self.corked = false;
    }

    /// Whether nothing more will leave.
    pub(super) fn is_broken(&self) -> bool {
        self.write_error.is_some() || self.lost
    }

    /// Keeps a copy of a message for when its turn comes.
    pub(super) fn wait(&mut self, message: OutgoingMessage<&[u8]>, charge: usize) -> Result<(), ErrorCode> {
        let mut payload = Vec::new();
        payload.try_reserve_exact(message.payload.len()).map_err(|_| ErrorCode::OutOfMemory)?;
        payload.extend_from_slice(message.payload);
        let message = OutgoingMessage { opcode: message.opcode, payload, plain: message.plain };
        self.keep(message, charge).map_err(|_| ErrorCode::OutOfMemory)
    }

    /// Keeps a message for when its turn comes; gives it back where there is no memory for its place.
    pub(super) fn keep(
        &mut self,
        message: OutgoingMessage<Vec<u8>>,
        charge: usize,
    ) -> Result<(), OutgoingMessage<Vec<u8>>> {
        if self.waiting.try_reserve(1).is_err() {
            return Err(message);
        }
        let Ok(ticket) = self.queue.reserve(charge) else { return Err(message) };
        self.waiting.push_back(Waiting { ticket, charge, message });
        Ok(())
    }

    /// Gives the turn to the I/O thread if messages wait; their own thread is not the sender of others.
    pub(super) fn hand_over(&mut self) {
        self.encoder = if self.waiting.is_empty() { Encoder::Nobody } else { Encoder::IoThread };
    }

    /// Claims to tell the host how it ended; `false`: another has.
    pub(super) fn claim_report(&mut self) -> bool {
        !std::mem::replace(&mut self.end_reported, true)
    }

    /// Whether what the server has still been owed has left, or never will.
    pub(super) fn is_answered(&self) -> bool {
        self.read_ended && !self.flushing && (self.close_sent || self.is_broken())
    }

    /// Drops what has not begun to leave.
    pub(super) fn drop_unsent(&mut self) {
        self.waiting.clear();
        self.queue.drop_unsent();
    }

    /// Drops all that waits: the connection is over.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.queue.clear();
    }

    /// Queues the close frame; with `None` an empty one.
    pub(super) fn close_with(&mut self, code: Option<u16>, reason: &str) {
        self.close_code = code.unwrap_or(1005);
        self.queue.push_close(close_frame(code, reason));
        self.corked = false;
    }

    /// The code of our close frame, once that has left; 0 before.
    pub(super) fn code_sent(&self) -> u16 {
        if self.close_sent { self.close_code } else { 0 }
    }

    /// Whether a drain that was promised is due.
    pub(super) fn take_drain(&mut self, limit: usize) -> bool {
        let due = self.want_drain
            && self.phase == Phase::Open
            && !self.is_broken()
            && (limit == 0 || self.queue.buffered() < limit.div_ceil(2));
        self.want_drain &= !due;
        due
    }

    /// Queues an automatic pong (RFC 6455 §5.5.3).
    pub(super) fn pong(&mut self, payload: &[u8]) {
        if !matches!(self.phase, Phase::Open | Phase::Closing) || self.close_sent {
            return;
        }
        let mut frame = Vec::with_capacity(6 + payload.len());
        if encode(OpCode::Pong, true, payload, mask_key(), &mut frame).is_err() {
            return;
        }
        // The newest one answers those before it as well (RFC 6455 §5.5.3).
        if self.blocked || self.queue.push_control(&frame, 0).is_err() {
            self.queue.push_late_pong(frame);
        }
    }

    /// Remembers a ping, so that its pong is recognised. `wanted`: the host wants to know of that.
    pub(super) fn remember_ping(&mut self, payload: &[u8], wanted: bool) {
        // The oldest gives its place up, also where there is no memory for one more.
        if self.pings.len() >= MOST_PINGS || self.pings.try_reserve(1).is_err() {
            self.pings.pop_front();
        }
        self.pings.push_back(Ping { hash: hash(payload), sent: Instant::now(), wanted });
    }

    /// Whether a ping of our own waits for its pong.
    pub(super) fn own_ping_is_out(&self) -> bool {
        self.pings.iter().any(|ping| !ping.wanted)
    }

    /// Whether a pong answers a ping of the host's; those before it are answered with it (RFC 6455 §5.5.3).
    pub(super) fn answers_ping(&mut self, payload: &[u8]) -> bool {
        let hash = hash(payload);
        let Some(at) = self.pings.iter().position(|ping| ping.hash == hash) else { return false };
        let Some(answered) = self.pings.drain(..=at).next_back() else { return false };
        self.round_trip = Some(answered.sent.elapsed());
        answered.wanted
    }
}

fn hash(payload: &[u8]) -> u64 {
    use std::hash::{BuildHasher, RandomState};
    static SHARED: std::sync::OnceLock<RandomState> = std::sync::OnceLock::new();
    SHARED.get_or_init(RandomState::new).hash_one(payload)
}

/// A close frame with this code and reason.
fn close_frame(code: Option<u16>, reason: &str) -> Vec<u8> {
    let mut payload = Vec::with_capacity(125);
    close::encode(code, reason, &mut payload);
    let mut frame = Vec::with_capacity(6 + payload.len());
    // At most 131 bytes: small allocations are assumed to succeed.
    let _ = encode(OpCode::Close, true, &payload, mask_key(), &mut frame);
    frame
}
