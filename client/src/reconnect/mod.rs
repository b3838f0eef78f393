//! A connection that comes back: sockets one after the other, each with its whole grammar, and waits between them. It
//! is built on top of sockets and changes nothing in them. A wait is a socket without a connection (`Unopened::timer`),
//! so that it keeps a dispatcher running, and ends with it, with a shutdown and with a terminate, as a socket does.
//!
//! All decisions are made when a socket or a wait is freed: in the context of the callbacks, one after the other.
//! `policy` decides whether and when to try again; this file has the steps, `control` the requests of the host,
//! `sending` the messages, `counting` the statistics over all sockets.

mod control;
mod counting;
mod handlers;
mod policy;
mod retry_after;
mod sending;

pub use policy::{GivenUp, Policy};

use crate::connect::url;
use crate::engine;
use crate::error::{Component, Error, ErrorCode};
use crate::fault::fault_point;
use crate::options::Options;
use crate::panics::contained;
use crate::random;
use crate::socket::{Dispatcher, Handler, Socket, Unopened};
use crate::sync::Mutex;
use control::end;
use counting::Past;
use handlers::{Connection, Wait};
pub use policy::End;
use policy::{Tries, Verdict};
use sending::Queue;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

/// The report to the host between two connections, and at the end.
#[derive(Clone, Debug)]
pub struct Reconnecting {
    /// The number of the next attempt since the last stable connection; at the end, that of the last.
    pub attempt: u32,
    /// Delay before the next attempt.
    pub delay: Duration,
    /// The end of the connection.
    pub end: End,
    /// The reason why the reconnector is over; `None` while it is not.
    pub given_up: Option<GivenUp>,
}

impl Verdict {
    fn about(self, attempt: u32, end: &End) -> Reconnecting {
        let (delay, given_up) = match self {
            Verdict::After(delay) => (delay, None),
            Verdict::Over(given_up) => (Duration::ZERO, Some(given_up)),
        };
        Reconnecting { attempt, delay, end: end.clone(), given_up }
    }
}

/// Gives a socket its handle for the host; called before its first event.
pub type Naming = Box<dyn FnOnce(&Arc<Socket>) -> Result<(), Error>>;

/// The host's side of a reconnector. All but [`socket`](Self::socket) and [`check`](Self::check) are callbacks.
pub trait ReconnectHandler: Send + Sync {
    /// Returns the handler for one more socket, and the function that gives that its handle.
    fn socket(&self) -> (Arc<dyn Handler>, Naming);
    /// Called before each attempt, with fresh options. Returns another URL, if there is one, or the reason why it is
    /// invalid.
    fn attempt(&self, attempt: u32, options: &mut Options) -> Option<Result<String, ErrorCode>>;
    /// Checks that an attempt's options go with the host's functions. No callback.
    fn check(&self, options: &Options) -> Result<(), Error>;
    /// Called when a connection or an attempt has ended; `about` has the default decision. Returns whether the end is
    /// final.
    fn is_final(&self, about: &Reconnecting) -> bool;
    /// Called when another attempt will be made.
    fn reconnecting(&self, about: &Reconnecting);
    /// Called last, when there will be no other attempt. The host's `free` follows it.
    fn over(&self, about: &Reconnecting);
}

/// A connection that comes back. Every method may be called from any thread, also inside a callback.
pub struct Reconnector {
    policy: Policy,
    /// The options as given by the host; each attempt has a copy.
    options: Options,
    dispatcher: Option<Arc<Dispatcher>>,
    host: Arc<dyn ReconnectHandler>,
    /// Number of shutdowns before it was made: one more ends it.
    shutdowns: u64,
    state: Mutex<State>,
}

struct State {
    url: String,
    tries: Tries,
    /// The address that failed last.
    failed: Option<SocketAddr>,
    /// The current socket or wait; `None` while the next step is decided.
    now: Option<Now>,
    /// The socket or wait before. Its last callback is running while the next step is decided, and during the last
    /// callbacks of the reconnector.
    before: Weak<Socket>,
    /// Number of sockets and waits that have ended.
    step: u64,
    /// The host has asked to skip the next wait.
    retry_now: bool,
    /// The host has ended the reconnector, with this code and reason.
    stop: Option<(u16, String)>,
    /// A step to the next socket or wait has panicked.
    broken: bool,
    over: bool,
    queue: Queue,
    past: Past,
}

struct Now {
    socket: Arc<Socket>,
    is_wait: bool,
    /// The socket was started, so that its end will be reported.
    begun: bool,
    /// Messages are sent to the socket, not to the queue.
    up: bool,
}

