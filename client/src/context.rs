//! What the calling thread is doing: whether it is an I/O thread, whether it turns sockets' tasks itself, and whether a
//! callback is on its stack.

use std::cell::Cell;

thread_local! {
    static IO_THREAD: Cell<bool> = const { Cell::new(false) };
    static CALLBACKS: Cell<u32> = const { Cell::new(0) };
    static THREAD_ROLE: Cell<ThreadRole> = const { Cell::new(ThreadRole::Nothing) };
}

/// Marks the calling thread as an I/O thread, for ever.
pub(crate) fn become_io_thread() {
    IO_THREAD.set(true);
}

/// A blocking call here would wait for itself.
pub(crate) fn on_io_thread() -> bool {
    IO_THREAD.get()
}

/// Whose tasks the calling thread turns, beside those of an I/O thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ThreadRole {
    Nothing,
    /// One of a blocking `ws_new`, which would wait for it anyhow.
    Connecting,
    /// Those of a driving dispatcher: there is no other thread.
    Alone,
}

/// Whose tasks are turned here just now.
pub(crate) fn thread_role() -> ThreadRole {
    THREAD_ROLE.get()
}

/// Stands for a turn of tasks on the stack.
pub(crate) struct ThreadRoleGuard(ThreadRole);

impl ThreadRoleGuard {
    pub(crate) fn begin(role: ThreadRole) -> ThreadRoleGuard {
        ThreadRoleGuard(THREAD_ROLE.replace(role))
    }
}

impl Drop for ThreadRoleGuard {
    fn drop(&mut self) {
        THREAD_ROLE.set(self.0);
    }
}

/// Whether a callback is on the stack of the calling thread.
pub(crate) fn in_callback() -> bool {
    CALLBACKS.get() > 0
}

/// Stands for one callback on the stack.
pub(crate) struct InCallback(());

impl InCallback {
    pub(crate) fn enter() -> InCallback {
        CALLBACKS.set(CALLBACKS.get() + 1);
        InCallback(())
    }
}

impl Drop for InCallback {
    fn drop(&mut self) {
        CALLBACKS.set(CALLBACKS.get() - 1);
    }
}
