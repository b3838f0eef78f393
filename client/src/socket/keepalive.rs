//! Detection of a silent server, for sockets whose options ask for it: the timer, the receive activity, and our own
//! pings. `liveness` decides what follows from them.
//!
//! The task has the timer; the facts are in the socket, where any reading thread records them. A read that brings
//! bytes costs one reading of the clock, a message costs nothing.

use super::liveness::{Liveness, LivenessAction, Observed};
use super::outgoing::Phase;
use super::receive::ReadOutcome;
use super::{Settings, Socket};
use crate::clock;
use crate::error::{Component, Error, ErrorCode};
use crate::log::log;
use crate::random;
use crate::transport::Transport;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use ws4d_protocol::frame::OpCode;
use ws4d_protocol::send::encode;

/// Receive activity, recorded by every reading thread.
pub(super) struct ReceiveActivity {
    born: Instant,
    /// When the last bytes came, in microseconds since `born`; recorded only where a limit needs it.
    last: AtomicU64,
    /// Reading is paused, because the receive buffer is full.
    held: AtomicBool,
    /// Number of times that reading was paused.
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

    /// Records that bytes came just now.
    fn note(&self) {
        let micros = self.born.elapsed().as_micros();
        self.last.store(u64::try_from(micros).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.born + Duration::from_micros(self.last.load(Ordering::Relaxed))
    }

    /// Records whether reading is paused from now on. Returns `true` if it resumes after a pause.
    pub(super) fn set_reading_paused(&self, held: bool) -> bool {
        let changes = held != self.held.load(Ordering::Relaxed);
        if changes {
            self.held.store(held, Ordering::Relaxed);
            self.holds.fetch_add(u64::from(held), Ordering::Relaxed);
        }
        changes && !held
    }
}

/// Our ping on its way to the server.
#[derive(Default)]
struct PingInFlight {
    /// Position in the stream where the ping ends, once the kernel has taken it.
    end: Option<u64>,
    /// Number of bytes of the stream that had arrived at the last check.
    arrived: u64,
}

/// The keep-alive timer of one socket.
pub(super) struct KeepAlive {
    liveness: Liveness,
    until: Option<Instant>,
    holds: u64,
    ping: PingInFlight,
    /// The connection is not open any more; its end is decided elsewhere.
    over: bool,
}

impl KeepAlive {
    /// Begins with the open connection; returns `None` where no limit is set.
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

    /// When the next check is due; `None` while there is nothing to check.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Updates the deadline; called once per pass of the task's loop. While reading is paused, so is the timer.
    pub(super) fn update(&mut self, socket: &Socket) {
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

    /// Checks the silence, when that is due.
    pub(super) fn check(&mut self, socket: &Arc<Socket>) {
        let mut was_read = false;
        loop {
            self.over = !socket.is_open();
            self.update(socket);
            // Reading is paused, or has just resumed.
            if self.until.is_none_or(|until| until > Instant::now()) {
                return;
            }
            let on_its_way = was_read && self.ping.is_on_its_way(socket);
            let out = socket.settings.liveness.ping_always && socket.outgoing.lock().own_ping_is_out();
            let last = socket.receive_activity.last();
            let observed = Observed { now: Instant::now(), last, was_read, out, on_its_way };
            match self.liveness.judge(observed) {
                LivenessAction::Wait(until) => return self.until = until,
                LivenessAction::Read => {
                    socket.read_pending();
                    was_read = true;
                }
                LivenessAction::Ping(until) => {
                    self.until = until;
                    return self.ping.send(socket);
                }
                LivenessAction::Idle(silence) => {
                    return socket.fail_silent(silence, "sent nothing", "idle_timeout_ms");
                }
                LivenessAction::Unanswered(silence) => {
                    return socket.fail_silent(silence, "not answered a ping", "ping_timeout_ms");
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

    /// Returns whether the ping has still to arrive, and the bytes before it made progress since the last check.
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

/// Number of our bytes that the server's TCP has acknowledged; `None` where the system does not report it.
fn arrived(transport: &Transport) -> Option<u64> {
    let waiting = transport.unacknowledged()?;
    Some(transport.traffic().sent().saturating_sub(waiting))
}

impl Socket {
    /// Records a read, if it has brought bytes; returns when the last one did, in microseconds since 1970.
    #[inline]
    pub(super) fn record_read(&self, transport: &Transport, received_before: u64) -> i64 {
        if transport.traffic().received() == received_before {
            return self.received.last_us.load(Ordering::Relaxed);
        }
        if self.settings.liveness.has_limits() {
            self.receive_activity.note();
        }
        let now = clock::now_us();
        self.received.last_us.store(now, Ordering::Relaxed);
        now
    }

    /// Reads on this thread, even where the descriptor is lent; the owner is then notified of bytes that stay, because
    /// its poller does not report them.
    pub(super) fn read_pending(self: &Arc<Self>) -> ReadOutcome {
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

    /// Sends a ping of our own, whose pong is no event.
    fn keep_alive(self: &Arc<Self>) {
        // A random payload, which differs from those of the host's pings.
        let payload = random::bytes::<8>();
        let mut frame = Vec::with_capacity(14);
        if encode(OpCode::Ping, true, &payload, random::mask_key(), &mut frame).is_err() {
            return;
        }
        let mut outgoing = self.outgoing.lock();
        // Nothing may follow the close frame of another thread.
        if outgoing.phase != Phase::Open || outgoing.queue.push_control(&frame, 0).is_err() {
            return;
        }
        outgoing.remember_ping(&payload, false);
        drop(outgoing);
        log!(Trace, Component::WebSocket, "socket {}: keep-alive ping", self.id());
        self.flush();
    }

    fn fail_silent(self: &Arc<Self>, silence: Duration, what: &str, option: &str) {
        let message = format!(
            "The server of {} has {what} for {} ms and was given up (ws_options_set_{option})",
            self.shown(),
            silence.as_millis()
        );
        self.finish(Some(Error::new(ErrorCode::Timeout, Component::WebSocket, message)));
    }
}
