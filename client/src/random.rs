//! Unpredictable bytes: one generator a thread, cryptographic, seeded by the system (RFC 6455 §10.3 wants mask
//! keys that a server cannot guess).

use crate::fork::fork_epoch;
use rand::Rng;
use std::cell::Cell;

thread_local! {
    static SEEDED_IN: Cell<u32> = const { Cell::new(0) };
}

/// Fresh random bytes.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut rng = rand::rng();
    // A forked child has inherited the generator: it would say what its parent says.
    if SEEDED_IN.replace(fork_epoch()) != fork_epoch() {
        // The system's source fails only where there is no system; the old state is then mixed on.
        let _ = rng.reseed();
    }
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// A mask key for one frame.
pub(crate) fn mask_key() -> [u8; 4] {
    bytes()
}
