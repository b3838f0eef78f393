//! The progress of connecting, and how long each of its steps took: for the message of a timeout, for statistics, and for
//! the record of why a connection closed. Any thread may look while the I/O thread goes on.

use crate::error::Component;
use crate::sync::Mutex;
use std::net::SocketAddr;
use std::time::Instant;

/// The steps of connecting, in the usual order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Looking the name up.
    Dns,
    /// Connecting over TCP.
    Tcp,
    /// Being let through by a proxy.
    Proxy,
    /// The TLS handshake.
    Tls,
    /// Waiting for the answer to the upgrade.
    Upgrade,
}

const STEPS: usize = 5;

impl Step {
    /// The component and the words, behind "was given up", for a step that took too long.
    pub(super) fn name(self) -> (Component, &'static str) {
        match self {
            Step::Dns => (Component::Dns, "while looking the name up"),
            Step::Tcp => (Component::Tcp, "while connecting over TCP"),
            Step::Proxy => (Component::Proxy, "while waiting for the proxy"),
            Step::Tls => (Component::Tls, "during the TLS handshake"),
            Step::Upgrade => (Component::Http, "while waiting for the answer to the upgrade"),
        }
    }
}

/// The times of the steps of connecting, in microseconds; -1 for one that was not taken, or has not ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Phases {
    times: [i64; STEPS],
    /// All of it, from the beginning to the open connection, or to the failure.
    pub total: i64,
}

impl Phases {
    /// Nothing was begun.
    pub(crate) fn none() -> Phases {
        Phases { times: [-1; STEPS], total: -1 }
    }

    /// The time of one step. One that was taken several times (after a redirect) counts in all.
    pub fn of(&self, step: Step) -> i64 {
        self.times[step as usize]
    }
}

/// The progress of connecting.
pub(crate) struct Progress(Mutex<State>);

struct State {
    began: Instant,
    /// The step that goes on, or that failed.
    step: Step,
    /// A step goes on.
    begun: bool,
    since: Instant,
    phases: Phases,
    reached: Option<SocketAddr>,
    given_up: Option<SocketAddr>,
}

impl Progress {
    /// At the beginning, before the first step.
    pub(crate) fn new() -> Progress {
        let now = Instant::now();
        let phases = Phases::none();
        Progress(Mutex::new(State {
            began: now,
            step: Step::Dns,
            begun: false,
            since: now,
            phases,
            reached: None,
            given_up: None,
        }))
    }

    /// A step begins, and the one before it is over.
    pub(crate) fn enter(&self, step: Step) {
        let mut state = self.0.lock();
        let now = Instant::now();
        state.leave(now);
        (state.step, state.begun, state.since) = (step, true, now);
    }

    /// This address took a connection.
    pub(super) fn reach(&self, address: SocketAddr) {
        self.0.lock().reached = Some(address);
    }

    /// This address was no good, and others have their turn.
    pub(super) fn give_up(&self, address: SocketAddr) {
        self.0.lock().given_up = Some(address);
    }

    /// The address that was given up last.
    pub(crate) fn given_up(&self) -> Option<SocketAddr> {
        self.0.lock().given_up
    }

    /// The address that took a connection last, be it the server's or the proxy's.
    pub(crate) fn reached(&self) -> Option<SocketAddr> {
        self.0.lock().reached
    }

    /// Connecting is over, well or not. Only the first call counts.
    pub(crate) fn end(&self) {
        let mut state = self.0.lock();
        if state.phases.total < 0 {
            let now = Instant::now();
            state.leave(now);
            state.phases.total = micros(state.began, now);
        }
    }

    /// The step that goes on, or in which connecting ended.
    pub(crate) fn step(&self) -> Step {
        self.0.lock().step
    }

    pub(crate) fn phases(&self) -> Phases {
        self.0.lock().phases
    }
}

impl State {
    fn leave(&mut self, now: Instant) {
        if !std::mem::take(&mut self.begun) {
            return;
        }
        let time = &mut self.phases.times[self.step as usize];
        *time = (*time).max(0) + micros(self.since, now);
    }
}

fn micros(from: Instant, to: Instant) -> i64 {
    i64::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_that_was_taken_has_its_time() {
        let progress = Progress::new();
        for step in [Step::Dns, Step::Tcp, Step::Upgrade] {
            progress.enter(step);
        }
        assert_eq!((progress.phases().of(Step::Upgrade), progress.phases().total), (-1, -1), "not over yet");
        progress.end();
        let phases = progress.phases();
        assert!(phases.of(Step::Dns) >= 0 && phases.of(Step::Tcp) >= 0 && phases.of(Step::Upgrade) >= 0);
        assert_eq!((phases.of(Step::Proxy), phases.of(Step::Tls)), (-1, -1));
        let sum: i64 = [Step::Dns, Step::Tcp, Step::Upgrade].map(|step| phases.of(step)).iter().sum();
        assert!(sum <= phases.total, "{phases:?}");
        progress.end();
        assert_eq!(progress.phases(), phases, "the first end counts");
    }

    #[test]
    fn a_step_that_was_not_taken_has_no_time() {
        let progress = Progress::new();
        progress.enter(Step::Tcp);
        progress.enter(Step::Upgrade);
        progress.enter(Step::Tcp);
        progress.end();
        let phases = progress.phases();
        assert_eq!(phases.of(Step::Dns), -1);
        assert!(phases.of(Step::Tcp) >= 0 && phases.of(Step::Upgrade) >= 0);
    }

    #[test]
    fn a_failure_ends_the_step_in_which_it_came() {
        let progress = Progress::new();
        progress.enter(Step::Dns);
        progress.enter(Step::Tcp);
        progress.end();
        assert_eq!(progress.step(), Step::Tcp);
        assert!(progress.phases().of(Step::Tcp) >= 0 && progress.phases().of(Step::Tls) == -1);
    }
}
