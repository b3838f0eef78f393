//! The implied cork: messages sent by a callback on an I/O thread are collected, and leave together when the callback
//! has returned. A message above [`COMMIT`](super::queue::COMMIT) leaves at once, with those before it.

use super::Socket;
use crate::context;
use crate::sync::this_thread;
use crate::thread_slot::thread_slot;
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::Ordering;

thread_slot! {
    /// Set while the thread collects. A thread that is ending has none and collects nothing.
    static COLLECTED: SmallVec<[Arc<Socket>; 1]>;
}

/// While this value lives, messages that its thread sends are collected.
pub(super) struct ImpliedCork(());

impl ImpliedCork {
    /// Starts to collect on this thread.
    pub(super) fn begin() -> ImpliedCork {
        COLLECTED.keep(SmallVec::new());
        ImpliedCork(())
    }

    /// Returns whether messages that this thread sends now are collected.
    pub(super) fn collects() -> bool {
        context::in_callback() && COLLECTED.is_kept()
    }

    /// Adds `socket` to the sockets to flush later. Returns whether it is collected.
    pub(super) fn collect(socket: &Arc<Socket>) -> bool {
        if !context::in_callback() {
            return false;
        }
        let Some(mut sockets) = COLLECTED.take() else { return false };
        // A callback may send to thousands of sockets, so the list is not searched. A socket that two threads collect
        // may be in a list twice.
        let here = this_thread().number();
        let listed = socket.collected_by.load(Ordering::Relaxed) == here;
        let taken = listed || sockets.try_reserve(1).is_ok();
        if taken && !listed {
            socket.collected_by.store(here, Ordering::Relaxed);
            sockets.push(Arc::clone(socket));
        }
        COLLECTED.keep(sockets);
        taken
    }

    /// Returns whether this thread has collected messages of `socket`.
    pub(super) fn has_collected(socket: &Socket) -> bool {
        socket.collected_by.load(Ordering::Relaxed) == this_thread().number()
    }
}

impl Drop for ImpliedCork {
    fn drop(&mut self) {
        let here = this_thread().number();
        for socket in COLLECTED.take().unwrap_or_default() {
            let _ = socket.collected_by.compare_exchange(here, 0, Ordering::Relaxed, Ordering::Relaxed);
            socket.flush();
        }
    }
}
