//! The ends of a connection: by the host, by the server, by a failure, or because its context is gone. The code that
//! notices the end calls this module; the mailbox makes sure that it is reported to the host once.

use super::outgoing::{ConnectionFailure, Phase, ReceivedClose};
use super::receive::broken;
use super::roles::{Loss, leave_undone};
use super::{Socket, Status};
use crate::dispatch::{Closed, Delivery, Mailbox};
use crate::engine::Stop;
use crate::error::{Component, Error, ErrorCode};
use crate::event::Ending;
use crate::fault::fault_point;
use crate::log::log;
use crate::panics::contained;
use std::sync::Arc;
use std::time::{Duration, Instant};
use ws4d_protocol::close::{CloseFrame, MAX_REASON};

/// Time for the host to answer the last message that it pulled before the server violated the protocol.
const GRACE: Duration = Duration::from_millis(100);

/// 1006 stands for no close frame, 1005 for an empty one (RFC 6455 §7.1.5).
fn ending_of(received: Option<&ReceivedClose>, close_sent: bool) -> Ending {
    match received {
        Some(ReceivedClose { frame, time_us }) => Ending {
            code: frame.code.unwrap_or(1005),
            reason: frame.reason.clone(),
            was_clean: close_sent,
            time_us: *time_us,
        },
        None => Ending::abnormal(),
    }
}

/// Returns the code and the reason of a close frame, if a host may send them.
pub(crate) fn judge_close(code: i32, reason: &[u8]) -> Result<(u16, &str), ErrorCode> {
    let code = match code {
        0 | 1000 => 1000,
        3000..=4999 => code as u16,
        _ => return Err(ErrorCode::InvalidCloseCode),
    };
    let reason = std::str::from_utf8(reason).map_err(|_| ErrorCode::InvalidUtf8)?;
    if reason.len() > MAX_REASON {
        return Err(ErrorCode::InvalidCloseReason);
    }
    Ok((code, reason))
}

impl Socket {
    /// Closes: `code` 0, 1000 or 3000 to 4999, a reason of at most 123 bytes. Queued messages are sent first. Has no
    /// effect on a socket that is closing or closed; aborts one that is connecting.
    pub fn terminate(self: &Arc<Self>, code: i32, reason: &[u8]) -> Result<(), ErrorCode> {
        let (code, reason) = judge_close(code, reason)?;
        self.close(code, reason, Phase::Closing);
        Ok(())
    }

    /// Drops the connection at once; queued messages are lost in both directions. On a closed socket it only discards
    /// undelivered events.
    pub fn abort(self: &Arc<Self>) -> Result<(), ErrorCode> {
        self.finish(None);
        self.post(Mailbox::discard);
        self.gate.interrupt();
        Ok(())
    }

    /// Ends the socket at once for the host: see [`Dispatcher::close_one`](crate::dispatch::Dispatcher::close_one).
    /// `gone` releases the host's handle.
    pub fn close_now(
        self: &Arc<Self>,
        gone: impl FnOnce() -> Result<(), ErrorCode>,
    ) -> Result<Closed, ErrorCode> {
        let Some(key) = self.key.get().copied() else { return Err(ErrorCode::InvalidHandle) };
        self.dispatcher.close_one(key, self, gone)
    }

    /// Closes without further events for the host: accepted messages are still sent, then a close frame with this
    /// code. Returns the ending that the host sees.
    pub(super) fn close_in_background(self: &Arc<Self>, code: u16) -> Ending {
        let (ending, phase) = {
            let outgoing = self.outgoing.lock();
            (ending_of(outgoing.received.as_deref(), outgoing.close_sent), outgoing.phase)
        };
        contained(|| {
            self.note_end(phase, &ending, None);
            fault_point!();
        });
        self.close(code, "", Phase::Lingering);
        self.set_status(Status::Closed);
        ending
    }

