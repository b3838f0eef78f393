//! Unix systems.

pub(crate) mod failure;
pub(crate) mod file;
pub(crate) mod interface;
#[cfg(not(ws4d_loom))]
pub(crate) mod poll;
pub(crate) mod process;
#[cfg(not(ws4d_loom))]
pub(crate) mod readiness;
#[cfg(not(ws4d_loom))]
pub(crate) mod selector;
pub(crate) mod services;
pub(crate) mod stream;
pub(crate) mod thread;
pub(crate) mod wake;

#[cfg(all(any(target_os = "linux", target_os = "android"), not(ws4d_portable)))]
#[path = "linux.rs"]
mod own;
#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(ws4d_portable))))]
#[path = "portable.rs"]
mod own;

mod errno;

/// A socket, as the system numbers it.
pub(crate) type RawStream = std::os::fd::RawFd;

/// Something that a thread can wait for until it is signalled, as the system numbers it.
pub(crate) type RawWaitable = std::os::fd::RawFd;
