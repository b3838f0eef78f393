//! A table of handles: a key names a slot and the slot's generation, so that a key whose value is gone is
//! recognised for ever. Plain Rust; only the C ABI turns keys into pointers.
//!
//! Slots live in chunks that double in size and never move. A look-up only counts one pin up in the slot's state, and
//! down again when it is done: it takes no lock, and touches no other slot, thread or count. While a slot is pinned
//! its value stays, also after `remove`. The thread that takes the last pin away drops the value, except in a signal
//! handler, which leaves the drop to the next `insert` or `remove`. A slot's generation never wraps: when it is used
//! up, the slot is retired.

use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Mutex, Shared};
use crate::sys::thread::CancellationHeld;
use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

const INDEX_BITS: u32 = 20;
const GENERATION_BITS: u32 = 20;
const FIRST_CHUNK_BITS: u32 = 5;
const CHUNKS: usize = (INDEX_BITS - FIRST_CHUNK_BITS + 1) as usize;
const LAST_GENERATION: u32 = (1 << GENERATION_BITS) - 1;

/// The bits of a slot's state that count pins; two flags and the generation follow.
const PINS: u64 = (1 << 32) - 1;
/// Set while the key finds the value.
const ALIVE: u64 = 1 << 32;
/// Set while there is a value, that is, until the last pin of a removed key is gone.
const OCCUPIED: u64 = 1 << 33;
const GENERATION_SHIFT: u32 = 34;

/// A table that maps keys to values. Any thread.
pub struct HandleTable<T> {
    chunks: [OnceLock<Box<[Slot<T>]>>; CHUNKS],
    free: Mutex<Free>,
    /// Set if a signal handler has taken the last pin of a removed key away without clearing the slot.
    uncleared: AtomicBool,
    last_generation: u32,
}

struct Free {
    /// Oldest first, so that a slot rests as long as possible before it is used again.
    slots: VecDeque<u32>,
    /// The number of slots that were ever used.
    used: u32,
}

struct Slot<T> {
    state: AtomicU64,
    /// Written only by the owner of the slot: `insert` before the key is alive, `clear` once nobody can pin it any
    /// more.
    value: Shared<Option<Arc<T>>>,
}

/// A value that was looked up; it stays as long as this does.
pub struct Pinned<'a, T> {
    table: &'a HandleTable<T>,
    slot: &'a Slot<T>,
    index: u32,
}

impl<T> HandleTable<T> {
    /// An empty table.
    pub fn new() -> HandleTable<T> {
        HandleTable::with_last_generation(LAST_GENERATION)
    }

    fn with_last_generation(last_generation: u32) -> HandleTable<T> {
        HandleTable {
            chunks: [const { OnceLock::new() }; CHUNKS],
            free: Mutex::new(Free { slots: VecDeque::new(), used: 0 }),
            uncleared: AtomicBool::new(false),
            last_generation,
        }
    }

    /// Stores a value and returns its key (40 bits, never 0); `None` if 2^20 handles are in use.
    pub fn insert(&self, value: Arc<T>) -> Option<u64> {
        self.clear_what_is_left();
        let index = {
            let mut free = self.free.lock();
            match free.slots.pop_front() {
                Some(index) => index,
                None if free.used < 1 << INDEX_BITS => {
                    free.used += 1;
                    free.used - 1
                }
                None => return None,
            }
        };
        let (chunk, at) = place(index);
        let slots = self.chunks[chunk].get_or_init(|| {
            (0..chunk_len(chunk))
                .map(|_| Slot { state: AtomicU64::new(0), value: Shared::new(None) })
                .collect()
        });
        let slot = &slots[at];
        // SAFETY: the index came from the free list (or was never used), so this slot is ours alone: it is not
        // occupied, and a stale key may pin it for a moment but does not look at the value.
        unsafe { slot.value.with_mut(|place| *place = Some(value)) };
        // Added, not stored: such a moment's pin must stay counted.
        let before = slot.state.fetch_add((1 << GENERATION_SHIFT) + ALIVE + OCCUPIED, Ordering::Release);
        let generation = (before >> GENERATION_SHIFT) + 1;
        Some(generation << INDEX_BITS | u64::from(index))
    }

