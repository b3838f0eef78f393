//! Locks that do not poison, and their loom twins, so that the mailbox and the handle table can be modelled.
//! A panic is caught at the C boundary and the state behind a lock is kept consistent at every step, so
//! poisoning would only turn one error into many.

#[cfg(not(ws4d_loom))]
use std::sync as imp;

#[cfg(ws4d_loom)]
use loom::{sync as imp, thread};

#[cfg(ws4d_loom)]
use loom::cell::UnsafeCell;
#[cfg(not(ws4d_loom))]
use std::cell::UnsafeCell;

pub(crate) use held::locks_held;
pub(crate) use imp::atomic;
use std::ops::{Deref, DerefMut};
use std::time::Duration;
#[cfg(not(ws4d_loom))]
pub(crate) use thread_id::{ThreadId, this_thread};

/// Thread numbers that are valid for the whole life of a thread. The standard library's ids are gone while the
/// destructors of thread-locals run, in which a host may still call the library.
#[cfg(not(ws4d_loom))]
mod thread_id {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// A thread's number; never used again in a process.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) struct ThreadId(u64);

    impl ThreadId {
        /// The number; never 0.
        pub(crate) fn number(self) -> u64 {
            self.0
        }
    }

    thread_local! {
        static ID: Cell<u64> = const { Cell::new(0) };
    }

    /// The calling thread.
    #[inline]
    pub(crate) fn this_thread() -> ThreadId {
        static LAST: AtomicU64 = AtomicU64::new(0);
        if ID.get() == 0 {
            ID.set(LAST.fetch_add(1, Ordering::Relaxed) + 1);
        }
        ThreadId(ID.get())
    }
}

#[cfg(ws4d_loom)]
pub(crate) use thread::ThreadId;

/// The calling thread.
#[cfg(ws4d_loom)]
pub(crate) fn this_thread() -> ThreadId {
    thread::current().id()
}

/// Counts the library's locks that a thread holds, in debug builds, to assert that none is held when the host is
/// called.
mod held {
    #[cfg(all(debug_assertions, not(ws4d_loom)))]
    thread_local! {
        static HELD: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
    }

    #[derive(Debug)]
    pub(super) struct Held(());

    impl Held {
        #[inline]
        pub(super) fn one_more() -> Held {
            #[cfg(all(debug_assertions, not(ws4d_loom)))]
            HELD.set(HELD.get() + 1);
            Held(())
        }
    }

    #[cfg(all(debug_assertions, not(ws4d_loom)))]
    impl Drop for Held {
        fn drop(&mut self) {
            HELD.set(HELD.get() - 1);
        }
    }

    /// Release builds do not count, and return 0.
    pub(crate) fn locks_held() -> u32 {
        #[cfg(all(debug_assertions, not(ws4d_loom)))]
        return HELD.get();
        #[cfg(not(all(debug_assertions, not(ws4d_loom))))]
        0
    }
}

/// A lock that is held.
#[derive(Debug)]
pub(crate) struct MutexGuard<'a, T>(imp::MutexGuard<'a, T>, held::Held);

impl<'a, T> MutexGuard<'a, T> {
    #[inline]
    fn new(guard: imp::MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        MutexGuard(guard, held::Held::one_more())
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// Yields to another thread, which is about to finish.
pub(crate) fn yield_now() {
    #[cfg(not(ws4d_loom))]
    std::thread::yield_now();
    #[cfg(ws4d_loom)]
    thread::yield_now();
}

/// A mutual exclusion that ignores poisoning.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(imp::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Mutex<T> {
        Mutex(imp::Mutex::new(value))
    }

    /// Takes the lock, or returns `None` if another thread has it.
    #[cfg(not(ws4d_loom))]
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(MutexGuard::new(guard)),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(MutexGuard::new(poisoned.into_inner())),
            Err(std::sync::TryLockError::WouldBlock) => None,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard::new(self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }
}

/// A condition variable that ignores poisoning.
#[derive(Debug)]
pub(crate) struct Condvar(imp::Condvar);

impl Condvar {
    pub(crate) fn new() -> Condvar {
        Condvar(imp::Condvar::new())
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        let MutexGuard(guard, held) = guard;
        MutexGuard(self.0.wait(guard).unwrap_or_else(|poisoned| poisoned.into_inner()), held)
    }

    /// Waits at most `limit` (`None`: for ever). May wake early; the caller loops.
    pub(crate) fn wait_at_most<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        limit: Option<Duration>,
    ) -> MutexGuard<'a, T> {
        match limit {
            None => self.wait(guard),
            Some(limit) => {
                let MutexGuard(guard, held) = guard;
                let guard = match self.0.wait_timeout(guard, limit) {
                    Ok((guard, _)) => guard,
                    Err(poisoned) => poisoned.into_inner().0,
                };
                MutexGuard(guard, held)
            }
        }
    }
}

/// A value that threads share without a lock; the users order their accesses by an atomic.
#[derive(Debug)]
pub(crate) struct Shared<T>(UnsafeCell<T>);

// SAFETY: the callers of `get` and `with_mut` promise that the accesses never overlap.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub(crate) fn new(value: T) -> Shared<T> {
        Shared(UnsafeCell::new(value))
    }

    /// # Safety
    /// Nobody is inside `with_mut` as long as the borrow is used.
    #[inline]
    pub(crate) unsafe fn get(&self) -> &T {
        // SAFETY: the caller's promise, which loom checks at this moment.
        #[cfg(ws4d_loom)]
        return unsafe { self.0.with(|value| &*value) };
        // SAFETY: the caller's promise.
        #[cfg(not(ws4d_loom))]
        unsafe {
            &*self.0.get()
        }
    }

    /// # Safety
    /// Nobody else uses the value during the call.
    pub(crate) unsafe fn with_mut<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: the caller's promise, which loom checks.
        #[cfg(ws4d_loom)]
        return self.0.with_mut(|value| body(unsafe { &mut *value }));
        // SAFETY: the caller's promise.
        #[cfg(not(ws4d_loom))]
        body(unsafe { &mut *self.0.get() })
    }
}