    fn close(self: &Arc<Self>, code: u16, reason: &str, next: Phase) {
        let mut outgoing = self.outgoing.lock();
        match outgoing.phase {
            Phase::Connecting => {
                drop(outgoing);
                self.finish(None);
                return;
            }
            Phase::Open => {
                outgoing.close_with(Some(code), reason);
                outgoing.phase = next;
                outgoing.ended_by_host = outgoing.failure.is_none();
                outgoing.deadline = Some(Instant::now() + self.settings.close_timeout);
            }
            // The close frame is queued or sent already; only the reporting changes.
            Phase::Closing if next == Phase::Lingering => outgoing.phase = next,
            _ => return,
        }
        drop(outgoing);
        self.set_status(Status::Closing);
        self.post(Mailbox::closing);
        self.or_by_task(|| {
            log!(Debug, Component::WebSocket, "socket {}: closing with code {code}", self.id());
            fault_point!();
            self.flush();
            fault_point!();
            if self.settings.close_timeout.is_zero() {
                self.deadline_passed();
            }
        });
        self.tell_task();
    }

    /// Does a step of an end. What a panic has kept from being done is left to the task: it flushes, and keeps the
    /// deadline.
    fn or_by_task(self: &Arc<Self>, step: impl FnOnce()) {
        if contained(step).is_none() {
            leave_undone(self, self.outgoing.lock(), Loss::None);
        }
    }

    /// Handles the server's close frame. Called with the `incoming` lock held; the caller flushes and logs after it
    /// has released that.
    pub(super) fn close_received(self: &Arc<Self>, frame: CloseFrame, time_us: i64) {
        let mut outgoing = self.outgoing.lock();
        let answer = frame.code;
        outgoing.received = Some(Box::new(ReceivedClose { frame, time_us }));
        let first = outgoing.phase == Phase::Open;
        if first {
            // The server reads no more messages (RFC 6455 §1.4).
            outgoing.drop_unsent();
            outgoing.close_with(answer, "");
            outgoing.phase = Phase::Closing;
        }
        outgoing.deadline = Some(Instant::now() + self.settings.close_timeout);
        drop(outgoing);
        fault_point!();
        self.set_status(Status::Closing);
        if first {
            // The task keeps the deadline, whichever thread reads. It notices a later one when the first has passed.
            self.tell_task();
        }
    }

    /// Records that the server violated the protocol. Nothing more is read, but messages received before are still
    /// delivered, and may be answered, until the connection is failed, at the latest when the close timeout is over.
    /// Called with the `incoming` lock held, so that no thread reads any more; the caller then releases it and calls
    /// [`fail_when_delivered`](Self::fail_when_delivered).
    pub(super) fn record_failure(&self, failure: ConnectionFailure) {
        let mut outgoing = self.outgoing.lock();
        // After the close frame, only drain the peer until EOF.
        let gone = outgoing.phase == Phase::Lingering && outgoing.end_reported;
        if gone || outgoing.failure.is_some() || matches!(outgoing.phase, Phase::Connecting | Phase::Over) {
            return;
        }
        outgoing.failure = Some(Box::new(failure));
        outgoing.deadline.get_or_insert(Instant::now() + self.settings.close_timeout);
    }

    /// Fails the connection if a failure was recorded and the host has received all earlier messages, or is gone.
    pub(super) fn fail_when_delivered(self: &Arc<Self>) {
        if self.outgoing.lock().failure.is_none() {
            return;
        }
        match self.post(Mailbox::await_delivery) {
            None | Some(Delivery::Done) => self.fail(),
            Some(Delivery::Pulled) => {
                // A pulling host may wait for the error before it calls again.
                let soon = Instant::now() + GRACE.min(self.settings.close_timeout);
                let mut outgoing = self.outgoing.lock();
                outgoing.deadline = Some(outgoing.deadline.map_or(soon, |deadline| deadline.min(soon)));
            }
            Some(Delivery::Pending) => {}
        }
    }

    fn fail(self: &Arc<Self>) {
        let Some(failure) = self.outgoing.lock().failure.take() else { return };
        self.fail_connection(*failure);
    }

