//! Entry points that read JSON values. A `ws_json` is the client's `Json` behind a pointer that C cannot look into.

use std::ffi::c_char;
use std::ptr;

use libc::size_t;
use ws4d_client::Json;

use crate::types::{ws_json, ws_json_kind};
use crate::{arg, boundary};

/// # Safety
/// `v` is NULL or a value whose event lives for the length of the call.
unsafe fn json<'a>(v: *const ws_json) -> Option<&'a Json> {
    // SAFETY: a ws_json is never anything but a Json; the caller upholds the rest.
    unsafe { v.cast::<Json>().as_ref() }
}

fn handle(v: &Json) -> *const ws_json {
    ptr::from_ref(v).cast()
}

/// Text of a value, behind which the client promises a NUL.
///
/// # Safety
/// `len` is NULL or writable.
unsafe fn text_out(text: Option<&[u8]>, len: *mut size_t) -> *const c_char {
    // SAFETY: the caller upholds it.
    unsafe { arg::slice_out(text, len) }.cast()
}

/// What the value is.
///
/// Values live with their event. The readers (`ws_json_*`) may be called from several threads at once.
///
/// @param v  A value, or NULL.
/// @return A ws_json_kind; WS_JSON_KIND_NULL for NULL.
///
/// # Safety
/// `v` is NULL or a live value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_json_get_kind(v: *const ws_json) -> ws_json_kind {
    // SAFETY: the caller upholds the contract above.
    boundary::read(ws_json_kind::WS_JSON_KIND_NULL, || Some(unsafe { json(v) }?.kind().into()))
}

/// The member of an object; of several with the same key, the last.
///
/// @param object  A value, or NULL.
/// @param key     UTF-8, NUL-terminated.
/// @return A value that lives with its event; NULL if there is no such member, or no object.
///
/// # Safety
/// `object` is NULL or a live value; `key` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_json_member(object: *const ws_json, key: *const c_char) -> *const ws_json {
    boundary::read(ptr::null(), || {
        // SAFETY: the caller upholds the contract above.
        let (object, key) = unsafe { (json(object)?, arg::c_string(key).ok()?) };
        object.member(key.to_bytes()).map(handle)
    })
}

/// The i-th item of an array.
///
/// @param array  A value, or NULL.
/// @param i      From 0.
/// @return A value that lives with its event; NULL if there is no such item, or no array.
///
/// # Safety
/// `array` is NULL or a live value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_json_item(array: *const ws_json, i: size_t) -> *const ws_json {
    // SAFETY: the caller upholds the contract above.
    boundary::read(ptr::null(), || unsafe { json(array) }?.item(i).map(handle))
}

/// How long the value is.
///
/// @param v  A value, or NULL.
/// @return The items of an array, the members of an object, the bytes of a string; else 0.
///
/// # Safety
/// `v` is NULL or a live value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_json_length(v: *const ws_json) -> size_t {
    // SAFETY: the caller upholds the contract above.
    boundary::read(0, || Some(unsafe { json(v) }?.len()))
}

/// A `true` or `false` as a number.
///
/// @param v          A value, or NULL.
/// @param otherwise  What to return for any other value.
/// @return 1, 0, or `otherwise`.
///
/// # Safety
/// `v` is NULL or a live value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_json_bool(v: *const ws_json, otherwise: i32) -> i32 {
    // SAFETY: the caller upholds the contract above.
    boundary::read(otherwise, || unsafe { json(v) }?.as_bool().map(i32::from))
}

/// A number, rounded to the nearest double.
///
/// @param v          A value, or NULL.
/// @param otherwise  What to return for any other value.
/// @return The number, or `otherwise`.
///
/// # Safety
/// `v` is NULL or a live value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_json_number(v: *const ws_json, otherwise: f64) -> f64 {
    // SAFETY: the caller upholds the contract above.
    boundary::read(otherwise, || unsafe { json(v) }?.as_f64())
}

/// A whole number, exactly; `2.0` and `1e3` are whole, too.
///
/// @param v          A value, or NULL.
/// @param otherwise  What to return for any other value, a fraction, or a number that an int64_t cannot hold.
/// @return The number, or `otherwise`.
///
/// # Safety
/// `v` is NULL or a live value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_json_int64(v: *const ws_json, otherwise: i64) -> i64 {
    // SAFETY: the caller upholds the contract above.
    boundary::read(otherwise, || unsafe { json(v) }?.as_i64())
}

