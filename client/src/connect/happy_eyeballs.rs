//! Happy Eyeballs version 2 (RFC 8305): addresses of both families take turns, each attempt gets a head start before
//! the next begins beside it, the first that connects wins, and the others are dropped. Knows neither sockets nor the
//! resolver: they are arguments, so that the order and the times can be tried under a paused clock.

use crate::error::Error;
use crate::sync::Mutex;
use crate::timer::Sleep;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;
use tokio::time::Instant;

/// The head start of an attempt before the next begins (RFC 8305 §8: Connection Attempt Delay).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// The time for which IPv4 addresses that come first wait for those of IPv6 (RFC 8305 §8: Resolution Delay).
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);
/// So many addresses of a name are tried: a name server may give thousands, and each costs a descriptor.
pub(super) const MOST_ATTEMPTS: usize = 32;

/// A family of addresses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) fn of(address: &IpAddr) -> Family {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    pub(super) fn name(self) -> &'static str {
        if self == Family::V4 { "IPv4" } else { "IPv6" }
    }
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A question for addresses. Several may be under way at once.
pub(super) struct Lookup {
    /// The only family that it asks for.
    pub(super) family: Option<Family>,
    /// `true` once a worker has begun with it; `None` if it needs no worker.
    pub(super) begun: Option<Arc<AtomicBool>>,
    /// Empty: the name has no such address.
    pub(super) answer: BoxFuture<Result<Vec<SocketAddr>, Error>>,
}

/// The attempts so far, for errors; also those of a timeout, which come from outside.
#[derive(Default)]
pub(super) struct Attempts(Mutex<Tried>);

#[derive(Default)]
pub(super) struct Tried {
    /// Each address, and what became of it.
    pub(super) addresses: Vec<(SocketAddr, Outcome)>,
    /// Lookups that failed.
    pub(super) lookups: Vec<Error>,
    /// So many addresses were not tried.
    pub(super) left: usize,
    /// For each lookup, whether a worker has begun with it.
    begun: Vec<Arc<AtomicBool>>,
}

/// The outcome of an attempt at an address.
#[derive(Debug)]
pub(super) enum Outcome {
    /// No answer yet.
    Waiting,
    Failed(io::Error),
    Connected,
    /// It connected, and what came then failed.
    FailedLater(Error),
}

impl Outcome {
    /// The system's error, where connecting failed.
    pub(super) fn error(&self) -> Option<&io::Error> {
        if let Outcome::Failed(error) = self { Some(error) } else { None }
    }
}

impl Attempts {
    /// Takes what was noted, and begins anew.
    pub(super) fn take(&self) -> Tried {
        std::mem::take(&mut *self.0.lock())
    }

    /// Returns `true` if all lookups wait for a worker.
    pub(super) fn waits_for_a_worker(&self) -> bool {
        let tried = self.0.lock();
        !tried.begun.is_empty() && tried.begun.iter().all(|begun| !begun.load(Ordering::Relaxed))
    }

    /// Notes that what came behind the connection to this address failed.
    pub(super) fn failed_later(&self, address: SocketAddr, error: &Error) {
        let mut tried = self.0.lock();
        let entry = tried.addresses.iter_mut().rev().find(|(one, _)| *one == address);
        if let Some((_, outcome)) = entry {
            *outcome = Outcome::FailedLater(error.clone());
        }
    }
}

pub(super) type Connecting<'a, S> = Pin<Box<dyn Future<Output = io::Result<S>> + Send + 'a>>;
pub(super) type Connect<'a, S> = Box<dyn Fn(SocketAddr) -> Connecting<'a, S> + Send + Sync + 'a>;

/// The addresses on their way to a connection. After one that connected and was no good, the race goes on with those that
/// were not tried to the end.
pub(super) struct Race<'a, S> {
    lookups: Vec<Lookup>,
    /// Their places among those that were tried.
    running: Vec<(usize, Connecting<'a, S>)>,
    queue: Queue,
    attempts: &'a Attempts,
    connect: Connect<'a, S>,
}

