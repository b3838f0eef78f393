//! Readiness of sockets, for an owner that waits and reads itself. The poller is made at the first such wait, so that hosts
//! that never wait have none. It knows tokens and the system's numbers of sockets only.

use super::alarm::Slept;
use crate::sys::{RawStream, RawWaitable};
use std::io;
use std::time::Duration;

pub(crate) use imp::{Poller, Ready};

#[cfg(not(ws4d_loom))]
mod imp {
    use super::*;
    use crate::sync::{Mutex, MutexGuard};
    use crate::sys::selector::{Selection, Selector};
    use std::time::Instant;

    pub(crate) use crate::sys::selector::Ready;

    pub(crate) struct Poller {
        selector: Selector,
        selection: Mutex<Selection>,
    }

    /// The exclusive right to wait: no other thread polls meanwhile.
    pub(crate) struct Inside<'a>(MutexGuard<'a, Selection>);

    impl Poller {
        /// A poller whose wait also returns when `alarm` rings once more.
        pub(crate) fn new(alarm: RawWaitable) -> io::Result<Poller> {
            let (selector, selection) = Selector::new(alarm)?;
            Ok(Poller { selector, selection: Mutex::new(selection) })
        }

        /// Watches a socket. Readiness that it has already is reported at the next call.
        pub(crate) fn add(&self, stream: RawStream, token: usize) -> io::Result<()> {
            self.selector.add(stream, token)
        }

        pub(crate) fn remove(&self, stream: RawStream) {
            self.selector.remove(stream);
        }

        /// Appends what is ready now to `found`, without waiting. Returns `false` if the owner waits.
        pub(crate) fn try_poll(&self, found: &mut Vec<Ready>) -> bool {
            let Some(mut selection) = self.selection.try_lock() else { return false };
            let _ = selection.wait(Some(Duration::ZERO));
            found.extend(selection.found());
            true
        }

        /// Acquires the right to wait. Call it before the last check of the conditions that end the wait, and before
        /// other threads learn that they must ring: a poll by another thread would consume the ring. It waits for a
        /// poll that is in progress, which never sleeps and takes no lock.
        pub(crate) fn enter(&self) -> Inside<'_> {
            Inside(self.selection.lock())
        }

        /// What is readable while something is ready that no poll has fetched.
        pub(crate) fn raw(&self) -> RawWaitable {
            self.selector.raw()
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
            let selection = &mut *self.0;
            let busy = limit.map_or(busy, |limit| busy.min(limit));
            selection.clear();
            if !busy.is_zero() {
                let begun = Instant::now();
                while selection.is_empty() && begun.elapsed() < busy {
                    if let Err(error) = selection.wait(Some(Duration::ZERO)) {
                        return (failed(&error), false);
                    }
                }
            }
            if selection.is_empty()
                && let Err(error) = selection.wait(limit.map(|limit| limit - busy))
            {
                return (failed(&error), false);
            }
            let slept = if selection.is_empty() { Slept::TimeOver } else { Slept::Woken };
            found.extend(selection.found());
            (slept, selection.is_full())
        }
    }

    fn failed(error: &io::Error) -> Slept {
        if error.kind() == io::ErrorKind::Interrupted { Slept::Signal } else { Slept::Woken }
    }
}

/// Models have no descriptors.
#[cfg(ws4d_loom)]
mod imp {
    use super::*;

    /// The readiness of a socket.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Ready {
        pub(crate) token: usize,
        pub(crate) readable: bool,
        pub(crate) writable: bool,
        pub(crate) closed: bool,
    }

    pub(crate) enum Poller {}

    pub(crate) struct Inside<'a>(&'a Poller);

    impl Poller {
        pub(crate) fn new(_: RawWaitable) -> io::Result<Poller> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(crate) fn add(&self, _: RawStream, _: usize) -> io::Result<()> {
            match *self {}
        }

        pub(crate) fn remove(&self, _: RawStream) {}

        pub(crate) fn try_poll(&self, _: &mut Vec<Ready>) -> bool {
            false
        }

        pub(crate) fn enter(&self) -> Inside<'_> {
            Inside(self)
        }

        pub(crate) fn raw(&self) -> RawWaitable {
            match *self {}
        }
    }

    impl Inside<'_> {
        pub(crate) fn wait(self, _: Option<Duration>, _: Duration, _: &mut Vec<Ready>) -> (Slept, bool) {
            match *self.0 {}
        }
    }
}
