//! The record of a connection: when it began, opened and closed, and the first end that was noticed, which is the one
//! reported to the host. Each socket writes it three times.

use super::Socket;
use super::outgoing::Phase;
use crate::connect::progress::Step;
use crate::error::{Component, Error, ErrorCode};
use crate::event::Ending;
use crate::log::log;
use crate::sync::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use ws4d_protocol::close;

/// Where a connection was when it ended.
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs, reason = "the steps of connecting have their words in `Step`")]
pub enum Stage {
    /// It has not ended.
    None = 0,
    Dns = 1,
    Tcp = 2,
    Proxy = 3,
    Tls = 4,
    Upgrade = 5,
    /// It was open.
    Open = 6,
    /// In the closing handshake.
    Closing = 7,
    /// After it: both close frames had gone over.
    Closed = 8,
}

impl From<Step> for Stage {
    fn from(step: Step) -> Stage {
        match step {
            Step::Dns => Stage::Dns,
            Step::Tcp => Stage::Tcp,
            Step::Proxy => Stage::Proxy,
            Step::Tls => Stage::Tls,
            Step::Upgrade => Stage::Upgrade,
        }
    }
}

/// Why and when a connection ended.
#[derive(Clone, Debug)]
pub struct CloseInfo {
    /// The stage it had reached.
    pub stage: Stage,
    /// The error that ended it; `None` if the server closed, or the host ended it.
    pub cause: Option<ErrorCode>,
    /// Code of the server's close frame, also one that no server may send: 0 if there was none, 1005 if it held no code.
    pub code_received: u16,
    /// Code of our close frame, in the same way; 0 until it was sent.
    pub code_sent: u16,
    /// A close frame was sent and received.
    pub was_clean: bool,
    /// The operating system's error number, 0 for none.
    pub os_code: i32,
    /// The alert by which the server ended TLS.
    pub tls_alert: Option<u8>,
    /// A certificate was refused only because it is not valid yet.
    pub is_not_valid_yet: bool,
    /// The host ended the connection. An error after that is in `cause` all the same.
    pub by_host: bool,
    /// HTTP status of the answer to the upgrade, 0 if there was none.
    pub http_status: u16,
    /// When the socket was made.
    pub began: SystemTime,
    /// When the connection was open.
    pub opened: Option<SystemTime>,
    /// When it ended.
    pub closed: SystemTime,
    /// The time for which it was open.
    pub open_for: Option<Duration>,
    /// When to try again, where a server that refused has said so.
    pub retry_after: Option<Box<RetryAfter>>,
}

/// A `Retry-After` header (RFC 9110 section 10.2.3) as received, and the `Date` of that answer.
#[derive(Clone, Debug)]
pub struct RetryAfter {
    /// A number of seconds, or a date.
    pub value: String,
    /// The server's clock at the time of the answer.
    pub date: Option<String>,
}

impl RetryAfter {
    fn of(error: &Error) -> Option<Box<RetryAfter>> {
        let headers = &error.http()?.headers;
        let first = |name| headers.all(name).next().map(str::to_owned);
        Some(Box::new(RetryAfter { value: first("Retry-After")?, date: first("Date") }))
    }
}

pub(super) struct ConnectionRecord(Mutex<Record>);

struct Record {
    began: SystemTime,
    opened: Option<(SystemTime, Instant)>,
    end: Option<Box<End>>,
}

struct End {
    info: CloseInfo,
    /// The error with its whole stack.
    error: Option<Arc<Error>>,
    /// Reason of the server's close frame.
    reason: String,
}

impl ConnectionRecord {
    pub(super) fn new() -> ConnectionRecord {
        ConnectionRecord(Mutex::new(Record { began: SystemTime::now(), opened: None, end: None }))
    }

    pub(super) fn opened(&self) {
        self.0.lock().opened = Some((SystemTime::now(), Instant::now()));
    }
}

