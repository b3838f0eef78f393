//! Ports: accepts, shakes hands where TLS is spoken, and hands the stream to the routes.

use crate::certificates::{Authority, CertKind};
use crate::log::{Log, Seen, Trace};
use crate::route;
use crate::server::{Open, Shared};
use crate::stream::{Stream, Wire, end_of};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio_rustls::TlsAcceptor;

/// What a port speaks.
#[derive(Clone)]
pub(crate) enum Speak {
    Plain,
    Tls(TlsAcceptor),
    Garbage,
    Silent,
}

impl Speak {
    pub(crate) fn tls(authority: &Authority, kind: CertKind) -> io::Result<Speak> {
        Ok(match kind {
            CertKind::Garbage => Speak::Garbage,
            CertKind::Silent => Speak::Silent,
            _ => {
                let config =
                    authority.server_config(kind).map_err(|error| io::Error::other(error.to_string()))?;
                Speak::Tls(TlsAcceptor::from(Arc::new(config)))
            }
        })
    }
}

/// Listens on 127.0.0.1, serves the paths, and gives the port.
pub(crate) fn start(runtime: &Handle, shared: &Arc<Shared>, port: u16, speak: Speak) -> io::Result<u16> {
    let listener = bind(runtime, shared, port)?;
    let port = listener.local_addr()?.port();
    let shared = shared.clone();
    runtime.spawn(accept_all(listener, move |tcp| {
        let speak = speak.clone();
        spawn(&shared, |trace, reset| async move {
            secure(tcp, speak, reset, &trace).await.map(|stream| (stream, trace))
        });
    }));
    Ok(port)
}

/// Listens on 127.0.0.1, forwards each connection's bytes to another port of it, and gives the port.
pub(crate) fn start_front(
    runtime: &Handle,
    shared: &Arc<Shared>,
    speak: Speak,
    behind: u16,
) -> io::Result<u16> {
    let listener = bind(runtime, shared, 0)?;
    let port = listener.local_addr()?.port();
    let shared = shared.clone();
    runtime.spawn(accept_all(listener, move |tcp| {
        let speak = speak.clone();
        spawn(&shared, |trace, reset| async move {
            let mut front = secure(tcp, speak, reset, &trace).await?;
            // An end is passed on as one, and whatever else goes wrong drops both.
            if let Err(error) = forward(&mut front, behind).await {
                trace.saw(end_of(&error));
            }
            None
        });
    }));
    Ok(port)
}

/// Listens on 127.0.0.1 as a proxy, and gives the port.
pub(crate) fn start_proxy(
    runtime: &Handle,
    shared: &Arc<Shared>,
    speak: Speak,
    proxy: &Arc<crate::proxy::State>,
) -> io::Result<u16> {
    let listener = bind(runtime, shared, 0)?;
    let port = listener.local_addr()?.port();
    let (shared, proxy) = (shared.clone(), proxy.clone());
    runtime.spawn(accept_all(listener, move |tcp| {
        let (speak, proxy) = (speak.clone(), proxy.clone());
        let talk = proxy.begin();
        spawn(&shared, |trace, reset| async move {
            let stream = secure(tcp, speak, reset, &trace).await?;
            if let Err(error) = proxy.serve(stream, talk, &trace).await {
                trace.saw(end_of(&error));
            }
            None
        });
    }));
    Ok(port)
}

async fn forward(front: &mut Stream, behind: u16) -> io::Result<()> {
    let mut back = TcpStream::connect(("127.0.0.1", behind)).await?;
    back.set_nodelay(true)?;
    copy_bidirectional(front, &mut back).await.map(|_| ())
}

fn bind(runtime: &Handle, shared: &Shared, port: u16) -> io::Result<TcpListener> {
    let _inside = runtime.enter();
    let socket = TcpSocket::new_v4()?;
    if port != 0 {
        socket.set_reuseaddr(true)?;
    }
    if let Some(bytes) = shared.receive_buffer {
        // Before it listens, so that each connection has it from its first packet on.
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.bind(SocketAddr::from(([127, 0, 0, 1], port)))?;
    socket.listen(4096)
}

async fn accept_all(listener: TcpListener, mut accepted: impl FnMut(TcpStream)) {
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => {
                let _ = tcp.set_nodelay(true);
                accepted(tcp);
            }
            // Out of descriptors, most likely: some will come back.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Listens on a Unix socket.
#[cfg(unix)]
pub(crate) fn start_unix(runtime: &Handle, shared: &Arc<Shared>, path: &std::path::Path) -> io::Result<()> {
    let _inside = runtime.enter();
    let listener = tokio::net::UnixListener::bind(path)?;
    let shared = shared.clone();
    runtime.spawn(async move {
        while let Ok((unix, _)) = listener.accept().await {
            spawn(&shared, |trace, reset| async move { Some((Stream::new(Wire::Unix(unix), reset), trace)) });
        }
    });
    Ok(())
}

/// Gives a connection its number, its task and its place among the open ones.
fn spawn<F>(shared: &Arc<Shared>, prepare: impl FnOnce(Trace, Arc<AtomicBool>) -> F)
where
    F: Future<Output = Option<(Stream, Trace)>> + Send + 'static,
{
    struct Closed(Arc<Shared>, u64);
    impl Drop for Closed {
        fn drop(&mut self) {
            self.0.closed(self.1);
        }
    }

    let number = shared.next_connection.fetch_add(1, Ordering::Relaxed);
    let log: Arc<Log> = shared.log.clone();
    let trace = Trace::new(log, number);
    trace.saw(Seen::Accepted);
    let reset = Arc::new(AtomicBool::new(false));
    let prepared = prepare(trace, reset.clone());
    let guard = Closed(shared.clone(), number);
    let task_shared = shared.clone();
    // Under the lock, so that a task that ends at once finds its entry.
    let mut open = shared.connections();
    let task = tokio::spawn(async move {
        let _guard = guard;
        if let Some((stream, trace)) = prepared.await {
            route::serve(stream, trace, task_shared).await;
        }
    });
    open.insert(number, Open { task: task.abort_handle(), reset });
}

async fn secure(mut tcp: TcpStream, speak: Speak, reset: Arc<AtomicBool>, trace: &Trace) -> Option<Stream> {
    match speak {
        Speak::Plain => Some(Stream::new(Wire::Tcp(tcp), reset)),
        Speak::Tls(acceptor) => match acceptor.accept(tcp).await {
            Ok(tls) => {
                let session = tls.get_ref().1;
                trace.saw(Seen::Tls(format!(
                    "{:?} server_name={} alpn={} resumed={} client={}",
                    session.protocol_version().unwrap_or(rustls::ProtocolVersion::Unknown(0)),
                    session.server_name().unwrap_or("-"),
                    session.alpn_protocol().map_or("-".into(), String::from_utf8_lossy),
                    session.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
                    session.peer_certificates().is_some(),
                )));
                Some(Stream::new(Wire::Tls(Box::new(tls)), reset))
            }
            Err(error) => {
                trace.saw(Seen::TlsFailed(error.to_string()));
                None
            }
        },
        Speak::Garbage => {
            let mut hello = [0; 4096];
            if let Err(error) = tcp.read(&mut hello).await {
                trace.saw(end_of(&error));
                return None;
            }
            let _ = tcp.write_all(b"220 mail.test ESMTP, and no TLS here\r\n").await;
            Stream::new(Wire::Tcp(tcp), reset).drain(trace).await;
            None
        }
        Speak::Silent => {
            Stream::new(Wire::Tcp(tcp), reset).drain(trace).await;
            None
        }
    }
}
