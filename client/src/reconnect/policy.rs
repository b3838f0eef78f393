//! Whether and when to try again: pure decisions. What has ended, how often it was tried and what time it is come in as
//! arguments, so that all of it is tried without waiting.

use super::retry_after;
use crate::error::{Error, ErrorCode};
use crate::socket::Socket;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How a reconnector goes about it.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The first window out of which a delay is drawn; each further attempt doubles it.
    pub base_delay: Duration,
    /// The largest window.
    pub max_delay: Duration,
    /// The least delay after a connection that was not stable.
    pub min_delay: Duration,
    /// A connection that was open so long was a good one: attempts count from 1 again.
    pub stable: Duration,
    /// The most attempts in a row without a stable connection; 0: no limit.
    pub max_attempts: u32,
    /// The longest time without a stable connection; `None`: no limit.
    pub max_time: Option<Duration>,
    /// What the server may ask for by Retry-After.
    pub max_retry_after: Duration,
    /// How many bytes of messages are kept while there is no connection, each counted with 64 more; 0: none.
    pub queue_size: usize,
    /// Close codes of the server after which it does not come back. By default none: servers that restart, and those that
    /// meet a fault of their own, close with every code that there is.
    pub final_codes: Vec<u16>,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            base_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(30),
            min_delay: Duration::from_millis(100),
            stable: Duration::from_secs(10),
            max_attempts: 0,
            max_time: None,
            max_retry_after: Duration::from_secs(300),
            queue_size: 0,
            final_codes: Vec::new(),
        }
    }
}

/// Why it is over for good.
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GivenUp {
    /// The host has ended it.
    Host = 1,
    /// The server closed with a final code, or the host finds it final.
    CloseCode = 2,
    /// Another attempt could not mend it, or the host finds that it could not.
    Refused = 3,
    /// All attempts are used up.
    Attempts = 4,
    /// The time is used up.
    Time = 5,
    /// Its dispatcher was closed.
    Dispatcher = 6,
    /// The library was shut down.
    ShutDown = 7,
}

/// How a connection ended, as far as it matters here.
#[derive(Clone, Debug, Default)]
pub struct End {
    /// What went wrong; `None`: the server closed.
    pub cause: Option<ErrorCode>,
    /// Of the server's close frame, 0 for none.
    pub code: u16,
    /// Of the answer to the opening handshake, 0 for none.
    pub http_status: u16,
    /// The alert by which the server ended TLS.
    pub tls_alert: Option<u8>,
    /// A certificate was refused only because its time has not come.
    pub is_not_valid_yet: bool,
    /// The host has ended this connection, and no more than that.
    pub by_host: bool,
    /// The address that failed last.
    pub address: Option<SocketAddr>,
    /// How long it was open; `None`: never.
    pub open_for: Option<Duration>,
    /// What a refusal asked for.
    pub retry_after: Option<Duration>,
    /// Why, in full; where the server closed an error that says so. `None`: the host has ended it.
    pub error: Option<Arc<Error>>,
}

impl End {
    /// How this socket's connection has ended.
    pub(crate) fn of(socket: &Socket, now: SystemTime) -> End {
        let Some(info) = socket.close_info() else { return End::default() };
        let asked = info.retry_after.as_ref();
        End {
            cause: info.cause,
            // A code that no server may send is a breach of the protocol, and no word of the server's.
            code: if info.cause == Some(ErrorCode::Protocol) { 0 } else { info.code_received },
            http_status: info.http_status,
            tls_alert: info.tls_alert,
            is_not_valid_yet: info.is_not_valid_yet,
            by_host: info.by_host,
            address: socket.failed_address(info.by_host),
            open_for: info.open_for,
            retry_after: asked.and_then(|asked| retry_after::parse(&asked.value, asked.date.as_deref(), now)),
            error: socket.why_ended(),
        }
    }

    /// An attempt that did not come as far as a connection.
    pub(crate) fn failed(error: Error) -> End {
        End { cause: Some(error.code()), error: Some(Arc::new(error)), ..End::default() }
    }
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// Try again after so long.
    After(Duration),
    Over(GivenUp),
}

/// The attempts since the last stable connection.
#[derive(Clone, Debug)]
pub(crate) struct Tries {
    attempt: u32,
    /// Since when there is no stable connection.
    since: Instant,
    /// There was a connection: the server, and what the host says to it, were right once.
    was_open: bool,
}

impl Tries {
    pub(crate) fn new(now: Instant) -> Tries {
        Tries { attempt: 0, since: now, was_open: false }
    }

    /// The number of the next attempt, or of the one that is going on; 0: none has failed since the last stable
    /// connection.
    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// A connection, or an attempt, has ended at `now`.
    pub(crate) fn ended(&mut self, policy: &Policy, end: &End, now: Instant) {
        self.was_open |= end.open_for.is_some();
        if is_stable(policy, end) {
            *self = Tries { was_open: self.was_open, ..Tries::new(now) };
        }
    }

    /// One more attempt, or the limit that it would break. `random` is all of 64 bits.
    fn one_more(
        &mut self,
        policy: &Policy,
        end: &End,
        now: Instant,
        random: u64,
    ) -> Result<Duration, GivenUp> {
        if policy.max_attempts != 0 && self.attempt >= policy.max_attempts {
            return Err(GivenUp::Attempts);
        }
        self.attempt = self.attempt.saturating_add(1);
        let mut delay = delay(policy, self.attempt, end, random);
        if !is_stable(policy, end) {
            delay = delay.max(policy.min_delay);
        }
        let trying = now.saturating_duration_since(self.since).saturating_add(delay);
        if policy.max_time.is_some_and(|most| trying > most) {
            return Err(GivenUp::Time);
        }
        Ok(delay)
    }

