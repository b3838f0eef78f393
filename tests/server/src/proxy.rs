//! Proxies: HTTP CONNECT, plain or over TLS, and SOCKS5; with a password or without, as they should be and in every
//! way wrong. A proxy keeps what it was asked and what it carried, so that a test can see what reached it.

mod connect;
mod socks;

use crate::certificates::CertKind;
use crate::log::Trace;
use crate::server::PATIENCE;
use crate::stream::Stream;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, split};
use tokio::net::TcpStream;

/// How a proxy behaves.
#[derive(Debug, Clone, Default)]
pub struct Conduct {
    /// SOCKS5 instead of HTTP CONNECT.
    pub socks: bool,
    /// What it presents where it speaks TLS.
    pub certificate: Option<CertKind>,
    /// User and password that it wants.
    pub password: Option<(&'static str, &'static str)>,
    /// Said before it is asked.
    pub greeting: Vec<u8>,
    /// Its answers, as they come, instead of the right ones: one for CONNECT; for SOCKS5 the first to the methods, the
    /// second to the password or, without one, to the request.
    pub answers: Vec<Vec<u8>>,
    /// One byte a write, with so much between them.
    pub drip: Option<Duration>,
    /// What follows the last of `answers`.
    pub then: Then,
}

/// What a proxy does once it has given all its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Then {
    /// What is right.
    #[default]
    GoOn,
    /// Nothing more; stays.
    Hold,
    /// Ends the connection.
    End,
    /// Resets it.
    Reset,
    /// Says this for ever.
    Flood(&'static str),
}

/// One connection to a proxy.
#[derive(Debug, Clone, Default)]
pub struct Talk {
    /// What it was asked: the head of a CONNECT; for SOCKS5 `name HOST:PORT` or `address HOST:PORT`, behind
    /// `USER PASSWORD ` if it was told one.
    pub asked: String,
    /// What it has carried to the destination.
    pub carried: Vec<u8>,
}

/// A proxy that runs, as long as its server does.
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

impl Proxy {
    pub(crate) fn new(port: u16, state: Arc<State>) -> Proxy {
        Proxy { port, state }
    }

    /// Its URL with that scheme: `http`, `socks5`, …
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// The same with `user:password@`.
    pub fn url_with(&self, scheme: &str, user_info: &str) -> String {
        format!("{scheme}://{user_info}@127.0.0.1:{}", self.port)
    }

    /// Every connection so far.
    pub fn talks(&self) -> Vec<Talk> {
        self.state.talks().clone()
    }

    /// What it was asked by the only connection that there was; who is faster than the proxy waits for it.
    ///
    /// # Panics
    /// If there was none, or more.
    #[track_caller]
    pub fn only(&self) -> Talk {
        let none_yet = |talks: &mut Vec<Talk>| talks.is_empty();
        let waited = self.state.begun.wait_timeout_while(self.state.talks(), PATIENCE, none_yet);
        let mut talks = waited.unwrap_or_else(PoisonError::into_inner).0.clone();
        assert_eq!(talks.len(), 1, "{talks:?}");
        talks.remove(0)
    }
}

pub(crate) struct State {
    conduct: Conduct,
    talks: Mutex<Vec<Talk>>,
    begun: Condvar,
}

impl State {
    pub(crate) fn new(conduct: Conduct) -> Arc<State> {
        Arc::new(State { conduct, talks: Mutex::default(), begun: Condvar::new() })
    }

    fn talks(&self) -> MutexGuard<'_, Vec<Talk>> {
        self.talks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection has come: its place among the talks.
    pub(crate) fn begin(&self) -> usize {
        let mut talks = self.talks();
        talks.push(Talk::default());
        self.begun.notify_all();
        talks.len() - 1
    }

    pub(crate) async fn serve(self: Arc<Self>, stream: Stream, talk: usize, trace: &Trace) -> io::Result<()> {
        let mut session = Session { state: self, stream, talk, answered: 0 };
        let greeting = session.state.conduct.greeting.clone();
        session.write(&greeting).await?;
        let target = match session.state.conduct.socks {
            true => socks::serve(&mut session).await?,
            false => connect::serve(&mut session).await?,
        };
        match (target, session.state.conduct.then) {
            (Some(target), _) => session.carry(target).await,
            (None, Then::Hold) => {
                session.stream.drain(trace).await;
                Ok(())
            }
            (None, Then::Reset) => {
                session.stream.reset_on_drop();
                Ok(())
            }
            (None, Then::Flood(text)) => loop {
                session.stream.write_all(text.repeat(100).as_bytes()).await?;
            },
            (None, Then::End | Then::GoOn) => {
                session.stream.shutdown().await?;
                session.stream.drain(trace).await;
                Ok(())
            }
        }
    }
}

/// One connection while it is served.
struct Session {
    state: Arc<State>,
    stream: Stream,
    talk: usize,
    answered: usize,
}

impl Session {
    fn conduct(&self) -> &Conduct {
        &self.state.conduct
    }

    fn asked(&self, text: &str) {
        self.state.talks()[self.talk].asked.push_str(text);
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.conduct().drip {
            None => self.stream.write_all(bytes).await?,
            Some(pause) => {
                for byte in bytes {
                    self.stream.write_all(&[*byte]).await?;
                    self.stream.flush().await?;
                    tokio::time::sleep(pause).await;
                }
            }
        }
        self.stream.flush().await
    }

    /// Gives the answer that is due, or the conduct's own. `false`: that was the last one, and no tunnel follows.
    async fn answer(&mut self, right: &[u8]) -> io::Result<bool> {
        let own = self.conduct().answers.get(self.answered).cloned();
        self.answered += 1;
        self.write(own.as_deref().unwrap_or(right)).await?;
        let last = self.answered >= self.conduct().answers.len();
        Ok(!last || self.conduct().then == Then::GoOn)
    }

    /// Carries bytes both ways, and keeps the client's.
    async fn carry(self, target: TcpStream) -> io::Result<()> {
        let Session { state, stream, talk, .. } = self;
        let (mut from_client, mut to_client) = split(stream);
        let (mut from_target, mut to_target) = target.into_split();
        let out = async {
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let n = from_client.read(&mut buffer).await?;
                if n == 0 {
                    return to_target.shutdown().await;
                }
                state.talks()[talk].carried.extend_from_slice(&buffer[..n]);
                to_target.write_all(&buffer[..n]).await?;
            }
        };
        let back = async {
            tokio::io::copy(&mut from_target, &mut to_client).await?;
            to_client.shutdown().await
        };
        tokio::try_join!(out, back).map(|_| ())
    }
}

/// Whatever the name is, this machine.
async fn connect(port: u16) -> io::Result<TcpStream> {
    let target = TcpStream::connect(("127.0.0.1", port)).await?;
    target.set_nodelay(true)?;
    Ok(target)
}