    /// Fails the connection (RFC 6455 §7.1.7): sends the close code to the server and reports the error to the host.
    fn fail_connection(self: &Arc<Self>, failure: ConnectionFailure) {
        let ConnectionFailure { close_code, reason, error } = failure;
        let mut outgoing = self.outgoing.lock();
        let phase = outgoing.phase;
        if matches!(phase, Phase::Connecting | Phase::Over) {
            return;
        }
        if phase == Phase::Open {
            outgoing.drop_unsent();
            outgoing.close_with(Some(close_code), &reason);
        }
        outgoing.phase = Phase::Lingering;
        outgoing.deadline = Some(Instant::now() + self.settings.close_timeout);
        let ending = ending_of(outgoing.received.as_deref(), outgoing.close_sent);
        let first = outgoing.claim_report();
        let is_error = phase != Phase::Lingering && !outgoing.ended_by_host;
        drop(outgoing);
        self.or_by_task(|| {
            fault_point!();
            self.flush();
            self.shut_down_write();
            fault_point!();
        });
        if first {
            self.report(phase, ending, Some(&error), is_error.then(|| error.clone()));
        }
        if self.settings.close_timeout.is_zero() {
            self.or_by_task(|| self.deadline_passed());
        }
        self.tell_task();
    }

    /// Shuts down our side of the stream once the close frame was written, so that the server ends its own. A thread that
    /// is just writing it does that when it has.
    pub(super) fn shut_down_write(&self) {
        let mut outgoing = self.outgoing.lock();
        outgoing.ends_sending = true;
        outgoing.end_sending();
    }

    /// Handles the end of the stream, with or without a network error.
    pub(super) fn stream_ended(self: &Arc<Self>, error: Option<Error>) {
        let (phase, closed, owed) = {
            let mut outgoing = self.outgoing.lock();
            let closed = outgoing.received.is_some();
            outgoing.read_ended = closed && error.is_none();
            let owed = outgoing.read_ended && !outgoing.is_answered();
            (outgoing.phase, closed, owed)
        };
        if owed && !matches!(phase, Phase::Connecting | Phase::Over) {
            // The server may still read: our close frame has until the deadline to leave.
            self.flush();
            return self.tell_task();
        }
        let without_close = || {
            let what = format!("The server of {} ended the connection without a close frame", self.shown());
            Error::new(ErrorCode::ConnectionReset, Component::WebSocket, what)
        };
        match phase {
            Phase::Open => self.finish(Some(error.unwrap_or_else(without_close))),
            _ if closed => self.end(None, None),
            // No error for the host, but the reason why the end was not clean.
            _ => self.end(Some(&error.unwrap_or_else(without_close)), None),
        }
    }

    /// Handles the end of the close timeout.
    pub(super) fn deadline_passed(self: &Arc<Self>) {
        let mut outgoing = self.outgoing.lock();
        if outgoing.deadline.is_none_or(|deadline| deadline > Instant::now()) {
            // The deadline moved, because the network took bytes meanwhile.
            return;
        }
        if outgoing.failure.is_some() {
            drop(outgoing);
            return self.fail();
        }
        let error = match (outgoing.phase, outgoing.write_error.take()) {
            (Phase::Open, Some(error)) => {
                Some(Error::from_io(Component::Tcp, &format!("Sending to {} failed", self.shown()), &error))
            }
            _ => None,
        };
        let unanswered = outgoing.phase == Phase::Closing && outgoing.received.is_none();
        let answers = outgoing.received.is_some() && !outgoing.close_sent;
        drop(outgoing);
        fault_point!();
        if answers {
            // The thread that has read the server's close frame may not have come to its answer.
            self.flush();
        }
        if error.is_some() || !unanswered {
            return self.finish(error);
        }
        let what = format!("The server of {} did not answer the close frame in time", self.shown());
        self.end(Some(&Error::new(ErrorCode::Timeout, Component::WebSocket, what)), None);
    }

    /// Ends a socket whose connection could not be made.
    pub(super) fn connect_failed(self: &Arc<Self>, error: Error) {
        self.finish(Some(error));
    }

    /// Drops the connection and reports the end to the host, unless that was done before.
    pub(super) fn finish(self: &Arc<Self>, error: Option<Error>) {
        self.end(error.clone().as_ref(), error);
    }

