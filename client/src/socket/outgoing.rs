//! Send state and connection phase, guarded by `Socket::outgoing`. Admits messages and makes control frames; `send`
//! and `flush` write, `closing` ends.

use super::queue::OutQueue;
use super::stats::SentCounts;
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

/// Maximum number of unanswered pings whose pongs are recognised.
const MOST_PINGS: usize = 65536;

/// Phase of the connection. The host sees a coarser one ([`Status`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Connecting,
    Open,
    /// A close frame is queued or sent; waits for the server's, or for the end of its TCP stream.
    Closing,
    /// The end was reported to the host; the transport closes in the background.
    Lingering,
    Over,
}

/// A failure that the reader found: the server violated the protocol, or there is no memory for its message.
pub(super) struct ConnectionFailure {
    pub(super) close_code: u16,
    /// Reason for the server. Never the message for the host: that names the URL, whose query may hold a token.
    pub(super) reason: String,
    pub(super) error: Error,
}

/// Send state and connection phase, guarded by `Socket::outgoing`.
pub(super) struct Outgoing {
    pub(super) phase: Phase,
    pub(super) transport: Option<Arc<Transport>>,
    pub(super) queue: OutQueue,
    pub(super) corked: bool,
    /// A thread is writing; it checks the queue again before it stops.
    pub(super) flushing: bool,
    /// The kernel takes no more; the I/O thread waits until it does.
    pub(super) blocked: bool,
    pub(super) want_drain: bool,
    /// As `want_drain`, for a refused part, which only what stands before it holds up.
    pub(super) part_wants_drain: bool,
    /// The close frame was written, or a thread is just writing it: the answer may come before that thread returns.
    pub(super) close_sent: bool,
    /// Our side of the stream is to be ended once everything has left.
    pub(super) ends_sending: bool,
    /// Code of our close frame; 1005 for an empty one.
    close_code: u16,
    pub(super) received: Option<Box<ReceivedClose>>,
    pub(super) write_error: Option<io::Error>,
    /// A panic has dropped a role; the task does the rest of its work.
    pub(super) undone: bool,
    /// A message, or a part of one, is lost: nothing more may leave.
    pub(super) lost: bool,
    /// The host has closed before anything failed: later failures are no error for it.
    pub(super) ended_by_host: bool,
    /// The server has ended its stream after its close frame.
    pub(super) read_ended: bool,
    /// The end was claimed by a thread that reports it to the host; see [`claim_report`](Self::claim_report).
    pub(super) end_reported: bool,
    /// Set when the connection is to be failed, once the host has received all earlier messages.
    pub(super) failure: Option<Box<ConnectionFailure>>,
    pub(super) deadline: Option<Instant>,
    /// Parameters of permessage-deflate, if agreed.
    pub(super) deflate: Option<deflate::Params>,
    /// Accepted messages that have a place in the queue and wait for the connection or the deflater to be encoded.
    pub(super) waiting: VecDeque<Waiting>,
    /// The thread that encodes `waiting`, and compresses with a context that is kept between messages.
    pub(super) encoder: Encoder,
    pub(super) sent: SentCounts,
    /// Time from the last answered ping to its pong.
    pub(super) round_trip: Option<Duration>,
    /// Unanswered pings, newest last.
    pings: VecDeque<Ping>,
}

/// What a socket's task has to know before it waits.
pub(super) struct TaskView {
    /// A failure, the end, or messages to be encoded wait for the task.
    pub(super) has_work: bool,
    /// Bytes of the server are still of interest.
    pub(super) reads: bool,
    pub(super) blocked: bool,
    pub(super) deadline: Option<Instant>,
}

/// The server's close frame.
pub(super) struct ReceivedClose {
    pub(super) frame: CloseFrame,
    /// When it came.
    pub(super) time_us: i64,
}

struct Ping {
    /// Hash of the payload.
    hash: u64,
    sent: Instant,
    wanted: bool,
}

/// The thread that may use the deflater: messages must reach it in the order of their places. Only that thread passes
/// it on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Encoder {
    Nobody,
    /// A thread that sends its own message; messages of other threads wait in `waiting`.
    Sender,
    /// The I/O thread, until `waiting` is empty.
    IoThread,
    /// The message that goes out in parts, until its end; messages that are sent meanwhile wait in `waiting`.
    Parts,
}

/// An accepted message that is not encoded yet.
pub(super) struct Waiting {
    pub(super) ticket: u64,
    pub(super) what: WaitsFor,
}

pub(super) enum WaitsFor {
    /// To be encoded.
    Message { charge: usize, message: OutgoingMessage<Vec<u8>> },
    /// The parts of the open message that `Socket::streaming` keeps, and the deflater for those to come.
    Parts,
}

