//! A host of libws4d for its tests: it speaks only the exported C functions, so that a test sees what a C program
//! would see. The library is loaded when the first function is asked for: `WS4D_LIBRARY` says which, else it is the one of
//! the test's own build, `target/<profile>/libws4d.so`. `cargo test` does not build that one, because nothing links to a
//! cdylib: run `cargo build --package ws4d` before it, or the tests try an old library (and say so when they fail).
//!
//! ```no_run
//! use std::thread;
//! use ws4d_test_host::Host;
//!
//! let host = Host::new();
//! let ws = host.open("ws://127.0.0.1:8080/echo");
//! ws.send_text("hello");
//! host.run_until("message text hello");
//! ws.terminate(1000, "bye");
//! host.run_until("free");
//!
//! assert_eq!(host.trace(), ["open", "message text hello", "terminate 1000 bye clean", "free"]);
//! assert!(host.every_callback_ran_on(thread::current().id()));
//! ```
//!
//! # The layers
//!
//! - [`api()`] has every exported function as a field: `(api().ws_ping)(ws, ptr::null(), 0)`. [`codes`] has the
//!   constants. Nothing is checked or mended on the way.
//! - [`Socket`], [`Dispatcher`], [`Event`], [`Options`], [`Errors`] add the conversions: one C call a method.
//! - [`Host`] records a line for each callback:
//!
//! ```text
//! open    message text hello    message object {"a":1}    message blob 010203    message blob 70000 bytes
//! drain   pong x    error WS_ERR_PROTOCOL    terminate 1000 bye clean    terminate 1006    free
//! ```
//!
//! Texts above 200 bytes and blobs above 16 are shown by their length. A socket that was opened `.named("a")` puts its name
//! in front: `a open`. Waiting for `message` also finds `message text hello`: whole words from the start of the line.
//!
//! # The ways to run
//!
//! [`Host::new`] dispatches, [`Host::with_wake`] too and counts its wakes, [`Host::pulling`] pulls, [`Host::inline`] has no
//! dispatcher. [`Host::run_until`] does what is right for each. [`Host::on`] and [`Host::once`] run a closure inside a
//! callback. When the last clone of a host goes, its dispatcher is closed, every socket must have been freed, and
//! each one's life must keep the grammar ([`check_grammar`]).
//!
//! Tests that touch what is one for the whole process (error handler, log, shutdown) take [`alone`] first.

mod api;
#[rustfmt::skip] // Written by scripts/bindings.py, as are functions and types.
pub mod codes;
mod error_texts;
#[rustfmt::skip]
mod functions;
mod grammar;
mod host;
mod opening;
mod peer;
mod trace;
#[rustfmt::skip]
mod types;
mod values;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use api::{api, library_path, name, text};
pub use functions::Api;
pub use grammar::{check_grammar, check_grammar_so_far};
pub use host::{Call, Host};
pub use opening::Opening;
pub use trace::{Entry, PATIENCE};
pub use types::*;
pub use values::{Errors, Event, Options, Pulled, TlsInfo, c};

/// Keeps the tests of one program apart that touch the whole process.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
