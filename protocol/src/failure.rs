//! Failures that end a connection: faults of the server, or a lack of memory.
//!
//! Plain data; knows nothing of the code that found it.

use std::fmt;

/// The reason why the connection cannot go on. It never contains bytes of the peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The server violated the RFC; says how.
    Protocol(&'static str),
    /// Invalid data: text that is not UTF-8, in a message or in the reason of a close frame, or compressed data that
    /// cannot be inflated (RFC 7692 §7.2.2).
    InvalidText(&'static str),
    /// A message above the limit, found in the header that makes it too large; for a compressed message, found while
    /// inflating.
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// There is no memory for a message.
    OutOfMemory {
        /// Number of bytes that the message would have taken, as far as that was known.
        wanted: usize,
    },
}

impl Failure {
    /// The code to close the connection with (RFC 6455 §7.4.1).
    pub const fn close_code(&self) -> u16 {
        match self {
            Failure::Protocol(_) => 1002,
            Failure::InvalidText(_) => 1007,
            Failure::TooLarge { .. } => 1009,
            Failure::OutOfMemory { .. } => 1011,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Protocol(what) | Failure::InvalidText(what) => f.write_str(what),
            Failure::TooLarge { limit } => {
                write!(f, "a message is larger than the limit of {limit} bytes")
            }
            Failure::OutOfMemory { wanted } => {
                write!(f, "no memory for a message of {wanted} bytes")
            }
        }
    }
}

impl std::error::Error for Failure {}
