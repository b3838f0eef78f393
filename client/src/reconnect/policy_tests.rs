//! `docs/hostile.md`, line 22: reconnect storms, and what cannot succeed.

use super::*;
use crate::error::Component;

const MS: fn(u64) -> Duration = Duration::from_millis;

fn policy() -> Policy {
    Policy {
        min_delay: MS(20),
        base_delay: MS(100),
        max_delay: MS(1000),
        stable: MS(5000),
        ..Policy::default()
    }
}

fn failed(cause: ErrorCode) -> End {
    End::failed(Error::new(cause, Component::Socket, ""))
}

fn lost(open_ms: u64) -> End {
    End { cause: Some(ErrorCode::ConnectionReset), open_for: Some(MS(open_ms)), ..End::default() }
}

fn closed(code: u16) -> End {
    End { code, open_for: Some(MS(1)), ..End::default() }
}

fn http(status: u16) -> End {
    End { cause: Some(ErrorCode::HttpStatus), http_status: status, ..End::default() }
}

impl Tries {
    /// By default.
    fn after(&mut self, policy: &Policy, end: &End, now: Instant, random: u64) -> Verdict {
        self.ended(policy, end, now);
        self.decide(policy, end, now, random, |verdict, _| matches!(verdict, Verdict::Over(_)))
    }
}

fn once(end: &End, random: u64) -> Verdict {
    Tries::new(Instant::now()).after(&policy(), end, Instant::now(), random)
}

#[test]
fn the_window_doubles_up_to_the_cap_and_all_of_it_is_used() {
    let (now, refused) = (Instant::now(), failed(ErrorCode::ConnectionRefused));
    let (mut longest, mut shortest) = (Tries::new(now), Tries::new(now));
    for most in [100, 200, 400, 800, 1000, 1000, 1000] {
        assert_eq!(longest.after(&policy(), &refused, now, u64::MAX), Verdict::After(MS(most)));
        assert_eq!(shortest.after(&policy(), &refused, now, 0), Verdict::After(MS(20)), "the least");
    }
    assert_eq!(longest.attempt(), 7);
    let mut many = Tries { attempt: u32::MAX - 1, ..Tries::new(now) };
    for _ in 0..3 {
        assert_eq!(many.after(&policy(), &refused, now, u64::MAX), Verdict::After(MS(1000)));
    }
    assert_eq!(once(&refused, u64::MAX / 2), Verdict::After(MS(50)), "half of the window");
}

#[test]
fn a_connection_that_dies_at_once_waits_and_counts_a_stable_one_does_not() {
    let now = Instant::now();
    let mut tries = Tries::new(now);
    for attempt in 1..4 {
        assert_eq!(tries.after(&policy(), &lost(4999), now, 0), Verdict::After(MS(20)));
        assert_eq!(tries.attempt(), attempt);
    }
    assert_eq!(tries.after(&policy(), &lost(5000), now, 0), Verdict::After(MS(0)));
    assert_eq!(tries.attempt(), 1);
}

const REFUSED: Verdict = Verdict::Over(GivenUp::Refused);
/// The delay after a refusal that is not final.
const LONGEST: Verdict = Verdict::After(Duration::from_millis(1000));

/// After a connection that was open once.
fn later(end: &End) -> Verdict {
    let mut tries = Tries::new(Instant::now());
    tries.after(&policy(), &lost(1), Instant::now(), 0);
    tries.after(&policy(), end, Instant::now(), 0)
}

fn alert(alert: Option<u8>) -> End {
    End { tls_alert: alert, ..failed(ErrorCode::Tls) }
}

#[test]
fn what_cannot_succeed_is_not_tried_again() {
    let proxy = |http_status| End { http_status, ..failed(ErrorCode::Proxy) };
    for end in [401, 403, 404, 407, 410].into_iter().flat_map(|status| [http(status), proxy(status)]) {
        assert_eq!((once(&end, 0), later(&end)), (REFUSED, LONGEST), "{end:?}");
    }
    for end in [failed(ErrorCode::Certificate), alert(Some(116)), alert(Some(48)), alert(Some(45))] {
        assert_eq!((once(&end, 0), later(&end)), (REFUSED, LONGEST), "{end:?}");
    }
}

#[test]
fn a_call_that_is_wrong_is_final_at_any_time_and_what_a_server_sends_is_no_call() {
    for cause in [ErrorCode::InvalidUrl, ErrorCode::InvalidArgument, ErrorCode::Unsupported] {
        let end = failed(cause);
        assert_eq!((once(&end, 0), later(&end)), (REFUSED, REFUSED), "{cause:?}");
    }
    let json = End { open_for: Some(MS(1)), ..failed(ErrorCode::InvalidJson) };
    assert_eq!(once(&json, 0), Verdict::After(MS(20)));
}

#[test]
fn what_may_mend_itself_is_tried_again_and_a_refusal_waits_the_longest_delay() {
    let not_yet = End { is_not_valid_yet: true, ..failed(ErrorCode::Certificate) };
    let refusals = [400, 402, 405, 409, 418, 421, 423, 426, 451, 499].map(http);
    for end in refusals.into_iter().chain([not_yet, alert(Some(40)), alert(Some(112))]) {
        assert_eq!((once(&end, 0), later(&end)), (LONGEST, LONGEST), "{end:?}");
    }
    let proxy = End { http_status: 502, ..failed(ErrorCode::Proxy) };
    let codes = [
        ErrorCode::Dns,
        ErrorCode::Timeout,
        ErrorCode::Unreachable,
        ErrorCode::OutOfMemory,
        ErrorCode::Handshake,
    ];
    let mishaps = [200, 302, 408, 425, 429, 500, 503].map(http).into_iter().chain(codes.map(failed));
    for end in mishaps.chain([proxy, alert(None), alert(Some(80))]) {
        assert_eq!(once(&end, 0), Verdict::After(MS(20)), "{end:?}");
    }
    // The server's Retry-After takes precedence.
    let asks = End { retry_after: Some(Duration::from_secs(7)), ..http(423) };
    assert_eq!(once(&asks, 0), Verdict::After(MS(7000)));
}

