//! Pulling events, one by one or several at once: they are recorded as callbacks would have been.

use std::ptr;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use ws4d_test_host::codes::*;
use ws4d_test_host::{Event, Pulled, RawBatch, RawBatchItem, Socket, api, name};

use crate::acts;
use crate::comeback::Comeback;
use crate::comeback_plan::Moment;
use crate::life::Life;
use crate::wire::lock;
use crate::world::{Call, World};

/// A `ws_batch`, freed when it is dropped.
struct Batch(*mut RawBatch);

// SAFETY: the library promises that any thread may read and free it.
unsafe impl Send for Batch {}

impl Drop for Batch {
    fn drop(&mut self) {
        (api().ws_batch_free)(self.0);
    }
}

impl Batch {
    fn items(&self) -> &[RawBatchItem] {
        let mut count = 0;
        let items = (api().ws_batch_items)(self.0, &mut count);
        // SAFETY: the library says that so many are there, as long as the batch lives.
        unsafe { slice::from_raw_parts(items, count) }
    }

    fn block(&self) -> &[u8] {
        let mut len = 0;
        let block = (api().ws_batch_data)(self.0, &mut len);
        // SAFETY: as above.
        unsafe { slice::from_raw_parts(block.cast(), len) }
    }

    fn event(&self, at: usize) -> Event {
        Event((api().ws_batch_event)(self.0, at))
    }

    /// Where an item is not what its event says.
    fn flaw(&self) -> Option<String> {
        let (items, block) = (self.items(), self.block());
        let mut end = 0;
        for (at, item) in items.iter().enumerate() {
            let (event, line) = (self.event(at), self.event(at).describe());
            let data = event.data();
            let own = match item.data.is_null() {
                true => &[][..],
                // SAFETY: the library says that so many bytes are there, as long as the batch lives.
                false => unsafe { slice::from_raw_parts(item.data.cast::<u8>(), item.len) },
            };
            let message = matches!(item.kind, WS_EVENT_TYPE_MESSAGE | WS_EVENT_TYPE_PART);
            if item.kind != event.kind() || own != data {
                return Some(format!("{item:?} is {line}"));
            }
            if message && item.data_type != (api().ws_event_data_type)(event.0) {
                return Some(format!("{item:?} has another data type than {line}"));
            }
            if item.offset == usize::MAX {
                if message && data.len() <= 16 * 1024 {
                    return Some(format!("{line} is not in the block"));
                }
                continue;
            }
            let there = block.get(item.offset..item.offset + item.len);
            if item.offset != end || there != Some(own) || block.get(item.offset + item.len) != Some(&0) {
                return Some(format!("{line} is not at {} of the block, or not alone", item.offset));
            }
            end = item.offset + item.len + 1;
        }
        (end != block.len()).then(|| format!("{} of {} bytes are nobody's", block.len() - end, block.len()))
    }
}

/// What the host has to free.
enum Owned {
    Event(Pulled),
    Batch(Batch),
}

impl Owned {
    fn describe(&self) -> Vec<String> {
        match self {
            Owned::Event(event) => vec![event.describe()],
            Owned::Batch(batch) => (0..batch.items().len()).map(|at| batch.event(at).describe()).collect(),
        }
    }
}

/// Events of the host's own.
pub(crate) struct Kept {
    owned: Owned,
    lines: Vec<String>,
    /// Whose TERMINATE is among them.
    ended: Vec<Arc<Life>>,
    /// A connection of the reconnector's has ended with them.
    comeback: Option<Arc<Comeback>>,
}

impl Kept {
    fn new(owned: Owned) -> Kept {
        Kept { lines: owned.describe(), owned, ended: Vec::new(), comeback: None }
    }

    /// `ws_event_retain`
    pub(crate) fn retained(event: &Event) -> Kept {
        Kept { lines: vec![event.describe()], ..Kept::new(Owned::Event(event.retain())) }
    }
}

impl World {
    /// Pulls one event, or a batch of them where the plan says so. Says what the call has returned.
    pub(crate) fn next(self: &Arc<Self>, timeout_ms: i32) -> i32 {
        match self.plan.batch {
            0 => self.next_one(timeout_ms),
            most => self.next_batch(timeout_ms, most),
        }
    }

