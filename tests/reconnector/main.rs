//! A connection that comes back: each promise of `ws_reconnector_new`. `docs/hostile.md`, line 22: no storms,
//! caps, Retry-After, close 1013, and what cannot succeed is not tried for ever. One after the other: one of them
//! shuts the library down.

#[path = "../support/mod.rs"]
mod support;

mod addresses;
mod attempts;
mod closing;
mod coming_back;
mod counting;
mod ending;
mod retrying;

use std::collections::VecDeque;
use std::ffi::{CString, c_char, c_void};
use std::ptr;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use ws4d_test_host::codes::*;
use ws4d_test_host::{
    Dispatcher, Errors, Event, Options, OptionsToken, PATIENCE, RawEvent, RawHandler, RawReconnectInfo,
    RawReconnectPolicy, Reconnector, Socket, api, c, name,
};

type Script = Box<dyn FnMut(&World, Reconnector) + Send>;

/// What its callbacks touch.
struct World {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    trace: Vec<String>,
    threads: Vec<ThreadId>,
    infos: Vec<RawReconnectInfo>,
    /// The `errors` of each of them.
    errors: Vec<Errors>,
    /// What `is_final` says.
    answers: VecDeque<i32>,
    /// Callbacks on the stack: never two.
    inside: u32,
    urls: VecDeque<CString>,
    kept_url: Option<CString>,
    scripts: Vec<(&'static str, Script)>,
    reconnector: Option<Reconnector>,
    dispatcher: Dispatcher,
    token: u32,
    freed: bool,
}

impl State {
    fn new() -> State {
        State {
            trace: vec![],
            threads: vec![],
            infos: vec![],
            errors: vec![],
            answers: VecDeque::new(),
            inside: 0,
            urls: VecDeque::new(),
            kept_url: None,
            scripts: vec![],
            reconnector: None,
            dispatcher: Dispatcher::NULL,
            token: 0,
            freed: false,
        }
    }
}

impl World {
    #[allow(clippy::arc_with_non_send_sync, reason = "the library's threads have it as a pointer of C")]
    fn new() -> Arc<World> {
        let world = Arc::new(World { state: Mutex::new(State::new()), changed: Condvar::new() });
        // The last callback is on its way out when a test has seen all that it wants.
        std::mem::forget(Arc::clone(&world));
        world
    }

    fn note(&self, info: RawReconnectInfo) {
        let errors = Errors::copy(info.errors);
        let mut state = self.state.lock().unwrap();
        state.infos.push(info);
        state.errors.push(errors);
    }

