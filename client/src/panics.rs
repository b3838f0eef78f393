//! Panics of the library: they print nothing; the code that catches one logs it, with no lock held.

use crate::error::Component;
use crate::log::{LogLevel, log};
use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// Makes panics of the library go to the log instead of standard error. Called where calls of the host come in; takes
/// effect once. The library has its own copy of the standard library, so that panics of other code are not touched.
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
    /// The line of the last panic. The log function of the host is not called with a lock held, and a panic may occur
    /// under one: the line waits for the code that catches the panic.
    static LAST_PANIC: Cell<Option<PanicLine>> = const { Cell::new(None) };
}

/// A line without allocated memory: there may be none left, and a thread that is ending can still store it.
#[derive(Clone, Copy)]
struct PanicLine {
    bytes: [u8; 240],
    len: usize,
}

impl PanicLine {
    fn new(line: fmt::Arguments<'_>) -> PanicLine {
        let mut kept = PanicLine { bytes: [0; 240], len: 0 };
        // The part that does not fit is left out.
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

/// Logs a panic that was caught. Called after each `catch_unwind`, with no lock held.
pub fn log_caught_panic() {
    if let Some(line) = LAST_PANIC.take() {
        let words = String::from_utf8_lossy(&line.bytes[..line.len]);
        log(LogLevel::Error, Component::Socket, format_args!("{words}"));
    }
}

/// Runs a step that panics where something is impossible, which is no fault. Returns whether it was possible.
pub(crate) fn succeeds(step: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(step))
        .map_err(|payload| {
            LAST_PANIC.take();
            dropped(payload);
        })
        .is_ok()
}

/// Runs one step of something that has to go on whatever happens in the step. `None`: it has panicked, which is logged.
/// Called with no lock held.
#[inline]
pub(crate) fn contained<R>(step: impl FnOnce() -> R) -> Option<R> {
    // Loom tells by a panic what it has found.
    #[cfg(ws4d_loom)]
    return Some(step());
    #[cfg(not(ws4d_loom))]
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(value) => Some(value),
        Err(payload) => {
            dropped(payload);
            None
        }
    }
}

/// Drops what a panic carried. That may panic, too; then it is leaked.
#[cold]
fn dropped(payload: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(second);
    }
    log_caught_panic();
}

/// The words of a panic, if they stand in the source. Words formatted at run time may show the data that were being
/// processed (slicing inside a character shows the whole text), perhaps a secret.
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
