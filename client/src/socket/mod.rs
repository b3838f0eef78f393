//! One WebSocket connection, from connecting to closed. A socket is plain state behind locks that are never held
//! during a callback, so any thread may service it: the sending thread writes, and the I/O thread does the rest.
//!
//! Two locks, in this order where both are held: `incoming` (decoding), `outgoing` (sending and the phase). The
//! dispatcher's lock comes last. The flusher writes with no lock held.

mod close_info;
mod closing;
mod control;
mod descriptor;
mod direct;
mod drive;
mod driver_adapter;
mod flush;
mod fragments;
mod frames;
mod http_answer;
mod implied_cork;
mod keepalive;
mod large_frame;
mod liveness;
mod opening;
mod outgoing;
mod queue;
mod receive;
mod roles;
mod send;
mod send_many;
mod settings;
mod stats;
mod step;
mod streaming;
#[cfg(all(test, feature = "compression"))]
mod tests;
mod way;

use crate::connect::progress::Progress;
use crate::connect::tls::TlsInfo;
use crate::connect::url::{self, Destination};
use crate::context::{self, InCallback, ThreadRole};
pub(crate) use crate::dispatch::Closed;
use crate::dispatch::{self, Gate, Key, Mailbox, ServiceOutcome, Target};
use crate::engine;
use crate::error::{Component, Error, ErrorCode};
use crate::event::{DataType, Ending, Event};
use crate::header_list::HeaderList;
use crate::library;
use crate::options::Options;
use crate::sync::{Mutex, locks_held};
pub use close_info::{CloseInfo, RetryAfter, Stage};
pub(crate) use closing::judge_close;
pub use control::MOST_PING;
use outgoing::Outgoing;
use receive::Incoming;
pub(crate) use send::Kept;
use settings::Settings;
pub use stats::Stats;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use streaming::OpenMessage;
use tokio::sync::Notify;
use ws4d_protocol::deflate::Deflater;

/// A dispatcher of sockets.
pub type Dispatcher = dispatch::Dispatcher<Socket>;

/// Status of a connection (4D's `status`). May be ahead of the callbacks.
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "4D's words")]
pub enum Status {
    Connecting = 0,
    Connected = 1,
    Closing = 2,
    Closed = 3,
}

/// Type of a message to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SendKind {
    /// A text frame; the bytes must be UTF-8.
    Text,
    /// A binary frame.
    Blob,
    /// A text frame; the bytes must be JSON, which is sent without white space between tokens.
    Object,
}

/// The host's side of a socket.
pub trait Handler: Send + Sync {
    /// Returns whether events are delivered at all; `false` for a socket that only sends.
    fn receives(&self) -> bool;
    /// Returns whether there is a callback for pings of the server's.
    fn wants_pings(&self) -> bool {
        false
    }

    /// Called when the connection is made and not open yet, so that messages can be queued before all others with
    /// [`Socket::send_ahead`]. On the I/O thread, with no lock held; not a callback.
    fn connected(&self, _socket: &Socket) {}
    /// Runs the callback for this kind of event, if there is one.
    fn event(&self, event: &Event);
    /// Called exactly once, when the socket is over: `on_terminate` has returned, or the pulled TERMINATE was freed.
    fn over(&self);
    /// Runs `on_free`: exactly once, after the last callback.
    fn free(&self);
}

/// Facts that are known once the connection is open.
struct Session {
    subprotocol: Option<String>,
    status: u16,
    headers: HeaderList,
    peer: String,
    tls: Option<Box<TlsInfo>>,
}

/// Data that only connecting needs.
struct Start {
    destination: Destination,
    options: Options,
}

/// The purpose of a socket.
enum Purpose {
    Connect(Box<Start>),
    /// No connection: the socket only waits for so long, and then ends with TERMINATE.
    Wait(Duration),
}

impl Purpose {
    fn connect(destination: Destination, options: &Options) -> Purpose {
        let mut options = options.clone();
        // Must run on the host's thread; see there.
        options.proxy.choose_proxy();
        Purpose::Connect(Box::new(Start { destination, options }))
    }
}

/// A socket that has not begun. It begins once.
pub struct Unopened {
    socket: Arc<Socket>,
    purpose: Purpose,
}

