//! Delivery of events: mailboxes keep each socket's events in order, and dispatchers run the callbacks on the thread of
//! a host context. This module knows neither sockets nor the protocol nor tokio: the receiver of an event is a
//! [`Target`].
//!
//! One lock for each dispatcher guards its mailboxes and its run queue. It is taken once for a batch of
//! messages, never during a callback, and never waits for the network.

mod alarm;
mod blocking;
mod close_all;
mod close_one;
mod deliver;
mod dispatcher;
mod driving;
#[cfg(feature = "micro-benchmarks")]
mod handover;
mod key;
mod lending;
mod level;
mod mailbox;
mod poller;
mod pull;
mod pulled_batch;
mod ready_fd;
mod state;
mod stop_word;
mod task_driver;
mod waiter;

pub(crate) use alarm::Slept;
pub(crate) use blocking::{NotOpened, cancelled_error, interrupted_error};
pub(crate) use close_one::Closed;
pub(crate) use dispatcher::{Dispatcher, Signal};
#[cfg(feature = "micro-benchmarks")]
pub use handover::HandOver;
pub(crate) use key::Key;
pub(crate) use lending::{OWNER_ABSENT_AFTER, OWNER_CHECK_INTERVAL, ServiceOutcome, StandbyRole};
pub(crate) use mailbox::{Claim, Delivery, Mailbox};
pub(crate) use poller::Poller;
pub use pulled_batch::{PulledBatch, Summary};
pub(crate) use task_driver::{Task, TaskDriver};

use crate::context::InCallback;
use crate::error::Error;
use crate::event::DataType;
use crate::event::{Ending, Event};
use crate::sync::atomic::{AtomicU32, Ordering};

/// The receiver of a mailbox's events: a socket.
pub trait Target: Send + Sync + 'static {
    /// Changes when a run of messages must stop and inspect its mailbox again.
    #[doc(hidden)]
    fn gate(&self) -> &Gate;
    /// The data type as which text frames are delivered.
    fn mode(&self) -> DataType;
    /// Returns whether its events are the library's own: a pull runs them instead of returning them to the host.
    fn is_silent(&self) -> bool {
        false
    }
    /// Runs the host's callback.
    fn event(&self, event: &Event, in_callback: &InCallback);
    /// Reports that the connection could not be made, before its ERROR is delivered.
    fn report(&self, error: &Error);
    /// Called when `on_terminate` has returned, or when the pulled TERMINATE was freed.
    fn over(&self);
    /// Runs the host's `on_free`.
    fn free(&self);
    /// Ends the connection with an error, because a fault in the library itself has lost an event. Called with no lock
    /// held.
    fn fail(self: &std::sync::Arc<Self>);
    /// Wakes the socket's task: there is room again in the receive buffer, or, for a socket without a dispatcher,
    /// something to deliver.
    fn nudge(&self);
    /// Reads and writes as far as the descriptor is ready, on the thread of the owner, which holds no lock.
    fn service(self: &std::sync::Arc<Self>, readable: bool, writable: bool) -> ServiceOutcome;
    /// Ends the connection because the dispatcher's thread has ended inside a function of the host's. No function of
    /// the host's is called any more.
    fn lose(self: &std::sync::Arc<Self>);
    /// Closes the connection in the background with this code, because the host has ended the socket or its dispatcher.
    /// Returns the ending that is reported to the host.
    fn hang_up(self: &std::sync::Arc<Self>, code: u16) -> Ending;
}

/// Changes whenever a run of messages that is being delivered must inspect its mailbox again.
#[derive(Debug)]
pub struct Gate(AtomicU32);

impl Gate {
    pub(crate) fn new() -> Gate {
        Gate(AtomicU32::new(0))
    }

    pub(crate) fn interrupt(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn generation(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, not(ws4d_loom)))]
mod close_one_tests;
#[cfg(all(test, not(ws4d_loom)))]
mod ending_tests;
#[cfg(test)]
mod tests;
