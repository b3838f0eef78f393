//! The secrets of sessions, written to a file in NSS's format, for Wireshark. Only where the host asked for it: the
//! environment's `SSLKEYLOGFILE` alone does nothing.

use super::certificate::hex;
use crate::sync::Mutex;
use rustls::KeyLog;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

/// Opens for appending; made for its owner alone to read.
pub(super) fn open(path: &str) -> io::Result<File> {
    // The standard library would copy a longer one to hand it to the system, which takes none of these.
    if path.len() >= libc::PATH_MAX as usize {
        return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG));
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

#[derive(Debug)]
pub(super) struct KeyLogFile(Mutex<File>);

impl KeyLogFile {
    pub(super) fn new(path: &str) -> io::Result<KeyLogFile> {
        Ok(KeyLogFile(Mutex::new(open(path)?)))
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        // One write a line: others may append to the same file.
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        let _ = self.0.lock().write_all(line.as_bytes());
    }
}
