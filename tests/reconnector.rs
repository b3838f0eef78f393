//! A connection that comes back: each promise of `ws_reconnector_new`. HOSTILE 22: no storms, caps, Retry-After, close 1013,
//! and what cannot succeed is not tried for ever. One after the other: one of them shuts the library down.

mod support;

use std::collections::VecDeque;
use std::ffi::{CString, c_char, c_void};
use std::ptr;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use support::script;
use ws4d_test_host::codes::*;
use ws4d_test_host::{
    Dispatcher, Errors, Event, Options, OptionsToken, PATIENCE, RawEvent, RawHandler, RawReconnectInfo,
    RawReconnectPolicy, Reconnector, Socket, alone, api, c, name,
};
use ws4d_test_server::{CertKind, Server};

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
    fn new() -> Arc<World> {
        let world = Arc::new(World { state: Mutex::new(State::new()), changed: Condvar::new() });
        // The last callback is on its way out when a test has seen all that it wants.
        std::mem::forget(Arc::clone(&world));
        world
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
    world(user_data).state.lock().unwrap().infos.push(info);
    world(user_data).enter(format!("reconnect {}", info.attempt));
}

extern "C" fn end(_: Reconnector, info: *const RawReconnectInfo, user_data: *mut c_void) {
    // SAFETY: as above.
    let info = unsafe { *info };
    world(user_data).state.lock().unwrap().infos.push(info);
    world(user_data).enter(format!("end {}", info.end));
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

    fn with(
        mode: Mode,
        urls: &[String],
        policy: RawReconnectPolicy,
        options: Options,
        scripts: Vec<(&'static str, Script)>,
    ) -> Test {
        let world = World::new();
        {
            let mut state = world.state.lock().unwrap();
            state.urls = urls.iter().map(|url| c(url)).collect();
            state.scripts = scripts;
        }
        let dispatcher = if mode == Mode::Inline { Dispatcher::NULL } else { (api().ws_dispatcher_new)() };
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
        let r = (api().ws_reconnector_new)(c(&urls[0]).as_ptr(), &handler, options.0, &policy, &mut errors);
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

#[test]
fn it_comes_back_and_each_connection_has_the_grammar_of_a_socket() {
    let _alone = alone();
    let server = Server::start();
    for mode in [Mode::Dispatched, Mode::Inline, Mode::Pull] {
        let urls = [script(&server, "rst"), script(&server, "close:1012:"), server.ws("/echo")];
        let test = Test::new(mode, &urls, FAST);
        test.until("open", 3);
        assert_eq!((api().ws_reconnector_get_status)(test.r), WS_STATUS_CONNECTED);
        assert_eq!((api().ws_reconnector_get_attempts)(test.r), 2);
        let ws = (api().ws_reconnector_get_socket)(test.r);
        assert!(
            (api().ws_get_id)(ws) > 0 && (api().ws_release)(ws) == WS_ERR_INVALID_HANDLE,
            "not the host's to release"
        );
        assert_eq!(test.send("hello"), "WS_OK");
        test.until("message", 1);
        let infos = test.infos();
        assert_eq!((infos[0].result, infos[0].code, infos[0].http_status), (WS_ERR_CONNECTION_RESET, 0, 101));
        assert_eq!((infos[1].result, infos[1].code, infos[1].http_status), (WS_OK, 1012, 101));
        test.terminate();
        test.until("free", 1);
        assert_eq!((api().ws_get_id)(ws), 0, "its handle went with it");
        let mine = thread::current().id();
        let threads = test.world.state.lock().unwrap().threads.clone();
        assert!(threads.iter().all(|thread| (*thread == mine) == (mode != Mode::Inline)));
        assert_eq!(
            test.finish(),
            [
                "attempt 0",
                "open",
                "error WS_ERR_CONNECTION_RESET",
                "terminate 1006",
                "reconnect 1",
                "attempt 1",
                "open",
                "terminate 1012 clean",
                "reconnect 2",
                "attempt 2",
                "open",
                "message text hello",
                "terminate 1000 bye clean",
                "end 1",
                "free",
            ]
        );
    }
}

#[test]
fn run_goes_on_while_it_waits_and_ends_with_it() {
    let _alone = alone();
    let server = Server::start();
    let later: Script = Box::new(|world, _| {
        let stop: Script = Box::new(|_, r| {
            assert_eq!((api().ws_reconnector_terminate)(r, 0, ptr::null()), WS_OK);
        });
        world.state.lock().unwrap().scripts.push(("open", stop));
    });
    let urls = [script(&server, "rst"), server.ws("/echo")];
    let test = Test::with(Mode::Dispatched, &urls, FAST, Options::new(), vec![("attempt 1", later)]);
    assert_eq!((api().ws_dispatcher_run)(test.dispatcher), WS_OK);
    assert_eq!(test.finish().last().unwrap(), "free");
}

/// HOSTILE 22.
#[test]
fn what_cannot_succeed_is_tried_once() {
    let _alone = alone();
    let server = Server::start();
    for status in [401, 403, 404, 407] {
        let test = Test::new(Mode::Dispatched, &[server.ws(&format!("/status?code={status}"))], FAST);
        test.until("free", 1);
        let end = end_of(&test);
        assert_eq!(
            (end.end, end.http_status, end.result),
            (WS_RECONNECT_END_REFUSED, status, WS_ERR_HTTP_STATUS)
        );
        assert_eq!(
            test.finish(),
            ["attempt 0", "error WS_ERR_HTTP_STATUS", "terminate 1006", "end 3", "free"]
        );
    }
    let test = Test::new(Mode::Dispatched, &[server.wss_with(CertKind::Expired, "/echo")], FAST);
    assert_eq!(test.finish(), ["attempt 0", "error WS_ERR_CERTIFICATE", "terminate 1006", "end 3", "free"]);
    // A URL that only on_attempt gives.
    let test = Test::new(Mode::Dispatched, &[server.ws("/close?code=1001"), "http://x/".into()], FAST);
    test.until("free", 1);
    assert_eq!((end_of(&test).end, end_of(&test).result), (WS_RECONNECT_END_REFUSED, WS_ERR_INVALID_URL));
}

#[test]
fn final_close_codes_end_it() {
    let _alone = alone();
    let server = Server::start();
    for code in [1000, 1008] {
        let test = Test::new(Mode::Dispatched, &[server.ws(&format!("/close?code={code}"))], FAST);
        test.until("free", 1);
        assert_eq!(
            (end_of(&test).end, end_of(&test).code, test.count("open")),
            (WS_RECONNECT_END_CLOSE_CODE, code, 1)
        );
    }
    let codes = [4000u16];
    let own = RawReconnectPolicy { final_codes: codes.as_ptr(), final_code_count: 1, ..FAST };
    let urls = [server.ws("/close?code=1000"), server.ws("/close?code=4000")];
    let test = Test::new(Mode::Dispatched, &urls, own);
    test.until("free", 1);
    assert_eq!((end_of(&test).end, test.count("open")), (WS_RECONNECT_END_CLOSE_CODE, 2));
}

/// HOSTILE 22: attempts, their windows, their limits.
#[test]
fn delays_stay_in_their_windows_and_limits_end_it() {
    let _alone = alone();
    let server = Server::start();
    let dead = format!("ws://127.0.0.1:{}/", server.closed_port());
    let policy = RawReconnectPolicy { max_attempts: 5, ..FAST };
    let test = Test::new(Mode::Dispatched, std::slice::from_ref(&dead), policy);
    test.until("free", 1);
    let infos = test.infos();
    let attempts: Vec<u32> = infos.iter().map(|info| info.attempt).collect();
    assert_eq!((attempts, end_of(&test).end), (vec![1, 2, 3, 4, 5, 5], WS_RECONNECT_END_ATTEMPTS));
    for (info, most) in infos[..5].iter().zip([4, 8, 8, 8, 8]) {
        assert!((1..=most).contains(&info.delay_ms) && info.result == WS_ERR_CONNECTION_REFUSED, "{info:?}");
    }
    let policy = RawReconnectPolicy { max_time_ms: 1, min_delay_ms: 2, ..FAST };
    let test = Test::new(Mode::Dispatched, &[dead], policy);
    test.until("free", 1);
    assert_eq!((end_of(&test).end, test.count("attempt")), (WS_RECONNECT_END_TIME, 1));
}

#[test]
fn a_stable_connection_makes_attempts_count_anew() {
    let _alone = alone();
    let server = Server::start();
    for (stable_ms, expected) in [(0, [1, 1, 1]), (60_000, [1, 2, 3])] {
        let policy = RawReconnectPolicy { stable_ms, ..FAST };
        let test = Test::new(Mode::Dispatched, &[server.ws("/close?code=1001")], policy);
        test.until("reconnect", 3);
        assert_eq!(test.infos().iter().map(|info| info.attempt).take(3).collect::<Vec<_>>(), expected);
        test.terminate();
        test.finish();
    }
}

/// HOSTILE 22: Retry-After and 1013 are honoured, a terminate does not wait for them.
#[test]
fn the_server_may_ask_for_time_within_a_limit_and_terminate_ends_the_wait() {
    let _alone = alone();
    let server = Server::start();
    let policy = RawReconnectPolicy { max_retry_after_ms: 3_600_000, max_delay_ms: 600_000, ..FAST };
    for (path, least, most) in [
        ("/status?code=503&header=Retry-After:600", 600_000, 600_004),
        (
            "/status?code=429&header=Retry-After:Wed%2C%2031%20Dec%202600%2023:59:59%20GMT",
            3_600_000,
            3_600_004,
        ),
        ("/close?code=1013", 300_000, 600_000),
    ] {
        for mode in [Mode::Dispatched, Mode::Inline, Mode::Pull] {
            let test = Test::new(mode, &[server.ws(path)], policy);
            test.until("reconnect", 1);
            let delay = test.infos()[0].delay_ms;
            assert!((least..=most).contains(&delay), "{path}: {delay}");
            assert_eq!((api().ws_reconnector_get_status)(test.r), WS_STATUS_CONNECTING);
            assert_eq!((api().ws_reconnector_get_socket)(test.r), Socket::NULL);
            test.terminate();
            assert_eq!(end_of_finished(test), WS_RECONNECT_END_HOST);
        }
    }
}

fn end_of_finished(test: Test) -> i32 {
    test.until("free", 1);
    end_of(&test).end
}

#[test]
fn each_attempt_has_fresh_options() {
    let _alone = alone();
    let server = Server::start();
    let urls = [server.ws("/close?code=1001"), server.ws("/headers")];
    let test = Test::new(Mode::Dispatched, &urls, FAST);
    test.until("message", 1);
    let head = test.trace().iter().find(|line| line.starts_with("message")).cloned().unwrap();
    let heads: Vec<String> =
        server.log().iter().filter_map(|event| format!("{:?}", event.seen).into()).collect();
    assert!(head.contains("bytes") || head.contains("token-2"), "{head}");
    assert!(
        heads.iter().any(|seen| seen.contains("token-1"))
            && heads.iter().any(|seen| seen.contains("token-2"))
    );
    assert!(!heads.iter().any(|seen| seen.contains("token-1") && seen.contains("token-2")), "a copy each");
    test.terminate();
    test.finish();
}

#[test]
fn messages_wait_in_order_within_the_bound() {
    let _alone = alone();
    let server = Server::start();
    for mode in [Mode::Dispatched, Mode::Inline] {
        let policy = RawReconnectPolicy { queue_size: 3 * 65, ..FAST };
        let urls = [server.ws("/close?code=1001"), server.ws("/echo")];
        let fill: Script = Box::new(|_, r| {
            assert_eq!(send(r, "a"), "WS_OK");
            for text in ["b", "c"] {
                assert_eq!(send(r, text), "WS_OK");
            }
            assert_eq!(send(r, "d"), "WS_ERR_WOULD_BLOCK");
            let bad = (api().ws_reconnector_send)(r, WS_DATA_TYPE_TEXT, [0xff_u8].as_ptr().cast(), 1, 0);
            assert_eq!(bad, WS_ERR_INVALID_UTF8);
        });
        let later: Script = Box::new(|world, _| {
            world
                .state
                .lock()
                .unwrap()
                .scripts
                .push(("open", Box::new(|_, r| assert_eq!(send(r, "e"), "WS_OK"))));
        });
        let test =
            Test::with(mode, &urls, policy, Options::new(), vec![("reconnect", fill), ("attempt 1", later)]);
        test.until("message", 4);
        test.until("drain", 1);
        let got: Vec<_> = test.trace().into_iter().filter(|line| line.starts_with("message")).collect();
        assert_eq!(got, ["message text a", "message text b", "message text c", "message text e"]);
        test.terminate();
        test.finish();
    }
}

#[test]
fn without_a_queue_nothing_is_kept() {
    let _alone = alone();
    let server = Server::start();
    let fill: Script = Box::new(|_, r| assert_eq!(send(r, "lost"), "WS_ERR_WOULD_BLOCK"));
    let urls = [server.ws("/close?code=1001"), server.ws("/echo")];
    let test = Test::with(Mode::Dispatched, &urls, FAST, Options::new(), vec![("reconnect", fill)]);
    test.until("drain", 1);
    assert_eq!(test.send("now"), "WS_OK");
    test.until("message", 1);
    assert_eq!(test.count("message text now"), 1);
    test.terminate();
    test.finish();
}

#[test]
fn it_may_be_ended_and_released_in_each_callback() {
    let _alone = alone();
    let server = Server::start();
    for mode in [Mode::Dispatched, Mode::Inline] {
        for from in ["attempt 0", "open", "message", "terminate", "reconnect 1", "attempt 1"] {
            let stop: Script = Box::new(|_, r| {
                assert_eq!((api().ws_reconnector_terminate)(r, 4000, ptr::null()), WS_OK);
                assert_eq!((api().ws_reconnector_terminate)(r, 4001, ptr::null()), WS_OK);
                assert_eq!((api().ws_reconnector_terminate)(r, 999, ptr::null()), WS_ERR_INVALID_CLOSE_CODE);
                assert_eq!(send(r, "x"), "WS_ERR_CLOSED");
            });
            let url = script(&server, "text:hi,close:1012:");
            let test = Test::with(mode, &[url], FAST, Options::new(), vec![(from, stop)]);
            test.until("free", 1);
            let trace = test.trace();
            assert_eq!(end_of(&test).end, WS_RECONNECT_END_HOST, "{from}");
            assert!(
                trace.iter().filter(|line| line.starts_with("attempt")).count() <= 2,
                "{from}: {trace:?}"
            );
            let at = trace.iter().position(|line| line.starts_with(from)).unwrap();
            assert!(
                trace[at + 1..]
                    .iter()
                    .all(|line| !line.starts_with("attempt") && !line.starts_with("reconnect"))
            );
        }
    }
}

#[test]
fn its_dispatcher_ends_it() {
    let _alone = alone();
    let server = Server::start();
    for (path, until) in [("/echo", "open"), ("/close?code=1013", "reconnect")] {
        let test = Test::new(
            Mode::Dispatched,
            &[server.ws(path)],
            RawReconnectPolicy { max_delay_ms: 600_000, ..FAST },
        );
        test.until(until, 1);
        assert_eq!(test.dispatcher.close(), WS_OK);
        assert_eq!(
            (test.count("free"), end_of(&test).end),
            (1, WS_RECONNECT_END_DISPATCHER),
            "during the call"
        );
    }
    // Inside a callback of its own.
    for from in ["attempt 0", "open", "reconnect 1", "attempt 1"] {
        let close: Script = Box::new(|world, _| {
            let dispatcher = world.state.lock().unwrap().dispatcher;
            assert_eq!(dispatcher.close(), WS_OK);
        });
        let url = server.ws("/close?code=1001");
        let test = Test::with(Mode::Dispatched, &[url], FAST, Options::new(), vec![(from, close)]);
        assert_eq!((api().ws_dispatcher_run)(test.dispatcher), WS_ERR_CANCELLED);
        assert_eq!((test.count("free"), end_of(&test).end), (1, WS_RECONNECT_END_DISPATCHER), "{from}");
    }
}

#[test]
fn a_shutdown_ends_it_and_it_does_not_come_back() {
    let _alone = alone();
    let server = Server::start();
    for mode in [Mode::Dispatched, Mode::Inline, Mode::Pull] {
        for (path, until) in
            [("/echo", "open"), ("/close?code=1013", "reconnect"), ("/close?code=1001", "open")]
        {
            let policy = RawReconnectPolicy { max_delay_ms: 600_000, ..FAST };
            let test = Test::new(mode, &[server.ws(path)], policy);
            test.until(until, 1);
            assert_eq!((api().ws_shutdown)(-1), WS_OK);
            if mode == Mode::Inline {
                assert_eq!(test.count("free"), 1, "when it returns");
            }
            let opened = test.count("open");
            test.until("free", 1);
            assert_eq!((end_of(&test).end, test.count("open")), (WS_RECONNECT_END_SHUT_DOWN, opened));
        }
    }
}

#[test]
fn what_can_be_judged_at_once_is_refused_at_once() {
    let _alone = alone();
    let try_new = |url: &str, policy: *const RawReconnectPolicy| {
        let world = World::new();
        let handler = RawHandler {
            user_data: Arc::as_ptr(&world).cast_mut().cast(),
            on_free: Some(free),
            ..RawHandler::INIT
        };
        let mut errors = ptr::null_mut();
        let r = (api().ws_reconnector_new)(c(url).as_ptr(), &handler, OptionsToken(0), policy, &mut errors);
        assert_eq!((r.0, world.state.lock().unwrap().freed), (0, true));
        name(Errors::take(errors).code())
    };
    assert_eq!(try_new("http://x/", ptr::null()), "WS_ERR_INVALID_URL");
    let good = "ws://127.0.0.1:1/";
    for policy in [
        RawReconnectPolicy { size: 8, ..FAST },
        RawReconnectPolicy { size: usize::MAX, ..FAST },
        RawReconnectPolicy { base_delay_ms: 0, ..FAST },
        RawReconnectPolicy { max_delay_ms: 0, ..FAST },
        RawReconnectPolicy { min_delay_ms: 0, ..FAST },
    ] {
        assert_eq!(try_new(good, &policy), "WS_ERR_INVALID_ARGUMENT");
    }
}
