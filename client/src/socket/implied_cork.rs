//! The implied cork: while a callback runs on an I/O thread, what is sent is collected, and leaves together when the callback
//! has returned. A message above [`COMMIT`](super::queue::COMMIT) leaves at once, with what is before it.

use super::Socket;
use crate::context;
use crate::sync::this_thread;
use crate::thread_slot::thread_slot;
use std::sync::Arc;
use std::sync::atomic::Ordering;

thread_slot! {
    /// There while the thread collects. One that is ending has none, and collects nothing.
    static DEFERRED: Vec<Arc<Socket>>;
}

/// For as long as this lives, what its thread sends is collected.
pub(super) struct Deferred(());

impl Deferred {
    /// Collects from now on, on this thread.
    pub(super) fn begin() -> Deferred {
        DEFERRED.keep(Vec::new());
        Deferred(())
    }

    /// Whether what is sent now, on this thread, is collected.
    pub(super) fn collects() -> bool {
        context::in_callback() && DEFERRED.is_kept()
    }

    /// Whether what `socket` sends now is collected.
    pub(super) fn take_in(socket: &Arc<Socket>) -> bool {
        if !context::in_callback() {
            return false;
        }
        let Some(mut sockets) = DEFERRED.take() else { return false };
        // A callback may send to thousands: no search. A socket that two threads collect may stand in a list twice.
        let here = this_thread().number();
        let listed = socket.collected_by.load(Ordering::Relaxed) == here;
        let taken = listed || sockets.try_reserve(1).is_ok();
        if taken && !listed {
            socket.collected_by.store(here, Ordering::Relaxed);
            sockets.push(Arc::clone(socket));
        }
        DEFERRED.keep(sockets);
        taken
    }

    /// Whether this thread has collected something of `socket`.
    pub(super) fn holds(socket: &Socket) -> bool {
        socket.collected_by.load(Ordering::Relaxed) == this_thread().number()
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        let here = this_thread().number();
        for socket in DEFERRED.take().unwrap_or_default() {
            let _ = socket.collected_by.compare_exchange(here, 0, Ordering::Relaxed, Ordering::Relaxed);
            socket.flush();
        }
    }
}
