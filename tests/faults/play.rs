//! One case: a server, a socket, and what both sides saw against what was expected.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use socket2::{Domain, Socket as Raw, Type};
use ws4d_test_host::codes::WS_OK;
use ws4d_test_host::{Host, Opening, Options, Socket, c, name};

use crate::matrix::{Case, Clock, Fault, HOSTS_CODE, Road, Step, Way};
use crate::server::{Seen, serve};
use crate::tls::identity;

/// A time of the library's own that is to end the case.
const SHORT: u32 = 250;
/// One that is never reached: longer than a test waits.
const LONG: u32 = 120_000;

/// Where the client is sent.
enum Target {
    /// A server that plays the case.
    Server(TcpListener),
    /// A port at which nobody listens, kept so that nobody begins to.
    Nobody(Raw),
    /// A listener whose queue is full: what else comes gets no answer.
    Full { listener: Raw, _queued: Raw },
}

impl Target {
    fn of(case: Case) -> Target {
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into();
        let raw = || Raw::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        match (case.step, case.fault) {
            (Step::Tcp, Fault::Reset) | (Step::Dns, Fault::Flood) => {
                let nobody = raw();
                // All addresses of 127.0.0.0/8.
                let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into();
                nobody.bind(&any).expect("a port");
                Target::Nobody(nobody)
            }
            (Step::Tcp, _) => {
                let (listener, queued) = (raw(), raw());
                listener.bind(&here).expect("a port");
                listener.listen(0).expect("a listener");
                queued.connect(&listener.local_addr().expect("an address")).expect("a place in the queue");
                until_readable(&listener);
                Target::Full { listener, _queued: queued }
            }
            _ => Target::Server(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener")),
        }
    }

    fn port(&self) -> u16 {
        let port = |raw: &Raw| raw.local_addr().ok()?.as_socket().map(|address| address.port());
        match self {
            Target::Server(listener) => listener.local_addr().ok().map(|address| address.port()),
            Target::Nobody(raw) | Target::Full { listener: raw, .. } => port(raw),
        }
        .expect("a port")
    }
}

fn until_readable(listener: &Raw) {
    use std::os::fd::AsRawFd;
    let mut poll = libc::pollfd { fd: listener.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: `poll` lives through the call.
    let ready = unsafe { libc::poll(&mut poll, 1, 30_000) };
    assert_eq!(ready, 1, "the connection is in the queue");
}

/// The host's socket, once it is known, for the server's thread.
type Shared = Arc<Mutex<Option<Socket>>>;

/// # Panics
/// Where one side saw something else than what was expected.
pub(crate) fn play(case: Case) {
    let expected = case.expected();
    let target = Target::of(case);
    let port = target.port();
    let host = match case.way {
        Way::Inline => Host::inline(),
        Way::Dispatched | Way::DispatchedBlocking => Host::new(),
        Way::Driven | Way::DrivenBlocking => Host::driving(),
        Way::Pulled => Host::pulling(),
    };
    let socket = Shared::default();
    let (open, is_open) = mpsc::channel();
    // Where the name is not found, nobody comes.
    let comes = case.step != Step::Dns || case.fault == Fault::Drip;
    let server = match target {
        Target::Server(listener) if comes => {
            let socket = Arc::clone(&socket);
            Ok(thread::spawn(move || serve(&listener, case, &is_open, || terminate(&socket))))
        }
        other => Err(other),
    };
    let opening = host.to(url(case, port)).with(options(case, port));
    live(case, &host, opening, &socket, open);
    drop(host);
    let seen = server.map_or_else(|_nobody| Seen::default(), |server| server.join().expect("the server"));
    assert_eq!(seen.close_code, expected.close_code, "the close code that the server saw ({seen:?})");
    if expected.error.is_none() && expected.terminate != "terminate 1006" {
        assert_eq!(seen.trouble, None, "the server's trouble");
    }
}

fn terminate(socket: &Shared) {
    let socket = *socket.lock().unwrap_or_else(PoisonError::into_inner);
    // It is there: the flood began behind the upgrade, and the server waits for nobody else.
    let socket = socket.expect("a socket");
    assert_eq!(name(socket.terminate(HOSTS_CODE.into(), "enough")), "WS_OK");
}

fn url(case: Case, port: u16) -> String {
    let scheme = if case.road == Road::Tls { "wss" } else { "ws" };
    match case.step {
        Step::Dns => {
            let label = match case.waits_for_names() {
                true => "moment".to_owned(),
                false => format!("{:?}", case.fault).to_lowercase(),
            };
            format!("{scheme}://{label}.faults.test:{port}/")
        }
        // Known to the proxy alone.
        Step::Proxy | Step::Socks => "ws://behind.test/".to_owned(),
        _ => format!("{scheme}://127.0.0.1:{port}/"),
    }
}

fn options(case: Case, port: u16) -> Options {
    let clock = case.expected().ended_by;
    let time = |of: Clock| if clock == of { SHORT } else { LONG };
    let proxy = match (case.step, case.road) {
        (Step::Proxy, Road::Bare) => format!("http://127.0.0.1:{port}"),
        (Step::Proxy, Road::Tls) => format!("https://127.0.0.1:{port}"),
        (Step::Socks, _) => format!("socks5h://127.0.0.1:{port}"),
        _ => String::new(),
    };
    let ca = &identity().ca_pem;
    Options::new()
        .set(|api, o| (api.ws_options_set_connect_timeout_ms)(o, time(Clock::Connect)))
        .set(|api, o| (api.ws_options_set_idle_timeout_ms)(o, time(Clock::Idle)))
        // A process that stood still for a second takes that for a sleep of the machine: the server is pinged, and has this
        // long, by default 20 s, to answer before the idle timeout counts.
        .set(|api, o| (api.ws_options_set_ping_timeout_ms)(o, time(Clock::Idle)))
        .set(|api, o| (api.ws_options_set_close_timeout_ms)(o, time(Clock::Close)))
        .set(|api, o| (api.ws_options_set_max_message_size)(o, 1 << 20))
        .set(|api, o| (api.ws_options_set_system_trust)(o, 0))
        .set(|api, o| (api.ws_options_set_ca_pem)(o, ca.as_ptr().cast(), ca.len()))
        .set(|api, o| (api.ws_options_set_proxy)(o, c(&proxy).as_ptr()))
}

/// The host's side of it, from the first call to on_free.
fn live(case: Case, host: &Host, opening: Opening<'_>, shared: &Shared, open: Sender<()>) {
    let expected = case.expected();
    let know = |ws: Socket| *shared.lock().unwrap_or_else(PoisonError::into_inner) = Some(ws);
    let blocking = matches!(case.way, Way::DispatchedBlocking | Way::DrivenBlocking);
    let ws = match blocking {
        false => opening.open_async(),
        true => match opening.try_open() {
            Ok(ws) => ws,
            Err(errors) => {
                assert!(!expected.opens, "ws_new failed: {errors:?}");
                assert_eq!(Some(errors.name().as_str()), expected.error, "{errors:?}");
                assert_eq!(host.trace(), ["free"], "of the callbacks on_free alone runs");
                return;
            }
        },
    };
    know(ws);
    if expected.opens {
        host.run_until("open");
        // Nobody asks where the fault lies before.
        let _ = open.send(());
    }
    if case.step == Step::Closing {
        assert_eq!(name(ws.terminate(HOSTS_CODE.into(), "")), "WS_OK");
    }
    host.run_until("free");

    let floods = case.fault == Fault::Flood;
    let trace = host.trace().into_iter().filter(|line| !(floods && line == "message blob 61440 bytes"));
    let error = expected.error.map(|error| format!("error {error}"));
    let told = [
        expected.opens.then(|| "open".to_owned()),
        expected.message.map(str::to_owned),
        error,
        Some(expected.terminate.to_owned()),
        Some("free".to_owned()),
    ];
    let told: Vec<String> = told.into_iter().flatten().collect();
    let info = ws.close_info();
    assert_eq!(trace.collect::<Vec<_>>(), told, "{info:?}");
    assert_eq!((info.stage, info.tls_alert), (expected.stage, expected.alert), "stage and alert: {info:?}");
    assert_eq!(info.result == WS_OK, expected.terminate != "terminate 1006", "{info:?}");
    assert_eq!(name(ws.release()), "WS_OK");
}
