//! An owner that waits reads from its sockets itself. Once it has waited, the descriptors of its sockets are lent to
//! a poller of the dispatcher's: while a thread is inside `wait`, `run` or `next`, a message reaches the host without
//! a hop from another thread. When the owner stays away, the standby task, the I/O task of one of the sockets,
//! watches the poller as a single descriptor and services the sockets that it reports; so either change-over costs
//! one system call, however many sockets there are. If the owner is away for long, each socket goes back to its I/O
//! thread.
//!
//! This module decides which thread watches a descriptor; the target services its socket.

pub(super) mod owner_waits;
pub(super) mod presence;
pub(super) mod state;

use owner_waits::OwnerWaits;
pub(crate) use presence::{OWNER_ABSENT_AFTER, OWNER_CHECK_INTERVAL, StandbyRole};
use presence::{OwnerPresence, OwnerWait};

use super::Target;
use super::alarm::Slept;
use super::dispatcher::Dispatcher;
use super::key::Key;
use super::poller::{Poller, Ready};
use super::state::{Guard, State};
use super::waiter::Waiter;
use crate::fault::fault_point;
use crate::panics::contained;
use crate::sync::atomic::Ordering;
use crate::sys::RawStream;
use state::{ReadySocket, Unread};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The result of servicing a socket on the owner's thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServiceOutcome {
    /// Everything was read; the descriptor will report more.
    Drained,
    /// There may be more to read, and the descriptor will not report it.
    More,
    /// The connection is over.
    Over,
    /// There may be more, but reading is held back until something has changed.
    Held,
}

impl<T: Target> State<T> {
    /// The socket of a ready descriptor.
    fn ready_socket(&mut self, ready: Ready) -> Option<ReadySocket<T>> {
        let (key, entry) = self.entry_of(ready.token)?;
        entry.peer_closed |= ready.closed;
        let (target, peer_closed) = (Arc::clone(&entry.target), entry.peer_closed);
        Some(ReadySocket { key, target, readable: ready.readable, writable: ready.writable, peer_closed })
    }

    /// Takes the sockets that have unread data and may read them now.
    fn take_unread(&mut self) -> Vec<ReadySocket<T>> {
        let mut ready = Vec::new();
        for key in std::mem::take(&mut self.lending.unread) {
            let Some(entry) = self.entry(key) else { continue };
            if entry.lent && entry.unread == Unread::Held && entry.mailbox.stop_reading_if_full() {
                self.lending.unread.push(key);
                continue;
            }
            entry.unread = Unread::Nothing;
            // The I/O task services a socket that was taken back.
            if entry.lent {
                let (target, peer_closed) = (Arc::clone(&entry.target), entry.peer_closed);
                ready.push(ReadySocket { key, target, readable: true, writable: false, peer_closed });
            }
        }
        ready
    }

    /// Records unread data. Returns `false` if the socket was taken back meanwhile.
    fn mark_unread(&mut self, key: Key, left: Unread) -> bool {
        let Some(entry) = self.entry(key).filter(|entry| entry.lent) else { return false };
        let before = entry.unread;
        entry.unread = before.max(left);
        if before == Unread::Nothing {
            self.lending.unread.push(key);
        }
        true
    }

    pub(super) fn has_more(&mut self) -> bool {
        (0..self.lending.unread.len()).any(|at| {
            let key = self.lending.unread[at];
            // The I/O task services a socket that was taken back.
            self.entry(key).is_some_and(|entry| entry.lent && entry.unread == Unread::More)
        })
    }
}

impl<T: Target> Dispatcher<T> {
    // The I/O threads' side.

    /// Returns whether sockets should lend their descriptors. Takes no lock.
    pub(crate) fn borrows(&self) -> bool {
        self.borrows.load(Ordering::Acquire)
    }

    /// Lends the owner the descriptor of a socket, which nobody else watches from now on. Returns `false` if the
    /// owner does not want it.
    pub(crate) fn lend(&self, key: Key, stream: RawStream) -> bool {
        let mut state = self.state.lock();
        let poller = state.lending.poller.clone().filter(|_| state.lending.wanted);
        let (Some(poller), Some(entry)) = (poller, state.entry(key)) else { return false };
        if poller.add(stream, key.token()).is_err() {
            return false;
        }
        entry.lent = true;
        entry.peer_closed = false;
        state.lending.lent += 1;
        if self.driving.is_none() {
            state.lending.standby.get_or_insert(key);
        } else {
            // The owner of a driving dispatcher needs no standby task. It may be waiting where it does not watch the poller.
            self.wake_waiters(&mut state);
        }
        true
    }

