//! The server as a test holds it: addresses, log, gates, and the end of it all.

use crate::certificates::{Authority, CertKind};
use crate::chat::Rooms;
use crate::listen::{self, Speak};
use crate::log::{Event, Log};
use crate::proxy::{self, Conduct, Proxy};
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use std::{fs, io};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// How long a wait without a time of its own goes on before it fails the test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(if cfg!(windows) { 120 } else { 30 });

/// How a server starts.
#[derive(Debug, Clone)]
pub struct Config {
    /// Port for ws, 0 for a free one.
    pub ws_port: u16,
    /// Port for wss, 0 for a free one.
    pub wss_port: u16,
    /// Whether it keeps what it sees; benchmarks do without.
    pub log: bool,
    /// The receive buffer of each TCP connection; `None`: as the kernel has it, which depends on the machine and grows.
    pub receive_buffer: Option<u32>,
}

impl Default for Config {
    fn default() -> Self {
        Config { ws_port: 0, wss_port: 0, log: true, receive_buffer: None }
    }
}

/// A running server. Its threads, ports, connections and files end with the drop of it.
pub struct Server {
    runtime: Option<Runtime>,
    shared: Arc<Shared>,
    authority: Authority,
    ws_port: u16,
    wss_port: u16,
    others: Mutex<HashMap<CertKind, u16>>,
    folder: PathBuf,
}

/// What connections and the test's thread both touch.
pub(crate) struct Shared {
    pub(crate) log: Arc<Log>,
    pub(crate) gates: watch::Sender<HashSet<String>>,
    pub(crate) rooms: Rooms,
    pub(crate) receive_buffer: Option<u32>,
    pub(crate) next_connection: AtomicU64,
    connections: Mutex<HashMap<u64, Open>>,
    closed: Condvar,
}

/// An open connection, as far as it can be killed.
pub(crate) struct Open {
    pub(crate) task: AbortHandle,
    pub(crate) reset: Arc<AtomicBool>,
}

impl Shared {
    pub(crate) fn connections(&self) -> MutexGuard<'_, HashMap<u64, Open>> {
        self.connections.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn closed(&self, connection: u64) {
        self.connections().remove(&connection);
        self.closed.notify_all();
    }

    /// Waits until `enough` of the open connections' numbers holds.
    fn wait_connections(&self, mut enough: impl FnMut(&HashMap<u64, Open>) -> bool) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let mut open = self.connections();
        while !enough(&open) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            open = match self.closed.wait_timeout(open, left) {
                Ok((open, _)) => open,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        true
    }
}

impl Server {
    /// Starts a server on free ports of 127.0.0.1.
    ///
    /// # Panics
    /// If the machine has no port, thread or temporary folder for it.
    #[must_use]
    pub fn start() -> Server {
        Server::start_with(Config::default()).expect("the test server starts")
    }

    /// The same with receive buffers that are small and fixed, also those of its proxies: what it does not read stays
    /// with the client, whatever the machine's own sizes are.
    ///
    /// # Panics
    /// As [`Server::start`].
    #[must_use]
    pub fn narrow() -> Server {
        let config = Config { receive_buffer: Some(32 * 1024), ..Config::default() };
        Server::start_with(config).expect("the test server starts")
    }

    /// Starts a server as `config` says.
    pub fn start_with(config: Config) -> io::Result<Server> {
        let authority = Authority::new("ws4d test CA").map_err(io::Error::other)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("test-server")
            .enable_all()
            .build()?;
        let shared = Arc::new(Shared {
            log: Arc::new(Log::new(config.log)),
            gates: watch::channel(HashSet::new()).0,
            rooms: Rooms::default(),
            receive_buffer: config.receive_buffer,
            next_connection: AtomicU64::new(1),
            connections: Mutex::new(HashMap::new()),
            closed: Condvar::new(),
        });
        let speak = Speak::tls(&authority, CertKind::Good)?;
        let ws_port = listen::start(runtime.handle(), &shared, config.ws_port, Speak::Plain)?;
        let wss_port = listen::start(runtime.handle(), &shared, config.wss_port, speak)?;
        let folder = new_folder()?;
        for (name, text) in [
            ("ca.pem", &authority.ca_pem),
            ("crl.pem", &authority.crl_pem),
            ("client.pem", &authority.client_chain_pem),
            ("client.key", &authority.client_key_pem),
            ("expired-crl.pem", &authority.expired_crl_pem),
            ("chain-crl.pem", &authority.chain_crl_pem),
            ("intermediate-crl.pem", &authority.intermediate_crl_pem),
            ("client-sec1.key", &authority.client_sec1_pem),
            ("client-rsa.pem", &authority.client_rsa_chain_pem),
        ] {
            fs::write(folder.join(name), text)?;
        }
        for (name, text) in
            ["client-rsa.key", "client-rsa-pkcs1.key"].iter().zip(Authority::client_rsa_key_pems())
        {
            fs::write(folder.join(name), text)?;
        }
        Ok(Server {
            runtime: Some(runtime),
            shared,
            authority,
            ws_port,
            wss_port,
            others: Mutex::default(),
            folder,
        })
    }

