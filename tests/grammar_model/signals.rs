//! Signals to the thread of the script: they end its waits where the dispatcher is interruptible, and nowhere else.
//! Where there are none, no dispatcher is interruptible.

use std::sync::Arc;
use std::thread;

use ws4d_test_host::codes::*;
use ws4d_test_host::{api, name};

use crate::plan::Mode;
use crate::system::{self, Target};
use crate::world::World;

impl World {
    /// Whether a signal ends its waits.
    pub(crate) fn is_interruptible(&self) -> bool {
        system::HAS_SIGNALS && self.plan.interruptible
    }

    pub(crate) fn set_interruptible(&self) {
        let result =
            (api().ws_dispatcher_set_interruptible)(self.handle(), i32::from(self.plan.interruptible));
        if result != if system::HAS_SIGNALS { WS_OK } else { WS_ERR_UNSUPPORTED } {
            self.wrong(format!("ws_dispatcher_set_interruptible: {}", name(result)));
        }
    }

    /// Waits while another thread sends some signals.
    pub(crate) fn under_signals(self: &Arc<Self>) {
        let script = Target::here();
        self.assistant.later(move || {
            for _ in 0..3 {
                script.signal();
                thread::yield_now();
            }
        });
        let result = match self.plan.mode {
            Mode::Pull | Mode::PullWhenWoken => self.next(3),
            _ => self.wait(3),
        };
        self.count(if result == WS_ERR_INTERRUPTED { "interrupted" } else { "not interrupted" });
    }
}
