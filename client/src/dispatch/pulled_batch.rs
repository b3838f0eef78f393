//! Pulls many events at once, for hosts to which a call costs more than an event. A message costs one copy into a block
//! that the whole batch shares, and no lock or allocation.

use super::Target;
use super::dispatcher::Dispatcher;
use super::key::Key;
use super::pull::{Taken, take_one};
use super::state::State;
use crate::buffer::{Buffer, MAX_READ};
use crate::error::ErrorCode;
use crate::event::{DataType, Event, EventKind, Item, Message, Origins};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Messages up to this size lie in a batch's block.
const MOST_IN_BLOCK: usize = 16 * 1024;
/// A batch ends when its block has grown to this size: data that exceed the cache are read twice from memory. The last
/// message still fits into a lent block.
const BLOCK: usize = MAX_READ - MOST_IN_BLOCK;
/// If this much waits, the block is lent from the start: growing it and faulting its pages in costs more than the
/// copies.
const LARGE_PULL: usize = 64 * 1024;

/// The number of messages that are taken before the run queue is consulted again.
const MOST_AT_ONCE: usize = 4096;

/// One event of a batch.
#[derive(Clone, Copy)]
enum Picked {
    /// A message or pong in the block.
    Block(Item),
    /// An event of its own, with its index in `alone`.
    Alone(usize),
}

/// Events that were pulled together. The data of small messages lie in one block, one after the other, each followed by
/// a NUL. Any thread may read it.
pub struct PulledBatch<T> {
    block: Arc<Buffer>,
    picked: Vec<(u32, Picked)>,
    /// Of those in the block.
    origins: Origins,
    alone: Vec<Event>,
    targets: Vec<Arc<T>>,
    /// The events of messages in the block, made on demand.
    made: OnceLock<Box<[OnceLock<Event>]>>,
}

/// The fields of an event that most hosts need.
pub struct Summary<'a, T> {
    /// The socket of the event.
    pub target: &'a Arc<T>,
    /// The kind of the event.
    pub kind: EventKind,
    /// As [`Event::received_type`].
    pub received: DataType,
    /// As [`Event::data`].
    pub data: Option<&'a [u8]>,
    /// The offset of the data in the block, if they lie there.
    pub offset: Option<usize>,
}

impl<T: Target> PulledBatch<T> {
    /// The number of events: at least one.
    pub fn len(&self) -> usize {
        self.picked.len()
    }

    /// Always `false`: a pull that gets nothing makes no batch.
    pub fn is_empty(&self) -> bool {
        self.picked.is_empty()
    }

    /// The block with the data of all messages of at most 16 KiB.
    pub fn block(&self) -> &[u8] {
        &self.block
    }

    /// The summaries of all events, in order.
    pub fn summaries(&self) -> impl Iterator<Item = Summary<'_, T>> {
        self.picked.iter().map(|(whose, picked)| {
            let target = &self.targets[*whose as usize];
            match *picked {
                Picked::Block(item) => Summary {
                    target,
                    kind: item.event_kind(),
                    received: item.received_type(target.mode()),
                    data: Some(&self.block[item.start..item.start + item.len]),
                    offset: Some(item.start),
                },
                Picked::Alone(at) => {
                    let event = &self.alone[at];
                    let (kind, received, data) = (event.kind(), event.received_type(), event.data());
                    Summary { target, kind, received, data, offset: None }
                }
            }
        })
    }

    /// Returns when an event came, as [`Event::time_us`]; 0 if there is no such event.
    pub fn time_us(&self, at: usize) -> i64 {
        match self.picked.get(at) {
            Some((_, Picked::Block(_))) => self.origins.of(at).time_us,
            Some((_, Picked::Alone(alone))) => self.alone.get(*alone).map_or(0, Event::time_us),
            None => 0,
        }
    }

    /// The event at an index; it lives as long as the batch.
    pub fn event(&self, at: usize) -> Option<&Event> {
        let (whose, picked) = self.picked.get(at)?;
        let item = match *picked {
            Picked::Alone(at) => return self.alone.get(at),
            Picked::Block(item) => item,
        };
        let made = self.made.get_or_init(|| self.picked.iter().map(|_| OnceLock::new()).collect());
        let mode = self.targets[*whose as usize].mode();
        Some(
            made[at].get_or_init(|| {
                Event::of_message(Message::shared(&self.block, item, self.origins.of(at)), mode)
            }),
        )
    }
}

