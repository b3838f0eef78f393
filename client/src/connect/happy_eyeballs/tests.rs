//! The order and the times of attempts, under a paused clock, with a resolver and a connector of the tests' own.

use super::*;
use crate::error::{Component, ErrorCode};
use std::sync::Arc;
use tokio::time::sleep;

/// When which address was begun, in ms since the beginning, and which were dropped before they had an end.
#[derive(Default)]
struct Record {
    begun: Vec<(u128, String)>,
    dropped: Vec<String>,
}

struct Net {
    start: Instant,
    behind: Option<SocketAddr>,
    record: Arc<Mutex<Record>>,
    attempts: Attempts,
}

/// Notes an attempt that is cancelled.
struct Guard {
    record: Arc<Mutex<Record>>,
    address: String,
    ended: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.ended {
            self.record.lock().dropped.push(self.address.clone());
        }
    }
}

/// The outcome of an attempt, after so many ms.
#[derive(Clone, Copy)]
enum Fate {
    Connects(u64),
    Refuses(u64),
    BlackHole,
}
use Fate::{BlackHole, Connects, Refuses};

impl Net {
    fn new() -> Net {
        Net { start: Instant::now(), behind: None, record: Arc::default(), attempts: Attempts::default() }
    }

    /// The next race after one in which this address was no good.
    fn behind(address: &str) -> Net {
        Net { behind: Some(SocketAddr::new(address.parse().unwrap(), 80)), ..Net::new() }
    }

    async fn race(&self, lookups: Vec<Lookup>, fate: impl Fn(&str) -> Fate + Send + Sync) -> Option<String> {
        self.begin(lookups, fate).next().await.map(|((), address)| address.ip().to_string())
    }

    fn begin<'a>(
        &'a self,
        lookups: Vec<Lookup>,
        fate: impl Fn(&str) -> Fate + Send + Sync + 'a,
    ) -> Race<'a, ()> {
        let connect = move |address: SocketAddr| -> Connecting<'a, ()> {
            let shown = address.ip().to_string();
            let fate = fate(&shown);
            self.record.lock().begun.push((self.start.elapsed().as_millis(), shown.clone()));
            let guard = Guard { record: Arc::clone(&self.record), address: shown, ended: false };
            Box::pin(async move {
                let mut guard = guard;
                let result = match fate {
                    Connects(ms) => {
                        sleep(Duration::from_millis(ms)).await;
                        Ok(())
                    }
                    Refuses(ms) => {
                        sleep(Duration::from_millis(ms)).await;
                        Err(io::ErrorKind::ConnectionRefused.into())
                    }
                    BlackHole => std::future::pending().await,
                };
                guard.ended = true;
                result
            })
        };
        Race::new(lookups, self.behind, &self.attempts, Box::new(connect))
    }

    fn begun(&self) -> Vec<(u128, String)> {
        self.record.lock().begun.clone()
    }

    fn order(&self) -> Vec<String> {
        self.begun().into_iter().map(|(_, address)| address).collect()
    }
}

fn at(list: &[(u128, &str)]) -> Vec<(u128, String)> {
    list.iter().map(|(ms, address)| (*ms, (*address).to_owned())).collect()
}

/// A lookup that answers after so many ms.
fn lookup(family: Option<Family>, ms: u64, addresses: &[&str]) -> Lookup {
    let addresses = addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 80)).collect();
    let answer = async move {
        sleep(Duration::from_millis(ms)).await;
        Ok(addresses)
    };
    Lookup { family, begun: None, answer: Box::pin(answer) }
}

fn failing(family: Family, ms: u64) -> Lookup {
    let answer = async move {
        sleep(Duration::from_millis(ms)).await;
        Err(Error::new(ErrorCode::Dns, Component::Dns, "no"))
    };
    Lookup { family: Some(family), begun: None, answer: Box::pin(answer) }
}

fn both(v6: (u64, &[&str]), v4: (u64, &[&str])) -> Vec<Lookup> {
    vec![lookup(Some(Family::V6), v6.0, v6.1), lookup(Some(Family::V4), v4.0, v4.1)]
}