impl Reconnector {
    /// Checks the URL and the combination of options; does nothing else yet. On an error no function of the host was
    /// called.
    pub fn new(
        url: &str,
        options: &Options,
        policy: Policy,
        host: Arc<dyn ReconnectHandler>,
        dispatcher: Option<Arc<Dispatcher>>,
    ) -> Result<Arc<Reconnector>, Error> {
        url::parse(url)?;
        options.check_combination()?;
        let mut options = options.clone();
        // Must run on the host's thread, as for a socket.
        options.proxy.choose_proxy();
        let state = State {
            url: url.to_owned(),
            tries: Tries::new(Instant::now()),
            failed: None,
            now: None,
            before: Weak::new(),
            step: 0,
            retry_now: false,
            stop: None,
            broken: false,
            over: false,
            queue: Queue::default(),
            past: Past::new(),
        };
        let shutdowns = engine::shutdowns();
        Ok(Arc::new(Reconnector { policy, options, dispatcher, host, shutdowns, state: Mutex::new(state) }))
    }

    /// Begins; the first attempt is made in the context of the callbacks. On an error no function of the host was
    /// called.
    pub fn start(self: &Arc<Self>) -> Result<(), Error> {
        self.wait(Duration::ZERO)
    }

    fn wait(self: &Arc<Self>, delay: Duration) -> Result<(), Error> {
        let url = self.state.lock().url.clone();
        let handler = Arc::new(Wait(Arc::clone(self)));
        let socket = Unopened::timer(&url, delay, handler, self.dispatcher.clone())?;
        self.begin(socket, true)
    }

    /// Starts a socket or a wait. Its first event may come before this returns.
    fn begin(&self, unopened: Unopened, is_wait: bool) -> Result<(), Error> {
        let socket = Arc::clone(unopened.socket());
        let mut state = self.state.lock();
        let step = state.step;
        let now = Now { socket: Arc::clone(&socket), is_wait, begun: false, up: false };
        state.now = Some(now);
        // An attempt fulfils an earlier request to retry.
        state.retry_now &= is_wait;
        drop(state);
        fault_point!();
        let started = unopened.start();
        let mut state = self.state.lock();
        let still = state.step == step;
        if started.is_err() {
            let now = state.now.take();
            drop(state);
            drop(now);
            return started.map(drop);
        }
        if let Some(now) = state.now.as_mut().filter(|_| still) {
            now.begun = true;
        }
        let stop = state.stop.clone().filter(|_| still);
        let at_once = is_wait && still && std::mem::take(&mut state.retry_now);
        drop(state);
        // It lives, and its end will be reported.
        contained(|| {
            match stop {
                Some(stop) => end(&socket, is_wait, &stop),
                None if at_once => drop(socket.abort()),
                // The socket began too late to be ended by the shutdown.
                None if still && self.was_shut_down() => drop(socket.abort()),
                None => {}
            }
            fault_point!();
        });
        Ok(())
    }

    fn was_shut_down(&self) -> bool {
        engine::shutdowns() != self.shutdowns
    }

    /// Records that the current socket or wait has ended. Returns the reason if the reconnector is over.
    fn step(&self) -> Option<GivenUp> {
        let mut state = self.state.lock();
        state.step += 1;
        let now = state.now.take();
        state.before = now.as_ref().map_or_else(Weak::new, |now| Arc::downgrade(&now.socket));
        if let Some(now) = now.as_ref().filter(|now| !now.is_wait) {
            state.past.add(&now.socket);
        }
        drop(state);
        drop(now);
        fault_point!();
        self.ended()
    }

    fn ended(&self) -> Option<GivenUp> {
        let (stopped, broken) = {
            let state = self.state.lock();
            (state.stop.is_some(), state.broken)
        };
        if stopped {
            return Some(GivenUp::Host);
        }
        if broken {
            return Some(GivenUp::Refused);
        }
        if self.was_shut_down() {
            return Some(GivenUp::ShutDown);
        }
        self.dispatcher
            .as_ref()
            .is_some_and(|dispatcher| dispatcher.is_closed())
            .then_some(GivenUp::Dispatcher)
    }

    /// Makes an attempt, after a wait.
    fn attempt(self: &Arc<Self>) {
        if let Some(given_up) = self.step() {
            return self.give_up(given_up, End::default());
        }
        let mut options = self.options.clone();
        let (attempt, mut url) = {
            let state = self.state.lock();
            options.network.begin_behind = state.failed;
            (state.tries.attempt(), state.url.clone())
        };
        let mut begun = Ok(());
        match self.host.attempt(attempt, &mut options) {
            None => {}
            Some(Ok(fresh)) => {
                // An invalid URL is not kept for later attempts.
                if url::parse(&fresh).is_ok() {
                    self.state.lock().url.clone_from(&fresh);
                }
                url = fresh;
            }
            Some(Err(code)) => begun = Err(no_url(code)),
        }
        fault_point!();
        self.state.lock().retry_now = false;
        if let Some(given_up) = self.ended() {
            return self.give_up(given_up, End::default());
        }
        options.ping_by_default();
        fault_point!();
        let begun =
            begun.and_then(|()| self.host.check(&options)).and_then(|()| self.connect(&url, &options));
        if let Err(error) = begun {
            let end = End::failed(error);
            match self.ended() {
                Some(given_up) => self.give_up(given_up, end),
                None => self.decide(end),
            }
        }
    }

