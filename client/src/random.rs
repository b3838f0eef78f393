//! Unpredictable bytes: one generator a thread, cryptographic, seeded by the system (RFC 6455 §10.3 wants mask
//! keys that a server cannot guess).

use crate::fork::fork_epoch;
use crate::sys::thread::CancellationHeld;
use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng, TryRng};
use std::cell::RefCell;
use std::mem::ManuallyDrop;

/// The number of keys that are drawn before the generator is seeded anew.
const KEYS_PER_SEED: u32 = 16 * 1024;

/// The generator of one thread. It has no destructor, so that a thread that is ending still has it: a thread-local with one
/// is gone by then. A `StdRng` holds no memory of its own, so nothing leaks.
struct Generator {
    rng: ManuallyDrop<StdRng>,
    left: u32,
    /// The fork epoch of the seed. A forked child has inherited the generator, and would repeat its parent's bytes.
    epoch: u32,
}

thread_local! {
    static GENERATOR: RefCell<Option<Generator>> = const {
        assert!(!std::mem::needs_drop::<Generator>());
        RefCell::new(None)
    };
}

/// Lends the thread's generator, seeded if it has to be, for drawing so many keys.
#[inline]
fn with_generator<R>(keys: u32, draw: impl FnOnce(&mut StdRng) -> R) -> R {
    GENERATOR.with_borrow_mut(|place| {
        let generator = match place {
            Some(generator) if generator.left > 0 && generator.epoch == fork_epoch() => generator,
            _ => seed(place),
        };
        generator.left = generator.left.saturating_sub(keys);
        draw(&mut generator.rng)
    })
}

#[cold]
fn seed(place: &mut Option<Generator>) -> &mut Generator {
    let _held = CancellationHeld::begin();
    let epoch = fork_epoch();
    let mut seed = <StdRng as SeedableRng>::Seed::default();
    let fresh = match (SysRng.try_fill_bytes(&mut seed), place.take()) {
        (Ok(()), _) => {
            Generator { rng: ManuallyDrop::new(StdRng::from_seed(seed)), left: KEYS_PER_SEED, epoch }
        }
        // If the system's source fails, which it practically never does, the old state stays in use.
        (Err(_), Some(before)) if before.epoch == epoch => Generator { left: KEYS_PER_SEED, ..before },
        (Err(_), _) => panic!("the system has no random numbers"),
    };
    place.insert(fresh)
}

/// Fresh random bytes.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    with_generator(1, |rng| rng.fill_bytes(&mut bytes));
    bytes
}

/// A mask key for one frame.
#[inline]
pub(crate) fn mask_key() -> [u8; 4] {
    with_generator(1, |rng| rng.next_u32()).to_ne_bytes()
}

/// Mask keys for many frames, drawn [`MaskKeys::AT_ONCE`] at a time: that costs one call of the generator.
pub(crate) struct MaskKeys {
    keys: [[u8; 4]; MaskKeys::AT_ONCE],
    used: usize,
}

impl MaskKeys {
    const AT_ONCE: usize = 64;

    /// Draws nothing yet.
    pub(crate) const fn new() -> MaskKeys {
        MaskKeys { keys: [[0; 4]; Self::AT_ONCE], used: Self::AT_ONCE }
    }

    /// A mask key for one frame; each is given once.
    #[inline]
    pub(crate) fn next(&mut self) -> [u8; 4] {
        if self.used == Self::AT_ONCE {
            with_generator(Self::AT_ONCE as u32, |rng| rng.fill_bytes(self.keys.as_flattened_mut()));
            self.used = 0;
        }
        self.used += 1;
        self.keys[self.used - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// docs/hostile.md, line 24: the requirements of RFC 6455 §10.3 for mask keys, checked by the types.
    #[test]
    fn the_generator_is_cryptographic() {
        fn cryptographic<R: rand::CryptoRng>(_: &R) {}
        with_generator(1, |rng| cryptographic(rng));
    }

    #[test]
    fn keys_that_are_drawn_together_differ_as_others_do() {
        let mut keys = MaskKeys::new();
        let drawn: std::collections::HashSet<_> = (0..1000).map(|_| keys.next()).collect();
        assert!(drawn.len() > 990, "{} of 1000", drawn.len());
    }

    /// docs/hostile.md, line 24: keys derived from a clock or a counter would have bits that rarely change.
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

    #[test]
    fn a_generator_that_has_drawn_enough_is_seeded_anew() {
        let left = || GENERATOR.with_borrow(|place| place.as_ref().map(|generator| generator.left));
        GENERATOR.with_borrow_mut(|place| seed(place).left = 1);
        mask_key();
        assert_eq!(left(), Some(0));
        mask_key();
        assert_eq!(left(), Some(KEYS_PER_SEED - 1));
    }
}