impl<'a, S> Race<'a, S> {
    /// `behind` is an address that was no good before: those after it are tried first, and it is the last.
    pub(super) fn new(
        lookups: Vec<Lookup>,
        behind: Option<SocketAddr>,
        attempts: &'a Attempts,
        connect: Connect<'a, S>,
    ) -> Race<'a, S> {
        attempts.0.lock().begun = lookups.iter().filter_map(|lookup| lookup.begun.clone()).collect();
        Race { lookups, running: Vec::new(), queue: Queue::begin(behind), attempts, connect }
    }

    /// The next stream that connects, and its address. `None`: none did; `attempts` knows why.
    pub(super) async fn next(&mut self) -> Option<(S, SocketAddr)> {
        // The one before was no good: nothing is waited for.
        self.queue.failed();
        loop {
            let start = self.queue.next_start(!self.lookups.is_empty());
            if start.is_none()
                && self.running.is_empty()
                && (self.lookups.is_empty() || self.queue.is_exhausted())
            {
                return None;
            }
            tokio::select! {
                biased;
                (number, answer) = first(&mut self.lookups, |lookup| lookup.answer.as_mut()) => {
                    self.found(number, answer);
                }
                (number, connected) = first(&mut self.running, |(_, attempt)| attempt.as_mut()) => {
                    let (number, _) = self.running.swap_remove(number);
                    match connected {
                        Ok(stream) => return Some((stream, self.won(number))),
                        Err(error) => {
                            self.attempts.0.lock().addresses[number].1 = Outcome::Failed(error);
                        }
                    }
                    self.queue.failed();
                }
                () = until(start) => {
                    if let Some(address) = self.queue.start() {
                        // It may write to the log, which needs that no lock is held.
                        let connecting = (self.connect)(address);
                        let mut tried = self.attempts.0.lock();
                        self.running.push((tried.addresses.len(), connecting));
                        tried.addresses.push((address, Outcome::Waiting));
                    }
                }
            }
            self.attempts.0.lock().left = self.queue.waiting.len();
        }
    }

    /// So many addresses are known that could have their turn.
    pub(super) async fn known(&mut self) -> usize {
        // Those that were found meanwhile count.
        while !self.lookups.is_empty() {
            let answered = first(&mut self.lookups, |lookup| lookup.answer.as_mut());
            tokio::select! {
                biased;
                (number, answer) = answered => self.found(number, answer),
                () = std::future::ready(()) => break,
            }
        }
        self.queue.waiting.len().min(MOST_ATTEMPTS.saturating_sub(self.queue.started))
    }

    fn found(&mut self, number: usize, answer: Result<Vec<SocketAddr>, Error>) {
        let lookup = self.lookups.swap_remove(number);
        match answer {
            Ok(addresses) => self.queue.add(lookup.family, addresses),
            Err(error) => self.attempts.0.lock().lookups.push(error),
        }
    }

    /// The others are dropped, and wait for their turn again.
    fn won(&mut self, number: usize) -> SocketAddr {
        let mut tried = self.attempts.0.lock();
        tried.addresses[number].1 = Outcome::Connected;
        let address = tried.addresses[number].0;
        self.running.clear();
        let mut dropped = Vec::new();
        tried.addresses.retain(|(address, outcome)| {
            let waits = matches!(outcome, Outcome::Waiting);
            if waits {
                dropped.push(*address);
            }
            !waits
        });
        self.queue.started -= dropped.len();
        self.queue.waiting.splice(0..0, dropped);
        address
    }
}

/// The first of the futures that is ready: its place, and what it gives. Never, if there are none.
async fn first<T, F: Future + ?Sized>(
    of: &mut [T],
    future: impl Fn(&mut T) -> Pin<&mut F>,
) -> (usize, F::Output) {
    poll_fn(|context| {
        for (number, one) in of.iter_mut().enumerate() {
            if let Poll::Ready(output) = future(one).poll(context) {
                return Poll::Ready((number, output));
            }
        }
        Poll::Pending
    })
    .await
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) if at <= Instant::now() => {}
        Some(at) => Sleep::until(at).await,
        None => std::future::pending().await,
    }
}

