//! Where callbacks run: mailboxes that keep each socket's events in order, and dispatchers that run them on
//! the thread of a host context. Knows neither sockets nor the protocol nor tokio: whom an event is for is
//! a [`Target`].
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
mod signal_fd;
mod state;
mod stop_word;
mod task_driver;
mod waiter;

pub(crate) use alarm::Slept;
pub(crate) use blocking::{NotOpened, cancelled_error, interrupted_error};
pub(crate) use dispatcher::{Dispatcher, Signal};
#[cfg(feature = "micro-benchmarks")]
pub use handover::HandOver;
pub(crate) use key::Key;
pub(crate) use lending::{OWNER_ABSENT_AFTER, OWNER_CHECK_INTERVAL, ServiceOutcome, StandbyRole};
pub(crate) use mailbox::{Claim, Delivery, Mailbox};
pub(crate) use poller::Poller;
pub use pulled_batch::{PulledBatch, Summary};
pub(crate) use task_driver::{Task, TaskDriver};

use crate::error::Error;
use crate::event::DataType;
use crate::event::{Ending, Event};
use crate::sync::atomic::{AtomicU32, Ordering};

/// Whom a mailbox delivers to: a socket.
pub trait Target: Send + Sync + 'static {
    /// Told when a run of messages must stop and look again.
    #[doc(hidden)]
    fn gate(&self) -> &Gate;
    /// How text frames arrive.
    fn mode(&self) -> DataType;
    /// Its events are not the host's: a pull runs them instead of returning them.
    fn is_silent(&self) -> bool {
        false
    }
    /// Runs the host's callback.
    fn event(&self, event: &Event);
    /// A connection that could not be made: before its ERROR is delivered.
    fn report(&self, error: &Error);
    /// `on_terminate` has returned, or what counts as that.
    fn over(&self);
    /// Runs the host's `on_free`.
    fn free(&self);
    /// There is room again in the receive buffer, or, for a socket without a dispatcher, something to deliver.
    fn nudge(&self);
    /// Reads and writes what the descriptor is ready for, on the thread of the owner, which holds no lock.
    fn service(self: &std::sync::Arc<Self>, readable: bool, writable: bool) -> ServiceOutcome;
    /// The dispatcher's thread has ended inside a function of the host's: the connection is over, and nothing of the host's
    /// is called any more.
    fn lose(self: &std::sync::Arc<Self>);
    /// The host has ended it, or its dispatcher: close in the background, with this code; returns how the connection is said
    /// to have ended.
    fn hang_up(self: &std::sync::Arc<Self>, code: u16) -> Ending;
}

/// Changes whenever a run of messages that is being delivered must look at its mailbox again.
#[derive(Debug)]
pub struct Gate(AtomicU32);

impl Gate {
    pub(crate) fn new() -> Gate {
        Gate(AtomicU32::new(0))
    }

    pub(crate) fn interrupt(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn look(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, not(ws4d_loom)))]
mod ending_tests;
#[cfg(test)]
mod tests;
