//! A connection that comes back: sockets one after the other, each with its whole grammar, and waits between them. It
//! stands on top of sockets and changes nothing in them; a wait is a socket that makes no connection (`Socket::timer`),
//! so that it keeps a dispatcher running, and ends with it, with a shutdown and with a terminate, as a socket does.
//!
//! All that is decided happens where a socket or a wait is freed: in the context of the callbacks, one after the other.
//! Whether and when it tries again is `policy`'s; this file has the steps, `control` what the host asks, `sending` the
//! messages, `counting` what passed over all of its sockets.

mod control;
mod counting;
mod policy;
mod retry_after;
mod sending;

pub use policy::{GivenUp, Policy};

use crate::connect::url;
use crate::engine;
use crate::error::{Component, Error, ErrorCode};
use crate::event::Event;
use crate::options::Options;
use crate::random;
use crate::socket::{Dispatcher, Handler, Socket};
use crate::sync::Mutex;
use control::end;
use counting::Past;
pub use policy::End;
use policy::{Tries, Verdict};
use sending::Queue;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

/// What the host is told between two connections, and at the end.
#[derive(Clone, Debug)]
pub struct Reconnecting {
    /// The number of the next attempt since the last stable connection; at the end, that of the last.
    pub attempt: u32,
    /// How long it waits first.
    pub delay: Duration,
    /// How the connection ended.
    pub end: End,
    /// Why it is over; `None`: it is not.
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

/// Gives a socket its name with the host; called before its first event.
pub type Naming = Box<dyn FnOnce(&Arc<Socket>) -> Result<(), Error>>;

/// The host's side of a reconnector. All but [`socket`](Self::socket) are callbacks.
pub trait ReconnectHandler: Send + Sync {
    /// The handler of one more socket, and what names that.
    fn socket(&self) -> (Arc<dyn Handler>, Naming);
    /// Before each attempt: fresh options, and another URL if there is one, or why it is none that could be taken.
    fn attempt(&self, attempt: u32, options: &mut Options) -> Option<Result<String, ErrorCode>>;
    /// A connection, or an attempt, has ended; `about` has what comes by default. Whether it is final.
    fn is_final(&self, about: &Reconnecting) -> bool;
    /// It will try again.
    fn reconnecting(&self, about: &Reconnecting);
    /// It will not; the last call. `free` of the host belongs behind it.
    fn over(&self, about: &Reconnecting);
}

/// A connection that comes back. Every method may be called from any thread, also inside a callback.
pub struct Reconnector {
    policy: Policy,
    /// As the host gave them; each attempt has a copy.
    options: Options,
    dispatcher: Option<Arc<Dispatcher>>,
    host: Arc<dyn ReconnectHandler>,
    /// Shutdowns before it was made: one more ends it.
    shutdowns: u64,
    state: Mutex<State>,
}

struct State {
    url: String,
    tries: Tries,
    /// The address that failed last.
    failed: Option<SocketAddr>,
    /// What it does now; `None` while it decides.
    now: Option<Now>,
    /// What it did before: while it decides, and while its own last callbacks run, the last callback of that one runs.
    before: Weak<Socket>,
    /// Counts what it did.
    step: u64,
    /// The host wants the wait that comes to be none.
    retry_now: bool,
    /// The host wants an end.
    stop: Option<(u16, String)>,
    over: bool,
    queue: Queue,
    past: Past,
}

struct Now {
    socket: Arc<Socket>,
    is_wait: bool,
    /// It was started: an end of it will be told.
    begun: bool,
    /// Messages go to it.
    up: bool,
}

impl Reconnector {
    /// Judges the URL and the options together; does nothing else yet. Nothing of the host was called if that fails.
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
        // Here, on the host's thread, as for a socket.
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
            over: false,
            queue: Queue::default(),
            past: Past::new(),
        };
        let shutdowns = engine::shutdowns();
        Ok(Arc::new(Reconnector { policy, options, dispatcher, host, shutdowns, state: Mutex::new(state) }))
    }

    /// Begins: the first attempt is made in the context of the callbacks. On an error nothing of the host was called.
    pub fn start(self: &Arc<Self>) -> Result<(), Error> {
        self.wait(Duration::ZERO)
    }

    fn wait(self: &Arc<Self>, delay: Duration) -> Result<(), Error> {
        let url = self.state.lock().url.clone();
        let handler = Arc::new(Wait(Arc::clone(self)));
        let socket = Socket::timer(&url, delay, handler, self.dispatcher.clone())?;
        self.begin(socket, true)
    }

    /// Starts a socket or a wait. Its first event may come before this returns.
    fn begin(&self, socket: Arc<Socket>, is_wait: bool) -> Result<(), Error> {
        let mut state = self.state.lock();
        let step = state.step;
        let now = Now { socket: Arc::clone(&socket), is_wait, begun: false, up: false };
        state.now = Some(now);
        // What was asked for before is done by an attempt.
        state.retry_now &= is_wait;
        drop(state);
        let started = socket.start();
        let mut state = self.state.lock();
        let still = state.step == step;
        if started.is_err() {
            let now = state.now.take();
            drop(state);
            drop(now);
            return started;
        }
        if let Some(now) = state.now.as_mut().filter(|_| still) {
            now.begun = true;
        }
        let stop = state.stop.clone().filter(|_| still);
        let at_once = is_wait && still && std::mem::take(&mut state.retry_now);
        drop(state);
        match stop {
            Some(stop) => end(&socket, is_wait, &stop),
            None if at_once => drop(socket.abort()),
            // It began too late for the shutdown to see it.
            None if still && self.was_shut_down() => drop(socket.abort()),
            None => {}
        }
        Ok(())
    }

    fn was_shut_down(&self) -> bool {
        engine::shutdowns() != self.shutdowns
    }

    /// What it did has ended; says whether that is the end of all.
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
        self.ended()
    }

    fn ended(&self) -> Option<GivenUp> {
        if self.state.lock().stop.is_some() {
            return Some(GivenUp::Host);
        }
        if self.was_shut_down() {
            return Some(GivenUp::ShutDown);
        }
        self.dispatcher
            .as_ref()
            .is_some_and(|dispatcher| dispatcher.is_closed())
            .then_some(GivenUp::Dispatcher)
    }

    /// The wait is over.
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
                // One that is wrong is not for the attempts after this one.
                if url::parse(&fresh).is_ok() {
                    self.state.lock().url.clone_from(&fresh);
                }
                url = fresh;
            }
            Some(Err(code)) => begun = Err(no_url(code)),
        }
        self.state.lock().retry_now = false;
        if let Some(given_up) = self.ended() {
            return self.give_up(given_up, End::default());
        }
        options.ping_by_default();
        let begun = begun.and_then(|()| self.connect(&url, &options));
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
        let started = Socket::new(url, options, handler, self.dispatcher.clone(), false)
            .and_then(|socket| name(&socket).map(|()| socket))
            .and_then(|socket| self.begin(socket, false));
        if started.is_err() {
            // Its name, if it has one.
            inner.over();
        }
        started
    }

    /// A socket was freed.
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
        // The host is asked with no lock held; nobody else changes `tries`.
        let verdict = tries.decide(&self.policy, &end, now, random, |by_default, attempt| {
            self.host.is_final(&by_default.about(attempt, &end))
        });
        let attempt = tries.attempt();
        self.state.lock().tries = tries;
        if let Some(given_up) = self.ended() {
            return self.give_up(given_up, end);
        }
        let delay = match verdict {
            Verdict::Over(given_up) => return self.give_up(given_up, end),
            Verdict::After(delay) => delay,
        };
        self.host.reconnecting(&verdict.about(attempt, &end));
        if let Some(given_up) = self.ended() {
            return self.give_up(given_up, end);
        }
        if let Err(error) = self.wait(delay) {
            let given_up = match error.code() {
                ErrorCode::ShutDown => GivenUp::ShutDown,
                ErrorCode::InvalidHandle => GivenUp::Dispatcher,
                // Without a thread, or a URL, there is no next attempt.
                _ => GivenUp::Refused,
            };
            let cause = end.cause.or(Some(error.code()));
            self.give_up(given_up, End { cause, error: end.error.or(Some(Arc::new(error))), ..end });
        }
    }

    fn give_up(&self, given_up: GivenUp, mut end: End) {
        end.error = match given_up {
            GivenUp::Host => None,
            _ => end.error.or_else(|| self.ended_with(given_up)),
        };
        let attempt = {
            let mut state = self.state.lock();
            state.over = true;
            state.queue = Queue::default();
            state.tries.attempt()
        };
        self.host.over(&Verdict::Over(given_up).about(attempt, &end));
    }

    /// Why it is over where no connection has said so.
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

fn no_url(code: ErrorCode) -> Error {
    let what = match code {
        ErrorCode::TooLarge => "longer than 64 KiB",
        _ => "not UTF-8",
    };
    Error::new(code, Component::Socket, format!("The URL that on_attempt returned is {what}"))
}

/// The handler of a wait.
struct Wait(Arc<Reconnector>);

impl Handler for Wait {
    fn receives(&self) -> bool {
        false
    }

    fn event(&self, _: &Event) {}

    fn over(&self) {}

    fn free(&self) {
        self.0.attempt();
    }
}

/// The handler of a connection: the host's, and what follows when it is freed.
struct Connection {
    reconnector: Arc<Reconnector>,
    inner: Arc<dyn Handler>,
}

impl Handler for Connection {
    fn receives(&self) -> bool {
        self.inner.receives()
    }

    fn connected(&self, socket: &Socket) {
        self.reconnector.hand_over(socket);
    }

    fn event(&self, event: &Event) {
        self.inner.event(event);
    }

    fn over(&self) {
        self.inner.over();
    }

    fn free(&self) {
        self.inner.free();
        self.reconnector.disconnected();
    }
}
