//! Readiness of descriptors, for an owner that waits and reads itself. The poller is made at the first such wait, so
//! that hosts that never wait have none. It knows tokens and descriptors only.

use super::alarm::Slept;
use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

/// The readiness of a descriptor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    pub(super) token: usize,
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// The peer sends nothing after the data that are there.
    pub(super) closed: bool,
}

pub(crate) use imp::Poller;

#[cfg(not(ws4d_loom))]
mod imp {
    use super::*;
    use crate::dispatch::signal_fd;
    use crate::sync::{Mutex, MutexGuard};
    use mio::unix::SourceFd;
    use mio::{Events, Interest, Poll, Registry, Token};
    use std::os::fd::AsRawFd;
    use std::time::Instant;

    /// The number of descriptors that one poll reports; the others follow at the next call.
    const EVENTS: usize = 128;
    /// The token of the alarm; no mailbox has it.
    const WOKEN: usize = usize::MAX;

    /// Edge-triggered, like tokio's poller: readiness that was reported is not reported again before it has changed.
    pub(crate) struct Poller {
        poll: Mutex<(Poll, Events)>,
        fd: RawFd,
        registry: Registry,
        alarm: RawFd,
    }

    /// The exclusive right to wait: no other thread polls meanwhile.
    pub(crate) struct Inside<'a>(MutexGuard<'a, (Poll, Events)>, RawFd);

    impl Poller {
        /// A poller whose wait also returns when `alarm` becomes readable once more.
        pub(crate) fn new(alarm: RawFd) -> io::Result<Poller> {
            let poll = Poll::new()?;
            let registry = poll.registry().try_clone()?;
            registry.register(&mut SourceFd(&alarm), Token(WOKEN), Interest::READABLE)?;
            let fd = poll.as_raw_fd();
            Ok(Poller { fd, poll: Mutex::new((poll, Events::with_capacity(EVENTS))), registry, alarm })
        }

        /// Watches a descriptor. Readiness that it has already is reported at the next call.
        pub(crate) fn add(&self, fd: RawFd, token: usize) -> io::Result<()> {
            self.registry.register(&mut SourceFd(&fd), Token(token), Interest::READABLE | Interest::WRITABLE)
        }

        pub(crate) fn remove(&self, fd: RawFd) {
            // Errors are ignored: the peer may have closed the connection, but the descriptor itself is still open.
            let _ = self.registry.deregister(&mut SourceFd(&fd));
        }

        /// Appends what is ready now to `found`, without waiting. Returns `false` if the owner waits.
        pub(crate) fn try_poll(&self, found: &mut Vec<Ready>) -> bool {
            let Some(mut guard) = self.poll.try_lock() else { return false };
            let (poll, events) = &mut *guard;
            events.clear();
            let _ = poll.poll(events, Some(Duration::ZERO));
            found.extend(readiness(events, self.alarm));
            true
        }

        /// Acquires the right to wait. Call it before the last check of the conditions that end the wait, and before
        /// other threads learn that they must ring: a poll by another thread would consume the ring. It waits for a
        /// poll that is in progress, which never sleeps and takes no lock.
        pub(crate) fn enter(&self) -> Inside<'_> {
            Inside(self.poll.lock(), self.alarm)
        }
    }

    impl AsRawFd for Poller {
        fn as_raw_fd(&self) -> RawFd {
            self.fd
        }
    }

    impl Inside<'_> {
        /// Waits until something is ready, the alarm rings, or the time is over (`None`: for ever); does not sleep
        /// for the first `busy` of it. Appends to `found`; returns why the wait is over, and whether more may be
        /// ready.
        pub(crate) fn wait(
            mut self,
            limit: Option<Duration>,
            busy: Duration,
            found: &mut Vec<Ready>,
        ) -> (Slept, bool) {
            let (poll, events) = &mut *self.0;
            events.clear();
            let busy = limit.map_or(busy, |limit| busy.min(limit));
            if !busy.is_zero() {
                let begun = Instant::now();
                while events.is_empty() && begun.elapsed() < busy {
                    if let Err(error) = poll.poll(events, Some(Duration::ZERO)) {
                        return (failed(&error), false);
                    }
                }
            }
            if events.is_empty()
                && let Err(error) = poll.poll(events, limit.map(|limit| limit - busy))
            {
                return (failed(&error), false);
            }
            let slept = if events.is_empty() { Slept::TimeOver } else { Slept::Woken };
            found.extend(readiness(events, self.1));
            (slept, events.iter().count() >= EVENTS)
        }
    }

    fn failed(error: &io::Error) -> Slept {
        if error.kind() == io::ErrorKind::Interrupted { Slept::Signal } else { Slept::Woken }
    }

    fn readiness(events: &Events, alarm: RawFd) -> impl Iterator<Item = Ready> {
        // An eventfd reports each ring; a pipe reports none once it is full, so it is drained.
        if !cfg!(target_os = "linux") && events.iter().any(|event| event.token() == Token(WOKEN)) {
            signal_fd::drain(alarm);
        }
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
        pub(crate) fn new(_: RawFd) -> io::Result<Poller> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(crate) fn add(&self, _: RawFd, _: usize) -> io::Result<()> {
            match *self {}
        }

        pub(crate) fn remove(&self, _: RawFd) {}

        pub(crate) fn try_poll(&self, _: &mut Vec<Ready>) -> bool {
            false
        }

        pub(crate) fn enter(&self) -> Inside<'_> {
            Inside(self)
        }
    }

    impl std::os::fd::AsRawFd for Poller {
        fn as_raw_fd(&self) -> RawFd {
            match *self {}
        }
    }

    impl Inside<'_> {
        pub(crate) fn wait(self, _: Option<Duration>, _: Duration, _: &mut Vec<Ready>) -> (Slept, bool) {
            match *self.0 {}
        }
    }
}