    /// Drops the connection without a report: the thread of its callbacks has ended inside one of the host's
    /// functions.
    pub(super) fn lose_host(self: &Arc<Self>) {
        self.outgoing.lock().end_reported = true;
        self.end(None, None);
        self.set_status(Status::Closed);
        self.handler.over();
    }

    /// Like [`finish`](Self::finish), with a cause that need not be an error for the host.
    fn end(self: &Arc<Self>, cause: Option<&Error>, error: Option<Error>) {
        let mut outgoing = self.outgoing.lock();
        if outgoing.phase == Phase::Over {
            return;
        }
        let phase = std::mem::replace(&mut outgoing.phase, Phase::Over);
        outgoing.deadline = None;
        outgoing.clear();
        let ending = ending_of(outgoing.received.as_deref(), outgoing.close_sent);
        let transport = outgoing.transport.take();
        if let Some(transport) = &transport {
            outgoing.sent.keep(transport.traffic());
        }
        let first = outgoing.claim_report();
        let error = error.filter(|_| !outgoing.ended_by_host);
        drop(outgoing);
        contained(|| {
            fault_point!();
            if let Some(transport) = transport {
                transport.drop_connection();
            }
            fault_point!();
            self.free_received();
            self.free_deflater();
            self.free_streaming();
        });
        if first {
            self.report(phase, ending, cause, error);
        }
        self.tell_task();
    }

    /// Reports the end, which was claimed for this: no panic before it keeps it away.
    fn report(self: &Arc<Self>, phase: Phase, ending: Ending, cause: Option<&Error>, error: Option<Error>) {
        contained(|| {
            self.note_end(phase, &ending, cause);
            fault_point!();
        });
        self.tell(ending, error);
    }

    /// Ends the connection because of a fault in the library itself. Nothing more is delivered, because something is
    /// missing.
    pub(super) fn break_off(self: &Arc<Self>) {
        if self.outgoing.lock().phase == Phase::Connecting {
            return self.finish(Some(broken().error));
        }
        self.record_failure(broken());
        self.post(|mailbox| mailbox.break_off(broken().error));
        self.gate.interrupt();
        self.fail_when_delivered();
        self.tell_task();
    }

    fn tell(self: &Arc<Self>, ending: Ending, error: Option<Error>) {
        self.set_status(Status::Closed);
        self.post(|mailbox| mailbox.ended(ending, error.map(Arc::new)));
    }

    pub(super) fn is_over(&self) -> bool {
        self.outgoing.lock().phase == Phase::Over
    }
}

impl Stop for Socket {
    fn thread_lost(self: Arc<Self>) {
        let what = format!("The I/O thread of {} was ended inside a function of the host's", self.shown());
        // Where its callbacks run on that thread, nobody but a ws_new that still waits learns of this.
        let code = if self.dispatcher.is_private() { ErrorCode::ShutDown } else { ErrorCode::Closed };
        self.finish(Some(Error::new(code, Component::Socket, what)));
    }

    fn let_go(&self) {
        self.dispatcher.drop_tasks();
    }

    fn stop(self: Arc<Self>) {
        let socket = &self;
        let shut_down = Error::new(
            ErrorCode::ShutDown,
            Component::Socket,
            format!("Connecting to {} was ended by ws_shutdown", socket.shown()),
        );
        let mut outgoing = socket.outgoing.lock();
        let open = outgoing.phase == Phase::Open;
        if open {
            outgoing.drop_unsent();
            outgoing.close_with(Some(1001), "");
            outgoing.phase = Phase::Closing;
        }
        let first = open && outgoing.claim_report();
        drop(outgoing);
        if first {
            // The server's answer is not awaited, nor reported where it comes before this thread is done.
            socket.report(Phase::Open, Ending::abnormal(), Some(&shut_down), None);
        }
        socket.or_by_task(|| {
            fault_point!();
            socket.flush();
        });
        let cause = shut_down.clone();
        socket.post(|mailbox| mailbox.shut_down(shut_down, socket.dispatcher.is_private()));
        socket.end(Some(&cause), None);
    }
}
