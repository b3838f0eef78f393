//! Wakes a sleeping owner, from any thread and from a signal handler: one descriptor for each dispatcher that has ever
//! slept. A condition variable cannot do it, because none of its operations is async-signal-safe.

use crate::sync::atomic::{AtomicIsize, AtomicU32, Ordering, fence};
use crate::sys::RawWaitable;
use crate::sys::wake::RawSignal;
use std::time::Duration;

/// The longest sleep of an owner that has no descriptor, and so cannot be woken.
pub(super) const LONGEST_WITHOUT: Duration = Duration::from_millis(100);

/// Why a sleep is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Slept {
    /// It was woken, something is ready, or the state must be checked.
    Woken,
    TimeOver,
    /// A signal handler has run meanwhile.
    Signal,
    /// The alarm rang, or the poller has found something; it remains readable until it is reset.
    Rung,
}

/// A dispatcher's alarm. The owner prepares it, sleeps on it and closes it; any thread and any signal handler rings it.
pub(super) struct Alarm {
    /// The end that `ring` signals; -1 if nobody has slept yet, or nobody will any more.
    signal_end: AtomicIsize,
    /// The number of threads inside `ring`.
    ringing: AtomicU32,
    bell: imp::Bell,
}

impl Alarm {
    pub(super) fn new() -> Alarm {
        Alarm { signal_end: AtomicIsize::new(-1), ringing: AtomicU32::new(0), bell: imp::Bell::new() }
    }

    /// Opens the descriptor, if it is not open yet, and returns the end to sleep on. Call it before the last check of
    /// the conditions that end the sleep: a thread that changes one later rings. `None` if there is no descriptor;
    /// then a sleep must not exceed [`LONGEST_WITHOUT`].
    pub(super) fn prepare(&self) -> Option<RawWaitable> {
        if self.bell.read_end().is_none() {
            self.signal_end.store(self.bell.open()? as isize, Ordering::SeqCst);
            // Pairs with the fence in `ring`: a stopping thread either finds the descriptor or is seen by the last
            // check.
            fence(Ordering::SeqCst);
        }
        self.bell.read_end()
    }

    /// Wakes the owner, or ends its next sleep at once. Async-signal-safe: it takes no lock, allocates nothing, and
    /// uses no thread-local but `errno`, which it restores.
    pub(super) fn ring(&self) {
        self.ringing.fetch_add(1, Ordering::SeqCst);
        // Pairs with the fences in `prepare` and `close`.
        fence(Ordering::SeqCst);
        let signal_end = self.signal_end.load(Ordering::SeqCst);
        if signal_end >= 0 {
            self.bell.ring(signal_end as RawSignal);
        }
        self.ringing.fetch_sub(1, Ordering::SeqCst);
    }

    /// Ends the ring. The caller looks at what has changed only then.
    pub(super) fn reset(&self) {
        self.bell.reset();
    }

    /// Sleeps until it rings, at most for `limit`; `None`: for ever.
    pub(super) fn sleep(&self, limit: Option<Duration>) -> Slept {
        self.bell.sleep(limit)
    }

    /// Closes the descriptor, once nobody can be writing to it any more.
    pub(super) fn close(&self) {
        self.signal_end.store(-1, Ordering::SeqCst);
        // Pairs with the fence in `ring`: a ringing thread either does not find the descriptor or is counted here. It
        // is done in a moment, because `ring` never waits.
        fence(Ordering::SeqCst);
        while self.ringing.load(Ordering::SeqCst) > 0 {
            crate::sync::yield_now();
        }
        self.bell.close();
    }
}

#[cfg(not(ws4d_loom))]
mod imp {
    use super::*;
    use crate::sync::Mutex;
    use crate::sys::wake::{self, Wake};
    use std::io;

    enum State {
        NotYet,
        Open(Wake),
        Closed,
    }

    pub(super) struct Bell(Mutex<State>);

    impl Bell {
        pub(super) fn new() -> Bell {
            Bell(Mutex::new(State::NotYet))
        }

        pub(super) fn read_end(&self) -> Option<RawWaitable> {
            match &*self.0.lock() {
                State::Open(wake) => Some(wake.raw()),
                _ => None,
            }
        }

        /// The end to be signalled.
        pub(super) fn open(&self) -> Option<RawSignal> {
            let mut state = self.0.lock();
            if !matches!(*state, State::NotYet) {
                return None;
            }
            let wake = Wake::new().ok()?;
            let signal_end = wake.signal_end();
            *state = State::Open(wake);
            Some(signal_end)
        }

