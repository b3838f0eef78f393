//! Network interfaces.

use std::io;
use windows_sys::Win32::Foundation::ERROR_NOT_FOUND;
use windows_sys::Win32::NetworkManagement::IpHelper::{if_indextoname, if_nametoindex};
use windows_sys::Win32::NetworkManagement::Ndis::IF_MAX_STRING_SIZE;

/// The number of the interface with this name, or with this number.
pub(crate) fn number(zone: &str) -> io::Result<u32> {
    let name = [zone.as_bytes(), b"\0"].concat();
    // SAFETY: the name is NUL-terminated, and outlives the call.
    let number = unsafe { if_nametoindex(name.as_ptr()) };
    if number != 0 {
        return Ok(number);
    }
    // Neither call says why.
    let unknown = || io::Error::from_raw_os_error(ERROR_NOT_FOUND as i32);
    let number = zone.parse::<u32>().ok().filter(|number| *number != 0).ok_or_else(unknown)?;
    let mut name = [0; IF_MAX_STRING_SIZE as usize + 1];
    // SAFETY: there is room for the longest name, and nothing else uses it.
    let known = unsafe { if_indextoname(number, name.as_mut_ptr()) };
    if known.is_null() { Err(unknown()) } else { Ok(number) }
}

/// The name of the interface that leads to this machine itself.
#[cfg(test)]
pub(crate) const LOOPBACK: &str = "loopback_0";