impl<T: Target> Dispatcher<T> {
    /// Pulls at most `max` events; waits for the first one only. No function of the host runs once there is one. `None` as
    /// for [`next`](Dispatcher::next). An error after the first event is left for the next call.
    pub fn next_batch(
        self: &Arc<Self>,
        timeout: Option<Duration>,
        max: usize,
    ) -> Result<Option<PulledBatch<T>>, ErrorCode> {
        let collected = self.pull(timeout, |mut state| {
            let mut collected = Collected::default();
            while collected.wants_more(max)
                && let Some(key) = state.next_ready()
            {
                let (is_silent, is_report) = state.entry(key).map_or((false, false), |entry| {
                    (entry.target.is_silent(), entry.mailbox.is_report_next())
                });
                if (is_silent || is_report) && !collected.picked.is_empty() {
                    // It may call a function of the host, which may close what was collected.
                    break;
                }
                if is_silent {
                    (state, _) = self.deliver_next(state, key, 1);
                    continue;
                }
                match collected.take(&mut state, key, if is_report { 1 } else { max }) {
                    Ok(()) if is_report => break,
                    Ok(()) => {}
                    Err(error) if collected.picked.is_empty() => return (state, Err(error)),
                    Err(_) => break,
                }
            }
            (state, Ok(Some(collected).filter(|collected| !collected.picked.is_empty())))
        })?;
        let Some(Collected { block, targets, picked, origins, taken, nudges }) = collected else {
            return Ok(None);
        };
        nudges.iter().for_each(|target| target.nudge());
        let alone = taken.into_iter().map(|taken| self.event_of(taken)).collect::<Result<_, _>>()?;
        Ok(Some(PulledBatch {
            block: Arc::new(fitting(block)),
            picked,
            origins,
            alone,
            targets,
            made: OnceLock::new(),
        }))
    }
}

/// Copies a block that is less than half full into a smaller one, if there is memory for it, because a host may keep
/// many batches.
fn fitting(block: Buffer) -> Buffer {
    if block.capacity() <= 2 * block.len() {
        return block;
    }
    match Buffer::with_room(block.len()) {
        Ok(mut own) => {
            own.extend_from_slice(&block);
            own
        }
        Err(_) => block,
    }
}

/// A batch that is collected under the lock.
struct Collected<T> {
    block: Buffer,
    targets: Vec<Arc<T>>,
    picked: Vec<(u32, Picked)>,
    origins: Origins,
    /// The events that are made once the lock is free.
    taken: Vec<Taken<T>>,
    nudges: Vec<Arc<T>>,
}

impl<T> Default for Collected<T> {
    fn default() -> Collected<T> {
        Collected {
            block: Buffer::default(),
            targets: Vec::new(),
            picked: Vec::new(),
            origins: Origins::default(),
            taken: Vec::new(),
            nudges: Vec::new(),
        }
    }
}

impl<T: Target> Collected<T> {
    fn wants_more(&self, max: usize) -> bool {
        self.picked.len() < max && self.block.len() < BLOCK
    }

    fn whose(&mut self, target: &Arc<T>) -> u32 {
        if self.targets.last().is_none_or(|last| !Arc::ptr_eq(last, target)) {
            self.targets.push(Arc::clone(target));
        }
        self.targets.len() as u32 - 1
    }

