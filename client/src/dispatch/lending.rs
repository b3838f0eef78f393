//! The owner that waits reads itself. Once it has waited, the descriptors of its sockets are lent to a poller of the
//! dispatcher's own: while a thread is inside `wait`, `run` or `next`, a message reaches the host without a hop from
//! another thread. When the owner stays away, the keeper, the I/O task of one of the sockets, watches the poller as a
//! single descriptor and turns what it tells of; so either change-over costs one system call, however many sockets
//! there are. Where the owner is away for long, each socket goes back to its I/O thread.
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

/// How often the keeper looks whether the owner comes to wait; it is missed after one or two of them.
pub(crate) const LOOK: Duration = Duration::from_millis(2);
/// After so long without the owner each socket goes back to its I/O thread.
pub(crate) const LONG: Duration = Duration::from_secs(1);

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

/// What a socket's task does for the sockets of its dispatcher.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Duty {
    None,
    /// Look whether the owner comes, every [`LOOK`].
    Look,
    /// Watch the poller, and look again after [`LONG`].
    Serve,
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
    /// The owner stays away since then: the keeper watches the poller.
    away: Option<Instant>,
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
            away: None,
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
        self.away = None;
        self.more.clear();
        self.held.clear();
    }
}

impl<T: Target> State<T> {
    /// Whom a descriptor is told ready for.
    fn due(&mut self, ready: Ready) -> Option<Due<T>> {
        let (key, entry) = self.entry_at(ready.token)?;
        entry.closed |= ready.closed;
        let (target, closed) = (Arc::clone(&entry.target), entry.closed);
        Some(Due { key, target, readable: ready.readable, writable: ready.writable, closed })
    }

    /// Who was turned and has more to read.
    fn leftover(&mut self, key: Key) -> Option<Due<T>> {
        let entry = self.entry(key)?;
        let (target, closed) = (Arc::clone(&entry.target), entry.closed);
        Some(Due { key, target, readable: true, writable: false, closed })
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

    /// What this socket's task has to do for the others.
    pub(crate) fn duty(&self, key: Key) -> Duty {
        let state = self.state.lock();
        let lending = &state.lending;
        match (lending.keeper == Some(key) && !lending.parked, lending.away) {
            (false, _) => Duty::None,
            (true, None) => Duty::Look,
            (true, Some(_)) => Duty::Serve,
        }
    }

    /// Whether the keeper reads in the owner's stead.
    pub(crate) fn is_served(&self) -> bool {
        self.state.lock().lending.away.is_some()
    }

    /// The keeper looks whether the owner still comes to wait.
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
        let away = *lending.away.get_or_insert(now);
        if now.saturating_duration_since(away) < LONG {
            return;
        }
        lending.end();
        self.borrows.store(false, Ordering::Release);
        let lent: Vec<Arc<T>> = state.lent().map(|(_, target)| Arc::clone(target)).collect();
        drop(state);
        lent.iter().for_each(|target| target.nudge());
    }

    /// The poller as one descriptor, which is readable where a lent one has something to tell.
    pub(crate) fn poller_fd(&self) -> Option<RawFd> {
        self.poller.get().map(Poller::fd)
    }

    /// Turns what the poller tells of, in the owner's stead. Says whether there may be more.
    pub(crate) fn serve(&self) -> bool {
        let Some(poller) = self.poller.get() else { return false };
        let mut found = Vec::new();
        if !poller.look(&mut found) {
            // The owner is back.
            return false;
        }
        let mut state = self.state.lock();
        let left = std::mem::take(&mut state.lending.more);
        let mut turns: Vec<_> = left.into_iter().filter_map(|key| state.leftover(key)).collect();
        let any = !found.is_empty() || !turns.is_empty();
        turns.extend(found.into_iter().filter_map(|ready| state.due(ready)));
        drop(self.turn_all(state, turns));
        any
    }

    // The owner's side.

    /// Whether the owner is to watch its sockets itself; asks for them if that is new.
    pub(super) fn begin_to_borrow<'a>(&'a self, mut state: Guard<'a, T>) -> (Guard<'a, T>, bool) {
        if state.lending.wanted {
            return (state, true);
        }
        let possible = !self.is_private()
            && !state.closed
            && state.entries().next().is_some()
            && self.poller.get_or_try_init(Poller::new).is_ok();
        if !possible {
            return (state, false);
        }
        state.lending.wanted = true;
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
        if state.lending.away.take().is_some() {
            // The owner is back: the poller is its own again.
            state = self.tell_keeper(state);
        }
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
        turns.extend(found.drain(..).filter_map(|ready| state.due(ready)));
        state.lending.found = found;
        if std::mem::take(&mut state.lending.parked) {
            state = self.tell_keeper(state);
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
        turns.extend(keys.into_iter().filter_map(|key| state.leftover(key)));
        self.turn_all(state, turns)
    }

    fn tell_keeper<'a>(&'a self, mut state: Guard<'a, T>) -> Guard<'a, T> {
        let Some(key) = state.lending.keeper else { return state };
        let Some(keeper) = state.entry(key).map(|entry| Arc::clone(&entry.target)) else { return state };
        drop(state);
        keeper.nudge();
        self.state.lock()
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
