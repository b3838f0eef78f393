//! Everything up to the 101 response: url → dns → tcp → proxy → tls → upgrade. Each step is a module with one
//! function, each failure names its step.

mod attempt;
pub(crate) mod auth;
mod cookies;
mod dns;
pub(crate) mod exchange;
mod happy_eyeballs;
pub(crate) mod headers;
mod in_flight;
pub(crate) mod network;
pub(crate) mod progress;
pub(crate) mod proxy;
pub(crate) mod readiness;
mod redirect;
mod reference;
mod refusal;
pub(crate) mod request;
pub(crate) mod response;
mod stranger;
mod tcp;
mod terms;
pub(crate) mod tls;
mod unix;
pub(crate) mod upgrade;
pub(crate) mod url;
mod zone;

use crate::error::{Error, ErrorCode};
use crate::options::Options;
use crate::timer::{Elapsed, timeout};
use crate::transport::Transport;
use attempt::attempt;
use happy_eyeballs::Attempts;
use progress::{Progress, Step};
use proxy::Proxy;
use readiness::Readiness;
use redirect::Road;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;
use tls::TlsInfo;
use upgrade::Accepted;
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
    let connected = {
        let following = pin!(follow(&mut road, progress, &attempts));
        match options.connect_timeout {
            None => return following.await,
            Some(limit) => timeout(limit, following).await.map_err(|Elapsed| limit),
        }
    };
    match connected {
        Ok(result) => result,
        Err(limit) => {
            let (component, mut doing) = progress.step().name();
            if progress.step() == Step::Dns && attempts.waits_for_a_worker() {
                doing = "while waiting for a free worker: lookups of other names, which get no answer, keep them all";
            }
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
    // One deadline for all redirects.
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