/// A WebSocket connection. Every method may be called from any thread, also inside a callback.
pub struct Socket {
    id: i32,
    tag: AtomicU64,
    status: AtomicI32,
    settings: Settings,
    /// The URL as passed, without user info.
    url: Box<str>,
    /// The URL as errors and the log show it, if that differs: its query may be a secret.
    shown: Option<Box<str>>,
    secure: bool,
    /// Its purpose is a [`Purpose::Wait`].
    is_wait: bool,
    handler: Arc<dyn Handler>,
    dispatcher: Arc<Dispatcher>,
    key: OnceLock<Key>,
    gate: Gate,
    session: OnceLock<Session>,
    outgoing: Mutex<Outgoing>,
    /// Number of the thread that last collected this socket and has not flushed it yet, or 0.
    collected_by: AtomicU64,
    /// The deflater, if its context is kept between messages; made for the first message.
    deflater: Mutex<Option<Box<Deflater>>>,
    /// The message that goes out in parts. Locked before `outgoing`, never together with `incoming`.
    streaming: Mutex<Option<Box<OpenMessage>>>,
    incoming: Mutex<Incoming>,
    received: stats::ReceivedCounts,
    receive_activity: keepalive::ReceiveActivity,
    /// The task checks from time to time whether the beginning of a large frame is valid.
    rest_awaited: AtomicBool,
    progress: Progress,
    record: close_info::ConnectionRecord,
    /// Wakes the task.
    changed: Notify,
    /// The task was notified and has not run since.
    task_notified: AtomicBool,
}

impl Unopened {
    /// Checks the URL, the combination of options and the caller's right to the dispatcher; does nothing else yet.
    /// Without a dispatcher, callbacks run on the I/O thread. On an error no method of the handler was called.
    pub fn new(
        url: &str,
        options: &Options,
        handler: Arc<dyn Handler>,
        dispatcher: Option<Arc<Dispatcher>>,
        blocking: bool,
    ) -> Result<Unopened, Error> {
        let destination = url::parse(url)?;
        options.check_combination()?;
        let wrong_thread = |why| Error::new(ErrorCode::WrongThread, Component::Socket, why);
        if blocking && (context::on_io_thread() || context::thread_role() != ThreadRole::Nothing) {
            return Err(wrong_thread(
                "ws_new inside a callback on the I/O thread would wait for itself; use ws_new_async",
            ));
        }
        if blocking && dispatcher.as_ref().is_some_and(|dispatcher| dispatcher.check_owner().is_err()) {
            return Err(wrong_thread(
                "ws_new was called for a dispatcher that belongs to another thread; use ws_new_async, or call it on that thread",
            ));
        }
        Unopened::make(destination, options, handler, dispatcher, None)
    }

    /// Makes a socket without a connection, which only waits in the dispatcher: its one event, a TERMINATE, becomes
    /// deliverable after `delay`, at [`Socket::abort`], at a shutdown, or with the end of its dispatcher. For
    /// connecting again later.
    pub(crate) fn timer(
        url: &str,
        delay: Duration,
        handler: Arc<dyn Handler>,
        dispatcher: Option<Arc<Dispatcher>>,
    ) -> Result<Unopened, Error> {
        Unopened::make(
            url::parse(url)?,
            &Options { proxy: crate::connect::proxy::Choice::Direct, ..Options::default() },
            handler,
            dispatcher,
            Some(delay),
        )
    }

    fn make(
        destination: Destination,
        options: &Options,
        handler: Arc<dyn Handler>,
        dispatcher: Option<Arc<Dispatcher>>,
        wait: Option<Duration>,
    ) -> Result<Unopened, Error> {
        let mut settings = Settings::of(options, dispatcher.is_none());
        settings.ping_events |= handler.wants_pings();
        let Destination { url, shown, .. } = &destination;
        let shown = (shown != url).then(|| shown.as_str().into());
        let (url, secure) = (url.as_str().into(), destination.is_secure());
        let purpose = wait.map_or_else(|| Purpose::connect(destination, options), Purpose::Wait);
        let socket = Arc::new(Socket {
            id: engine::next_id()?,
            tag: AtomicU64::new(0),
            status: AtomicI32::new(Status::Connecting as i32),
            settings,
            url,
            shown,
            secure,
            is_wait: wait.is_some(),
            handler,
            dispatcher: dispatcher.unwrap_or_else(Dispatcher::private),
            key: OnceLock::new(),
            gate: Gate::new(),
            session: OnceLock::new(),
            outgoing: Mutex::new(Outgoing::new()),
            collected_by: AtomicU64::new(0),
            deflater: Mutex::new(None),
            streaming: Mutex::new(None),
            incoming: Mutex::new(Incoming::new(&settings)),
            received: stats::ReceivedCounts::default(),
            receive_activity: keepalive::ReceiveActivity::new(),
            rest_awaited: AtomicBool::new(false),
            progress: Progress::new(),
            record: close_info::ConnectionRecord::new(),
            changed: Notify::new(),
            task_notified: AtomicBool::new(false),
        });
        Ok(Unopened { socket, purpose })
    }
}