    /// Decides after an end at `now`, which [`ended`](Self::ended) knows of. `ask` is told what comes by default, with the
    /// number of the attempt, and says whether it is final; it is not asked where there is no choice.
    pub(crate) fn decide(
        &mut self,
        policy: &Policy,
        end: &End,
        now: Instant,
        random: u64,
        ask: impl FnOnce(Verdict, u32) -> bool,
    ) -> Verdict {
        let mut next = self.clone();
        let again = next.one_more(policy, end, now, random);
        let (by_default, attempt) = match (self.hopeless(policy, end), &again) {
            (Some(given_up), _) => (Verdict::Over(given_up), self.attempt),
            (None, Ok(delay)) => (Verdict::After(*delay), next.attempt),
            (None, Err(limit)) => return Verdict::Over(*limit),
        };
        let is_final = match by_default {
            Verdict::Over(GivenUp::ShutDown) => true,
            Verdict::Over(_) => ask(by_default, attempt),
            // Nothing has failed.
            Verdict::After(_) if end.by_host => false,
            Verdict::After(_) => ask(by_default, attempt),
        };
        match (is_final, by_default, again) {
            (true, Verdict::Over(given_up), _) => Verdict::Over(given_up),
            (true, Verdict::After(_), _) if end.cause.is_none() => Verdict::Over(GivenUp::CloseCode),
            (true, Verdict::After(_), _) => Verdict::Over(GivenUp::Refused),
            (false, _, Ok(delay)) => {
                *self = next;
                Verdict::After(delay)
            }
            (false, _, Err(limit)) => Verdict::Over(limit),
        }
    }

    /// What another attempt would not mend.
    fn hopeless(&self, policy: &Policy, end: &End) -> Option<GivenUp> {
        if end.code != 0 && !end.by_host && policy.final_codes.contains(&end.code) {
            return Some(GivenUp::CloseCode);
        }
        let is_final = match end.cause? {
            ErrorCode::ShutDown => return Some(GivenUp::ShutDown),
            _ if is_wrong_call(end) => true,
            // What was right once: it may be a server that restarts, or a balancer that has lost it.
            _ if self.was_open => false,
            ErrorCode::Certificate => !end.is_not_valid_yet,
            ErrorCode::Tls => end.tls_alert.is_some_and(is_about_a_certificate),
            // Of the server, or of a proxy.
            ErrorCode::HttpStatus | ErrorCode::Proxy => {
                matches!(end.http_status, 401 | 403 | 404 | 407 | 410)
            }
            _ => false,
        };
        is_final.then_some(GivenUp::Refused)
    }
}

fn is_stable(policy: &Policy, end: &End) -> bool {
    end.open_for.is_some_and(|time| time >= policy.stable)
}

/// The program must be mended. What comes over an open connection is no call.
fn is_wrong_call(end: &End) -> bool {
    end.open_for.is_none() && end.cause.is_some_and(|cause| (-19..0).contains(&(cause as i32)))
}

/// The next attempt will probably meet the same.
fn is_refusal(end: &End) -> bool {
    match end.cause {
        Some(ErrorCode::Certificate) => true,
        Some(ErrorCode::Tls) => end.tls_alert.is_some_and(is_a_judgement),
        Some(ErrorCode::HttpStatus | ErrorCode::Proxy) => {
            (400..500).contains(&end.http_status) && !matches!(end.http_status, 408 | 425 | 429)
        }
        _ => is_wrong_call(end),
    }
}

fn delay(policy: &Policy, attempt: u32, end: &End, random: u64) -> Duration {
    let window = window(policy, attempt);
    if let Some(asked) = end.retry_after {
        // All who were told the same moment must not come in the same moment.
        return asked.min(policy.max_retry_after).saturating_add(part(window, random));
    }
    if end.code == TRY_AGAIN_LATER {
        // The server is overloaded: the longest window, and not its early half.
        let half = policy.max_delay / 2;
        return half + part(half, random);
    }
    if is_refusal(end) {
        return policy.max_delay;
    }
    part(window, random)
}

/// RFC 6455's registry: "Try Again Later".
const TRY_AGAIN_LATER: u16 = 1013;

/// The window doubles with each attempt, up to the cap.
fn window(policy: &Policy, attempt: u32) -> Duration {
    let doubled = 2u32.checked_pow(attempt.saturating_sub(1));
    let window = doubled.and_then(|times| policy.base_delay.checked_mul(times));
    window.map_or(policy.max_delay, |window| window.min(policy.max_delay))
}

/// "Full jitter": anything between nothing and all of the window.
fn part(window: Duration, random: u64) -> Duration {
    let nanos = (window.as_nanos() * (u128::from(random) + 1)) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The alerts that judge us or what we offer (RFC 8446 section 6.2), not a mishap.
fn is_a_judgement(alert: u8) -> bool {
    matches!(alert, 40..=49 | 70 | 71 | 112 | 113 | 116 | 120)
}

/// Those of them that refuse the client's certificate, or ask for one.
fn is_about_a_certificate(alert: u8) -> bool {
    matches!(alert, 41..=46 | 48 | 116)
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
