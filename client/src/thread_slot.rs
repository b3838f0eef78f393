//! Values that a thread keeps for its next call. A thread that is ending has none any more, but a destructor of the
//! host's (of a C++ `thread_local`, of a `pthread_key`, in `atexit`) may still call the library; then each call makes a
//! fresh value and drops it. So every thread-local of the library that has a destructor is a slot, and none can panic.
//! (`scripts/rules.sh` allows `thread_local!` here, and in the modules whose values have no destructor.)

use std::cell::Cell;
use std::thread::LocalKey;

/// The storage of a [`ThreadSlot`].
pub(crate) type Slot<T> = Cell<Option<T>>;

/// One value per thread, taken out while it is used.
pub(crate) struct ThreadSlot<T: 'static>(&'static LocalKey<Slot<T>>);

impl<T> ThreadSlot<T> {
    pub(crate) const fn new(key: &'static LocalKey<Slot<T>>) -> ThreadSlot<T> {
        ThreadSlot(key)
    }

    /// The value that the thread has kept; `None`: it has kept none, is using it further up its stack, or is ending.
    #[inline]
    pub(crate) fn take(&self) -> Option<T> {
        self.0.try_with(Cell::take).ok().flatten()
    }

    /// Returns whether a value is kept.
    #[inline]
    pub(crate) fn is_kept(&self) -> bool {
        let kept = self.take();
        let is_kept = kept.is_some();
        if let Some(value) = kept {
            self.keep(value);
        }
        is_kept
    }

    /// Keeps a value; drops it if the thread is ending.
    #[inline]
    pub(crate) fn keep(&self, value: T) {
        // The previous value is dropped outside the slot.
        let _ = self.0.try_with(|slot| slot.replace(Some(value)));
    }
}

/// Declares slots: `thread_slot! { /// Its purpose. static NAME: Type; }`.
macro_rules! thread_slot {
    ($($(#[$words:meta])* static $name:ident: $kept:ty;)+) => {$(
        $(#[$words])*
        static $name: $crate::thread_slot::ThreadSlot<$kept> = {
            thread_local! {
                static KEY: $crate::thread_slot::Slot<$kept> = const { std::cell::Cell::new(None) };
            }
            $crate::thread_slot::ThreadSlot::new(&KEY)
        };
    )+};
}
pub(crate) use thread_slot;

#[cfg(all(test, not(ws4d_loom)))]
mod tests {
    use super::*;
    use std::sync::mpsc;

    thread_slot! {
        static KEPT: Vec<u8>;
    }

    #[test]
    fn a_value_is_kept_for_the_next_call_of_the_same_thread() {
        assert!(KEPT.take().is_none());
        KEPT.keep(vec![1]);
        std::thread::spawn(|| assert!(KEPT.take().is_none())).join().unwrap();
        assert_eq!(KEPT.take(), Some(vec![1]));
        assert!(KEPT.take().is_none());
    }

    /// A destructor that uses slots while the thread's locals are destroyed.
    struct Late(mpsc::Sender<(bool, bool)>);

    impl Drop for Late {
        fn drop(&mut self) {
            let before = KEPT.take().is_some();
            KEPT.keep(vec![2]);
            self.0.send((before, KEPT.take().is_some())).unwrap();
        }
    }

    #[test]
    fn a_thread_that_is_ending_keeps_nothing_and_does_not_panic() {
        thread_local! {
            static LATE: Cell<Option<Late>> = const { Cell::new(None) };
        }
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            LATE.set(Some(Late(sender)));
            // Registered behind `LATE`, so destroyed before it.
            KEPT.keep(vec![1]);
        })
        .join()
        .unwrap();
        let (before, after) = receiver.recv().unwrap();
        assert!(!before && !after, "the slot of a thread that ends is gone: {before} {after}");
    }
}