impl Socket {
    /// Notifies the socket's task. Any thread, also with locks held.
    fn tell_task(&self) {
        if !self.task_notified.swap(true, Ordering::AcqRel) {
            self.dispatcher.task_notified();
        }
        // tokio panics where the descriptor that wakes the task's thread was closed under it. Then the notification is
        // lost, and the notifying thread goes on.
        let _ = catch_unwind(AssertUnwindSafe(|| self.changed.notify_one()));
    }

    /// Called when the task runs, or has ended.
    fn task_runs(&self) {
        if self.task_notified.swap(false, Ordering::AcqRel) {
            self.dispatcher.task_runs();
        }
    }

    /// Changes the mailbox. The caller may hold `incoming`, which no reader of events takes, and no other lock.
    fn post<R>(self: &Arc<Self>, change: impl FnOnce(&mut Mailbox) -> R) -> Option<R> {
        let key = *self.key.get()?;
        let (result, signal) = self.dispatcher.update(key, change);
        signal.send(&self.dispatcher);
        result
    }

    fn set_status(&self, status: Status) {
        // Never backwards.
        self.status.fetch_max(status as i32, Ordering::AcqRel);
    }

    // Queries and requests of the host.

    /// Stores the host layer's name for this socket.
    pub fn set_tag(&self, tag: u64) {
        self.tag.store(tag, Ordering::Release);
    }

    /// The host layer's name, 0 until it is set.
    pub fn tag(&self) -> u64 {
        self.tag.load(Ordering::Acquire)
    }

    /// Returns the status of the connection.
    pub fn status(&self) -> Status {
        match self.status.load(Ordering::Acquire) {
            0 => Status::Connecting,
            1 => Status::Connected,
            2 => Status::Closing,
            _ => Status::Closed,
        }
    }

    /// Positive, never reused in a process.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// The URL as passed, without user info.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL as errors and the log show it: its query may be a secret.
    fn shown(&self) -> &str {
        self.shown.as_deref().unwrap_or(&self.url)
    }

    /// The `dataType` option.
    pub fn data_type(&self) -> DataType {
        self.settings.data_type
    }

    /// The subprotocol that the server chose; `None` until connected, or if it chose none.
    pub fn subprotocol(&self) -> Option<&str> {
        self.session.get()?.subprotocol.as_deref()
    }

    /// The status of the upgrade's answer: 101, or 0 until connected.
    pub fn response_status(&self) -> i32 {
        self.session.get().map_or(0, |session| session.status.into())
    }

    /// The headers of the upgrade's answer, in order; `None` until connected.
    pub fn response_headers(&self) -> Option<&HeaderList> {
        self.session.get().map(|session| &session.headers)
    }

    /// Returns whether the URL is a wss one.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Parameters agreed on in the TLS handshake with the server; `None` until connected, and without TLS.
    pub fn tls_info(&self) -> Option<&TlsInfo> {
        self.session.get()?.tls.as_deref()
    }

    /// Address and port of the server; `None` until connected.
    pub fn peer_address(&self) -> Option<&str> {
        self.session.get().map(|session| session.peer.as_str())
    }

    /// Holds back messages, and the events queued behind one. Has no effect once TERMINATE was delivered.
    pub fn pause(self: &Arc<Self>) -> Result<(), ErrorCode> {
        self.post(Mailbox::pause);
        self.gate.interrupt();
        Ok(())
    }

    /// Delivers messages again.
    pub fn resume(self: &Arc<Self>) -> Result<(), ErrorCode> {
        self.post(Mailbox::resume);
        self.gate.interrupt();
        Ok(())
    }
}

impl Target for Socket {
    fn gate(&self) -> &Gate {
        &self.gate
    }

    fn mode(&self) -> DataType {
        self.settings.data_type
    }

    fn is_silent(&self) -> bool {
        self.is_wait
    }

    #[inline]
    fn event(&self, event: &Event, _: &InCallback) {
        debug_assert_eq!(locks_held(), 0, "the host is called with no lock held");
        self.handler.event(event);
    }

    fn report(&self, error: &Error) {
        if !self.dispatcher.report(error) {
            library::report_connect_error(error);
        }
    }

    fn over(&self) {
        self.handler.over();
    }

    fn free(&self) {
        let _in_callback = InCallback::enter();
        self.handler.free();
    }

    fn fail(self: &Arc<Self>) {
        self.break_off();
    }

    fn nudge(&self) {
        self.tell_task();
    }

    fn service(self: &Arc<Self>, readable: bool, writable: bool) -> ServiceOutcome {
        self.service_here(readable, writable)
    }

    fn lose(self: &Arc<Self>) {
        self.lose_host();
    }

    fn hang_up(self: &Arc<Self>, code: u16) -> Ending {
        self.close_in_background(code)
    }
}
