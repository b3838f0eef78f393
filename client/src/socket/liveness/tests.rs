use super::*;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A liveness with its clock; times in ms since the connection was opened, 0 for none.
struct Clock {
    opened: Instant,
    last: u64,
    /// The pong has not come.
    out: bool,
    liveness: Liveness,
}

impl Clock {
    fn new(idle: u64, interval: u64, timeout: u64) -> Clock {
        let some = |time| (time != 0).then(|| ms(time));
        let limits = LivenessLimits {
            idle_timeout: some(idle),
            ping_interval: some(interval),
            ping_timeout: some(timeout),
            ping_always: false,
        };
        Clock::with(limits)
    }

    /// One that pings although bytes come.
    fn always(interval: u64, timeout: u64) -> Clock {
        let limits = Clock::new(0, interval, timeout).liveness.limits;
        Clock::with(LivenessLimits { ping_always: true, ..limits })
    }

    fn with(limits: LivenessLimits) -> Clock {
        let opened = Instant::now();
        Clock { opened, last: 0, out: false, liveness: Liveness::new(limits, opened) }
    }

    fn at(&self, time: u64) -> Instant {
        self.opened + ms(time)
    }

    fn judge(&mut self, now: u64, was_read: bool, on_its_way: bool) -> LivenessAction {
        let (now, last) = (self.at(now), self.at(self.last));
        self.liveness.judge(Observed { now, last, was_read, out: self.out, on_its_way })
    }

    /// The timer fires; what had come was read, and was nothing.
    fn fires(&mut self, now: u64) -> LivenessAction {
        match self.judge(now, false, false) {
            LivenessAction::Read => self.judge(now, true, false),
            verdict => verdict,
        }
    }

    fn wait(&self, time: u64) -> LivenessAction {
        LivenessAction::Wait(Some(self.at(time)))
    }

    fn ping(&self, time: u64) -> LivenessAction {
        LivenessAction::Ping(Some(self.at(time)))
    }

    fn due(&self) -> Option<u64> {
        let due = self.liveness.due()?;
        Some(due.duration_since(self.opened).as_millis() as u64)
    }
}

#[test]
fn silence_ends_in_the_idle_timeout_and_any_byte_puts_it_off() {
    let mut clock = Clock::new(100, 0, 20_000);
    assert_eq!(clock.due(), Some(100));
    clock.last = 60;
    assert_eq!(clock.fires(100), clock.wait(160), "bytes came since");
    assert_eq!(clock.judge(160, false, false), LivenessAction::Read, "not before what came was read");
    assert_eq!(clock.judge(160, true, false), LivenessAction::Idle(ms(100)));
}

#[test]
fn bytes_that_the_read_brings_are_life() {
    let mut clock = Clock::new(100, 0, 0);
    assert_eq!(clock.judge(100, false, false), LivenessAction::Read);
    clock.last = 100;
    assert_eq!(clock.judge(100, true, false), clock.wait(200));
}

#[test]
fn a_ping_goes_out_after_an_interval_of_silence_and_any_byte_answers_it() {
    let mut clock = Clock::new(0, 100, 50);
    clock.last = 30;
    assert_eq!(clock.fires(100), clock.wait(130), "no ping while the server speaks");
    assert_eq!(clock.fires(130), clock.ping(180));
    clock.last = 140;
    assert_eq!(clock.fires(180), clock.wait(240), "answered");
    assert_eq!(clock.fires(240), clock.ping(290), "silent again");
    assert_eq!(clock.fires(290), LivenessAction::Unanswered(ms(50)));
}

#[test]
fn one_ping_is_out_at_a_time() {
    let mut clock = Clock::new(0, 10, 1000);
    assert_eq!(clock.fires(10), clock.ping(20), "when the answer is checked for");
    assert_eq!(clock.fires(20), clock.wait(30));
    clock.last = 25;
    assert_eq!(clock.fires(30), clock.wait(35), "answered: the next ping is an interval behind");
    assert_eq!(clock.fires(35), clock.ping(45));
    assert_eq!(clock.fires(1034), clock.wait(1035));
    assert_eq!(clock.fires(1035), LivenessAction::Unanswered(ms(1000)));
}

