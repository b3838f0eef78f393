//! Network interfaces.

use std::io;

/// The number of the interface with this name, or with this number.
pub(crate) fn number(zone: &str) -> io::Result<u32> {
    let name = [zone.as_bytes(), b"\0"].concat();
    // SAFETY: the name is NUL-terminated, and outlives the call.
    let number = unsafe { libc::if_nametoindex(name.as_ptr().cast()) };
    if number != 0 {
        return Ok(number);
    }
    let error = io::Error::last_os_error();
    let Some(number) = zone.parse::<u32>().ok().filter(|number| *number != 0) else { return Err(error) };
    let mut name = [0; libc::IF_NAMESIZE];
    // SAFETY: there is room for the longest name, and nothing else uses it.
    let known = unsafe { libc::if_indextoname(number, name.as_mut_ptr()) };
    if known.is_null() { Err(io::Error::last_os_error()) } else { Ok(number) }
}

/// The name of the interface that leads to this machine itself.
#[cfg(test)]
pub(crate) const LOOPBACK: &str = if cfg!(target_os = "linux") { "lo" } else { "lo0" };
