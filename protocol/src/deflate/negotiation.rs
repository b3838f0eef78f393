//! The agreement of client and server: the extension's words in the opening handshake (RFC 7692 §5, §7.1;
//! RFC 6455 §9.1).
//!
//! Pure text. Knows neither HTTP nor what the parameters do.

use super::MOST_WINDOW_BITS;
use super::terms::{Config, NOT_OFFERED, Params, Refusal};
use std::fmt::Write as _;

const NAME: &str = "permessage-deflate";
const CLIENT_BITS: &str = "client_max_window_bits";
const SERVER_BITS: &str = "server_max_window_bits";
const CLIENT_NO_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_NO_TAKEOVER: &str = "server_no_context_takeover";

const MALFORMED: Refusal = Refusal("the list of extensions is malformed (RFC 6455 9.1)");
const TWICE: Refusal = Refusal("it has permessage-deflate twice (RFC 7692 5.2)");
const UNKNOWN: Refusal = Refusal("permessage-deflate has an unknown parameter (RFC 7692 7.1)");
const DUPLICATE: Refusal = Refusal("permessage-deflate has a parameter twice (RFC 7692 7.1)");
const NEEDS_NO_VALUE: Refusal =
    Refusal("permessage-deflate has a value for a parameter that takes none (RFC 7692 7.1.1)");
const BAD_BITS: Refusal =
    Refusal("permessage-deflate has a window that is not 8 to 15 bits (RFC 7692 7.1.2)");

/// The value of our `Sec-WebSocket-Extensions` header.
///
/// `client_max_window_bits` is always offered, so that the server may choose a smaller window; of the
/// others only what is not the default.
pub fn offer(config: &Config) -> String {
    debug_assert!((8..=15).contains(&config.client_max_window_bits));
    debug_assert!((8..=15).contains(&config.server_max_window_bits));
    let mut offer = format!("{NAME}; {CLIENT_BITS}");
    // Writing to a String does not fail.
    if config.client_max_window_bits < MOST_WINDOW_BITS {
        let _ = write!(offer, "={}", config.client_max_window_bits);
    }
    if config.server_max_window_bits < MOST_WINDOW_BITS {
        let _ = write!(offer, "; {SERVER_BITS}={}", config.server_max_window_bits);
    }
    if !config.client_context_takeover {
        let _ = write!(offer, "; {CLIENT_NO_TAKEOVER}");
    }
    if !config.server_context_takeover {
        let _ = write!(offer, "; {SERVER_NO_TAKEOVER}");
    }
    offer
}

/// Judges the server's answer to [`offer`]: the values of all its `Sec-WebSocket-Extensions` headers,
/// in order. `None`: it declined; messages go uncompressed.
///
/// Names and parameters are compared byte for byte. Values may be quoted, and white space may stand
/// around `,`, `;` and `=` (RFC 6455 §9.1 in the grammar of RFC 2616). Elements of the list may be
/// empty; where all of them are, the server declined.
///
/// A server that keeps a larger window than it was asked for, or goes on from message to message though it
/// was asked not to, is taken all the same: what it sends can be read, only with more memory. Of a larger
/// window for us, the smaller one that was offered is used.
///
/// # Errors
///
/// [`Refusal`] for every other answer that RFC 7692 §7.1 does not allow after this offer.
pub fn accept(values: &[&str], config: &Config) -> Result<Option<Params>, Refusal> {
    let mut agreed = None;
    for value in values {
        let mut text = Text(value.as_bytes());
        loop {
            if !text.at_end_of_element() {
                let params = accept_one(&mut text, config)?;
                if agreed.replace(params).is_some() {
                    return Err(TWICE);
                }
            }
            if !text.skip(b',')? {
                break;
            }
        }
    }
    Ok(agreed)
}

