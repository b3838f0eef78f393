//! Everything up to the 101 response: url → dns → tcp → proxy → tls → upgrade. Each step is a module with one
//! function, each failure names its step.

mod cookies;
mod dns;
pub(crate) mod exchange;
mod happy_eyeballs;
pub(crate) mod headers;
pub(crate) mod network;
pub(crate) mod progress;
pub(crate) mod proxy;
pub(crate) mod readiness;
mod redirect;
mod reference;
mod refusal;
pub(crate) mod response;
mod stranger;
mod tcp;
pub(crate) mod tls;
#[cfg(unix)]
mod unix;
pub(crate) mod upgrade;
pub(crate) mod url;
mod zone;

use crate::error::{Component, Error, ErrorCode};
use crate::log::log;
use crate::options::Options;
use crate::transport::Transport;
use happy_eyeballs::Attempts;
use progress::{Progress, Step};
use proxy::Proxy;
use readiness::Readiness;
use redirect::Road;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use tls::{Secured, TlsInfo};
use upgrade::{Accepted, Offer};
use url::Destination;

/// A connection whose upgrade was accepted.
pub(crate) struct Connection {
    pub(crate) transport: Arc<Transport>,
    pub(crate) accepted: Accepted,
    pub(crate) peer: String,
    pub(crate) tls: Option<Box<TlsInfo>>,
}

/// A connection, and its registration with the poller of the thread that made it.
pub(crate) struct Connected {
    pub(crate) connection: Connection,
    pub(crate) readiness: Readiness,
}

/// Makes a connection within the connect timeout. Dropping the future abandons the attempt.
pub(crate) async fn connect(
    to: &Destination,
    options: &Options,
    progress: &Progress,
) -> Result<Connected, Error> {
    let attempts = Attempts::default();
    let mut road = Road::new(to, options);
    let following = follow(&mut road, progress, &attempts);
    let Some(limit) = options.connect_timeout else { return following.await };
    match tokio::time::timeout(limit, following).await {
        Ok(result) => result,
        Err(_) => {
            let (component, doing) = progress.step().name();
            let through = match proxy_for(road.to(), road.options()) {
                Ok(Some(proxy)) => format!(" (through the proxy {proxy})"),
                _ => String::new(),
            };
            let message = format!(
                "Connecting to {} took longer than {} ms and was given up {doing}{through} \
                 (ws_options_set_connect_timeout_ms)",
                road.to().shown,
                limit.as_millis()
            );
            let error = Error::new(ErrorCode::Timeout, component, message);
            Err(road.tell(tcp::with_details(error, attempts.take())))
        }
    }
}

/// Goes where the URL leads, and where the servers redirect to.
async fn follow(road: &mut Road<'_>, progress: &Progress, attempts: &Attempts) -> Result<Connected, Error> {
    // One for the whole road.
    let deadline = road.options().connect_timeout.and_then(|limit| Instant::now().checked_add(limit));
    loop {
        match attempt(road.to(), road.options(), progress, attempts, deadline).await {
            Ok(connected) => return Ok(connected),
            Err(failure) => road.follow(failure)?,
        }
    }
}

/// The proxy on the way, if there is one. A Unix socket is no way through a proxy.
fn proxy_for(to: &Destination, options: &Options) -> Result<Option<Proxy>, Error> {
    if options.network.unix_socket.is_some() {
        return Ok(None);
    }
    options.proxy.for_destination(to)
}

async fn attempt(
    to: &Destination,
    options: &Options,
    progress: &Progress,
    attempts: &Attempts,
    deadline: Option<Instant>,
) -> Result<Connected, Error> {
    let proxy = proxy_for(to, options)?;
    let way = Way { to, options, proxy: proxy.as_ref(), progress, deadline };
    // A proxy is what is looked up and connected to; of the destination it is told.
    let reached = match &proxy {
        None => reach(&options.network.connect_to(to), options, progress, attempts).await?,
        Some(proxy) => reach(&proxy.address, options, progress, attempts)
            .await
            .map_err(|error| proxy.unreachable(error))?,
    };
    let address = reached.address;
    let refusal = match way.go(reached, Offer::AsSet).await {
        Err(error) if upgrade::may_mind_the_offer(&error, options) => error,
        result => return result,
    };
    log!(Info, Component::Http, "{} answered 400: asked again with the default compression", to.shown);
    let again = reach_again(address, options, progress).await;
    let again = again.map_err(|error| error.with_cause(refusal))?;
    way.go(again, Offer::Plain).await
}

