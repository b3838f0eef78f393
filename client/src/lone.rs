//! What a task waits for while it is the only one of its thread. Such a task needs no poller: its thread asks the system
//! for exactly what the task waits for, in one call. So connecting registers nothing that has to be forgotten a moment
//! later, and a timer wakes nobody.
//!
//! What waits for a stream or for a time asks here first, and turns to the runtime where the task is not alone. A task
//! may be given to a runtime at any moment: it is polled there, and asks again.

use crate::sys::RawStream;
use crate::sys::poll::Asked;
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Instant;

/// The number of streams for which a task can wait alone. More are for a poller.
pub(crate) const MOST: usize = 4;

/// What a stream is to be ready for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum For {
    Reading,
    Writing,
}

/// The name of a stream that is waited for. A descriptor's number would be used again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Name(u64);

impl Name {
    pub(crate) fn new() -> Name {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Name(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// What is known of a stream that is ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ready {
    /// There may be an error to be asked for.
    pub(crate) failed: bool,
}

#[derive(Clone, Copy)]
struct Wanted {
    name: Name,
    stream: RawStream,
    read: bool,
    write: bool,
}

/// The streams and the time for which a task waits.
#[derive(Clone, Copy)]
pub(crate) struct Waits {
    streams: [Option<Wanted>; MOST],
    until: Option<Instant>,
    crowded: bool,
}

impl Waits {
    pub(crate) const NONE: Waits = Waits { streams: [None; MOST], until: None, crowded: false };

    /// The time at which the task is to be polled again.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.until
    }

    /// The task waits for more streams than it can alone.
    pub(crate) fn is_crowded(&self) -> bool {
        self.crowded
    }

    /// It waits for no stream.
    pub(crate) fn is_empty(&self) -> bool {
        self.streams[0].is_none()
    }

    /// What to ask the system for.
    pub(crate) fn asked(&self) -> impl Iterator<Item = Asked> {
        let streams = self.streams.iter().flatten();
        streams.map(|wanted| Asked::stream(wanted.stream, wanted.read, wanted.write))
    }

    /// What the system has answered, in the order of [`asked`](Waits::asked).
    pub(crate) fn answered(&self, asked: &[Asked]) -> Found {
        let mut found = Found::NOTHING;
        let answers = self.streams.iter().flatten().zip(asked);
        for (place, (wanted, asked)) in found.0.iter_mut().zip(answers) {
            *place = Some(FoundStream {
                name: wanted.name,
                read: wanted.read && asked.is_readable(),
                write: wanted.write && asked.is_writable(),
                failed: asked.has_failed(),
            });
        }
        found
    }
}

#[derive(Clone, Copy)]
struct FoundStream {
    name: Name,
    read: bool,
    write: bool,
    failed: bool,
}

/// The streams that the system has found to be ready. This is no [`Waits`]: what a task waits for would be taken for what
/// is ready if the task had another turn before the system was asked, and a connection that is still being made for one
/// that is open.
#[derive(Clone, Copy)]
pub(crate) struct Found([Option<FoundStream>; MOST]);

impl Found {
    /// The system was not asked.
    pub(crate) const NOTHING: Found = Found([None; MOST]);

