//! The I/O task of one socket: makes the connection, then waits for readiness, notifications of other threads and
//! deadlines, and services the socket. It holds no connection state, so that other threads may service the socket as
//! well.

use super::descriptor::Descriptor;
use super::implied_cork::ImpliedCork;
use super::outgoing::Phase;
use super::receive::ReadOutcome;
use super::step::{Step, Wait, Watch};
use super::{Session, Socket, Start, Status};
use crate::connect::{self, Connected, Connection};
use crate::dispatch::{Mailbox, Task};
use crate::engine::{self, Enlisted};
use crate::error::{Component, Error, ErrorCode};
use crate::fault::fault_point;
use crate::log::log;
use crate::panics;
use crate::timer::{self, Sleep};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// Guard of a socket's task. If the task is dropped or panics, the end is still reported to the host.
pub(super) struct TaskGuard {
    socket: Arc<Socket>,
    enlisted: Enlisted,
    /// The task has run.
    begun: bool,
}

impl TaskGuard {
    pub(super) fn new(socket: Arc<Socket>, enlisted: Enlisted) -> TaskGuard {
        TaskGuard { socket, enlisted, begun: false }
    }

    /// Called first of all by the task: from now on its end is told as an event.
    fn begin(&mut self) {
        self.begun = true;
    }
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        panics::log_caught_panic();
        if !self.begun && thread::panicking() {
            // The call that opens the socket fails, and reports that itself.
            self.socket.forget();
        }
        // Mostly it has ended as it should.
        if !self.socket.is_over() {
            let error = Error::new(ErrorCode::Internal, Component::Socket, "The socket's task ended");
            self.socket.finish(Some(error));
        }
        // From now on no task reads notifications.
        if self.socket.task_notified.swap(true, Ordering::AcqRel) {
            self.socket.dispatcher.task_runs();
        }
        self.socket.deliver_without_task();
    }
}

/// The last events of a socket whose task has panicked, as a task; where that is dropped, it delivers them.
struct LastEvents(Arc<Socket>);

impl Drop for LastEvents {
    fn drop(&mut self) {
        self.0.deliver_without_task();
    }
}

/// The whole life of a socket.
pub(super) async fn run(mut guard: TaskGuard, start: Box<Start>) {
    guard.begin();
    let socket = &guard.socket;
    // What connecting has brought is taken apart by a function: in a variable here it would be a part of the task for good.
    let descriptor = match socket.connection(start).await {
        Some(connected) => socket.take_over(connected),
        None => None,
    };
    if let Some(descriptor) = descriptor {
        socket.drive(descriptor).await;
    }
    socket.deliver_what_is_left().await;
}

/// Connects a socket whose host waits in `ws_new`, on that thread; afterwards the I/O thread runs it.
pub(super) async fn connect_here(mut guard: TaskGuard, start: Box<Start>) {
    guard.begin();
    let socket = Arc::clone(&guard.socket);
    let Some(Connected { connection, readiness }) = socket.connection(start).await else {
        // No callback: `ws_new` returns the failure.
        return;
    };
    // The descriptor is watched elsewhere from now on.
    drop(readiness);
    fault_point!();
    let Some(mut descriptor) = Descriptor::new(&socket, connection.transport.stream(), None) else { return };
    let since = guard.enlisted.since();
    let rest: Task = if socket.dispatcher.is_private() {
        // OPEN is delivered there. Boxed, so that it is a part of the task no longer than that.
        let connection = Box::new(connection);
        Box::pin(async move {
            if guard.socket.opened(unboxed(connection)) {
                guard.socket.drive(descriptor).await;
            }
            guard.socket.deliver_what_is_left().await;
        })
    } else {
        if !socket.opened(connection) {
            return;
        }
        descriptor.lend();
        fault_point!();
        Box::pin(async move {
            guard.socket.drive(descriptor).await;
        })
    };
    if let Err((error, rest)) = engine::spawn(socket.id, since, rest) {
        // Before the task is dropped, which would report a fault of the task.
        socket.finish(Some(error));
        drop(rest);
    }
}

/// Takes the value out, and frees the box at once: what is moved out of a box in a task leaves the box behind.
#[expect(clippy::boxed_local, reason = "it is freed here")]
fn unboxed<T>(value: Box<T>) -> T {
    *value
}

/// The whole life of a socket that only waits.
pub(super) async fn wait(mut guard: TaskGuard, delay: Duration) {
    guard.begin();
    let socket = &guard.socket;
    tokio::select! {
        biased;
        () = socket.until_over() => {}
        () = timer::sleep(delay) => socket.finish(None),
    }
    socket.deliver_what_is_left().await;
}

