//! Whether the machine has something else to do: before a case it is waited for until it has not.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// A machine whose cores are idle but for this share counts as quiet.
pub(crate) const QUIET: f64 = 0.05;

/// The time over which the share is taken.
const LOOK: Duration = Duration::from_millis(500);

/// The time that all cases together may wait.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// What is left of the patience.
pub(crate) struct Quiet {
    left: Duration,
}

impl Quiet {
    /// `quick`: the machine is looked at, but not waited for.
    pub(crate) fn new(quick: bool) -> Quiet {
        Quiet { left: if quick { Duration::ZERO } else { PATIENCE } }
    }

    /// Waits until the machine is quiet, or until there is no patience left, while this program does nothing. Returns how
    /// busy it was at last, as the share of the time that its cores were not idle.
    pub(crate) fn wait(&mut self) -> f64 {
        let begun = Instant::now();
        let mut told = false;
        loop {
            let busy = busy_for(LOOK);
            if busy <= QUIET || begun.elapsed() >= self.left {
                self.left = self.left.saturating_sub(begun.elapsed());
                return busy;
            }
            if !told {
                println!("\nThe machine is busy ({:.0} %): waiting until it is not.", busy * 100.0);
                told = true;
            }
            thread::sleep(LOOK);
        }
    }
}

fn busy_for(time: Duration) -> f64 {
    let before = ticks();
    thread::sleep(time);
    let after = ticks();
    let (all, idle) = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
    if all == 0 { 0.0 } else { 1.0 - idle as f64 / all as f64 }
}

/// The time of all cores, and how much of it they were idle.
fn ticks() -> (u64, u64) {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields = text.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let fields: Vec<u64> = fields.filter_map(|field| field.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal; what guests take is in the first two.
    let all = fields.iter().take(8).sum();
    (all, fields.iter().skip(3).take(2).sum())
}
