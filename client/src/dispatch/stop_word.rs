//! The calls of a dispatcher that are in progress, and the ones among them that must return: one word, changed by
//! compare-exchange alone, so that a signal handler may stop calls whatever it has interrupted.

use crate::sync::atomic::{AtomicU64, Ordering};

/// The number of calls in progress; nested calls count each.
const LEVELS: u64 = (1 << 31) - 1;
/// A stop that found no call in progress: the next one returns at once.
const REMEMBERED: u64 = 1 << 31;
/// The position of the stopped level: calls at or below it must return.
const STOPPED_SHIFT: u32 = 32;

/// The calls in progress, and the stops requested of them. Usable from any thread; `stop` also in a signal handler.
pub(super) struct StopWord(AtomicU64);

impl StopWord {
    pub(super) fn new() -> StopWord {
        StopWord(AtomicU64::new(0))
    }

    // Sequentially consistent throughout: after a stop, the stopping thread reads whether there is an alarm, and the
    // owner prepares its alarm before it reads this word for the last time. One of the two sees the other.

    /// Applies `next`, and returns the word before and after.
    fn change(&self, next: impl Fn(u64) -> u64) -> (u64, u64) {
        let mut word = self.0.load(Ordering::SeqCst);
        loop {
            let to = next(word);
            match self.0.compare_exchange_weak(word, to, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return (word, to),
                Err(now) => word = now,
            }
        }
    }

    /// Begins a call and returns its level. A remembered stop ends it at once, but it still counts as in progress
    /// while it runs the `on_free` that is owed.
    pub(super) fn enter(&self) -> u32 {
        let (_, word) = self.change(|word| {
            let word = word + 1;
            if word & REMEMBERED != 0 { stopped_at(word & !REMEMBERED, levels(word)) } else { word }
        });
        levels(word)
    }

    /// Begins a blocking `ws_new`. It counts as in progress, but a remembered stop is left for its wait.
    pub(super) fn hold(&self) {
        self.change(|word| word + 1);
    }

    /// Ends the innermost call.
    pub(super) fn leave(&self) {
        self.change(|word| {
            let word = word - 1;
            stopped_at(word, stopped(word).min(levels(word)))
        });
    }

    /// Takes a stop that found no call in progress; the next call that waits or dispatches consumes it.
    pub(super) fn take_remembered(&self) -> bool {
        self.change(|word| word & !REMEMBERED).0 & REMEMBERED != 0
    }

    /// Makes the calls in progress return, or, if there is none, the next one.
    pub(super) fn stop(&self) {
        self.change(|word| match levels(word) {
            0 => word | REMEMBERED,
            levels => stopped_at(word, levels),
        });
    }

    /// Returns whether the call of this level must return.
    pub(super) fn is_stopped(&self, level: u32) -> bool {
        stopped(self.0.load(Ordering::SeqCst)) >= level
    }

    /// Returns whether the innermost call must return. Its thread asks before it sleeps, after its alarm is prepared.
    pub(super) fn is_innermost_stopped(&self) -> bool {
        let word = self.0.load(Ordering::SeqCst);
        levels(word) > 0 && stopped(word) >= levels(word)
    }

    /// The level of the innermost call in progress; 0 if there is none.
    pub(super) fn levels(&self) -> u32 {
        levels(self.0.load(Ordering::SeqCst))
    }
}

fn levels(word: u64) -> u32 {
    (word & LEVELS) as u32
}

fn stopped(word: u64) -> u32 {
    (word >> STOPPED_SHIFT) as u32
}

fn stopped_at(word: u64, level: u32) -> u64 {
    word & (LEVELS | REMEMBERED) | u64::from(level) << STOPPED_SHIFT
}

#[cfg(all(test, not(ws4d_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_stop_is_for_the_calls_in_progress_and_for_none_that_comes_later() {
        let word = StopWord::new();
        let (outer, inner) = (word.enter(), word.enter());
        word.stop();
        assert!(word.is_stopped(inner) && word.is_stopped(outer));
        let later = word.enter();
        assert!(!word.is_stopped(later));
        word.leave();
        word.leave();
        assert!(word.is_stopped(outer));
        word.leave();
        let next = word.enter();
        assert!(!word.is_stopped(next), "it is used up");
    }

    #[test]
    fn a_stop_without_a_call_is_remembered_once_and_not_taken_by_one_that_only_holds() {
        let word = StopWord::new();
        word.stop();
        word.stop();
        word.hold();
        assert!(!word.is_stopped(word.levels()));
        assert!(word.take_remembered());
        assert!(!word.take_remembered());
        word.leave();
        word.stop();
        let level = word.enter();
        assert!(word.is_stopped(level));
        word.leave();
        assert_eq!(word.0.load(Ordering::SeqCst), 0);
    }
}

#[cfg(all(test, ws4d_loom))]
mod model {
    use super::*;
    use loom::thread;
    use std::sync::Arc;

    #[test]
    fn a_stop_ends_the_call_in_progress_or_the_next_one_and_no_other() {
        loom::model(|| {
            let word = Arc::new(StopWord::new());
            let other = Arc::clone(&word);
            let stopper = thread::spawn(move || other.stop());
            let first = word.enter();
            let seen = word.is_stopped(first);
            word.leave();
            stopper.join().unwrap();
            let second = word.enter();
            // A stop that the first call did not see came while that call returned, or is remembered.
            assert!(!(seen && word.is_stopped(second)), "once");
            word.leave();
            let third = word.enter();
            assert!(!word.is_stopped(third));
            word.leave();
            assert_eq!(word.0.load(Ordering::SeqCst), 0, "nothing is left of it");
        });
    }

    #[test]
    fn two_that_stop_at_once_end_one_call() {
        loom::model(|| {
            let word = Arc::new(StopWord::new());
            let outer = word.enter();
            let stoppers: Vec<_> = (0..2)
                .map(|_| {
                    let word = Arc::clone(&word);
                    thread::spawn(move || word.stop())
                })
                .collect();
            let inner = word.enter();
            word.leave();
            stoppers.into_iter().for_each(|stopper| stopper.join().unwrap());
            assert!(word.is_stopped(outer) && !word.is_stopped(inner));
            word.leave();
            assert_eq!(word.0.load(Ordering::SeqCst), 0);
        });
    }
}
