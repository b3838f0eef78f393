//! The state that a dispatcher's lock guards: mailboxes, the run queue, and the last callbacks in progress. Pure
//! bookkeeping, no callbacks.

use super::Target;
use super::key::{Key, PLACES};
use super::lending::state::{Lending, Unread};
use super::mailbox::Mailbox;
use super::ready_fd::ReadyFd;
use super::task_driver::TaskDriver;
use crate::sync::{MutexGuard, ThreadId};
use std::collections::VecDeque;
use std::sync::Arc;

/// The dispatcher's lock, held.
pub(super) type Guard<'a, T> = MutexGuard<'a, State<T>>;

/// The number of successful pulls in a row before the owner of a driving dispatcher does I/O again.
const PULLS: u32 = 64;

/// The number of sockets up to which the list of a snapshot is kept.
const MAX_KEPT_PENDING: usize = 1024;

/// The events that a socket had to deliver when a dispatch began.
pub(super) struct PendingDelivery {
    pub(super) key: Key,
    pub(super) events: usize,
    /// Set if the socket's end is among them.
    pub(super) ended: bool,
}

pub(super) struct Entry<T> {
    serial: u64,
    in_ready: bool,
    /// The owner watches its descriptor.
    pub(super) lent: bool,
    /// The poller has reported the end of the server's data.
    pub(super) peer_closed: bool,
    /// Unless this is `Nothing`, `Lending::unread` has the key.
    pub(super) unread: Unread,
    /// Set if the socket was closed while one of its callbacks ran. Nothing more is delivered, and the thread named
    /// here ends the socket.
    pub(super) closed_by: Option<ClosedBy>,
    pub(super) mailbox: Mailbox,
    pub(super) target: Arc<T>,
}

/// The thread that ends a closed socket whose callback is still on some stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ClosedBy {
    /// The thread that runs the callback, once the callback has returned.
    Callback,
    /// Another thread, which waits for the callback.
    Waiter,
}

/// A socket without a mailbox whose last callbacks may still run.
pub(super) struct Last {
    pub(super) key: Key,
    pub(super) thread: ThreadId,
}

/// A socket whose TERMINATE was pulled and whose `on_free` is owed.
pub(super) struct PulledEnd<T> {
    pub(super) key: Key,
    pub(super) target: Arc<T>,
    /// Names the event that was pulled.
    pub(super) serial: u64,
    /// The host has freed the event.
    pub(super) freed: bool,
}

/// A socket that `ws_dispatcher_close` still has to end, by its last callbacks or by `on_free` alone.
pub(super) enum Remaining<T> {
    Socket(Key, Entry<T>),
    Pulled(PulledEnd<T>),
}

impl<T> Remaining<T> {
    pub(super) fn key(&self) -> Key {
        match self {
            Remaining::Socket(key, _) => *key,
            Remaining::Pulled(pulled) => pulled.key,
        }
    }

    pub(super) fn target(&self) -> &Arc<T> {
        match self {
            Remaining::Socket(_, entry) => &entry.target,
            Remaining::Pulled(pulled) => &pulled.target,
        }
    }
}

/// A task driver that a waiting thread runs.
pub(super) struct ActiveDriver {
    pub(super) task_driver: Arc<dyn TaskDriver>,
    /// It was woken already; one wake is enough.
    pub(super) woken: bool,
}

pub(super) struct State<T> {
    /// `None`: the private dispatcher of a socket that calls back on its I/O thread.
    pub(super) owner: Option<ThreadId>,
    entries: Vec<Option<Entry<T>>>,
    vacant: Vec<usize>,
    serials: u64,
    live: usize,
    /// Sockets with deliverable events, each once, in the order in which they are served.
    ready: VecDeque<Key>,
    /// An empty list, kept for the next snapshot.
    spare_pending: VecDeque<PendingDelivery>,
    pub(super) closed: bool,
    /// The owner's thread has ended inside a function of the host's, and no other thread takes its place.
    pub(super) lost: bool,
    /// The task driver that the waiting thread runs, to be woken by others. Only that thread takes it out again and
    /// drops it without the lock, because the drop may drop tasks.
    pub(super) active_driver: Option<ActiveDriver>,
    pub(super) pulled: Vec<PulledEnd<T>>,
    /// What a close of the dispatcher that is on the owner's stack still has to end.
    pub(super) remaining: VecDeque<Remaining<T>>,
    /// Sockets without a mailbox whose last callbacks run.
    pub(super) last: Vec<Last>,
    /// The number of threads that wait in `Dispatcher::last_returned`.
    pub(super) last_awaited: usize,
    /// Counts pulls, modulo [`PULLS`].
    pulls: u32,
    /// The sockets whose events the last call has pulled.
    pub(super) last_pulled: Vec<Key>,
    pub(super) fd: Option<ReadyFd>,
    pub(super) lending: Lending<T>,
}

