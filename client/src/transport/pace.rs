//! The size of TLS records. A record can be read only when the last of its packets has arrived: after a silence,
//! records are of one packet each, so that the server can begin with the first; later they are as large as possible,
//! because each costs a header and a tag.

use std::time::{Duration, Instant};

/// The payload of a record that fits into one packet of the usual sizes, headers of IPv6, TCP and TLS included.
pub(super) const ONE_PACKET: usize = 1300;
/// Number of bytes of a burst that go in such records.
const BURST: usize = 48 * 1024;
/// Length of the silence after which a burst begins.
const SILENCE: Duration = Duration::from_secs(1);

/// Bytes sent since the last silence.
#[derive(Default)]
pub(super) struct Pace {
    last: Option<Instant>,
    sent: usize,
}

impl Pace {
    /// Called before more than one packet's worth is sent.
    pub(super) fn begin(&mut self, now: Instant) {
        if self.last.is_none_or(|last| now.saturating_duration_since(last) >= SILENCE) {
            self.sent = 0;
        }
        self.last = Some(now);
    }

    /// Returns how much of `wanted` goes into the next records.
    pub(super) fn next(&self, wanted: usize) -> usize {
        if self.sent < BURST { wanted.min(ONE_PACKET) } else { wanted }
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_add(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_silence_records_are_small_until_a_burst_is_over() {
        let start = Instant::now();
        let mut pace = Pace::default();
        pace.begin(start);
        let mut small = 0;
        while pace.next(100_000) == ONE_PACKET {
            pace.sent(ONE_PACKET);
            small += ONE_PACKET;
        }
        assert!((BURST..BURST + ONE_PACKET).contains(&small), "{small}");
        assert_eq!(pace.next(100_000), 100_000);
        pace.begin(start + SILENCE / 2);
        assert_eq!(pace.next(100_000), 100_000, "that was no silence");
        pace.begin(start + SILENCE / 2 + SILENCE);
        assert_eq!(pace.next(100_000), ONE_PACKET);
        assert_eq!(pace.next(100), 100);
    }
}
