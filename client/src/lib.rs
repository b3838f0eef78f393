//! The WebSocket client behind libws4d: plain Rust that knows no C type. `ARCHITECTURE.md` at the root of the
//! repository draws the rooms.

mod connect;
mod context;
mod dispatch;
mod engine;
mod error;
mod event;
mod fork;
pub mod handle_table;
mod hook;
mod json;
pub mod library;
mod log;
mod options;
mod random;
mod socket;
mod sync;
mod transport;

pub use error::{Error, ErrorCode, ErrorEntry, HttpAnswer};
pub use event::{Event, EventKind};
pub use json::{Json, JsonKind};
pub use options::{DataType, Options};
pub use socket::{Dispatcher, Handler, SendKind, Socket, Status};
