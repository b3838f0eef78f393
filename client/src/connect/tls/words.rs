//! Words for what other crates say only by the names of their source.

/// Words for an identifier of another crate's source: `PathLenConstraintViolated` is "path len constraint violated".
/// Their data are left out.
pub(super) fn plain(name: &str) -> String {
    let mut words = String::new();
    let mut before = ' ';
    let mut rest = name.chars().take_while(|c| c.is_ascii_alphanumeric() || " '-,.:".contains(*c)).peekable();
    while let Some(c) = rest.next() {
        let begins_a_word = rest.peek().is_some_and(char::is_ascii_lowercase);
        let begins_a_number = c.is_ascii_digit() && before.is_ascii_lowercase();
        let goes_on = before != ' ' && (begins_a_word || !before.is_ascii_uppercase());
        if begins_a_number || (c.is_ascii_uppercase() && goes_on) {
            words.push(' ');
        }
        // Abbreviations stay as they are: UnknownCA.
        words.push(if begins_a_word { c.to_ascii_lowercase() } else { c });
        before = c;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_of_other_crates_become_words_without_their_data() {
        assert_eq!(plain("PathLenConstraintViolated"), "path len constraint violated");
        assert_eq!(
            plain("UnsupportedSignatureAlgorithm { id: [1, 2] }").trim_end(),
            "unsupported signature algorithm"
        );
        assert_eq!(plain("TrailingData(Time)"), "trailing data");
        assert_eq!(plain("UnknownCA"), "unknown CA");
        assert_eq!(plain("ServerDoesNotSupportTls12Or13"), "server does not support tls 12 or 13");
        assert_eq!(plain("UnknownPSKIdentity"), "unknown PSK identity");
        assert_eq!(plain("certificate had invalid extensions"), "certificate had invalid extensions");
    }
}
