//! What the host wishes, what was agreed, and what an answer of the server's is refused for.

use super::MOST_WINDOW_BITS;
#[cfg(not(feature = "compression"))]
use std::convert::Infallible;
use std::fmt;

/// The host's wishes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Config {
    /// The largest window that we use, 8 to 15.
    pub client_max_window_bits: u8,
    /// The largest window that the server may use, 8 to 15.
    pub server_max_window_bits: u8,
    /// Our stream goes on from message to message, if the server allows it.
    pub client_context_takeover: bool,
    /// The server's stream may go on from message to message.
    pub server_context_takeover: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            client_max_window_bits: MOST_WINDOW_BITS,
            server_max_window_bits: MOST_WINDOW_BITS,
            client_context_takeover: true,
            server_context_takeover: true,
        }
    }
}

/// The agreed parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Params {
    /// The window that our compressed messages stay within, 8 to 15.
    pub client_window_bits: u8,
    /// The window that the server's stay within, 8 to 15.
    pub server_window_bits: u8,
    /// Our stream goes on from message to message.
    pub client_context_takeover: bool,
    /// The server's stream goes on from message to message.
    pub server_context_takeover: bool,
    /// Without the feature nothing is ever agreed.
    #[cfg(not(feature = "compression"))]
    pub(super) never: Infallible,
}

/// The server's answer is not one to what was offered: the handshake has failed (RFC 7692 §5.1, RFC
/// 6455 §9.1). What was wrong with it; nothing of what the server sent is part of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal(pub &'static str);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Refusal {}

pub(super) const NOT_OFFERED: Refusal = Refusal("it has an extension that was not offered (RFC 6455 9.1)");

/// Judges the server's answer where nothing was offered.
///
/// # Errors
///
/// [`Refusal`] for every element of the list.
pub fn accept_none(values: &[&str]) -> Result<(), Refusal> {
    let is_empty = |value: &&str| value.bytes().all(|byte| b" \t,".contains(&byte));
    if values.iter().all(is_empty) { Ok(()) } else { Err(NOT_OFFERED) }
}
