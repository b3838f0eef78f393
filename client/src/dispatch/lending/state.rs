//! The data about lent sockets that a dispatcher's lock guards. The operations are in the parent module.

use super::presence::{OwnerPresence, OwnerWait};
use crate::dispatch::key::Key;
use crate::dispatch::poller::{Poller, Ready};
use std::sync::Arc;

/// Data that servicing a lent socket has left unread, and that its descriptor does not report again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::dispatch) enum Unread {
    Nothing,
    /// Something, once there is room in the mailbox.
    Held,
    More,
}

/// The state of lending, guarded by the dispatcher's lock.
pub(in crate::dispatch) struct Lending<T> {
    /// Made at the owner's first wait, and gone when the dispatcher is closed.
    pub(in crate::dispatch) poller: Option<Arc<Poller>>,
    /// The owner reads from its sockets itself.
    pub(in crate::dispatch) wanted: bool,
    /// The poller had more to report than fits into one poll.
    pub(in crate::dispatch) more_ready: bool,
    /// The number of lent sockets.
    pub(in crate::dispatch) lent: usize,
    /// The owner's present wait.
    pub(in crate::dispatch) wait: OwnerWait,
    /// Counts changes that a waiter must check: the lock is released between its check and its sleep.
    pub(in crate::dispatch) changes: u64,
    /// Counts the owner's waits.
    pub(in crate::dispatch) visits: u64,
    /// The value of `visits` at the standby task's last check.
    pub(in crate::dispatch) seen: u64,
    pub(in crate::dispatch) standby: Option<Key>,
    /// The owner's presence, as the standby task has found it.
    pub(in crate::dispatch) presence: OwnerPresence,
    /// The sockets with unread data, each once; the entry says which kind.
    pub(in crate::dispatch) unread: Vec<Key>,
    // Buffers, kept for the next wait.
    pub(in crate::dispatch) found: Vec<Ready>,
    pub(in crate::dispatch) ready: Vec<ReadySocket<T>>,
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
            more_ready: false,
            lent: 0,
            wait: OwnerWait::Elsewhere,
            changes: 0,
            visits: 0,
            seen: 0,
            standby: None,
            presence: OwnerPresence::Active,
            unread: Vec::new(),
            found: Vec::new(),
            ready: Vec::new(),
        }
    }

    /// Ends the lending, because the owner has not come for a while, or is gone.
    pub(in crate::dispatch) fn end(&mut self) {
        self.wanted = false;
        self.standby = None;
        self.more_ready = false;
        self.presence = OwnerPresence::Active;
        // Unread data stay recorded until the descriptor is taken back: the owner may return earlier.
    }
}
