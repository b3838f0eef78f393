//! Why a setter does not take a value, in words for the programmer. The value itself is not in them: the caller of the
//! setter shows the part that is no secret.

use crate::error::ErrorCode;
use std::borrow::Cow;
use std::io;

/// Why a setter does not take a value.
#[derive(Clone, Debug)]
pub struct Refusal {
    code: ErrorCode,
    why: Cow<'static, str>,
    os_code: i32,
}

impl Refusal {
    /// `why` says what is wrong, and what would be right.
    pub fn new(code: ErrorCode, why: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal { code, why: why.into(), os_code: 0 }
    }

    /// A file that the system does not give, with the system's words.
    pub(crate) fn file(what: &str, error: &io::Error) -> Refusal {
        let code = match error.kind() {
            io::ErrorKind::OutOfMemory => ErrorCode::OutOfMemory,
            _ => ErrorCode::File,
        };
        let os_code = error.raw_os_error().unwrap_or(0);
        Refusal { code, why: format!("{what}: {error}").into(), os_code }
    }

    /// The same of a file: what stands in it is wrong.
    pub(crate) fn in_file(self) -> Refusal {
        match self.code {
            ErrorCode::InvalidArgument => Refusal { code: ErrorCode::File, ..self },
            _ => self,
        }
    }

    /// The class of the error.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The text of the refusal: what is wrong, and what would be right.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// The operating system's error number, 0 for none.
    pub fn os_code(&self) -> i32 {
        self.os_code
    }
}

/// Of an argument that was refused before anything knew what it is for.
impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Refusal {
        let why = match code {
            ErrorCode::InvalidUtf8 => "a text is not valid UTF-8; convert it first",
            ErrorCode::TooLarge => "it is above its limit, which is 64 KiB for a text and 1 MiB for PEM",
            ErrorCode::OutOfMemory => "there is no memory left to keep it",
            _ => "an argument is NULL, or out of its range",
        };
        Refusal::new(code, why)
    }
}

/// The result as its code, for tests that want no words.
#[cfg(test)]
pub(crate) fn code(result: Result<(), Refusal>) -> Result<(), ErrorCode> {
    result.map_err(|refusal| refusal.code)
}