/// A string, with its escapes resolved; half a surrogate pair has become U+FFFD.
///
/// @param v    A value, or NULL.
/// @param len  Receives the number of bytes; may be NULL. The string may hold a NUL.
/// @return UTF-8 with a NUL behind it, which lives with the value's event; NULL and 0 if the value is no string.
///
/// # Safety
/// `v` is NULL or a live value; `len` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_json_string(v: *const ws_json, len: *mut size_t) -> *const c_char {
    boundary::read(ptr::null(), || {
        // SAFETY: the caller upholds the contract above.
        unsafe {
            arg::set(len, 0);
            Some(text_out(json(v)?.as_str(), len))
        }
    })
}

/// A string as UTF-16, with its escapes resolved; half a surrogate pair has become U+FFFD. Converted once, at the first
/// call.
///
/// @param v      A value, or NULL.
/// @param units  Receives the number of 16-bit units; may be NULL. The string may hold a 0 unit.
/// @return UTF-16 in the machine's byte order with a 0 unit behind it, which lives with the value's event; NULL and 0 if
///         the value is no string, and where there is no memory for it, and then a later call tries again.
///
/// # Safety
/// `v` is NULL or a live value; `units` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_json_string_utf16(v: *const ws_json, units: *mut size_t) -> *const u16 {
    boundary::read(ptr::null(), || {
        // SAFETY: the caller upholds the contract above.
        unsafe {
            arg::set(units, 0);
            Some(arg::slice_out(json(v)?.as_utf16(), units))
        }
    })
}

/// Any value as JSON text, with numbers as they came and no white space between tokens.
///
/// @param v    A value, or NULL.
/// @param len  Receives the number of bytes; may be NULL.
/// @return UTF-8 with a NUL behind it, which lives with the value's event; NULL and 0 for NULL, and where there is no
///         memory for it.
///
/// # Safety
/// `v` is NULL or a live value; `len` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_json_text(v: *const ws_json, len: *mut size_t) -> *const c_char {
    boundary::read(ptr::null(), || {
        // SAFETY: the caller upholds the contract above.
        unsafe {
            arg::set(len, 0);
            Some(text_out(json(v)?.text(), len))
        }
    })
}

/// The i-th member of an object, in the order of the text: `for (i = 0; (key = ws_json_key(o, i, &value)); i++)`.
///
/// @param object  A value, or NULL.
/// @param i       From 0.
/// @param value   Receives the member's value, or NULL; may be NULL.
/// @return The key: UTF-8 with a NUL behind it, which lives with the value's event; NULL if there is no such member,
///         or no object.
///
/// # Safety
/// `object` is NULL or a live value; `value` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_json_key(
    object: *const ws_json,
    i: size_t,
    value: *mut *const ws_json,
) -> *const c_char {
    boundary::read(ptr::null(), || {
        // SAFETY: the caller upholds the contract above.
        unsafe { arg::set(value, ptr::null()) };
        // SAFETY: as above.
        let (key, member) = unsafe { json(object) }?.entry(i)?;
        // SAFETY: as above.
        unsafe { arg::set(value, handle(member)) };
        Some(key.as_ptr().cast())
    })
}

/// As ws_json_key(), the key as UTF-16; converted once, at the first call for it.
///
/// @param object  A value, or NULL.
/// @param i       From 0.
/// @param value   Receives the member's value, or NULL; may be NULL.
/// @param units   Receives the number of 16-bit units in the key; may be NULL. The key may hold a 0 unit.
/// @return The key: UTF-16 in the machine's byte order with a 0 unit behind it, which lives with the value's event; NULL and
///         0 if there is no such member, or no object, and where there is no memory for it: `i` is then below
///         ws_json_length().
///
/// # Safety
/// `object` is NULL or a live value; `value` and `units` are NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_json_key_utf16(
    object: *const ws_json,
    i: size_t,
    value: *mut *const ws_json,
    units: *mut size_t,
) -> *const u16 {
    boundary::read(ptr::null(), || {
        // SAFETY: the caller upholds the contract above.
        unsafe {
            arg::set(value, ptr::null());
            arg::set(units, 0);
        }
        // SAFETY: as above.
        let (key, member) = unsafe { json(object) }?.entry_utf16(i)?;
        // SAFETY: as above.
        unsafe { arg::set(value, handle(member)) };
        // SAFETY: as above.
        Some(unsafe { arg::slice_out(Some(key), units) })
    })
}
