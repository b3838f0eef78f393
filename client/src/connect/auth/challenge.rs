//! Challenges (RFC 9110 §11.6.1): `Basic realm="a, b", Digest nonce=x, realm=y`. The comma separates both challenges and
//! their parameters; a challenge begins with a token behind which no `=` follows.

use crate::connect::headers::is_token_byte;
use crate::connect::response::Head;
use crate::connect::stranger::shown_text;

/// One way in which the host may say who it is.
pub(super) struct Challenge {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    pub(super) fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The first parameter of that name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        parameters.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// All challenges in all headers of that name.
pub(super) fn challenges(head: &Head, name: &str) -> Vec<Challenge> {
    let mut found: Vec<Challenge> = Vec::new();
    for part in head.all(name).flat_map(parts) {
        let (word, rest) = first_token(part);
        let parameter = match rest.strip_prefix('=') {
            Some(value) => Some((word, value)),
            None if word.is_empty() => continue,
            None => {
                found.push(Challenge { scheme: word.to_owned(), parameters: Vec::new() });
                let (name, rest) = first_token(rest);
                rest.strip_prefix('=').map(|value| (name, value))
            }
        };
        if let (Some((name, value)), Some(challenge)) = (parameter, found.last_mut()) {
            challenge.parameters.push((name.to_owned(), unquoted(value.trim())));
        }
    }
    found
}

/// The names of the schemes that are asked for, or that none is.
pub(in crate::connect) fn schemes(head: &Head, name: &str) -> String {
    let mut names: Vec<String> = Vec::new();
    for challenge in challenges(head, name) {
        let name = shown_text(&challenge.scheme);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() { "it does not say which".into() } else { names.join(", ") }
}

/// The same as a sentence.
pub(in crate::connect) fn wanted(head: &Head, name: &str) -> String {
    match challenges(head, name).is_empty() {
        true => "it does not say what it wants".into(),
        false => format!("it wants {}", schemes(head, name)),
    }
}

/// Returns `true` if one of the challenges is of that scheme.
pub(in crate::connect) fn offers(head: &Head, name: &str, scheme: &str) -> bool {
    challenges(head, name).iter().any(|challenge| challenge.is(scheme))
}

/// Splits a list at its commas, but not at those in quotes.
fn parts(value: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    value.split(move |c| {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
        c == ',' && !is_quoted
    })
}

/// The token at the beginning, and what follows it, both without the space around them.
fn first_token(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.bytes().position(|byte| !is_token_byte(byte)).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

/// The content of a quoted string, or the token that it is.
fn unquoted(value: &str) -> String {
    let Some(inside) = value.strip_prefix('"') else { return value.to_owned() };
    let mut text = String::with_capacity(inside.len());
    let mut letters = inside.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => text.extend(letters.next()),
            _ => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::response::HeadReader;

    fn head(lines: &[&str]) -> Head {
        let mut reader = HeadReader::default();
        let lines: String = lines.iter().map(|line| format!("WWW-Authenticate: {line}\r\n")).collect();
        reader.buffer().extend_from_slice(format!("HTTP/1.1 401 No\r\n{lines}\r\n").as_bytes());
        reader.next().unwrap().unwrap()
    }

    #[test]
    fn challenges_and_their_parameters_are_told_apart() {
        let head = head(&[
            r#"Basic realm="a, \"b\"=\\c", , Digest realm = x,nonce="n=\"", qop="auth,auth-int""#,
            "Negotiate YWJj==, Bearer",
            "digest nonce=second,",
            ", = , ;",
        ]);
        let found = challenges(&head, "www-authenticate");
        let names: Vec<&str> = found.iter().map(|one| one.scheme.as_str()).collect();
        assert_eq!(names, ["Basic", "Digest", "Negotiate", "Bearer", "digest"]);
        assert_eq!(found[0].get("REALM"), Some(r#"a, "b"=\c"#));
        assert_eq!((found[1].get("realm"), found[1].get("nonce")), (Some("x"), Some("n=\"")));
        assert_eq!((found[1].get("qop"), found[1].get("stale")), (Some("auth,auth-int"), None));
        assert_eq!((found[3].get("nonce"), found[4].get("nonce")), (None, Some("second")));
        assert!(offers(&head, "WWW-Authenticate", "bearer") && !offers(&head, "WWW-Authenticate", "NTLM"));
        assert_eq!(schemes(&head, "WWW-Authenticate"), "Basic, Digest, Negotiate, Bearer, digest");
    }

    #[test]
    fn what_is_no_challenge_is_none() {
        for line in ["", ",", "=", "\"Basic\"", "ä b"] {
            assert!(challenges(&head(&[line]), "WWW-Authenticate").is_empty(), "{line}");
        }
        assert_eq!(schemes(&head(&[]), "WWW-Authenticate"), "it does not say which");
        assert_eq!(wanted(&head(&[]), "WWW-Authenticate"), "it does not say what it wants");
        assert_eq!(challenges(&head(&["Digest realm=\"open, nonce=x"]), "WWW-Authenticate").len(), 1);
    }
}