    fn find(&mut self, name: Name) -> Option<&mut FoundStream> {
        self.0.iter_mut().flatten().find(|found| found.name == name)
    }
}

/// A turn of a task that is alone.
#[derive(Clone, Copy)]
struct Turn {
    found: Found,
    wanted: Waits,
}

thread_local! {
    static TURN: Cell<Option<Turn>> = const { Cell::new(None) };
}

/// Polls a task that is alone, which finds ready what was found. Returns what it waits for afterwards.
pub(crate) fn turn<R>(found: Found, poll: impl FnOnce() -> R) -> (R, Waits) {
    let turn = TurnGuard(TURN.replace(Some(Turn { found, wanted: Waits::NONE })));
    let polled = poll();
    let waits = TURN.get().map_or(Waits::NONE, |turn| turn.wanted);
    drop(turn);
    (polled, waits)
}

/// Ends a turn, also after a panic.
struct TurnGuard(Option<Turn>);

impl Drop for TurnGuard {
    fn drop(&mut self) {
        TURN.set(self.0);
    }
}

/// Returns `true` where the task that runs is alone on its thread.
pub(crate) fn is_here() -> bool {
    TURN.get().is_some()
}

/// Waits for a stream: once it is ready, the task is polled again. `None`: the task is not alone.
pub(crate) fn poll(name: Name, stream: RawStream, what: For) -> Option<Poll<Ready>> {
    let mut turn = TURN.get()?;
    if let Some(found) = turn.found.find(name)
        && (if what == For::Reading { found.read } else { found.write })
    {
        return Some(Poll::Ready(Ready { failed: found.failed }));
    }
    let fresh = Wanted { name, stream, read: false, write: false };
    let at = turn.wanted.streams.iter().position(|wanted| wanted.is_none_or(|wanted| wanted.name == name));
    match at.map(|at| turn.wanted.streams[at].get_or_insert(fresh)) {
        Some(wanted) if what == For::Reading => wanted.read = true,
        Some(wanted) => wanted.write = true,
        None => turn.wanted.crowded = true,
    }
    TURN.set(Some(turn));
    Some(Poll::Pending)
}

/// A stream that was found to be ready is not, or not any more: the next wait asks the system.
pub(crate) fn not_ready(name: Name, what: For) {
    let Some(mut turn) = TURN.get() else { return };
    let Some(found) = turn.found.find(name) else { return };
    match what {
        For::Reading => found.read = false,
        For::Writing => found.write = false,
    }
    TURN.set(Some(turn));
}

/// Waits for a time. `None`: the task is not alone.
pub(crate) fn poll_until(time: Instant) -> Option<Poll<()>> {
    let mut turn = TURN.get()?;
    if time <= Instant::now() {
        return Some(Poll::Ready(()));
    }
    turn.wanted.until = Some(turn.wanted.until.map_or(time, |until| until.min(time)));
    TURN.set(Some(turn));
    Some(Poll::Pending)
}

#[cfg(all(test, unix, not(ws4d_loom)))]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::fd::AsRawFd;

    /// A socket that can be written to, and has nothing to read.
    fn writable() -> UdpSocket {
        UdpSocket::bind("127.0.0.1:0").unwrap()
    }

    fn ask(waits: &Waits) -> Found {
        let mut asked: Vec<Asked> = waits.asked().collect();
        crate::sys::poll::wait(&mut asked, None).unwrap();
        waits.answered(&asked)
    }

    #[test]
    fn a_stream_is_ready_for_what_the_system_says_until_it_is_not() {
        let (socket, name) = (writable(), Name::new());
        let raw = socket.as_raw_fd();
        let ((), waits) = turn(Found::NOTHING, || {
            assert_eq!(poll(name, raw, For::Reading), Some(Poll::Pending));
            assert_eq!(poll(name, raw, For::Writing), Some(Poll::Pending));
        });
        assert_eq!(waits.asked().count(), 1, "one stream, both directions");
        turn(ask(&waits), || {
            assert_eq!(poll(name, raw, For::Reading), Some(Poll::Pending));
            for _ in 0..2 {
                assert_eq!(poll(name, raw, For::Writing), Some(Poll::Ready(Ready { failed: false })));
            }
            not_ready(name, For::Writing);
            assert_eq!(poll(name, raw, For::Writing), Some(Poll::Pending));
        });
        assert_eq!(poll(name, raw, For::Writing), None, "outside of a turn");
    }

    #[test]
    fn a_number_that_is_used_again_is_another_stream() {
        let socket = writable();
        let raw = socket.as_raw_fd();
        let (first, second) = (Name::new(), Name::new());
        let (_, waits) = turn(Found::NOTHING, || poll(first, raw, For::Writing));
        turn(ask(&waits), || assert_eq!(poll(second, raw, For::Writing), Some(Poll::Pending)));
    }

    #[test]
    fn the_first_of_the_times_counts_and_too_many_streams_are_told() {
        let socket = writable();
        let now = Instant::now();
        let later = |secs| now + std::time::Duration::from_secs(secs);
        let ((), waits) = turn(Found::NOTHING, || {
            assert_eq!(poll_until(now), Some(Poll::Ready(())));
            assert!(
                [5000, 3000, 4000].map(later).map(poll_until).iter().all(|one| *one == Some(Poll::Pending))
            );
            for _ in 0..MOST {
                poll(Name::new(), socket.as_raw_fd(), For::Reading);
            }
        });
        assert_eq!((waits.until(), waits.is_crowded()), (Some(later(3000)), false));
        let ((), waits) = turn(Found::NOTHING, || {
            for _ in 0..=MOST {
                poll(Name::new(), socket.as_raw_fd(), For::Reading);
            }
        });
        assert!(waits.is_crowded() && waits.until().is_none());
        assert_eq!(poll_until(now), None);
    }
}
