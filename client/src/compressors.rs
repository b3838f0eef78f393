//! Compressors that wait for the next message, of whichever socket: what compresses takes hundreds of KiB, and a socket needs it only
//! while it sends.

use crate::fork::PerProcess;
use crate::sync::Mutex;
use ws4d_protocol::deflate::{Compressor, Compressors, Deflater};

static KEPT: PerProcess<Mutex<Compressors>> = PerProcess::new(|| Mutex::new(Compressors::new()));

/// Lends the deflater a compressor for its next message, if there is one, and keeps what it has afterwards.
pub(crate) fn lend<R>(
    deflater: &mut Deflater,
    compress: impl FnOnce(&mut Deflater, &mut Option<Compressor>) -> R,
) -> R {
    let mut compressor = KEPT.get().lock().take(deflater);
    let compressed = compress(deflater, &mut compressor);
    if let Some(compressor) = compressor {
        let surplus = KEPT.get().lock().keep(compressor);
        // Outside of the lock: its memory goes back to the system.
        drop(surplus);
    }
    compressed
}

/// Gives the memory of those that wait back to the system.
#[cfg(not(ws4d_loom))]
pub(crate) fn free() {
    let kept = std::mem::take(&mut *KEPT.get().lock());
    drop(kept);
}
