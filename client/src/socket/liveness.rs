//! Whether the server is still there: when to ping it, and when to give it up. A plain state machine: the time, and
//! what was heard, are arguments. It is asked when its timer fires, never for a message.
//!
//! Three things must not look like a dead server: a host that is slow, so that reading stands still; a machine that
//! slept, so that nobody listened; and a long message of ours on a slow road, behind which the ping still waits.

use crate::options::LivenessLimits;
use std::time::{Duration, Instant};

/// A timer that fires so much too late was not late because of a busy thread: the machine slept, or the process was
/// stopped.
const SLEPT: Duration = Duration::from_secs(1);

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Nothing, until then.
    Wait(Option<Instant>),
    /// Read what has come, then ask again: nobody is dead before that.
    Look,
    /// Ping, and ask again then.
    Ping(Option<Instant>),
    /// Nothing was heard for the idle timeout.
    Idle(Duration),
    /// The ping was not answered in time.
    Unanswered(Duration),
}

/// What was found out before the state machine is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub(super) now: Instant,
    /// When the last byte came, or the connection was opened.
    pub(super) last: Instant,
    /// What had come was read just now.
    pub(super) looked: bool,
    /// The pong of our last ping has not come.
    pub(super) out: bool,
    /// The ping has not reached the server yet, and the network goes on taking what lies before it.
    pub(super) on_its_way: bool,
}

/// One connection's silence.
#[derive(Debug)]
pub(super) struct Liveness {
    limits: LivenessLimits,
    /// Silence counts from here.
    since: Instant,
    /// A ping is out since then, and nothing was heard since.
    pinged: Option<Instant>,
    /// When the last ping went out, or the connection was opened.
    asked: Instant,
    /// The pong of that ping had not come when it was last judged.
    out: bool,
    /// When it was last judged, and when that was to be again.
    judged: Instant,
    planned: Option<Instant>,
    /// The machine has slept: no verdict before the ping had its time.
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

    /// When to ask again; `None`: never, unless something happens.
    pub(super) fn due(&self) -> Option<Instant> {
        let next = match self.answer_due() {
            // Nobody tells when the answer comes: it is looked for each interval, so that the next ping is in time.
            _ if self.awaits_pong(self.judged) => self.in_an_interval(),
            Some(_) => self.in_an_interval(),
            None => self.next_ping(),
        };
        // Likewise a reprieve ends with what is heard.
        let heard = self.reprieve.and_then(|_| self.judged.checked_add(self.limits.idle_timeout?));
        [self.idle_end(), self.answer_due(), next, heard].into_iter().flatten().min()
    }

    fn in_an_interval(&self) -> Option<Instant> {
        self.judged.checked_add(self.limits.ping_interval?)
    }

    /// Whether the server speaks, is to be pinged all the same, and has its time for the pong of the ping before.
    fn awaits_pong(&self, now: Instant) -> bool {
        let end = self.limits.ping_timeout.and_then(|timeout| self.asked.checked_add(timeout));
        self.limits.ping_always
            && self.out
            && self.limits.ping_timeout.is_some()
            && end.is_none_or(|end| now < end)
    }

    /// With no limit for the answer, pings go on.
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

    /// Reading goes on after it stood still: silence counts anew, and a ping has its whole time again.
    pub(super) fn restart(&mut self, now: Instant) {
        self.judged = now;
        self.since = now;
        self.asked = now;
        self.pinged = self.pinged.map(|_| now);
        self.reprieve = None;
        self.planned = self.due();
    }

    /// What is to be done.
    pub(super) fn judge(&mut self, heard: Heard) -> Verdict {
        let Heard { now, last, looked, out, on_its_way } = heard;
        self.judged = now;
        self.out = out;
        if last > self.since {
            self.since = last;
            self.reprieve = None;
            self.pinged = self.pinged.filter(|pinged| last < *pinged);
        }
        let past = |end: Option<Instant>| end.is_some_and(|end| now >= end);
        if past(self.answer_due()) || past(self.idle_end()) {
            if !looked {
                return Verdict::Look;
            }
            if self.planned.is_some_and(|planned| now.saturating_duration_since(planned) > SLEPT) {
                return self.ask_again(now);
            }
            if past(self.idle_end()) {
                return Verdict::Idle(now - self.since);
            }
            if !on_its_way {
                return Verdict::Unanswered(self.pinged.map_or(Duration::ZERO, |pinged| now - pinged));
            }
            self.pinged = Some(now);
        }
        let ping = self.pinged.is_none() || self.limits.ping_timeout.is_none();
        if ping && past(self.next_ping()) && !self.awaits_pong(now) {
            // What has come may put the ping off; not each byte wakes a reader.
            if !looked {
                return Verdict::Look;
            }
            self.ping_out(now);
            self.planned = self.due();
            return Verdict::Ping(self.planned);
        }
        self.planned = self.due();
        Verdict::Wait(self.planned)
    }

    fn ping_out(&mut self, now: Instant) {
        self.pinged = Some(now);
        self.asked = now;
        self.out = true;
    }

    /// Nobody listened for a while: the server is asked, and has its whole time to answer.
    fn ask_again(&mut self, now: Instant) -> Verdict {
        self.since = now;
        self.ping_out(now);
        self.reprieve = self.limits.ping_timeout.and_then(|timeout| now.checked_add(timeout));
        self.planned = self.due();
        Verdict::Ping(self.planned)
    }
}

#[cfg(test)]
#[path = "liveness/tests.rs"]
mod tests;
