//! What the model asks of the operating system, the only place that knows which it is. A system gives
//!
//! - an [`Event`] that is raised and lowered, and a wait for one together with what `ws_dispatcher_fd` has returned;
//! - the name of the calling thread, the names of the library's threads, and how much the process holds open;
//! - signals to a thread, or the word that there are none ([`HAS_SIGNALS`]);
//! - a listener whose connections have little room.

#[cfg(not(windows))]
mod linux;
#[cfg(windows)]
mod windows;

#[cfg(not(windows))]
pub(crate) use linux::*;
#[cfg(windows)]
pub(crate) use windows::*;
