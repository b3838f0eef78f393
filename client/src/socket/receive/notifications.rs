//! The notifications of a read, sent once no lock is held, and its state if it panics.

use super::failures::broken;
use crate::dispatch::Signal;
use crate::socket::{Dispatcher, Socket};
use std::sync::Arc;
use std::thread;

/// Notifications to send once no lock is held.
pub(super) struct Notifications<'a> {
    pub(super) signals: Signals<'a>,
    pub(super) answers: bool,
    pub(super) failed: bool,
    /// Code of the server's close frame.
    pub(super) close_code: Option<u16>,
}

impl<'a> Notifications<'a> {
    pub(super) fn new(dispatcher: &'a Dispatcher) -> Notifications<'a> {
        let signals = Signals { dispatcher, first: None, others: Vec::new() };
        Notifications { signals, answers: false, failed: false, close_code: None }
    }
}

/// The signals of all steps; there is hardly ever more than one. They are sent when they are dropped. A socket without a
/// dispatcher needs none: only its task reads it, which delivers what it has read next.
pub(super) struct Signals<'a> {
    dispatcher: &'a Dispatcher,
    first: Option<Signal<Socket>>,
    others: Vec<Signal<Socket>>,
}

impl Signals<'_> {
    #[inline]
    pub(super) fn add(&mut self, signal: Signal<Socket>) {
        match &self.first {
            None => self.first = Some(signal),
            Some(_) => self.others.push(signal),
        }
    }
}

impl Drop for Signals<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.dispatcher.is_private() {
            return;
        }
        if let Some(first) = self.first.take() {
            first.send(self.dispatcher);
        }
        self.others.drain(..).for_each(|signal| signal.send(self.dispatcher));
    }
}

/// Stands for bytes that were taken from the network and not handed on yet: where a panic loses them, the connection has
/// failed. To be dropped with the `incoming` lock held.
pub(super) struct Whole<'a>(&'a Arc<Socket>);

impl<'a> Whole<'a> {
    pub(super) fn begin(socket: &'a Arc<Socket>) -> Whole<'a> {
        Whole(socket)
    }

    /// All were handed on.
    pub(super) fn end(self) {}
}

impl Drop for Whole<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.record_failure(broken());
            // It ends the connection, once what came before is delivered.
            self.0.tell_task();
        }
    }
}
