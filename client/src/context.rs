//! The role of the calling thread: whether it is an I/O thread, whether it runs sockets' tasks itself, and whether a
//! callback is on its stack.
//!
//! A role belongs to the process in which it began. In a forked child it is void: the stack that the thread has
//! inherited will never return to the library, and the thread is the host's own.

use crate::fork::fork_epoch;
use std::cell::Cell;

#[derive(Clone, Copy)]
struct State {
    epoch: u32,
    io_thread: bool,
    callbacks: u32,
    role: ThreadRole,
}

impl State {
    const NOTHING: State = State { epoch: 0, io_thread: false, callbacks: 0, role: ThreadRole::Nothing };
}

thread_local! {
    static STATE: Cell<State> = const { Cell::new(State::NOTHING) };
}

#[inline]
fn state() -> State {
    let state = STATE.get();
    let epoch = fork_epoch();
    if state.epoch == epoch { state } else { State { epoch, ..State::NOTHING } }
}

/// Marks the calling thread as an I/O thread for the rest of its life.
pub(crate) fn become_io_thread() {
    STATE.set(State { io_thread: true, ..state() });
}

/// Returns whether the calling thread is an I/O thread, on which a blocking call would wait for itself.
pub(crate) fn on_io_thread() -> bool {
    state().io_thread
}

/// The tasks that the calling thread runs, besides those of an I/O thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ThreadRole {
    Nothing,
    /// The task of a blocking `ws_new`, which would otherwise only wait for it.
    Connecting,
    /// The tasks of a driving dispatcher, which uses no other thread.
    Alone,
}

/// The present role of the calling thread.
pub(crate) fn thread_role() -> ThreadRole {
    state().role
}

/// A run of tasks on the stack.
pub(crate) struct ThreadRoleGuard(ThreadRole);

impl ThreadRoleGuard {
    pub(crate) fn begin(role: ThreadRole) -> ThreadRoleGuard {
        let before = state();
        STATE.set(State { role, ..before });
        ThreadRoleGuard(before.role)
    }
}

impl Drop for ThreadRoleGuard {
    fn drop(&mut self) {
        STATE.set(State { role: self.0, ..state() });
    }
}

/// Returns whether a callback is on the stack of the calling thread.
pub(crate) fn in_callback() -> bool {
    state().callbacks > 0
}

/// One callback on the stack, or a run of them, one after the other. Whoever calls the host has one.
pub struct InCallback(());

impl InCallback {
    #[inline]
    pub(crate) fn enter() -> InCallback {
        let before = state();
        STATE.set(State { callbacks: before.callbacks + 1, ..before });
        InCallback(())
    }
}

impl Drop for InCallback {
    fn drop(&mut self) {
        let before = state();
        STATE.set(State { callbacks: before.callbacks.saturating_sub(1), ..before });
    }
}
