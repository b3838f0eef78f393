//! Error stacks: the client's `Error` in the form that C reads.

use std::ffi::{CString, c_char, c_void};
use std::ptr;

use libc::size_t;
use ws4d_client::{Error, HeaderList};

use crate::result::ws_result;
use crate::{arg, boundary};

/// An error stack. Entry 0 is the one to read first and to act on. The other entries are its details, such as each
/// address that was tried, or what the operating system said.
///
/// A stack from an out-parameter belongs to the caller, who frees it with ws_errors_free(). A stack from
/// ws_event_errors() lives as long as its event, one from ws_options_errors() as long as that function says, and one
/// that is passed to the function of ws_set_error_handler() until that function returns. It is a plain pointer: NULL is
/// safe. Several threads may read it at once.
pub struct ws_errors {
    entries: Box<[Entry]>,
    os_code: i32,
    http_status: i32,
    http_headers: HeaderList,
    http_body: Box<[u8]>,
    /// Made for an out-parameter, so that ws_errors_free() is right. Else it does nothing: a mistake made harmless.
    is_the_callers: bool,
}

struct Entry {
    code: ws_result,
    component: CString,
    message: CString,
}

impl ws_errors {
    /// For the length of a call of the host's function, or for an event.
    pub(crate) fn new(error: &Error) -> ws_errors {
        let entry = |entry: &ws4d_client::ErrorEntry| Entry {
            code: entry.code.into(),
            component: arg::to_c(entry.component.as_str()),
            message: arg::to_c(&entry.message),
        };
        let http = error.http();
        ws_errors {
            entries: error.entries().iter().map(entry).collect(),
            os_code: error.os_code(),
            http_status: http.map_or(0, |http| i32::from(http.status)),
            http_headers: http.map_or_else(HeaderList::default, |http| http.headers.clone()),
            http_body: http.map_or(Box::default(), |http| http.body.as_slice().into()),
            is_the_callers: false,
        }
    }

    /// For an out-parameter: the caller's until `ws_errors_free`.
    pub(crate) fn owned(error: &Error) -> *mut ws_errors {
        Box::into_raw(Box::new(ws_errors { is_the_callers: true, ..ws_errors::new(error) }))
    }

    /// For an event: made once, kept by the event's own error.
    pub(crate) fn attached(error: &Error) -> *const ws_errors {
        error.attachment(ws_errors::new).map_or(ptr::null(), ptr::from_ref)
    }

    /// # Safety
    /// `errors` is NULL or a stack that lives for the length of the call.
    unsafe fn entry<'a>(errors: *const ws_errors, i: size_t) -> Option<&'a Entry> {
        // SAFETY: the caller upholds it.
        unsafe { errors.as_ref() }?.entries.get(i)
    }
}

/// Returns the number of entries in an error stack.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param errors  An error stack, or NULL.
/// @return At least 1; 0 for NULL.
///
/// # Safety
/// `errors` is NULL or a live error stack.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_errors_count(errors: *const ws_errors) -> size_t {
    // SAFETY: the caller upholds the contract above.
    boundary::read(0, || Some(unsafe { errors.as_ref() }?.entries.len()))
}

/// Returns the code of an entry. The code of entry 0 is the one to act on.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param errors  An error stack, or NULL.
/// @param i       Which entry, counted from 0.
/// @return A negative ws_result; WS_OK if there is no such entry, and for NULL.
///
/// # Safety
/// `errors` is NULL or a live error stack.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_errors_code(errors: *const ws_errors, i: size_t) -> ws_result {
    // SAFETY: the caller upholds the contract above.
    boundary::read(ws_result::WS_OK, || Some(unsafe { ws_errors::entry(errors, i) }?.code))
}

/// Returns the message of an entry: what was attempted, on what, what came back, and what to do.
///
/// It is English, and written for people. A URL in it has neither user name and password nor a query (it shows as
/// `?...`), because they may be secret.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param errors  An error stack, or NULL.
/// @param i       Which entry, counted from 0.
/// @return UTF-8 that lives as long as the stack; NULL if there is no such entry, and for NULL.
///
/// # Safety
/// `errors` is NULL or a live error stack.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_errors_message(errors: *const ws_errors, i: size_t) -> *const c_char {
    // SAFETY: the caller upholds the contract above.
    boundary::read(ptr::null(), || Some(unsafe { ws_errors::entry(errors, i) }?.message.as_ptr()))
}

/// Returns the part of the library that an entry comes from, as four characters, of which the last may be a space:
/// `sock`, `dns `, `tcp `, `tls `, `http`, `prox`, `ws ` or `json`.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param errors  An error stack, or NULL.
/// @param i       Which entry, counted from 0.
/// @return A text that lives as long as the stack; NULL if there is no such entry, and for NULL.
///
/// # Safety
/// `errors` is NULL or a live error stack.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_errors_component(errors: *const ws_errors, i: size_t) -> *const c_char {
    // SAFETY: the caller upholds the contract above.
    boundary::read(ptr::null(), || Some(unsafe { ws_errors::entry(errors, i) }?.component.as_ptr()))
}

/// Returns the operating system's error number (`errno`) behind the failure.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param errors  An error stack, or NULL.
/// @return The number; 0 if there is none, and for NULL.
///
/// # Safety
/// `errors` is NULL or a live error stack.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_errors_os_code(errors: *const ws_errors) -> i32 {
    // SAFETY: the caller upholds the contract above.
    boundary::read(0, || Some(unsafe { errors.as_ref() }?.os_code))
}