/// A connected stream to the machine of the server, or of the proxy.
struct Reached {
    readiness: Readiness,
    /// Of the machine; `None`: it is a Unix socket.
    address: Option<SocketAddr>,
    /// How the peer is shown.
    peer: String,
}

/// What is between a connected stream and the open connection.
struct Way<'a> {
    to: &'a Destination,
    options: &'a Options,
    proxy: Option<&'a Proxy>,
    progress: &'a Progress,
    deadline: Option<Instant>,
}

impl Way<'_> {
    async fn go(&self, reached: Reached, offer: Offer) -> Result<Connected, Error> {
        let Way { to, options, proxy, progress, deadline } = *self;
        let Reached { readiness, peer, .. } = reached;
        let mut transport = Transport::new(Arc::clone(readiness.stream()));
        if let Some(proxy) = proxy {
            progress.enter(Step::Proxy);
            let to = options.network.connect_to(to);
            proxy.tunnel(&to, options, &mut transport, &readiness, deadline).await?;
        }
        let (mut early, mut told) = (Vec::new(), None);
        if to.secure {
            progress.enter(Step::Tls);
            let server = to.authority_with_port();
            let secured = tls::handshake(&to.host, &server, &options.tls, &transport, &readiness).await?;
            let Secured { session, info, early: came } = secured;
            log!(
                Debug,
                Component::Tls,
                "secured with {}: {}, {}{}",
                to.authority,
                info.version,
                info.cipher_suite,
                if info.resumed { ", resumed" } else { "" }
            );
            (early, told) = (came, Some(Box::new(info)));
            transport.secure(session);
        }
        progress.enter(Step::Upgrade);
        let transport = Arc::new(transport);
        let accepted = upgrade::upgrade(to, options, offer, &transport, &readiness, early, deadline).await?;
        Ok(Connected { connection: Connection { transport, accepted, peer, tls: told }, readiness })
    }
}

/// The connected stream to the machine of the server, or of the proxy, and how its peer is shown.
async fn reach(
    to: &Destination,
    options: &Options,
    progress: &Progress,
    attempts: &Attempts,
) -> Result<Reached, Error> {
    #[cfg(unix)]
    if let Some(path) = &options.network.unix_socket {
        progress.enter(Step::Tcp);
        let (readiness, peer) = unix::connect(path, options.network.socket_fn.as_ref()).await?;
        return Ok(Reached { readiness, address: None, peer });
    }
    progress.enter(Step::Dns);
    let begun = || {
        if progress.step() != Step::Tcp {
            progress.enter(Step::Tcp);
        }
    };
    let (readiness, address) = tcp::connect(to, &options.network, attempts, begun).await?;
    progress.reach(address);
    Ok(Reached { readiness, address: Some(address), peer: address.to_string() })
}

/// Another connection to where one stood.
async fn reach_again(
    address: Option<SocketAddr>,
    options: &Options,
    progress: &Progress,
) -> Result<Reached, Error> {
    progress.enter(Step::Tcp);
    let (readiness, peer) = match (address, &options.network.unix_socket) {
        (Some(address), _) => (tcp::connect_again(address, &options.network).await?, address.to_string()),
        #[cfg(unix)]
        (None, Some(path)) => unix::connect(path, options.network.socket_fn.as_ref()).await?,
        (None, _) => {
            return Err(Error::new(ErrorCode::Internal, Component::Tcp, "Nothing was reached before"));
        }
    };
    Ok(Reached { readiness, address, peer })
}
