//! The arguments of the host: pointers, lengths, texts and numbers, checked before other code sees them.
//!
//! Knows no handle and no client object.

use std::ffi::{CStr, CString, c_char, c_void};
use std::slice;
use std::time::Duration;

use libc::size_t;
use ws4d_client::{Component, DataType, Error, ErrorCode, MOST_PEM, MOST_TEXT};

/// `WS_NUL_TERMINATED` of the header: as a length, "the text ends at its NUL".
pub(crate) const NUL_TERMINATED: size_t = size_t::MAX;

/// The error for an argument that is refused.
pub(crate) fn refused(code: ErrorCode, message: &str) -> Error {
    Error::new(code, Component::Socket, message)
}

/// The error for a URL that is no text.
pub(crate) fn no_url(code: ErrorCode) -> Error {
    let message = match code {
        ErrorCode::InvalidUtf8 => "the URL is not valid UTF-8; convert it first",
        _ => "the URL is NULL",
    };
    refused(code, message)
}

/// Bytes of a host that stay where they are for the length of the call; NULL is allowed where `len` is 0.
///
/// # Safety
/// `data` is readable for `len` bytes.
pub(crate) unsafe fn bytes<'a>(data: *const c_void, len: size_t) -> Result<&'a [u8], ErrorCode> {
    if len == 0 {
        return Ok(&[]);
    }
    if data.is_null() || len > isize::MAX as usize {
        return Err(ErrorCode::InvalidArgument);
    }
    // SAFETY: not NULL, not above isize::MAX; the caller upholds the rest.
    Ok(unsafe { slice::from_raw_parts(data.cast(), len) })
}

/// As `bytes`, for a text whose length may be `WS_NUL_TERMINATED`. Not checked for UTF-8.
///
/// # Safety
/// `text` is readable for `len` bytes, or up to and with its NUL.
pub(crate) unsafe fn text<'a>(text: *const c_char, len: size_t) -> Result<&'a [u8], ErrorCode> {
    if len == NUL_TERMINATED {
        // SAFETY: the caller upholds it.
        return unsafe { c_string(text) }.map(CStr::to_bytes);
    }
    // SAFETY: the caller upholds it.
    unsafe { bytes(text.cast(), len) }
}

/// As `text`, in 16-bit units.
///
/// # Safety
/// `text` is readable for `units` units, or up to and with its 0 unit.
pub(crate) unsafe fn utf16<'a>(text: *const u16, units: size_t) -> Result<&'a [u16], ErrorCode> {
    if units == 0 {
        return Ok(&[]);
    }
    if text.is_null() || !text.is_aligned() {
        return Err(ErrorCode::InvalidArgument);
    }
    let mut len = units;
    if units == NUL_TERMINATED {
        len = 0;
        // SAFETY: the caller promises a 0 unit, and no unit before it was one.
        while unsafe { *text.add(len) } != 0 {
            len += 1;
        }
    }
    if len > isize::MAX as usize / 2 {
        return Err(ErrorCode::InvalidArgument);
    }
    // SAFETY: not NULL, aligned, not above isize::MAX bytes; the caller upholds the rest.
    Ok(unsafe { slice::from_raw_parts(text, len) })
}

/// A NUL-terminated text that must be there.
///
/// # Safety
/// `text` is NULL or readable up to and with its NUL.
pub(crate) unsafe fn c_string<'a>(text: *const c_char) -> Result<&'a CStr, ErrorCode> {
    if text.is_null() {
        return Err(ErrorCode::InvalidArgument);
    }
    // SAFETY: not NULL; the caller upholds the rest.
    Ok(unsafe { CStr::from_ptr(text) })
}

/// A NUL-terminated text that must be there and be UTF-8.
///
/// # Safety
/// `text` is NULL or readable up to and with its NUL.
pub(crate) unsafe fn utf8<'a>(text: *const c_char) -> Result<&'a str, ErrorCode> {
    // SAFETY: the caller upholds it.
    let text = unsafe { c_string(text) }?;
    text.to_str().map_err(|_| ErrorCode::InvalidUtf8)
}

