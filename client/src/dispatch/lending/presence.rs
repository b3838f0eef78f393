//! Where the owner of a dispatcher is, and what the standby task does for that. Pure.

use std::time::{Duration, Instant};

/// How often the standby task looks whether the owner comes to wait; it is missed after one or two of them.
pub(crate) const OWNER_CHECK_INTERVAL: Duration = Duration::from_millis(2);
/// After so long without the owner each socket goes back to its I/O thread.
pub(crate) const OWNER_ABSENT_AFTER: Duration = Duration::from_secs(1);

/// What a socket's task does for the sockets of its dispatcher.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StandbyRole {
    None,
    /// Look whether the owner comes, every [`OWNER_CHECK_INTERVAL`].
    Look,
    /// Watch the poller, and look again after [`OWNER_ABSENT_AFTER`].
    Serve,
}

/// Where the owner is just now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::dispatch) enum OwnerWait {
    /// It does something else.
    Elsewhere,
    /// In the poller; it returns by itself, or was woken.
    Polling,
    /// It must be woken for what other threads change.
    Asleep,
}

/// What the standby task has found when it looked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::dispatch) enum OwnerPresence {
    /// It comes to wait.
    Active,
    /// It has slept through a check: the standby task sleeps too, and is told when the owner wakes.
    SleptThroughCheck,
    /// It stays away: the standby task watches the poller.
    AwaySince(Instant),
}

impl OwnerPresence {
    /// What the standby task does.
    pub(in crate::dispatch) fn role(self) -> StandbyRole {
        match self {
            OwnerPresence::Active => StandbyRole::Look,
            OwnerPresence::SleptThroughCheck => StandbyRole::None,
            OwnerPresence::AwaySince(_) => StandbyRole::Serve,
        }
    }

    /// What a check finds that the owner has not come to since the one before.
    pub(in crate::dispatch) fn after_check(self, wait: OwnerWait, now: Instant) -> OwnerPresence {
        match (wait, self) {
            (OwnerWait::Polling | OwnerWait::Asleep, _) => OwnerPresence::SleptThroughCheck,
            (OwnerWait::Elsewhere, OwnerPresence::AwaySince(since)) => OwnerPresence::AwaySince(since),
            (OwnerWait::Elsewhere, _) => OwnerPresence::AwaySince(now),
        }
    }

    /// Whether it stays away for so long that each socket goes back to its I/O thread.
    pub(in crate::dispatch) fn is_given_up(self, now: Instant) -> bool {
        matches!(self, OwnerPresence::AwaySince(since) if now.saturating_duration_since(since) >= OWNER_ABSENT_AFTER)
    }
}

#[cfg(all(test, not(ws4d_loom)))]
mod tests {
    use super::*;

    #[test]
    fn where_the_owner_is_says_what_the_standby_task_does() {
        use OwnerPresence::{Active, AwaySince, SleptThroughCheck};
        use OwnerWait::{Asleep, Elsewhere, Polling};
        let now = Instant::now();
        let later = now + OWNER_ABSENT_AFTER / 2;
        let table = [
            (Elsewhere, Active, AwaySince(later), StandbyRole::Serve),
            (Elsewhere, SleptThroughCheck, AwaySince(later), StandbyRole::Serve),
            (Elsewhere, AwaySince(now), AwaySince(now), StandbyRole::Serve),
            (Polling, Active, SleptThroughCheck, StandbyRole::None),
            (Polling, AwaySince(now), SleptThroughCheck, StandbyRole::None),
            (Asleep, Active, SleptThroughCheck, StandbyRole::None),
            (Asleep, SleptThroughCheck, SleptThroughCheck, StandbyRole::None),
            (Asleep, AwaySince(now), SleptThroughCheck, StandbyRole::None),
        ];
        for (wait, before, after, role) in table {
            let found = before.after_check(wait, later);
            assert_eq!((found, found.role()), (after, role), "{wait:?}, {before:?}");
            assert!(!found.is_given_up(later));
        }
        assert_eq!(Active.role(), StandbyRole::Look);
        assert!(AwaySince(now).is_given_up(now + OWNER_ABSENT_AFTER));
    }
}
