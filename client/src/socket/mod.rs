//! One WebSocket connection, from connecting to closed. A socket is plain state behind locks that are never
//! held during a callback, so any thread may turn it: whoever sends writes, and the I/O thread turns what
//! nobody else does.
//!
//! Two locks, in this order where both are held: `incoming` (decoding), `outgoing` (sending and the phase). The
//! dispatcher's lock comes last. The flusher writes with no lock held.

mod closing;
mod descriptor;
mod direct;
mod drive;
mod driving;
mod history;
mod liveness;
mod outgoing;
mod queue;
mod receive;
mod send;
mod stats;
mod watch;

use crate::connect::progress::Progress;
use crate::connect::tls::TlsInfo;
use crate::connect::url::{self, Destination};
use crate::context::{self, InCallback};
use crate::dispatch::{self, Claim, Gate, Key, Mailbox, NotOpened, Target, Task, Turned, Turner};
use crate::engine::{self, Driver};
use crate::error::{Error, ErrorCode};
use crate::event::DataType;
use crate::event::{Ending, Event};
use crate::options::{Compression, Options, Patience};
use crate::sync::Mutex;
use crate::{library, transport::Transport};
pub(crate) use closing::judge_close;
use drive::Alive;
pub use history::{CloseInfo, RetryAfter, Stage};
use outgoing::Outgoing;
use receive::Incoming;
pub(crate) use send::Kept;
pub use send::MOST_PING;
pub use stats::Stats;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use tokio::sync::Notify;
use ws4d_protocol::deflate::Deflater;

/// A dispatcher of sockets.
pub type Dispatcher = dispatch::Dispatcher<Socket>;

/// How far a connection is (4D's `status`). May be ahead of the callbacks.
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "4D's words")]
pub enum Status {
    Connecting = 0,
    Connected = 1,
    Closing = 2,
    Closed = 3,
}

/// What a message is sent as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SendKind {
    /// A text frame; the bytes must be UTF-8.
    Text,
    /// A binary frame.
    Blob,
    /// A text frame; the bytes must be JSON, whose white space between tokens is dropped.
    Object,
}

/// The host's side of a socket.
pub trait Handler: Send + Sync {
    /// Whether events are delivered at all; `false` for a socket that only sends.
    fn receives(&self) -> bool;
    /// The connection is made and not open yet: what is to be sent before all else may come in, with
    /// [`Socket::send_ahead`]. On the I/O thread, with no lock held; not a callback.
    fn connected(&self, _socket: &Socket) {}
    /// Runs the callback for this kind of event, if there is one.
    fn event(&self, event: &Event);
    /// The socket is over: `on_terminate` has returned, or the pulled TERMINATE was freed. Exactly once.
    fn over(&self);
    /// Runs `on_free`: exactly once, after the last callback.
    fn free(&self);
}

/// What of the options a living socket needs.
#[derive(Clone, Copy)]
struct Settings {
    data_type: DataType,
    strict_json: bool,
    /// Where callbacks run on the I/O thread: so long it looks before it sleeps.
    busy_poll: Duration,
    close_timeout: Duration,
    patience: Patience,
    max_message_size: usize,
    send_buffer_size: usize,
    receive_buffer_size: usize,
    compression: Compression,
}

/// What is known once the connection is open.
struct Session {
    subprotocol: Option<String>,
    status: u16,
    headers: Vec<(String, String)>,
    peer: String,
    tls: Option<Box<TlsInfo>>,
}

/// A WebSocket connection. Every method may be called from any thread, also inside a callback.
pub struct Socket {
    id: i32,
    tag: AtomicU64,
    status: AtomicI32,
    settings: Settings,
    destination: Destination,
    /// Until the connection is begun.
    options: Mutex<Option<Box<Options>>>,
    handler: Arc<dyn Handler>,
    dispatcher: Arc<Dispatcher>,
    key: OnceLock<Key>,
    gate: Gate,
    session: OnceLock<Session>,
    outgoing: Mutex<Outgoing>,
    /// Ours, where its context goes from message to message; made for the first one.
    deflater: Mutex<Option<Deflater>>,
    incoming: Mutex<Incoming>,
    received: stats::Received,
    ear: watch::Ear,
    progress: Progress,
    history: history::History,
    /// No connection at all, but a wait that ends in TERMINATE.
    timer: Option<Duration>,
    /// Wakes the task.
    changed: Notify,
    /// It was told something, and has not run since.
    told: AtomicBool,
}

