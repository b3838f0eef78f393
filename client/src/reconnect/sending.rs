//! Sending: straight to the connection while there is one, otherwise into a bounded queue, which is sent first on the
//! next connection. The messages of one thread keep their order.

use super::Reconnector;
use crate::error::ErrorCode;
use crate::fault::fault_point;
use crate::socket::{Kept, SendKind, Socket};
use std::collections::VecDeque;
use std::ptr;
use std::sync::Arc;

/// Messages accepted while there was no connection.
#[derive(Default)]
pub(super) struct Queue {
    messages: VecDeque<Kept>,
    charge: usize,
    /// A message was refused because the queue was full, so that a drain is owed.
    refused: bool,
}

impl Queue {
    /// Returns the charge of the queued messages.
    pub(super) fn charge(&self) -> usize {
        self.charge
    }

    /// Queues a message. Like a send buffer, the queue takes one more while it is below its limit.
    fn push(&mut self, message: Kept, limit: usize) -> Result<(), ErrorCode> {
        if self.charge >= limit {
            self.refused = true;
            return Err(ErrorCode::WouldBlock);
        }
        self.charge += message.charge();
        self.messages.push_back(message);
        Ok(())
    }
}

impl Reconnector {
    /// Sends a message, or queues it until there is a connection. Errors as of [`Socket::send`];
    /// [`ErrorCode::WouldBlock`] also if the queue is full or has no room at all; [`ErrorCode::Closed`] once the
    /// reconnector has ended.
    pub fn send(&self, kind: SendKind, data: &[u8], plain: bool) -> Result<(), ErrorCode> {
        let mut kept = None;
        loop {
            let state = self.state.lock();
            if state.over || state.stop.is_some() {
                return Err(ErrorCode::Closed);
            }
            let up = state.now.as_ref().filter(|now| now.up).map(|now| Arc::clone(&now.socket));
            drop(state);
            if let Some(socket) = up {
                match socket.send(kind, data, plain) {
                    // The connection has ended, but the host has not received all of its events yet.
                    Err(ErrorCode::Closed) => self.went_down(&socket),
                    sent => return sent,
                }
                continue;
            }
            let message = match kept.take() {
                Some(message) => message,
                // Checked and copied with no lock held.
                None => Kept::new(kind, data, plain, self.options.max_message_size)?,
            };
            let mut state = self.state.lock();
            if state.over || state.stop.is_some() || state.now.as_ref().is_some_and(|now| now.up) {
                kept = Some(message);
                continue;
            }
            return state.queue.push(message, self.policy.queue_size);
        }
    }

    fn went_down(&self, socket: &Arc<Socket>) {
        let mut state = self.state.lock();
        if let Some(now) = state.now.as_mut().filter(|now| Arc::ptr_eq(&now.socket, socket)) {
            now.up = false;
        }
    }

    /// Called when a connection is made and not open yet: sends the queued messages first; later ones go straight to
    /// the connection.
    pub(super) fn hand_over(&self, socket: &Socket) {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let Some(now) = state.now.as_mut().filter(|now| ptr::eq(&*now.socket, socket)) else { return };
        while let Some(message) = state.queue.messages.pop_front() {
            let charge = message.charge();
            state.queue.charge -= charge;
            fault_point!();
            if let Err(message) = socket.send_ahead(message) {
                state.queue.charge += charge;
                state.queue.messages.push_front(message);
                return;
            }
        }
        if std::mem::take(&mut state.queue.refused) {
            socket.owe_drain();
        }
        now.up = true;
    }
}