impl Socket {
    /// Makes the connection; returns `None` if that failed or was aborted.
    async fn connection(self: &Arc<Self>, start: Box<Start>) -> Option<Connected> {
        // Boxed, because it is large and not needed once the connection is open.
        let connecting = Box::pin(connect::connect(&start.destination, &start.options, &self.progress));
        let connected = tokio::select! {
            biased;
            () = self.until_over() => None,
            connected = connecting => Some(connected),
        };
        fault_point!();
        self.progress.end();
        match connected? {
            Ok(connected) => Some(connected),
            Err(error) => {
                self.connect_failed(error);
                None
            }
        }
    }

    /// Delivers what is left: a socket that calls back on the I/O thread may be paused with messages that wait for
    /// the host.
    async fn deliver_what_is_left(self: &Arc<Self>) {
        while self.deliver_here() {
            fault_point!();
            self.changed.notified().await;
        }
    }

    /// Its task is gone, and it calls back where that ran: its last events are delivered by a task of their own, because
    /// this one is just panicking, or here, because the thread lets its tasks go. After a whole life there are none.
    fn deliver_without_task(self: &Arc<Self>) {
        let waits = self.key.get().is_some_and(|key| self.dispatcher.inspect(*key, |_| ()).is_some());
        if !self.dispatcher.is_private() || !waits {
            return;
        }
        if thread::panicking()
            && let Ok(thread) = Handle::try_current()
        {
            let last = LastEvents(Arc::clone(self));
            thread.spawn(async move { last.0.deliver_what_is_left().await });
            return;
        }
        // Nobody would let a paused one go on.
        self.post(Mailbox::last_call);
        self.deliver_here();
    }

    async fn until_over(self: &Arc<Self>) {
        while !self.is_over() {
            self.changed.notified().await;
        }
    }

    /// Takes over a connection that was made on this thread; `None` if the host has aborted meanwhile, or if the
    /// connection cannot be watched.
    fn take_over(self: &Arc<Self>, connected: Connected) -> Option<Box<Descriptor>> {
        let Connected { connection, readiness } = connected;
        fault_point!();
        let stream = connection.transport.stream();
        self.opened(connection).then(|| Descriptor::new(self, stream, Some(readiness))).flatten()
    }

    /// Takes the connection over; returns `false` if the host has aborted meanwhile.
    fn opened(self: &Arc<Self>, connection: Connection) -> bool {
        let Connection { transport, mut accepted, peer, tls } = connection;
        self.begin_receiving(&transport, &mut accepted);
        fault_point!();
        let _ = self.session.set(Session {
            subprotocol: accepted.subprotocol,
            status: accepted.status,
            headers: accepted.headers,
            peer,
            tls,
        });
        self.handler.connected(self);
        fault_point!();
        let mut outgoing = self.outgoing.lock();
        if outgoing.phase != Phase::Connecting {
            drop(outgoing);
            transport.drop_connection();
            return false;
        }
        outgoing.phase = Phase::Open;
        self.record.opened();
        outgoing.transport = Some(transport);
        outgoing.deflate = accepted.deflate;
        // Messages sent while connecting go first.
        outgoing.hand_over();
        drop(outgoing);
        fault_point!();
        log!(Info, Component::WebSocket, "socket {}: open: {}", self.id(), self.shown());
        self.set_status(Status::Connected);
        self.post(|mailbox| mailbox.opened(accepted.time_us));
        fault_point!();
        self.encode_waiting();
        fault_point!();
        self.flush();
        true
    }

    async fn drive(self: &Arc<Self>, descriptor: Box<Descriptor>) {
        let mut watch = Watch::begin(self, descriptor);
        let mut timer = Timer::default();
        loop {
            let step = self.next_step(&mut watch);
            fault_point!();
            match step {
                Step::Over => return,
                Step::Again => {}
                Step::Read => {
                    self.read_ready();
                    tokio::task::yield_now().await;
                }
                Step::EndAtDeadline => {
                    if self.may_read() {
                        // The server's answer may have arrived, even if another thread watches for it.
                        self.read_ready();
                    }
                    self.deadline_passed();
                }
                Step::Write => drop(self.write_ready()),
                Step::Yield => tokio::task::yield_now().await,
                Step::Serve => {
                    tokio::task::yield_now().await;
                    watch.descriptor.serve();
                }
                Step::Wait(wait) => {
                    if wait.spins && Box::pin(self.spin(&watch.descriptor, wait)).await {
                        continue;
                    }
                    timer.set(wait.until);
                    match self.wait_for_event(&watch.descriptor, &mut timer, wait).await {
                        Ok(Woken::Notified) => {}
                        // Let the next socket run.
                        Ok(Woken::More) => tokio::task::yield_now().await,
                        Ok(Woken::Poller) => watch.descriptor.serve(),
                        Ok(Woken::Time) => watch.check_what_is_due(self),
                        Err(error) => self.poller_failed("The poller failed", &error),
                    }
                }
            }
        }
    }

