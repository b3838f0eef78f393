//! The WebSocket client behind libws4d: plain Rust that knows no C type. `ARCHITECTURE.md` at the root of the
//! repository describes the modules.

// Under `--cfg ws4d_loom` only what loom models is built: the mailbox, the dispatcher and the handle table.
#![cfg_attr(ws4d_loom, allow(dead_code, unused_imports, unused_macros, unreachable_pub))]

#[cfg(not(any(feature = "aws-lc", feature = "ring")))]
compile_error!("TLS needs cryptography: build with the feature `aws-lc` or `ring`");

mod buffer;
mod clock;
mod compressors;
#[cfg(not(ws4d_loom))]
mod connect;
mod context;
mod dispatch;
#[cfg(not(ws4d_loom))]
mod engine;
mod error;
mod event;
#[cfg(not(all(ws4d_panics, not(any(test, ws4d_loom)))))]
mod fault;
#[cfg(all(ws4d_panics, not(any(test, ws4d_loom))))]
#[doc(hidden)]
pub mod fault;
mod fork;
#[cfg(all(feature = "fuzzing", not(ws4d_loom)))]
pub mod fuzzing;
pub mod handle_table;
mod header_list;
mod hook;
mod json;
#[cfg(not(ws4d_loom))]
pub mod library;
mod log;
#[cfg(not(ws4d_loom))]
mod lone;
#[cfg(not(ws4d_loom))]
mod options;
mod panics;
#[cfg(not(ws4d_loom))]
mod random;
#[cfg(not(ws4d_loom))]
mod reconnect;
#[cfg(not(ws4d_loom))]
mod socket;
mod sync;
mod sys;
#[cfg(not(ws4d_loom))]
mod thread_slot;
#[cfg(not(ws4d_loom))]
mod timer;
#[cfg(not(ws4d_loom))]
mod transport;
mod unfinished;
mod utf16;

#[cfg(not(ws4d_loom))]
pub use connect::network::PrepareSocket;
#[cfg(not(ws4d_loom))]
pub use connect::progress::{Phases, Step};
#[cfg(not(ws4d_loom))]
pub use connect::tls::{Certificate, TlsInfo};
#[cfg(not(ws4d_loom))]
pub use connect::url::without_secrets;
#[cfg(feature = "micro-benchmarks")]
#[doc(hidden)]
pub use dispatch::HandOver;
#[cfg(not(ws4d_loom))]
pub use dispatch::{PulledBatch, Summary};
pub use error::{Component, Error, ErrorCode, ErrorEntry, HttpAnswer};
pub use event::{DataType, Event, EventKind};
pub use header_list::HeaderList;
pub use json::{Json, JsonKind};
#[cfg(not(ws4d_loom))]
pub use options::Options;
#[cfg(not(ws4d_loom))]
pub use options::refusal::Refusal;
#[cfg(not(ws4d_loom))]
pub use options::texts::{MOST_PEM, MOST_TEXT};
#[cfg(not(ws4d_loom))]
pub use options::tls::{KeyLogFile, PemFile};
#[cfg(not(ws4d_loom))]
pub use reconnect::{End, GivenUp, Naming, Policy, ReconnectHandler, Reconnecting, Reconnector};
#[cfg(not(ws4d_loom))]
pub use socket::{
    CloseInfo, Dispatcher, Handler, MOST_PING, RetryAfter, SendKind, Socket, Stage, Stats, Status, Unopened,
};
pub use sys::thread::CancellationHeld;
