//! Marked points at which a test lets a thread panic: the n-th that it passes, for every n. Nothing in any other build.

/// A point at which a panic must leave nothing half done.
macro_rules! fault_point {
    () => {
        #[cfg(test)]
        $crate::fault::pass();
    };
}
pub(crate) use fault_point;

#[cfg(test)]
pub(crate) use armed::{arm, disarm, pass};

#[cfg(test)]
mod armed {
    use std::cell::Cell;

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

    pub(crate) fn pass() {
        let left = LEFT.get();
        LEFT.set(left.saturating_sub(1));
        assert!(left != 1, "a fault that the test wanted");
    }
}