impl<T: Target> State<T> {
    pub(super) fn new(owner: Option<ThreadId>) -> State<T> {
        State {
            owner,
            entries: Vec::new(),
            vacant: Vec::new(),
            serials: 0,
            live: 0,
            ready: VecDeque::new(),
            spare_pending: VecDeque::new(),
            closed: false,
            lost: false,
            active_driver: None,
            pulled: Vec::new(),
            remaining: VecDeque::new(),
            last: Vec::new(),
            last_awaited: 0,
            pulls: 0,
            last_pulled: Vec::new(),
            fd: None,
            lending: Lending::new(),
        }
    }

    // Mailboxes.

    pub(super) fn insert(&mut self, mailbox: Mailbox, target: Arc<T>) -> Key {
        self.serials += 1;
        let serial = self.serials;
        let (in_ready, lent, peer_closed, unread) = (false, false, false, Unread::Nothing);
        let closed_by = None;
        let entry = Entry { serial, in_ready, lent, peer_closed, unread, closed_by, mailbox, target };
        self.live += 1;
        let index = match self.vacant.pop() {
            Some(index) => {
                self.entries[index] = Some(entry);
                index
            }
            None => {
                if self.entries.is_empty() {
                    // A private dispatcher never has a second one.
                    self.entries.reserve_exact(1);
                }
                self.entries.push(Some(entry));
                self.entries.len() - 1
            }
        };
        Key { index, serial }
    }

    pub(super) fn entry(&mut self, key: Key) -> Option<&mut Entry<T>> {
        self.entries.get_mut(key.index)?.as_mut().filter(|entry| entry.serial == key.serial)
    }

    /// The entry that a token names, if it still exists.
    pub(super) fn entry_of(&mut self, token: usize) -> Option<(Key, &mut Entry<T>)> {
        let index = token & ((1 << PLACES) - 1);
        let entry = self.entries.get_mut(index)?.as_mut()?;
        let key = Key { index, serial: entry.serial };
        (key.token() == token).then_some((key, entry))
    }

