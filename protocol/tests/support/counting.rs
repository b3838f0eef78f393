//! An allocator that counts what each thread allocates, and has no more where it is told so.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "a module of several test programs, of which each uses its part"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// How often, how much is held, and the most that was.
pub struct Counting;

thread_local! {
    pub static CALLS: Cell<usize> = const { Cell::new(0) };
    pub static HELD: Cell<isize> = const { Cell::new(0) };
    pub static MOST: Cell<isize> = const { Cell::new(0) };
    /// Nothing larger is to be had.
    pub static LARGEST: Cell<usize> = const { Cell::new(usize::MAX) };
}

fn held(change: isize) {
    HELD.set(HELD.get() + change);
    MOST.set(MOST.get().max(HELD.get()));
}

// SAFETY: every call goes to the system's allocator as it came, or fails.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > LARGEST.get() {
            return std::ptr::null_mut();
        }
        CALLS.set(CALLS.get() + 1);
        held(layout.size() as isize);
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        held(-(layout.size() as isize));
        // SAFETY: the caller's contract is the same.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > LARGEST.get() {
            return std::ptr::null_mut();
        }
        CALLS.set(CALLS.get() + 1);
        held(size as isize - layout.size() as isize);
        // SAFETY: the caller's contract is the same.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// The number of allocations and the most that was held beyond the beginning.
pub fn measure(work: impl FnOnce()) -> (usize, usize) {
    let (calls, start) = (CALLS.get(), HELD.get());
    MOST.set(start);
    work();
    (CALLS.get() - calls, (MOST.get() - start) as usize)
}

/// What is held beyond the beginning when it is over.
pub fn kept<R>(work: impl FnOnce() -> R) -> (R, isize) {
    let start = HELD.get();
    let result = work();
    (result, HELD.get() - start)
}
