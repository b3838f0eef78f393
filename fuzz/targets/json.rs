//! `ws_json`: what serde_json takes we take, nested no deeper than 128; the values are the same; the text of a
//! value is a value again. Read through the C functions.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::ffi::{CString, c_char};
use std::{ptr, slice};
use ws4d::json::*;
use ws4d::types::ws_json;
use ws4d_client::{Json, fuzzing};
use ws4d_fuzz::planted;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let ours = Json::parse(text);
    // serde_json's own depth is 127 nested values, ours 128.
    // A byte order mark is ignored, as RFC 8259 section 8.1 allows.
    let unmarked = text.strip_prefix('\u{feff}').unwrap_or(text);
    match (&ours, serde_json::from_str::<Value>(unmarked)) {
        (Ok(ours), Ok(its)) => same(ptr::from_ref(ours).cast(), &its),
        (Ok(_), Err(error)) => assert!(its_limit(&error), "{error}: {text}"),
        (Err(error), Ok(_)) => panic!("{error:?}: {text}"),
        (Err(_), Err(_)) => assert!(fuzzing::minify(text).is_none() || depth(text) > Json::MAX_DEPTH),
    }
    if let Ok(ours) = &ours {
        // As it came, less white space: what is sent as an object is what the text says.
        let written = ours.text().expect("memory");
        assert_eq!(fuzzing::minify(text).as_deref(), Some(written));
        let again = Json::parse(std::str::from_utf8(written).expect("UTF-8")).expect("JSON");
        assert_eq!(again.text().expect("memory"), written);
        planted(|| ours.item(1).is_some_and(|item| item.member(b"a").is_some()));
    }
});

/// Where serde_json's values give up, and RFC 8259 does not: nesting, numbers beyond any double, half a surrogate pair.
fn its_limit(error: &serde_json::Error) -> bool {
    let words = error.to_string();
    words.contains("recursion limit")
        || words.contains("number out of range")
        || words.contains("hex escape")
        || words.contains("surrogate")
}

fn depth(text: &str) -> usize {
    text.bytes().filter(|byte| b"[{".contains(byte)).count()
}

fn same(ours: *const ws_json, its: &Value) {
    // SAFETY: the value lives in the caller.
    unsafe {
        match its {
            Value::Null => assert_eq!(ws_json_get_kind(ours) as i32, 0),
            Value::Bool(truth) => assert_eq!(ws_json_bool(ours, 7), i32::from(*truth)),
            Value::Number(number) => {
                let double = ws_json_number(ours, f64::NAN);
                // serde_json rounds differently in the last place at most.
                let its = number.as_f64().expect("a double");
                assert!(
                    double == its || (double - its).abs() <= its.abs() * 4.0 * f64::EPSILON,
                    "{double} {its}"
                );
                if let Some(whole) = number.as_i64() {
                    assert_eq!(ws_json_int64(ours, !whole), whole);
                }
            }
            Value::String(string) => {
                let mut len = 7;
                let text = ws_json_string(ours, &raw mut len);
                assert_eq!(bytes(text, len), string.as_bytes());
            }
            Value::Array(items) => {
                assert_eq!(ws_json_length(ours), items.len());
                assert!(ws_json_item(ours, items.len()).is_null());
                for (i, item) in items.iter().enumerate() {
                    same(ws_json_item(ours, i), item);
                }
            }
            Value::Object(members) => object(ours, members),
        }
    }
}

/// Of members with the same key serde_json keeps the last; so does `ws_json_member`, and the list has all.
fn object(ours: *const ws_json, its: &serde_json::Map<String, Value>) {
    // SAFETY: the value lives in the caller.
    unsafe {
        assert!(ws_json_length(ours) >= its.len());
        let mut value = ptr::null();
        let mut i = 0;
        while !ws_json_key(ours, i, &raw mut value).is_null() {
            assert!(!value.is_null());
            i += 1;
        }
        assert_eq!(i, ws_json_length(ours));
        for (key, member) in its {
            // A key with a NUL cannot be asked for.
            if let Ok(key) = CString::new(key.as_str()) {
                same(ws_json_member(ours, key.as_ptr()), member);
            }
        }
    }
}

/// # Safety
/// `text` is readable for `len` bytes and a NUL.
unsafe fn bytes<'a>(text: *const c_char, len: usize) -> &'a [u8] {
    assert!(!text.is_null());
    // SAFETY: the caller promises it.
    unsafe {
        assert_eq!(*text.add(len), 0, "a NUL behind it");
        slice::from_raw_parts(text.cast(), len)
    }
}
