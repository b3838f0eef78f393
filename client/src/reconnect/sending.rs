//! Messages: straight to the connection while there is one, else into a bounded queue, which goes first when the next
//! one is made. The messages of one thread keep their order.

use super::Reconnector;
use crate::error::ErrorCode;
use crate::socket::{Kept, SendKind, Socket};
use std::collections::VecDeque;
use std::ptr;
use std::sync::Arc;

/// What was accepted while there was no connection.
#[derive(Default)]
pub(super) struct Queue {
    messages: VecDeque<Kept>,
    charge: usize,
    /// Somebody was told to wait.
    refused: bool,
}

impl Queue {
    /// How much it holds.
    pub(super) fn charge(&self) -> usize {
        self.charge
    }

    /// As a send buffer: while it is below its limit it takes one more.
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
    /// Sends a message, or keeps it until there is a connection. Errors as [`Socket::send`]'s:
    /// [`ErrorCode::WouldBlock`] also where the queue is full, or there is none; [`ErrorCode::Closed`] once it has ended.
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
                    // It has ended, and the host has not had all of that yet.
                    Err(ErrorCode::Closed) => self.went_down(&socket),
                    sent => return sent,
                }
                continue;
            }
            let message = match kept.take() {
                Some(message) => message,
                // Judged and copied without a lock.
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

    /// A connection is made and not open yet: what was kept goes first, then all else goes straight to it.
    pub(super) fn hand_over(&self, socket: &Socket) {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let Some(now) = state.now.as_mut().filter(|now| ptr::eq(&*now.socket, socket)) else { return };
        while let Some(message) = state.queue.messages.pop_front() {
            if let Err(message) = socket.send_ahead(message) {
                state.queue.messages.push_front(message);
                state.queue.charge = state.queue.messages.iter().map(Kept::charge).sum();
                return;
            }
        }
        state.queue.charge = 0;
        if std::mem::take(&mut state.queue.refused) {
            socket.owe_drain();
        }
        now.up = true;
    }
}
