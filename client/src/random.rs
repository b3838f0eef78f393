//! Unpredictable bytes: one generator a thread, cryptographic, seeded by the system (RFC 6455 §10.3 wants mask
//! keys that a server cannot guess).

use crate::fork::fork_epoch;
use rand::Rng;
use rand::rngs::ThreadRng;
use std::cell::Cell;

thread_local! {
    static SEEDED_IN: Cell<u32> = const { Cell::new(0) };
}

/// The thread's generator.
#[inline]
fn generator() -> ThreadRng {
    let mut rng = rand::rng();
    let epoch = fork_epoch();
    // A forked child has inherited the generator: it would say what its parent says.
    if SEEDED_IN.get() != epoch {
        SEEDED_IN.set(epoch);
        // The system's source fails only where there is no system; the old state is then mixed on.
        let _ = rng.reseed();
    }
    rng
}

/// Fresh random bytes.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    generator().fill_bytes(&mut bytes);
    bytes
}

/// A mask key for one frame.
#[inline]
pub(crate) fn mask_key() -> [u8; 4] {
    generator().next_u32().to_ne_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// HOSTILE 24: what RFC 6455 §10.3 asks of mask keys, said by the types.
    #[test]
    fn the_generator_is_cryptographic() {
        fn cryptographic<R: rand::CryptoRng>(_: &R) {}
        cryptographic(&rand::rng());
    }

    /// HOSTILE 24: keys of a clock or a counter would have bits that stand still.
    #[test]
    fn every_bit_of_a_mask_key_is_one_half_of_the_time() {
        let mut ones = [0; 32];
        for _ in 0..10_000 {
            let key = u32::from_le_bytes(mask_key());
            ones.iter_mut().enumerate().for_each(|(bit, ones)| *ones += key >> bit & 1);
        }
        // Ten standard deviations.
        assert!(ones.iter().all(|ones| (4500..5500).contains(ones)), "{ones:?}");
    }
}