    fn next_one(self: &Arc<Self>, timeout_ms: i32) -> i32 {
        let mut pulled = None;
        let result = self.call(Call::Next, || match self.handle().next(timeout_ms) {
            Ok(None) => 0,
            Ok(Some(event)) => {
                pulled = Some(event);
                1
            }
            Err(error) => error,
        });
        if let Some((ws, pulled)) = pulled {
            let event = pulled.event();
            self.pulled(Kept::new(Owned::Event(pulled)), &[(ws, event)]);
        }
        result
    }

    fn next_batch(self: &Arc<Self>, timeout_ms: i32, most: usize) -> i32 {
        let mut batch = ptr::null_mut();
        let next = api().ws_dispatcher_next_batch;
        let result = self.call(Call::NextBatch(most), || next(self.handle(), timeout_ms, most, &mut batch));
        if batch.is_null() != (result <= 0) {
            self.wrong(format!("next_batch: {}, batch: {batch:?}", name(result)));
        }
        if batch.is_null() {
            return result;
        }
        let batch = Batch(batch);
        if let Some(flaw) = batch.flaw() {
            self.wrong(format!("a batch: {flaw}"));
        }
        let items = batch.items().iter().enumerate();
        let events: Vec<_> = items.map(|(at, item)| (item.ws, batch.event(at))).collect();
        if events.len() != result as usize {
            self.wrong(format!("next_batch: {result}, but {} events", events.len()));
        }
        self.count(if events.len() > 1 { "a batch of several" } else { "a batch of one" });
        self.pulled(Kept::new(Owned::Batch(batch)), &events);
        result
    }

    /// Records what was pulled together, then does what the plan has for it.
    fn pulled(self: &Arc<Self>, mut kept: Kept, events: &[(Socket, Event)]) {
        let (mut lives, mut reactions) = (Vec::new(), Vec::new());
        for (ws, event) in events {
            let user_data = (api().ws_get_user_data)(*ws);
            if let Some(comeback) = self.comeback().filter(|comeback| comeback.user_data() == user_data) {
                let (moment, count) = comeback.event(*event, false);
                if moment == Some(Moment::Terminate) {
                    kept.comeback = Some(Arc::clone(&comeback));
                }
                reactions.push((comeback, moment, count));
                continue;
            }
            let Some(life) = self.all_lives().into_iter().find(|life| life.user_data() == user_data) else {
                self.wrong(format!("{} pulled of a socket that nobody knows", event.describe()));
                continue;
            };
            if event.kind() == WS_EVENT_TYPE_TERMINATE {
                lock(&self.pulled_terminates).insert(life.index);
                kept.ended.push(Arc::clone(&life));
            }
            let (kind, count) = life.event(*ws, *event);
            lives.push((life, kind, count));
        }
        let keeps = lives.first().is_some_and(|(life, _, count)| {
            self.plan.keep_events > 0 && (*count as usize * 37 + life.index) % 100 < self.plan.keep_events
        });
        // A reconnector does not go on before its TERMINATE is freed, and the script may wait for that.
        let keeps = keeps && kept.comeback.is_none();
        match keeps && !self.finishing.load(SeqCst) {
            true => lock(&self.kept).push(kept),
            false => self.free(kept),
        }
        for (life, kind, count) in lives {
            acts::run(&life, kind, count, None);
        }
        for (comeback, moment, count) in reactions {
            comeback.react(moment, count);
        }
    }

    /// Frees events of the host's own, which have stayed what they were.
    fn free(&self, kept: Kept) {
        let now = kept.owned.describe();
        if now != kept.lines {
            self.wrong(format!("{:?} have become {now:?}", kept.lines));
        }
        drop(kept.owned);
        if let Some(comeback) = kept.comeback {
            comeback.owed.store(true, SeqCst);
        }
        for life in kept.ended {
            life.over.store(true, SeqCst);
            life.check_token(life.socket());
        }
    }

    /// Whether its reconnector goes on in the next call.
    pub(crate) fn comeback_is_owed(&self) -> bool {
        self.comeback().is_some_and(|comeback| comeback.owed.swap(false, SeqCst))
    }

    pub(crate) fn free_kept(&self) {
        let kept = std::mem::take(&mut *lock(&self.kept));
        kept.into_iter().for_each(|kept| self.free(kept));
    }
}