/// `docs/hostile.md`, line 22: black-holed IPv6. The second attempt begins at 250 ms and not before.
#[tokio::test(start_paused = true)]
async fn a_live_ipv4_beside_a_dead_ipv6_is_tried_after_250_ms() {
    let net = Net::new();
    let fate = |address: &str| if address == "2001:db8::1" { BlackHole } else { Connects(10) };
    let won = net.race(both((0, &["2001:db8::1"]), (0, &["192.0.2.1"])), fate).await;
    assert_eq!(won.as_deref(), Some("192.0.2.1"));
    assert_eq!(net.begun(), at(&[(0, "2001:db8::1"), (250, "192.0.2.1")]));
    assert_eq!(net.record.lock().dropped, ["2001:db8::1"], "the loser is cancelled");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_answers_within_its_head_start_is_the_only_one() {
    let net = Net::new();
    let won = net.race(both((0, &["2001:db8::1"]), (0, &["192.0.2.1"])), |_| Connects(249)).await;
    assert_eq!(won.as_deref(), Some("2001:db8::1"));
    assert_eq!(net.begun().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_first_attempt_may_still_win() {
    let net = Net::new();
    let fate = |address: &str| if address == "2001:db8::1" { Connects(300) } else { Connects(100) };
    let won = net.race(both((0, &["2001:db8::1"]), (0, &["192.0.2.1"])), fate).await;
    assert_eq!(won.as_deref(), Some("2001:db8::1"));
    assert_eq!(net.begun().len(), 2);
    assert_eq!(net.record.lock().dropped, ["192.0.2.1"]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_fails_gives_way_at_once() {
    let net = Net::new();
    let fate = |address: &str| if address.starts_with("2001") { Refuses(5) } else { Connects(5) };
    net.race(both((0, &["2001:db8::1"]), (0, &["192.0.2.1"])), fate).await;
    assert_eq!(net.begun(), at(&[(0, "2001:db8::1"), (5, "192.0.2.1")]));
}

#[tokio::test(start_paused = true)]
async fn the_families_take_turns() {
    let net = Net::new();
    let (six, four) = (["2001:db8::1", "2001:db8::2", "2001:db8::3"], ["192.0.2.1", "192.0.2.2"]);
    let won = net.race(both((0, &six), (0, &four)), |_| Refuses(0)).await;
    assert_eq!(won, None);
    assert_eq!(net.order(), ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "2001:db8::3"]);
    let tried = net.attempts.take();
    assert_eq!(tried.addresses.len(), 5);
    assert!(tried.addresses.iter().all(|(_, cause)| cause.error().is_some()));
}

/// A list of the host's own: its first address says which family is first.
#[tokio::test(start_paused = true)]
async fn a_mixed_list_begins_with_its_first_address() {
    let net = Net::new();
    let mixed = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "192.0.2.1"];
    net.race(vec![lookup(None, 0, &mixed)], |_| Refuses(0)).await;
    assert_eq!(net.order(), ["192.0.2.1", "2001:db8::1", "192.0.2.2"], "and none is tried twice");
}

#[tokio::test(start_paused = true)]
async fn ipv6_addresses_that_come_first_are_used_at_once() {
    let net = Net::new();
    let won = net.race(both((20, &["2001:db8::1"]), (5000, &["192.0.2.1"])), |_| Connects(10)).await;
    assert_eq!(won.as_deref(), Some("2001:db8::1"));
    assert_eq!(net.begun(), at(&[(20, "2001:db8::1")]));
}

/// RFC 8305 §3: the resolution delay.
#[tokio::test(start_paused = true)]
async fn ipv4_addresses_that_come_first_wait_50_ms_for_ipv6() {
    let net = Net::new();
    net.race(both((60, &["2001:db8::1"]), (20, &["192.0.2.1"])), |_| Connects(10)).await;
    assert_eq!(net.order(), ["2001:db8::1"], "it came in time");

    let net = Net::new();
    let fate = |address: &str| if address.starts_with("192") { BlackHole } else { Connects(10) };
    let won = net.race(both((100, &["2001:db8::1"]), (20, &["192.0.2.1", "192.0.2.2"])), fate).await;
    assert_eq!(won.as_deref(), Some("2001:db8::1"), "it came late, and is the next all the same");
    assert_eq!(net.begun(), at(&[(70, "192.0.2.1"), (320, "2001:db8::1")]));
}

#[tokio::test(start_paused = true)]
async fn a_name_without_ipv6_is_not_waited_for() {
    let net = Net::new();
    net.race(both((30, &[]), (20, &["192.0.2.1"])), |_| Connects(10)).await;
    assert_eq!(net.begun(), at(&[(30, "192.0.2.1")]));

    let net = Net::new();
    let lookups = vec![failing(Family::V6, 30), lookup(Some(Family::V4), 20, &["192.0.2.1"])];
    net.race(lookups, |_| Connects(10)).await;
    assert_eq!(net.begun(), at(&[(30, "192.0.2.1")]));
}

/// `docs/hostile.md`, line 22: DNS that hangs, for one family.
#[tokio::test(start_paused = true)]
async fn a_lookup_that_never_answers_does_not_hold_the_other_up() {
    let net = Net::new();
    let won = net.race(both((u64::MAX / 4, &[]), (20, &["192.0.2.1"])), |_| Connects(10)).await;
    assert_eq!(won.as_deref(), Some("192.0.2.1"));
    assert_eq!(net.begun(), at(&[(70, "192.0.2.1")]));
}

#[tokio::test(start_paused = true)]
async fn addresses_that_come_after_all_others_have_failed_are_tried_at_once() {
    let net = Net::new();
    let fate = |address: &str| if address.starts_with("2001") { Refuses(0) } else { Connects(0) };
    let won = net.race(both((0, &["2001:db8::1"]), (1000, &["192.0.2.1"])), fate).await;
    assert_eq!(won.as_deref(), Some("192.0.2.1"));
    assert_eq!(net.begun(), at(&[(0, "2001:db8::1"), (1000, "192.0.2.1")]));
}

/// `docs/hostile.md`, line 22: DNS with 1,000 addresses.
#[tokio::test(start_paused = true)]
async fn of_a_thousand_addresses_32_are_tried() {
    let net = Net::new();
    let addresses: Vec<String> = (0..1000).map(|i| format!("10.0.{}.{}", i / 250, i % 250)).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    assert_eq!(net.race(both((0, &["2001:db8::1"]), (0, &addresses)), |_| Refuses(1)).await, None);
    assert_eq!(net.begun().len(), MOST_ATTEMPTS);
    let tried = net.attempts.take();
    assert_eq!((tried.addresses.len(), tried.left), (MOST_ATTEMPTS, 1001 - MOST_ATTEMPTS));
}

#[tokio::test(start_paused = true)]
async fn nothing_to_try_is_an_end() {
    let net = Net::new();
    assert_eq!(net.race(both((1, &[]), (2, &[])), |_| Connects(0)).await, None);
    let lookups = vec![failing(Family::V6, 1), failing(Family::V4, 2)];
    assert_eq!(net.race(lookups, |_| Connects(0)).await, None);
    assert_eq!(net.attempts.take().lookups.len(), 2);
}

/// The order in which addresses are tried after one of them was no good.
async fn order_behind(address: &str, lookups: Vec<Lookup>) -> Vec<String> {
    let net = Net::behind(address);
    net.race(lookups, |_| Refuses(0)).await;
    net.order()
}

#[tokio::test(start_paused = true)]
async fn a_race_begins_behind_the_address_that_was_no_good() {
    let (six, four) = (["2001:db8::1", "2001:db8::2", "2001:db8::3"], ["192.0.2.1", "192.0.2.2"]);
    let all = ["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "2001:db8::3"];
    for (at, failed) in all.into_iter().enumerate() {
        let mut expected = all;
        expected.rotate_left(at + 1);
        assert_eq!(order_behind(failed, both((0, &six), (0, &four))).await, expected, "{failed}");
        let mixed = vec![lookup(None, 0, &all)];
        assert_eq!(order_behind(failed, mixed).await, expected, "{failed}, of the host's own list");
    }
    assert_eq!(order_behind("192.0.2.99", both((0, &six), (0, &four))).await, all, "the name has it no more");
}

/// Whichever of them take a connection and are no good, each has its turn in a row of attempts.
#[tokio::test(start_paused = true)]
async fn in_a_row_of_races_each_address_has_its_turn() {
    let (six, four) = (["2001:db8::1"], ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    let mut net = Net::new();
    let mut won = Vec::new();
    for _ in 0..6 {
        let fate = |address: &str| if address == "192.0.2.2" { Refuses(0) } else { Connects(1) };
        let address = net.race(both((0, &six), (0, &four)), fate).await.unwrap();
        net = Net::behind(&address);
        won.push(address);
    }
    let round = ["2001:db8::1", "192.0.2.1", "192.0.2.3"];
    assert_eq!(won, [round, round].concat());
}

#[tokio::test(start_paused = true)]
async fn an_address_that_was_no_good_waits_a_moment_for_those_of_the_other_family() {
    for (first, ms, expected) in [
        ("2001:db8::1", (0, 249), at(&[(249, "192.0.2.1"), (249, "2001:db8::1")])),
        ("2001:db8::1", (0, 251), at(&[(250, "2001:db8::1"), (251, "192.0.2.1")])),
        ("192.0.2.1", (249, 0), at(&[(249, "2001:db8::1"), (249, "192.0.2.1")])),
    ] {
        let net = Net::behind(first);
        net.race(both((ms.0, &["2001:db8::1"]), (ms.1, &["192.0.2.1"])), |_| Refuses(0)).await;
        assert_eq!(net.begun(), expected, "{first} {ms:?}");
    }
    // Nobody else is to be waited for.
    let net = Net::behind("192.0.2.1");
    net.race(both((30, &[]), (20, &["192.0.2.1"])), |_| Connects(1)).await;
    assert_eq!(net.begun(), at(&[(30, "192.0.2.1")]));
}

#[tokio::test(start_paused = true)]
async fn addresses_that_are_found_late_go_before_the_one_that_was_no_good() {
    let net = Net::behind("2001:db8::1");
    let lookups = both((0, &["2001:db8::1", "2001:db8::2"]), (100, &["192.0.2.1"]));
    let race = net.race(lookups, |_| BlackHole);
    assert!(tokio::time::timeout(Duration::from_secs(1), race).await.is_err());
    assert_eq!(net.begun(), at(&[(0, "2001:db8::2"), (250, "192.0.2.1"), (500, "2001:db8::1")]));
}

/// An address that connects and is no good later gives way to those that were dropped for it, and to those not begun.
#[tokio::test(start_paused = true)]
async fn after_one_that_was_no_good_the_race_goes_on() {
    let net = Net::new();
    let fate = |address: &str| match address {
        "2001:db8::1" => Connects(300),
        "192.0.2.1" => Connects(1000),
        "192.0.2.2" => Refuses(0),
        _ => Connects(10),
    };
    let lookups = both((0, &["2001:db8::1", "2001:db8::2"]), (0, &["192.0.2.1", "192.0.2.2"]));
    let mut race = net.begin(lookups, fate);
    let mut won = Vec::new();
    let mut known = Vec::new();
    while let Some(((), address)) = race.next().await {
        known.push(race.known().await);
        net.attempts.failed_later(address, &Error::new(ErrorCode::ConnectionReset, Component::Http, "no"));
        won.push(address.ip().to_string());
    }
    assert_eq!(won, ["2001:db8::1", "2001:db8::2", "192.0.2.1"]);
    assert_eq!(known, [3, 2, 0]);
    let tried = net.attempts.take().addresses;
    let later = |outcome: &Outcome| matches!(outcome, Outcome::FailedLater(_));
    assert_eq!(tried.iter().filter(|(_, outcome)| later(outcome)).count(), 3, "{tried:?}");
    assert_eq!(tried.len(), 4, "each is there once: {tried:?}");
}

#[tokio::test(start_paused = true)]
async fn lookups_that_nobody_has_begun_wait_for_a_worker() {
    let net = Net::new();
    assert!(!net.attempts.waits_for_a_worker());
    let begun = [false, false].map(|begun| Arc::new(AtomicBool::new(begun)));
    let lookups = begun.iter().map(|begun| {
        let answer = Box::pin(std::future::pending());
        Lookup { family: None, begun: Some(Arc::clone(begun)), answer }
    });
    let _race = net.begin(lookups.collect(), |_| BlackHole);
    assert!(net.attempts.waits_for_a_worker());
    begun[1].store(true, Ordering::Relaxed);
    assert!(!net.attempts.waits_for_a_worker());
}
