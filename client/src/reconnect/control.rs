//! The requests and queries of the host, at any time and from any thread.

use super::Reconnector;
use super::sending::Queue;
use crate::context;
use crate::error::ErrorCode;
use crate::fault::fault_point;
use crate::panics::contained;
use crate::socket::{Closed, Socket, Status, judge_close};
use std::sync::Arc;

impl Reconnector {
    /// Ends the reconnector for good: closes the connection like [`Socket::terminate`], or ends the wait. A second
    /// call has no effect.
    pub fn terminate(&self, code: i32, reason: &[u8]) -> Result<(), ErrorCode> {
        let (code, reason) = judge_close(code, reason)?;
        let mut state = self.state.lock();
        if state.over {
            return Ok(());
        }
        // The first one counts. A second call ends what the first one may have left.
        let stop = state.stop.get_or_insert_with(|| (code, reason.to_owned())).clone();
        state.queue = Queue::default();
        let now = state.now.as_ref().filter(|now| now.begun);
        let now = now.map(|now| (Arc::clone(&now.socket), now.is_wait));
        drop(state);
        fault_point!();
        if let Some((socket, is_wait)) = now {
            end(&socket, is_wait, &stop);
        }
        Ok(())
    }

    /// Ends the reconnector at once, with its socket: see [`Socket::close_now`]. `gone` releases the host's handle.
    /// Fails with [`ErrorCode::WrongThread`], with nothing changed, if its dispatcher belongs to another thread.
    pub fn close(&self, gone: impl FnOnce() -> Result<(), ErrorCode>) -> Result<(), ErrorCode> {
        if let Some(dispatcher) = self.dispatcher.as_ref().filter(|dispatcher| !dispatcher.is_closed()) {
            dispatcher.check_owner()?;
        }
        gone()?;
        // Nobody can call this again, so that no panic may end it.
        loop {
            let mut state = self.state.lock();
            if state.over {
                let last = state.before.upgrade();
                drop(state);
                // The last callbacks of the reconnector run inside the last callback of its last socket or wait.
                return last.map_or(Ok(()), |last| close_now(last).map(drop));
            }
            state.stop.get_or_insert_with(|| (1000, String::new()));
            state.queue = Queue::default();
            let now = state.now.as_ref().filter(|now| now.begun).map(|now| Arc::clone(&now.socket));
            // While the next step is decided, on some thread, the last callbacks of the step before run there.
            let socket = now.or_else(|| state.before.upgrade());
            drop(state);
            let closed = match socket {
                Some(socket) => close_now(socket)?,
                // Inside a function of the host that a beginning calls, such as its log.
                None if context::in_callback() => Closed::Later,
                None => Closed::Now,
            };
            // Inside a callback of the reconnector, it ends when that has returned.
            if closed == Closed::Later {
                return Ok(());
            }
            std::thread::yield_now();
        }
    }

    /// Ends the wait for the next attempt, or, if its socket has ended and the next step is not decided yet, the wait
    /// that would follow. Has no effect while it is connecting or connected. Fails with [`ErrorCode::Closed`] if it
    /// is over.
    pub fn retry_now(&self) -> Result<(), ErrorCode> {
        let mut state = self.state.lock();
        if state.over {
            return Err(ErrorCode::Closed);
        }
        let wait = match &state.now {
            Some(now) if now.is_wait && now.begun => Some(Arc::clone(&now.socket)),
            Some(now) if !now.is_wait && now.socket.status() != Status::Closed => return Ok(()),
            // The wait has not begun yet.
            _ => {
                state.retry_now = true;
                None
            }
        };
        drop(state);
        wait.map_or(Ok(()), |wait| wait.abort())
    }

    /// Returns the current socket; `None` between two.
    pub fn socket(&self) -> Option<Arc<Socket>> {
        let state = self.state.lock();
        state.now.as_ref().filter(|now| !now.is_wait).map(|now| Arc::clone(&now.socket))
    }

    /// Returns the status: `Connecting` while it waits or connects, `Closing` once the host has ended it, `Closed`
    /// when it is over.
    pub fn status(&self) -> Status {
        let state = self.state.lock();
        match &state.now {
            _ if state.over => Status::Closed,
            _ if state.stop.is_some() => Status::Closing,
            Some(now) if now.socket.status() == Status::Connected => Status::Connected,
            _ => Status::Connecting,
        }
    }

    /// Returns the number of attempts since the last stable connection, including the current one; 0 before one has
    /// failed.
    pub fn attempts(&self) -> u32 {
        self.state.lock().tries.attempt()
    }
}

fn close_now(socket: Arc<Socket>) -> Result<Closed, ErrorCode> {
    let closed = contained(|| {
        let closed = socket.close_now(|| Ok(()));
        fault_point!();
        closed
    });
    closed.unwrap_or(Ok(Closed::Now))
}

pub(super) fn end(socket: &Arc<Socket>, is_wait: bool, stop: &(u16, String)) {
    // No error is possible: the code and the reason were checked, and a socket that has ended needs no end.
    let _ = if is_wait { socket.abort() } else { socket.terminate(stop.0.into(), stop.1.as_bytes()) };
}
