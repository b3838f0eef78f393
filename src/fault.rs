//! What a test build (`--cfg ws4d_panics`) exports beside the header's functions: the marked points of the client, and
//! which of them lets a thread panic. `tests/grammar_model/panics.rs` uses it.

use std::ffi::{CString, c_char};
use std::ptr;

use ws4d_client::fault;

/// Counts points from now on, and lets the thread panic that passes the `n`th; 0: none.
#[unsafe(no_mangle)]
pub extern "C" fn ws4d_panics_arm(n: u64) {
    fault::arm(n);
}

/// Counts no longer; returns how many points were passed.
#[unsafe(no_mangle)]
pub extern "C" fn ws4d_panics_disarm() -> u64 {
    fault::disarm()
}

/// The place at which a thread has panicked, or NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ws4d_panics_fired() -> *const c_char {
    // A place ends with a NUL.
    fault::fired().map_or(ptr::null(), |place| place.as_ptr().cast())
}

/// A line for each place that was passed so far: how often, how often a thread panicked there, and where it is. The text
/// is never freed.
#[unsafe(no_mangle)]
pub extern "C" fn ws4d_panics_known() -> *const c_char {
    let line = |(place, passed, panicked): &(&str, u64, u64)| {
        format!("{passed} {panicked} {}\n", place.trim_end_matches('\0'))
    };
    leaked(&fault::known().iter().map(line).collect::<String>())
}

fn leaked(text: &str) -> *const c_char {
    CString::new(text).unwrap_or_default().into_raw()
}