    /// The value of a key, or `None` if the key is stale or invented.
    #[inline]
    pub fn get(&self, key: u64) -> Option<Pinned<'_, T>> {
        let generation = key >> INDEX_BITS;
        let (chunk, at) = place(index_of(key));
        let slot = self.chunks[chunk].get()?.get(at)?;
        let before = slot.state.fetch_add(1, Ordering::Acquire);
        let pinned = Pinned { table: self, slot, index: index_of(key) };
        // Generation 0 is never alive, so key 0 finds nothing.
        ((before >> GENERATION_SHIFT) == generation && before & ALIVE != 0).then_some(pinned)
    }

    /// As [`get`](HandleTable::get), in a signal handler: async-signal-safe, and so is the end of the pin, which drops
    /// nothing.
    pub fn get_in_signal_handler(&self, key: u64) -> Option<PinnedInSignalHandler<'_, T>> {
        let (chunk, at) = place(index_of(key));
        let slot = self.chunks[chunk].get()?.get(at)?;
        let before = slot.state.fetch_add(1, Ordering::Acquire);
        let pinned = PinnedInSignalHandler { table: self, slot };
        ((before >> GENERATION_SHIFT) == key >> INDEX_BITS && before & ALIVE != 0).then_some(pinned)
    }

    /// Takes the value out and makes the key stale; `None` if it was that already.
    pub fn remove(&self, key: u64) -> Option<Arc<T>> {
        self.clear_what_is_left();
        let pinned = self.get(key)?;
        // Of several callers at once, one sees the flag. While it is pinned, the slot keeps its generation.
        let before = pinned.slot.state.fetch_and(!ALIVE, Ordering::AcqRel);
        (before & ALIVE != 0).then(|| Arc::clone(&pinned))
    }

    /// Clears slots that signal handlers have left; there is seldom one.
    fn clear_what_is_left(&self) {
        if !self.uncleared.load(Ordering::Relaxed) || !self.uncleared.swap(false, Ordering::Acquire) {
            return;
        }
        let used = self.free.lock().used;
        for index in 0..used {
            let (chunk, at) = place(index);
            // An index may be reserved before its chunk is allocated.
            let Some(slot) = self.chunks[chunk].get().and_then(|slots| slots.get(at)) else { continue };
            let state = slot.state.load(Ordering::Acquire);
            if state & (PINS | ALIVE | OCCUPIED) == OCCUPIED {
                self.clear(slot, index, state);
            }
        }
    }

    /// Clears the slot of a removed key, whose last pin has left `state`.
    #[cold]
    fn clear(&self, slot: &Slot<T>, index: u32, state: u64) {
        // Of the threads that see this state, one gets the slot. A thread that pins it in between sees the state
        // again when it releases the pin.
        if slot.state.compare_exchange(state, state & !OCCUPIED, Ordering::AcqRel, Ordering::Relaxed).is_err()
        {
            return;
        }
        // SAFETY: the key is not alive and there was no pin when the flag went, so nobody looks at the value, and the
        // flag goes once; `insert` gets the slot only from the free list, below.
        let value = unsafe { slot.value.with_mut(Option::take) };
        // The drop of a value may close descriptors, and the caller may be a reader.
        let _held = CancellationHeld::begin();
        if state >> GENERATION_SHIFT < u64::from(self.last_generation) {
            self.free.lock().slots.push_back(index);
        }
        drop(value);
    }
}

impl<T> Deref for Pinned<'_, T> {
    type Target = Arc<T>;

    #[inline]
    fn deref(&self) -> &Arc<T> {
        // SAFETY: it was alive when it was pinned, so `insert` had written the value, and nobody writes before the pin
        // is gone. The borrow ends with `self`.
        let value = unsafe { self.slot.value.get() };
        match value {
            Some(value) => value,
            None => unreachable!("a pinned slot has its value"),
        }
    }
}

impl<T> Drop for Pinned<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let before = self.slot.state.fetch_sub(1, Ordering::Release);
        if before & (PINS | ALIVE | OCCUPIED) == OCCUPIED + 1 {
            self.table.clear(self.slot, self.index, before - 1);
        }
    }
}

/// Like [`Pinned`], in a signal handler.
pub struct PinnedInSignalHandler<'a, T> {
    table: &'a HandleTable<T>,
    slot: &'a Slot<T>,
}

impl<T> PinnedInSignalHandler<'_, T> {
    /// The value. It is not an `Arc`, because a reference count must not drop here.
    pub fn value(&self) -> &T {
        // SAFETY: as for `Pinned`.
        let value = unsafe { self.slot.value.get() };
        match value {
            Some(value) => value,
            None => unreachable!("a pinned slot has its value"),
        }
    }
}

impl<T> Drop for PinnedInSignalHandler<'_, T> {
    fn drop(&mut self) {
        let before = self.slot.state.fetch_sub(1, Ordering::Release);
        if before & (PINS | ALIVE | OCCUPIED) == OCCUPIED + 1 {
            self.table.uncleared.store(true, Ordering::Release);
        }
    }
}

impl<T> Default for HandleTable<T> {
    fn default() -> Self {
        HandleTable::new()
    }
}

fn index_of(key: u64) -> u32 {
    (key & ((1 << INDEX_BITS) - 1)) as u32
}

/// Chunk 0 holds the first 2^5 slots, chunk n the next 2^(4+n).
fn place(index: u32) -> (usize, usize) {
    let chunk = (u32::BITS - (index >> FIRST_CHUNK_BITS).leading_zeros()) as usize;
    let start = if chunk == 0 { 0 } else { 1usize << (FIRST_CHUNK_BITS as usize + chunk - 1) };
    (chunk, index as usize - start)
}

