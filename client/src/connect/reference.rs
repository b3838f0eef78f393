//! Paths and queries as the host, or a `Location`, wrote them: what RFC 3986 allows leaves byte for byte, and a relative
//! reference is resolved by its section 5.2. The `url` crate would resolve dot segments and encode more.

use std::fmt::Write as _;

/// The path and query of a URL whose authority was cut off, as the request line has them.
pub(super) fn resource(text: &str) -> String {
    let mut resource = String::with_capacity(text.len() + 1);
    if !text.starts_with('/') {
        resource.push('/');
    }
    for c in text.chars() {
        if c.is_ascii() && !matches!(c, '"' | '<' | '>' | '^' | '\\' | '`' | '{' | '|' | '}') {
            resource.push(c);
            continue;
        }
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            // Writing to a String does not fail.
            let _ = write!(resource, "%{byte:02X}");
        }
    }
    resource
}

/// Authority and resource of `reference`, which has neither a scheme nor a fragment, as seen from `base` (RFC 3986 5.2.2).
/// No authority: it is the base's.
pub(super) fn resolve<'a>(base: &str, reference: &'a str) -> (Option<&'a str>, String) {
    if let Some(rest) = reference.strip_prefix("//") {
        let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        return (Some(authority), without_dots(rest));
    }
    let (base_path, base_query) = split(base);
    let (path, query) = split(reference);
    let resource = match (path, query) {
        ("", "") => format!("{base_path}{base_query}"),
        ("", query) => format!("{base_path}{query}"),
        (path, _) if path.starts_with('/') => without_dots(reference),
        _ => {
            // RFC 3986 5.2.3: all of the base up to its last slash.
            let kept = &base_path[..=base_path.rfind('/').unwrap_or(0)];
            without_dots(&format!("{kept}{reference}"))
        }
    };
    (None, resource)
}

/// The path, and the query with its `?`.
fn split(resource: &str) -> (&str, &str) {
    resource.split_at(resource.find('?').unwrap_or(resource.len()))
}

/// RFC 3986 5.2.4, for a path that is empty or begins with a slash; the query behind it stays.
fn without_dots(resource: &str) -> String {
    let (path, query) = split(resource);
    let mut kept = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}{query}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rfc_3986_allows_leaves_as_it_was_given() {
        for given in [
            "/a/../b/./c",
            "/a//b",
            "/%7euser/%2e%2e/%zz%",
            "/;p=1/a:b@c/!$&'()*+,=-._~",
            "/?q='a'&r=/?:@!$()*+,;=-._~%41%",
            "/[x]?[y]",
        ] {
            assert_eq!(resource(given), given);
        }
        assert_eq!(resource(""), "/");
        assert_eq!(resource("?a"), "/?a");
        assert_eq!(resource("/\"<>^`{|}?\"<>^`{|}"), "/%22%3C%3E%5E%60%7B%7C%7D?%22%3C%3E%5E%60%7B%7C%7D");
        assert_eq!(resource("/\u{fc}?\u{20ac}"), "/%C3%BC?%E2%82%AC");
    }

    /// The examples of RFC 3986 5.4 that have neither another scheme nor a fragment.
    #[test]
    fn references_are_resolved_as_the_rfc_has_them() {
        for (reference, authority, to) in [
            ("g", None, "/b/c/g"),
            ("./g", None, "/b/c/g"),
            ("g/", None, "/b/c/g/"),
            ("/g", None, "/g"),
            ("//g", Some("g"), "/"),
            ("?y", None, "/b/c/d;p?y"),
            ("g?y", None, "/b/c/g?y"),
            (";x", None, "/b/c/;x"),
            ("", None, "/b/c/d;p?q"),
            (".", None, "/b/c/"),
            ("./", None, "/b/c/"),
            ("..", None, "/b/"),
            ("../", None, "/b/"),
            ("../g", None, "/b/g"),
            ("../..", None, "/"),
            ("../../g", None, "/g"),
            ("../../../g", None, "/g"),
            ("/./g", None, "/g"),
            ("/../g", None, "/g"),
            ("g.", None, "/b/c/g."),
            (".g", None, "/b/c/.g"),
            ("..g", None, "/b/c/..g"),
            ("./../g", None, "/b/g"),
            ("./g/.", None, "/b/c/g/"),
            ("g/./h", None, "/b/c/g/h"),
            ("g/../h", None, "/b/c/h"),
            ("g;x=1/../y", None, "/b/c/y"),
            ("g?y/../x", None, "/b/c/g?y/../x"),
            ("//g/a/../b?c", Some("g"), "/b?c"),
            ("%2e%2e/g", None, "/b/c/%2e%2e/g"),
        ] {
            assert_eq!(resolve("/b/c/d;p?q", reference), (authority, to.to_owned()), "{reference}");
        }
        // The base's own dots stay where the reference has no path.
        assert_eq!(resolve("/a/../b", "?q"), (None, "/a/../b?q".to_owned()));
        assert_eq!(resolve("/a/../b", "c"), (None, "/c".to_owned()));
    }
}
