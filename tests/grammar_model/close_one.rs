//! `ws_close`, with what must hold when it returns.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use ws4d_test_host::codes::*;
use ws4d_test_host::{Socket, api, name};

use crate::life::{CLOSED, Life, RELEASED};
use crate::world::{Call, this_thread};

/// The code of the close frame that it sends.
const CODE: u16 = 1000;

impl Life {
    /// Says what it returned; `None` where another thread makes unsure what that would have to be.
    pub(crate) fn close(self: &Arc<Self>, ws: Socket) -> Option<i32> {
        let (world, inline) = (&self.world, self.plan.inline);
        let closed = world.has_closed();
        if !inline && !world.owns() && !closed {
            if world.is_closed() || this_thread().is_io() {
                return None;
            }
            let result = (api().ws_close)(ws);
            if !matches!(result, WS_ERR_WRONG_THREAD | WS_ERR_INVALID_HANDLE) {
                self.wrong(format!("ws_close, not by the owner: {}", name(result)));
            }
            return Some(result);
        }
        let inside = self.runs_here();
        if !inline && !inside && !world.owns() && self.on_stack.load(SeqCst) {
            // With its dispatcher closed it waits for that callback, which may be waiting for this thread.
            return None;
        }
        let owing =
            !inside && !world.plan.driving && world.owing().iter().any(|life| Arc::ptr_eq(life, self));
        self.causes.fetch_or(CLOSED, SeqCst);
        self.paused.store(false, SeqCst);
        // Where callbacks run on this thread, none of another kind can come from now on.
        self.silenced.fetch_or(!inline, SeqCst);
        let released = self.released.swap(RELEASED, SeqCst);
        let framed = !inline && world.owns();
        if framed {
            world.begin(Call::CloseOne);
        }
        let mut result = (api().ws_close)(ws);
        if world.excuses("ws_close", result) {
            // It has begun, or it has not.
            result = (api().ws_close)(ws);
            result = if result == WS_ERR_INVALID_HANDLE { WS_OK } else { result };
        }
        if framed {
            world.end();
        }
        if result != WS_OK {
            if released == 0 {
                self.wrong(format!("ws_close: {}, though it was never released", name(result)));
            }
            return Some(result);
        }
        self.silenced.store(true, SeqCst);
        let waits = !inside && !this_thread().is_io();
        if waits && (!self.is_freed() || self.on_stack.load(SeqCst)) {
            self.wrong("is not freed when ws_close returns");
        }
        world.count(match (inside, inline) {
            (true, _) => "closed inside its callback",
            (false, true) => "closed inline",
            (false, false) => "closed by its owner",
        });
        if owing {
            world.await_goodbye(self, CODE);
        }
        Some(result)
    }
}