#[test]
fn with_no_limit_for_the_answer_pings_go_on() {
    let mut clock = Clock::new(0, 10, 0);
    assert_eq!(clock.fires(10), clock.ping(20));
    assert_eq!(clock.fires(20), clock.ping(30));
    assert_eq!(clock.fires(500), clock.ping(510));
}

#[test]
fn the_nearer_of_idle_and_ping_timeout_counts() {
    let mut clock = Clock::new(100, 50, 20);
    assert_eq!(clock.fires(50), clock.ping(70));
    assert_eq!(clock.fires(70), LivenessAction::Unanswered(ms(20)));
    let mut clock = Clock::new(100, 50, 80);
    assert_eq!(clock.fires(50), clock.ping(100));
    assert_eq!(clock.fires(100), LivenessAction::Idle(ms(100)));
}

/// The host was slow, not the server.
#[test]
fn after_a_standstill_everything_counts_anew() {
    let mut clock = Clock::new(100, 40, 50);
    assert_eq!(clock.fires(40), clock.ping(80));
    let later = clock.at(5000);
    clock.liveness.restart(later);
    assert_eq!(clock.due(), Some(5040));
    assert_eq!(clock.fires(5040), clock.wait(5050), "the ping has its whole time again");
    assert_eq!(clock.fires(5050), LivenessAction::Unanswered(ms(50)));
}

/// `docs/hostile.md`, line 22: after a machine's sleep the server is asked before it is given up.
#[test]
fn after_a_sleep_the_server_is_pinged_and_has_its_whole_time() {
    for (idle, interval, next) in [(1000, 0, 3_601_100), (0, 1000, 0), (1000, 600, 3_600_700)] {
        let mut clock = Clock::new(idle, interval, 300);
        if interval != 0 {
            clock.fires(interval);
        }
        assert_eq!(clock.judge(3_600_000, false, false), LivenessAction::Read, "read first");
        assert_eq!(clock.judge(3_600_000, true, false), clock.ping(3_600_300));
        if idle == 0 {
            assert_eq!(clock.fires(3_600_300), LivenessAction::Unanswered(ms(300)));
        } else {
            clock.last = 3_600_100;
            assert_eq!(clock.fires(3_600_300), clock.wait(next));
        }
    }
}

#[test]
fn after_a_sleep_a_short_idle_timeout_waits_for_the_ping_too() {
    let mut clock = Clock::new(100, 0, 500);
    assert_eq!(clock.judge(5000, true, false), clock.ping(5100));
    assert_eq!(clock.fires(5100), clock.wait(5200), "the idle timeout alone would end it here");
    assert_eq!(clock.fires(5499), clock.wait(5500));
    assert_eq!(clock.fires(5500), LivenessAction::Idle(ms(500)));
    let mut clock = Clock::new(100, 0, 0);
    assert_eq!(clock.judge(5000, true, false), clock.ping(5100), "no limit for the answer: the idle timeout");
}

#[test]
fn the_answer_after_a_sleep_ends_the_reprieve() {
    let mut clock = Clock::new(100, 0, 20_000);
    assert_eq!(clock.judge(5000, true, false), clock.ping(5100));
    clock.last = 5001;
    assert_eq!(clock.fires(5100), clock.wait(5101));
    assert_eq!(clock.fires(5101), LivenessAction::Idle(ms(100)));
}

/// The read is a part of one judgement: bytes that it brings make no timer late.
#[test]
fn bytes_that_came_long_before_the_timer_make_it_no_sleep() {
    let mut clock = Clock::new(0, 10_000, 10_000);
    assert_eq!(clock.fires(10_000), clock.ping(20_000));
    clock.liveness.limits.idle_timeout = Some(ms(5000));
    clock.last = 12_000;
    assert_eq!(clock.judge(20_000, false, false), LivenessAction::Read);
    assert_eq!(clock.judge(20_000, true, false), LivenessAction::Idle(ms(8000)));
}

