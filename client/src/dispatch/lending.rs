//! The owner that waits reads itself: while a thread is inside `wait`, `run` or `next`, the I/O threads lend it the
//! descriptors of its sockets, so that a message reaches the host without a hop from another thread. An owner that
//! stays away is found out by the keeper, the I/O task of one of the sockets, and all are taken back.
//!
//! Here is who watches what; how a socket is turned is the target's.

use super::Target;
use super::dispatcher::Dispatcher;
use super::poller::{Poller, Ready};
use super::state::{Key, State};
use crate::sync::MutexGuard;
use crate::sync::atomic::Ordering;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the keeper looks whether the owner comes to wait. An owner is missed after one or two of them.
pub(crate) const LOOK: Duration = Duration::from_millis(10);
/// After the owner was missed, so long the I/O threads keep the sockets; twice as long each time, up to the most.
const FIRST_REST: Duration = Duration::from_millis(20);
const MOST_REST: Duration = Duration::from_secs(1);

/// What turning a socket on the owner's thread has left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turned {
    /// The network has nothing for now: its descriptor will tell.
    Drained,
    /// There may be more, and nobody will tell.
    More,
    /// The connection is over.
    Over,
    /// There may be more, but reading is held back; to be tried when something has changed.
    Held,
}

/// What the dispatcher's lock guards of this.
pub(super) struct Lending<T> {
    /// The owner reads itself.
    wanted: bool,
    /// The owner sleeps in the poller, and must be woken for what other threads change.
    pub(super) sleeping: bool,
    /// Counts what a waiter may want to look at: the lock is let go between its look and its sleep.
    pub(super) changes: u64,
    /// It is in the poller, asleep or not.
    inside: bool,
    /// Counts the owner's waits.
    visits: u64,
    /// What the keeper saw of them.
    seen: u64,
    keeper: Option<Key>,
    /// The owner has slept through a look: the keeper sleeps too, and is told when the owner wakes.
    parked: bool,
    /// Not before this are sockets lent again, and how long the next rest will be.
    rest: Option<Instant>,
    next_rest: Duration,
    since: Option<Instant>,
    more: Vec<Key>,
    held: Vec<Key>,
    // Kept for the next wait.
    found: Vec<Ready>,
    turns: Vec<Due<T>>,
}

struct Due<T> {
    key: Key,
    target: Arc<T>,
    readable: bool,
    writable: bool,
    /// The server has ended its side.
    closed: bool,
}

impl<T> Lending<T> {
    pub(super) fn new() -> Lending<T> {
        Lending {
            wanted: false,
            sleeping: false,
            changes: 0,
            inside: false,
            visits: 0,
            seen: 0,
            keeper: None,
            parked: false,
            rest: None,
            next_rest: FIRST_REST,
            since: None,
            more: Vec::new(),
            held: Vec::new(),
            found: Vec::new(),
            turns: Vec::new(),
        }
    }

    /// The owner has not come for a while, or is gone.
    pub(super) fn end(&mut self) {
        self.wanted = false;
        self.keeper = None;
        self.parked = false;
        self.more.clear();
        self.held.clear();
    }
}

type Guard<'a, T> = MutexGuard<'a, State<T>>;

impl<T: Target> Dispatcher<T> {
    // The I/O threads' side.

    /// Whether sockets are to be lent. Takes no lock.
    pub(crate) fn borrows(&self) -> bool {
        self.borrows.load(Ordering::Acquire)
    }

    /// Lends the owner the descriptor of a socket, which nobody else watches from now on. `false`: it is not wanted.
    pub(crate) fn lend(&self, key: Key, fd: RawFd) -> bool {
        let Some(poller) = self.poller.get() else { return false };
        let mut state = self.state.lock();
        if !state.lending.wanted || state.entry(key).is_none() || poller.add(fd, key.index()).is_err() {
            return false;
        }
        if let Some(entry) = state.entry(key) {
            entry.lent = true;
            entry.closed = false;
        }
        state.lending.keeper.get_or_insert(key);
        true
    }

    /// Takes it back.
    pub(crate) fn take_back(&self, key: Key, fd: RawFd) {
        if let Some(poller) = self.poller.get() {
            poller.remove(fd);
        }
        let mut state = self.state.lock();
        if let Some(entry) = state.entry(key) {
            entry.lent = false;
        }
        if state.lending.keeper != Some(key) {
            return;
        }
        // Another one keeps.
        let next = state.lent().next().map(|(key, target)| (key, Arc::clone(target)));
        state.lending.keeper = next.as_ref().map(|(key, _)| *key);
        drop(state);
        if let Some((_, target)) = next {
            target.nudge();
        }
    }

    /// Whether this socket's task has to [`keep`](Dispatcher::keep), [`LOOK`] from now.
    pub(crate) fn is_keeper(&self, key: Key) -> bool {
        let state = self.state.lock();
        state.lending.keeper == Some(key) && !state.lending.parked
    }

