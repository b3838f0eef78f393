//! What a dispatcher's lock guards of the sockets that are lent to its owner. Data; what is done with it is in the module above.

use super::presence::{OwnerPresence, OwnerWait};
use crate::dispatch::key::Key;
use crate::dispatch::poller::{Poller, Ready};
use std::sync::Arc;

/// What the last turn of a lent socket has left to read, of which its descriptor tells no more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::dispatch) enum Unread {
    Nothing,
    /// Something, once there is room in the mailbox.
    Held,
    More,
}

/// What the dispatcher's lock guards of this.
pub(in crate::dispatch) struct Lending<T> {
    /// Made at the owner's first wait, and gone when the dispatcher is closed.
    pub(in crate::dispatch) poller: Option<Arc<Poller>>,
    /// The owner reads itself.
    pub(in crate::dispatch) wanted: bool,
    /// The poller had more to tell than it could at once.
    pub(in crate::dispatch) more_told: bool,
    /// How many sockets are lent.
    pub(in crate::dispatch) lent: usize,
    /// Where the owner is.
    pub(in crate::dispatch) wait: OwnerWait,
    /// Counts what a waiter may want to look at: the lock is let go between its look and its sleep.
    pub(in crate::dispatch) changes: u64,
    /// Counts the owner's waits.
    pub(in crate::dispatch) visits: u64,
    /// What the standby task saw of them.
    pub(in crate::dispatch) seen: u64,
    pub(in crate::dispatch) standby: Option<Key>,
    /// What the standby task has found of it.
    pub(in crate::dispatch) presence: OwnerPresence,
    /// Each once: who was left with something, as its entry says.
    pub(in crate::dispatch) unread: Vec<Key>,
    // Kept for the next wait.
    pub(in crate::dispatch) found: Vec<Ready>,
    pub(in crate::dispatch) turns: Vec<ReadySocket<T>>,
}

pub(in crate::dispatch) struct ReadySocket<T> {
    pub(in crate::dispatch) key: Key,
    pub(in crate::dispatch) target: Arc<T>,
    pub(in crate::dispatch) readable: bool,
    pub(in crate::dispatch) writable: bool,
    /// The server has ended its side.
    pub(in crate::dispatch) peer_closed: bool,
}

impl<T> Lending<T> {
    pub(in crate::dispatch) fn new() -> Lending<T> {
        Lending {
            poller: None,
            wanted: false,
            more_told: false,
            lent: 0,
            wait: OwnerWait::Elsewhere,
            changes: 0,
            visits: 0,
            seen: 0,
            standby: None,
            presence: OwnerPresence::Active,
            unread: Vec::new(),
            found: Vec::new(),
            turns: Vec::new(),
        }
    }

    /// The owner has not come for a while, or is gone.
    pub(in crate::dispatch) fn end(&mut self) {
        self.wanted = false;
        self.standby = None;
        self.more_told = false;
        self.presence = OwnerPresence::Active;
        // What is left stays, until its socket is taken back: the owner may be faster.
    }
}
