//! Decides whether and when to try again. Pure: the end, the number of attempts and the clock are arguments, so that
//! tests need not wait.

use super::retry_after;
use crate::error::{Error, ErrorCode};
use crate::socket::Socket;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// The policy of a reconnector.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The first window from which a delay is drawn; each further attempt doubles it.
    pub base_delay: Duration,
    /// The largest window.
    pub max_delay: Duration,
    /// The least delay after a connection that was not stable.
    pub min_delay: Duration,
    /// A connection that was open at least this long was stable: attempts count from 1 again.
    pub stable: Duration,
    /// Maximum number of attempts in a row without a stable connection; 0: no limit.
    pub max_attempts: u32,
    /// Maximum time without a stable connection; `None`: no limit.
    pub max_time: Option<Duration>,
    /// Maximum delay that the server may ask for by Retry-After.
    pub max_retry_after: Duration,
    /// Bytes of messages to keep while there is no connection, plus 64 for each; 0: no messages are kept.
    pub queue_size: usize,
    /// Close codes of the server after which there is no other attempt. By default none, because servers that
    /// restart, or that meet a fault of their own, close with any code.
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

/// The reason why a reconnector is over.
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GivenUp {
    /// The host has ended the reconnector.
    Host = 1,
    /// The server closed with a final code, or the host has declared the end final.
    CloseCode = 2,
    /// Another attempt could not succeed, or the host has decided so.
    Refused = 3,
    /// The limit of attempts was reached.
    Attempts = 4,
    /// The limit of time was reached.
    Time = 5,
    /// Its dispatcher was closed.
    Dispatcher = 6,
    /// The library was shut down.
    ShutDown = 7,
}

/// The end of a connection, as far as the policy needs it.
#[derive(Clone, Debug, Default)]
pub struct End {
    /// The error that ended it; `None` if the server closed.
    pub cause: Option<ErrorCode>,
    /// Code of the server's close frame, 0 if there was none.
    pub code: u16,
    /// HTTP status of the answer to the opening handshake, 0 if there was none.
    pub http_status: u16,
    /// The alert by which the server ended TLS.
    pub tls_alert: Option<u8>,
    /// A certificate was refused only because it is not valid yet.
    pub is_not_valid_yet: bool,
    /// The host has ended this connection, but not the reconnector.
    pub by_host: bool,
    /// The address that failed last.
    pub address: Option<SocketAddr>,
    /// The time for which it was open; `None` if it never was.
    pub open_for: Option<Duration>,
    /// Delay that a refusing server asked for.
    pub retry_after: Option<Duration>,
    /// The error with its whole stack; if the server closed, one that says so. `None` if the host has ended the
    /// connection.
    pub error: Option<Arc<Error>>,
}

impl End {
    /// Returns the end of this socket's connection.
    pub(crate) fn of(socket: &Socket, now: SystemTime) -> End {
        let Some(info) = socket.close_info() else { return End::default() };
        let asked = info.retry_after.as_ref();
        End {
            cause: info.cause,
            // A code that servers must not send is a protocol violation, and not counted as the server's code.
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

    /// Makes the end of an attempt that failed before a socket was started.
    pub(crate) fn failed(error: Error) -> End {
        End { cause: Some(error.code()), error: Some(Arc::new(error)), ..End::default() }
    }
}

/// The decision of [`Tries::decide`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// Try again after this delay.
    After(Duration),
    Over(GivenUp),
}

/// The attempts since the last stable connection.
#[derive(Clone, Debug)]
pub(crate) struct Tries {
    attempt: u32,
    /// The time since when there is no stable connection.
    since: Instant,
    /// There was an open connection, so that the server and the host's options were right once.
    was_open: bool,
}

impl Tries {
    pub(crate) fn new(now: Instant) -> Tries {
        Tries { attempt: 0, since: now, was_open: false }
    }

    /// Returns the number of the next or the current attempt; 0 if none has failed since the last stable connection.
    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Records the end of a connection or an attempt, at `now`.
    pub(crate) fn ended(&mut self, policy: &Policy, end: &End, now: Instant) {
        self.was_open |= end.open_for.is_some();
        if is_stable(policy, end) {
            *self = Tries { was_open: self.was_open, ..Tries::new(now) };
        }
    }

    /// Counts one more attempt and returns its delay, or the limit that it would exceed. `random` is 64 random bits.
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

    /// Decides after an end at `now`, which [`ended`](Self::ended) has recorded. `ask` gets the default decision and
    /// the number of the attempt, and returns whether the end is final; it is not called where there is no choice.
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
            // No attempt has failed.
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

    /// Returns the reason if another attempt cannot succeed.
    fn hopeless(&self, policy: &Policy, end: &End) -> Option<GivenUp> {
        if end.code != 0 && !end.by_host && policy.final_codes.contains(&end.code) {
            return Some(GivenUp::CloseCode);
        }
        let is_final = match end.cause? {
            ErrorCode::ShutDown => return Some(GivenUp::ShutDown),
            _ if is_wrong_call(end) => true,
            // The server was right once: it may be restarting, or a load balancer may have lost it.
            _ if self.was_open => false,
            ErrorCode::Certificate => !end.is_not_valid_yet,
            ErrorCode::Tls => end.tls_alert.is_some_and(is_about_a_certificate),
            // The status is of the server or of a proxy.
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

/// Returns whether the call of the host was wrong, so that the program has to be changed. Errors of an open
/// connection are not of this kind.
fn is_wrong_call(end: &End) -> bool {
    end.open_for.is_none() && end.cause.is_some_and(|cause| (-19..0).contains(&(cause as i32)))
}

/// Returns whether the next attempt will probably fail in the same way.
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
        // Clients that were given the same time must not all come at that time.
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

/// "Try Again Later" (the registry of RFC 6455).
const TRY_AGAIN_LATER: u16 = 1013;

/// The window doubles with each attempt, up to the cap.
fn window(policy: &Policy, attempt: u32) -> Duration {
    let doubled = 2u32.checked_pow(attempt.saturating_sub(1));
    let window = doubled.and_then(|times| policy.base_delay.checked_mul(times));
    window.map_or(policy.max_delay, |window| window.min(policy.max_delay))
}

/// "Full jitter": a random part of the window, between nothing and all of it.
fn part(window: Duration, random: u64) -> Duration {
    let nanos = (window.as_nanos() * (u128::from(random) + 1)) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Returns whether an alert refuses the client or its offer (RFC 8446 section 6.2), and is not an accident.
fn is_a_judgement(alert: u8) -> bool {
    matches!(alert, 40..=49 | 70 | 71 | 112 | 113 | 116 | 120)
}

/// Returns whether an alert refuses the client's certificate, or asks for one.
fn is_about_a_certificate(alert: u8) -> bool {
    matches!(alert, 41..=46 | 48 | 116)
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
