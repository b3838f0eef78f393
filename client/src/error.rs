//! Errors: a code that says which kind of cure is needed, and a stack of entries that says what happened.
//! Knows nothing of sockets or of C; the numbers are the ABI's and never move.

use crate::header_list::HeaderList;
use crate::sys::failure::{self, Failure};
use std::any::Any;
use std::fmt;
use std::sync::OnceLock;

/// Makes [`ErrorCode`] and [`ErrorCode::ALL`] of one list.
macro_rules! error_codes {
    ($($code:ident = $number:literal,)*) => {
        /// The class of an error, by its cure. The discriminants are the numbers of the C ABI: they are never
        /// reused, and each block of twenty belongs to one kind of cure.
        #[repr(i32)]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[allow(missing_docs, reason = "the name is the documentation; the header says the rest")]
        pub enum ErrorCode {
            $($code = $number,)*
        }

        impl ErrorCode {
            /// Every code, in the order of the list.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$code,)*];
        }
    };
}

error_codes! {
    // The call is wrong: mend the program.
    InvalidArgument = -1,
    InvalidHandle = -2,
    WrongThread = -3,
    InvalidUrl = -4,
    InvalidHeader = -5,
    InvalidUtf8 = -6,
    InvalidJson = -7,
    InvalidCloseCode = -8,
    InvalidCloseReason = -9,
    Unsupported = -10,
    File = -11,
    // The state, or a limit: wait, then try again.
    Closed = -20,
    WouldBlock = -21,
    TooLarge = -22,
    Cancelled = -23,
    ShutDown = -24,
    Forked = -25,
    Interrupted = -26,
    // The network: the connection could not be made, or broke.
    Dns = -40,
    ConnectionRefused = -41,
    Unreachable = -42,
    Timeout = -43,
    ConnectionReset = -44,
    Proxy = -45,
    // Trust.
    Tls = -60,
    Certificate = -61,
    // The server.
    HttpStatus = -80,
    Handshake = -81,
    Protocol = -82,
    // The machine.
    OutOfMemory = -100,
    Internal = -101,
}

/// The part of the library that an error or a line of the log comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names of protocols")]
pub enum Component {
    /// The socket itself, its dispatcher and its threads.
    Socket,
    Dns,
    /// TCP, or a Unix socket in its place.
    Tcp,
    Tls,
    Http,
    Proxy,
    WebSocket,
    Json,
}

impl Component {
    /// The four letters that the host reads.
    pub const fn as_str(self) -> &'static str {
        match self {
            Component::Socket => "sock",
            Component::Dns => "dns ",
            Component::Tcp => "tcp ",
            Component::Tls => "tls ",
            Component::Http => "http",
            Component::Proxy => "prox",
            Component::WebSocket => "ws  ",
            Component::Json => "json",
        }
    }
}

/// One line of an error stack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErrorEntry {
    /// The class of the error, by its cure.
    pub code: ErrorCode,
    /// The part of the library that it comes from.
    pub component: Component,
    /// The text: the attempt, its object, the answer, and the cure.
    pub message: String,
}

/// The answer of a server that refused the upgrade.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderList,
    /// The first 64 KiB of the body.
    pub body: Vec<u8>,
}

/// The host's handler for connections that could not be made (4D's ON ERR CALL).
pub type ErrorHandler = dyn Fn(&Error) + Send + Sync;

/// An error stack: entry 0 is the one to act on, the others are its details. Never empty.
#[derive(Clone, Debug)]
pub struct Error(Box<Stack>);

#[derive(Clone, Debug)]
struct Stack {
    entries: Vec<ErrorEntry>,
    os_code: i32,
    tls_alert: Option<u8>,
    close_code: Option<u16>,
    not_valid_yet: bool,
    http: Option<HttpAnswer>,
    /// The peer broke off or was silent: another one may do better.
    no_verdict: bool,
    attachment: Attachment,
}

/// A layer's own form of an error, made once and kept with it. A copy begins without one.
#[derive(Default)]
struct Attachment(OnceLock<Box<dyn Any + Send + Sync>>);

impl Clone for Attachment {
    fn clone(&self) -> Attachment {
        Attachment::default()
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attachment")
    }
}

impl Error {
    /// A stack of one entry.
    pub fn new(code: ErrorCode, component: Component, message: impl Into<String>) -> Error {
        let entries = vec![ErrorEntry { code, component, message: message.into() }];
        let stack = Stack {
            entries,
            os_code: 0,
            tls_alert: None,
            close_code: None,
            not_valid_yet: false,
            http: None,
            no_verdict: false,
            attachment: Attachment::default(),
        };
        Error(Box::new(stack))
    }

    /// Says in front of entry 0's message what was attempted.
    #[must_use]
    pub fn while_doing(mut self, what: &str) -> Error {
        let message = &mut self.0.entries[0].message;
        *message = format!("{what}: {message}");
        self
    }

    /// Adds a detail behind the entries so far.
    #[must_use]
    pub fn with_detail(mut self, code: ErrorCode, component: Component, message: impl Into<String>) -> Error {
        self.0.entries.push(ErrorEntry { code, component, message: message.into() });
        self
    }

