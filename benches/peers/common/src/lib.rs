//! What the Rust peers have in common: the kinds of `clients/bench.h`, on a `current_thread` runtime, written once for
//! whatever is a [`Peer`].

mod many;
mod transport;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use transport::{Transport, upgrade};

pub(crate) const BATCH: usize = 256;
const BATCH_ANSWER: usize = 4096;

/// How to compress, where the URL asks for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Deflate {
    No,
    Context,
    /// No context takeover.
    Fresh,
}

/// Where to connect.
#[derive(Clone)]
pub struct Target {
    pub url: String,
    pub path: String,
    pub port: u16,
    pub deflate: Deflate,
    /// For wss.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    pub ca: String,
}

impl Target {
    /// A connected transport, TLS done.
    pub async fn transport(&self) -> Transport {
        transport::connect(self).await
    }
}

/// A client under test.
pub trait Peer: Sized + 'static {
    /// It has permessage-deflate.
    const DEFLATE: bool = false;
    /// Several of it can wait on one thread.
    const MANY: bool = true;
    type Message: Clone;

    fn message(text: &str) -> Self::Message;
    fn connect(target: &Target) -> impl Future<Output = Self>;
    /// Sends and flushes.
    fn send(&mut self, message: Self::Message) -> impl Future<Output = ()>;
    /// Sends with those before it, if the client can.
    fn feed(&mut self, message: Self::Message) -> impl Future<Output = ()>;
    fn flush(&mut self) -> impl Future<Output = ()>;
    /// The length of the next message of data.
    fn receive(&mut self) -> impl Future<Output = usize>;
    /// The closing handshake, to the end of the connection.
    fn close(self) -> impl Future<Output = ()>;
}

pub fn unsupported() -> ! {
    std::process::exit(3)
}

pub fn cpu_time() -> Duration {
    // SAFETY: filled by the call.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let of = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    of(usage.ru_utime) + of(usage.ru_stime)
}

/// Starts now; says what `messages` took when it is asked.
pub(crate) struct Clock(Instant, Duration);

impl Clock {
    pub(crate) fn start() -> Clock {
        Clock(Instant::now(), cpu_time())
    }

    pub(crate) fn print(&self, messages: usize) {
        let (wall, cpu) = (self.0.elapsed(), cpu_time() - self.1);
        let micros = |time: Duration| time.as_secs_f64() * 1e6 / messages as f64;
        println!("wall={:.6} cpu={:.6}", micros(wall), micros(cpu));
    }
}

/// The program of a peer.
pub fn main<P: Peer>() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, url, size, count, ca, data] = &arguments[..] else { panic!("six arguments") };
    let (size, count): (usize, usize) = (size.parse().expect("a size"), count.parse().expect("a number"));
    let (scheme, rest) = url.split_once("://127.0.0.1:").expect("a URL of ours");
    let (port, path) = rest.split_at(rest.find('/').expect("a path"));
    let deflate = match path {
        path if path.starts_with("/deflate/fresh") => Deflate::Fresh,
        path if path.starts_with("/deflate") => Deflate::Context,
        _ => Deflate::No,
    };
    let many = matches!(kind.as_str(), "idle" | "tick" | "fan-in");
    if deflate != Deflate::No && !P::DEFLATE || many && !P::MANY {
        unsupported();
    }
    let target = Target {
        url: url.clone(),
        path: path.to_owned(),
        port: port.parse().expect("a port"),
        deflate,
        tls: (scheme == "wss").then(|| transport::tls(ca)),
        ca: ca.clone(),
    };
    let lines = if deflate == Deflate::No { String::new() } else { std::fs::read_to_string(data).expect("samples") };
    let lines: Vec<P::Message> = lines.lines().map(P::message).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let payload = P::message(&"x".repeat(size));
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        match kind.as_str() {
            "echo" => echo::<P>(&target, &[payload], count).await,
            "deflate" => echo::<P>(&target, &lines, count).await,
            "receive" => receive::<P>(&target, size, count).await,
            "send" => send::<P>(&target, payload, count).await,
            "batch" => batch::<P>(&target, payload, count).await,
            "connect" => connects::<P>(&target, count).await,
            "idle" => many::idle::<P>(&target, &lines, count).await,
            "tick" => many::tick::<P>(&target, count).await,
            "fan-in" => many::fan_in::<P>(&target, count).await,
            _ => unsupported(),
        }
    });
    // The system takes the rest back.
    std::process::exit(0);
}

async fn echo<P: Peer>(target: &Target, messages: &[P::Message], count: usize) {
    let mut peer = P::connect(target).await;
    let mut next = messages.iter().cycle();
    for _ in 0..count / 10 + 1 {
        peer.send(next.next().expect("a message").clone()).await;
        peer.receive().await;
    }
    let clock = Clock::start();
    for _ in 0..count {
        peer.send(next.next().expect("a message").clone()).await;
        peer.receive().await;
    }
    clock.print(count);
}

async fn receive<P: Peer>(target: &Target, size: usize, count: usize) {
    let mut peer = P::connect(target).await;
    let clock = Clock::start();
    peer.send(P::message("")).await;
    for _ in 0..count {
        assert_eq!(peer.receive().await, size);
    }
    clock.print(count);
}

async fn send<P: Peer>(target: &Target, message: P::Message, count: usize) {
    let mut peer = P::connect(target).await;
    let clock = Clock::start();
    for _ in 0..count {
        peer.send(message.clone()).await;
    }
    peer.receive().await;
    clock.print(count);
}

async fn batch<P: Peer>(target: &Target, message: P::Message, count: usize) {
    let mut peer = P::connect(target).await;
    let clock = Clock::start();
    for _ in 0..count / BATCH {
        for _ in 0..BATCH {
            peer.feed(message.clone()).await;
        }
        peer.flush().await;
    }
    for _ in 0..count / BATCH_ANSWER {
        peer.receive().await;
    }
    clock.print(count);
}

async fn connects<P: Peer>(target: &Target, count: usize) {
    for _ in 0..count / 10 + 1 {
        P::connect(target).await.close().await;
    }
    let clock = Clock::start();
    for _ in 0..count {
        P::connect(target).await.close().await;
    }
    clock.print(count);
}
