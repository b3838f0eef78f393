//! The error stack of a setter that took no value: which setter, with what, why, and what would be right.

use std::fmt::Write;

use ws4d_client::{Component, Error, ErrorCode, Refusal, without_secrets};

/// An argument of a setter as an error may show it.
pub(super) trait Shown {
    fn show(&self, text: &mut String);
}

/// Maximum length of a text in a message; more would not help.
const MOST_SHOWN: usize = 100;

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Shown for $number {
            fn show(&self, text: &mut String) {
                let _ = write!(text, "{self}");
            }
        })*
    };
}
numbers!(i32, u32, u16, usize);

/// A text as the host passed it, or why it is none.
impl Shown for Result<&str, ErrorCode> {
    fn show(&self, text: &mut String) {
        match self {
            Ok(value) => quote(value, text),
            Err(code) => text.push_str(missing(*code)),
        }
    }
}

/// An argument that may be a secret. NULL is no secret.
pub(super) struct Hidden<'a, T>(pub(super) &'a Result<T, ErrorCode>);

impl<T> Shown for Hidden<'_, T> {
    fn show(&self, text: &mut String) {
        text.push_str(self.0.as_ref().map_or_else(|code| missing(*code), |_| "..."));
    }
}

/// A URL that may have a user and a password.
pub(super) struct Url<'a>(pub(super) &'a Result<&'a str, ErrorCode>);

impl Shown for Url<'_> {
    fn show(&self, text: &mut String) {
        match self.0 {
            Ok(url) => quote(&without_secrets(url), text),
            Err(code) => text.push_str(missing(*code)),
        }
    }
}

fn quote(value: &str, text: &mut String) {
    text.push('"');
    text.extend(value.chars().take(MOST_SHOWN).flat_map(char::escape_debug));
    text.push_str(if value.chars().nth(MOST_SHOWN).is_some() { "...\"" } else { "\"" });
}

fn missing(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::TooLarge => "(too long)",
        ErrorCode::InvalidUtf8 => "(not UTF-8)",
        _ => "NULL",
    }
}

/// The message of a setter's refusal.
pub(super) fn error(setter: &str, arguments: &[&dyn Shown], refusal: &Refusal) -> Error {
    let mut message = format!("{setter}(");
    for (i, argument) in arguments.iter().enumerate() {
        message.push_str(if i == 0 { "" } else { ", " });
        argument.show(&mut message);
    }
    let _ = write!(message, ") is refused: {}", refusal.why());
    Error::new(refusal.code(), Component::Socket, message).with_os_code(refusal.os_code())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each setter says its own name, which the compiler cannot know.
    #[test]
    fn every_setter_passes_its_own_name() {
        let mut setters = 0;
        for source in [include_str!("../options.rs"), include_str!("network.rs"), include_str!("tls.rs")] {
            for function in source.split("extern \"C\" fn ws_options_set_").skip(1) {
                let name = &function[..function.find('(').unwrap()];
                let call = function.split_once("\"ws_options_set_").expect(name).1;
                assert_eq!(call.split('"').next(), Some(name));
                setters += 1;
            }
        }
        assert!(setters > 30, "{setters}");
    }

    #[test]
    fn secrets_and_what_is_no_text_are_not_shown() {
        let refusal = Refusal::new(ErrorCode::InvalidArgument, "no");
        let long = "x".repeat(200);
        let url = Ok("http://user:secret@host:1/x?token");
        let said = error(
            "f",
            &[
                &Ok("a\n\"b\""),
                &Err::<&str, _>(ErrorCode::InvalidArgument),
                &Hidden(&Ok("secret")),
                &Hidden(&Err::<&str, _>(ErrorCode::TooLarge)),
                &Url(&url),
                &7u16,
                &Ok(&*long),
            ],
            &refusal,
        );
        let shown = "x".repeat(MOST_SHOWN);
        assert_eq!(
            said.to_string(),
            format!(
                "f(\"a\\n\\\"b\\\"\", NULL, ..., (too long), \"http://host:1/x?...\", 7, \"{shown}...\") is refused: no"
            )
        );
    }
}
