//! Marked points at which a test lets a thread panic: the n-th that is passed, for every n. In this crate's own tests
//! each thread counts for itself; with `--cfg ws4d_panics` the whole process does, for the random sequences of
//! `tests/grammar_model`. In any other build there is nothing of it.

/// A point at which a panic must leave nothing half done: something has begun that others wait for, and code that may
/// fail, or that is not ours, could run here before its end.
macro_rules! fault_point {
    () => {
        #[cfg(all(any(test, ws4d_panics), not(ws4d_loom)))]
        {
            static HERE: $crate::fault::Point =
                $crate::fault::Point::new(concat!(file!(), ":", line!(), "\0"));
            $crate::fault::pass(&HERE);
        }
    };
}
pub(crate) use fault_point;

#[cfg(all(ws4d_panics, not(any(test, ws4d_loom))))]
pub(crate) use of_process::{Point, pass};
#[cfg(all(ws4d_panics, not(any(test, ws4d_loom))))]
pub use of_process::{arm, disarm, fired, known};
#[cfg(all(test, not(ws4d_loom)))]
pub(crate) use of_thread::{Point, arm, disarm, pass};

#[cfg(any(test, ws4d_panics))]
const WORDS: &str = "a fault that the test wanted";

#[cfg(all(test, not(ws4d_loom)))]
mod of_thread {
    use std::cell::Cell;

    pub(crate) struct Point;

    impl Point {
        pub(crate) const fn new(_: &'static str) -> Point {
            Point
        }
    }

    thread_local! {
        /// Number of the point at which the thread panics, counted from the next one; 0: at none.
        static LEFT: Cell<u32> = const { Cell::new(0) };
    }

    /// The calling thread panics at the `n`th point from now on.
    pub(crate) fn arm(n: u32) {
        LEFT.set(n);
    }

    /// Disarms it; returns whether the thread has panicked.
    pub(crate) fn disarm() -> bool {
        LEFT.replace(0) == 0
    }

    pub(crate) fn pass(_: &Point) {
        let left = LEFT.get();
        LEFT.set(left.saturating_sub(1));
        assert!(left != 1, "{}", super::WORDS);
    }
}

#[cfg(all(ws4d_panics, not(any(test, ws4d_loom))))]
mod of_process {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::sync::{Mutex, PoisonError};
    use std::thread;

    pub(crate) struct Point {
        place: &'static str,
        listed: AtomicBool,
        passed: AtomicU64,
        panicked: AtomicU64,
    }

    impl Point {
        pub(crate) const fn new(place: &'static str) -> Point {
            let (passed, panicked) = (AtomicU64::new(0), AtomicU64::new(0));
            Point { place, listed: AtomicBool::new(false), passed, panicked }
        }
    }

    static COUNTS: AtomicBool = AtomicBool::new(false);
    static PASSED: AtomicU64 = AtomicU64::new(0);
    static AT: AtomicU64 = AtomicU64::new(0);
    static FIRED: Mutex<Option<&'static str>> = Mutex::new(None);
    static KNOWN: Mutex<Vec<&'static Point>> = Mutex::new(Vec::new());

    /// Counts points from now on, and lets the thread panic that passes the `n`th; 0: none.
    pub fn arm(n: u64) {
        COUNTS.store(false, Ordering::SeqCst);
        PASSED.store(0, Ordering::SeqCst);
        AT.store(n, Ordering::SeqCst);
        *FIRED.lock().unwrap_or_else(PoisonError::into_inner) = None;
        COUNTS.store(true, Ordering::SeqCst);
    }

    /// Counts no longer; returns how many points were passed.
    pub fn disarm() -> u64 {
        COUNTS.store(false, Ordering::SeqCst);
        PASSED.load(Ordering::SeqCst)
    }

    /// The place at which a thread has panicked.
    pub fn fired() -> Option<&'static str> {
        *FIRED.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The places that were passed so far, with how often, and how often a thread panicked there.
    pub fn known() -> Vec<(&'static str, u64, u64)> {
        let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |count: &AtomicU64| count.load(Ordering::SeqCst);
        known.iter().map(|point| (point.place, count(&point.passed), count(&point.panicked))).collect()
    }

    pub(crate) fn pass(point: &'static Point) {
        // A second panic on the same stack would end the process.
        if !COUNTS.load(Ordering::SeqCst) || thread::panicking() {
            return;
        }
        point.passed.fetch_add(1, Ordering::SeqCst);
        if !point.listed.swap(true, Ordering::SeqCst) {
            KNOWN.lock().unwrap_or_else(PoisonError::into_inner).push(point);
        }
        if PASSED.fetch_add(1, Ordering::SeqCst) + 1 == AT.load(Ordering::SeqCst) {
            point.panicked.fetch_add(1, Ordering::SeqCst);
            *FIRED.lock().unwrap_or_else(PoisonError::into_inner) = Some(point.place);
            panic!("{}", super::WORDS);
        }
    }
}
