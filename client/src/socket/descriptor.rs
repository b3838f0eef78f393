//! Who watches the socket's descriptor: the I/O thread, or the dispatcher's owner, which has it lent while it waits. Only
//! the I/O task lends and takes back.

use super::Socket;
use super::outgoing::Phase;
use super::receive::Turn;
use crate::connect::readiness::{Guard, Readiness};
use crate::dispatch::{Key, LOOK, Turned};
use crate::transport::{self, Stream};
use std::future::pending;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Instant;

/// The descriptor of an open connection.
pub(super) struct Descriptor {
    socket: Arc<Socket>,
    key: Key,
    stream: Arc<Stream>,
    /// `None`: it is lent.
    readiness: Option<Readiness>,
    /// When the keeper looks next.
    look: Option<Instant>,
}

impl Descriptor {
    /// `None` if the socket has no mailbox yet: it never began.
    pub(super) fn new(socket: &Arc<Socket>, stream: Arc<Stream>, readiness: Readiness) -> Option<Descriptor> {
        let key = socket.key.get().copied()?;
        Some(Descriptor { socket: Arc::clone(socket), key, stream, readiness: Some(readiness), look: None })
    }

    /// Lends, or takes back, what the owner wants and may have: an open connection without anything to be settled here.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        let wanted = self.socket.dispatcher.borrows() && self.socket.is_plain_sailing();
        if wanted && self.readiness.is_some() && !self.socket.has_backlog() {
            let readiness = self.readiness.take();
            if !self.socket.dispatcher.lend(self.key, self.stream.as_raw_fd()) {
                self.readiness = readiness;
            }
        } else if !wanted && self.is_lent() {
            self.take_back();
            self.readiness = Some(Readiness::new(Arc::clone(&self.stream))?);
        }
        let keeps = self.is_lent() && self.socket.dispatcher.is_keeper(self.key);
        self.look = if keeps { self.look.or_else(|| Instant::now().checked_add(LOOK)) } else { None };
        Ok(())
    }

    pub(super) fn is_lent(&self) -> bool {
        self.readiness.is_none()
    }

    /// Whether the kernel would take something now. Asked after a sender was told that it does not: the owner may have
    /// seen the change before that was noted.
    pub(super) fn is_writable(&self) -> bool {
        transport::is_writable(&self.stream)
    }

    /// Waits until a read may find something; for ever where the owner watches.
    pub(super) async fn readable(&self) -> io::Result<Guard<'_>> {
        match &self.readiness {
            Some(readiness) => readiness.readable().await,
            None => pending().await,
        }
    }

    /// Waits until the kernel may take something; for ever where the owner watches.
    pub(super) async fn writable(&self) -> io::Result<Guard<'_>> {
        match &self.readiness {
            Some(readiness) => readiness.writable().await,
            None => pending().await,
        }
    }

    /// When [`look`](Descriptor::look) is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.look
    }

    /// Looks whether the owner still comes to wait.
    pub(super) fn look(&mut self) {
        self.look = None;
        self.socket.dispatcher.keep(self.key);
    }

    fn take_back(&self) {
        self.socket.dispatcher.take_back(self.key, self.stream.as_raw_fd());
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        if self.is_lent() {
            self.take_back();
        }
    }
}

impl Socket {
    /// Whether nothing but messages is to be expected, so that any thread may read.
    fn is_plain_sailing(&self) -> bool {
        let outgoing = self.outgoing.lock();
        outgoing.phase == Phase::Open && outgoing.failure.is_none() && outgoing.write_error.is_none()
    }

    /// The owner's turn, on its thread.
    pub(super) fn turn_here(self: &Arc<Self>, readable: bool, writable: bool) -> Turned {
        if writable && self.outgoing.lock().blocked {
            self.turn_write();
        }
        let turned = match readable.then(|| self.turn_read()) {
            None | Some(Turn::Drained) => Turned::Drained,
            Some(Turn::Over) => Turned::Over,
            Some(Turn::More) => Turned::More,
            Some(Turn::Full) => Turned::Held,
        };
        if !self.is_plain_sailing() {
            // The I/O task sees to ends, and to their time.
            self.changed.notify_one();
        }
        turned
    }
}
