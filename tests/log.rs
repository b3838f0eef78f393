//! The log: as much as was asked for, on one line each, and never a secret.

mod support;

use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, mpsc};
use std::thread;

use support::script;
use ws4d_test_host::codes::*;
use ws4d_test_host::{Errors, Host, Options, Socket, alone, api, c, text};
use ws4d_test_server::{CertKind, Server};

#[derive(Clone, Debug)]
struct Line {
    level: i32,
    component: String,
    message: String,
}

static LINES: Mutex<Vec<Line>> = Mutex::new(Vec::new());

extern "C" fn write(level: i32, component: *const c_char, message: *const c_char, user_data: *mut c_void) {
    // What it may call: names.
    let name = text((api().ws_result_name)(0));
    let [component, message] = [component, message].map(|part| text(part).unwrap_or("NULL".into()));
    if name.as_deref() == Some("WS_OK") && user_data.addr() == 7 {
        LINES.lock().unwrap().push(Line { level, component, message });
    }
}

/// Sets the log for one test and takes it back.
struct Logging(#[allow(dead_code)] MutexGuard<'static, ()>);

impl Logging {
    fn at(level: i32) -> Logging {
        let guard = alone();
        LINES.lock().unwrap().clear();
        (api().ws_set_log)(level, Some(write), ptr::without_provenance_mut(7));
        Logging(guard)
    }

    fn lines(&self) -> Vec<Line> {
        LINES.lock().unwrap().clone()
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        (api().ws_set_log)(WS_LOG_LEVEL_OFF, None, ptr::null_mut());
    }
}

/// Connects well, is refused, breaks, and meets a certificate that it must not trust.
fn live_a_little(server: &Server) {
    let host = Host::new();
    let url = |path: &str| script(server, path);
    host.to(url("text:a,close:1000")).named("well").open();
    host.run_until("well free");
    host.to(url("frame:f1:00")).named("broken").open();
    host.run_until("broken free");
    host.to(format!("ws://127.0.0.1:{}/", server.closed_port())).named("refused").try_open().unwrap_err();
    host.to(server.wss_with(CertKind::SelfSigned, "/echo")).named("untrusted").try_open().unwrap_err();
    let ca = c(server.ca_file().to_str().unwrap());
    let trusting = Options::new().set(|api, o| (api.ws_options_set_ca_file)(o, ca.as_ptr()));
    host.to(server.wss("/echo")).named("trusted").with(trusting).open();
    let blind = Options::new().set(|api, o| (api.ws_options_set_verify)(o, 0));
    host.to(server.wss_with(CertKind::SelfSigned, "/echo")).named("blind").with(blind).open();
}

#[test]
fn without_a_function_or_a_level_the_library_is_silent() {
    let server = Server::start();
    let off = Logging::at(WS_LOG_LEVEL_OFF);
    live_a_little(&server);
    assert!(off.lines().is_empty(), "{:#?}", off.lines());
    (api().ws_set_log)(WS_LOG_LEVEL_TRACE, None, ptr::without_provenance_mut(7));
    live_a_little(&server);
    assert!(off.lines().is_empty());
}

#[test]
fn each_level_includes_those_above_it_and_no_more() {
    let server = Server::start();
    let mut before = 0;
    for level in [WS_LOG_LEVEL_ERROR, WS_LOG_LEVEL_WARN, WS_LOG_LEVEL_INFO, WS_LOG_LEVEL_DEBUG] {
        let logging = Logging::at(level);
        live_a_little(&server);
        let lines = logging.lines();
        assert!(lines.iter().all(|line| (WS_LOG_LEVEL_ERROR..=level).contains(&line.level)), "{lines:#?}");
        assert!(
            level == WS_LOG_LEVEL_ERROR || lines.iter().any(|line| line.level == level),
            "none of {level}"
        );
        assert!(lines.len() >= before, "{level}: {lines:#?}");
        before = lines.len();
    }
    assert!(before > 0);
}

#[test]
fn a_line_is_one_line_and_says_which_part_speaks() {
    let server = Server::start();
    let logging = Logging::at(WS_LOG_LEVEL_TRACE);
    live_a_little(&server);
    // A server that would write lines of its own.
    let host = Host::new();
    host.to(server.ws("/status?code=503&line=HTTP/1.1%20503%20bad%0Dline")).try_open().unwrap_err();
    let known = ["sock", "dns ", "tcp ", "tls ", "http", "prox", "ws  ", "json"];
    for line in logging.lines() {
        assert!(known.contains(&line.component.as_str()), "{line:?}");
        assert!(!line.message.is_empty() && !line.message.chars().any(char::is_control), "{line:?}");
    }
}

#[test]
fn a_level_out_of_range_is_the_nearest() {
    let server = Server::start();
    let logging = Logging::at(i32::MIN);
    live_a_little(&server);
    assert!(logging.lines().is_empty());
    drop(logging);
    let logging = Logging::at(i32::MAX);
    live_a_little(&server);
    assert!(logging.lines().iter().any(|line| line.level >= WS_LOG_LEVEL_DEBUG));
}

/// Opens `url` with secrets in every place that takes some.
fn with_secrets(host: &Host, name: &str, url: &str) -> Result<Socket, Errors> {
    let header = |name: &str, value: &str| (c(name), c(value));
    let key = header("X-Api-Key", "Bearer hunter2-header");
    let proxy = header("Proxy-Authorization", "Basic hunter2-proxy");
    let cookie = c("session=hunter2-cookie; b=2");
    let subprotocol = c("hunter2-subprotocol");
    let mut options = Options::new()
        .set(|api, o| (api.ws_options_set_header)(o, key.0.as_ptr(), key.1.as_ptr()))
        .set(|api, o| (api.ws_options_set_proxy_header)(o, proxy.0.as_ptr(), proxy.1.as_ptr()))
        .set(|api, o| (api.ws_options_set_cookie)(o, cookie.as_ptr()))
        .set(|api, o| (api.ws_options_set_subprotocol)(o, subprotocol.as_ptr()))
        .set(|api, o| (api.ws_options_set_ping_interval_ms)(o, 10))
        .set(|api, o| (api.ws_options_set_max_redirects)(o, 2));
    if !url.contains('@') {
        let own = header("Authorization", "Bearer hunter2-authorization");
        options = options.set(|api, o| (api.ws_options_set_header)(o, own.0.as_ptr(), own.1.as_ptr()));
    }
    host.to(url).named(name).with(options).try_open()
}

/// All forms in which the secrets of these tests could show themselves.
const SECRETS: &[&str] = &["hunter2", "hunter%32", "anna", "YW5uYTpodW50ZXIyLXVybA"];

fn check_secrets(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

/// `docs/hostile.md`, line 24. In every option, in the URL's user info and in its query; of a whole life, and of
/// all that can fail.
#[test]
fn no_secret_is_in_any_line_or_error() {
    let server = Server::start();
    let logging = Logging::at(WS_LOG_LEVEL_TRACE);
    let host = Host::new();
    host.on("error", |call| check_secrets(&format!("{:?}", call.event.errors())));
    let closed = format!("ws://127.0.0.1:{}/", server.closed_port());
    let urls = [
        server.ws("/echo"),
        server.ws("/status?code=401&body=who"),
        server.ws("/status?code=407"),
        server.ws("/status?code=302&header=Location:/status?token=hunter2-location%26code=500"),
        server.ws("/status?code=302&header=Location:http:/x?token=hunter2-location"),
        server.ws("/bad-accept"),
        server.ws("/unasked-protocol"),
        server.ws("/eof"),
        server.wss_with(CertKind::SelfSigned, "/echo"),
        script(&server, "frame:f1:00"),
        script(&server, "rst"),
        script(&server, "close:4001:bye"),
        closed,
        "ws://nowhere.invalid/".to_owned(),
        "ws://127.0.0.1:1/#fragment".to_owned(),
        "ws://127.0.0.1:99999/".to_owned(),
        "ws://127.0.0.1:1/a b".to_owned(),
        "http://127.0.0.1:1/".to_owned(),
        "ws://".to_owned(),
    ];
    for (at, url) in urls.iter().enumerate() {
        for user_info in ["", "anna:hunter2-url@", "anna:hunter%32-url@", "anna@hunter2:x@"] {
            let url = url.replacen("://", &format!("://{user_info}"), 1);
            let query = if url.contains('?') { "&" } else { "?" };
            let url = format!("{url}{query}token=hunter2-query");
            match with_secrets(&host, &format!("{at}{user_info}"), &url) {
                Err(errors) => check_secrets(&format!("{errors:?}")),
                Ok(ws) if url.contains("/echo") => {
                    ws.send_text("hunter2-message");
                    ws.ping("hunter2-ping");
                    host.run_until(&format!("{at}{user_info} pong"));
                    ws.terminate(4000, "hunter2-reason");
                    host.run_until(&format!("{at}{user_info} free"));
                }
                Ok(_) => host.run_until(&format!("{at}{user_info} free")),
            }
        }
    }
    let sent = format!("{:?}", server.log());
    let arrived = ["header", "cookie", "subprotocol", "authorization", "query", "message", "ping", "reason"];
    for secret in arrived {
        assert!(sent.contains(&format!("hunter2-{secret}")) || secret == "ping", "{secret} was really sent");
    }
    assert!(!sent.contains("hunter2-proxy"), "no proxy, nobody is told");
    assert!(sent.contains("YW5uYTpodW50ZXIyLXVybA"), "the URL's as Basic authorization");
    assert!(logging.lines().len() > 100);
    check_secrets(&format!("{:?}", logging.lines()));
}

/// `docs/hostile.md`, line 24: a proxy that is not there, and one that is none.
#[test]
fn the_password_of_a_proxy_is_in_no_line_and_no_error() {
    let server = Server::start();
    let logging = Logging::at(WS_LOG_LEVEL_TRACE);
    let host = Host::new();
    for (at, port) in [server.closed_port(), server.ws_port()].into_iter().enumerate() {
        for scheme in ["http", "https", "socks5", "socks5h"] {
            let proxy = c(&format!("{scheme}://anna:hunter2-url@127.0.0.1:{port}"));
            let options = Options::new()
                .set(|api, o| (api.ws_options_set_proxy)(o, proxy.as_ptr()))
                .set(|api, o| (api.ws_options_set_connect_timeout_ms)(o, 2000));
            let url = server.ws("/echo?token=hunter2-query");
            let errors = host.to(url).named(&format!("{scheme}{at}")).with(options).try_open().err();
            check_secrets(&format!("{errors:?}"));
        }
    }
    assert!(logging.lines().iter().any(|line| line.level == WS_LOG_LEVEL_WARN));
    check_secrets(&format!("{:?}", logging.lines()));
}

/// What a line says of a socket begins with its number, so that the lines of one life can be found.
#[test]
fn a_life_has_a_line_for_its_beginning_and_one_for_its_end() {
    let server = Server::start();
    let logging = Logging::at(WS_LOG_LEVEL_INFO);
    let host = Host::new();
    let ends = [
        (script(&server, "close:4001:bye"), WS_LOG_LEVEL_INFO, "closed with 4001, clean"),
        (script(&server, "raw:c100"), WS_LOG_LEVEL_WARN, "reserved bit"),
        (script(&server, "drop"), WS_LOG_LEVEL_WARN, "without a close frame"),
        (server.ws("/status?code=503"), WS_LOG_LEVEL_WARN, "503"),
    ];
    for (at, (url, level, said)) in ends.into_iter().enumerate() {
        let ws = host.to(&*url).named(&at.to_string()).open_async();
        let begins = format!("socket {}: ", (api().ws_get_id)(ws));
        host.run_until(&format!("{at} free"));
        let lines = logging.lines();
        let own: Vec<&Line> = lines.iter().filter(|line| line.message.starts_with(&begins)).collect();
        let opened = own.iter().filter(|line| line.message.contains(": open: ")).count();
        assert_eq!((own.len() - opened, opened), (1, usize::from(!url.contains("503"))), "{own:#?}");
        let last = own.last().expect("the end");
        assert!(last.level == level && last.message.contains(said), "{last:?} does not say {said}");
    }
}

#[test]
fn the_url_of_a_socket_has_no_user_info() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo").replacen("://", "://anna:hunter2@", 1));
    assert_eq!(text((api().ws_get_url)(ws)), Some(server.ws("/echo")));
}

#[test]
fn set_log_returns_when_the_old_function_no_longer_runs() {
    static INSIDE: AtomicBool = AtomicBool::new(false);
    static GATE: Mutex<Option<(mpsc::Sender<()>, mpsc::Receiver<()>)>> = Mutex::new(None);
    extern "C" fn slow(_: i32, _: *const c_char, _: *const c_char, _: *mut c_void) {
        let Some((entered, leave)) = GATE.lock().unwrap().take() else { return };
        INSIDE.store(true, Ordering::SeqCst);
        entered.send(()).unwrap();
        let _ = leave.recv();
        INSIDE.store(false, Ordering::SeqCst);
    }
    let _alone = alone();
    let server = Server::start();
    let ((entered, is_entered), (leave, may_leave)) = (mpsc::channel(), mpsc::channel());
    *GATE.lock().unwrap() = Some((entered, may_leave));
    (api().ws_set_log)(WS_LOG_LEVEL_TRACE, Some(slow), ptr::null_mut());
    let host = Host::new();
    host.open_async(server.ws("/echo"));
    is_entered.recv().unwrap();
    let other = thread::spawn(move || drop(leave));
    (api().ws_set_log)(WS_LOG_LEVEL_OFF, None, ptr::null_mut());
    assert!(!INSIDE.load(Ordering::SeqCst));
    other.join().unwrap();
    host.run_until("open");
}

/// What the receivers of [`receivers_beside_the_programs_have_levels_of_their_own`] heard: the level of each line, by
/// receiver.
static HEARD: [Mutex<Vec<i32>>; 2] = [const { Mutex::new(Vec::new()) }; 2];

extern "C" fn hear(level: i32, _: *const c_char, _: *const c_char, user_data: *mut c_void) {
    HEARD[user_data.addr() - 1].lock().unwrap().push(level);
    // Inside a log function it would wait for itself.
    assert_eq!((api().ws_remove_log)(1), WS_ERR_WRONG_THREAD);
}

#[test]
fn receivers_beside_the_programs_have_levels_of_their_own() {
    let _alone = alone();
    let server = Server::start();
    let add = |level, n| (api().ws_add_log)(level, Some(hear), ptr::without_provenance_mut(n));
    let heard = |n: usize| std::mem::take(&mut *HEARD[n - 1].lock().unwrap());
    let (all, few) = (add(WS_LOG_LEVEL_TRACE, 1), add(WS_LOG_LEVEL_WARN, 2));
    assert!(all != 0 && few != 0 && all != few);
    assert_eq!((api().ws_add_log)(WS_LOG_LEVEL_TRACE, None, ptr::null_mut()), 0);

    live_a_little(&server);
    let (everything, warnings) = (heard(1), heard(2));
    assert!(everything.contains(&WS_LOG_LEVEL_INFO) && everything.contains(&WS_LOG_LEVEL_DEBUG));
    assert!(!warnings.is_empty() && warnings.iter().all(|level| *level <= WS_LOG_LEVEL_WARN), "{warnings:?}");

    assert_eq!((api().ws_remove_log)(all), WS_OK);
    assert_eq!((api().ws_remove_log)(all), WS_ERR_INVALID_ARGUMENT);
    live_a_little(&server);
    assert!(heard(1).is_empty(), "it was removed");
    assert!(!heard(2).is_empty(), "the other one was not");
    assert_eq!((api().ws_remove_log)(few), WS_OK);
    for never in [0, few, u32::MAX] {
        assert_eq!((api().ws_remove_log)(never), WS_ERR_INVALID_ARGUMENT);
    }
}
