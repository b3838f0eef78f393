//! One attempt to get an open connection out of one destination: its addresses have their turns until one of them gives a
//! verdict, good or bad. Where one breaks off or is silent behind TCP, the next may do better.

use super::happy_eyeballs::Attempts;
use super::network::NetworkOptions;
use super::progress::{Progress, Step};
use super::proxy::{Asked, Proxy};
use super::readiness::Readiness;
use super::tcp::{self, MOST_PAST_TCP, Reach};
use super::terms::Terms;
use super::tls::{self, Secured, TlsInfo};
use super::upgrade::{self, Accepted};
use super::url::Destination;
use super::{Connected, Connection, proxy_for};
use crate::error::{Component, Error, ErrorCode};
use crate::log::log;
use crate::options::Options;
use crate::timer::timeout;
use crate::transport::Transport;
use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bounds of an address's share of the time that is left: for so long it may be silent while others wait.
const LEAST_SHARE: Duration = Duration::from_secs(2);
const MOST_SHARE: Duration = Duration::from_secs(10);

/// A failure of the server's own TLS (RFC 8446 §6), and no judgement of this client.
const INTERNAL_ERROR: u8 = 80;

pub(super) async fn attempt(
    to: &Destination,
    options: &Options,
    progress: &Progress,
    attempts: &Attempts,
    deadline: Option<Instant>,
) -> Result<Connected, Error> {
    let proxy = proxy_for(to, options)?;
    let way = Way { to, options, proxy: proxy.as_ref(), progress, deadline };
    if let Some(path) = &options.network.unix_socket {
        progress.enter(Step::Tcp);
        let place = Place::Unix(path);
        return way.to_the_end(place.reach_again(&options.network).await?, place, None).await;
    }
    // With a proxy, the proxy's name is looked up and connected to; it is asked for the destination.
    let nearest = match &proxy {
        None => options.network.connect_to(to),
        Some(proxy) => Cow::Borrowed(&proxy.address),
    };
    progress.enter(Step::Dns);
    let begun = || {
        if progress.step() != Step::Tcp {
            progress.enter(Step::Tcp);
        }
    };
    // Whatever is in the way of the proxy is told as the proxy's.
    let of_proxy = |failure: Error| match &proxy {
        Some(proxy) => proxy.unreachable(failure),
        None => failure,
    };
    let mut reach = Reach::new(&nearest, &options.network, attempts, begun).map_err(of_proxy)?;
    let mut failed: Option<Error> = None;
    for past_tcp in 1..=MOST_PAST_TCP {
        let Some((readiness, address)) = reach.next().await else { break };
        progress.reach(address);
        let others = if past_tcp < MOST_PAST_TCP { reach.known().await } else { 0 };
        let share = share(deadline, others.min(MOST_PAST_TCP - past_tcp));
        let failure = match way.to_the_end(readiness, Place::Address(address), share).await {
            Ok(connected) => {
                attempts.take();
                return Ok(connected);
            }
            Err(failure) => failure,
        };
        attempts.failed_later(address, &failure);
        progress.give_up(address);
        let is_verdict = !another_may_do_better(&failure);
        if !is_verdict {
            log!(Debug, Component::Tcp, "{address} was no good: {failure}");
        }
        // Reports the last HTTP answer, or else the failure at the last address.
        if failure.http().is_some() || failed.as_ref().is_none_or(|failed| failed.http().is_none()) {
            failed = Some(failure);
        }
        if is_verdict {
            break;
        }
    }
    let Some(failed) = failed else { return Err(of_proxy(reach.failure())) };
    let tried = attempts.take();
    Err(if tried.addresses.len() > 1 { tcp::with_details(failed, tried) } else { failed })
}

/// Returns the time for which the address may be silent, with so many others behind it. `None`: as long as there is time.
fn share(deadline: Option<Instant>, others: usize) -> Option<Duration> {
    let count = u32::try_from(others).ok().filter(|others| *others > 0)? + 1;
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    Some(left.map_or(MOST_SHARE, |left| (left / count).clamp(LEAST_SHARE, MOST_SHARE)))
}

/// Returns `true` if this was no verdict: the peer broke off, was silent, or could not speak TLS; or somebody in front of it
/// says that he does not reach it.
fn another_may_do_better(failure: &Error) -> bool {
    let status = failure.http().map_or(0, |answer| answer.status);
    match failure.code() {
        ErrorCode::ConnectionReset | ErrorCode::Timeout => true,
        ErrorCode::Tls => failure.tls_alert().is_none_or(|alert| alert == INTERNAL_ERROR),
        ErrorCode::HttpStatus => {
            let says_when =
                failure.http().is_some_and(|answer| answer.headers.all("Retry-After").next().is_some());
            (502..=504).contains(&status) && !says_when
        }
        ErrorCode::Proxy => matches!(status, 502 | 504) || failure.is_without_verdict(),
        _ => false,
    }
}

/// The end of a connected stream: the machine of the server, or of the proxy.
#[derive(Clone, Copy)]
enum Place<'a> {
    Address(SocketAddr),
    Unix(&'a Path),
}

impl Place<'_> {
    /// The peer as it is shown.
    fn shown(&self) -> String {
        match self {
            Place::Address(address) => address.to_string(),
            Place::Unix(path) => super::unix::shown(path),
        }
    }

    async fn reach_again(&self, options: &NetworkOptions) -> Result<Readiness, Error> {
        match self {
            Place::Address(address) => tcp::connect_again(*address, options).await,
            Place::Unix(path) => super::unix::connect(path, options.socket_fn.as_ref()).await,
        }
    }
}

