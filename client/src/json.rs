//! JSON values that a host may walk through, and JSON that goes out (RFC 8259).
//!
//! Pure: knows no event, no socket and no C. serde_json judges the text; the tree is our own,
//! because a host wants what serde_json's does not keep: numbers as they came, a NUL behind each
//! string, addresses that stay, duplicate keys.

mod number;
mod parse;
#[cfg(test)]
mod tests;
mod text;

use crate::error::ErrorCode;
use serde::de::IgnoredAny;
use std::fmt;
use std::sync::OnceLock;
use text::Text;

/// From this many members on, an object is searched through an index.
const INDEXED: usize = 16;

/// Bytes with a NUL behind them, which is not part of what they say.
type WithNul = Box<[u8]>;

fn without_nul(bytes: &[u8]) -> &[u8] {
    bytes.split_last().map_or(&[], |(_, bytes)| bytes)
}

/// The kind of a value.
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JsonKind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number, of any size and precision.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// Why a text is not a JSON value for us.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JsonError {
    /// It is not JSON; serde_json's words, with line and column, and nothing of the text itself.
    Syntax(String),
    /// Its arrays and objects are nested deeper than [`Json::MAX_DEPTH`].
    TooDeep,
    /// There is no memory for it.
    OutOfMemory,
}

impl JsonError {
    /// The error code that the host gets.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            JsonError::Syntax(_) | JsonError::TooDeep => ErrorCode::InvalidJson,
            JsonError::OutOfMemory => ErrorCode::OutOfMemory,
        }
    }
}

/// A JSON value: a read-only tree. The values inside stay where they are as long as the root lives,
/// also when it is moved; what its functions lend lives as long.
pub struct Json(Repr);

/// 24 bytes, so that an array of small numbers stays within a small multiple of its text.
enum Repr {
    Null,
    Bool(bool),
    /// A number and its NUL, where both fit.
    Number {
        len: u8,
        text: [u8; 22],
    },
    LongNumber(WithNul),
    String(Box<Text>),
    /// `None`: empty.
    Array(Option<Box<Array>>),
    /// `None`: empty.
    Object(Option<Box<Object>>),
}

struct Array {
    items: Box<[Json]>,
    text: OnceLock<WithNul>,
}

struct Object {
    members: Box<[Member]>,
    /// The places of the members, in the order of their keys and among equal keys of the text.
    index: OnceLock<Box<[usize]>>,
    text: OnceLock<WithNul>,
}

struct Member {
    key: Text,
    value: Json,
}

impl Json {
    /// The deepest nesting of arrays and objects: `[[]]` is 2.
    pub const MAX_DEPTH: usize = 128;

    /// Reads one JSON value, with white space around it if there is any.
    ///
    /// Linear in the length of the text; the stack it takes is bounded by [`Json::MAX_DEPTH`].
    ///
    /// # Errors
    ///
    /// [`JsonError`]: the text is not JSON as RFC 8259 has it, is nested too deeply, or there is no
    /// memory.
    pub fn parse(text: &str) -> Result<Json, JsonError> {
        let text = without_mark(text);
        validate(text)?;
        parse::tree(text)
    }

    /// The kind of the value.
    pub fn kind(&self) -> JsonKind {
        match self.0 {
            Repr::Null => JsonKind::Null,
            Repr::Bool(_) => JsonKind::Bool,
            Repr::Number { .. } | Repr::LongNumber(_) => JsonKind::Number,
            Repr::String(_) => JsonKind::String,
            Repr::Array(_) => JsonKind::Array,
            Repr::Object(_) => JsonKind::Object,
        }
    }

    /// The value of an object's member: of the last one where a key comes more than once, as
    /// `JSON.parse` has it. `None`: no object, or no such member.
    pub fn member(&self, key: &[u8]) -> Option<&Json> {
        let Repr::Object(Some(object)) = &self.0 else {
            return None;
        };
        let key_at = |place: usize| without_nul(&object.members[place].key.value);
        let backwards = || (0..object.members.len()).rev().find(|&place| key_at(place) == key);
        let place = if object.members.len() < INDEXED {
            backwards()?
        } else {
            match object.index() {
                Some(index) => {
                    let behind = index.partition_point(|&place| key_at(place) <= key);
                    *index[..behind].last().filter(|&&place| key_at(place) == key)?
                }
                None => backwards()?,
            }
        };
        Some(&object.members[place].value)
    }

