//! Watching the socket's descriptor: by the I/O thread, or by the dispatcher's owner, to whom it is lent while it
//! waits. Only the I/O task lends and takes back.

use super::outgoing::Phase;
use super::receive::ReadOutcome;
use super::{Dispatcher, Socket};
use crate::connect::readiness::{Guard, Readiness};
use crate::dispatch::{Key, OWNER_ABSENT_AFTER, OWNER_CHECK_INTERVAL, Poller, ServiceOutcome, StandbyRole};
use crate::fault::fault_point;
use crate::sys::RawWaitable;
use crate::sys::readiness::{Waitable, Watch};
use crate::sys::stream::{self, Stream};
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

/// The descriptor of an open connection.
pub(super) struct Descriptor {
    socket: Arc<Socket>,
    key: Key,
    stream: Arc<Stream>,
    watcher: Watcher,
}

/// The thread that watches a descriptor.
enum Watcher {
    Nobody,
    /// The thread of this task, with a registration at its reactor.
    Here(Readiness),
    /// The dispatcher's owner. This task may stand by for it.
    Owner(Standby),
}

/// The work of this task for the owner that has the descriptor. `due` is when it checks next whether the owner still
/// comes to wait.
#[derive(Default)]
enum Standby {
    #[default]
    None,
    Check {
        due: Option<Instant>,
    },
    /// It watches the dispatcher's poller, because the owner is away. `again`: the poller may have events that it does
    /// not signal again, or a socket was left with bytes to read.
    Serve {
        due: Option<Instant>,
        poller: Watch<Watched>,
        again: bool,
    },
}

impl Standby {
    fn in_role(self, role: StandbyRole, dispatcher: &Dispatcher) -> io::Result<Standby> {
        let after = |interval| Instant::now().checked_add(interval);
        Ok(match (role, self) {
            (StandbyRole::None, _) => Standby::None,
            (StandbyRole::CheckOwner, Standby::Check { due }) => {
                Standby::Check { due: due.or_else(|| after(OWNER_CHECK_INTERVAL)) }
            }
            (StandbyRole::CheckOwner, _) => Standby::Check { due: after(OWNER_CHECK_INTERVAL) },
            (StandbyRole::Serve, Standby::Serve { due, poller, again }) => {
                Standby::Serve { due: due.or_else(|| after(OWNER_ABSENT_AFTER)), poller, again }
            }
            (StandbyRole::Serve, _) => {
                let due = after(OWNER_ABSENT_AFTER);
                match dispatcher.poller() {
                    // Nothing signals the events that the owner has left behind.
                    Some(poller) => Standby::Serve { due, poller: watch(poller)?, again: true },
                    None => Standby::Check { due },
                }
            }
        })
    }
}

impl Descriptor {
    /// Returns `None` if the socket has no mailbox, because it never began. Call
    /// [`update_watcher`](Descriptor::update_watcher) first.
    pub(super) fn new(
        socket: &Arc<Socket>,
        stream: Arc<Stream>,
        readiness: Option<Readiness>,
    ) -> Option<Box<Descriptor>> {
        let key = socket.key.get().copied()?;
        let watcher = readiness.map_or(Watcher::Nobody, Watcher::Here);
        Some(Box::new(Descriptor { socket: Arc::clone(socket), key, stream, watcher }))
    }

    /// Lends the descriptor of an open or closing connection to the owner, unless the owner does not borrow, or the
    /// I/O task has something to settle. Returns whether it may be lent. Called by any thread before the task first
    /// runs.
    pub(super) fn lend(&mut self) -> bool {
        let wanted = self.socket.dispatcher.borrows() && self.socket.may_be_lent();
        if wanted && !self.is_lent() && !self.socket.has_backlog() {
            // From here on its drop takes it back.
            let before = std::mem::replace(&mut self.watcher, Watcher::Owner(Standby::None));
            let lent = self.socket.dispatcher.lend(self.key, stream::raw(&self.stream));
            fault_point!();
            if !lent {
                self.watcher = before;
            }
        }
        wanted
    }

    /// Lends the descriptor, or takes it back. `timed`: this task has a deadline to keep.
    pub(super) fn update_watcher(&mut self, timed: bool) -> io::Result<()> {
        // The owner of a driving dispatcher has to run this task for that.
        let alone = timed && self.socket.dispatcher.task_driver().is_some();
        if (alone || !self.lend()) && self.is_lent() {
            self.take_back();
        }
        let dispatcher = &self.socket.dispatcher;
        match &mut self.watcher {
            Watcher::Nobody => self.watcher = Watcher::Here(Readiness::new(Arc::clone(&self.stream))?),
            Watcher::Here(_) => {}
            Watcher::Owner(standby) => {
                let role = dispatcher.standby_role(self.key);
                *standby = std::mem::take(standby).in_role(role, dispatcher)?;
            }
        }
        Ok(())
    }

