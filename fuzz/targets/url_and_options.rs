//! URLs, headers, cookies and subprotocols through the C functions: what is accepted makes one well-formed
//! request and nothing more, and what is refused is refused with the right result and without showing a secret.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::ffi::{CStr, CString, c_char};
use std::sync::Once;
use std::{panic, process, ptr};
use ws4d::errors::ws_errors;
use ws4d::result::ws_result;
use ws4d::types::ws_options;
use ws4d::{errors, open, options};
use ws4d_client::fuzzing::{self, Request};
use ws4d_client::{ErrorCode, Options, Refusal};
use ws4d_fuzz::{planted, take};

/// The host's options, and beside them those of the client that should come of them.
struct Asked {
    handle: *mut ws_options,
    mirror: Options,
    accepted: usize,
}

impl Asked {
    fn new() -> Asked {
        let asked = Asked { handle: options::ws_options_new(), mirror: Options::default(), accepted: 0 };
        // The library has its own hook by now, and would make an answer of a panic.
        static LOUD: Once = Once::new();
        LOUD.call_once(|| {
            panic::set_hook(Box::new(|info| {
                eprintln!("{info}");
                process::abort();
            }));
        });
        asked
    }

    fn header(&mut self, name: &CStr, value: &CStr) {
        // SAFETY: both end with a NUL.
        let result = unsafe { options::ws_options_set_header(self.handle, name.as_ptr(), value.as_ptr()) };
        let mirrored = both(name, value).map(|(name, value)| self.mirror.set_header(name, value));
        self.expect(result, mirrored);
    }

    fn cookie(&mut self, text: &CStr) {
        // SAFETY: it ends with a NUL.
        let result = unsafe { options::ws_options_set_cookie(self.handle, text.as_ptr()) };
        let mirrored = text.to_str().ok().map(|text| self.mirror.set_cookie(text));
        self.expect(result, mirrored);
    }

    fn subprotocol(&mut self, text: &CStr) {
        // SAFETY: it ends with a NUL.
        let result = unsafe { options::ws_options_set_subprotocol(self.handle, text.as_ptr()) };
        let mirrored = text.to_str().ok().map(|text| self.mirror.set_subprotocol(text));
        self.expect(result, mirrored);
    }

    /// The C function said what the client says of the same text; `None`: it was no UTF-8.
    fn expect(&mut self, result: ws_result, mirrored: Option<Result<(), Refusal>>) {
        let expected = match mirrored {
            None => ErrorCode::InvalidUtf8 as i32,
            Some(Err(refusal)) => refusal.code() as i32,
            Some(Ok(())) => 0,
        };
        assert_eq!(result as i32, expected);
        self.accepted += usize::from(expected == 0);
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        assert_eq!(options::ws_options_free(self.handle) as i32, 0);
        assert_eq!(options::ws_options_free(self.handle) as i32, ErrorCode::InvalidHandle as i32);
    }
}

fn both<'a>(name: &'a CStr, value: &'a CStr) -> Option<(&'a str, &'a str)> {
    Some((name.to_str().ok()?, value.to_str().ok()?))
}

// The input is texts with NULs between them: the URL, then options, of each the first byte says what it is.
fuzz_target!(|data: &[u8]| {
    let mut asked = Asked::new();
    let mut texts = data.split(|byte| *byte == 0).map(|text| CString::new(text).expect("no NUL"));
    let url = texts.next().unwrap_or_default();
    while let Some(text) = texts.next() {
        let mut bytes = text.as_bytes();
        let [kind] = take::<1>(&mut bytes);
        let text = CString::new(bytes).expect("no NUL");
        match kind {
            b'c' => asked.cookie(&text),
            b'p' => asked.subprotocol(&text),
            _ => asked.header(&text, &texts.next().unwrap_or_default()),
        }
    }
    let mirror = asked.mirror.clone();
    match url.to_str().map(|url| fuzzing::request(url, &mirror)) {
        Ok(Ok(request)) => is_one_request(&request, asked.accepted),
        Ok(Err(error)) => {
            assert_eq!(error.code(), ErrorCode::InvalidUrl);
            is_refused(&url, &asked, ErrorCode::InvalidUrl);
        }
        Err(_) => is_refused(&url, &asked, ErrorCode::InvalidUtf8),
    }
});

fn is_one_request(request: &Request, accepted: usize) {
    let head = request.text.strip_suffix("\r\n\r\n").expect("the end of a head");
    assert!(!head.contains("\r\n\r\n") && !head.replace("\r\n", "").contains(['\r', '\n', '\0']), "{head:?}");
    let mut lines = head.split("\r\n");
    let first: Vec<&str> = lines.next().expect("a request line").split(' ').collect();
    assert!(
        matches!(first[..], ["GET", path, "HTTP/1.1"] if path.starts_with('/') && path.is_ascii()),
        "{first:?}"
    );
    let names: Vec<String> =
        lines.map(|line| line.split_once(": ").map_or(line, |(name, _)| name).to_ascii_lowercase()).collect();
    for once in ["host", "upgrade", "connection", "sec-websocket-key", "sec-websocket-version"] {
        assert_eq!(names.iter().filter(|name| *name == once).count(), 1, "{once} in {head:?}");
    }
    for at_most_once in ["sec-websocket-protocol", "sec-websocket-extensions"] {
        assert!(names.iter().filter(|name| *name == at_most_once).count() <= 1, "{at_most_once} in {head:?}");
    }
    assert!(!names.iter().any(|name| name == "content-length" || name == "transfer-encoding"));
    // The five, authorization, extensions, protocols and cookies, and one for each that was accepted.
    assert!(names.len() <= 9 + accepted);
    assert!(request.port != 0 && !request.host.is_empty() && request.host.is_ascii());
    let authority = request.shown.split_once("://").expect("a scheme").1;
    let authority = authority.split(['/', '?']).next().expect("an authority");
    assert!(!authority.contains('@'), "user info in {}", request.shown);
    planted(|| accepted > 2 && head.contains("Authorization: Basic "));
}

/// Both ways of making a socket refuse it at once, and say nothing of user and password.
fn is_refused(url: &CStr, asked: &Asked, code: ErrorCode) {
    for new in [open::ws_new, open::ws_new_async] {
        let mut stack: *mut ws_errors = ptr::null_mut();
        // SAFETY: the URL ends with a NUL, no handler, the out-parameter is there.
        let socket = unsafe { new(url.as_ptr(), ptr::null(), asked.handle, &raw mut stack) };
        assert!(socket.is_null() && !stack.is_null());
        // SAFETY: the stack is there until it is freed.
        unsafe {
            assert_eq!(errors::ws_errors_code(stack, 0) as i32, code as i32);
            let message: *const c_char = errors::ws_errors_message(stack, 0);
            let message = CStr::from_ptr(message).to_str().expect("UTF-8");
            if let Some(secret) = secret(url.to_bytes()) {
                assert!(!message.contains(secret), "{message}");
            }
            errors::ws_errors_free(stack);
        }
    }
}

/// A password that cannot be a part of the message by chance.
fn secret(url: &[u8]) -> Option<&str> {
    let url = std::str::from_utf8(url).ok()?;
    let (user_info, _) = url.split_once("://")?.1.split(['/', '?', '#', '\\']).next()?.rsplit_once('@')?;
    let password = user_info.split_once(':')?.1;
    let once = url.matches(password).count() == 1;
    (once && password.len() > 5 && !password.contains(|c: char| c.is_ascii_alphabetic() || c == ' '))
        .then_some(password)
}
