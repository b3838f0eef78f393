//! Readiness of many descriptors at once. Edge-triggered, like tokio's poller: readiness that was reported is not reported
//! again before it has changed.

use super::{RawStream, RawWaitable, own, wake};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// The number of descriptors that one poll reports; the others follow at the next call.
const EVENTS: usize = 128;
/// The token of the wake.
const WOKEN: usize = usize::MAX;

/// The readiness of a descriptor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    pub(crate) token: usize,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// The peer sends nothing after the data that are there.
    pub(crate) closed: bool,
}

/// The set of descriptors; any thread adds and removes.
pub(crate) struct Selector {
    registry: Registry,
    raw: RawWaitable,
}

/// The right to ask a selector; one thread at a time.
pub(crate) struct Selection {
    poll: Poll,
    events: Events,
    wake: RawWaitable,
}

impl Selector {
    /// One whose wait also ends when `wake` is signalled once more. `usize::MAX` is no token for others.
    pub(crate) fn new(wake: RawWaitable) -> io::Result<(Selector, Selection)> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        registry.register(&mut SourceFd(&wake), Token(WOKEN), Interest::READABLE)?;
        let raw = poll.as_raw_fd();
        Ok((Selector { registry, raw }, Selection { poll, events: Events::with_capacity(EVENTS), wake }))
    }

    /// What is readable while events are there that nobody has fetched.
    pub(crate) fn raw(&self) -> RawWaitable {
        self.raw
    }

    /// Watches a stream. Readiness that it has already is reported at the next call.
    pub(crate) fn add(&self, stream: RawStream, token: usize) -> io::Result<()> {
        self.registry.register(&mut SourceFd(&stream), Token(token), Interest::READABLE | Interest::WRITABLE)
    }

    pub(crate) fn remove(&self, stream: RawStream) {
        // Errors are ignored: the peer may have closed the connection, but the descriptor itself is still open.
        let _ = self.registry.deregister(&mut SourceFd(&stream));
    }
}

impl Selection {
    /// Forgets what the last wait has found.
    pub(crate) fn clear(&mut self) {
        self.events.clear();
    }

    /// Waits until something is ready or the time is over (`None`: never).
    pub(crate) fn wait(&mut self, limit: Option<Duration>) -> io::Result<()> {
        self.events.clear();
        self.poll.poll(&mut self.events, limit)
    }

    /// Whether the last wait has found nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Whether the last wait has found as much as one call reports, so that there may be more.
    pub(crate) fn is_full(&self) -> bool {
        self.events.iter().count() >= EVENTS
    }

    /// What the last wait has found.
    pub(crate) fn found(&self) -> impl Iterator<Item = Ready> {
        if !own::REPORTS_EACH_WRITE && self.events.iter().any(|event| event.token() == Token(WOKEN)) {
            wake::reset(self.wake);
        }
        self.events.iter().filter(|event| event.token() != Token(WOKEN)).map(|event| Ready {
            token: event.token().0,
            readable: event.is_readable() || event.is_read_closed() || event.is_error(),
            writable: event.is_writable() || event.is_error(),
            closed: event.is_read_closed() || event.is_error(),
        })
    }
}