/// As `utf8`, for a URL or a text of an option: [`ErrorCode::TooLarge`] above [`MOST_TEXT`], of which nothing is read.
///
/// # Safety
/// `text` is NULL or readable up to and with its NUL.
pub(crate) unsafe fn short_utf8<'a>(text: *const c_char) -> Result<&'a str, ErrorCode> {
    // SAFETY: the caller upholds it.
    let text = unsafe { at_most(text, MOST_TEXT) }?;
    std::str::from_utf8(text).map_err(|_| ErrorCode::InvalidUtf8)
}

/// As `text`, for PEM: [`ErrorCode::TooLarge`] above [`MOST_PEM`], of which nothing is read.
///
/// # Safety
/// `pem` is readable for `len` bytes, or up to and with its NUL.
pub(crate) unsafe fn pem<'a>(pem: *const c_char, len: size_t) -> Result<&'a [u8], ErrorCode> {
    if len == NUL_TERMINATED {
        // SAFETY: the caller upholds it.
        return unsafe { at_most(pem, MOST_PEM) };
    }
    if len > MOST_PEM {
        return Err(if pem.is_null() { ErrorCode::InvalidArgument } else { ErrorCode::TooLarge });
    }
    // SAFETY: the caller upholds it.
    unsafe { bytes(pem.cast(), len) }
}

/// The bytes before the NUL of a text that must be there and has at most `most`.
///
/// # Safety
/// `text` is NULL or readable up to and with its NUL.
unsafe fn at_most<'a>(text: *const c_char, most: usize) -> Result<&'a [u8], ErrorCode> {
    if text.is_null() {
        return Err(ErrorCode::InvalidArgument);
    }
    // SAFETY: not NULL; the caller upholds the rest, and nothing behind the NUL is read.
    let len = unsafe { libc::strnlen(text, most + 1) };
    if len > most {
        return Err(ErrorCode::TooLarge);
    }
    // SAFETY: so many bytes stand before the NUL.
    Ok(unsafe { slice::from_raw_parts(text.cast(), len) })
}

/// Milliseconds to wait; -1 for ever.
pub(crate) fn timeout(ms: i32) -> Result<Option<Duration>, ErrorCode> {
    match ms {
        -1 => Ok(None),
        0.. => Ok(Some(Duration::from_millis(ms as u64))),
        _ => Err(ErrorCode::InvalidArgument),
    }
}

/// The `int32_t` that stands for a truth value in C.
pub(crate) fn flag(value: i32) -> Result<bool, ErrorCode> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(ErrorCode::InvalidArgument),
    }
}

/// The `int32_t` that stands for a `ws_data_type` in C.
pub(crate) fn data_type(value: i32) -> Result<DataType, ErrorCode> {
    [DataType::Text, DataType::Blob, DataType::Object]
        .into_iter()
        .find(|known| *known as i32 == value)
        .ok_or(ErrorCode::InvalidArgument)
}

/// Writes to an out-parameter that may be NULL.
///
/// # Safety
/// `out` is NULL or writable.
pub(crate) unsafe fn set<T>(out: *mut T, value: T) {
    if !out.is_null() {
        // SAFETY: not NULL; the caller upholds the rest.
        unsafe { out.write(value) };
    }
}

/// A slice as C has it: the pointer returned, the length in an out-parameter that may be NULL.
///
/// # Safety
/// `len` is NULL or writable.
pub(crate) unsafe fn slice_out<T>(data: Option<&[T]>, len: *mut size_t) -> *const T {
    // SAFETY: the caller upholds it.
    unsafe { set(len, data.map_or(0, <[T]>::len)) };
    data.map_or(std::ptr::null(), <[T]>::as_ptr)
}