    /// The sockets that the owner watches.
    pub(super) fn lent(&self) -> impl Iterator<Item = (Key, &Arc<T>)> {
        self.entries.iter().enumerate().filter_map(|(index, entry)| {
            let entry = entry.as_ref().filter(|entry| entry.lent)?;
            Some((Key { index, serial: entry.serial }, &entry.target))
        })
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Entry<T>> {
        self.entry(key)?;
        let entry = self.entries[key.index].take()?;
        self.lending.lent -= usize::from(entry.lent);
        if entry.in_ready {
            self.unready(key);
        }
        self.vacant.push(key.index);
        self.live -= 1;
        Some(entry)
    }

    /// Takes out every mailbox.
    pub(super) fn remove_all(&mut self) -> Vec<Entry<T>> {
        self.clear_ready();
        let entries = self.entries.iter_mut().filter_map(Option::take).collect();
        self.vacant = (0..self.entries.len()).collect();
        (self.live, self.lending.lent) = (0, 0);
        entries
    }

    /// Takes out every socket that is not on the stack, for a close of the dispatcher to end.
    pub(super) fn remove_idle(&mut self) {
        let idle: Vec<Key> = (0..self.entries.len())
            .filter_map(|index| {
                let entry = self.entries[index].as_ref()?;
                (!entry.mailbox.is_on_stack()).then_some(Key { index, serial: entry.serial })
            })
            .collect();
        for key in idle {
            let Some(entry) = self.remove(key) else { continue };
            self.remaining.push_back(Remaining::Socket(key, entry));
        }
        self.remaining.extend(self.pulled.drain(..).map(Remaining::Pulled));
    }

    pub(super) fn entries(&mut self) -> impl Iterator<Item = &mut Entry<T>> {
        self.entries.iter_mut().flatten()
    }

    /// The number of sockets that have not terminated. If `nested`, that is, if the caller runs inside a callback of
    /// the dispatcher, sockets on the stack do not count.
    pub(super) fn running(&self, nested: bool) -> usize {
        // This runs before every wait, so the common case is O(1).
        if !nested {
            return self.live;
        }
        let on_stack = self.entries.iter().flatten().filter(|entry| entry.mailbox.is_on_stack()).count();
        self.live - on_stack
    }

    // The run queue.

    /// Brings the run queue in line with a mailbox that was changed. Returns whether deliverable events appeared
    /// where there were none.
    pub(super) fn refresh(&mut self, key: Key) -> bool {
        if self.closed || self.lost {
            return false;
        }
        let was_empty = self.ready.is_empty();
        let Some(entry) = self.entry(key) else { return false };
        let deliverable = entry.closed_by.is_none() && entry.mailbox.is_deliverable();
        if deliverable == entry.in_ready {
            return false;
        }
        entry.in_ready = deliverable;
        if deliverable {
            self.ready.push_back(key);
        } else {
            self.unready(key);
        }
        was_empty && deliverable
    }

    /// Takes a socket out of the queue. It is usually the first one.
    fn unready(&mut self, key: Key) {
        if self.ready.front() == Some(&key) {
            self.ready.pop_front();
        } else {
            self.ready.retain(|other| *other != key);
        }
    }

    pub(super) fn next_ready(&mut self) -> Option<Key> {
        self.ready.front().copied()
    }

    /// Puts a socket that was served behind the others.
    pub(super) fn requeue(&mut self, key: Key) {
        if self.ready.front() == Some(&key) {
            self.ready.pop_front();
            if let Some(entry) = self.entry(key) {
                entry.in_ready = false;
            }
        }
        self.refresh(key);
    }

    /// A serial number that no mailbox or pulled event has.
    pub(super) fn next_serial(&mut self) -> u64 {
        self.serials += 1;
        self.serials
    }

    /// Remembers the socket whose event was pulled.
    pub(super) fn note_pulled(&mut self, key: Key) {
        if self.last_pulled.last() != Some(&key) {
            self.last_pulled.push(key);
        }
    }

    /// Counts one more pull, and returns whether it ends a round of [`PULLS`], after which I/O is due.
    pub(super) fn is_time_to_drive(&mut self) -> bool {
        self.pulls = (self.pulls + 1) % PULLS;
        self.pulls == 0
    }

    /// Returns whether a single socket has all deliverable events.
    pub(super) fn is_alone(&self) -> bool {
        self.ready.len() == 1
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The events that each ready socket has to deliver now.
    pub(super) fn snapshot(&mut self) -> VecDeque<PendingDelivery> {
        let mut pending = std::mem::take(&mut self.spare_pending);
        for at in 0..self.ready.len() {
            let key = self.ready[at];
            let Some(entry) = self.entry(key) else { continue };
            let (events, ended) = (entry.mailbox.deliverable(), entry.mailbox.has_ended());
            pending.push_back(PendingDelivery { key, events, ended });
        }
        pending
    }

    /// Keeps the list of a snapshot for the next one.
    pub(super) fn keep_snapshot(&mut self, mut pending: VecDeque<PendingDelivery>) {
        pending.clear();
        if pending.capacity() <= MAX_KEPT_PENDING {
            self.spare_pending = pending;
        }
    }

    /// Returns whether the pending events are gone, discarded by a callback, and only an end is left that has come
    /// since.
    pub(super) fn is_void(&mut self, due: &PendingDelivery) -> bool {
        !due.ended && self.entry(due.key).is_some_and(|entry| entry.mailbox.has_only_its_end())
    }

    /// Makes the descriptor readable exactly if the run queue is not empty.
    pub(super) fn sync_fd(&mut self) {
        let readable = !self.ready.is_empty();
        if let Some(fd) = &mut self.fd {
            fd.set(readable);
        }
    }

    pub(super) fn clear_ready(&mut self) {
        self.ready.clear();
        for entry in self.entries.iter_mut().flatten() {
            entry.in_ready = false;
        }
    }
}