fn chunk_len(chunk: usize) -> usize {
    1 << (FIRST_CHUNK_BITS as usize + chunk.saturating_sub(1))
}

#[cfg(all(test, not(ws4d_loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_index_has_its_own_place() {
        let mut expected = (0, 0);
        for index in 0..1 << INDEX_BITS {
            if expected.1 == chunk_len(expected.0) {
                expected = (expected.0 + 1, 0);
            }
            assert_eq!(place(index), expected);
            expected.1 += 1;
        }
        assert_eq!(expected.0 + 1, CHUNKS);
    }

    #[test]
    fn a_removed_key_is_stale_for_ever() {
        let table = HandleTable::new();
        let first = table.insert(Arc::new(1)).unwrap();
        assert_eq!(table.remove(first).as_deref(), Some(&1));
        assert!(table.remove(first).is_none());
        for n in 2..1000 {
            let key = table.insert(Arc::new(n)).unwrap();
            assert_ne!(key, first);
            assert!(table.get(first).is_none());
            assert_eq!(**table.get(key).unwrap(), n);
            table.remove(key).unwrap();
        }
    }

    #[test]
    fn a_signal_handler_drops_nothing_and_the_next_insert_or_remove_does() {
        for inserts in [true, false] {
            let table = HandleTable::new();
            let (value, other) = (Arc::new(1), Arc::new(2));
            let key = table.insert(Arc::clone(&value)).unwrap();
            let pinned = table.get_in_signal_handler(key).unwrap();
            drop(table.remove(key));
            assert_eq!(*pinned.value(), 1);
            drop(pinned);
            assert!(table.get_in_signal_handler(key).is_none());
            assert_eq!(Arc::strong_count(&value), 2, "the handler's pin was the last");
            if inserts {
                table.insert(other).unwrap();
            } else {
                assert!(table.remove(key).is_none());
            }
            assert_eq!(Arc::strong_count(&value), 1);
        }
    }

    #[test]
    fn a_worn_out_slot_is_retired() {
        let table = HandleTable::with_last_generation(3);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..100 {
            let key = table.insert(Arc::new(())).unwrap();
            assert!(seen.insert(key), "key {key:#x} came twice");
            table.remove(key).unwrap();
        }
    }

    #[test]
    fn invented_keys_find_nothing() {
        let table = HandleTable::new();
        let key = table.insert(Arc::new(())).unwrap();
        for invented in [0, 1, key + 1, key ^ (1 << INDEX_BITS), u64::MAX, 1 << 63, (1 << INDEX_BITS) - 1] {
            assert!(table.get(invented).is_none(), "{invented:#x}");
            assert!(table.remove(invented).is_none(), "{invented:#x}");
        }
        assert!(table.get(key).is_some());
    }
}

#[cfg(all(test, ws4d_loom))]
mod model {
    use super::*;
    use loom::thread;

    #[test]
    fn a_key_is_removed_once_and_found_only_before() {
        loom::model(|| {
            let table = Arc::new(HandleTable::new());
            let key = table.insert(Arc::new(7)).unwrap();
            let racers: Vec<_> = (0..2)
                .map(|_| {
                    let table = Arc::clone(&table);
                    thread::spawn(move || table.remove(key).is_some())
                })
                .collect();
            if let Some(found) = table.get(key) {
                assert_eq!(**found, 7);
            }
            let removed = racers.into_iter().map(|racer| racer.join().unwrap()).filter(|won| *won);
            assert_eq!(removed.count(), 1);
            assert!(table.get(key).is_none());
        });
    }

    #[test]
    fn a_slot_that_is_used_again_has_another_key() {
        loom::model(|| {
            let table = Arc::new(HandleTable::new());
            let first = table.insert(Arc::new(1)).unwrap();
            let other = Arc::clone(&table);
            let racer = thread::spawn(move || {
                other.remove(first);
                other.insert(Arc::new(2)).unwrap()
            });
            let seen = table.get(first);
            assert!(seen.is_none_or(|value| **value == 1));
            let second = racer.join().unwrap();
            assert_ne!(first, second);
            assert!(table.get(first).is_none());
            assert_eq!(**table.get(second).unwrap(), 2);
        });
    }

    #[test]
    fn a_value_that_a_signal_handler_pinned_is_dropped_once() {
        loom::model(|| {
            let table = Arc::new(HandleTable::new());
            let value = Arc::new(7);
            let key = table.insert(Arc::clone(&value)).unwrap();
            let other = Arc::clone(&table);
            let handler = thread::spawn(move || {
                if let Some(pinned) = other.get_in_signal_handler(key) {
                    assert_eq!(*pinned.value(), 7);
                }
            });
            drop(table.remove(key).unwrap());
            handler.join().unwrap();
            assert!(table.remove(key).is_none());
            assert_eq!(Arc::strong_count(&value), 1);
        });
    }
}
