//! What our streams and the server's have in common: how one is made, and the words of DEFLATE that both need.

use crate::send::OutOfMemory;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Makes a stream of the library's, for which that takes at most so much memory. It has no other way to say that there is
/// none than a panic, in which nothing of ours takes part. Panics are costly, and a hook of the program's may want
/// memory itself: so it is asked for before, and only who takes it meanwhile still leads to one.
pub(super) fn make_stream<S>(memory: usize, make: impl FnOnce() -> S) -> Result<S, OutOfMemory> {
    let none = OutOfMemory { wanted: memory };
    let mut asked = Vec::<u8>::new();
    asked.try_reserve_exact(memory).map_err(|_| none)?;
    // Or the compiler may find that nobody needs it.
    drop(black_box(asked));
    catch_unwind(AssertUnwindSafe(make)).map_err(|_| none)
}

/// The end of a sync flush, which is not sent (RFC 7692 §7.2.1).
pub(super) const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// The smallest window that the library does.
pub(super) const LEAST_WINDOW_BITS: u8 = 9;