impl Socket {
    /// Records the end that is reported to the host; only the first call counts. `phase` is the one before the end.
    pub(super) fn note_end(&self, phase: Phase, ending: &Ending, cause: Option<&Error>) {
        if self.is_wait {
            return;
        }
        let stage = match phase {
            Phase::Connecting => self.progress.step().into(),
            _ if ending.was_clean => Stage::Closed,
            Phase::Open => Stage::Open,
            Phase::Closing | Phase::Lingering | Phase::Over => Stage::Closing,
        };
        let answered = self.session.get().map_or(0, |session| session.status);
        let mut record = self.record.0.lock();
        if record.end.is_some() {
            return;
        }
        let info = CloseInfo {
            stage,
            cause: cause.map(Error::code),
            // 1006 stands for no close frame; a server may not send it.
            code_received: match cause.and_then(Error::close_code) {
                Some(forbidden) => forbidden,
                None if ending.code == 1006 => 0,
                None => ending.code,
            },
            code_sent: 0,
            was_clean: ending.was_clean,
            os_code: cause.map_or(0, Error::os_code),
            tls_alert: cause.and_then(Error::tls_alert),
            is_not_valid_yet: cause.is_some_and(Error::is_not_valid_yet),
            by_host: cause.is_none() && ending.code == 1006,
            http_status: cause.and_then(Error::http).map_or(answered, |answer| answer.status),
            began: record.began,
            opened: record.opened.map(|(at, _)| at),
            closed: SystemTime::now(),
            open_for: record.opened.map(|(_, at)| at.elapsed()),
            retry_after: cause.and_then(RetryAfter::of),
        };
        let error = cause.cloned().map(Arc::new);
        record.end = Some(Box::new(End { info, error, reason: ending.reason.clone() }));
        drop(record);
        self.log_end(stage, ending, cause);
    }

    /// One line for each connection that ended: a warning where something went wrong.
    fn log_end(&self, stage: Stage, ending: &Ending, cause: Option<&Error>) {
        let id = self.id();
        match cause {
            Some(error) if error.code() == ErrorCode::ShutDown => {
                log!(Info, Component::Socket, "socket {id}: ended by ws_shutdown: {}", self.shown());
            }
            Some(error) => log!(Warn, error.entries()[0].component, "socket {id}: {error}"),
            None if stage < Stage::Open => {
                log!(Info, Component::Socket, "socket {id}: given up by the host: {}", self.shown())
            }
            None => {
                let clean = if ending.was_clean { "" } else { "not " };
                log!(
                    Info,
                    Component::WebSocket,
                    "socket {id}: closed with {}, {clean}clean: {}",
                    ending.code,
                    self.shown()
                );
            }
        }
    }

    /// Returns why the connection ended, or `None` as long as that is not known.
    pub fn close_info(&self) -> Option<CloseInfo> {
        let noted = self.record.0.lock().end.as_ref()?.info.clone();
        let outgoing = self.outgoing.lock();
        let by_host = noted.by_host || outgoing.ended_by_host;
        Some(CloseInfo { code_sent: outgoing.code_sent(), by_host, ..noted })
    }

    /// Returns whether the connection was ever open.
    pub(crate) fn was_open(&self) -> bool {
        self.record.0.lock().opened.is_some()
    }

    /// The address that failed last: the one that was connected, or, if the host ended that connection, the last one
    /// tried before it without success.
    pub(crate) fn failed_address(&self, by_host: bool) -> Option<SocketAddr> {
        if by_host { self.progress.given_up() } else { self.progress.reached() }
    }

    /// Returns why the connection ended, as an error; `None` if the host ended it, or if it has not ended.
    pub(crate) fn why_ended(&self) -> Option<Arc<Error>> {
        if self.close_info()?.by_host {
            return None;
        }
        let record = self.record.0.lock();
        let End { info, error, reason } = record.end.as_deref()?;
        if error.is_some() {
            return error.clone();
        }
        let code = match (info.code_received, close::meaning(info.code_received)) {
            (1005, _) => "without a code".to_owned(),
            (code, Some(meaning)) => format!("with {code} ({meaning})"),
            (code, None) => format!("with {code}"),
        };
        let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        let message = format!("The server of {} closed {code}{reason}", self.shown());
        Some(Arc::new(Error::new(ErrorCode::Closed, Component::WebSocket, message)))
    }
}
