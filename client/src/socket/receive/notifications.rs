//! Notifications of a read, sent once no lock is held.

use crate::dispatch::Signal;
use crate::socket::{Dispatcher, Socket};

/// Notifications to send once no lock is held.
#[derive(Default)]
pub(super) struct Notifications {
    pub(super) signals: Signals,
    pub(super) answers: bool,
    pub(super) failed: bool,
    /// Code of the server's close frame.
    pub(super) close_code: Option<u16>,
}

/// The signals of all steps; there is hardly ever more than one.
#[derive(Default)]
pub(super) struct Signals {
    first: Option<Signal<Socket>>,
    others: Vec<Signal<Socket>>,
}

impl Signals {
    pub(super) fn add(&mut self, signal: Signal<Socket>) {
        match &self.first {
            None => self.first = Some(signal),
            Some(_) => self.others.push(signal),
        }
    }

    pub(super) fn send(self, dispatcher: &Dispatcher) {
        self.first.into_iter().chain(self.others).for_each(|signal| signal.send(dispatcher));
    }
}