    fn connect(self: &Arc<Self>, url: &str, options: &Options) -> Result<(), Error> {
        let (inner, name) = self.host.socket();
        let handler = Arc::new(Connection { reconnector: Arc::clone(self), inner: Arc::clone(&inner) });
        let started = contained(|| {
            Unopened::new(url, options, handler, self.dispatcher.clone(), false)
                .and_then(|unopened| name(unopened.socket()).map(|()| unopened))
                .and_then(|unopened| self.begin(unopened, false))
        });
        let started = started.unwrap_or_else(|| {
            // It was not begun.
            let now = self.state.lock().now.take();
            drop(now);
            Err(fault())
        });
        if started.is_err() {
            // Releases its handle, if it has one.
            inner.over();
        }
        started
    }

    /// Called when a socket was freed.
    fn disconnected(self: &Arc<Self>) {
        let socket = self.state.lock().now.as_ref().map(|now| Arc::clone(&now.socket));
        let end = socket.map_or(End::default(), |socket| End::of(&socket, SystemTime::now()));
        match self.step() {
            Some(given_up) => self.give_up(given_up, end),
            None => self.decide(end),
        }
    }

    fn decide(self: &Arc<Self>, end: End) {
        let random = u64::from_ne_bytes(random::bytes());
        let now = Instant::now();
        let mut tries = {
            let mut state = self.state.lock();
            state.tries.ended(&self.policy, &end, now);
            state.failed = end.address.or(state.failed);
            state.tries.clone()
        };
        fault_point!();
        // The host is asked with no lock held; no other thread changes `tries`.
        let verdict = tries.decide(&self.policy, &end, now, random, |by_default, attempt| {
            self.host.is_final(&by_default.about(attempt, &end))
        });
        let attempt = tries.attempt();
        fault_point!();
        self.state.lock().tries = tries;
        if let Some(given_up) = self.ended() {
            return self.give_up(given_up, end);
        }
        let delay = match verdict {
            Verdict::Over(given_up) => return self.give_up(given_up, end),
            Verdict::After(delay) => delay,
        };
        self.host.reconnecting(&verdict.about(attempt, &end));
        fault_point!();
        if let Some(given_up) = self.ended() {
            return self.give_up(given_up, end);
        }
        if let Err(error) = self.wait(delay) {
            let given_up = match error.code() {
                ErrorCode::ShutDown => GivenUp::ShutDown,
                ErrorCode::InvalidHandle => GivenUp::Dispatcher,
                // Without a thread or a valid URL no other attempt is possible.
                _ => GivenUp::Refused,
            };
            let cause = end.cause.or(Some(error.code()));
            self.give_up(given_up, End { cause, error: end.error.or(Some(Arc::new(error))), ..end });
        }
    }

    fn give_up(&self, given_up: GivenUp, mut end: End) {
        if self.state.lock().broken && given_up == GivenUp::Refused {
            end = End::failed(fault());
        }
        end.error = match given_up {
            GivenUp::Host => None,
            _ => end.error.or_else(|| self.ended_with(given_up)),
        };
        fault_point!();
        let attempt = {
            let mut state = self.state.lock();
            state.over = true;
            state.queue = Queue::default();
            state.tries.attempt()
        };
        self.host.over(&Verdict::Over(given_up).about(attempt, &end));
    }

    /// Returns the error of an end that no connection has caused.
    fn ended_with(&self, given_up: GivenUp) -> Option<Arc<Error>> {
        let (code, what) = match given_up {
            GivenUp::ShutDown => (ErrorCode::ShutDown, "ws_shutdown"),
            GivenUp::Dispatcher => (ErrorCode::Cancelled, "the end of its dispatcher"),
            _ => return None,
        };
        let url = self.state.lock().url.clone();
        let shown = url::parse(&url).map_or(String::new(), |to| format!(" of {}", to.shown));
        let message = format!("The reconnector{shown} was ended by {what}");
        Some(Arc::new(Error::new(code, Component::Socket, message)))
    }
}

/// The error of a step that has panicked.
fn fault() -> Error {
    let what = "A fault in the library itself ended the reconnector, or one of its attempts";
    Error::new(ErrorCode::Internal, Component::Socket, what)
}

fn no_url(code: ErrorCode) -> Error {
    let message = match code {
        ErrorCode::TooLarge => "The URL that on_attempt returned is longer than 64 KiB",
        _ => "The URL that on_attempt returned is not valid UTF-8",
    };
    Error::new(code, Component::Socket, message)
}
