//! A send buffer that is full, and has room again.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use ws4d_test_host::codes::*;

use crate::acts::act;
use crate::life::Life;
use crate::plan::Act;
use crate::server::Road;
use crate::steps::Filling;
use crate::wire::lock;
use crate::world::World;

impl World {
    /// Sends to a server that does not read until there is no room, and waits until there is.
    pub(crate) fn fill(self: &Arc<Self>, life: &Arc<Life>, by: Filling) {
        let open = || life.is_healthy() && life.socket().status() == WS_STATUS_CONNECTED;
        let full = || life.would_block.load(SeqCst);
        let quiet = life.plan.reactions.is_empty() && self.assistant.is_idle();
        if life.plan.send_buffer == 0 || !quiet || !open() {
            return;
        }
        if life.sends.is_open() {
            // Behind it nothing would leave.
            act(life, Act::End);
        }
        life.wire.read(false);
        let before = (full(), lock(&life.record).drains);
        if by == Filling::Parts {
            act(life, Act::Begin(true));
            act(life, Act::Text(20));
        }
        // The narrow road is full at last, however much of it the system makes wider.
        let most = if life.plan.road == Road::Narrow { 2000 } else { 100 };
        for _ in 0..most {
            if full() > before.0 || !open() {
                break;
            }
            match by {
                Filling::Blobs => act(life, Act::Blob(8000)),
                Filling::Many => act(life, Act::Many(3, 8000)),
                Filling::Parts => act(life, Act::Part(8000)),
            }
        }
        life.wire.read(true);
        if full() > before.0 {
            self.count(format!("filled by {by:?}"));
            let what = format!("on_drain of socket {}", life.index);
            // Another socket's callback may have begun a message.
            let held = || by != Filling::Parts && life.sends.is_open();
            self.until(&what, || !open() || held() || lock(&life.record).drains > before.1);
        }
        if by == Filling::Parts && life.sends.is_open() {
            act(life, Act::Part(20));
            act(life, Act::End);
        }
    }
}
