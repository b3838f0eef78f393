//! JSON numbers as integers, exactly: never by way of a double.

/// The integer that a JSON number is, if it is one and in range.
///
/// Linear in the length of the text, whatever its exponent says.
pub(super) fn exact_i64(text: &[u8]) -> Option<i64> {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(text) => (true, text),
        None => (false, text),
    };
    let split_at = |text: &[u8], mark: &[u8]| text.iter().position(|byte| mark.contains(byte));
    let (mantissa, exponent) = match split_at(text, b"eE") {
        Some(place) => (&text[..place], exponent(&text[place + 1..])),
        None => (text, 0),
    };
    let (whole, fraction) = match split_at(mantissa, b".") {
        Some(place) => (&mantissa[..place], &mantissa[place + 1..]),
        None => (mantissa, &[][..]),
    };

    // The number is `value` times ten to the `zeros` and to the exponent, and `value` does not end
    // in a zero.
    let mut value = 0u64;
    let mut zeros = 0i64;
    for digit in whole.iter().chain(fraction).map(|byte| byte.wrapping_sub(b'0')) {
        if digit == 0 {
            zeros += i64::from(value != 0);
        } else {
            value = times_ten_to(value, zeros + 1)?.checked_add(u64::from(digit))?;
            zeros = 0;
        }
    }
    if value == 0 {
        return Some(0);
    }
    let zeros = zeros.saturating_add(exponent).saturating_sub(fraction.len() as i64);
    let value = times_ten_to(value, zeros)?;
    if negative { 0i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

fn times_ten_to(value: u64, power: i64) -> Option<u64> {
    if value == 0 {
        return Some(0);
    }
    value.checked_mul(10u64.checked_pow(u32::try_from(power).ok()?)?)
}

/// An exponent with its sign; beyond `i64` it is as good as infinite.
fn exponent(text: &[u8]) -> i64 {
    let (negative, digits) = match text.split_first() {
        Some((b'-', digits)) => (true, digits),
        Some((b'+', digits)) => (false, digits),
        _ => (false, text),
    };
    let size = digits
        .iter()
        .fold(0i64, |size, byte| size.saturating_mul(10).saturating_add(i64::from(byte.wrapping_sub(b'0'))));
    if negative { -size } else { size }
}
