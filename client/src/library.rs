//! What concerns the whole library: shutdown, the log, the error handler of connections that could not be made.

use crate::context::InCallback;
use crate::error::{Component, Error};
use crate::hook::Hook;
use crate::socket::Dispatcher;
use crate::unfinished;
use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::Once;

pub use crate::engine::{set_io_thread_stack, set_io_threads, shutdown, startup};
pub use crate::error::ErrorHandler;
pub use crate::fork::{PerProcess, fork_epoch};
pub use crate::log::{LogLevel, LogSink, add_log, log, remove_log, set_log};

static ERROR_HANDLER: PerProcess<Hook<ErrorHandler>> = PerProcess::new(Hook::new);

/// Exchanges the error handler; returns when the old one no longer runs on another thread.
pub fn set_error_handler(handler: Option<Arc<ErrorHandler>>) {
    ERROR_HANDLER.get().set(handler);
}

/// Calls the error handler of the dispatcher, or, where it has none, that of the process. A failure inside it does not enter
/// it again on that thread.
pub fn report_connect_error(error: &Error, dispatcher: Option<&Dispatcher>) {
    if !dispatcher.is_some_and(|dispatcher| dispatcher.report(error)) {
        ERROR_HANDLER.get().run(|handler| handler(error));
    }
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
            let words = words(info.payload());
            LAST_PANIC.set(Some(match info.location() {
                Some(place) => PanicLine::new(format_args!("internal error at {place}: {words}")),
                None => PanicLine::new(format_args!("internal error: {words}")),
            }));
        }));
    });
}

thread_local! {
    /// A panic may come while a lock is held, and the host is not called under one: so its line waits for whoever catches it.
    static LAST_PANIC: Cell<Option<PanicLine>> = const { Cell::new(None) };
}

/// A line without memory of its own: there may be none, and a thread that is ending can still keep it.
#[derive(Clone, Copy)]
struct PanicLine {
    bytes: [u8; 240],
    len: usize,
}

impl PanicLine {
    fn new(line: fmt::Arguments<'_>) -> PanicLine {
        let mut kept = PanicLine { bytes: [0; 240], len: 0 };
        // What does not fit is left out.
        let _ = fmt::Write::write_fmt(&mut kept, line);
        kept
    }
}

impl fmt::Write for PanicLine {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.len() - self.len;
        let cut = (0..=room.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        self.bytes[self.len..self.len + cut].copy_from_slice(&text.as_bytes()[..cut]);
        self.len += cut;
        if cut == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

/// Tells the log of a panic that was caught. To be called by whoever catches one, with no lock held.
pub fn log_caught_panic() {
    if let Some(line) = LAST_PANIC.take() {
        let words = String::from_utf8_lossy(&line.bytes[..line.len]);
        log(LogLevel::Error, Component::Socket, format_args!("{words}"));
    }
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
