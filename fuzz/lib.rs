//! What the targets share. The receivers are driven, and a server's side is played, as in the tests of the
//! protocol: by the same code.

#[path = "../protocol/tests/support/mod.rs"]
pub mod support;

/// The next bytes of the fuzzer's input; zeros where there are none.
pub fn take<const N: usize>(data: &mut &[u8]) -> [u8; N] {
    let mut taken = [0; N];
    let len = N.min(data.len());
    let (bytes, rest) = data.split_at(len);
    taken[..len].copy_from_slice(bytes);
    *data = rest;
    taken
}

/// Three places to cut a stream at.
pub fn places(data: &mut &[u8]) -> Vec<usize> {
    take::<6>(data).as_chunks::<2>().0.iter().map(|place| u16::from_le_bytes(*place).into()).collect()
}

/// The mistake of `scripts/fuzz.sh --planted`: a fuzzer that does not find it does not reach what it tries.
pub fn planted(reached: impl FnOnce() -> bool) {
    if cfg!(feature = "planted") {
        assert!(!reached(), "the planted mistake");
    }
}