/// Text of ours for C. A NUL inside, which C could not see past, becomes a space.
pub(crate) fn to_c(text: &str) -> CString {
    CString::new(text).unwrap_or_else(|_| {
        let bytes = text.bytes().map(|byte| if byte == 0 { b' ' } else { byte }).collect();
        // A text without a NUL is always accepted.
        CString::new::<Vec<u8>>(bytes).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::*;

    const INVALID: ErrorCode = ErrorCode::InvalidArgument;

    #[test]
    fn null_is_an_empty_argument_only_where_its_length_is_0() {
        // SAFETY: NULL and live buffers.
        unsafe {
            assert_eq!(bytes(ptr::null(), 0), Ok(&[][..]));
            assert_eq!(bytes(ptr::null(), 1), Err(INVALID));
            assert_eq!(text(ptr::null(), 0), Ok(&[][..]));
            assert_eq!(text(ptr::null(), 1), Err(INVALID));
            assert_eq!(text(ptr::null(), NUL_TERMINATED), Err(INVALID));
            assert_eq!(utf16(ptr::null(), 0), Ok(&[][..]));
            assert_eq!(utf16(ptr::null(), 1), Err(INVALID));
            assert_eq!(utf16(ptr::null(), NUL_TERMINATED), Err(INVALID));
            assert_eq!(utf8(ptr::null()), Err(INVALID));
        }
    }

    #[test]
    fn a_length_that_no_buffer_can_have_is_refused() {
        let one = 1u16;
        let data = (&raw const one).cast();
        // SAFETY: refused before anything is read.
        unsafe {
            assert_eq!(bytes(data, usize::MAX), Err(INVALID));
            assert_eq!(bytes(data, isize::MAX as usize + 1), Err(INVALID));
            assert_eq!(text(data.cast(), usize::MAX - 1), Err(INVALID));
            assert_eq!(utf16(&one, isize::MAX as usize / 2 + 1), Err(INVALID));
            assert_eq!(utf16(data.byte_add(1).cast(), 1), Err(INVALID), "not aligned");
        }
    }

    #[test]
    fn a_text_ends_at_its_length_or_at_its_nul() {
        // SAFETY: live buffers with a NUL.
        unsafe {
            assert_eq!(text(c"hello".as_ptr(), 3), Ok(&b"hel"[..]));
            assert_eq!(text(c"hello".as_ptr(), 6), Ok(&b"hello\0"[..]));
            assert_eq!(text(c"hello".as_ptr(), NUL_TERMINATED), Ok(&b"hello"[..]));
            assert_eq!(utf16([104, 105, 0, 7].as_ptr(), NUL_TERMINATED), Ok(&[104, 105][..]));
            assert_eq!(utf16([104, 105, 0, 7].as_ptr(), 4), Ok(&[104, 105, 0, 7][..]));
            assert_eq!(utf8(c"h\xc3\xa9".as_ptr()), Ok("hé"));
            assert_eq!(utf8(c"h\xc3".as_ptr()), Err(ErrorCode::InvalidUtf8));
        }
    }

    #[test]
    fn a_text_above_its_limit_is_refused() {
        let text = |len: usize| std::ffi::CString::new(vec![b'a'; len]).unwrap();
        // SAFETY: live texts with a NUL.
        unsafe {
            assert_eq!(short_utf8(text(MOST_TEXT).as_ptr()).map(str::len), Ok(MOST_TEXT));
            assert_eq!(short_utf8(text(MOST_TEXT + 1).as_ptr()), Err(ErrorCode::TooLarge));
            let whole = text(MOST_PEM + 1);
            assert_eq!(pem(whole.as_ptr(), MOST_PEM).map(<[u8]>::len), Ok(MOST_PEM));
            assert_eq!(pem(whole.as_ptr(), MOST_PEM + 1), Err(ErrorCode::TooLarge));
            assert_eq!(pem(whole.as_ptr(), NUL_TERMINATED), Err(ErrorCode::TooLarge));
            assert_eq!(
                (short_utf8(ptr::null()), pem(ptr::null(), NUL_TERMINATED)),
                (Err(INVALID), Err(INVALID))
            );
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert_eq!(timeout(-1), Ok(None));
        assert_eq!(timeout(0), Ok(Some(Duration::ZERO)));
        assert_eq!(timeout(i32::MAX), Ok(Some(Duration::from_millis(i32::MAX as u64))));
        assert_eq!(timeout(-2), Err(INVALID));
        assert_eq!(timeout(i32::MIN), Err(INVALID));
        assert_eq!((flag(0), flag(1), flag(2), flag(-1)), (Ok(false), Ok(true), Err(INVALID), Err(INVALID)));
        assert!(matches!(data_type(2), Ok(DataType::Object)));
        assert!(data_type(3).is_err() && data_type(-1).is_err());
    }

    #[test]
    fn a_nul_inside_a_text_of_ours_does_not_cut_it() {
        assert_eq!(to_c("a\0b").as_c_str(), c"a b");
        assert_eq!(to_c("").as_c_str(), c"");
    }
}
