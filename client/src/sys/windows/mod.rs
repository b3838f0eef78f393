//! Windows.

pub(crate) mod failure;
pub(crate) mod file;
pub(crate) mod interface;
pub(crate) mod poll;
pub(crate) mod process;
pub(crate) mod readiness;
pub(crate) mod selector;
pub(crate) mod services;
pub(crate) mod stream;
pub(crate) mod thread;
pub(crate) mod wake;

/// A SOCKET, as the system numbers it.
pub(crate) type RawStream = std::os::windows::io::RawSocket;

/// The HANDLE of an event.
pub(crate) type RawWaitable = isize;
