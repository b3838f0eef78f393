//! The handlers of a reconnector's sockets and waits: the end of one is the step to the next.

use super::policy::End;
use super::{GivenUp, Reconnector};
use crate::event::Event;
use crate::panics::contained;
use crate::socket::{Handler, Socket};
use std::sync::Arc;

impl Reconnector {
    /// Goes on with the next step, in the last callback of the socket or wait before. Where the step panics, the
    /// reconnector ends.
    fn go_on(self: &Arc<Self>, step: impl FnOnce()) {
        if contained(step).is_some() {
            return;
        }
        let mut state = self.state.lock();
        state.broken = true;
        let over = state.over;
        let begun = state.now.as_ref().filter(|now| now.begun).map(|now| Arc::clone(&now.socket));
        drop(state);
        match begun {
            _ if over => {}
            // Its end is that of the reconnector.
            Some(socket) => drop(socket.abort()),
            None => self.give_up(GivenUp::Refused, End::default()),
        }
    }
}

/// The handler of a wait.
pub(super) struct Wait(pub(super) Arc<Reconnector>);

impl Handler for Wait {
    fn receives(&self) -> bool {
        false
    }

    fn event(&self, _: &Event) {}

    fn over(&self) {}

    fn free(&self) {
        self.0.go_on(|| self.0.attempt());
    }
}

/// The handler of a connection: the host's, followed by the reconnector's next step when the connection is freed.
pub(super) struct Connection {
    pub(super) reconnector: Arc<Reconnector>,
    pub(super) inner: Arc<dyn Handler>,
}

impl Handler for Connection {
    fn receives(&self) -> bool {
        self.inner.receives()
    }

    fn wants_pings(&self) -> bool {
        self.inner.wants_pings()
    }

    fn connected(&self, socket: &Socket) {
        self.reconnector.hand_over(socket);
    }

    fn event(&self, event: &Event) {
        self.inner.event(event);
    }

    fn over(&self) {
        self.inner.over();
    }

    fn free(&self) {
        self.inner.free();
        self.reconnector.go_on(|| self.reconnector.disconnected());
    }
}