    /// The `i`th value of an array.
    pub fn item(&self, i: usize) -> Option<&Json> {
        let Repr::Array(Some(array)) = &self.0 else {
            return None;
        };
        array.items.get(i)
    }

    /// The `i`th member of an object, key and value, in the order of the text and with every
    /// duplicate. A NUL follows the key in memory; it may also hold one.
    pub fn entry(&self, i: usize) -> Option<(&[u8], &Json)> {
        let Repr::Object(Some(object)) = &self.0 else {
            return None;
        };
        object.members.get(i).map(|member| (without_nul(&member.key.value), &member.value))
    }

    /// The number of items, members (each duplicate counts) or bytes of an array, object or string;
    /// else 0.
    #[allow(clippy::len_without_is_empty, reason = "a number is neither empty nor not")]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::String(text) => without_nul(&text.value).len(),
            Repr::Array(Some(array)) => array.items.len(),
            Repr::Object(Some(object)) => object.members.len(),
            _ => 0,
        }
    }

    /// The truth of a bool.
    pub fn as_bool(&self) -> Option<bool> {
        match self.0 {
            Repr::Bool(truth) => Some(truth),
            _ => None,
        }
    }

    fn number(&self) -> Option<&[u8]> {
        match &self.0 {
            Repr::Number { len, text } => text.get(..usize::from(*len)),
            Repr::LongNumber(text) => Some(without_nul(text)),
            _ => None,
        }
    }

    /// The nearest double to a number; infinite where it is larger than any, as `JSON.parse` has
    /// it.
    pub fn as_f64(&self) -> Option<f64> {
        std::str::from_utf8(self.number()?).ok()?.parse().ok()
    }

    /// A number that is exactly an integer of this range, however it is written: `1e3` and `2.0`
    /// are.
    pub fn as_i64(&self) -> Option<i64> {
        number::exact_i64(self.number()?)
    }

    /// The UTF-8 of a string, unescaped. A NUL follows in memory; it may also hold one. An escaped
    /// surrogate without its other half is U+FFFD.
    pub fn as_str(&self) -> Option<&[u8]> {
        match &self.0 {
            Repr::String(text) => Some(without_nul(&text.value)),
            _ => None,
        }
    }

    /// The value as JSON text: as it came, less the white space between its tokens. A NUL follows
    /// in memory. Made at the first call, from any thread, and kept. `None`: there is no memory for it.
    pub fn text(&self) -> Option<&[u8]> {
        let kept = match &self.0 {
            Repr::String(text) => &text.text,
            Repr::Array(Some(array)) => &array.text,
            Repr::Object(Some(object)) => &object.text,
            _ => return Some(without_nul(self.short_text())),
        };
        if kept.get().is_none() {
            let len = self.written_len() + 1;
            let mut text = Vec::new();
            text.try_reserve_exact(len).ok()?;
            self.write(&mut text);
            text.push(0);
            // Another thread may have been faster; then theirs stays.
            let _ = kept.set(text.into_boxed_slice());
        }
        kept.get().map(|text| without_nul(text))
    }

    /// The text of a value that needs none made, with its NUL.
    fn short_text(&self) -> &[u8] {
        match &self.0 {
            Repr::Bool(true) => b"true\0",
            Repr::Bool(false) => b"false\0",
            Repr::Number { len, text } => &text[..=usize::from(*len)],
            Repr::LongNumber(text) => text,
            Repr::Array(None) => b"[]\0",
            Repr::Object(None) => b"{}\0",
            Repr::Null | Repr::String(_) | Repr::Array(_) | Repr::Object(_) => b"null\0",
        }
    }

    /// The number of bytes that [`write`](Json::write) adds.
    fn written_len(&self) -> usize {
        match &self.0 {
            Repr::String(text) => text.written_len(),
            // The brackets, and a comma between two.
            Repr::Array(Some(array)) => {
                array.items.iter().map(|item| item.written_len() + 1).sum::<usize>() + 1
            }
            Repr::Object(Some(object)) => {
                let member = |member: &Member| member.key.written_len() + member.value.written_len() + 2;
                object.members.iter().map(member).sum::<usize>() + 1
            }
            _ => without_nul(self.short_text()).len(),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Repr::String(text) => text.write(out),
            Repr::Array(Some(array)) => {
                for (i, item) in array.items.iter().enumerate() {
                    out.push(if i == 0 { b'[' } else { b',' });
                    item.write(out);
                }
                out.push(b']');
            }
            Repr::Object(Some(object)) => {
                for (i, member) in object.members.iter().enumerate() {
                    out.push(if i == 0 { b'{' } else { b',' });
                    member.key.write(out);
                    out.push(b':');
                    member.value.write(out);
                }
                out.push(b'}');
            }
            _ => out.extend_from_slice(without_nul(self.short_text())),
        }
    }
}

