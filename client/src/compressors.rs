//! Compressors that wait for the next message, of whichever socket: what compresses takes hundreds of KiB, and a socket needs it only
//! while it sends. Those that nobody has used for a while are freed.

use crate::fork::PerProcess;
use crate::sync::Mutex;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use tokio::sync::Notify;
use ws4d_protocol::deflate::{Compressor, Compressors, Deflater};

/// The time between two searches for unused compressors. One is freed when it has been unused for one to two intervals.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);

static KEPT: PerProcess<Kept> = PerProcess::new(Kept::default);

#[derive(Default)]
struct Kept {
    compressors: Mutex<Compressors>,
    /// Notified when compressors are kept again after there were none.
    begun: Notify,
}

impl Kept {
    fn lend<R>(
        &self,
        deflater: &mut Deflater,
        compress: impl FnOnce(&mut Deflater, &mut Option<Compressor>) -> R,
    ) -> R {
        let mut compressor = self.compressors.lock().take(deflater);
        let compressed = compress(deflater, &mut compressor);
        if let Some(compressor) = compressor {
            self.keep(compressor);
        }
        compressed
    }

    fn keep(&self, compressor: Compressor) {
        let mut compressors = self.compressors.lock();
        let were_none = compressors.is_empty();
        let surplus = compressors.keep(compressor);
        drop(compressors);
        // Outside of the lock: its memory goes back to the system.
        drop(surplus);
        if were_none {
            // tokio panics where the program has closed the descriptor that wakes the I/O thread.
            let _ = catch_unwind(AssertUnwindSafe(|| self.begun.notify_one()));
        }
    }

    #[cfg(not(ws4d_loom))]
    async fn free_unused(&self) {
        loop {
            while self.compressors.lock().is_empty() {
                self.begun.notified().await;
            }
            tokio::time::sleep(SWEEP_INTERVAL).await;
            let unused = self.compressors.lock().sweep();
            drop(unused);
        }
    }
}

/// Lends the deflater a compressor for its next message, if there is one, and keeps what it has afterwards.
pub(crate) fn lend<R>(
    deflater: &mut Deflater,
    compress: impl FnOnce(&mut Deflater, &mut Option<Compressor>) -> R,
) -> R {
    KEPT.get().lend(deflater, compress)
}

/// Frees compressors that have not been used for a while, for as long as this is polled, which the I/O threads do. Where a
/// process has none, because all of its sockets are driven by their owners, compressors stay until the shutdown.
#[cfg(not(ws4d_loom))]
pub(crate) async fn free_unused() {
    KEPT.get().free_unused().await;
}

/// Gives the memory of those that wait back to the system.
#[cfg(not(ws4d_loom))]
pub(crate) fn free() {
    let kept = std::mem::take(&mut *KEPT.get().compressors.lock());
    drop(kept);
}

#[cfg(all(test, feature = "compression", not(ws4d_loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;
    use ws4d_protocol::deflate::Params;

    fn kept_with_a_sweeper() -> Arc<Kept> {
        let kept = Arc::new(Kept::default());
        let of_thread = Arc::clone(&kept);
        tokio::spawn(async move { of_thread.free_unused().await });
        kept
    }

    fn send(kept: &Kept, deflater: &mut Deflater) {
        let compressed = kept.lend(deflater, |deflater, compressor| {
            deflater.compress(b"hello, hello", &mut Vec::new(), compressor)
        });
        assert!(compressed.is_ok());
    }

    fn are_kept(kept: &Kept) -> bool {
        !kept.compressors.lock().is_empty()
    }

    fn deflater() -> Deflater {
        let params = Params {
            client_window_bits: 15,
            server_window_bits: 15,
            client_context_takeover: true,
            server_context_takeover: true,
        };
        Deflater::new(6, 5, &params)
    }

    #[tokio::test(start_paused = true)]
    async fn a_compressor_that_is_not_used_for_a_while_is_freed() {
        let kept = kept_with_a_sweeper();
        let mut deflater = deflater();
        for _ in 0..2 {
            send(&kept, &mut deflater);
            assert!(are_kept(&kept));
            tokio::time::sleep(2 * SWEEP_INTERVAL + Duration::from_millis(1)).await;
            assert!(!are_kept(&kept));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_used_stays() {
        let kept = kept_with_a_sweeper();
        let mut deflater = deflater();
        for _ in 0..10 {
            send(&kept, &mut deflater);
            tokio::time::sleep(SWEEP_INTERVAL).await;
            assert!(are_kept(&kept));
        }
    }
}
