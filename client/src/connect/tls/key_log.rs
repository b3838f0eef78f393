//! The secrets of sessions, written to a file in NSS's format, for Wireshark. Only where the host asked for it: the
//! environment's `SSLKEYLOGFILE` alone does nothing.

use super::certificate::hex;
use crate::sync::Mutex;
use rustls::KeyLog;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

/// Opens for appending; made for its owner alone to read.
pub(super) fn open(path: &str) -> io::Result<File> {
    // The standard library would copy a longer one to hand it to the system, which takes none of these.
    if path.len() >= libc::PATH_MAX as usize {
        return Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG));
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// The file of a config, which outlives its connections: where somebody has removed or replaced it meanwhile, it is opened
/// anew.
#[derive(Debug)]
pub(super) struct KeyLogFile {
    path: String,
    file: Mutex<File>,
}

impl KeyLogFile {
    pub(super) fn new(path: &str) -> io::Result<KeyLogFile> {
        Ok(KeyLogFile { path: path.to_owned(), file: Mutex::new(open(path)?) })
    }

    fn append(&self, line: &str) -> io::Result<()> {
        let mut file = self.file.lock();
        let own = file.metadata()?;
        let is_own = |found: Metadata| (found.dev(), found.ino()) == (own.dev(), own.ino());
        if !fs::metadata(&self.path).is_ok_and(is_own) {
            *file = open(&self.path)?;
        }
        // One write a line: others may append to the same file.
        file.write_all(line.as_bytes())
    }
}

impl KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        // The handshake goes on where it cannot be written to any more: there is nobody to tell.
        let _ = self.append(&line);
    }
}
