//! Looks after the server's silence, for sockets whose options ask for it: the timer, what was heard, and the pings of
//! our own. What follows from it, `liveness` decides.
//!
//! The task has the timer, whoever reads: the facts are in the socket. A turn costs one look at the clock where
//! bytes came; a message costs nothing.

use super::liveness::{Heard, Liveness, Verdict};
use super::outgoing::Phase;
use super::receive::ReadOutcome;
use super::{Settings, Socket};
use crate::error::{Component, Error, ErrorCode};
use crate::log::log;
use crate::random;
use crate::transport::Transport;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use ws4d_protocol::frame::OpCode;
use ws4d_protocol::send::encode;

/// What every reader notes, on whatever thread.
pub(super) struct ReceiveActivity {
    born: Instant,
    /// When the last bytes came, in microseconds since `born`; noted only where it matters.
    last: AtomicU64,
    /// Reading stands still, because the receive buffer is full.
    held: AtomicBool,
    /// How often it began to.
    holds: AtomicU64,
}

impl ReceiveActivity {
    pub(super) fn new() -> ReceiveActivity {
        ReceiveActivity {
            born: Instant::now(),
            last: AtomicU64::new(0),
            held: AtomicBool::new(false),
            holds: AtomicU64::new(0),
        }
    }

    /// Something was heard just now.
    fn note(&self) {
        let micros = self.born.elapsed().as_micros();
        self.last.store(u64::try_from(micros).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.born + Duration::from_micros(self.last.load(Ordering::Relaxed))
    }

    /// Whether reading stands still from now on. Says whether it goes on, after it stood.
    pub(super) fn set_reading_paused(&self, held: bool) -> bool {
        let changes = held != self.held.load(Ordering::Relaxed);
        if changes {
            self.held.store(held, Ordering::Relaxed);
            self.holds.fetch_add(u64::from(held), Ordering::Relaxed);
        }
        changes && !held
    }
}

/// A ping of ours, as far as the road to the server is concerned.
#[derive(Default)]
struct PingInFlight {
    /// Where in the stream it ends, once it has left for the kernel.
    end: Option<u64>,
    /// So much of the stream had arrived when it was last looked at.
    arrived: u64,
}

/// One socket's timer.
pub(super) struct KeepAlive {
    liveness: Liveness,
    until: Option<Instant>,
    holds: u64,
    ping: PingInFlight,
    /// The connection is not open any more: how it ends is not decided here.
    over: bool,
}

impl KeepAlive {
    /// From the open connection on; `None` where nothing is to be looked after.
    pub(super) fn begin(socket: &Socket) -> Option<Box<KeepAlive>> {
        let Settings { liveness: limits, .. } = socket.settings;
        if !limits.has_limits() {
            return None;
        }
        socket.receive_activity.note();
        let liveness = Liveness::new(limits, socket.receive_activity.last());
        let until = liveness.due();
        Some(Box::new(KeepAlive {
            liveness,
            until,
            holds: socket.receive_activity.holds.load(Ordering::Relaxed),
            ping: PingInFlight::default(),
            over: false,
        }))
    }

    /// When it is time to look; `None` where there is nothing to look after.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// To be called once a turn: while reading stands still, so does the time.
    pub(super) fn turn(&mut self, socket: &Socket) {
        if self.over || socket.receive_activity.held.load(Ordering::Relaxed) {
            self.until = None;
            return;
        }
        let holds = socket.receive_activity.holds.load(Ordering::Relaxed);
        if holds != self.holds || self.until.is_none() {
            self.holds = holds;
            self.liveness.restart(Instant::now());
            self.until = self.liveness.due();
        }
    }

