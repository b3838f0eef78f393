//! The receiver's inflater and its lifetime.
//!
//! Knows messages; `payload` decides which bytes are inflated, and where to.

use crate::deflate::{InflateError, Inflater, Params};
use crate::send::OutOfMemory;

/// The agreed parameters of the server's messages, and the inflater while there is one.
#[derive(Debug)]
pub(super) struct Inflation {
    agreed: Params,
    inflater: Option<Box<Inflater>>,
    /// The inflater is taken back when the input is used up.
    lent: bool,
}

/// An inflater between two messages, with no context: usable for any connection without the server's context
/// takeover. Making one takes longer than inflating a short message.
#[derive(Debug)]
pub struct SpareInflater(Box<Inflater>);

impl Inflation {
    /// Returns whether an inflater of another connection can be used.
    pub(super) fn takes_spare(&self) -> bool {
        !self.agreed.server_context_takeover && self.inflater.is_none()
    }

    pub(super) fn lend(&mut self, spare: Option<SpareInflater>) {
        if self.takes_spare() {
            self.inflater = spare.map(|spare| spare.0);
            self.lent = true;
        }
    }

    /// Returns the lent inflater. A message that is `open` keeps it, as if it had not been lent.
    pub(super) fn take_back(&mut self, open: bool) -> Option<SpareInflater> {
        let lent = std::mem::take(&mut self.lent);
        if lent && !open { self.inflater.take().map(SpareInflater) } else { None }
    }

    pub(super) fn new(agreed: &Params) -> Inflation {
        Inflation { agreed: *agreed, inflater: None, lent: false }
    }

    /// The inflater of the open message, made now if there is none.
    pub(super) fn inflater(&mut self) -> Result<&mut Inflater, OutOfMemory> {
        match &mut self.inflater {
            Some(inflater) => Ok(inflater),
            none => Ok(none.insert(Box::new(Inflater::new(&self.agreed)?))),
        }
    }

    pub(super) fn has_inflater(&self) -> bool {
        self.inflater.is_some()
    }

    /// Ends a message; fails if its compressed data have not ended.
    pub(super) fn finish_message(&mut self) -> Result<(), InflateError> {
        self.inflater.as_mut().map_or(Ok(()), |inflater| inflater.finish())
    }

    /// Frees the inflater where it is not needed: no compressed message is open, and there is nothing to inflate.
    #[inline]
    pub(super) fn rest(&mut self) {
        if !self.agreed.server_context_takeover && !self.lent {
            self.inflater = None;
        }
    }
}
