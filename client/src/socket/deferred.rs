//! The implied cork: while a callback runs on an I/O thread, what is sent is collected, and leaves together when the callback
//! has returned. A message above [`COMMIT`](super::queue::COMMIT) leaves at once, with what is before it.

use super::Socket;
use crate::context;
use std::cell::RefCell;
use std::sync::Arc;

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
                // The one that sends much sent last.
                if !sockets.iter().rev().any(|other| Arc::ptr_eq(other, socket)) {
                    sockets.push(Arc::clone(socket));
                }
                true
            })
    }

    pub(super) fn holds(socket: &Arc<Socket>) -> bool {
        DEFERRED.with_borrow(|deferred| {
            deferred.as_ref().is_some_and(|sockets| sockets.iter().any(|other| Arc::ptr_eq(other, socket)))
        })
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        for socket in DEFERRED.take().unwrap_or_default() {
            socket.flush();
        }
    }
}