    /// Waits for the first event, and reads or writes where the descriptor is ready. One function polls everything,
    /// because a future for each event would be the greater part of an idle socket's memory.
    async fn wait_for_event(
        self: &Arc<Self>,
        descriptor: &Descriptor,
        timer: &mut Timer,
        Wait { blocked, may_read, .. }: Wait,
    ) -> io::Result<Woken> {
        let mut notified = pin!(self.changed.notified());
        poll_fn(|cx| {
            if notified.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(Woken::Notified));
            }
            if blocked && let Poll::Ready(guard) = descriptor.poll_writable(cx) {
                let mut guard = guard?;
                if self.write_ready() {
                    guard.clear_ready();
                }
                return Poll::Ready(Ok(Woken::Notified));
            }
            if may_read && let Poll::Ready(guard) = descriptor.poll_readable(cx) {
                let mut guard = guard?;
                if matches!(self.read_ready(), ReadOutcome::Nothing | ReadOutcome::Drained) {
                    guard.clear_ready();
                    return Poll::Ready(Ok(Woken::Notified));
                }
                return Poll::Ready(Ok(Woken::More));
            }
            if let Poll::Ready(polled) = descriptor.poll_dispatcher(cx) {
                return Poll::Ready(polled.map(|()| Woken::Poller));
            }
            timer.poll(cx).map(|()| Ok(Woken::Time))
        })
        .await
    }

    pub(super) fn poller_failed(self: &Arc<Self>, what: &str, error: &io::Error) {
        self.connect_failed(Error::from_io(Component::Tcp, what, error));
    }

    /// Polls for bytes to read without sleeping, for as long as `busy_poll` says, at most until the next deadline.
    /// Returns whether the loop has to start again, because bytes were found or something has changed. Other tasks of
    /// the thread run in between, and `blocked` bytes are written as soon as the kernel takes them.
    async fn spin(self: &Arc<Self>, descriptor: &Descriptor, Wait { blocked, until, .. }: Wait) -> bool {
        let begun = Instant::now();
        let mut has_yielded = false;
        loop {
            let now = Instant::now();
            let over = now.saturating_duration_since(begun) >= self.settings.busy_poll;
            if over || until.is_some_and(|until| until <= now) {
                return false;
            }
            if self.read_ready() != ReadOutcome::Nothing {
                if !has_yielded {
                    // A server that never stops sending would keep the thread.
                    tokio::task::yield_now().await;
                }
                return true;
            }
            if blocked && descriptor.is_writable() {
                self.write_ready();
                return true;
            }
            tokio::select! {
                biased;
                () = self.changed.notified() => return true,
                () = tokio::task::yield_now() => has_yielded = true,
            }
        }
    }

    /// Writes after the kernel may take more again. Returns whether it is blocked after all.
    pub(super) fn write_ready(self: &Arc<Self>) -> bool {
        let transport = {
            let mut outgoing = self.outgoing.lock();
            outgoing.blocked = false;
            outgoing.transport.clone()
        };
        fault_point!();
        let Some(transport) = transport else { return false };
        match transport.flush() {
            Ok(true) => {
                self.outgoing.lock().blocked = true;
                // The watching thread may have seen the change before `blocked` was set.
                self.tell_task();
            }
            Ok(false) => self.flush(),
            Err(error) => {
                self.note_written(&mut self.outgoing.lock(), Err(error));
            }
        }
        let lingers = self.outgoing.lock().phase == Phase::Lingering;
        if lingers {
            self.shut_down_write();
        }
        self.outgoing.lock().blocked
    }

    /// Runs the callbacks of a socket without a dispatcher, here on the I/O thread. Returns whether some are still to
    /// come.
    pub(super) fn deliver_here(self: &Arc<Self>) -> bool {
        if !self.dispatcher.is_private() {
            return false;
        }
        let Some(key) = self.key.get().copied() else { return false };
        while self.dispatcher.inspect(key, Mailbox::is_deliverable) == Some(true) {
            let cork = ImpliedCork::begin();
            let ran = self.dispatcher.dispatch(0);
            fault_point!();
            drop(cork);
            if !matches!(ran, Ok(1..)) {
                break;
            }
        }
        // Messages that are held back must not keep the read buffer.
        self.dispatcher.update_quietly(key, Mailbox::compact).is_some()
    }
}

/// The event that ended the wait of a task.
enum Woken {
    /// Another thread has notified the task, or it has serviced the descriptor: everything has to be checked.
    Notified,
    /// It has serviced the descriptor, which may have more.
    More,
    /// The dispatcher's poller has events.
    Poller,
    Time,
}

/// The one timer of a task; none is allocated while there is no deadline.
#[derive(Default)]
struct Timer(Option<Box<Sleep>>);

impl Timer {
    fn set(&mut self, until: Option<Instant>) {
        let Some(until) = until else { return self.0 = None };
        match &mut self.0 {
            Some(sleep) if sleep.deadline() == Some(until.into()) => {}
            Some(sleep) => sleep.reset(until.into()),
            none => *none = Some(Box::new(Sleep::until(until.into()))),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().map_or(Poll::Pending, |sleep| Pin::new(sleep.as_mut()).poll(cx))
    }
}
