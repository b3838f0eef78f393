//! Signals to the thread of the script: they end its waits where the dispatcher is interruptible, and nowhere else.

use std::mem;
use std::ptr;
use std::sync::Arc;

use ws4d_test_host::api;
use ws4d_test_host::codes::*;

use crate::plan::Mode;
use crate::world::World;

const SIGNAL: i32 = libc::SIGUSR1;

extern "C" fn handle(_: i32) {}

/// Gives the signal a handler that does nothing: what counts is that one runs.
pub(crate) fn install() {
    // SAFETY: a zeroed sigaction is one with an empty mask and no flags, and the handler may run anywhere.
    let result = unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = handle as extern "C" fn(i32) as usize;
        libc::sigaction(SIGNAL, &action, ptr::null_mut())
    };
    assert_eq!(result, 0, "a handler");
}

impl World {
    pub(crate) fn set_interruptible(&self) {
        let result =
            (api().ws_dispatcher_set_interruptible)(self.handle(), i32::from(self.plan.interruptible));
        if result != WS_OK {
            self.wrong(format!("ws_dispatcher_set_interruptible: {}", ws4d_test_host::name(result)));
        }
    }

    /// Waits while another thread sends some signals.
    pub(crate) fn under_signals(self: &Arc<Self>) {
        // SAFETY: takes nothing.
        let script = unsafe { libc::pthread_self() };
        self.assistant.later(move || {
            for _ in 0..3 {
                // SAFETY: the thread of the script lives as long as jobs of it are waited for.
                unsafe { libc::pthread_kill(script, SIGNAL) };
                std::thread::yield_now();
            }
        });
        let result = match self.plan.mode {
            Mode::Pull | Mode::PullWhenWoken => self.next(3),
            _ => self.wait(3),
        };
        self.count(if result == WS_ERR_INTERRUPTED { "interrupted" } else { "not interrupted" });
    }
}