/// One element of the list.
fn accept_one(text: &mut Text<'_>, config: &Config) -> Result<Params, Refusal> {
    if text.token()? != NAME.as_bytes() {
        return Err(NOT_OFFERED);
    }
    let (mut client_bits, mut server_bits) = (None, None);
    let (mut client_no_takeover, mut server_no_takeover) = (None, None);
    while text.skip_if(b';') {
        let name = text.token()?;
        let value = if text.skip_if(b'=') { Some(text.value()?) } else { None };
        match str::from_utf8(name).unwrap_or_default() {
            CLIENT_BITS => set(&mut client_bits, window_bits(value)?)?,
            SERVER_BITS => set(&mut server_bits, window_bits(value)?)?,
            CLIENT_NO_TAKEOVER => set(&mut client_no_takeover, no_value(value)?)?,
            SERVER_NO_TAKEOVER => set(&mut server_no_takeover, no_value(value)?)?,
            _ => return Err(UNKNOWN),
        }
    }
    let client_window_bits = client_bits.unwrap_or(MOST_WINDOW_BITS).min(config.client_max_window_bits);
    let server_window_bits = server_bits.unwrap_or(MOST_WINDOW_BITS);
    Ok(Params {
        client_window_bits,
        server_window_bits,
        client_context_takeover: config.client_context_takeover && client_no_takeover.is_none(),
        server_context_takeover: server_no_takeover.is_none(),
    })
}

fn set<T>(parameter: &mut Option<T>, value: T) -> Result<(), Refusal> {
    if parameter.replace(value).is_some() { Err(DUPLICATE) } else { Ok(()) }
}

fn no_value(value: Option<Vec<u8>>) -> Result<(), Refusal> {
    value.map_or(Ok(()), |_| Err(NEEDS_NO_VALUE))
}

/// A decimal from 8 to 15 without leading zeros (RFC 7692 §7.1.2).
fn window_bits(value: Option<Vec<u8>>) -> Result<u8, Refusal> {
    match value.as_deref() {
        Some([digit @ b'8'..=b'9']) => Ok(digit - b'0'),
        Some([b'1', digit @ b'0'..=b'5']) => Ok(10 + digit - b'0'),
        _ => Err(BAD_BITS),
    }
}

/// The rest of a header's value.
struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    fn skip_space(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.0 {
            self.0 = rest;
        }
    }

    /// Takes this byte and the white space around it, if it comes next.
    fn skip_if(&mut self, byte: u8) -> bool {
        self.skip_space();
        let Some(rest) = self.0.strip_prefix(&[byte]) else { return false };
        self.0 = rest;
        self.skip_space();
        true
    }

    /// As [`Text::skip_if`]; what else may come is the end.
    fn skip(&mut self, byte: u8) -> Result<bool, Refusal> {
        if self.skip_if(byte) {
            Ok(true)
        } else if self.0.is_empty() {
            Ok(false)
        } else {
            Err(MALFORMED)
        }
    }

    fn at_end_of_element(&mut self) -> bool {
        self.skip_space();
        matches!(self.0, [] | [b',', ..])
    }

    fn token(&mut self) -> Result<&'a [u8], Refusal> {
        let len = self.0.iter().take_while(|&&byte| is_token(byte)).count();
        let (token, rest) = self.0.split_at(len);
        self.0 = rest;
        if token.is_empty() { Err(MALFORMED) } else { Ok(token) }
    }

    /// A token, or a quoted string that says one.
    fn value(&mut self) -> Result<Vec<u8>, Refusal> {
        let Some(mut rest) = self.0.strip_prefix(b"\"") else {
            return self.token().map(<[u8]>::to_vec);
        };
        let mut value = Vec::new();
        loop {
            rest = match rest {
                [b'"', rest @ ..] => {
                    self.0 = rest;
                    return if value.is_empty() { Err(MALFORMED) } else { Ok(value) };
                }
                [b'\\', byte, rest @ ..] | [byte, rest @ ..] if is_token(*byte) => {
                    value.push(*byte);
                    rest
                }
                _ => return Err(MALFORMED),
            };
        }
    }
}

/// Returns whether this byte may stand in a token (RFC 2616 §2.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte)
}

#[cfg(test)]
mod tests;
