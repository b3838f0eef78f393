//! The tree of a JSON text that was found valid.
//!
//! Relies on that for its results, not for its safety: on any other text it gives an error or some
//! tree.

use super::{Array, Json, JsonError, Member, Object, Repr, Text, WithNul};
use std::sync::OnceLock;

/// Reads the tree of a valid JSON text.
pub(super) fn tree(text: &str) -> Result<Json, JsonError> {
    Parser { rest: text.as_bytes() }.value(0)
}

/// The length of the string token at the start of `text`, its quotes included.
pub(super) fn string_len(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

struct Parser<'a> {
    rest: &'a [u8],
}

impl<'a> Parser<'a> {
    /// The first byte of the next token.
    fn peek(&mut self) -> Option<u8> {
        let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        while let Some((byte, rest)) = self.rest.split_first()
            && space(byte)
        {
            self.rest = rest;
        }
        self.rest.first().copied()
    }

    /// Takes a token of this length.
    fn take(&mut self, len: usize) -> &'a [u8] {
        let (token, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        token
    }

    /// Takes the next token, which is this mark, or leaves it, if it is another.
    fn mark(&mut self, mark: u8) -> bool {
        let found = self.peek() == Some(mark);
        if found {
            self.take(1);
        }
        found
    }

    fn value(&mut self, depth: usize) -> Result<Json, JsonError> {
        Ok(Json(match self.peek() {
            Some(b'n') => {
                self.take(4);
                Repr::Null
            }
            Some(b't') => {
                self.take(4);
                Repr::Bool(true)
            }
            Some(b'f') => {
                self.take(5);
                Repr::Bool(false)
            }
            Some(b'"') => Repr::String(Box::new(self.string()?)),
            Some(b'[' | b'{') if depth == Json::MAX_DEPTH => return Err(JsonError::TooDeep),
            Some(b'[') => self.array(depth + 1)?,
            Some(b'{') => self.object(depth + 1)?,
            Some(_) => self.number()?,
            None => return Err(unexpected()),
        }))
    }

    fn array(&mut self, depth: usize) -> Result<Repr, JsonError> {
        self.take(1);
        if self.mark(b']') {
            return Ok(Repr::Array(None));
        }
        let mut items = Vec::new();
        loop {
            push(&mut items, self.value(depth)?)?;
            if self.mark(b']') {
                let array = Array { items: fitted(items)?, text: OnceLock::new() };
                return Ok(Repr::Array(Some(Box::new(array))));
            }
            self.expect(b',')?;
        }
    }

    fn object(&mut self, depth: usize) -> Result<Repr, JsonError> {
        self.take(1);
        if self.mark(b'}') {
            return Ok(Repr::Object(None));
        }
        let mut members = Vec::new();
        loop {
            self.peek();
            let key = self.string()?;
            self.expect(b':')?;
            let value = self.value(depth)?;
            push(&mut members, Member { key, value })?;
            if self.mark(b'}') {
                let (index, text) = (OnceLock::new(), OnceLock::new());
                let object = Object { members: fitted(members)?, index, text };
                return Ok(Repr::Object(Some(Box::new(object))));
            }
            self.expect(b',')?;
        }
    }

    fn expect(&mut self, mark: u8) -> Result<(), JsonError> {
        if self.mark(mark) { Ok(()) } else { Err(unexpected()) }
    }

    fn number(&mut self) -> Result<Repr, JsonError> {
        let part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let len = self.rest.iter().position(|byte| !part(byte)).unwrap_or(self.rest.len());
        let number = self.take(len);
        if number.is_empty() {
            return Err(unexpected());
        }
        let mut text = [0; 22];
        Ok(match text[..21].get_mut(..number.len()) {
            Some(place) => {
                place.copy_from_slice(number);
                Repr::Number { len: number.len() as u8, text }
            }
            None => Repr::LongNumber(with_nul(number)?),
        })
    }

    fn string(&mut self) -> Result<Text, JsonError> {
        let token = self.take(string_len(self.rest));
        let Some(inside) = token.get(1..token.len().saturating_sub(1)) else {
            return Err(unexpected());
        };
        if !inside.contains(&b'\\') {
            return Ok(Text::new(with_nul(inside)?, None));
        }
        Ok(Text::new(unescape(inside)?, Some(with_nul(token)?)))
    }
}

/// An error that a valid text cannot cause.
fn unexpected() -> JsonError {
    JsonError::Syntax("unexpected token".to_owned())
}

fn push<T>(items: &mut Vec<T>, item: T) -> Result<(), JsonError> {
    items.try_reserve(1).map_err(|_| JsonError::OutOfMemory)?;
    items.push(item);
    Ok(())
}

/// The items in a block of their own size. Shrinking a `Vec` may fail, and does not report it.
fn fitted<T>(mut items: Vec<T>) -> Result<Box<[T]>, JsonError> {
    if items.len() == items.capacity() {
        return Ok(items.into_boxed_slice());
    }
    let mut fitted = Vec::new();
    fitted.try_reserve_exact(items.len()).map_err(|_| JsonError::OutOfMemory)?;
    fitted.append(&mut items);
    Ok(fitted.into_boxed_slice())
}

fn room(len: usize) -> Result<Vec<u8>, JsonError> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| JsonError::OutOfMemory)?;
    Ok(bytes)
}

fn with_nul(bytes: &[u8]) -> Result<WithNul, JsonError> {
    let mut copy = room(bytes.len() + 1)?;
    copy.extend_from_slice(bytes);
    copy.push(0);
    Ok(copy.into_boxed_slice())
}

/// The UTF-8 that stands between the quotes, with a NUL: never longer than its escapes.
fn unescape(mut inside: &[u8]) -> Result<WithNul, JsonError> {
    let mut value = room(inside.len() + 1)?;
    while let Some(place) = inside.iter().position(|&byte| byte == b'\\') {
        value.extend_from_slice(&inside[..place]);
        let escape = &inside[place + 1..];
        let (character, len) = match escape.first() {
            Some(b'u') => unicode(escape),
            Some(b'b') => ('\u{8}', 1),
            Some(b'f') => ('\u{c}', 1),
            Some(b'n') => ('\n', 1),
            Some(b'r') => ('\r', 1),
            Some(b't') => ('\t', 1),
            Some(&itself) => (char::from(itself), 1),
            None => return Err(unexpected()),
        };
        value.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        inside = escape.get(len..).unwrap_or(&[]);
    }
    value.extend_from_slice(inside);
    value.push(0);
    fitted(value)
}

/// The character of `uXXXX`, or of two such escapes that are a surrogate pair, and how long that
/// was behind the backslash.
fn unicode(escape: &[u8]) -> (char, usize) {
    let unit = |at: usize| {
        let digits = std::str::from_utf8(escape.get(at..at + 4)?).ok()?;
        u16::from_str_radix(digits, 16).ok()
    };
    let Some(first) = unit(1) else {
        return (char::REPLACEMENT_CHARACTER, 1);
    };
    if let Ok(character) = char::try_from(u32::from(first)) {
        return (character, 5);
    }
    let second = if escape.get(5..7) == Some(b"\\u") { unit(7) } else { None };
    match second.map(|second| char::decode_utf16([first, second]).next()) {
        Some(Some(Ok(pair))) => (pair, 11),
        _ => (char::REPLACEMENT_CHARACTER, 5),
    }
}