    /// Returns whether there may be events that the poller will not signal.
    pub(super) fn is_to_serve(&self) -> bool {
        matches!(self.watcher, Watcher::Owner(Standby::Serve { again: true, .. }))
    }

    /// Waits until the poller has events; for ever where this task does not serve.
    pub(super) fn poll_dispatcher(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Watcher::Owner(Standby::Serve { poller, .. }) = &self.watcher else { return Poll::Pending };
        poller.poll_signalled(cx)
    }

    /// Services the sockets of the dispatcher in the owner's place, once, so that this task's own deadlines are
    /// checked in between.
    pub(super) fn serve(&mut self) {
        let left = self.socket.dispatcher.serve();
        if let Watcher::Owner(Standby::Serve { again, .. }) = &mut self.watcher {
            *again = left;
        }
    }

    /// Services this socket in the owner's place, if reading was held back and there is room again.
    pub(super) fn service_unread(&self) -> bool {
        self.is_lent() && self.socket.dispatcher.service_unread(self.key)
    }

    pub(super) fn is_lent(&self) -> bool {
        matches!(self.watcher, Watcher::Owner(_))
    }

    /// Returns whether the kernel would take bytes now. Checked after a write was blocked, because the owner may have
    /// seen the socket become writable before that was recorded.
    pub(super) fn is_writable(&self) -> bool {
        stream::is_writable(&self.stream)
    }

    /// Waits until a read may find bytes; for ever while the owner watches.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<Guard<'_>>> {
        let Watcher::Here(readiness) = &self.watcher else { return Poll::Pending };
        readiness.poll_readable(cx)
    }

    /// Waits until the kernel may take bytes; for ever while the owner watches.
    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<Guard<'_>>> {
        let Watcher::Here(readiness) = &self.watcher else { return Poll::Pending };
        readiness.poll_writable(cx)
    }

    /// When [`check_owner`](Descriptor::check_owner) is due.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.watcher {
            Watcher::Owner(Standby::Check { due } | Standby::Serve { due, .. }) => due,
            _ => None,
        }
    }

    /// Checks whether the owner still comes to wait.
    pub(super) fn check_owner(&mut self) {
        if let Watcher::Owner(Standby::Check { due } | Standby::Serve { due, .. }) = &mut self.watcher {
            *due = None;
        }
        self.socket.dispatcher.check_owner_returns(self.key);
    }

    fn take_back(&mut self) {
        fault_point!();
        self.socket.dispatcher.take_back(self.key, stream::raw(&self.stream));
        fault_point!();
        self.watcher = Watcher::Nobody;
    }
}

/// A dispatcher's poller, kept open while it is watched.
struct Watched(Arc<Poller>);

impl Waitable for Watched {
    fn raw(&self) -> RawWaitable {
        self.0.raw()
    }
}

fn watch(poller: Arc<Poller>) -> io::Result<Watch<Watched>> {
    // SAFETY: the watched value keeps the poller open, which always has the same descriptor.
    unsafe { Watch::new(Watched(poller)) }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        if self.is_lent() {
            self.take_back();
        }
    }
}

impl Socket {
    /// Returns whether only messages and a close frame are to be expected, so that any thread may read.
    fn may_be_lent(&self) -> bool {
        let outgoing = self.outgoing.lock();
        let open = matches!(outgoing.phase, Phase::Open | Phase::Closing);
        open && !outgoing.read_ended && outgoing.failure.is_none() && outgoing.write_error.is_none()
    }

    /// Services the socket for the owner, on the owner's thread.
    pub(super) fn service_here(self: &Arc<Self>, readable: bool, writable: bool) -> ServiceOutcome {
        if writable && self.outgoing.lock().blocked {
            self.write_ready();
        }
        let outcome = match readable.then(|| self.read_ready()) {
            None | Some(ReadOutcome::Nothing | ReadOutcome::Drained) => ServiceOutcome::Drained,
            Some(ReadOutcome::Over) => ServiceOutcome::Over,
            Some(ReadOutcome::More) => ServiceOutcome::More,
            // From here on, a thread that makes room notifies the I/O task.
            Some(ReadOutcome::Full) if self.may_read() => ServiceOutcome::More,
            Some(ReadOutcome::Full) => ServiceOutcome::Held,
        };
        if !self.may_be_lent() {
            // The task handles ends: it takes the descriptor back and does the rest.
            self.tell_task();
            return ServiceOutcome::Over;
        }
        outcome
    }
}
