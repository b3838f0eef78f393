//! Masking (RFC 6455 §5.3): each payload byte XOR one of the four bytes of the key, in turn.
//!
//! Written so that the compiler vectorises it; knows nothing of frames. The caller supplies the keys (from a CSPRNG,
//! a new one for each frame: RFC 6455 §10.3).

/// Bytes that are masked in one step: a multiple of four, so that each step starts at the same byte
/// of the key. Of 16 to 256, 32 measured best for short and for long payloads.
const STEP: usize = 32;

/// Up to this length, a payload is appended piece by piece. Beyond it that takes longer, because each piece waits for the
/// length that the one before has left in memory: at 64 KiB, more than twice as long.
const SHORT: usize = 192;

/// Bytes of a longer payload that are appended at once, a multiple of [`STEP`]: their zeros are still in the first cache
/// when the masked bytes replace them. Of 1 to 64 KiB, 8 measured best.
const BLOCK: usize = 8192;

/// The key, rotated so that its first byte is the one for `offset`.
fn rotated(key: [u8; 4], offset: usize) -> [u8; 4] {
    u32::from_le_bytes(key).rotate_right(offset as u32 % 4 * 8).to_le_bytes()
}

/// The key, often enough for one step.
fn step_key(key: [u8; 4]) -> [u8; STEP] {
    std::array::from_fn(|i| key[i % 4])
}

/// Appends `data` to `out`, masked.
///
/// `offset`: how many bytes of the same payload came before `data`. Reserve the room first where
/// running out of memory must not abort: this function allocates as `Vec::extend` does.
#[inline]
pub fn append_masked(out: &mut Vec<u8>, data: &[u8], key: [u8; 4], offset: usize) {
    let key = rotated(key, offset);
    if data.len() <= SHORT { append_short(out, data, key) } else { append_long(out, data, key) }
}

/// Appends piece by piece: that is no call, because the length of each is known.
#[inline]
fn append_short(out: &mut Vec<u8>, data: &[u8], key: [u8; 4]) {
    let (steps, rest) = data.as_chunks::<STEP>();
    let long_key = step_key(key);
    for step in steps {
        let mut masked = *step;
        xor(&mut masked, &long_key);
        out.extend_from_slice(&masked);
    }
    let (words, rest) = rest.as_chunks::<4>();
    for word in words {
        let mut masked = *word;
        xor(&mut masked, &key);
        out.extend_from_slice(&masked);
    }
    for (byte, key) in rest.iter().zip(key) {
        out.push(byte ^ key);
    }
}

fn append_long(out: &mut Vec<u8>, data: &[u8], key: [u8; 4]) {
    out.reserve(data.len());
    let key = step_key(key);
    for block in data.chunks(BLOCK) {
        let start = out.len();
        out.resize(start + block.len(), 0);
        let (steps, rest) = block.as_chunks::<STEP>();
        let (masked_steps, masked_rest) = out[start..].as_chunks_mut::<STEP>();
        for (masked, step) in masked_steps.iter_mut().zip(steps) {
            xor_into(masked, step, &key);
        }
        xor_into(masked_rest, rest, &key);
    }
}

/// Writes the bytes of `data`, XORed with those of `key`, up to the end of the shortest of the three.
#[inline(always)]
fn xor_into(masked: &mut [u8], data: &[u8], key: &[u8]) {
    for ((masked, byte), key) in masked.iter_mut().zip(data).zip(key) {
        *masked = byte ^ key;
    }
}

/// XORs the bytes of the shorter of the two.
#[inline(always)]
fn xor(data: &mut [u8], key: &[u8]) {
    for (byte, key) in data.iter_mut().zip(key) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455 §5.3, to the letter.
    fn naive(data: &[u8], key: [u8; 4], offset: usize) -> Vec<u8> {
        data.iter().enumerate().map(|(i, byte)| byte ^ key[(offset + i) % 4]).collect()
    }

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    #[test]
    fn masking_equals_the_naive_reference_for_every_length_and_offset() {
        let data: Vec<u8> = (0..=2 * BLOCK as u32 + 33).map(|i| (i * 7 + 3) as u8).collect();
        let around_blocks = [BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 33];
        for len in (0..=300).chain(around_blocks) {
            for offset in [0, 1, 2, 3, 4, 5, 63, 64, 65, usize::MAX] {
                // The reference adds offset and index; the period is four, so any offset may be
                // made small.
                let expected = naive(&data[..len], KEY, offset % 4);

                let mut out = vec![9, 9];
                append_masked(&mut out, &data[..len], KEY, offset);
                assert_eq!(&out[..2], [9, 9]);
                assert_eq!(&out[2..], expected, "appended, {len} bytes at {offset}");
            }
        }
    }

    #[test]
    fn the_example_of_the_rfc_is_masked_as_the_rfc_says() {
        // RFC 6455 §5.7: a masked "Hello".
        let mut out = Vec::new();
        append_masked(&mut out, b"Hello", KEY, 0);
        assert_eq!(out, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    #[test]
    fn masking_in_pieces_is_masking_at_once() {
        let data: Vec<u8> = (0..200).collect();
        for cut in 0..=200 {
            let mut out = Vec::new();
            append_masked(&mut out, &data[..cut], KEY, 0);
            append_masked(&mut out, &data[cut..], KEY, cut);
            assert_eq!(out, naive(&data, KEY, 0));
        }
    }
}