    /// Takes a lent descriptor back.
    pub(crate) fn take_back(&self, key: Key, stream: RawStream) {
        let mut state = self.state.lock();
        if let Some(poller) = &state.lending.poller {
            poller.remove(stream);
        }
        if state.entry(key).is_some_and(|entry| std::mem::take(&mut entry.lent)) {
            state.lending.lent -= 1;
        }
        if state.lending.standby != Some(key) {
            return;
        }
        // Another socket's task becomes the standby task.
        let next = state.lent().next().map(|(key, target)| (key, Arc::clone(target)));
        state.lending.standby = next.as_ref().map(|(key, _)| *key);
        drop(state);
        if let Some((_, target)) = next {
            target.nudge();
        }
    }

    /// The work of this socket's task for the other sockets.
    pub(crate) fn standby_role(&self, key: Key) -> StandbyRole {
        if self.driving.is_some() {
            return StandbyRole::None;
        }
        let mut state = self.state.lock();
        // The owner may have come back after it was given up, and before this descriptor was taken back.
        if state.lending.wanted && state.lending.standby.is_none() && state.entry(key).is_some_and(|e| e.lent)
        {
            state.lending.standby = Some(key);
        }
        let lending = &state.lending;
        if lending.standby == Some(key) { lending.presence.role() } else { StandbyRole::None }
    }

    /// Services a socket in the owner's stead, if it has unread data and may read them now. Returns whether it did.
    pub(crate) fn service_unread(&self, key: Key) -> bool {
        let mut state = self.state.lock();
        let away = matches!(state.lending.presence, OwnerPresence::AwaySince(_));
        if !away || !state.lending.unread.contains(&key) {
            return false;
        }
        let others = std::mem::replace(&mut state.lending.unread, vec![key]);
        let ready = state.take_unread();
        let serviced = !ready.is_empty();
        state.lending.unread.extend(others.into_iter().filter(|other| *other != key));
        let state = self.service_all(state, ready);
        self.wake_for_unread(state);
        serviced
    }

    /// Leaves the rest of the data to the owner: the socket was read here although it is lent, and was not drained.
    pub(crate) fn leave_to_owner(&self, key: Key) {
        let mut state = self.state.lock();
        if state.mark_unread(key, Unread::Held) {
            self.wake_waiters(&mut state);
        }
    }

    /// Checks, for the standby task, whether the owner still comes to wait.
    pub(crate) fn check_owner_returns(&self, key: Key) {
        let mut state = self.state.lock();
        let lending = &mut state.lending;
        if lending.standby != Some(key)
            || std::mem::replace(&mut lending.seen, lending.visits) != lending.visits
        {
            return;
        }
        let now = Instant::now();
        lending.presence = lending.presence.after_check(lending.wait, now);
        if !lending.presence.is_given_up(now) {
            return;
        }
        lending.end();
        self.borrows.store(false, Ordering::Release);
        let lent: Vec<Arc<T>> = state.lent().map(|(_, target)| Arc::clone(target)).collect();
        drop(state);
        lent.iter().for_each(|target| target.nudge());
        fault_point!();
    }

    /// The poller, which is itself a descriptor that is readable if a lent descriptor is ready. A closed dispatcher
    /// has none; a returned one stays open as long as it is held.
    pub(crate) fn poller(&self) -> Option<Arc<Poller>> {
        self.state.lock().lending.poller.clone()
    }

    /// Services the sockets that the poller reports, in the owner's stead. Returns whether there may be more.
    pub(crate) fn serve(&self) -> bool {
        let Some(poller) = self.poller() else { return false };
        let mut found = Vec::new();
        if !poller.try_poll(&mut found) {
            // The owner is back.
            return false;
        }
        let mut state = self.state.lock();
        let mut ready = state.take_unread();
        let any = !found.is_empty() || !ready.is_empty();
        ready.extend(found.into_iter().filter_map(|found| state.ready_socket(found)));
        let state = self.service_all(state, ready);
        self.wake_for_unread(state);
        any
    }

    /// Wakes the owner if data are left unread: it may have come back meanwhile, and sleep without knowing of them.
    fn wake_for_unread(&self, mut state: Guard<'_, T>) {
        if !state.lending.unread.is_empty() {
            self.wake_waiters(&mut state);
        }
    }

    // The owner's side.

