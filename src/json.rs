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

/// Returns the kind of a JSON value.
///
/// Values live as long as their event. Several threads may read them at once (all `ws_json_*` functions).
///
/// Thread: any, also in callbacks; never blocks.
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

/// Returns a member of an object by its key. If several members have the same key, it is the last one.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param object  A value, or NULL.
/// @param key     The key: UTF-8, NUL-terminated.
/// @return A value that lives as long as its event; NULL if there is no such member, or if `object` is not an object.
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

/// Returns an item of an array by its number.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param array  A value, or NULL.
/// @param i      Which item, counted from 0.
/// @return A value that lives as long as its event; NULL if there is no such item, or if `array` is not an array.
///
/// # Safety
/// `array` is NULL or a live value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_json_item(array: *const ws_json, i: size_t) -> *const ws_json {
    // SAFETY: the caller upholds the contract above.
    boundary::read(ptr::null(), || unsafe { json(array) }?.item(i).map(handle))
}

/// Returns the length of an array, an object or a string.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param v  A value, or NULL.
/// @return The number of items of an array, of members of an object, or of bytes of a string; otherwise 0.
///
/// # Safety
/// `v` is NULL or a live value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_json_length(v: *const ws_json) -> size_t {
    // SAFETY: the caller upholds the contract above.
    boundary::read(0, || Some(unsafe { json(v) }?.len()))
}

/// Returns a `true` or `false` as a number.
///
/// Thread: any, also in callbacks; never blocks.
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

/// Returns a number, rounded to the nearest double.
///
/// Thread: any, also in callbacks; never blocks.
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

/// Returns an integer exactly. `2.0` and `1e3` are integers, too.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param v          A value, or NULL.
/// @param otherwise  What to return for any other value, for a fraction, and for a number that an int64_t cannot hold.
/// @return The number, or `otherwise`.
///
/// # Safety
/// `v` is NULL or a live value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ws_json_int64(v: *const ws_json, otherwise: i64) -> i64 {
    // SAFETY: the caller upholds the contract above.
    boundary::read(otherwise, || unsafe { json(v) }?.as_i64())
}

/// Returns a string, with its escapes resolved. Half of a surrogate pair has become U+FFFD.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param v    A value, or NULL.
/// @param len  Receives the number of bytes; may be NULL. The string may contain a NUL.
/// @return UTF-8 that is followed by a NUL and lives as long as the value's event; NULL and 0 if the value is not a
///         string.
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

/// Returns a string as UTF-16, with its escapes resolved. Half of a surrogate pair has become U+FFFD. It is converted
/// once, at the first call.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param v      A value, or NULL.
/// @param units  Receives the number of 16-bit units; may be NULL. The string may contain a 0 unit.
/// @return UTF-16 in the machine's byte order that is followed by a 0 unit and lives as long as the value's event; NULL
///         and 0 if the value is not a string; also if there is no memory for it, and a later call then tries again.
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

/// Returns any value as JSON text, with numbers as they were received and without white space between tokens.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param v    A value, or NULL.
/// @param len  Receives the number of bytes; may be NULL.
/// @return UTF-8 that is followed by a NUL and lives as long as the value's event; NULL and 0 for NULL, and if there is
///         no memory for it.
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

/// Returns the key and the value of a member of an object by its number, in the order of the text: `for (i = 0; (key =
/// ws_json_key(o, i, &value)); i++)`.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param object  A value, or NULL.
/// @param i       Which member, counted from 0.
/// @param value   Receives the member's value, or NULL; may be NULL.
/// @return The key: UTF-8 that is followed by a NUL and lives as long as the value's event; NULL if there is no such
///         member, or if `object` is not an object.
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

/// Returns the same as ws_json_key(), with the key as UTF-16. It is converted once, at the first call for this key.
///
/// Thread: any, also in callbacks; never blocks.
///
/// @param object  A value, or NULL.
/// @param i       Which member, counted from 0.
/// @param value   Receives the member's value, or NULL; may be NULL.
/// @param units   Receives the number of 16-bit units in the key; may be NULL. The key may contain a 0 unit.
/// @return The key: UTF-16 in the machine's byte order that is followed by a 0 unit and lives as long as the value's
///         event; NULL and 0 if there is no such member, or if `object` is not an object; also if there is no memory
///         for it, while `i` is below ws_json_length().
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
