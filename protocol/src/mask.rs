//! Masking (RFC 6455 §5.3): each payload byte XOR one of the four bytes of the key, in turn.
//!
//! Written so that the compiler vectorises it; knows nothing of frames. The caller supplies the keys (from a CSPRNG,
//! a new one for each frame: RFC 6455 §10.3).

/// Bytes that are masked in one step: a multiple of four, so that each step starts at the same byte
/// of the key. Of 16 to 256, 32 measured best for short and for long payloads.
const STEP: usize = 32;

/// The key, rotated so that its first byte is the one for `offset`.
fn rotated(key: [u8; 4], offset: usize) -> [u8; 4] {
    u32::from_le_bytes(key).rotate_right(offset as u32 % 4 * 8).to_le_bytes()
}

/// The key, often enough for one step.
fn step_key(key: [u8; 4]) -> [u8; STEP] {
    std::array::from_fn(|i| key[i % 4])
}

/// Masks `data` where it lies; the same call again unmasks it.
///
/// `offset`: how many bytes of the same payload came before `data`.
pub fn apply_mask(data: &mut [u8], key: [u8; 4], offset: usize) {
    let key = step_key(rotated(key, offset));
    let (steps, rest) = data.as_chunks_mut::<STEP>();
    for step in steps {
        xor(step, &key);
    }
    xor(rest, &key);
}

/// Appends `data` to `out`, masked, in one pass. Only the bytes behind the last step are written twice.
///
/// `offset`: how many bytes of the same payload came before `data`. Reserve the room first where
/// running out of memory must not abort: this function allocates as `Vec::extend` does.
pub fn append_masked(out: &mut Vec<u8>, data: &[u8], key: [u8; 4], offset: usize) {
    out.reserve(data.len());
    let key = step_key(rotated(key, offset));
    let (steps, rest) = data.as_chunks::<STEP>();
    for step in steps {
        let mut masked = *step;
        xor(&mut masked, &key);
        out.extend_from_slice(&masked);
    }
    let start = out.len();
    out.extend_from_slice(rest);
    xor(&mut out[start..], &key);
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
        let data: Vec<u8> = (0..=300u32).map(|i| (i * 7 + 3) as u8).collect();
        for len in 0..=300 {
            for offset in [0, 1, 2, 3, 4, 5, 63, 64, 65, usize::MAX] {
                // The reference adds offset and index; the period is four, so any offset may be
                // made small.
                let expected = naive(&data[..len], KEY, offset % 4);

                let mut in_place = data[..len].to_vec();
                apply_mask(&mut in_place, KEY, offset);
                assert_eq!(in_place, expected, "in place, {len} bytes at {offset}");

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
