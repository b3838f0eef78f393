//! The I/O task of one socket: makes the connection, then waits for readiness, for other threads and for
//! time, and turns the socket. It holds no state of its own, so that other threads may turn the socket as well.

use super::descriptor::Descriptor;
use super::outgoing::Phase;
use super::receive::Turn;
use super::send::Deferred;
use super::watch::Watch;
use super::{Session, Socket, Status};
use crate::connect::{self, Connection};
use crate::dispatch::Mailbox;
use crate::error::{Error, ErrorCode};
use crate::log::log;
use crate::options::Options;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The whole life of a socket on its I/O thread.
pub(super) async fn run(socket: Arc<Socket>, options: Box<Options>) {
    let _ended = EndedAnyway(Arc::clone(&socket));
    // In a box of its own: it is large, and gone once the connection is open.
    let connecting = Box::pin(connect::connect(&socket.destination, &options, &socket.progress));
    let connection = tokio::select! {
        biased;
        () = socket.until_over() => None,
        connection = connecting => Some(connection),
    };
    drop(options);
    socket.progress.end();
    match connection {
        Some(Ok(connection)) => {
            if let Some(descriptor) = socket.opened(connection) {
                socket.drive(descriptor).await;
            }
        }
        Some(Err(error)) => socket.connect_failed(error),
        None => {}
    }
    // A socket that calls back here may be paused with messages that wait for the host.
    while socket.deliver_here() {
        socket.changed.notified().await;
    }
}

/// The whole life of a socket that only waits.
pub(super) async fn wait(socket: Arc<Socket>, delay: Duration) {
    let _ended = EndedAnyway(Arc::clone(&socket));
    tokio::select! {
        biased;
        () = socket.until_over() => {}
        () = tokio::time::sleep(delay) => socket.finish(None),
    }
    socket.deliver_here();
}

/// Where the task is dropped or panics, the host still hears of an end.
struct EndedAnyway(Arc<Socket>);

impl Drop for EndedAnyway {
    fn drop(&mut self) {
        self.0.finish(Some(Error::new(ErrorCode::Internal, "sock", "The socket's task ended")));
    }
}

impl Socket {
    async fn until_over(self: &Arc<Self>) {
        while !self.is_over() {
            self.changed.notified().await;
        }
    }

    /// Takes the connection over; `None` if the host has changed its mind meanwhile.
    fn opened(self: &Arc<Self>, connection: Connection) -> Option<Descriptor> {
        let Connection { transport, readiness, accepted, peer, tls } = connection;
        let _ = self.session.set(Session {
            subprotocol: accepted.subprotocol,
            status: accepted.status,
            headers: accepted.headers,
            peer,
            tls,
        });
        self.begin_receiving(accepted.deflate.as_ref(), accepted.rest);
        self.handler.connected(self);
        let mut outgoing = self.outgoing.lock();
        if outgoing.phase != Phase::Connecting {
            drop(outgoing);
            transport.drop_connection();
            return None;
        }
        outgoing.phase = Phase::Open;
        self.history.opened();
        let descriptor = Descriptor::new(self, transport.stream(), readiness);
        outgoing.transport = Some(transport);
        outgoing.deflate = accepted.deflate;
        // What was sent meanwhile comes first.
        outgoing.hand_over();
        drop(outgoing);
        log!(Info, "ws  ", "socket {}: open: {}", self.id(), self.shown());
        self.set_status(Status::Connected);
        self.post(Mailbox::opened);
        self.encode_waiting();
        self.flush();
        descriptor
    }

