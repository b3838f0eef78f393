//! Pulling many events at once, for hosts to whom a call costs more than an event. What a message costs here is a copy
//! into a block that the whole batch shares: no lock, no allocation.

use super::Target;
use super::dispatcher::Dispatcher;
use super::key::Key;
use super::pull::{Taken, take_one};
use super::state::State;
use crate::buffer::Buffer;
use crate::error::ErrorCode;
use crate::event::{Event, Item, Message};
use std::sync::Arc;
use std::time::Duration;

/// Messages up to this size lie in a batch's block.
const MOST_IN_BLOCK: usize = 16 * 1024;
/// A batch ends where its block has grown to this.
const BLOCK: usize = 1024 * 1024;

impl<T: Target> Dispatcher<T> {
    /// Pulls at most `max` events; waits for the first one only. `None` as for [`next`](Dispatcher::next). An error behind
    /// the first is the next call's.
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
                if state.entry(key).is_some_and(|entry| entry.target.is_silent()) {
                    (state, _) = self.visit(state, key, 1);
                    continue;
                }
                match collected.take(&mut state, key, max) {
                    Ok(()) => {}
                    Err(error) if collected.is_empty() => return (state, Err(error)),
                    Err(_) => break,
                }
            }
            (state, Ok(Some(collected).filter(|collected| !collected.is_empty())))
        })?;
        let Some(collected) = collected else { return Ok(None) };
        let Collected { block, targets, picked, nudges } = collected;
        nudges.iter().for_each(|target| target.nudge());
        let block = Arc::new(block.into());
        let mut batch = PulledBatch { block, events: Vec::new(), whose: Vec::new(), targets };
        batch.events.reserve_exact(picked.len());
        batch.whose.reserve_exact(picked.len());
        for (whose, picked) in picked {
            let target = &batch.targets[whose as usize];
            let event = match picked {
                Picked::Block(item) => Event::of_message(Message::shared(&batch.block, item), target.mode()),
                Picked::Alone(taken) => self.event_of(target, taken)?,
            };
            batch.events.push(event);
            batch.whose.push(whose);
        }
        Ok(Some(batch))
    }
}

enum Picked {
    /// In the block.
    Block(Item),
    Alone(Taken),
}

/// A batch that is put together under the lock.
struct Collected<T> {
    block: Vec<u8>,
    targets: Vec<Arc<T>>,
    picked: Vec<(u32, Picked)>,
    nudges: Vec<Arc<T>>,
}

impl<T> Default for Collected<T> {
    fn default() -> Collected<T> {
        Collected { block: Vec::new(), targets: Vec::new(), picked: Vec::new(), nudges: Vec::new() }
    }
}

impl<T: Target> Collected<T> {
    fn is_empty(&self) -> bool {
        self.picked.is_empty()
    }

    fn wants_more(&self, max: usize) -> bool {
        self.picked.len() < max && self.block.len() < BLOCK
    }

    fn whose(&mut self, target: &Arc<T>) -> u32 {
        if self.targets.last().is_none_or(|last| !Arc::ptr_eq(last, target)) {
            self.targets.push(Arc::clone(target));
        }
        self.targets.len() as u32 - 1
    }

    /// One event of a ready mailbox; or several, if nobody else's turn is between.
    fn take(&mut self, state: &mut State<T>, key: Key, max: usize) -> Result<(), ErrorCode> {
        let alone = state.is_alone();
        let Some(entry) = state.entry(key) else { return Err(ErrorCode::Internal) };
        let target = Arc::clone(&entry.target);
        let whose = self.whose(&target);
        let before = self.picked.len();
        let (picked, most) = (&mut self.picked, if alone { max } else { before + 1 });
        let taken = entry.mailbox.pull_into(&mut self.block, MOST_IN_BLOCK, |item| {
            picked.push((whose, Picked::Block(item)));
            picked.len() < most && item.start < BLOCK
        });
        if self.picked.len() == before {
            taken?;
            if let Some((_, taken, resume)) = take_one(state, key)? {
                self.picked.push((whose, Picked::Alone(taken)));
                self.nudges.extend(resume.then_some(target));
            }
            return Ok(());
        }
        let resume = entry.mailbox.take_nudge();
        self.nudges.extend(resume.then_some(target));
        state.take_turn(key);
        state.note_pulled(key);
        taken
    }
}

/// Events that were pulled together. The data of small messages lie in one block, one behind the other.
pub struct PulledBatch<T> {
    block: Arc<Buffer>,
    events: Vec<Event>,
    /// For each event, the index of its target.
    whose: Vec<u32>,
    targets: Vec<Arc<T>>,
}

impl<T> PulledBatch<T> {
    /// The block: data of at most 16 KiB each, a NUL behind each.
    pub fn block(&self) -> &[u8] {
        &self.block
    }

    /// The events in their order, whose each is, and where in the block its data begin.
    pub fn events(&self) -> impl Iterator<Item = (&Arc<T>, &Event, Option<usize>)> {
        self.events
            .iter()
            .zip(&self.whose)
            .map(|(event, whose)| (&self.targets[*whose as usize], event, event.start_in(&self.block)))
    }
}
