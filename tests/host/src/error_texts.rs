//! What errors say, noted for `scripts/error_texts.py`, which shows each text once in `docs/errors.md`.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::OnceLock;

use crate::api::name;

/// The file that `WS4D_ERROR_TEXTS` names, opened with the library: later a test may have left no descriptors.
pub(crate) fn file() -> Option<&'static File> {
    static FILE: OnceLock<Option<File>> = OnceLock::new();
    let open = || {
        let path = std::env::var_os("WS4D_ERROR_TEXTS").filter(|path| !path.is_empty())?;
        Some(OpenOptions::new().create(true).append(true).open(path).expect("WS4D_ERROR_TEXTS"))
    };
    FILE.get_or_init(open).as_ref()
}

/// Appends each entry to that file: a line with its code, its component and its message, between tabs. Line breaks inside a
/// message are blanks there.
pub(crate) fn note(entries: &[(i32, String, String)]) {
    let Some(mut file) = file() else { return };
    let mut lines = String::new();
    for (code, component, message) in entries {
        let message = message.replace(['\t', '\r', '\n'], " ");
        lines += &format!("{}\t{}\t{message}\n", name(*code), component.trim_end());
    }
    // One write to a file that is open for appending: lines of other processes and threads do not come between.
    file.write_all(lines.as_bytes()).expect("WS4D_ERROR_TEXTS");
}