    /// `ws://127.0.0.1:PORT` and the path.
    pub fn ws(&self, path: &str) -> String {
        format!("ws://127.0.0.1:{}{path}", self.ws_port)
    }

    /// `wss://localhost:PORT` and the path, with a certificate that [`Server::ca_file`] vouches for.
    pub fn wss(&self, path: &str) -> String {
        format!("wss://localhost:{}{path}", self.wss_port)
    }

    /// The same on a port that presents, or does, what `kind` says.
    ///
    /// # Panics
    /// If there is no port.
    pub fn wss_with(&self, kind: CertKind, path: &str) -> String {
        let mut others = self.others.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let port = others.entry(kind).or_insert_with(|| {
            let speak = Speak::tls(&self.authority, kind).expect("a certificate");
            listen::start(self.runtime().handle(), &self.shared, 0, speak).expect("a free port")
        });
        format!("wss://localhost:{port}{path}")
    }

    /// The certificate that the port of that kind shows, as PEM, once there is one.
    ///
    /// # Panics
    /// If there is no such port.
    pub fn certificate_pem(&self, kind: CertKind) -> String {
        let shown = self.authority.shown.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        shown.get(&kind).expect("a port of that kind").clone()
    }

    /// `wss://localhost:PORT` and the path, on a new port behind which is not this server but whoever listens on that
    /// port of 127.0.0.1: bytes go on as they are.
    ///
    /// # Panics
    /// If there is no port.
    pub fn tls_front(&self, behind: u16, path: &str) -> String {
        let speak = Speak::tls(&self.authority, CertKind::Good).expect("a certificate");
        let port =
            listen::start_front(self.runtime().handle(), &self.shared, speak, behind).expect("a free port");
        format!("wss://localhost:{port}{path}")
    }

    /// A proxy of that conduct, whatever is behind it.
    ///
    /// # Panics
    /// If there is no port.
    pub fn proxy(&self, conduct: Conduct) -> Proxy {
        let speak = match conduct.certificate {
            Some(kind) => Speak::tls(&self.authority, kind).expect("a certificate"),
            None => Speak::Plain,
        };
        let state = proxy::State::new(conduct);
        let port = listen::start_proxy(self.runtime().handle(), &self.shared, speak, &state);
        Proxy::new(port.expect("a free port"), state)
    }

    /// The port for ws.
    pub fn ws_port(&self) -> u16 {
        self.ws_port
    }

    /// The port for wss.
    pub fn wss_port(&self) -> u16 {
        self.wss_port
    }

    /// A port of 127.0.0.1 where nobody listens. It stays bound to the end of the process, so that nobody else can.
    ///
    /// # Panics
    /// If there is no port.
    pub fn closed_port(&self) -> u16 {
        static KEPT: Mutex<Vec<TcpSocket>> = Mutex::new(Vec::new());
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        let port = socket.local_addr().expect("a bound socket has an address").port();
        KEPT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(socket);
        port
    }

    /// A Unix socket that speaks ws, for one call a server.
    ///
    /// # Panics
    /// If it cannot be made.
    #[cfg(unix)]
    pub fn unix_socket(&self) -> PathBuf {
        let path = self.folder.join("socket");
        if !path.exists() {
            listen::start_unix(self.runtime().handle(), &self.shared, &path).expect("a Unix socket");
        }
        path
    }

