//! UTF-8 as UTF-16, for hosts that think in it. Pure.

/// The units of a text, with a 0 behind them; `None`: it is not UTF-8, or there is no memory for it.
pub(crate) fn with_zero(text: &[u8]) -> Option<Vec<u16>> {
    let text = std::str::from_utf8(text).ok()?;
    let mut units = Vec::new();
    units.try_reserve_exact(text.encode_utf16().count() + 1).ok()?;
    units.extend(text.encode_utf16());
    units.push(0);
    Some(units)
}
