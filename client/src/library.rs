//! Matters of the whole library: shutdown, the log, the error handler of connections that could not be made.

use crate::context::InCallback;
use crate::error::{Component, Error, ErrorCode};
use crate::hook::Hook;
use crate::sys::process;
use crate::unfinished;
use std::sync::Arc;

pub use crate::engine::{set_io_thread_stack, set_io_threads, shutdown, startup};
pub use crate::error::ErrorHandler;
pub use crate::fork::{PerProcess, fork_epoch};
pub use crate::log::{LogLevel, LogSink, add_log, log, remove_log, set_log};
pub use crate::panics::{log_caught_panic, quiet_panics};

static ERROR_HANDLER: PerProcess<Hook<ErrorHandler>> = PerProcess::new(Hook::new);

/// Exchanges the error handler; returns when the old one no longer runs on another thread.
pub fn set_error_handler(handler: Option<Arc<ErrorHandler>>) {
    ERROR_HANDLER.get().set(handler);
}

/// Calls the error handler of the process, for where a dispatcher has none of its own. A failure inside it does not enter it
/// again on that thread.
pub fn report_connect_error(error: &Error) {
    ERROR_HANDLER.get().run(|handler| handler(error));
}

/// Tells the log of a setter that took no value.
pub fn report_refused_option(error: &Error) {
    log!(Warn, Component::Socket, "{error}");
}

/// Runs a function of the host's as a callback, so that what may not be called from one is refused.
pub fn as_callback<R>(callback: impl FnOnce() -> R) -> R {
    let _in_callback = InCallback::enter();
    callback()
}

/// [`ErrorCode::ShutDown`] where the system has ended the process's other threads already, which on Windows it does before
/// destructors run: locks may be held for good then, so nothing is begun.
#[inline]
pub fn check_alive() -> Result<(), ErrorCode> {
    if process::is_ending() { Err(ErrorCode::ShutDown) } else { Ok(()) }
}

/// The calling thread ends inside a function of the host's: the call will never return, and nobody is to wait for it.
pub fn host_call_never_returns() {
    unfinished::give_up_all();
}
