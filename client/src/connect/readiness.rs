//! When the stream of a connection can be read or written. Kept apart from reading and writing, which any thread may do.

use crate::lone::{self, For, Name};
use crate::sys::readiness::{self, Registration};
use crate::sys::stream::{self, Stream};
use once_cell::sync::OnceCell;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

/// A stream that is watched: by the runtime of the thread that runs the task, or by that thread itself where the task is
/// alone.
pub(crate) struct Readiness {
    stream: Arc<Stream>,
    name: Name,
    /// One registration with the runtime's poller, made at the first wait in a runtime.
    registered: OnceCell<Registration>,
    /// While it connects: a byte has come.
    heard: AtomicBool,
}

/// What is believed to be ready. The code that finds that it is not, says so with `clear_ready`.
pub(crate) enum Guard<'a> {
    OfRuntime(readiness::Guard<'a>),
    Alone { name: Name, what: For, failed: bool },
}

impl Guard<'_> {
    /// It is not ready any more: the next wait is for more.
    pub(crate) fn clear_ready(&mut self) {
        match self {
            Guard::OfRuntime(guard) => guard.clear_ready(),
            Guard::Alone { name, what, .. } => lone::not_ready(*name, *what),
        }
    }

    /// There may be an error to be asked for. If not, a connection that has become writable was made.
    pub(crate) fn may_have_failed(&self) -> bool {
        match self {
            Guard::OfRuntime(guard) => guard.may_have_failed(),
            Guard::Alone { failed, .. } => *failed,
        }
    }
}

impl Readiness {
    /// Registers with the runtime in which this runs, unless the task is alone.
    pub(crate) fn new(stream: Arc<Stream>) -> io::Result<Readiness> {
        let readiness = Readiness {
            stream,
            name: Name::new(),
            registered: OnceCell::new(),
            heard: AtomicBool::new(false),
        };
        if !lone::is_here() {
            readiness.registered()?;
        }
        Ok(readiness)
    }

    fn registered(&self) -> io::Result<&Registration> {
        self.registered.get_or_try_init(|| Registration::new(Arc::clone(&self.stream)))
    }

    /// A byte has come.
    pub(crate) fn hear(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    /// Returns `true` if one has come while the connection was made.
    pub(crate) fn was_heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    /// The stream that is watched.
    pub(crate) fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// Waits until a read may find something. Clear the guard's readiness if it did not.
    pub(crate) async fn readable(&self) -> io::Result<Guard<'_>> {
        poll_fn(|cx| self.poll_readable(cx)).await
    }

    /// Waits until the kernel may take something.
    pub(crate) async fn writable(&self) -> io::Result<Guard<'_>> {
        poll_fn(|cx| self.poll_writable(cx)).await
    }

    /// The same two for code that polls; the last caller of each is woken.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<Guard<'_>>> {
        if let Some(polled) = self.poll_alone(For::Reading) {
            return polled;
        }
        self.registered()?.poll_readable(cx).map_ok(Guard::OfRuntime)
    }

    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<Guard<'_>>> {
        if let Some(polled) = self.poll_alone(For::Writing) {
            return polled;
        }
        self.registered()?.poll_writable(cx).map_ok(Guard::OfRuntime)
    }

    fn poll_alone(&self, what: For) -> Option<Poll<io::Result<Guard<'_>>>> {
        let polled = lone::poll(self.name, stream::raw(&self.stream), what)?;
        Some(polled.map(|ready| Ok(Guard::Alone { name: self.name, what, failed: ready.failed })))
    }
}
