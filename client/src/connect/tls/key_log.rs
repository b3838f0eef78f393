//! The secrets of sessions, written to a file in NSS's format, for Wireshark. Only where the host asked for it: the
//! environment's `SSLKEYLOGFILE` alone does nothing.

use super::certificate::hex;
use crate::sync::Mutex;
use crate::sys::file;
use rustls::KeyLog;
use std::fs::File;
use std::io::{self, Write};

/// The file of a config, which outlives its connections: where somebody has removed or replaced it meanwhile, it is opened
/// anew.
#[derive(Debug)]
pub(super) struct KeyLogFile {
    path: String,
    file: Mutex<File>,
}

impl KeyLogFile {
    pub(super) fn new(path: &str) -> io::Result<KeyLogFile> {
        Ok(KeyLogFile { path: path.to_owned(), file: Mutex::new(file::append_privately(path)?) })
    }

    fn append(&self, line: &str) -> io::Result<()> {
        let mut file = self.file.lock();
        if !file::leads_to(&self.path, &file)? {
            *file = file::append_privately(&self.path)?;
        }
        // One write a line: others may append to the same file.
        file.write_all(line.as_bytes())
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        // The handshake goes on if the file can no longer be written to: there is no way to report it.
        let _ = self.append(&line);
    }
}
