//! The parts of the inside that the fuzzers (`fuzz/`) see, and nobody else; only with the feature `fuzzing`.
//!
//! Pure functions: nothing here does I/O.

use crate::connect::auth::Login;
use crate::connect::response::{Head, HeadReader};
use crate::connect::{exchange, request, upgrade, url};
use crate::error::Error;
use crate::json;
use crate::options::Options;
use ws4d_protocol::deflate::Params;

/// A key, and the only answer to it (RFC 6455 §1.3).
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// See [`KEY`].
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The outcome of an answer to an upgrade.
#[derive(PartialEq, Eq, Debug)]
pub enum Answer {
    /// It is not whole.
    Unfinished,
    /// No 101: the status, and what came of the body if it was chunked.
    Status(u16, Vec<u8>),
    /// The subprotocol, what was agreed about compression, and what came behind the head.
    Accepted(Option<String>, Option<Params>, Vec<u8>),
}

/// Judges an answer to the upgrade with [`KEY`] that comes in these pieces.
pub fn answer(pieces: &[&[u8]], options: &Options) -> Result<Answer, Error> {
    let mut reader = HeadReader::default();
    for (i, piece) in pieces.iter().enumerate() {
        reader.buffer().extend_from_slice(piece);
        while let Some(head) = upgrade::next_head(&mut reader)? {
            if (100..200).contains(&head.status) && head.status != 101 {
                continue;
            }
            let rest = [reader.into_rest(), pieces[i + 1..].concat()].concat();
            return judge(&head, rest, options);
        }
    }
    Ok(Answer::Unfinished)
}

fn judge(head: &Head, rest: Vec<u8>, options: &Options) -> Result<Answer, Error> {
    if head.status != 101 {
        return Ok(Answer::Status(head.status, exchange::unchunk(&rest).data));
    }
    let (subprotocol, deflate) = upgrade::judge(head, KEY, options)?;
    Ok(Answer::Accepted(subprotocol, deflate, rest))
}

/// A URL, taken apart.
#[derive(Debug)]
pub struct Request {
    /// All that is sent before the answer.
    pub text: String,
    /// The URL as logs, errors and the API show it.
    pub shown: String,
    /// The host to connect to.
    pub host: String,
    /// On which port.
    pub port: u16,
}

/// The request that a connection to this URL would begin with.
pub fn request(url: &str, options: &Options) -> Result<Request, Error> {
    let to = url::parse(url)?;
    let authorization = request::login(&to, options).map(Login::basic);
    let text = request::request(&to, options, request::Offer::AsSet, authorization.as_deref(), KEY)?;
    Ok(Request { text, shown: to.shown, host: to.host, port: to.port })
}

/// JSON without white space between its tokens, as it is sent.
pub fn minify(text: &str) -> Option<Vec<u8>> {
    json::minify(text).ok()
}