    async fn drive(self: &Arc<Self>, mut descriptor: Descriptor) {
        let mut watch = Watch::begin(self);
        loop {
            self.deliver_here();
            if self.is_over() {
                return;
            }
            self.give_up_when_delivered();
            self.encode_waiting();
            if let Err(error) = descriptor.settle() {
                return self.poller_failed("The socket could not be watched", &error);
            }
            let lent = descriptor.is_lent();
            // Asked also where the owner reads: it notes whether reading stands still.
            let may_read = self.may_read() && !lent;
            if let Some(watch) = &mut watch {
                watch.turn(self);
            }
            if may_read && self.has_backlog() {
                self.turn_read();
                tokio::task::yield_now().await;
                continue;
            }
            let (blocked, deadline) = {
                let outgoing = self.outgoing.lock();
                (outgoing.blocked, outgoing.deadline)
            };
            // Not left to the `select!` below, where a server that never stops sending always has something ready.
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                if may_read {
                    // Its answer may be there.
                    self.turn_read();
                }
                self.deadline_passed();
                continue;
            }
            if lent && blocked && descriptor.is_writable() {
                self.turn_write();
                continue;
            }
            if descriptor.serve_left() {
                tokio::task::yield_now().await;
                continue;
            }
            if may_read && !self.settings.busy_poll.is_zero() && self.spin().await {
                continue;
            }
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                ready = descriptor.writable(), if blocked => {
                    match ready {
                        Ok(mut guard) => if self.turn_write() { guard.clear_ready() },
                        Err(error) => self.poller_failed("The poller failed", &error),
                    }
                }
                ready = descriptor.readable(), if may_read => {
                    match ready {
                        Ok(mut guard) => match self.turn_read() {
                            Turn::Nothing | Turn::Drained => guard.clear_ready(),
                            // The next socket has its turn.
                            _ => tokio::task::yield_now().await,
                        },
                        Err(error) => self.poller_failed("The poller failed", &error),
                    }
                }
                told = descriptor.told() => match told {
                    Ok(()) => descriptor.serve(),
                    Err(error) => self.poller_failed("The poller failed", &error),
                },
                () = until(deadline) => {}
                () = until(descriptor.due()) => descriptor.look(),
                () = Watch::due(&mut watch) => if let Some(watch) = &mut watch { watch.look(self) },
            }
        }
    }

    fn poller_failed(self: &Arc<Self>, what: &str, error: &io::Error) {
        self.connect_failed(Error::from_io("tcp ", what, error));
    }

    /// Looks for something to read without sleeping, for as long as the option says. Says whether the loop has to look
    /// again, because something was found or has changed. Other tasks of the thread have their turns.
    async fn spin(self: &Arc<Self>) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < self.settings.busy_poll {
            if self.turn_read() != Turn::Nothing {
                return true;
            }
            tokio::select! {
                biased;
                () = self.changed.notified() => return true,
                () = tokio::task::yield_now() => {}
            }
        }
        false
    }

    /// The kernel may take more. Says whether it does not after all.
    pub(super) fn turn_write(self: &Arc<Self>) -> bool {
        let transport = {
            let mut outgoing = self.outgoing.lock();
            outgoing.blocked = false;
            outgoing.transport.clone()
        };
        let Some(transport) = transport else { return false };
        match transport.flush() {
            Ok(true) => {
                self.outgoing.lock().blocked = true;
                // Whoever watches may have seen the change before that was noted.
                self.changed.notify_one();
            }
            Ok(false) => self.flush(),
            Err(error) => self.outgoing.lock().write_error = Some(error),
        }
        let lingers = self.outgoing.lock().phase == Phase::Lingering;
        if lingers {
            self.say_goodbye();
        }
        self.outgoing.lock().blocked
    }

    /// Runs the callbacks of a socket without a dispatcher, here on the I/O thread. Says whether some are to come.
    fn deliver_here(self: &Arc<Self>) -> bool {
        if !self.dispatcher.is_private() {
            return false;
        }
        loop {
            let deferred = Deferred::begin();
            let ran = self.dispatcher.dispatch(0);
            drop(deferred);
            if !matches!(ran, Ok(1..)) {
                break;
            }
        }
        // What is held back must not keep the read buffer.
        let Some(key) = self.key.get().copied() else { return false };
        let (compacted, _) = self.dispatcher.update(key, Mailbox::compact);
        compacted.is_some()
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => pending().await,
    }
}
