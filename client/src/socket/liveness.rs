//! Decides when to ping the server, and when to give it up as dead. A plain state machine: the clock and the receive
//! activity are arguments. It runs when its timer fires, never for a message.
//!
//! Three things must not look like a dead server: a slow host, so that reading is paused; a machine that slept, so
//! that nothing was read; and a long message of ours on a slow network, behind which the ping still waits.

use crate::options::LivenessLimits;
use std::time::{Duration, Instant};

/// A timer that is late by more than this was not delayed by a busy thread: the machine slept, or the process was
/// stopped.
const SLEPT: Duration = Duration::from_secs(1);

/// The decision of [`Liveness::judge`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LivenessAction {
    /// Nothing until then.
    Wait(Option<Instant>),
    /// Read first, then judge again: bytes that have arrived count.
    Read,
    /// Send a ping, and judge again then.
    Ping(Option<Instant>),
    /// Nothing was received for the idle timeout.
    Idle(Duration),
    /// The ping was not answered in time.
    Unanswered(Duration),
}

/// The facts that the state machine judges.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observed {
    pub(super) now: Instant,
    /// When the last byte came, or the connection was opened.
    pub(super) last: Instant,
    /// All bytes that had arrived were read just now.
    pub(super) was_read: bool,
    /// The pong of our last ping is outstanding.
    pub(super) out: bool,
    /// The ping has not reached the server yet, and the bytes before it make progress.
    pub(super) on_its_way: bool,
}

/// The silence of one connection.
#[derive(Debug)]
pub(super) struct Liveness {
    limits: LivenessLimits,
    /// Silence counts from here.
    since: Instant,
    /// When the outstanding ping was sent; nothing was received since.
    pinged: Option<Instant>,
    /// When the last ping was sent, or the connection was opened.
    asked: Instant,
    /// The pong of that ping was outstanding at the last judgement.
    out: bool,
    /// When the silence was last judged, and when the next judgement was planned.
    judged: Instant,
    planned: Option<Instant>,
    /// Set after the machine slept: no verdict before then, so that the ping has its full time.
    reprieve: Option<Instant>,
}

impl Liveness {
    pub(super) fn new(limits: LivenessLimits, now: Instant) -> Liveness {
        let mut liveness = Liveness {
            limits,
            since: now,
            pinged: None,
            asked: now,
            out: false,
            judged: now,
            planned: None,
            reprieve: None,
        };
        liveness.planned = liveness.due();
        liveness
    }

    /// When to judge again; `None`: never, unless something happens.
    pub(super) fn due(&self) -> Option<Instant> {
        let next = match self.answer_due() {
            // Nothing signals the answer: it is checked for each interval, so that the next ping is in time.
            _ if self.awaits_pong(self.judged) => self.in_an_interval(),
            Some(_) => self.in_an_interval(),
            None => self.next_ping(),
        };
        // In the same way, received bytes end a reprieve.
        let activity = self.reprieve.and_then(|_| self.judged.checked_add(self.limits.idle_timeout?));
        [self.idle_end(), self.answer_due(), next, activity].into_iter().flatten().min()
    }

    fn in_an_interval(&self) -> Option<Instant> {
        self.judged.checked_add(self.limits.ping_interval?)
    }

    /// Returns whether the last ping, sent although bytes come, still has time for its pong.
    fn awaits_pong(&self, now: Instant) -> bool {
        let end = self.limits.ping_timeout.and_then(|timeout| self.asked.checked_add(timeout));
        self.limits.ping_always
            && self.out
            && self.limits.ping_timeout.is_some()
            && end.is_none_or(|end| now < end)
    }

    /// Without a limit for the answer, pings go on.
    fn answer_due(&self) -> Option<Instant> {
        self.pinged?.checked_add(self.limits.ping_timeout?)
    }

    fn idle_end(&self) -> Option<Instant> {
        let end = self.since.checked_add(self.limits.idle_timeout?)?;
        Some(self.reprieve.map_or(end, |reprieve| end.max(reprieve)))
    }

    fn next_ping(&self) -> Option<Instant> {
        let last = if self.limits.ping_always { self.asked } else { self.pinged.unwrap_or(self.since) };
        last.checked_add(self.limits.ping_interval?)
    }

    /// Restarts the clock when reading resumes after a pause: the silence counts anew, and a ping has its full time
    /// again.
    pub(super) fn restart(&mut self, now: Instant) {
        self.judged = now;
        self.since = now;
        self.asked = now;
        self.pinged = self.pinged.map(|_| now);
        self.reprieve = None;
        self.planned = self.due();
    }

    /// Decides what to do now.
    pub(super) fn judge(&mut self, observed: Observed) -> LivenessAction {
        let Observed { now, last, was_read, out, on_its_way } = observed;
        self.judged = now;
        self.out = out;
        if last > self.since {
            self.since = last;
            self.reprieve = None;
            self.pinged = self.pinged.filter(|pinged| last < *pinged);
        }
        let past = |end: Option<Instant>| end.is_some_and(|end| now >= end);
        if past(self.answer_due()) || past(self.idle_end()) {
            if !was_read {
                return LivenessAction::Read;
            }
            if self.planned.is_some_and(|planned| now.saturating_duration_since(planned) > SLEPT) {
                return self.ask_again(now);
            }
            if past(self.idle_end()) {
                return LivenessAction::Idle(now - self.since);
            }
            if !on_its_way {
                return LivenessAction::Unanswered(self.pinged.map_or(Duration::ZERO, |pinged| now - pinged));
            }
            self.pinged = Some(now);
        }
        let ping = self.pinged.is_none() || self.limits.ping_timeout.is_none();
        if ping && past(self.next_ping()) && !self.awaits_pong(now) {
            // Bytes that have arrived may put the ping off; not each byte wakes a reader.
            if !was_read {
                return LivenessAction::Read;
            }
            self.ping_out(now);
            self.planned = self.due();
            return LivenessAction::Ping(self.planned);
        }
        self.planned = self.due();
        LivenessAction::Wait(self.planned)
    }

    fn ping_out(&mut self, now: Instant) {
        self.pinged = Some(now);
        self.asked = now;
        self.out = true;
    }

    /// Pings after a time in which nothing was read; the server has its full time to answer.
    fn ask_again(&mut self, now: Instant) -> LivenessAction {
        self.since = now;
        self.ping_out(now);
        self.reprieve = self.limits.ping_timeout.and_then(|timeout| now.checked_add(timeout));
        self.planned = self.due();
        LivenessAction::Ping(self.planned)
    }
}

#[cfg(test)]
#[path = "liveness/tests.rs"]
mod tests;
