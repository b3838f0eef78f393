//! The presence of a dispatcher's owner, and the role of the standby task that follows from it. Pure.

use std::time::{Duration, Instant};

/// The interval at which the standby task checks whether the owner comes to wait. It notices an absence after one or
/// two intervals.
pub(crate) const OWNER_CHECK_INTERVAL: Duration = Duration::from_millis(2);
/// The absence of the owner after which each socket goes back to its I/O thread.
pub(crate) const OWNER_ABSENT_AFTER: Duration = Duration::from_secs(1);

/// The role of a socket's task for the sockets of its dispatcher.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StandbyRole {
    None,
    /// Check whether the owner comes, every [`OWNER_CHECK_INTERVAL`].
    CheckOwner,
    /// Watch the poller, and check again after [`OWNER_ABSENT_AFTER`].
    Serve,
}

/// The owner's present activity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::dispatch) enum OwnerWait {
    /// It does something else.
    Elsewhere,
    /// It is in the poller, and returns by itself or was woken.
    Polling,
    /// It sleeps, and must be woken for changes that other threads make.
    Asleep,
}

/// The result of the standby task's last check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::dispatch) enum OwnerPresence {
    /// It comes to wait.
    Active,
    /// It has slept through a check: the standby task sleeps too, and is notified when the owner wakes.
    SleptThroughCheck,
    /// It stays away: the standby task watches the poller.
    AwaySince(Instant),
}

impl OwnerPresence {
    /// The role of the standby task.
    pub(in crate::dispatch) fn role(self) -> StandbyRole {
        match self {
            OwnerPresence::Active => StandbyRole::CheckOwner,
            OwnerPresence::SleptThroughCheck => StandbyRole::None,
            OwnerPresence::AwaySince(_) => StandbyRole::Serve,
        }
    }

    /// The result of a check before which the owner has not come since the previous check.
    pub(in crate::dispatch) fn after_check(self, wait: OwnerWait, now: Instant) -> OwnerPresence {
        match (wait, self) {
            (OwnerWait::Polling | OwnerWait::Asleep, _) => OwnerPresence::SleptThroughCheck,
            (OwnerWait::Elsewhere, OwnerPresence::AwaySince(since)) => OwnerPresence::AwaySince(since),
            (OwnerWait::Elsewhere, _) => OwnerPresence::AwaySince(now),
        }
    }

    /// Returns whether the owner has been away for so long that each socket goes back to its I/O thread.
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
        assert_eq!(Active.role(), StandbyRole::CheckOwner);
        assert!(AwaySince(now).is_given_up(now + OWNER_ABSENT_AFTER));
    }
}