    /// It is time to look.
    pub(super) fn look(&mut self, socket: &Arc<Socket>) {
        let mut looked = false;
        loop {
            self.over = !socket.is_open();
            self.turn(socket);
            // Reading stands still, or has just begun again.
            if self.until.is_none_or(|until| until > Instant::now()) {
                return;
            }
            let on_its_way = looked && self.ping.is_on_its_way(socket);
            let out = socket.settings.liveness.ping_always && socket.outgoing.lock().own_ping_is_out();
            let last = socket.receive_activity.last();
            let heard = Heard { now: Instant::now(), last, looked, out, on_its_way };
            match self.liveness.judge(heard) {
                Verdict::Wait(until) => return self.until = until,
                Verdict::Look => {
                    socket.look_for_bytes();
                    looked = true;
                }
                Verdict::Ping(until) => {
                    self.until = until;
                    return self.ping.send(socket);
                }
                Verdict::Idle(silence) => {
                    return socket.give_up_silent(silence, "sent nothing", "idle_timeout_ms");
                }
                Verdict::Unanswered(silence) => {
                    return socket.give_up_silent(silence, "not answered a ping", "ping_timeout_ms");
                }
            }
        }
    }
}

impl PingInFlight {
    fn send(&mut self, socket: &Arc<Socket>) {
        socket.keep_alive();
        *self = PingInFlight::default();
        self.is_on_its_way(socket);
    }

    /// Whether the ping has still to arrive, and what lies before it went on meanwhile.
    fn is_on_its_way(&mut self, socket: &Socket) -> bool {
        let outgoing = socket.outgoing.lock();
        let Some(transport) = outgoing.transport.clone() else { return false };
        let blocked = outgoing.blocked || outgoing.flushing;
        drop(outgoing);
        let Some(arrived) = arrived(&transport) else { return false };
        if !blocked {
            self.end.get_or_insert(transport.traffic().sent());
        }
        let went_on = arrived > self.arrived;
        self.arrived = arrived;
        went_on && self.end.is_none_or(|end| arrived < end)
    }
}

/// How many bytes of ours the server's TCP has got; `None` where the system does not tell.
fn arrived(transport: &Transport) -> Option<u64> {
    let waiting = transport.unacknowledged()?;
    Some(transport.traffic().sent().saturating_sub(waiting))
}

impl Socket {
    /// One read has brought something, or not.
    #[inline]
    pub(super) fn record_read(&self, transport: &Transport, received_before: u64) {
        if self.settings.liveness.has_limits() && transport.traffic().received() != received_before {
            self.receive_activity.note();
        }
    }

    /// Reads here, whoever has the descriptor: who that is would not be told of what stays.
    pub(super) fn look_for_bytes(self: &Arc<Self>) -> ReadOutcome {
        let outcome = self.read_ready();
        if matches!(outcome, ReadOutcome::Full | ReadOutcome::More)
            && let Some(key) = self.key.get()
        {
            self.dispatcher.leave_to_owner(*key);
        }
        outcome
    }

    fn is_open(&self) -> bool {
        let outgoing = self.outgoing.lock();
        outgoing.phase == Phase::Open && outgoing.failure.is_none() && outgoing.write_error.is_none()
    }

    /// A ping of our own, whose pong is no event.
    fn keep_alive(self: &Arc<Self>) {
        // Nothing that a ping of the host's would have.
        let payload = random::bytes::<8>();
        let mut frame = Vec::with_capacity(14);
        if encode(OpCode::Ping, true, &payload, random::mask_key(), &mut frame).is_err() {
            return;
        }
        let mut outgoing = self.outgoing.lock();
        if outgoing.queue.push_control(&frame, 0).is_err() {
            return;
        }
        outgoing.remember_ping(&payload, false);
        drop(outgoing);
        log!(Trace, Component::WebSocket, "socket {}: keep-alive ping", self.id());
        self.flush();
    }

    fn give_up_silent(self: &Arc<Self>, silence: Duration, what: &str, option: &str) {
        let message = format!(
            "The server of {} has {what} for {} ms and was given up (ws_options_set_{option})",
            self.shown(),
            silence.as_millis()
        );
        self.finish(Some(Error::new(ErrorCode::Timeout, Component::WebSocket, message)));
    }
}