/// The way from a connected stream to the open connection.
struct Way<'a> {
    to: &'a Destination,
    options: &'a Options,
    proxy: Option<&'a Proxy>,
    progress: &'a Progress,
    deadline: Option<Instant>,
}

impl Way<'_> {
    /// From one place to the open connection, where need be in several goes. `share`: how long it may be silent.
    async fn to_the_end(
        &self,
        mut readiness: Readiness,
        place: Place<'_>,
        share: Option<Duration>,
    ) -> Result<Connected, Error> {
        let mut terms = Terms::new();
        loop {
            let failure = match self.go(readiness, &place.shown(), &mut terms, share).await {
                Err(failure) if terms.another_go(&failure, self.options, &self.to.shown) => failure,
                result => return result,
            };
            self.progress.enter(Step::Tcp);
            let again = place.reach_again(&self.options.network).await;
            readiness = again.map_err(|error| error.with_cause(failure))?;
        }
    }

    async fn go(
        &self,
        readiness: Readiness,
        peer: &str,
        terms: &mut Terms,
        share: Option<Duration>,
    ) -> Result<Connected, Error> {
        let (transport, accepted, tls) = {
            let mut steps = pin!(self.steps(&readiness, terms));
            match share {
                None => steps.await?,
                Some(share) => match timeout(share, &mut steps).await {
                    Ok(done) => done?,
                    Err(_) if readiness.was_heard() => steps.await?,
                    Err(_) => return Err(self.silent(share)),
                },
            }
        };
        let peer = peer.to_owned();
        Ok(Connected { connection: Connection { transport, accepted, peer, tls }, readiness })
    }

    /// The address is named by the entry that this becomes a part of.
    fn silent(&self, share: Duration) -> Error {
        let (component, doing) = self.progress.step().name();
        let message = format!(
            "Connecting to {} was given up {doing}, because nothing came within {} ms and other addresses have their turn",
            self.to.shown,
            share.as_millis()
        );
        Error::new(ErrorCode::Timeout, component, message)
    }

    async fn steps(
        &self,
        readiness: &Readiness,
        terms: &mut Terms,
    ) -> Result<(Arc<Transport>, Accepted, Option<Box<TlsInfo>>), Error> {
        let Way { to, options, proxy, progress, deadline } = *self;
        let mut transport = Transport::new(Arc::clone(readiness.stream()));
        if let Some(proxy) = proxy {
            progress.enter(Step::Proxy);
            let to = options.network.connect_to(to);
            let Options { tls, network, proxy_headers, .. } = options;
            let authorization = &mut terms.proxy;
            let asked = Asked { tls, network, headers: proxy_headers, authorization, deadline };
            Box::pin(proxy.tunnel(&to, asked, &mut transport, readiness)).await?;
        }
        let (mut early, mut told) = (Vec::new(), None);
        if let Some(name) = &to.server_name {
            progress.enter(Step::Tls);
            let server = to.authority_with_port();
            // Boxed, as the proxy's part is: where they are not needed they would still be a part of the future.
            let handshake = tls::handshake(name, &server, &options.tls, &transport, readiness);
            let Secured { session, info, early: came } = Box::pin(handshake).await?;
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
        let accepted = upgrade::upgrade(to, options, terms, &transport, readiness, early, deadline).await?;
        Ok((transport, accepted, told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::HttpAnswer;
    use crate::header_list::HeaderList;

    #[test]
    fn an_address_has_its_share_of_the_time_while_others_wait() {
        let within = |ms: u64| Some(Instant::now() + Duration::from_millis(ms));
        let near = |share: Option<Duration>, ms: u64| {
            let share = share.expect("a share");
            share <= Duration::from_millis(ms) && share + Duration::from_secs(1) > Duration::from_millis(ms)
        };
        assert_eq!(share(within(30_000), 0), None);
        assert_eq!(share(None, 0), None);
        assert_eq!(share(None, 1), Some(MOST_SHARE));
        assert!(near(share(within(12_000), 1), 6000) && near(share(within(12_000), 2), 4000));
        assert_eq!(share(within(1000), 2), Some(LEAST_SHARE));
        assert_eq!(share(within(60_000), 2), Some(MOST_SHARE));
    }

    #[test]
    fn what_is_a_verdict_and_what_is_none() {
        let error = |code| Error::new(code, Component::Http, "x");
        let answer = |code, status, headers: &[(&str, &str)]| {
            let headers = HeaderList::new(headers.iter().copied());
            error(code).with_http(HttpAnswer { status, headers, body: Vec::new() })
        };
        for status in [502, 503, 504] {
            assert!(another_may_do_better(&answer(ErrorCode::HttpStatus, status, &[])));
            assert!(!another_may_do_better(&answer(ErrorCode::HttpStatus, status, &[("Retry-After", "5")])));
        }
        for status in [101, 302, 400, 401, 404, 500] {
            assert!(!another_may_do_better(&answer(ErrorCode::HttpStatus, status, &[])), "{status}");
        }
        for (error, better) in [
            (error(ErrorCode::ConnectionReset), true),
            (error(ErrorCode::Timeout), true),
            (error(ErrorCode::Tls), true),
            (error(ErrorCode::Tls).with_tls_alert(80), true),
            (error(ErrorCode::Tls).with_tls_alert(40), false),
            (error(ErrorCode::Certificate), false),
            (error(ErrorCode::Handshake), false),
            (error(ErrorCode::Proxy), false),
            (error(ErrorCode::Proxy).without_verdict(), true),
            (answer(ErrorCode::Proxy, 502, &[]), true),
            (answer(ErrorCode::Proxy, 503, &[]), false),
            (answer(ErrorCode::Proxy, 407, &[]), false),
        ] {
            assert_eq!(another_may_do_better(&error), better, "{error:?}");
        }
    }
}
