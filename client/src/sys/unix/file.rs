//! Files.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

/// Checks the length of a path before the standard library copies it: the system takes none that is longer.
pub(crate) fn check_length(path: &str) -> io::Result<()> {
    if path.len() < libc::PATH_MAX as usize {
        return Ok(());
    }
    Err(io::Error::from_raw_os_error(libc::ENAMETOOLONG))
}

/// Opens for appending; a file that is made is its owner's alone to read.
pub(crate) fn append_privately(path: &str) -> io::Result<File> {
    check_length(path)?;
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// Whether the path still leads to the open file.
pub(crate) fn leads_to(path: &str, file: &File) -> io::Result<bool> {
    let own = file.metadata()?;
    Ok(fs::metadata(path).is_ok_and(|found| (found.dev(), found.ino()) == (own.dev(), own.ino())))
}
