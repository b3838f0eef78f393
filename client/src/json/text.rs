//! Strings and keys of a tree, and what is made of them when it is asked for.

use super::{Json, Repr, WithNul, without_nul};
use crate::utf16;
use std::sync::OnceLock;

/// A string or a key.
pub(super) struct Text {
    pub(super) value: WithNul,
    /// As JSON text. Where the string came with escapes, this is how it came, and is there from the
    /// start.
    pub(super) text: OnceLock<WithNul>,
    utf16: OnceLock<Box<Units>>,
}

/// UTF-16 with a 0 behind it. Behind a thin pointer: most texts have none.
struct Units(Vec<u16>);

impl Text {
    /// `value` unescaped, `text` as it came where that differs.
    pub(super) fn new(value: WithNul, text: Option<WithNul>) -> Text {
        let text = text.map_or_else(OnceLock::new, OnceLock::from);
        Text { value, text, utf16: OnceLock::new() }
    }

    pub(super) fn written_len(&self) -> usize {
        match self.text.get() {
            Some(text) => without_nul(text).len(),
            None => without_nul(&self.value).len() + 2,
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self.text.get() {
            Some(text) => out.extend_from_slice(without_nul(text)),
            None => {
                out.push(b'"');
                out.extend_from_slice(without_nul(&self.value));
                out.push(b'"');
            }
        }
    }

    /// Made at the first call, from any thread, and kept. `None`: there is no memory for it.
    fn utf16(&self) -> Option<&[u16]> {
        if self.utf16.get().is_none() {
            let units = Box::new(Units(utf16::with_zero(without_nul(&self.value))?));
            // Another thread may have been faster; then theirs stays.
            let _ = self.utf16.set(units);
        }
        self.utf16.get().and_then(|units| units.0.split_last()).map(|(_, units)| units)
    }
}

impl Json {
    /// A string as UTF-16, a 0 behind it in memory. As [`Json::as_str`]; `None` also where there is no memory for it, and
    /// then a later call tries again.
    pub fn as_utf16(&self) -> Option<&[u16]> {
        match &self.0 {
            Repr::String(text) => text.utf16(),
            _ => None,
        }
    }

    /// As [`Json::entry`], the key in UTF-16; `None` also where there is no memory for it.
    pub fn entry_utf16(&self, i: usize) -> Option<(&[u16], &Json)> {
        let Repr::Object(Some(object)) = &self.0 else {
            return None;
        };
        let member = object.members.get(i)?;
        Some((member.key.utf16()?, &member.value))
    }
}
