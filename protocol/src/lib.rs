//! The client side of RFC 6455 and RFC 7692 without I/O: bytes in, events out; messages in, bytes out.
//!
//! This crate knows no socket, no clock, no thread, no random numbers and no C: the caller reads, writes, draws the
//! mask keys and decides when to answer a ping or a close. So the crate can be tested, fuzzed and compared with other
//! implementations alone.
//!
//! # Design note
//!
//! - [`receive::Receiver`] takes the server's bytes as they come and gives one event at a time. A
//!   message that lies whole in the input is given as a range of it: nothing is copied and nothing
//!   is allocated. All else (a header cut in two, the first part of a payload, fragments) is copied
//!   into the receiver before it asks for more, so the caller may use its read buffer again, or
//!   write a NUL behind each text in it, as soon as `next` has returned `None`.
//! - Violations of the RFC are refused at the first byte that shows them, and at the same byte however the stream was
//!   cut. The fast path of `next` only accepts; all other input is decoded again byte by byte, which finds the first
//!   bad byte. So there is one place that refuses, not two.
//! - A length in a header is a claim. Memory follows the bytes that came, never the claim; the
//!   limit follows the claim.
//! - Fragments cost what their bytes cost: empty and one-byte fragments are linear in time, and in
//!   memory bounded by the message, not by their number.
//! - A compressed message is inflated as it comes, into its own buffer and no further than its limit:
//!   the limit, UTF-8 and memory are those of what comes out ([`deflate`]).
//! - [`send::encode`] masks while it copies: each payload byte is read once and written once.
//!
//! ```
//! use ws4d_protocol::{frame::OpCode, receive::{Incoming, Limits, Receiver}, send};
//!
//! let mut out = Vec::new();
//! send::encode(OpCode::Text, true, b"hello", [1, 2, 3, 4], &mut out)?;
//!
//! let from_server = b"\x81\x05hello";
//! let mut receiver = Receiver::new(Limits::default());
//! let mut at = 0;
//! while let Some(event) = receiver.next(from_server, &mut at)? {
//!     if let Incoming::Text(data) = event {
//!         assert_eq!(data.bytes(from_server), b"hello");
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

pub mod close;
pub mod deflate;
pub mod event;
pub mod failure;
pub mod frame;
pub mod mask;
mod message;
pub mod receive;
pub mod send;
pub mod utf8;
