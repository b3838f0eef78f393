//! The implied cork: messages sent by a callback on an I/O thread are collected, and leave together when the callback
//! has returned. A message above [`COMMIT`](super::queue::COMMIT) leaves at once, with those before it.

use super::Socket;
use crate::context;
use crate::sync::this_thread;
use crate::thread_slot::thread_slot;
use smallvec::SmallVec;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

thread_slot! {
    /// Set while the thread collects. A thread that is ending has none and collects nothing.
    static COLLECTED: Collected;
}

thread_local! {
    /// Whether the thread has a list: that is looked at for each message.
    static COLLECTS: Cell<bool> = const { Cell::new(false) };
}

/// The sockets to flush. Without its list a thread collects nothing, also where the list goes because the thread ends.
#[derive(Default)]
struct Collected(SmallVec<[Arc<Socket>; 1]>);

impl Drop for Collected {
    fn drop(&mut self) {
        COLLECTS.set(false);
    }
}

/// While this value lives, messages that its thread sends are collected.
pub(super) struct ImpliedCork(());

impl ImpliedCork {
    /// Starts to collect on this thread.
    pub(super) fn begin() -> ImpliedCork {
        COLLECTED.keep(Collected::default());
        COLLECTS.set(COLLECTED.is_kept());
        ImpliedCork(())
    }

    /// Returns whether messages that this thread sends now are collected.
    #[inline]
    pub(super) fn collects() -> bool {
        COLLECTS.get() && context::in_callback()
    }

    /// Adds `socket` to the sockets to flush later. Returns whether it is collected.
    pub(super) fn collect(socket: &Arc<Socket>) -> bool {
        if !ImpliedCork::collects() {
            return false;
        }
        if ImpliedCork::has_collected(socket) {
            return true;
        }
        let Some(mut collected) = COLLECTED.take() else { return false };
        let taken = collected.0.try_reserve(1).is_ok();
        if taken {
            socket.collected_by.store(this_thread().number(), Ordering::Relaxed);
            collected.0.push(Arc::clone(socket));
        }
        COLLECTED.keep(collected);
        taken
    }

    /// Returns whether this thread has collected messages of `socket`. A callback may send to thousands of sockets, so
    /// the list is not searched. A socket that two threads collect may be in a list twice.
    #[inline]
    pub(super) fn has_collected(socket: &Socket) -> bool {
        socket.collected_by.load(Ordering::Relaxed) == this_thread().number()
    }
}

impl Drop for ImpliedCork {
    fn drop(&mut self) {
        COLLECTS.set(false);
        let here = this_thread().number();
        let mut collected = COLLECTED.take().unwrap_or_default();
        for socket in std::mem::take(&mut collected.0) {
            let _ = socket.collected_by.compare_exchange(here, 0, Ordering::Relaxed, Ordering::Relaxed);
            socket.flush();
        }
    }
}
