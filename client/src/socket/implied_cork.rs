//! The implied cork: while a callback runs on an I/O thread, what is sent is collected, and leaves together when the callback
//! has returned. A message above [`COMMIT`](super::queue::COMMIT) leaves at once, with what is before it.

use super::Socket;
use crate::context;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

thread_local! {
    static DEFERRED: RefCell<Option<Vec<Arc<Socket>>>> = const { RefCell::new(None) };
}

/// For as long as this lives, what its thread sends is collected.
pub(super) struct Deferred(());

impl Deferred {
    /// Collects from now on, on this thread.
    pub(super) fn begin() -> Deferred {
        DEFERRED.set(Some(Vec::new()));
        Deferred(())
    }

    /// Whether what is sent now, on this thread, is collected.
    pub(super) fn collects() -> bool {
        context::in_callback() && DEFERRED.with_borrow(Option::is_some)
    }

    /// Whether what `socket` sends now is collected.
    pub(super) fn take_in(socket: &Arc<Socket>) -> bool {
        context::in_callback()
            && DEFERRED.with_borrow_mut(|deferred| {
                let Some(sockets) = deferred else { return false };
                // A callback may send to thousands: no search. A socket that two threads collect may stand in a list twice.
                let here = this_thread();
                if socket.collected_by.swap(here, Ordering::Relaxed) != here {
                    sockets.push(Arc::clone(socket));
                }
                true
            })
    }

    /// Whether this thread has collected something of `socket`.
    pub(super) fn holds(socket: &Socket) -> bool {
        socket.collected_by.load(Ordering::Relaxed) == this_thread()
    }
}

/// A number that no other living thread has, and never 0.
fn this_thread() -> usize {
    DEFERRED.with(|deferred| std::ptr::from_ref(deferred).addr())
}

impl Drop for Deferred {
    fn drop(&mut self) {
        let here = this_thread();
        for socket in DEFERRED.take().unwrap_or_default() {
            let _ = socket.collected_by.compare_exchange(here, 0, Ordering::Relaxed, Ordering::Relaxed);
            socket.flush();
        }
    }
}
