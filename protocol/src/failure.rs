//! Why a connection ends by the fault of the server, or for want of memory.
//!
//! Plain data; knows nothing of who found it.

use std::fmt;

/// Why the connection cannot go on. What the peer sent is never part of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The server broke the RFC; what it did.
    Protocol(&'static str),
    /// Data that are not what they say: text that is not UTF-8, in a message or in the reason of a close
    /// frame, or compressed data that cannot be inflated (RFC 7692 §7.2.2).
    InvalidText(&'static str),
    /// A message above the limit, judged by the header that would make it so; a compressed one by what
    /// came out of it.
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// There is no memory for a message.
    OutOfMemory {
        /// How many bytes the message would have taken, as far as it was known.
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