#[test]
fn only_close_codes_that_the_host_names_end_it() {
    for code in [0, 1000, 1001, 1002, 1003, 1005, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 4000] {
        assert!(matches!(once(&closed(code), 0), Verdict::After(_)), "{code}");
    }
    let own = Policy { final_codes: vec![4000, 1005], ..policy() };
    let mut tries = Tries::new(Instant::now());
    for (code, over) in [(4000, true), (1005, true), (1000, false), (1008, false)] {
        let verdict = tries.after(&own, &closed(code), Instant::now(), 0);
        assert_eq!(verdict == Verdict::Over(GivenUp::CloseCode), over, "{code}");
        let by_host = End { by_host: true, ..closed(code) };
        assert!(matches!(tries.after(&own, &by_host, Instant::now(), 0), Verdict::After(_)), "{code}");
    }
}

#[test]
fn try_again_later_waits_at_least_half_of_the_longest_window() {
    assert_eq!(once(&closed(1013), 0), Verdict::After(MS(500)));
    assert_eq!(once(&closed(1013), u64::MAX), Verdict::After(MS(1000)));
}

#[test]
fn retry_after_is_the_least_and_has_a_cap_and_a_jitter() {
    let asks = |seconds| End { retry_after: Some(Duration::from_secs(seconds)), ..http(503) };
    assert_eq!(once(&asks(7), 0), Verdict::After(MS(7000)));
    assert_eq!(once(&asks(7), u64::MAX), Verdict::After(MS(7100)));
    assert_eq!(once(&asks(0), 0), Verdict::After(MS(20)));
    assert_eq!(once(&asks(1 << 40), 0), Verdict::After(Duration::from_secs(300)));
}

#[test]
fn attempts_and_time_have_limits() {
    let now = Instant::now();
    let policy = Policy { max_attempts: 2, ..policy() };
    let mut tries = Tries::new(now);
    for _ in 0..2 {
        assert!(matches!(tries.after(&policy, &lost(1), now, 0), Verdict::After(_)));
    }
    assert_eq!(tries.after(&policy, &lost(1), now, 0), Verdict::Over(GivenUp::Attempts));
    assert_eq!(tries.after(&policy, &lost(5000), now, 0), Verdict::After(MS(0)), "after a stable one");

    let policy = Policy { max_attempts: 0, max_time: Some(MS(1000)), ..policy };
    let mut tries = Tries::new(now);
    assert_eq!(tries.after(&policy, &lost(1), now + MS(980), 0), Verdict::After(MS(20)));
    assert_eq!(tries.after(&policy, &lost(1), now + MS(981), 0), Verdict::Over(GivenUp::Time));
    assert_eq!(
        tries.after(&policy, &lost(5000), now + MS(9000), 0),
        Verdict::After(MS(0)),
        "after a stable one"
    );
}

#[test]
fn the_host_decides_what_is_final_but_for_limits_a_shutdown_and_its_own_end() {
    let now = Instant::now();
    let decide = |policy: &Policy, end: &End, answer: bool| {
        let (mut tries, mut asked) = (Tries::new(now), None);
        tries.ended(policy, end, now);
        let verdict = tries.decide(policy, end, now, 0, |by_default, attempt| {
            asked = Some((by_default, attempt));
            answer
        });
        (asked, verdict, tries.attempt())
    };
    let (again, longest) = (Verdict::After(MS(20)), Verdict::After(MS(1000)));
    let (refused, by_code) = (Verdict::Over(GivenUp::Refused), Verdict::Over(GivenUp::CloseCode));
    // Ends after which it tries again by default, and those after which it does not.
    assert_eq!(decide(&policy(), &http(503), false), (Some((again, 1)), again, 1));
    assert_eq!(decide(&policy(), &http(503), true), (Some((again, 1)), refused, 0));
    assert_eq!(decide(&policy(), &http(404), false), (Some((refused, 0)), longest, 1));
    assert_eq!(decide(&policy(), &http(404), true), (Some((refused, 0)), refused, 0));
    assert_eq!(decide(&policy(), &closed(1008), true), (Some((again, 1)), by_code, 0));
    let own = Policy { final_codes: vec![1008], ..policy() };
    assert_eq!(decide(&own, &closed(1008), false), (Some((by_code, 0)), again, 1));
    assert_eq!(decide(&policy(), &failed(ErrorCode::InvalidUrl), false).1, longest);
    // The host has no choice.
    let shut_down = Verdict::Over(GivenUp::ShutDown);
    assert_eq!(decide(&policy(), &failed(ErrorCode::ShutDown), false), (None, shut_down, 0));
    let by_host = End { by_host: true, ..closed(1000) };
    assert_eq!(decide(&policy(), &by_host, true), (None, again, 1));
    let late = Policy { max_time: Some(MS(1)), ..policy() };
    assert_eq!(decide(&late, &http(503), false), (None, Verdict::Over(GivenUp::Time), 0));
    // A limit holds also where the host would go on.
    assert_eq!(decide(&late, &http(404), false), (Some((refused, 0)), Verdict::Over(GivenUp::Time), 0));
}
