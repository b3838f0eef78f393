//! What the calling thread is doing: whether it is an I/O thread, and whether a callback is on its stack.

use std::cell::Cell;

thread_local! {
    static IO_THREAD: Cell<bool> = const { Cell::new(false) };
    static CALLBACKS: Cell<u32> = const { Cell::new(0) };
}

/// Marks the calling thread as an I/O thread, for ever.
pub(crate) fn become_io_thread() {
    IO_THREAD.set(true);
}

/// A blocking call here would wait for itself.
pub(crate) fn on_io_thread() -> bool {
    IO_THREAD.get()
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
