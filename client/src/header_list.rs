//! The headers of an answer, kept as one text: a socket keeps them for its whole life, and the host reads them where they are.

use std::fmt;

/// The headers of an answer, in the order received.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HeaderList {
    /// Each name and each value ends with a NUL; none contains one.
    text: Box<[u8]>,
}

impl HeaderList {
    /// What is behind a NUL, which an answer that was accepted as HTTP does not contain, is left out.
    pub fn new<'a, V: AsRef<str>>(headers: impl Iterator<Item = (&'a str, V)>) -> HeaderList {
        HeaderList::with_room(0, headers)
    }

    /// The same, for headers whose size is known nearly: there is room for so many bytes.
    pub(crate) fn with_room<'a, V: AsRef<str>>(
        room: usize,
        headers: impl Iterator<Item = (&'a str, V)>,
    ) -> HeaderList {
        let mut text = Vec::with_capacity(room);
        for (name, value) in headers {
            for part in [name, value.as_ref()] {
                let end = part.bytes().position(|byte| byte == 0).unwrap_or(part.len());
                text.extend_from_slice(&part.as_bytes()[..end]);
                text.push(0);
            }
        }
        HeaderList { text: text.into() }
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parts().map(|(name, value)| (text(name), text(value)))
    }

    /// All values of a header, in order. Upper and lower case of the name do not matter.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        // Most headers are not the one; only this one is looked at as a text.
        let named = self.parts().filter(move |(own, _)| content(own).eq_ignore_ascii_case(name.as_bytes()));
        named.map(|(_, value)| text(value))
    }

    /// One of the values of a header, counted from 0, as it lies here: with the NUL behind it.
    pub fn nth(&self, name: &[u8], index: usize) -> Option<&[u8]> {
        let mut named = self.parts().filter(|(own, _)| content(own).eq_ignore_ascii_case(name));
        named.nth(index).map(|(_, value)| value)
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Names and values, with the NULs behind them.
    fn parts(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut parts = self.text.split_inclusive(|byte| *byte == 0);
        std::iter::from_fn(move || Some((parts.next()?, parts.next()?)))
    }
}

/// A part without its NUL.
fn content(part: &[u8]) -> &[u8] {
    part.strip_suffix(&[0]).unwrap_or(part)
}

/// It was a `str`, and was cut nowhere but before a NUL.
fn text(part: &[u8]) -> &str {
    std::str::from_utf8(content(part)).unwrap_or_default()
}

impl fmt::Debug for HeaderList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(headers: &[(&str, &str)]) -> HeaderList {
        HeaderList::new(headers.iter().copied())
    }

    #[test]
    fn headers_come_back_in_their_order() {
        let headers = [("A", "b"), ("", ""), ("a", "c: d"), ("Ä", ""), ("Empty", "")];
        assert!(list(&headers).iter().eq(headers));
        assert!(list(&[]).is_empty() && list(&[]).iter().next().is_none());
        assert_eq!(format!("{:?}", list(&headers[..1])), r#"[("A", "b")]"#);
    }

    #[test]
    fn a_name_is_found_in_upper_and_lower_case() {
        let list = list(&[("A", "1"), ("ab", "2"), ("a", "3")]);
        assert!(list.all("a").eq(["1", "3"]));
        assert_eq!(list.nth(b"A", 1), Some(&b"3\0"[..]));
        assert_eq!((list.nth(b"a", 2), list.nth(b"b", 0), list.nth(b"", 0)), (None, None, None));
    }

    #[test]
    fn what_is_behind_a_nul_is_left_out() {
        assert!(list(&[("a\0b", "1\0b"), ("c", "3")]).iter().eq([("a", "1"), ("c", "3")]));
    }
}
