//! A host context: a thread with its sockets, which does something at random with one of them, then waits in its own way.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::content::Content;
use crate::life::{COUNTS, HostsEnd, Life, State, count};
use crate::random::Random;
use crate::server::{Server, ServersEnd};
use ws4d_test_host::codes::*;
use ws4d_test_host::{Dispatcher, Event, Options, Socket, api, c, name};

/// How a context gets its events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// On an I/O thread.
    Inline,
    Waits,
    Runs,
    Pulls,
    PullsBatches,
    Drives,
    DrivesAndPulls,
}

pub(crate) const WAYS: [Way; 7] =
    [Way::Inline, Way::Waits, Way::Runs, Way::Pulls, Way::PullsBatches, Way::Drives, Way::DrivesAndPulls];

/// A watchdog: so long the last ends may take.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Context<'a> {
    way: Way,
    dispatcher: Dispatcher,
    server: &'a Server,
    ca: &'a str,
    random: Random,
    lives: Vec<Arc<Life>>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(way: Way, server: &'a Server, ca: &'a str, random: Random) -> Context<'a> {
        let dispatcher = match way {
            Way::Inline => Dispatcher::NULL,
            Way::Drives | Way::DrivesAndPulls => (api().ws_dispatcher_new_driving)(),
            _ => (api().ws_dispatcher_new)(),
        };
        assert!(way == Way::Inline || dispatcher != Dispatcher::NULL);
        Context { way, dispatcher, server, ca, random, lives: Vec::new() }
    }

    /// So that another thread can end its `run`.
    pub(crate) fn dispatcher(&self) -> Dispatcher {
        self.dispatcher
    }

    /// Does something with a few of its sockets, of which there are `sockets`, and takes what has come.
    pub(crate) fn turn(&mut self, sockets: usize) {
        if self.lives.len() < sockets {
            self.open();
        }
        for _ in 0..self.random.below(16) {
            self.act();
        }
        let sleeps = self.random.percent(50);
        self.take_events(if sleeps { 1 } else { 0 });
        self.reap();
    }

    fn options(&mut self, data_type: i32) -> Options {
        let random = &mut self.random;
        let compresses = random.percent(50);
        if compresses {
            count(&COUNTS.compressed);
        }
        let buffer = random.one_of(&[64 << 10, 1 << 20, 16 << 20]);
        let receive = random.one_of(&[16 << 10, 256 << 10, 16 << 20]);
        let takeover = random.percent(50);
        let options = Options::new()
            // Longer than a busy machine needs.
            .set(|api, o| (api.ws_options_set_close_timeout_ms)(o, 120_000))
            .set(|api, o| (api.ws_options_set_data_type)(o, data_type))
            .set(|api, o| (api.ws_options_set_compression)(o, i32::from(compresses)))
            .set(|api, o| (api.ws_options_set_send_buffer_size)(o, buffer))
            .set(|api, o| (api.ws_options_set_receive_buffer_size)(o, receive))
            .set(|api, o| (api.ws_options_set_system_trust)(o, 0))
            .set(|api, o| (api.ws_options_set_ca_pem)(o, self.ca.as_ptr().cast(), self.ca.len()));
        if compresses && takeover {
            return options.set(|api, o| (api.ws_options_set_compression_context_takeover)(o, 1, 1));
        }
        options
    }

    fn open(&mut self) {
        let messages = self.random.below(60) + 1;
        let servers = self.random.weighted(&[
            (70, ServersEnd::Never),
            (15, ServersEnd::Close(messages)),
            (15, ServersEnd::Reset(messages)),
        ]);
        let data_type = self.random.one_of(&[WS_DATA_TYPE_TEXT, WS_DATA_TYPE_TEXT, WS_DATA_TYPE_OBJECT]);
        let tls = self.random.percent(35);
        let url = match tls {
            true => format!("wss://127.0.0.1:{}{}", self.server.tls, servers.path()),
            false => format!("ws://127.0.0.1:{}{}", self.server.bare, servers.path()),
        };
        let options = self.options(data_type);
        let life = Life::new(self.way == Way::Inline, data_type, servers);
        let handler = life.handler(self.dispatcher);
        let blocking = self.random.percent(20);
        let new = if blocking { api().ws_new } else { api().ws_new_async };
        let mut errors = ptr::null_mut();
        // Whoever stops this context's waits stops this one, too: then it is as if it had not been asked for.
        let ws = new(c(&url).as_ptr(), &handler, options.0, &mut errors);
        if ws == Socket::NULL {
            let code = ws4d_test_host::Errors::take(errors).code();
            life.check(&life.state(), "ws_new", code, &[WS_ERR_CANCELLED]);
            assert!(life.is_freed(), "on_free runs where ws_new fails");
            return;
        }
        count(&COUNTS.opened);
        if blocking {
            count(&COUNTS.blocking);
        }
        if tls {
            count(&COUNTS.wss);
        }
        life.began(ws);
        self.lives.push(life);
    }

    fn act(&mut self) {
        if self.lives.is_empty() {
            return;
        }
        let life = Arc::clone(&self.lives[self.random.below(self.lives.len())]);
        let ws = life.ws();
        if life.is_freed() {
            // It may be one that was closed, whose token is gone.
            return;
        }
        match self.random.below(1000) {
            0..700 => self.send(&life),
            700..800 => self.ping(&life),
            800..840 => {
                let mut state = life.state();
                state.paused = true;
                life.check(&state, "ws_pause", ws.pause(), &[WS_OK]);
                count(&COUNTS.pauses);
            }
            840..920 => resume(&life),
            920..940 => {
                let mut state = life.state();
                state.corked = true;
                life.check(&state, "ws_cork", ws.cork(), &[WS_OK, WS_ERR_CLOSED]);
                count(&COUNTS.corks);
            }
            940..980 => uncork(&life),
            980..993 => self.terminate(&life),
            993..996 => {
                life.state().end = HostsEnd::AtOnce;
                life.check(&life.state(), "ws_abort", ws.abort(), &[WS_OK]);
                count(&COUNTS.aborted);
            }
            996..998 => {
                life.state().end = HostsEnd::AtOnce;
                // Waits for a callback that runs: with no lock that it wants. Its own are over when it returns.
                let result = (api().ws_close)(ws);
                life.check(&life.state(), "ws_close", result, &[WS_OK]);
                count(&COUNTS.closed);
                if !life.is_freed() {
                    life.wrong(&life.state(), "not freed when ws_close has returned");
                }
            }
            _ => {}
        }
    }

    fn send(&mut self, life: &Life) {
        let kind = match (life.data_type, self.random.percent(40)) {
            (_, true) => WS_DATA_TYPE_BLOB,
            (WS_DATA_TYPE_OBJECT, _) => WS_DATA_TYPE_OBJECT,
            _ => WS_DATA_TYPE_TEXT,
        };
        let content = Content::any(&mut self.random, kind);
        let flags = if self.random.percent(20) { WS_SEND_PLAIN } else { 0 };
        let bytes = content.bytes();
        // The lock is held, so that no echo is faster than the model.
        let mut state = life.state();
        let result = (api().ws_send)(life.ws(), kind, bytes.as_ptr().cast(), bytes.len(), flags);
        match result {
            WS_OK => {
                state.expected.push_back(content);
                count(&COUNTS.messages);
                COUNTS.bytes.fetch_add(content.len() as u64, Ordering::Relaxed);
            }
            WS_ERR_WOULD_BLOCK => {
                state.drain = true;
                count(&COUNTS.refused);
            }
            // The server may have ended it, or the host.
            other => life.check(&state, "ws_send", other, &[WS_ERR_CLOSED]),
        }
    }

    fn ping(&mut self, life: &Life) {
        let payload: [u8; 8] = std::array::from_fn(|_| self.random.below(256) as u8);
        let mut state = life.state();
        match (api().ws_ping)(life.ws(), payload.as_ptr().cast(), payload.len()) {
            WS_OK => {
                state.pings.push_back(payload);
                count(&COUNTS.pings);
            }
            WS_ERR_WOULD_BLOCK => {
                state.drain = true;
                count(&COUNTS.refused);
            }
            other => life.check(&state, "ws_ping", other, &[WS_ERR_CLOSED]),
        }
    }

    fn terminate(&mut self, life: &Life) {
        let code = 3000 + self.random.below(1000) as i32;
        let mut state = life.state();
        if state.end == HostsEnd::Not {
            state.end = HostsEnd::Terminated(code);
            life.check(&state, "ws_terminate", life.ws().terminate(code, "enough"), &[WS_OK]);
            // A failure that was found before the call stays one.
            state.may_fail = life.ws().status() == WS_STATUS_CLOSED;
            count(&COUNTS.terminated);
        }
    }

    fn take_events(&mut self, timeout_ms: i32) {
        let d = self.dispatcher;
        match self.way {
            Way::Inline => std::thread::yield_now(),
            Way::Waits | Way::Drives => assert!(d.wait(timeout_ms) >= 0),
            Way::Runs => assert_eq!(name(d.run()), "WS_OK"),
            Way::Pulls | Way::DrivesAndPulls => {
                let mut timeout_ms = timeout_ms;
                for _ in 0..200 {
                    let Some((ws, event)) = d.next(timeout_ms).expect("a pull") else { return };
                    dispatch(&self.lives, ws, event.event());
                    timeout_ms = 0;
                }
            }
            Way::PullsBatches => self.pull_batch(timeout_ms),
        }
    }

    fn pull_batch(&mut self, timeout_ms: i32) {
        let mut batch = ptr::null_mut();
        let taken = (api().ws_dispatcher_next_batch)(self.dispatcher, timeout_ms, 100, &mut batch);
        assert!(taken >= 0, "{}", name(taken));
        let mut count = 0;
        let items = (api().ws_batch_items)(batch, &mut count);
        for at in 0..count {
            // SAFETY: the library says that there are so many, until the batch is freed.
            let ws = unsafe { &*items.add(at) }.ws;
            let event = (api().ws_batch_event)(batch, at);
            dispatch(&self.lives, ws, Event(event));
        }
        (api().ws_batch_free)(batch);
    }

    fn reap(&mut self) {
        self.lives.retain(|life| {
            let over = life.is_freed();
            if over {
                let result = life.ws().release();
                // One that was closed is gone already.
                life.check(&life.state(), "ws_release", result, &[WS_OK, WS_ERR_INVALID_HANDLE]);
            }
            !over
        });
    }

    /// Ends all of them, and sees each end.
    pub(crate) fn finish(mut self) {
        for life in self.lives.clone() {
            uncork(&life);
            resume(&life);
            self.terminate(&life);
        }
        let deadline = Instant::now() + PATIENCE;
        while !self.lives.is_empty() {
            if Instant::now() > deadline {
                for life in &self.lives {
                    count(&COUNTS.left);
                    life.wrong(&life.state(), "no end in good time");
                }
                return;
            }
            self.take_events(1);
            self.reap();
        }
        if self.dispatcher != Dispatcher::NULL {
            assert_eq!(name(self.dispatcher.close()), "WS_OK");
        }
    }
}

/// Hands a pulled event to its life.
fn dispatch(lives: &[Arc<Life>], ws: Socket, event: Event) {
    match lives.iter().find(|life| life.ws() == ws) {
        Some(life) => life.event(ws, event),
        None => panic!("an event of nobody: {}", event.describe()),
    }
}

fn resume(life: &Life) {
    let mut state = life.state();
    state.paused = false;
    let result = life.ws().resume();
    life.check(&state, "ws_resume", result, &[WS_OK]);
}

fn uncork(life: &Life) {
    let mut state: std::sync::MutexGuard<'_, State> = life.state();
    state.corked = false;
    let result = life.ws().uncork();
    life.check(&state, "ws_uncork", result, &[WS_OK, WS_ERR_CLOSED]);
}
