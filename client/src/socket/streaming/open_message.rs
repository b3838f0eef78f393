//! The message itself: what was accepted of it, and what its text still lacks.

use crate::error::ErrorCode;
use std::borrow::Cow;
use ws4d_protocol::deflate::Deflater;
use ws4d_protocol::frame::OpCode;
use ws4d_protocol::utf8::Utf8Validator;

/// The longest beginning of a character that is not one yet.
const MOST_UNFINISHED: usize = 3;

/// The open message of a socket.
pub(in crate::socket) struct OpenMessage {
    pub(super) ticket: u64,
    pub(super) opcode: OpCode,
    /// Not to be compressed.
    pub(super) plain: bool,
    /// A frame of it was made.
    pub(super) begun: bool,
    /// Bytes that were accepted.
    pub(super) len: usize,
    utf8: Utf8Validator,
    /// The beginning of a character that the last part cut in two; it leaves with the next part.
    pub(super) unfinished: Vec<u8>,
    pub(super) squeezed: Squeezed,
    /// Bytes that were accepted and wait for the connection, or for the deflater; `None`: parts are encoded at once.
    pub(super) kept: Option<Vec<u8>>,
}

/// The deflater of the message, if it is compressed.
pub(super) enum Squeezed {
    No,
    /// By a deflater of its own, because no context is kept between messages.
    Alone(Box<Deflater>),
    /// By the socket's deflater, which no other message has before the end of this one ([`Encoder::Parts`]).
    InTurn,
}

impl OpenMessage {
    pub(super) fn new(ticket: u64, opcode: OpCode, plain: bool) -> OpenMessage {
        OpenMessage {
            ticket,
            opcode,
            plain,
            begun: false,
            len: 0,
            utf8: Utf8Validator::new(),
            // So that what a part leaves unfinished needs no memory.
            unfinished: Vec::with_capacity(MOST_UNFINISHED),
            squeezed: Squeezed::No,
            kept: None,
        }
    }

    pub(super) fn is_compressed(&self) -> bool {
        matches!(self.squeezed, Squeezed::Alone(_) | Squeezed::InTurn)
    }

    /// Checks a part, and returns the bytes to send now, those left over from the part before included. Changes nothing.
    pub(super) fn judge<'a>(&self, part: &'a [u8]) -> Result<(Cow<'a, [u8]>, Utf8Validator), ErrorCode> {
        let mut utf8 = self.utf8.clone();
        if self.opcode != OpCode::Text {
            return Ok((Cow::Borrowed(part), utf8));
        }
        utf8.push(part).map_err(|_| ErrorCode::InvalidUtf8)?;
        if self.unfinished.is_empty() {
            return Ok((Cow::Borrowed(&part[..part.len() - utf8.unfinished()]), utf8));
        }
        let mut whole = Vec::new();
        let len = self.unfinished.len() + part.len();
        whole.try_reserve_exact(len).map_err(|_| ErrorCode::OutOfMemory)?;
        whole.extend_from_slice(&self.unfinished);
        whole.extend_from_slice(part);
        whole.truncate(len - utf8.unfinished());
        Ok((Cow::Owned(whole), utf8))
    }

    /// The part is accepted.
    pub(super) fn accept(&mut self, part: &[u8], utf8: Utf8Validator) {
        self.len += part.len();
        let unfinished = utf8.unfinished();
        if unfinished <= part.len() {
            self.unfinished.clear();
        }
        self.unfinished.extend_from_slice(&part[part.len().saturating_sub(unfinished)..]);
        self.utf8 = utf8;
    }
}
