//! Readiness of descriptors, for an owner that waits and reads itself. Made at the first such wait, so that hosts that
//! never wait have none. Knows tokens and descriptors only.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

/// What a descriptor is ready for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    pub(super) token: usize,
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// Nothing comes after what is there.
    pub(super) closed: bool,
}

pub(super) use imp::Poller;

#[cfg(not(ws4d_loom))]
mod imp {
    use super::*;
    use crate::sync::{Mutex, MutexGuard};
    use mio::unix::SourceFd;
    use mio::{Events, Interest, Poll, Registry, Token, Waker};
    use std::os::fd::AsRawFd;
    use std::time::Instant;

    /// So many descriptors are told of at once; the others at the next call.
    const EVENTS: usize = 128;
    /// What the waker is told by; no mailbox's.
    const WOKEN: usize = usize::MAX;

    /// Edge-triggered, as tokio's: what was told is not told again, before it has changed.
    pub(crate) struct Poller {
        poll: Mutex<(Poll, Events)>,
        fd: RawFd,
        registry: Registry,
        waker: Waker,
    }

    /// The right to wait: nobody else looks meanwhile.
    pub(crate) struct Inside<'a>(MutexGuard<'a, (Poll, Events)>);

    impl Poller {
        pub(crate) fn new() -> io::Result<Poller> {
            let poll = Poll::new()?;
            let registry = poll.registry().try_clone()?;
            let waker = Waker::new(&registry, Token(WOKEN))?;
            let fd = poll.as_raw_fd();
            Ok(Poller { fd, poll: Mutex::new((poll, Events::with_capacity(EVENTS))), registry, waker })
        }

        /// Watches a descriptor; what it is ready for already is told at the next call.
        pub(crate) fn add(&self, fd: RawFd, token: usize) -> io::Result<()> {
            self.registry.register(&mut SourceFd(&fd), Token(token), Interest::READABLE | Interest::WRITABLE)
        }

        pub(crate) fn remove(&self, fd: RawFd) {
            // It may be closed at the other end; it is not closed here.
            let _ = self.registry.deregister(&mut SourceFd(&fd));
        }

        pub(crate) fn fd(&self) -> RawFd {
            self.fd
        }

        /// What is ready now; `false` if the owner waits.
        pub(crate) fn look(&self, found: &mut Vec<Ready>) -> bool {
            let Some(mut guard) = self.poll.try_lock() else { return false };
            let (poll, events) = &mut *guard;
            events.clear();
            let _ = poll.poll(events, Some(Duration::ZERO));
            found.extend(told(events));
            true
        }

        /// Makes a wait on another thread return.
        pub(crate) fn wake(&self) {
            let _ = self.waker.wake();
        }

        /// To be had before others are told that they must wake the waiter: a look would take the wake away. Another's
        /// look is waited for; that sleeps never, and takes no lock.
        pub(crate) fn enter(&self) -> Inside<'_> {
            Inside(self.poll.lock())
        }
    }

    impl Inside<'_> {
        /// Waits until something is ready, a wake, or the end of the time (`None`: for ever), the first `busy` of it
        /// without sleeping. Appends to `found`; says whether there may be more.
        pub(crate) fn wait(
            mut self,
            limit: Option<Duration>,
            busy: Duration,
            found: &mut Vec<Ready>,
        ) -> bool {
            let (poll, events) = &mut *self.0;
            events.clear();
            let busy = limit.map_or(busy, |limit| busy.min(limit));
            if !busy.is_zero() {
                let begun = Instant::now();
                while events.is_empty() && begun.elapsed() < busy {
                    if poll.poll(events, Some(Duration::ZERO)).is_err() {
                        return false;
                    }
                }
            }
            // Interrupted by a signal: the caller looks and comes again.
            if events.is_empty() && poll.poll(events, limit.map(|limit| limit - busy)).is_err() {
                return false;
            }
            found.extend(told(events));
            events.iter().count() >= EVENTS
        }
    }

    fn told(events: &Events) -> impl Iterator<Item = Ready> {
        events.iter().filter(|event| event.token() != Token(WOKEN)).map(|event| Ready {
            token: event.token().0,
            readable: event.is_readable() || event.is_read_closed() || event.is_error(),
            writable: event.is_writable() || event.is_error(),
            closed: event.is_read_closed() || event.is_error(),
        })
    }
}

/// Models have no descriptors.
#[cfg(ws4d_loom)]
mod imp {
    use super::*;

    pub(crate) enum Poller {}

    pub(crate) struct Inside<'a>(&'a Poller);

    impl Poller {
        pub(crate) fn new() -> io::Result<Poller> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(crate) fn add(&self, _: RawFd, _: usize) -> io::Result<()> {
            match *self {}
        }

        pub(crate) fn remove(&self, _: RawFd) {}

        pub(crate) fn wake(&self) {}

        pub(crate) fn fd(&self) -> RawFd {
            match *self {}
        }

        pub(crate) fn look(&self, _: &mut Vec<Ready>) -> bool {
            false
        }

        pub(crate) fn enter(&self) -> Inside<'_> {
            Inside(self)
        }
    }

    impl Inside<'_> {
        pub(crate) fn wait(self, _: Option<Duration>, _: Duration, _: &mut Vec<Ready>) -> bool {
            match *self.0 {}
        }
    }
}