    /// Looks whether the owner still comes to wait.
    pub(crate) fn keep(&self, key: Key) {
        let mut state = self.state.lock();
        let lending = &mut state.lending;
        if lending.keeper != Some(key)
            || std::mem::replace(&mut lending.seen, lending.visits) != lending.visits
        {
            return;
        }
        if lending.inside {
            lending.parked = true;
            return;
        }
        let now = Instant::now();
        let lasted = lending.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        if lasted > MOST_REST {
            lending.next_rest = FIRST_REST;
        }
        lending.rest = now.checked_add(lending.next_rest);
        lending.next_rest = (lending.next_rest * 2).min(MOST_REST);
        lending.end();
        self.borrows.store(false, Ordering::Release);
        let lent: Vec<Arc<T>> = state.lent().map(|(_, target)| Arc::clone(target)).collect();
        drop(state);
        lent.iter().for_each(|target| target.nudge());
    }

    // The owner's side.

    /// Whether the owner is to watch its sockets itself; asks for them if that is new.
    pub(super) fn begin_to_borrow<'a>(&'a self, mut state: Guard<'a, T>) -> (Guard<'a, T>, bool) {
        if state.lending.wanted {
            return (state, true);
        }
        let now = Instant::now();
        let possible = !self.is_private()
            && !state.closed
            && state.lending.rest.is_none_or(|rest| rest <= now)
            && state.entries().next().is_some()
            && self.poller.get_or_try_init(Poller::new).is_ok();
        if !possible {
            return (state, false);
        }
        state.lending.wanted = true;
        state.lending.since = Some(now);
        self.borrows.store(true, Ordering::Release);
        let targets: Vec<Arc<T>> = state.entries().map(|entry| Arc::clone(&entry.target)).collect();
        drop(state);
        targets.iter().for_each(|target| target.nudge());
        (self.state.lock(), true)
    }

    /// Waits in the poller, at most so long, and turns what is ready. What the last turns have left comes first. Does
    /// not wait where something has changed since `seen`.
    pub(super) fn poll<'a>(
        &'a self,
        mut state: Guard<'a, T>,
        limit: Option<Duration>,
        seen: u64,
    ) -> Guard<'a, T> {
        let Some(poller) = self.poller.get() else { return state };
        state.lending.visits += 1;
        state = self.turn_leftovers(state);
        let at_once = state.lending.changes != seen || !state.lending.more.is_empty();
        let limit = if at_once { Some(Duration::ZERO) } else { limit };
        let mut found = std::mem::take(&mut state.lending.found);
        let mut turns = std::mem::take(&mut state.lending.turns);
        state.lending.inside = true;
        state.lending.sleeping = limit != Some(Duration::ZERO);
        drop(state);
        poller.wait(limit, self.busy_poll(), &mut found);
        state = self.state.lock();
        state.lending.inside = false;
        state.lending.sleeping = false;
        state.lending.visits += 1;
        for ready in found.drain(..) {
            let Some((key, entry)) = state.entry_at(ready.token) else { continue };
            entry.closed |= ready.closed;
            let (target, closed) = (Arc::clone(&entry.target), entry.closed);
            turns.push(Due { key, target, readable: ready.readable, writable: ready.writable, closed });
        }
        state.lending.found = found;
        let keeper = std::mem::take(&mut state.lending.parked).then_some(state.lending.keeper).flatten();
        let keeper = keeper.and_then(|key| Some(Arc::clone(&state.entry(key)?.target)));
        if let Some(keeper) = keeper {
            drop(state);
            keeper.nudge();
            state = self.state.lock();
        }
        self.turn_all(state, turns)
    }

    fn turn_leftovers<'a>(&'a self, mut state: Guard<'a, T>) -> Guard<'a, T> {
        if state.lending.more.is_empty() && state.lending.held.is_empty() {
            return state;
        }
        let mut keys = std::mem::take(&mut state.lending.more);
        keys.append(&mut state.lending.held);
        let mut turns = std::mem::take(&mut state.lending.turns);
        turns.extend(keys.into_iter().filter_map(|key| {
            let entry = state.entry(key)?;
            let (target, closed) = (Arc::clone(&entry.target), entry.closed);
            Some(Due { key, target, readable: true, writable: false, closed })
        }));
        self.turn_all(state, turns)
    }

    fn turn_all<'a>(&'a self, state: Guard<'a, T>, mut turns: Vec<Due<T>>) -> Guard<'a, T> {
        if turns.is_empty() {
            return state;
        }
        drop(state);
        let (mut more, mut held) = (Vec::new(), Vec::new());
        for Due { key, target, readable, writable, closed } in turns.drain(..) {
            match target.turn(readable, writable) {
                // Its descriptor tells no more of what is left before the end.
                Turned::Drained if closed => more.push(key),
                Turned::Drained | Turned::Over => {}
                Turned::More => more.push(key),
                Turned::Held => held.push(key),
            }
        }
        let mut state = self.state.lock();
        state.lending.turns = turns;
        if state.lending.wanted {
            state.lending.more.extend(more);
            state.lending.held.extend(held);
        }
        state
    }
}
