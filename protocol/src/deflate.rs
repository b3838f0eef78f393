//! permessage-deflate (RFC 7692): what is agreed about it, and messages deflated and inflated.
//!
//! Knows messages, not frames: RSV1 and the fragments are the receiver's and [`send`](crate::send)'s.
//!
//! # Design note
//!
//! - A compressed message is what a DEFLATE stream gives for it up to a sync flush, less the four
//!   bytes `00 00 FF FF` with which such a flush ends (RFC 7692 §7.2.1).
//! - With *context takeover* a message may refer to those before it: better compression, and a state for each socket and
//!   direction ([`history_memory`], [`INFLATER_MEMORY`]). Without it each message stands alone, and the receiver holds an
//!   inflater only while there is something to inflate.
//! - What compresses takes far more ([`compressor_memory`]) than what it has to remember, which is what was sent. So a
//!   [`Deflater`] keeps only the end of that, and is lent a [`Compressor`] for each message: the one that it had last, if
//!   that has served nobody else since, which goes on where it was; or any other, which reads the history first. That takes
//!   time, so little history is kept by default. A sender may refer back less far than was agreed at any time; a receiver
//!   must be ready for all of it, so the inflater stays.
//! - Where there is no memory for a stream, that is found out by the message that needs it: an error of
//!   the deflater's, after which the message may leave as it is, or a failure of the receiver's.
//! - Nothing refers to bytes that were never sent: what the [`Deflater`] took back is in no history, and the compressor
//!   that has seen it holds nobody's.
//! - zlib has no raw stream with a window of 8 bits. Where 8 was agreed for us, 9 is what the library
//!   is given: its matches stay 262 bytes away from the far end of their window, so within 250 of the
//!   256 bytes that were agreed; `tests/deflate.rs` reads the distances. Where 8 was agreed for the
//!   server, a window of 9 holds all that it may refer to.

#[cfg(not(feature = "compression"))]
mod absent;
#[cfg(feature = "compression")]
mod compressor;
#[cfg(feature = "compression")]
mod compressors;
#[cfg(feature = "compression")]
mod deflater;
#[cfg(feature = "compression")]
mod history;
#[cfg(feature = "compression")]
mod inflater;
#[cfg(feature = "compression")]
pub mod negotiation;
#[cfg(feature = "compression")]
mod stream;
mod terms;

#[cfg(not(feature = "compression"))]
pub use absent::{Compressor, Compressors, Deflater, END_OF_PARTS, INFLATER_MEMORY};
#[cfg(not(feature = "compression"))]
pub(crate) use absent::{InflateError, Inflater};
#[cfg(feature = "compression")]
pub use compressor::{Compressor, compressor_memory};
#[cfg(feature = "compression")]
pub use compressors::Compressors;
#[cfg(feature = "compression")]
pub use deflater::{Deflater, END_OF_PARTS, history_memory};
#[cfg(feature = "compression")]
pub use inflater::INFLATER_MEMORY;
#[cfg(feature = "compression")]
pub(crate) use inflater::{InflateError, Inflater};
#[cfg(feature = "compression")]
pub use negotiation::{accept, offer};
pub use terms::{Config, Params, Refusal, accept_none};

/// The largest window of DEFLATE.
const MOST_WINDOW_BITS: u8 = 15;
