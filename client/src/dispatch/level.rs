//! Calls of a dispatcher that are in progress, as values: dropping the value ends the call, also during a panic.

use super::Target;
use super::dispatcher::Dispatcher;
use crate::unfinished::{Noted, Unfinished};
use std::sync::Arc;

/// A call in progress. It must be dropped without the dispatcher's lock, also by a panic, so declare it before the
/// guard. Note it (`unfinished`) while it may call the host.
pub(super) struct Level<'a, T: Target> {
    dispatcher: &'a Dispatcher<T>,
    level: u32,
}

impl<'a, T: Target> Level<'a, T> {
    /// Begins a call. The caller holds the lock, so that nobody attaches the dispatcher meanwhile.
    pub(super) fn enter(dispatcher: &'a Dispatcher<T>) -> Level<'a, T> {
        Level { dispatcher, level: dispatcher.stop_word.enter() }
    }

    /// Returns whether this call runs inside a callback of the same dispatcher.
    pub(super) fn is_nested(&self) -> bool {
        self.level > 1
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.dispatcher.stop_word.is_stopped(self.level)
    }
}

impl<T: Target> Drop for Level<'_, T> {
    fn drop(&mut self) {
        self.dispatcher.leave();
    }
}

impl<T: Target> Unfinished for Level<'_, T> {
    fn give_up(&self) {
        self.dispatcher.lose();
    }
}

/// A `ws_new` on the stack of the owner. Until it is dropped, the dispatcher stays with its thread.
pub struct InCall<T: Target> {
    _noted: Noted,
    _call: Box<Call<T>>,
}

impl<T: Target> InCall<T> {
    /// Begins the call. The caller holds the lock.
    pub(super) fn begin(dispatcher: &Arc<Dispatcher<T>>) -> InCall<T> {
        dispatcher.stop_word.hold();
        let call = Box::new(Call(Arc::clone(dispatcher)));
        // SAFETY: the pointee is in a box, which is dropped after `_noted` and not before.
        let noted = unsafe { Noted::begin(&*call) };
        InCall { _noted: noted, _call: call }
    }
}

struct Call<T: Target>(Arc<Dispatcher<T>>);

impl<T: Target> Drop for Call<T> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

impl<T: Target> Unfinished for Call<T> {
    fn give_up(&self) {
        self.0.lose();
    }
}