#[test]
fn after_a_sleep_what_had_come_is_life_and_no_ping_is_needed() {
    let mut clock = Clock::new(100, 0, 500);
    assert_eq!(clock.judge(5000, false, false), LivenessAction::Read);
    clock.last = 5000;
    assert_eq!(clock.judge(5000, true, false), clock.wait(5100));
}

#[test]
fn a_timer_that_is_a_little_late_is_no_sleep() {
    let mut clock = Clock::new(100, 0, 500);
    assert_eq!(clock.fires(1000), LivenessAction::Idle(ms(1000)), "a busy thread");
    assert!(matches!(Clock::new(100, 0, 500).fires(1101), LivenessAction::Ping(_)));
}

/// A large message of ours on a slow road: the ping waits behind it.
#[test]
fn a_ping_that_is_on_its_way_has_its_time_again() {
    let mut clock = Clock::new(0, 100, 50);
    assert_eq!(clock.fires(100), clock.ping(150));
    assert_eq!(clock.judge(150, true, true), clock.wait(200));
    assert_eq!(clock.judge(200, true, true), clock.wait(250));
    assert_eq!(clock.judge(250, true, false), LivenessAction::Unanswered(ms(50)));
}

#[test]
fn times_beyond_the_clock_never_come() {
    let mut clock = Clock::new(0, 0, 0);
    clock.liveness.limits = LivenessLimits {
        idle_timeout: Some(Duration::MAX),
        ping_interval: Some(Duration::MAX),
        ping_timeout: None,
        ping_always: false,
    };
    assert_eq!(clock.due(), None);
    assert_eq!(clock.fires(1 << 40), LivenessAction::Wait(None));
}

#[test]
fn a_server_that_speaks_is_pinged_each_interval_where_that_was_asked_for() {
    let mut clock = Clock::always(100, 50);
    assert_eq!(clock.due(), Some(100));
    clock.last = 90;
    assert_eq!(clock.judge(100, false, false), LivenessAction::Read, "what came may be the pong");
    assert_eq!(clock.judge(100, true, false), clock.ping(150));
    clock.last = 140;
    assert_eq!(clock.fires(150), clock.wait(200), "an interval after the last ping");
    clock.last = 200;
    assert_eq!(clock.fires(200), clock.ping(250));
    assert_eq!(clock.fires(250), LivenessAction::Unanswered(ms(50)), "silence counts as ever");
}

#[test]
fn no_ping_follows_one_whose_pong_may_still_come() {
    let mut clock = Clock::always(10, 35);
    clock.last = 9;
    assert_eq!(clock.fires(10), clock.ping(20));
    (clock.last, clock.out) = (15, true);
    assert_eq!(clock.fires(20), clock.wait(30), "bytes came, the pong did not");
    clock.last = 25;
    assert_eq!(clock.fires(30), clock.wait(40));
    (clock.last, clock.out) = (35, false);
    assert_eq!(clock.fires(40), clock.ping(50), "it has come");
    for now in [50, 60, 70] {
        (clock.last, clock.out) = (now - 1, true);
        assert_eq!(clock.fires(now), clock.wait(now + 10));
    }
    clock.last = 79;
    assert_eq!(
        clock.fires(80),
        clock.ping(90),
        "a server that answers none, but speaks, is pinged all the same"
    );
}

#[test]
fn with_no_limit_for_the_answer_a_server_that_speaks_is_pinged_on() {
    let mut clock = Clock::always(10, 0);
    (clock.last, clock.out) = (9, true);
    assert_eq!(clock.fires(10), clock.ping(20));
    clock.last = 19;
    assert_eq!(clock.fires(20), clock.ping(30));
}
