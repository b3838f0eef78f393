//! When a descriptor can be read or written, by the runtime of the thread that runs the task.

use super::RawWaitable;
use super::stream::Stream;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

/// A stream that a runtime watches, for reading and writing.
pub(crate) struct Registration(AsyncFd<Arc<Stream>>);

/// What the runtime believes to be ready. Whoever finds that it is not, says so with `clear_ready`.
pub(crate) struct Guard<'a>(AsyncFdReadyGuard<'a, Arc<Stream>>);

impl Guard<'_> {
    /// It is not ready any more: the next wait is for more.
    pub(crate) fn clear_ready(&mut self) {
        self.0.clear_ready();
    }

    /// There may be an error to be asked for: the poller has seen that the sending side is closed.
    pub(crate) fn may_have_failed(&self) -> bool {
        self.0.ready().is_write_closed()
    }
}

impl Registration {
    /// Registers with the runtime in which this runs.
    pub(crate) fn new(stream: Arc<Stream>) -> io::Result<Registration> {
        // SAFETY: an `Arc<Stream>` always names the same descriptor, and keeps it open until the registration that owns
        // it is dropped.
        let registered =
            unsafe { AsyncFd::register_with_interest(stream, Interest::READABLE | Interest::WRITABLE) };
        Ok(Registration(registered?))
    }

    /// Waits until a read may find something; the last caller is woken.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<Guard<'_>>> {
        self.0.poll_read_ready(cx).map_ok(Guard)
    }

    /// Waits until the kernel may take something; the last caller is woken.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<Guard<'_>>> {
        self.0.poll_write_ready(cx).map_ok(Guard)
    }
}

/// Something that can be waited for, and that stays good as long as this value.
pub(crate) trait Waitable {
    fn raw(&self) -> RawWaitable;
}

struct Descriptor<T>(T);

impl<T: Waitable> AsRawFd for Descriptor<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.0.raw()
    }
}

/// Something that a runtime watches until it is signalled.
pub(crate) struct Watch<T: Waitable>(AsyncFd<Descriptor<T>>);

impl<T: Waitable> Watch<T> {
    /// Registers with the runtime in which this runs.
    ///
    /// # Safety
    /// `what` always names the same descriptor, which is open until this is dropped.
    pub(crate) unsafe fn new(what: T) -> io::Result<Watch<T>> {
        // SAFETY: by the caller's promise.
        let registered = unsafe { AsyncFd::register_with_interest(Descriptor(what), Interest::READABLE) };
        Ok(Watch(registered?))
    }

    pub(crate) fn what(&self) -> &T {
        &self.0.get_ref().0
    }

    /// Waits until it is signalled once more.
    pub(crate) async fn signalled(&self) -> io::Result<()> {
        self.0.readable().await.map(|mut guard| guard.clear_ready())
    }

    /// The same for code that polls.
    pub(crate) fn poll_signalled(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read_ready(cx).map_ok(|mut guard| guard.clear_ready())
    }
}
