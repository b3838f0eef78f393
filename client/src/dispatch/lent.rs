//! What a dispatcher's lock guards of the sockets that are lent to its owner. Data; what is done with it is in `lending`.

use super::key::Key;
use super::poller::Ready;
use std::sync::Arc;
use std::time::Instant;

/// What the last turn of a lent socket has left to read, of which its descriptor tells no more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Left {
    Nothing,
    /// Something, once there is room in the mailbox.
    Held,
    More,
}

/// What the dispatcher's lock guards of this.
pub(super) struct Lending<T> {
    /// The owner reads itself.
    pub(super) wanted: bool,
    /// The poller had more to tell than it could at once.
    pub(super) more_told: bool,
    /// How many sockets are lent.
    pub(super) lent: usize,
    /// The owner sleeps in the poller, and must be woken for what other threads change.
    pub(super) sleeping: bool,
    /// Counts what a waiter may want to look at: the lock is let go between its look and its sleep.
    pub(super) changes: u64,
    /// It is in the poller, asleep or not.
    pub(super) inside: bool,
    /// Counts the owner's waits.
    pub(super) visits: u64,
    /// What the keeper saw of them.
    pub(super) seen: u64,
    pub(super) keeper: Option<Key>,
    /// The owner has slept through a look: the keeper sleeps too, and is told when the owner wakes.
    pub(super) parked: bool,
    /// The owner stays away since then: the keeper watches the poller.
    pub(super) away: Option<Instant>,
    /// Each once: who was left with something, as its entry says.
    pub(super) left: Vec<Key>,
    // Kept for the next wait.
    pub(super) found: Vec<Ready>,
    pub(super) turns: Vec<Due<T>>,
}

pub(super) struct Due<T> {
    pub(super) key: Key,
    pub(super) target: Arc<T>,
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// The server has ended its side.
    pub(super) closed: bool,
}

impl<T> Lending<T> {
    pub(super) fn new() -> Lending<T> {
        Lending {
            wanted: false,
            more_told: false,
            lent: 0,
            sleeping: false,
            changes: 0,
            inside: false,
            visits: 0,
            seen: 0,
            keeper: None,
            parked: false,
            away: None,
            left: Vec::new(),
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
        // What is left stays, until its socket is taken back: the owner may be faster.
    }
}