    /// Returns whether the owner watches its sockets itself; asks the sockets to lend their descriptors if that is new.
    pub(super) fn begin_to_borrow<'a>(&'a self, mut state: Guard<'a, T>) -> (Guard<'a, T>, bool) {
        if state.lending.wanted {
            return (state, true);
        }
        let possible = !self.is_private() && !state.closed && state.entries().next().is_some();
        if !possible {
            return (state, false);
        }
        if state.lending.poller.is_none() {
            let Some(Ok(poller)) = self.alarm.prepare().map(Poller::new) else { return (state, false) };
            state.lending.poller = Some(Arc::new(poller));
        }
        state.lending.wanted = true;
        self.borrows.store(true, Ordering::Release);
        let targets: Vec<Arc<T>> = state.entries().map(|entry| Arc::clone(&entry.target)).collect();
        drop(state);
        targets.iter().for_each(|target| target.nudge());
        fault_point!();
        (self.lock_without(targets), true)
    }

    /// Waits in the poller, and services the sockets that are ready. Data left unread by earlier calls come first.
    pub(super) fn poll<'a>(&'a self, mut state: Guard<'a, T>, waiter: Waiter) -> (Guard<'a, T>, Slept) {
        let Some(poller) = state.lending.poller.clone() else { return (state, Slept::Woken) };
        state.lending.visits += 1;
        if matches!(state.lending.presence, OwnerPresence::AwaySince(_)) {
            state.lending.presence = OwnerPresence::Active;
            // The owner is back, and the standby task leaves the poller to it.
            state = self.nudge_standby(state);
        }
        let left = state.take_unread();
        state = self.service_all(state, left);
        let inside = poller.enter();
        // The flag of the last poll is obsolete.
        state.lending.more_ready = false;
        let at_once = self.driving.as_ref().is_some_and(|driving| !driving.may_sleep());
        let limit = waiter.sleeps_for(&mut state, &self.stop_word);
        let limit = if at_once { Some(Duration::ZERO) } else { limit };
        let mut found = std::mem::take(&mut state.lending.found);
        let mut ready = std::mem::take(&mut state.lending.ready);
        let sleeps = limit != Some(Duration::ZERO);
        state.lending.wait = if sleeps { OwnerWait::Asleep } else { OwnerWait::Polling };
        drop(state);
        let waits = OwnerWaits::begin(&self.state, self.driving.as_deref());
        fault_point!();
        let (slept, more_ready) = inside.wait(limit, self.busy_poll(), &mut found);
        state = waits.end();
        state.lending.more_ready = more_ready;
        state.lending.visits += 1;
        ready.extend(found.drain(..).filter_map(|found| state.ready_socket(found)));
        state.lending.found = found;
        if state.lending.presence == OwnerPresence::SleptThroughCheck {
            state.lending.presence = OwnerPresence::Active;
            state = self.nudge_standby(state);
        }
        (self.service_all(state, ready), slept)
    }

    fn nudge_standby<'a>(&'a self, mut state: Guard<'a, T>) -> Guard<'a, T> {
        let Some(key) = state.lending.standby else { return state };
        let Some(standby) = state.entry(key).map(|entry| Arc::clone(&entry.target)) else { return state };
        drop(state);
        standby.nudge();
        self.lock_without(standby)
    }

    fn service_all<'a>(&'a self, state: Guard<'a, T>, mut ready: Vec<ReadySocket<T>>) -> Guard<'a, T> {
        if ready.is_empty() {
            return state;
        }
        drop(state);
        let mut left = Vec::new();
        for ReadySocket { key, target, readable, writable, peer_closed } in ready.drain(..) {
            let outcome = contained(|| {
                fault_point!();
                let outcome = target.service(readable, writable);
                fault_point!();
                outcome
            });
            // The others are serviced all the same.
            match outcome.unwrap_or_else(|| {
                target.fail();
                ServiceOutcome::Over
            }) {
                // The descriptor does not report the data that are left before the end.
                ServiceOutcome::Drained if peer_closed => left.push((key, target, Unread::More)),
                ServiceOutcome::Drained | ServiceOutcome::Over => {}
                ServiceOutcome::More => left.push((key, target, Unread::More)),
                ServiceOutcome::Held => left.push((key, target, Unread::Held)),
            }
        }
        let mut state = self.state.lock();
        state.lending.ready = ready;
        if left.is_empty() {
            return state;
        }
        let taken_back: Vec<bool> =
            left.iter().map(|(key, _, left)| !state.mark_unread(*key, *left)).collect();
        drop(state);
        if self.driving.is_none() {
            // The I/O tasks of these sockets have checked for unread data before it was recorded.
            let taken_back = left.iter().zip(taken_back).filter(|(_, taken_back)| *taken_back);
            taken_back.for_each(|((_, target, _), _)| target.nudge());
        }
        self.lock_without(left)
    }
}

#[cfg(all(test, not(ws4d_loom)))]
mod tests;