    /// The server's CA certificate as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.authority.ca_pem
    }

    /// The same in a file, which goes with the server.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// A revocation list with the certificate of [`CertKind::Revoked`] on it.
    pub fn crl_file(&self) -> PathBuf {
        self.folder.join("crl.pem")
    }

    /// The same list, which was to be renewed by 2025.
    pub fn expired_crl_file(&self) -> PathBuf {
        self.folder.join("expired-crl.pem")
    }

    /// The lists of both CAs of [`CertKind::Intermediate`]; [`CertKind::RevokedBehindIntermediate`] is on one.
    pub fn chain_crl_file(&self) -> PathBuf {
        self.folder.join("chain-crl.pem")
    }

    /// The same, with the intermediate CA on the other.
    pub fn intermediate_crl_file(&self) -> PathBuf {
        self.folder.join("intermediate-crl.pem")
    }

    /// Chains and keys that [`CertKind::ClientRequired`] lets in, with the form of the key.
    pub fn client_certificates(&self) -> Vec<(&'static str, PathBuf, PathBuf)> {
        [
            ("PKCS#8, EC", "client.pem", "client.key"),
            ("SEC1", "client.pem", "client-sec1.key"),
            ("PKCS#8, RSA", "client-rsa.pem", "client-rsa.key"),
            ("PKCS#1", "client-rsa.pem", "client-rsa-pkcs1.key"),
        ]
        .map(|(form, chain, key)| (form, self.folder.join(chain), self.folder.join(key)))
        .into()
    }

    /// Chain and key of the client that [`CertKind::ClientRequired`] lets in.
    pub fn client_certificate_files(&self) -> (PathBuf, PathBuf) {
        (self.folder.join("client.pem"), self.folder.join("client.key"))
    }

    /// All that was seen so far.
    pub fn log(&self) -> Vec<Event> {
        self.shared.log.events().clone()
    }

    /// Waits for an event, also one of the past, and gives the first that fits.
    ///
    /// # Panics
    /// If none comes within half a minute; the message holds the log.
    pub fn wait_for(&self, fits: impl FnMut(&Event) -> bool) -> Event {
        self.wait_until(first(fits))
    }

    /// Waits until `found` gives something for the whole log, looking again after each event.
    ///
    /// # Panics
    /// As [`Server::wait_for`].
    pub fn wait_until<T>(&self, found: impl FnMut(&[Event]) -> Option<T>) -> T {
        match self.shared.log.wait(PATIENCE, found) {
            Some(result) => result,
            None => panic!("the server waited in vain; it saw:\n{}", self.shared.log.dump()),
        }
    }

    /// As [`Server::wait_for`], with a time of its own and `None` at its end.
    pub fn wait_for_within(&self, timeout: Duration, fits: impl FnMut(&Event) -> bool) -> Option<Event> {
        self.shared.log.wait(timeout, first(fits))
    }

    /// Connections that are open now.
    pub fn connections(&self) -> usize {
        self.shared.connections().len()
    }

    /// Waits until no connection is open.
    ///
    /// # Panics
    /// If one is left after half a minute; the message holds the log.
    pub fn wait_until_idle(&self) {
        assert!(
            self.shared.wait_connections(HashMap::is_empty),
            "{} connections stay open; the server saw:\n{}",
            self.connections(),
            self.shared.log.dump()
        );
    }

    /// Lets scripts pass the gate of that name, now and later.
    pub fn open_gate(&self, name: &str) {
        self.shared.gates.send_modify(|gates| {
            gates.insert(name.to_owned());
        });
    }

    /// Resets every open connection; when it returns, they are gone.
    pub fn kill_connections(&self) {
        let numbers: Vec<u64> = {
            let open = self.shared.connections();
            for connection in open.values() {
                connection.reset.store(true, Ordering::SeqCst);
                connection.task.abort();
            }
            open.keys().copied().collect()
        };
        self.shared.wait_connections(|open| numbers.iter().all(|number| !open.contains_key(number)));
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("only drop takes the runtime")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // On a thread of its own: inside an async test a runtime must not wait.
            let end = std::thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(10)));
            let _ = end.join();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A temporary folder that did not exist before.
fn new_folder() -> io::Result<PathBuf> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let name =
            format!("ws4d-test-server-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path: PathBuf = Path::new(&std::env::temp_dir()).join(name);
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

/// The first event of a growing log that fits. Each event is looked at once: after a flood, looking at all of them again
/// after each new one would take minutes.
fn first(mut fits: impl FnMut(&Event) -> bool) -> impl FnMut(&[Event]) -> Option<Event> {
    let mut seen = 0;
    move |log| {
        let found = log[seen..].iter().find(|event| fits(event)).cloned();
        seen = log.len();
        found
    }
}