    fn enter(&self, line: String) {
        let mut state = self.state.lock().unwrap();
        assert!(!state.freed, "{line} after on_free");
        state.inside += 1;
        assert_eq!(state.inside, 1, "{line} inside another callback: {:?}", state.trace);
        state.trace.push(line.clone());
        state.threads.push(thread::current().id());
        // What is called from inside may look at the state.
        let at = state.scripts.iter().position(|(what, _)| line.starts_with(what));
        let script = at.map(|at| state.scripts.remove(at).1);
        // A callback may come before ws_reconnector_new has returned.
        while script.is_some() && state.reconnector.is_none() {
            state = self.changed.wait(state).unwrap();
        }
        let reconnector = state.reconnector;
        drop(state);
        if let (Some(mut script), Some(reconnector)) = (script, reconnector) {
            script(self, reconnector);
        }
        self.state.lock().unwrap().inside -= 1;
        self.changed.notify_all();
    }
}

fn world<'a>(user_data: *mut c_void) -> &'a World {
    // SAFETY: the test keeps it until on_free has run.
    unsafe { &*user_data.cast::<World>() }
}

extern "C" fn event(_: Socket, event: *const RawEvent, user_data: *mut c_void) {
    world(user_data).enter(Event(event.cast_mut()).describe());
}

extern "C" fn free(user_data: *mut c_void) {
    let world = world(user_data);
    world.enter("free".into());
    world.state.lock().unwrap().freed = true;
}

extern "C" fn attempt(
    _: Reconnector,
    options: OptionsToken,
    attempt: u32,
    user_data: *mut c_void,
) -> *const c_char {
    let world = world(user_data);
    world.enter(format!("attempt {attempt}"));
    let mut state = world.state.lock().unwrap();
    state.token += 1;
    let token = c(&format!("token-{}", state.token));
    assert_eq!((api().ws_options_set_header)(options, c"X-Token".as_ptr(), token.as_ptr()), WS_OK);
    state.kept_url = state.urls.pop_front();
    state.kept_url.as_ref().map_or(ptr::null(), |url| url.as_ptr())
}

extern "C" fn reconnect(_: Reconnector, info: *const RawReconnectInfo, user_data: *mut c_void) {
    // SAFETY: it lives until this returns.
    let info = unsafe { *info };
    assert_eq!((info.size, info.end), (size_of::<RawReconnectInfo>(), WS_RECONNECT_END_NONE));
    world(user_data).note(info);
    world(user_data).enter(format!("reconnect {}", info.attempt));
}

extern "C" fn end(_: Reconnector, info: *const RawReconnectInfo, user_data: *mut c_void) {
    // SAFETY: as above.
    let info = unsafe { *info };
    world(user_data).note(info);
    world(user_data).enter(format!("end {}", info.end));
}

/// Answers with the next of `World`'s answers; without one as it would be by default.
extern "C" fn is_final(_: Reconnector, info: *const RawReconnectInfo, user_data: *mut c_void) -> i32 {
    // SAFETY: as above.
    let info = unsafe { *info };
    let errors = Errors::copy(info.errors);
    assert!(!errors.entries.is_empty() && info.size == size_of::<RawReconnectInfo>());
    assert_eq!(info.delay_ms == 0, info.end != WS_RECONNECT_END_NONE);
    let world = world(user_data);
    world.enter(format!("final? {} {}", info.end, info.attempt));
    let answer = world.state.lock().unwrap().answers.pop_front();
    answer.unwrap_or((info.end != WS_RECONNECT_END_NONE).into())
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Dispatched,
    Inline,
    Pull,
}

struct Test {
    world: Arc<World>,
    mode: Mode,
    dispatcher: Dispatcher,
    r: Reconnector,
}

/// Delays of a few milliseconds.
const FAST: RawReconnectPolicy = RawReconnectPolicy {
    base_delay_ms: 4,
    max_delay_ms: 8,
    min_delay_ms: 1,
    on_attempt: Some(attempt),
    on_reconnect: Some(reconnect),
    on_end: Some(end),
    ..RawReconnectPolicy::INIT
};

impl Test {
    /// The URLs are for the attempts in their order; the last one stays.
    fn new(mode: Mode, urls: &[String], policy: RawReconnectPolicy) -> Test {
        Test::with(mode, urls, policy, Options::new(), vec![])
    }

    /// `on_attempt` gives this text, whatever it is.
    fn giving(url: &str, text: CString, policy: RawReconnectPolicy) -> Test {
        let dispatcher = (api().ws_dispatcher_new)();
        Test::begin(dispatcher, Mode::Dispatched, url, vec![text], policy, Options::new(), vec![])
    }