/// Returns the HTTP status with which the server, or the proxy, refused the connection. It is 101 if
/// the server accepted the connection with an answer that the client cannot accept (WS_ERR_HANDSHAKE).
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param errors  An error stack, or NULL.
/// @return The status; 0 if no answer was understood, and for NULL.
///
/// # Safety
/// `errors` is NULL or a live error stack.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_errors_http_status(errors: *const ws_errors) -> i32 {
    // SAFETY: the caller upholds the contract above.
    boundary::read(0, || Some(unsafe { errors.as_ref() }?.http_status))
}

/// Returns a header of the answer with which the server, or the proxy, refused the connection, such as `Retry-After` or
/// `WWW-Authenticate`.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param errors  An error stack, or NULL.
/// @param name    The header's name, NUL-terminated; upper and lower case do not matter.
/// @param i       Which of the headers of that name, counted from 0.
/// @return The value, which lives as long as the stack; NULL if there is no such header, and for NULL.
///
/// # Safety
/// `errors` is NULL or a live error stack; `name` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_errors_http_header(
    errors: *const ws_errors,
    name: *const c_char,
    i: size_t,
) -> *const c_char {
    boundary::read(ptr::null(), || {
        // SAFETY: the caller upholds the contract above.
        let (errors, name) = unsafe { (errors.as_ref()?, arg::c_string(name).ok()?.to_bytes()) };
        errors.http_headers.nth(name, i).map(|value| value.as_ptr().cast())
    })
}

/// Returns the body of the answer with which the server, or the proxy, refused the connection: at most its first 64
/// KiB, without a NUL at its end.
///
/// A chunked body has been put together; a compressed one (Content-Encoding) is as it was received. The library waits
/// for the body no longer than a second, and no longer than half of what is left of the connect timeout. If the body
/// takes longer, this is the part that has arrived by then.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param errors  An error stack, or NULL.
/// @param len     Receives the number of bytes; may be NULL.
/// @return The bytes, which live as long as the stack; NULL and 0 if there is no body, and for NULL.
///
/// # Safety
/// `errors` is NULL or a live error stack; `len` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_errors_http_body(errors: *const ws_errors, len: *mut size_t) -> *const c_void {
    boundary::read(ptr::null(), || {
        // SAFETY: the caller upholds the contract above.
        unsafe {
            arg::set(len, 0);
            let body = &errors.as_ref()?.http_body;
            Some(arg::slice_out((!body.is_empty()).then_some(&**body), len).cast())
        }
    })
}

/// Frees an error stack that ws_new(), ws_new_async() or ws_reconnector_new() has set, and everything that was read
/// from it.
///
/// The stack of an event, of options, or of the function of ws_set_error_handler() does not belong to the caller: for
/// such a stack this does nothing.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param errors  An error stack; NULL does nothing.
///
/// # Safety
/// `errors` is NULL or a live error stack.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_errors_free(errors: *mut ws_errors) {
    boundary::run(|| {
        // SAFETY: the caller upholds the contract above.
        if unsafe { errors.as_ref() }.is_some_and(|errors| errors.is_the_callers) {
            // SAFETY: `owned` made it by Box::into_raw; the caller promises that it was not freed yet.
            drop(unsafe { Box::from_raw(errors) });
        }
    });
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use ws4d_client::{Component, ErrorCode, HttpAnswer};

    use super::*;

    fn text<'a>(text: *const c_char) -> Option<&'a str> {
        // SAFETY: NULL, or a text of a live stack.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_str().unwrap())
    }

    fn refused() -> Error {
        let headers = HeaderList::new([("Retry-After", "5"), ("retry-after", "6")].into_iter());
        Error::new(ErrorCode::HttpStatus, Component::Http, "503\0!")
            .with_detail(ErrorCode::Tls, Component::Tls, "detail")
            .with_os_code(104)
            .with_http(HttpAnswer { status: 503, headers, body: b"busy".to_vec() })
    }

    #[test]
    fn a_stack_shows_all_that_the_error_knows() {
        let errors = ws_errors::owned(&refused());
        let mut len = 0;
        // SAFETY: a live stack.
        unsafe {
            assert_eq!(ws_errors_count(errors), 2);
            assert_eq!(ws_errors_code(errors, 0), ws_result::WS_ERR_HTTP_STATUS);
            assert_eq!(ws_errors_code(errors, 2), ws_result::WS_OK);
            assert_eq!(text(ws_errors_message(errors, 0)), Some("503 !"));
            assert_eq!(text(ws_errors_component(errors, 1)), Some("tls "));
            assert_eq!(text(ws_errors_message(errors, 2)), None);
            assert_eq!((ws_errors_os_code(errors), ws_errors_http_status(errors)), (104, 503));
            assert_eq!(text(ws_errors_http_header(errors, c"RETRY-AFTER".as_ptr(), 1)), Some("6"));
            assert_eq!(text(ws_errors_http_header(errors, c"retry-after".as_ptr(), 2)), None);
            assert!(!ws_errors_http_body(errors, &mut len).is_null());
            assert_eq!(len, 4);
            ws_errors_free(errors);
        }
    }

    #[test]
    fn a_stack_of_an_event_is_made_once_and_cannot_be_freed_by_the_caller() {
        let error = refused();
        let errors = ws_errors::attached(&error);
        assert_eq!(ws_errors::attached(&error), errors);
        // SAFETY: a live stack, before and after.
        unsafe {
            ws_errors_free(errors.cast_mut());
            assert_eq!(ws_errors_count(errors), 2);
        }
    }
}