impl Object {
    /// Made at the first call; `None`: there is no memory for it.
    fn index(&self) -> Option<&[usize]> {
        if self.index.get().is_none() {
            let mut places = Vec::new();
            places.try_reserve_exact(self.members.len()).ok()?;
            places.extend(0..self.members.len());
            // Stable, and without memory.
            places.sort_unstable_by_key(|&place| (without_nul(&self.members[place].key.value), place));
            let _ = self.index.set(places.into_boxed_slice());
        }
        self.index.get().map(|index| &**index)
    }
}

/// Says what it is and how long, not what it holds: that may be a secret.
impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({:?}, {})", self.kind(), self.len())
    }
}

/// Returns whether [`Json::parse`] would read the text, memory apart; no tree is made.
///
/// # Errors
///
/// As [`Json::parse`].
pub(crate) fn check(text: &str) -> Result<(), JsonError> {
    let text = without_mark(text);
    validate(text)?;
    if depth(text) > Json::MAX_DEPTH { Err(JsonError::TooDeep) } else { Ok(()) }
}

/// The text without the byte-order mark that some programs put before it; a parser may ignore it (RFC 8259 §8.1).
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The depth of arrays and objects in a valid text; for any other, at least that depth.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut rest) = (0usize, 0, text.as_bytes());
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'[' | b'{' | b']' | b'}')) {
        let len = match rest[at] {
            b'"' => parse::string_len(&rest[at..]),
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
                1
            }
            _ => {
                depth = depth.saturating_sub(1);
                1
            }
        };
        rest = &rest[at + len..];
    }
    deepest
}

/// A text of so many bytes may be nested so deep that the stack of brackets wants memory that is not there.
const MAY_BE_DEEP: usize = 16 * 1024;

/// Checks that the text is one JSON value. Iterative: each level of depth takes a byte of heap, not stack.
fn validate(text: &str) -> Result<(), JsonError> {
    if text.len() > MAY_BE_DEEP {
        // serde_json cannot say that there is none: it is asked for before.
        let mut brackets = Vec::<u8>::new();
        brackets.try_reserve_exact(depth(text).saturating_mul(3)).map_err(|_| JsonError::OutOfMemory)?;
        drop(std::hint::black_box(brackets));
    }
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Ok(()),
        Err(error) => Err(JsonError::Syntax(error.to_string())),
    }
}

/// A JSON value of any depth without the white space between its tokens; everything else as it is
/// given: numbers, escapes, the order of keys, duplicates.
///
/// # Errors
///
/// [`JsonError`]: the text is not JSON as RFC 8259 has it, or there is no memory.
pub(crate) fn minify(text: &str) -> Result<Vec<u8>, JsonError> {
    let text = without_mark(text);
    validate(text)?;
    let mut out = Vec::new();
    out.try_reserve_exact(text.len()).map_err(|_| JsonError::OutOfMemory)?;
    let mut rest = text.as_bytes();
    while let Some(&first) = rest.first() {
        let (token, behind) = match first {
            b' ' | b'\t' | b'\n' | b'\r' => (0, 1),
            b'"' => {
                let len = parse::string_len(rest);
                (len, len)
            }
            _ => {
                let stop = |byte: &u8| matches!(byte, b'"' | b' ' | b'\t' | b'\n' | b'\r');
                let len = rest.iter().position(stop).unwrap_or(rest.len());
                (len, len)
            }
        };
        out.extend_from_slice(&rest[..token]);
        rest = &rest[behind..];
    }
    Ok(out)
}
