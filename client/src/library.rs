//! What concerns the whole library: shutdown, the log, the error handler of connections that could not be made.

use crate::context::InCallback;
use crate::error::{Component, Error};
use crate::hook::Hook;
use crate::unfinished;
use std::any::Any;
use std::sync::Arc;
use std::sync::Once;

pub use crate::engine::{set_io_threads, shutdown};
pub use crate::fork::{PerProcess, fork_epoch};
pub use crate::log::{LogLevel, LogSink, log, set_log};

/// The host's handler for connections that could not be made (4D's ON ERR CALL).
pub type ErrorHandler = dyn Fn(&Error) + Send + Sync;

static ERROR_HANDLER: PerProcess<Hook<ErrorHandler>> = PerProcess::new(Hook::new);

/// Exchanges the error handler; returns when the old one no longer runs on another thread.
pub fn set_error_handler(handler: Option<Arc<ErrorHandler>>) {
    ERROR_HANDLER.get().set(handler);
}

/// Calls the error handler. A failure inside it does not enter it again on that thread.
pub fn report_connect_error(error: &Error) {
    ERROR_HANDLER.get().run(|handler| handler(error));
}

/// Runs a function of the host's as a callback, so that what may not be called from one is refused.
pub fn as_callback<R>(callback: impl FnOnce() -> R) -> R {
    let _in_callback = InCallback::enter();
    callback()
}

/// The calling thread ends inside a function of the host's: the call will never return, and nobody is to wait for it.
pub fn host_call_never_returns() {
    unfinished::give_up_all();
}

/// Makes panics of ours go to the log instead of standard error. To be called where the host's calls come in;
/// does its work once. Our copy of the standard library is our own, so nobody else's panics are touched.
pub fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let (place, words) = (info.location(), words(info.payload()));
            match place {
                Some(place) => log(
                    LogLevel::Error,
                    Component::Socket,
                    format_args!("internal error at {place}: {words}"),
                ),
                None => log(LogLevel::Error, Component::Socket, format_args!("internal error: {words}")),
            }
        }));
    });
}

/// What may be told of a panic: words that stand in the source. Those that were put together at run time may show
/// what the program worked on (a slice that is cut inside a character shows the whole text), perhaps a secret.
fn words(payload: &(dyn Any + Send)) -> &str {
    payload.downcast_ref::<&'static str>().unwrap_or(&"(its words may hold data, and are not told)")
}

#[cfg(test)]
mod tests {
    use super::words;
    use std::panic::catch_unwind;

    /// `docs/hostile.md`, line 24.
    #[test]
    fn a_panic_tells_nothing_that_was_not_in_the_source() {
        let secret = String::from("Bearer hunter2 \u{20ac}");
        let cut = catch_unwind(|| secret[..secret.len() - 1].len()).unwrap_err();
        assert!(
            format!("{:?}", cut.downcast_ref::<String>()).contains("hunter2"),
            "or there is nothing to show"
        );
        assert!(!words(&*cut).contains("hunter2"));
        let literal = catch_unwind(|| panic!("a plain fault")).unwrap_err();
        assert_eq!(words(&*literal), "a plain fault");
    }
}