        pub(super) fn close(&self) {
            let before = std::mem::replace(&mut *self.0.lock(), State::Closed);
            drop(before);
        }

        pub(super) fn ring(&self, signal_end: RawSignal) {
            wake::signal(signal_end);
        }

        pub(super) fn reset(&self) {
            self.read_end().into_iter().for_each(wake::reset);
        }

        pub(super) fn sleep(&self, limit: Option<Duration>) -> Slept {
            let read_end = self.read_end();
            let limit = match read_end {
                Some(_) => limit,
                None => Some(limit.map_or(LONGEST_WITHOUT, |limit| limit.min(LONGEST_WITHOUT))),
            };
            match wake::wait(read_end, limit) {
                Ok(true) => {
                    read_end.into_iter().for_each(wake::reset);
                    Slept::Woken
                }
                Ok(false) if read_end.is_none() => Slept::Woken,
                Ok(false) => Slept::TimeOver,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Slept::Signal,
                // It failed; return, so that the caller checks again and does not sleep for ever.
                Err(_) => Slept::Woken,
            }
        }
    }
}

/// Models have no descriptors. This substitute is readable from a ring to the next sleep.
#[cfg(ws4d_loom)]
mod imp {
    use super::*;
    use crate::sync::{Condvar, Mutex};

    #[derive(Default)]
    struct State {
        open: bool,
        readable: bool,
    }

    pub(super) struct Bell(Mutex<State>, Condvar);

    impl Bell {
        pub(super) fn new() -> Bell {
            Bell(Mutex::default(), Condvar::new())
        }

        pub(super) fn read_end(&self) -> Option<RawWaitable> {
            self.0.lock().open.then_some(0)
        }

        pub(super) fn open(&self) -> Option<RawSignal> {
            self.0.lock().open = true;
            Some(0)
        }

        pub(super) fn close(&self) {
            self.0.lock().open = false;
        }

        pub(super) fn ring(&self, _: RawSignal) {
            let mut state = self.0.lock();
            assert!(state.open, "written to after it was closed");
            state.readable = true;
            drop(state);
            self.1.notify_all();
        }

        pub(super) fn reset(&self) {
            self.0.lock().readable = false;
        }

        pub(super) fn sleep(&self, _: Option<Duration>) -> Slept {
            let mut state = self.0.lock();
            while !std::mem::take(&mut state.readable) {
                state = self.1.wait(state);
            }
            Slept::Woken
        }
    }
}

#[cfg(all(test, not(ws4d_loom)))]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn a_ring_ends_the_next_sleep_and_keeps_errno() {
        let alarm = Alarm::new();
        alarm.ring();
        let fd = alarm.prepare();
        assert!(fd.is_some() && alarm.prepare() == fd);
        assert_eq!(alarm.sleep(Some(Duration::ZERO)), Slept::TimeOver, "nobody was to be woken then");
        // A call that fails leaves its number behind.
        assert!(std::fs::File::open("/does/not/exist").is_err());
        alarm.ring();
        assert_eq!(io::Error::last_os_error().raw_os_error(), Some(libc::ENOENT));
        assert_eq!(alarm.sleep(None), Slept::Woken);
        assert_eq!(alarm.sleep(Some(Duration::ZERO)), Slept::TimeOver, "it was for one sleep");
    }

    #[test]
    fn a_closed_alarm_rings_nobody() {
        let alarm = Alarm::new();
        alarm.prepare();
        alarm.close();
        alarm.ring();
        assert_eq!(alarm.prepare(), None);
    }
}

#[cfg(all(test, ws4d_loom))]
mod model {
    use super::*;
    use crate::dispatch::stop_word::StopWord;
    use loom::thread;
    use std::sync::Arc;

    /// The owner's sleep loop against a concurrent stop.
    #[test]
    fn a_stop_is_seen_before_the_sleep_or_ends_it() {
        loom::model(|| {
            let shared = Arc::new((StopWord::new(), Alarm::new()));
            let level = shared.0.enter();
            let other = Arc::clone(&shared);
            let stopper = thread::spawn(move || {
                other.0.stop();
                other.1.ring();
            });
            shared.1.prepare();
            while !shared.0.is_stopped(level) {
                shared.1.sleep(None);
            }
            stopper.join().unwrap();
        });
    }

    #[test]
    fn nobody_writes_to_a_descriptor_that_is_closed() {
        loom::model(|| {
            let alarm = Arc::new(Alarm::new());
            alarm.prepare();
            let other = Arc::clone(&alarm);
            let ringer = thread::spawn(move || other.ring());
            alarm.close();
            ringer.join().unwrap();
        });
    }
}