/// The addresses that wait for their turn, and when that is.
#[derive(Default)]
struct Queue {
    waiting: Vec<SocketAddr>,
    seen: Vec<SocketAddr>,
    /// The family of the last attempt.
    last: Option<Family>,
    started: usize,
    /// Before this nothing begins; `None`: not known yet.
    not_before: Option<Instant>,
    /// The last one to be tried, if it is among them.
    behind: Option<SocketAddr>,
    /// Those that wait are in the order of their turns.
    in_order: bool,
}

impl Queue {
    fn begin(behind: Option<SocketAddr>) -> Queue {
        Queue { behind, ..Queue::default() }
    }

    fn add(&mut self, family: Option<Family>, addresses: Vec<SocketAddr>) {
        let mut fresh = Vec::new();
        for address in addresses {
            if !self.seen.contains(&address) && self.seen.len() < 64 * MOST_ATTEMPTS {
                self.seen.push(address);
                fresh.push(address);
            }
        }
        let ahead = self.started == 0 && family == Some(Family::V6);
        let last = self.waiting.iter().position(|address| self.in_order && Some(*address) == self.behind);
        let at = if ahead { 0 } else { last.unwrap_or(self.waiting.len()) };
        self.waiting.splice(at..at, fresh);
        if self.started == 0 && !self.waiting.is_empty() {
            let now = Instant::now();
            match family {
                // Another one may be found: there is time for it, for this one was no good.
                Some(_) if self.waiting.iter().all(|address| Some(*address) == self.behind) => {
                    self.not_before = Some(now + ATTEMPT_DELAY);
                }
                // They wait a moment for those of the other family, which are tried first.
                Some(Family::V4) if self.not_before.is_none() => {
                    self.not_before = Some(now + RESOLUTION_DELAY)
                }
                Some(Family::V4) => {}
                _ => self.not_before = Some(now),
            }
        }
    }

    fn is_exhausted(&self) -> bool {
        self.started >= MOST_ATTEMPTS
    }

    /// When the next attempt is to begin, if there is one to begin.
    fn next_start(&self, more_may_come: bool) -> Option<Instant> {
        if self.waiting.is_empty() || self.is_exhausted() {
            return None;
        }
        // Nobody else is to be waited for.
        let at_once = self.started == 0 && !more_may_come;
        Some(self.not_before.filter(|_| !at_once).unwrap_or_else(Instant::now))
    }

    /// Takes the next address: of the other family than the last, if there is one (RFC 8305 §4).
    fn start(&mut self) -> Option<SocketAddr> {
        if self.started == 0 {
            self.turn();
        }
        if self.waiting.is_empty() {
            return None;
        }
        let address = self.waiting.remove(if self.in_order { 0 } else { self.of_the_other_family() });
        self.last = Some(Family::of(&address.ip()));
        self.started += 1;
        self.not_before = Some(Instant::now() + ATTEMPT_DELAY);
        Some(address)
    }

    /// The place of the first address whose family is not that of the last attempt; else of the first.
    fn of_the_other_family(&self) -> usize {
        let is_other = |address: &SocketAddr| Some(Family::of(&address.ip())) != self.last;
        self.waiting.iter().position(is_other).unwrap_or(0)
    }

    /// Turns the addresses round so that they begin behind `behind`, if that is among them. In the order of their turns, so
    /// that in a row of attempts each has its own.
    fn turn(&mut self) {
        if !self.waiting.iter().any(|address| Some(*address) == self.behind) {
            return;
        }
        let first = Family::of(&self.waiting[0].ip());
        let (one, other): (Vec<_>, Vec<_>) =
            self.waiting.drain(..).partition(|address| Family::of(&address.ip()) == first);
        let (mut one, mut other) = (one.into_iter(), other.into_iter());
        loop {
            let pair = [one.next(), other.next()];
            if pair == [None, None] {
                break;
            }
            self.waiting.extend(pair.into_iter().flatten());
        }
        let at = self.waiting.iter().position(|address| Some(*address) == self.behind);
        self.waiting.rotate_left(at.map_or(0, |at| at + 1));
        self.in_order = true;
    }

    /// An attempt failed: the next need not wait.
    fn failed(&mut self) {
        if self.started > 0 {
            self.not_before = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests;