/// A message on its way out.
#[derive(Clone, Copy)]
pub(super) struct OutgoingMessage<P> {
    pub(super) opcode: OpCode,
    pub(super) payload: P,
    /// Sent without compression.
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
            part_wants_drain: false,
            close_sent: false,
            ends_sending: false,
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
            sent: SentCounts::default(),
            round_trip: None,
            encoder: Encoder::Nobody,
            pings: VecDeque::new(),
        }
    }

    /// Checks whether a message may be queued. A full buffer ends a cork, so that the caller has to flush.
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

    /// Records that a message was refused because the buffer is full: a drain is owed, and a cork ends.
    pub(super) fn refuse_full(&mut self) {
        self.want_drain = true;
        self.corked = false;
    }

    /// Returns whether nothing more can be sent.
    pub(super) fn is_broken(&self) -> bool {
        self.write_error.is_some() || self.lost
    }

    /// Queues a copy of a message that is to be encoded later.
    pub(super) fn wait(&mut self, message: OutgoingMessage<&[u8]>, charge: usize) -> Result<(), ErrorCode> {
        let mut payload = Vec::new();
        payload.try_reserve_exact(message.payload.len()).map_err(|_| ErrorCode::OutOfMemory)?;
        payload.extend_from_slice(message.payload);
        let message = OutgoingMessage { opcode: message.opcode, payload, plain: message.plain };
        self.keep(message, charge).map_err(|_| ErrorCode::OutOfMemory)
    }

    /// Queues a message that is to be encoded later; returns it if there is no memory for its place.
    pub(super) fn keep(
        &mut self,
        message: OutgoingMessage<Vec<u8>>,
        charge: usize,
    ) -> Result<(), OutgoingMessage<Vec<u8>>> {
        if self.waiting.try_reserve(1).is_err() {
            return Err(message);
        }
        let Ok(ticket) = self.queue.reserve(charge) else { return Err(message) };
        self.waiting.push_back(Waiting { ticket, what: WaitsFor::Message { charge, message } });
        Ok(())
    }

    /// Passes the deflater to the I/O thread if messages wait, because a sender does not encode those of other
    /// threads.
    pub(super) fn hand_over(&mut self) {
        self.encoder = if self.waiting.is_empty() { Encoder::Nobody } else { Encoder::IoThread };
    }

    /// Claims the report of the end to the host; returns `false` if another thread has claimed it.
    pub(super) fn claim_report(&mut self) -> bool {
        !std::mem::replace(&mut self.end_reported, true)
    }

    /// Returns what the task has to know before it waits.
    pub(super) fn for_task(&self) -> TaskView {
        let encodes = self.encoder == Encoder::IoThread;
        TaskView {
            has_work: self.undone || self.failure.is_some() || encodes || self.is_answered(),
            reads: self.failure.is_none() && !self.read_ended,
            blocked: self.blocked,
            deadline: self.deadline,
        }
    }

    /// Returns whether, after the end of the server's stream, our close frame was sent, or never will be.
    pub(super) fn is_answered(&self) -> bool {
        self.read_ended && !self.flushing && (self.close_sent || self.is_broken())
    }

    /// Ends our side of the stream, if that is due and no thread is still writing what was before it.
    pub(super) fn end_sending(&mut self) {
        if !self.ends_sending || !self.close_sent || self.blocked || self.flushing {
            return;
        }
        if let Some(transport) = &self.transport {
            transport.finish_sending();
            self.ends_sending = false;
        }
    }

    /// Drops all messages of which nothing was written.
    pub(super) fn drop_unsent(&mut self) {
        self.waiting.clear();
        self.queue.drop_unsent();
    }

    /// Drops the whole queue: the connection is over.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.queue.clear();
    }

    /// Queues the close frame; an empty one for `None`. It comes behind all messages, and behind the parts of an open one.
    pub(super) fn close_with(&mut self, code: Option<u16>, reason: &str) {
        self.close_code = code.unwrap_or(1005);
        if let Some(ticket) = self.queue.drop_behind_parts() {
            self.waiting.retain(|waiting| waiting.ticket <= ticket);
            // Parts that were kept are encoded first.
            if !self.waiting.iter().any(|waiting| waiting.ticket == ticket) {
                self.queue.cut_parts(ticket);
            }
        }
        self.queue.push_close(close_frame(code, reason));
        self.corked = false;
    }

    /// The code of our close frame, or 0 until it was sent.
    pub(super) fn code_sent(&self) -> u16 {
        if self.close_sent { self.close_code } else { 0 }
    }

    /// Returns whether a promised drain is due, and clears the promise.
    pub(super) fn take_drain(&mut self, limit: usize) -> bool {
        if self.phase != Phase::Open || self.is_broken() {
            return false;
        }
        let has_room = |buffered| limit == 0 || buffered < limit.div_ceil(2);
        let due = self.want_drain && has_room(self.queue.buffered());
        let part_due = self.part_wants_drain && has_room(self.queue.buffered_before_parts());
        self.want_drain &= !due;
        self.part_wants_drain &= !part_due;
        due || part_due
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
        // The newest pong also answers the pings before (RFC 6455 §5.5.3).
        if self.blocked || self.queue.push_control(&frame, 0).is_err() {
            self.queue.push_late_pong(frame);
        }
    }

    /// Remembers a ping, so that its pong is recognised. `wanted`: the pong is an event for the host.
    pub(super) fn remember_ping(&mut self, payload: &[u8], wanted: bool) {
        // Drops the oldest one, also if there is no memory for another.
        if self.pings.len() >= MOST_PINGS || self.pings.try_reserve(1).is_err() {
            self.pings.pop_front();
        }
        self.pings.push_back(Ping { hash: hash(payload), sent: Instant::now(), wanted });
    }

    /// Returns whether the pong of a ping of our own is outstanding.
    pub(super) fn own_ping_is_out(&self) -> bool {
        self.pings.iter().any(|ping| !ping.wanted)
    }

    /// Returns whether a pong answers a ping of the host. It answers all earlier pings as well (RFC 6455 §5.5.3).
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
