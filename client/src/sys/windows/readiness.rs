//! When a socket can be read or written, by the runtime of the thread that runs the task.

use super::RawWaitable;
use super::stream::Stream;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// A stream that a runtime watches, for reading and writing: a second handle of the same socket, because the runtime wants
/// one of its own, and closes it.
pub(crate) struct Registration(TcpStream);

/// What the runtime believes to be ready. Whoever finds that it is not, says so with `clear_ready`.
pub(crate) struct Guard<'a> {
    registered: &'a TcpStream,
    interest: Interest,
}

impl Guard<'_> {
    /// It is not ready any more: the next wait is for more. The runtime asks the system anew, which reports what is ready
    /// already.
    pub(crate) fn clear_ready(&mut self) {
        let blocked = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
        let _ = self.registered.try_io(self.interest, blocked);
    }

    /// There may be an error to be asked for: nobody tells.
    pub(crate) fn may_have_failed(&self) -> bool {
        true
    }
}

impl Registration {
    /// Registers with the runtime in which this runs.
    pub(crate) fn new(stream: Arc<Stream>) -> io::Result<Registration> {
        TcpStream::from_std(stream.try_clone()?.into()).map(Registration)
    }

    fn guard(&self, interest: Interest) -> Guard<'_> {
        Guard { registered: &self.0, interest }
    }

    /// Waits until a read may find something; the last caller is woken.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<Guard<'_>>> {
        self.0.poll_read_ready(cx).map_ok(|()| self.guard(Interest::READABLE))
    }

    /// Waits until the system may take something; the last caller is woken.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<Guard<'_>>> {
        self.0.poll_write_ready(cx).map_ok(|()| self.guard(Interest::WRITABLE))
    }
}

/// Something that can be waited for, and that stays good as long as this value.
pub(crate) trait Waitable {
    fn raw(&self) -> RawWaitable;
}

/// A runtime cannot watch an event: it waits in a completion port.
pub(crate) struct Watch<T: Waitable>(T, Infallible);

impl<T: Waitable> Watch<T> {
    /// Fails with [`io::ErrorKind::Unsupported`].
    ///
    /// # Safety
    /// None is needed here.
    pub(crate) unsafe fn new(what: T) -> io::Result<Watch<T>> {
        let _event = what.raw();
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn what(&self) -> &T {
        &self.0
    }

    /// Waits until it is signalled once more.
    pub(crate) async fn signalled(&self) -> io::Result<()> {
        match self.1 {}
    }

    /// The same for code that polls.
    pub(crate) fn poll_signalled(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.1 {}
    }
}