impl Socket {
    /// Judges the URL and the caller's right to the dispatcher; does nothing else yet. With no dispatcher
    /// callbacks run on the I/O thread. On an error nothing of the handler was called.
    pub fn new(
        url: &str,
        options: &Options,
        handler: Arc<dyn Handler>,
        dispatcher: Option<Arc<Dispatcher>>,
        blocking: bool,
    ) -> Result<Arc<Socket>, Error> {
        let destination = url::parse(url)?;
        let wrong_thread = |why| Error::new(ErrorCode::WrongThread, "sock", why);
        if blocking && context::on_io_thread() {
            return Err(wrong_thread(
                "ws_new inside a callback on the I/O thread would wait for itself; use ws_new_async",
            ));
        }
        if blocking && dispatcher.as_ref().is_some_and(|dispatcher| dispatcher.check_owner().is_err()) {
            return Err(wrong_thread("ws_new on a dispatcher that belongs to another thread"));
        }
        Socket::make(destination, options, handler, dispatcher, None)
    }

    /// No connection but a wait, with a socket's place in the dispatcher: after `delay`, or at [`Socket::abort`], at a
    /// shutdown, or with its dispatcher, its one event, a TERMINATE, is deliverable. For whoever tries again later.
    pub(crate) fn timer(
        url: &str,
        delay: Duration,
        handler: Arc<dyn Handler>,
        dispatcher: Option<Arc<Dispatcher>>,
    ) -> Result<Arc<Socket>, Error> {
        Socket::make(
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
        timer: Option<Duration>,
    ) -> Result<Arc<Socket>, Error> {
        let settings = Settings {
            data_type: options.data_type,
            strict_json: options.strict_json,
            busy_poll: if dispatcher.is_none() { options.busy_poll } else { Duration::ZERO },
            close_timeout: options.close_timeout,
            patience: options.patience,
            max_message_size: options.max_message_size,
            send_buffer_size: options.send_buffer_size,
            receive_buffer_size: options.receive_buffer_size,
            compression: options.compression,
        };
        let mut options = Box::new(options.clone());
        // Here, on the host's thread: see there.
        options.proxy.settle();
        Ok(Arc::new(Socket {
            id: engine::next_id()?,
            tag: AtomicU64::new(0),
            status: AtomicI32::new(Status::Connecting as i32),
            settings,
            destination,
            options: Mutex::new(Some(options)),
            handler,
            dispatcher: dispatcher.unwrap_or_else(Dispatcher::private),
            key: OnceLock::new(),
            gate: Gate::new(),
            session: OnceLock::new(),
            outgoing: Mutex::new(Outgoing::new()),
            deflater: Mutex::new(None),
            incoming: Mutex::new(Incoming::new(settings.max_message_size as u64)),
            received: stats::Received::default(),
            ear: watch::Ear::new(),
            progress: Progress::new(),
            history: history::History::new(),
            timer,
            changed: Notify::new(),
            told: AtomicBool::new(false),
        }))
    }

    /// Connects and waits for it: OPEN has run when this returns. On an error no event was delivered and
    /// `free` was not called. To be called once, instead of [`Socket::start`]; on a dispatcher, after
    /// [`Dispatcher::begin_call`](dispatch::Dispatcher::begin_call).
    pub fn connect(self: &Arc<Self>) -> Result<(), Error> {
        // The task that connects runs on this thread, while it waits: a hop less, both ways.
        let (turner, borrowed) = match self.dispatcher.turner() {
            Some(turner) => (Arc::clone(turner), None),
            None => {
                let driver = Driver::borrow()?;
                (Arc::clone(&driver) as Arc<dyn Turner>, Some(driver))
            }
        };
        let opened = self.begin(Some(&turner)).and_then(|key| {
            let opened = self.dispatcher.wait_open(key, &turner);
            if opened.is_err() {
                // The mailbox is gone; the task has nothing left to deliver.
                self.finish(None);
            }
            Ok(opened)
        });
        if let Some(driver) = borrowed {
            driver.give_back();
        }
        match opened? {
            Ok(()) => Ok(()),
            Err(NotOpened::Failed(error)) => Err(Error::clone(&error)),
            Err(NotOpened::Cancelled) => Err(dispatch::cancelled_error(&self.destination.shown)),
        }
    }

    /// Begins to connect. On an error as [`Socket::connect`]; a connection that fails later is ERROR and TERMINATE.
    pub fn start(self: &Arc<Self>) -> Result<(), Error> {
        self.begin(None).map(drop)
    }

    /// Begins to connect, in a task of `waiter`, which a blocking `ws_new` turns.
    fn begin(self: &Arc<Self>, waiter: Option<&Arc<dyn Turner>>) -> Result<Key, Error> {
        let Some(options) = self.options.lock().take() else {
            return Err(Error::new(ErrorCode::Internal, "sock", "A socket connects once"));
        };
        let claim = match (waiter.is_some(), self.dispatcher.is_private()) {
            (false, _) => Claim::Nothing,
            (true, true) => Claim::Failure,
            (true, false) => Claim::Everything,
        };
        let mailbox = Mailbox::new(self.settings.receive_buffer_size, claim);
        let key = self
            .dispatcher
            .register(mailbox, Arc::clone(self))
            .map_err(|code| Error::new(code, "sock", "The dispatcher is closed"))?;
        let _ = self.key.set(key);
        if let Err(error) = self.live(options, waiter) {
            self.dispatcher.forget(key);
            return Err(error);
        }
        Ok(key)
    }

    /// Starts the task.
    fn live(self: &Arc<Self>, options: Box<Options>, waiter: Option<&Arc<dyn Turner>>) -> Result<(), Error> {
        let weak: Weak<dyn engine::Stop> = Arc::downgrade(self) as _;
        let own = self.dispatcher.turner();
        let alive = Alive::new(Arc::clone(self), engine::enlist(self.id, weak, own.is_none())?);
        let task: Task = match self.timer {
            Some(delay) => Box::pin(drive::wait(alive, delay)),
            None if own.is_none() && waiter.is_some() => Box::pin(drive::connect_here(alive, options)),
            None => Box::pin(drive::run(alive, options)),
        };
        match own.or(waiter) {
            Some(turner) => turner.spawn(task),
            None => engine::spawn(task)?,
        }
        Ok(())
    }

    /// Tells the socket's task to look again. Any thread, also with locks held.
    fn tell_task(&self) {
        if !self.told.swap(true, Ordering::AcqRel) {
            self.dispatcher.task_told();
        }
        self.changed.notify_one();
    }

    /// The task looks, or has ended.
    fn task_runs(&self) {
        if self.told.swap(false, Ordering::AcqRel) {
            self.dispatcher.task_runs();
        }
    }

    /// Changes the mailbox. The caller holds no lock but, at most, `incoming`'s, which no reader takes.
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

    // What the host asks.

    /// Keeps the host layer's name for this socket.
    pub fn set_tag(&self, tag: u64) {
        self.tag.store(tag, Ordering::Release);
    }

    /// The host layer's name, 0 until it is set.
    pub fn tag(&self) -> u64 {
        self.tag.load(Ordering::Acquire)
    }

    /// How far the connection is.
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

    /// As passed, less user info.
    pub fn url(&self) -> &str {
        &self.destination.url
    }

    /// The URL as errors and the log show it: its query may be a secret.
    fn shown(&self) -> &str {
        &self.destination.shown
    }

    /// The `dataType` option.
    pub fn data_type(&self) -> DataType {
        self.settings.data_type
    }

    /// What the server chose; `None` until connected, or if it chose none.
    pub fn subprotocol(&self) -> Option<&str> {
        self.session.get()?.subprotocol.as_deref()
    }

    /// The status of the upgrade's answer: 101, or 0 until connected.
    pub fn response_status(&self) -> i32 {
        self.session.get().map_or(0, |session| session.status.into())
    }

    /// The headers of the upgrade's answer, in order; empty until connected.
    pub fn response_headers(&self) -> &[(String, String)] {
        self.session.get().map_or(&[], |session| &session.headers)
    }

    /// Whether the URL is a wss one.
    pub fn is_secure(&self) -> bool {
        self.destination.secure
    }

    /// What the TLS handshake with the server agreed on; `None` until connected, and without TLS.
    pub fn tls_info(&self) -> Option<&TlsInfo> {
        self.session.get()?.tls.as_deref()
    }

    /// Address and port of the server; `None` until connected.
    pub fn peer_address(&self) -> Option<&str> {
        self.session.get().map(|session| session.peer.as_str())
    }

    /// Holds messages back, and what is queued behind one. Changes nothing once TERMINATE was delivered.
    pub fn pause(self: &Arc<Self>) -> Result<(), ErrorCode> {
        self.post(Mailbox::pause);
        self.gate.interrupt();
        Ok(())
    }

    /// Lets messages go again.
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
        self.timer.is_some()
    }

    #[inline]
    fn event(&self, event: &Event) {
        let _in_callback = InCallback::enter();
        self.handler.event(event);
    }

    fn report(&self, error: &Error) {
        library::report_connect_error(error);
    }

    fn over(&self) {
        self.handler.over();
    }

    fn free(&self) {
        let _in_callback = InCallback::enter();
        self.handler.free();
    }

    fn nudge(&self) {
        self.tell_task();
    }

    fn turn(self: &Arc<Self>, readable: bool, writable: bool) -> Turned {
        self.turn_here(readable, writable)
    }

    fn hang_up(self: &Arc<Self>) -> Ending {
        self.close_in_background()
    }
}