    /// Adds all entries of `other` as details.
    #[must_use]
    pub fn with_cause(mut self, other: Error) -> Error {
        if self.0.os_code == 0 {
            self.0.os_code = other.0.os_code;
        }
        self.0.tls_alert = self.0.tls_alert.or(other.0.tls_alert);
        self.0.not_valid_yet |= other.0.not_valid_yet;
        self.0.http = self.0.http.take().or(other.0.http);
        self.0.entries.extend(other.0.entries);
        self
    }

    /// Notes the operating system's error number.
    #[must_use]
    pub fn with_os_code(mut self, os_code: i32) -> Error {
        self.0.os_code = os_code;
        self
    }

    /// Notes the alert by which the server ended TLS: its number (RFC 8446 section 6).
    #[must_use]
    pub fn with_tls_alert(mut self, alert: u8) -> Error {
        self.0.tls_alert = Some(alert);
        self
    }

    /// Notes the code of a close frame that no server may send.
    #[must_use]
    pub(crate) fn with_close_code(mut self, code: u16) -> Error {
        self.0.close_code = Some(code);
        self
    }

    /// The code of a close frame, where that is what no server may send.
    pub(crate) fn close_code(&self) -> Option<u16> {
        self.0.close_code
    }

    /// Notes that a certificate was refused only because its time has not come: the clock may be wrong, and time mends it.
    #[must_use]
    pub fn with_not_valid_yet(mut self) -> Error {
        self.0.not_valid_yet = true;
        self
    }

    /// Notes that this is no judgement of the peer's: it broke off, or was silent.
    #[must_use]
    pub(crate) fn without_verdict(mut self) -> Error {
        self.0.no_verdict = true;
        self
    }

    /// Returns whether the address broke off or was silent.
    pub(crate) fn is_without_verdict(&self) -> bool {
        self.0.no_verdict
    }

    /// Notes the server's answer.
    #[must_use]
    pub fn with_http(mut self, answer: HttpAnswer) -> Error {
        self.0.http = Some(answer);
        self
    }

    /// An error of the operating system while doing `what`, in the words of the system.
    pub fn from_io(component: Component, what: &str, error: &std::io::Error) -> Error {
        Error::new(code_of_io(error), component, format!("{what}: {error}"))
            .with_os_code(error.raw_os_error().unwrap_or(0))
    }

    /// The code of entry 0.
    pub fn code(&self) -> ErrorCode {
        self.0.entries[0].code
    }

    /// All entries; never empty.
    pub fn entries(&self) -> &[ErrorEntry] {
        &self.0.entries
    }

    /// The operating system's error number, 0 for none.
    pub fn os_code(&self) -> i32 {
        self.0.os_code
    }

    /// The number of the alert by which the server ended TLS, if it did.
    pub fn tls_alert(&self) -> Option<u8> {
        self.0.tls_alert
    }

    /// Returns whether a certificate was refused only because it is not valid yet.
    pub fn is_not_valid_yet(&self) -> bool {
        self.0.not_valid_yet
    }

    /// The form in which a layer above shows this error; made once, lives as long as the error. `None` if another
    /// type was attached before.
    pub fn attachment<T: Any + Send + Sync>(&self, make: impl FnOnce(&Error) -> T) -> Option<&T> {
        self.0.attachment.0.get_or_init(|| Box::new(make(self))).downcast_ref()
    }

    /// The server's answer to the upgrade, if it refused.
    pub fn http(&self) -> Option<&HttpAnswer> {
        self.0.http.as_ref()
    }
}

/// The class of an operating system's error. [`ErrorCode::Internal`] is for errors that no host, system or network can
/// cause.
pub(crate) fn code_of_io(error: &std::io::Error) -> ErrorCode {
    use std::io::ErrorKind as Kind;
    // Where the system has said which error it is, its number is more than the kind that std makes of it.
    match error.raw_os_error().and_then(failure::meaning) {
        Some(Failure::NoResources) => return ErrorCode::OutOfMemory,
        Some(Failure::Reset) => return ErrorCode::ConnectionReset,
        Some(Failure::Unreachable) => return ErrorCode::Unreachable,
        None => {}
    }
    match error.kind() {
        Kind::ConnectionRefused => ErrorCode::ConnectionRefused,
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::UnexpectedEof => {
            ErrorCode::ConnectionReset
        }
        Kind::TimedOut => ErrorCode::Timeout,
        Kind::OutOfMemory => ErrorCode::OutOfMemory,
        _ => ErrorCode::Internal,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, entry) in self.0.entries.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            f.write_str(&entry.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::failure::examples;

    #[test]
    fn what_a_system_or_a_network_says_is_no_fault_of_the_librarys() {
        for (numbers, code) in [
            (examples::REFUSED, ErrorCode::ConnectionRefused),
            (examples::TIMED_OUT, ErrorCode::Timeout),
            (examples::RESET, ErrorCode::ConnectionReset),
            (examples::UNREACHABLE, ErrorCode::Unreachable),
            (examples::NO_RESOURCES, ErrorCode::OutOfMemory),
        ] {
            for number in numbers {
                let error = std::io::Error::from_raw_os_error(*number);
                assert_eq!(code_of_io(&error), code, "{error}");
            }
        }
    }
}