    fn with(
        mode: Mode,
        urls: &[String],
        policy: RawReconnectPolicy,
        options: Options,
        scripts: Vec<(&'static str, Script)>,
    ) -> Test {
        let dispatcher = if mode == Mode::Inline { Dispatcher::NULL } else { (api().ws_dispatcher_new)() };
        Test::on(dispatcher, mode, urls, policy, options, scripts)
    }

    fn on(
        dispatcher: Dispatcher,
        mode: Mode,
        urls: &[String],
        policy: RawReconnectPolicy,
        options: Options,
        scripts: Vec<(&'static str, Script)>,
    ) -> Test {
        let texts = urls.iter().map(|url| c(url)).collect();
        Test::begin(dispatcher, mode, &urls[0], texts, policy, options, scripts)
    }

    fn begin(
        dispatcher: Dispatcher,
        mode: Mode,
        url: &str,
        given: Vec<CString>,
        policy: RawReconnectPolicy,
        options: Options,
        scripts: Vec<(&'static str, Script)>,
    ) -> Test {
        let world = World::new();
        {
            let mut state = world.state.lock().unwrap();
            state.urls = given.into();
            state.scripts = scripts;
        }
        world.state.lock().unwrap().dispatcher = dispatcher;
        let handler = RawHandler {
            user_data: Arc::as_ptr(&world).cast_mut().cast(),
            dispatcher,
            on_open: Some(event),
            on_message: Some(event),
            on_error: Some(event),
            on_terminate: Some(event),
            on_drain: Some(event),
            on_pong: Some(event),
            on_free: Some(free),
            ..RawHandler::INIT
        };
        let mut errors = ptr::dangling_mut();
        let r = (api().ws_reconnector_new)(c(url).as_ptr(), &handler, options.0, &policy, &mut errors);
        assert!(r.0 != 0 && errors.is_null());
        world.state.lock().unwrap().reconnector = Some(r);
        world.changed.notify_all();
        Test { world, mode, dispatcher, r }
    }

    fn trace(&self) -> Vec<String> {
        self.world.state.lock().unwrap().trace.clone()
    }

    fn infos(&self) -> Vec<RawReconnectInfo> {
        self.world.state.lock().unwrap().infos.clone()
    }

    /// Of each `errors`: code and message of entry 0; "" for NULL.
    fn errors(&self) -> Vec<String> {
        let state = self.world.state.lock().unwrap();
        let first = |errors: &Errors| {
            errors.entries.first().map(|(code, _, message)| format!("{}: {message}", name(*code)))
        };
        state.errors.iter().map(|errors| first(errors).unwrap_or_default()).collect()
    }

    fn count(&self, what: &str) -> usize {
        self.trace().iter().filter(|line| line.starts_with(what)).count()
    }

    #[track_caller]
    fn until(&self, what: &str, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.count(what) < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited in vain for {count} {what}: {:?}", self.trace());
            match self.mode {
                Mode::Dispatched => {
                    let ran = self.dispatcher.wait(left.as_millis() as i32);
                    assert!(ran >= 0, "{}", name(ran));
                }
                Mode::Pull => {
                    if let Some((_, pulled)) = self.dispatcher.next(50).unwrap() {
                        let line = pulled.describe();
                        self.world.state.lock().unwrap().trace.push(line);
                    }
                }
                Mode::Inline => {
                    let state = self.world.state.lock().unwrap();
                    drop(self.world.changed.wait_timeout(state, Duration::from_millis(50)).unwrap());
                }
            }
        }
    }

    fn send(&self, text: &str) -> String {
        send(self.r, text)
    }

    fn terminate(&self) {
        assert_eq!((api().ws_reconnector_terminate)(self.r, 1000, c"bye".as_ptr()), WS_OK);
    }

    fn finish(self) -> Vec<String> {
        self.until("free", 1);
        self.trace()
    }
}

fn send(r: Reconnector, text: &str) -> String {
    name((api().ws_reconnector_send)(r, WS_DATA_TYPE_TEXT, text.as_ptr().cast(), text.len(), 0))
}

impl Drop for Test {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        let trace = self.trace();
        assert_eq!(trace.iter().filter(|line| *line == "free").count(), 1, "{trace:?}");
        assert_eq!((trace.last().unwrap().as_str(), self.count("end")), ("free", 1), "{trace:?}");
        // Over: the handle goes with its release.
        assert_eq!((api().ws_reconnector_get_status)(self.r), WS_STATUS_CLOSED);
        assert_eq!(send(self.r, "x"), "WS_ERR_CLOSED");
        assert_eq!((api().ws_reconnector_retry_now)(self.r), WS_ERR_CLOSED);
        assert_eq!((api().ws_reconnector_release)(self.r), WS_OK);
        assert_eq!((api().ws_reconnector_release)(self.r), WS_ERR_INVALID_HANDLE);
        if self.mode != Mode::Inline {
            self.dispatcher.close();
        }
    }
}

fn end_of(test: &Test) -> RawReconnectInfo {
    *test.infos().last().unwrap()
}
