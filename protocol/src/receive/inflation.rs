//! The receiver's inflater: when there is one.
//!
//! Knows messages; what is inflated, and where to, is the payload's.

use crate::deflate::{Broken, Inflater, Params};

/// What was agreed about the server's messages, and the inflater while there is one.
#[derive(Debug)]
pub(super) struct Inflation {
    window_bits: u8,
    takeover: bool,
    inflater: Option<Box<Inflater>>,
}

impl Inflation {
    pub(super) fn new(agreed: &Params) -> Inflation {
        Inflation {
            window_bits: agreed.server_window_bits,
            takeover: agreed.server_context_takeover,
            inflater: None,
        }
    }

    /// The inflater of the open message, made now if there is none.
    pub(super) fn inflater(&mut self) -> &mut Inflater {
        let (window_bits, takeover) = (self.window_bits, self.takeover);
        self.inflater.get_or_insert_with(|| Box::new(Inflater::new(window_bits, takeover)))
    }

    /// The message is over: whether its data is.
    pub(super) fn finish_message(&mut self) -> Result<(), Broken> {
        self.inflater.as_mut().map_or(Ok(()), |inflater| inflater.finish())
    }

    /// No compressed message is open, and nothing to inflate at hand.
    #[inline]
    pub(super) fn rest(&mut self) {
        if !self.takeover {
            self.inflater = None;
        }
    }
}