    /// Takes one event of a ready mailbox, or several if no other socket is ready.
    fn take(&mut self, state: &mut State<T>, key: Key, max: usize) -> Result<(), ErrorCode> {
        let alone = state.is_alone();
        let Some(entry) = state.entry(key) else { return Err(ErrorCode::Internal) };
        let target = Arc::clone(&entry.target);
        let whose = self.whose(&target);
        let before = self.picked.len();
        let there = if alone { entry.mailbox.deliverable() } else { 1 };
        let wanted = there.min(max - before).clamp(1, MOST_AT_ONCE);
        self.picked.try_reserve(wanted).map_err(|_| ErrorCode::OutOfMemory)?;
        if self.block.capacity() == 0 && wanted > 1 && entry.mailbox.charge() >= LARGE_PULL {
            self.block = Buffer::for_reading()?;
        }
        let (picked, origins, most) = (&mut self.picked, &mut self.origins, before + wanted);
        let mut added = Ok(());
        let taken = entry.mailbox.pull_into(&mut self.block, MOST_IN_BLOCK, |item, origin| {
            added = origins.add(picked.len(), origin);
            picked.push((whose, Picked::Block(item)));
            added.is_ok() && picked.len() < most && item.start + item.len < BLOCK
        });
        if self.picked.len() == before {
            taken?;
            let (taken, nudge) = take_one(state, key)?;
            self.picked.push((whose, Picked::Alone(self.taken.len())));
            self.taken.push(taken);
            self.nudges.extend(nudge);
            return Ok(());
        }
        let resume = entry.mailbox.take_nudge();
        self.nudges.extend(resume.then_some(target));
        state.requeue(key);
        state.note_pulled(key);
        taken.and(added)
    }
}

#[cfg(all(test, not(ws4d_loom)))]
mod tests {
    use super::super::tests::{Probe, ending};
    use super::super::{Claim, Mailbox};
    use super::*;
    use crate::error::{Component, Error};

    /// Such an event may call the host, as a reconnector's attempt does, which may close the dispatcher.
    #[test]
    fn an_event_of_the_librarys_own_ends_a_batch_and_is_the_first_of_the_next_call() {
        let dispatcher = Dispatcher::new(None);
        let (talking, own) = (Probe::new(), Arc::new(Probe::made(None, true)));
        for target in [&talking, &own] {
            let key = dispatcher.register(Mailbox::new(0, Claim::Nothing), Arc::clone(target)).unwrap();
            dispatcher.update(key, |mailbox| mailbox.opened(0)).1.send(&dispatcher);
        }
        let inside = Arc::downgrade(&dispatcher);
        own.at_event(Box::new(move || inside.upgrade().unwrap().close(|| ()).unwrap()));
        let batch = dispatcher.next_batch(Some(Duration::ZERO), 10).unwrap().unwrap();
        assert_eq!((batch.len(), own.trace().len(), talking.trace().len()), (1, 0, 0));
        let next = dispatcher.next_batch(Some(Duration::ZERO), 10);
        assert!(matches!(next, Err(ErrorCode::Cancelled)) && own.trace()[0] == "open");
    }

    /// The error handler may close a socket of which the batch has an event, or the dispatcher.
    #[test]
    fn what_is_reported_to_the_error_handler_is_alone_in_its_batch() {
        let dispatcher = Dispatcher::new(None);
        let (talking, failed) = (Probe::new(), Probe::new());
        let register = |target: &Arc<Probe>| {
            dispatcher.register(Mailbox::new(0, Claim::Nothing), Arc::clone(target)).unwrap()
        };
        let (first, second) = (register(&talking), register(&failed));
        let error = Arc::new(Error::new(ErrorCode::Dns, Component::Dns, "no such name"));
        dispatcher.update(first, |mailbox| mailbox.opened(0)).1.send(&dispatcher);
        dispatcher.update(second, |mailbox| mailbox.ended(ending(1006), Some(error))).1.send(&dispatcher);
        let next = || dispatcher.next_batch(Some(Duration::ZERO), 10).unwrap().unwrap();
        let batch = next();
        assert_eq!(
            (batch.len(), failed.trace().len()),
            (1, 0),
            "nothing is reported while there is an event"
        );
        dispatcher.update(first, |mailbox| mailbox.drained()).1.send(&dispatcher);
        let batch = next();
        assert_eq!((batch.len(), failed.trace()), (1, vec!["report".to_owned()]));
    }
}
