//! Survival of `fork()`. A child inherits the library's memory but not its threads, and any lock may have been held by
//! one of them, so the child must not touch inherited values. The system increments the child's epoch; all
//! process-wide values live in a [`PerProcess`], which the child finds empty.

use crate::sys;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

static EPOCH: AtomicU32 = AtomicU32::new(0);

/// Only increments an atomic, which is async-signal-safe.
extern "C" fn in_the_child() {
    EPOCH.fetch_add(1, Ordering::Relaxed);
}

/// The number of forks between the process that loaded the library and this one.
pub fn fork_epoch() -> u32 {
    EPOCH.load(Ordering::Relaxed)
}

fn watch() {
    static WATCH: Once = Once::new();
    WATCH.call_once(|| sys::process::on_first_use(in_the_child));
}

/// A process-wide value, made at first use and made anew in a forked child. The child leaks the parent's value, because
/// it can neither lock nor free it.
pub struct PerProcess<T: 'static> {
    current: AtomicPtr<Generation<T>>,
    make: fn() -> T,
}

struct Generation<T> {
    epoch: u32,
    value: T,
}

impl<T: Send + Sync> PerProcess<T> {
    /// An empty cell; `make` fills it at first use.
    pub const fn new(make: fn() -> T) -> PerProcess<T> {
        PerProcess { current: AtomicPtr::new(std::ptr::null_mut()), make }
    }

    /// This process's value, if it has been made. It never makes one, so it is async-signal-safe.
    pub fn peek(&self) -> Option<&'static T> {
        // SAFETY: the pointee was leaked from a box and is never freed.
        let current = unsafe { self.current.load(Ordering::Acquire).as_ref() };
        current.filter(|generation| generation.epoch == fork_epoch()).map(|generation| &generation.value)
    }

    /// This process's value.
    pub fn get(&self) -> &'static T {
        let current = self.current.load(Ordering::Acquire);
        // SAFETY: the pointee was leaked from a box and is never freed.
        match unsafe { current.as_ref() } {
            Some(generation) if generation.epoch == fork_epoch() => &generation.value,
            _ => self.renew(current),
        }
    }

    #[cold]
    fn renew(&self, old: *mut Generation<T>) -> &'static T {
        watch();
        let fresh = Box::into_raw(Box::new(Generation { epoch: fork_epoch(), value: (self.make)() }));
        match self.current.compare_exchange(old, fresh, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: just leaked, and never freed from now on.
            Ok(_) => unsafe { &(*fresh).value },
            Err(winner) => {
                // SAFETY: `fresh` was not published, so it is still ours alone; `winner` was leaked by another thread.
                unsafe {
                    drop(Box::from_raw(fresh));
                    &(*winner).value
                }
            }
        }
    }
}
