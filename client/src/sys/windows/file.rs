//! Files.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::io::AsRawHandle;
use windows_sys::Win32::Foundation::ERROR_FILENAME_EXCED_RANGE;
use windows_sys::Win32::Storage::FileSystem::{BY_HANDLE_FILE_INFORMATION, GetFileInformationByHandle};

/// The longest path that the system takes, in UTF-16 code units, with its NUL.
const MOST: usize = 32_767;

/// Checks the length of a path before the standard library copies it: the system takes none that is longer.
pub(crate) fn check_length(path: &str) -> io::Result<()> {
    // A code unit of UTF-16 is at most three bytes of UTF-8.
    if path.len() < MOST || path.len() < 3 * MOST && path.encode_utf16().count() < MOST {
        return Ok(());
    }
    Err(io::Error::from_raw_os_error(ERROR_FILENAME_EXCED_RANGE as i32))
}

/// Opens for appending; a file that is made has the permissions of its folder.
pub(crate) fn append_privately(path: &str) -> io::Result<File> {
    check_length(path)?;
    OpenOptions::new().append(true).create(true).open(path)
}

/// Whether the path still leads to the open file.
pub(crate) fn leads_to(path: &str, file: &File) -> io::Result<bool> {
    let own = identity(file)?;
    Ok(File::open(path).and_then(|found| identity(&found)).is_ok_and(|found| found == own))
}

/// The volume, and the number of the file on it.
fn identity(file: &File) -> io::Result<(u32, u32, u32)> {
    // SAFETY: all-zero is a valid value.
    let mut found: BY_HANDLE_FILE_INFORMATION = unsafe { std::mem::zeroed() };
    // SAFETY: the handle is open as long as `file` is borrowed, and `found` lives through the call.
    if unsafe { GetFileInformationByHandle(file.as_raw_handle(), &mut found) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((found.dwVolumeSerialNumber, found.nFileIndexHigh, found.nFileIndexLow))
}
