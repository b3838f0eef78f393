//! The way by which a message is sent, decided once from the state at the call. Pure: no lock, no I/O.

use super::outgoing::{Encoder, Phase};
use crate::error::ErrorCode;

/// Up to this size a message is encoded under the lock: that costs less than taking the lock twice.
pub(super) const SHORT: usize = 4 * 1024;

/// The way by which a message is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// The message is refused.
    Refused(ErrorCode),
    /// A copy waits with a place in the queue, and is encoded later.
    Waiting,
    /// Encoded outside the lock, at a place in the queue. `with_context`: with the socket's deflater, whose context
    /// is kept between messages.
    Ticket { compressed: bool, with_context: bool },
    /// Encoded at the end of the queue, and sent with others once the cork is gone.
    Held,
    /// Encoded at the end of the queue.
    Appended,
    /// From the caller's bytes through a buffer of the thread to the kernel, with no place in the queue.
    Direct,
}

/// The state that decides about the way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation {
    pub(super) phase: Phase,
    /// A network error, or a fault of the library, has ended the sending side.
    pub(super) broken: bool,
    /// The send buffer is full.
    pub(super) full: bool,
    /// Length of the message.
    pub(super) len: usize,
    /// The message is longer than a frame may be.
    pub(super) fragmented: bool,
    /// A cork of the host, or of a callback on the I/O thread, holds messages back.
    pub(super) held: bool,
    /// The message is to be compressed, if that was agreed; `takeover`: with the context of earlier messages.
    pub(super) compressed: bool,
    pub(super) takeover: bool,
    pub(super) encoder: Encoder,
    /// The queue is empty, no thread is writing, and the kernel takes more.
    pub(super) clear: bool,
}

impl Situation {
    pub(super) fn way(&self) -> Way {
        match self.phase {
            Phase::Closing | Phase::Lingering | Phase::Over => Way::Refused(ErrorCode::Closed),
            _ if self.broken => Way::Refused(ErrorCode::Closed),
            _ if self.full => Way::Refused(ErrorCode::WouldBlock),
            // It is not known yet whether compression will be agreed.
            Phase::Connecting => Way::Waiting,
            Phase::Open if self.compressed => match self.encoder {
                Encoder::Nobody => Way::Ticket { compressed: true, with_context: self.takeover },
                _ if !self.takeover => Way::Ticket { compressed: true, with_context: false },
                Encoder::Sender | Encoder::IoThread | Encoder::Parts => Way::Waiting,
            },
            Phase::Open if self.len > SHORT || self.fragmented => {
                Way::Ticket { compressed: false, with_context: false }
            }
            Phase::Open if self.held => Way::Held,
            Phase::Open if self.clear => Way::Direct,
            Phase::Open => Way::Appended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Situation = Situation {
        phase: Phase::Open,
        broken: false,
        full: false,
        len: 1,
        fragmented: false,
        held: false,
        compressed: false,
        takeover: false,
        encoder: Encoder::Nobody,
        clear: true,
    };

    #[test]
    fn the_way_of_a_message() {
        let long = Situation { len: SHORT + 1, ..FREE };
        let takeover = Situation { compressed: true, takeover: true, ..FREE };
        let plain = Way::Ticket { compressed: false, with_context: false };
        let alone = Way::Ticket { compressed: true, with_context: false };
        let (closed, full) = (Way::Refused(ErrorCode::Closed), Way::Refused(ErrorCode::WouldBlock));
        for (n, (situation, way)) in [
            (FREE, Way::Direct),
            (Situation { len: SHORT, ..FREE }, Way::Direct),
            (Situation { clear: false, ..FREE }, Way::Appended),
            (Situation { held: true, ..FREE }, Way::Held),
            (Situation { held: true, clear: false, ..FREE }, Way::Held),
            (long, plain),
            (Situation { held: true, ..long }, plain),
            (Situation { fragmented: true, ..FREE }, plain),
            (Situation { fragmented: true, held: true, ..FREE }, plain),
            (Situation { encoder: Encoder::Sender, ..long }, plain),
            (Situation { compressed: true, ..FREE }, alone),
            (Situation { compressed: true, encoder: Encoder::IoThread, ..FREE }, alone),
            (takeover, Way::Ticket { compressed: true, with_context: true }),
            (Situation { encoder: Encoder::Sender, ..takeover }, Way::Waiting),
            (Situation { encoder: Encoder::IoThread, ..takeover }, Way::Waiting),
            (Situation { encoder: Encoder::Parts, ..takeover }, Way::Waiting),
            (Situation { compressed: true, encoder: Encoder::Parts, ..FREE }, alone),
            (Situation { phase: Phase::Connecting, ..FREE }, Way::Waiting),
            (Situation { phase: Phase::Connecting, ..takeover }, Way::Waiting),
            (Situation { phase: Phase::Connecting, full: true, ..FREE }, full),
            (Situation { full: true, held: true, ..FREE }, full),
            (Situation { full: true, broken: true, ..FREE }, closed),
            (Situation { phase: Phase::Closing, ..FREE }, closed),
            (Situation { phase: Phase::Lingering, ..FREE }, closed),
            (Situation { phase: Phase::Over, full: true, ..FREE }, closed),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(situation.way(), way, "row {n}: {situation:?}");
        }
    }
}
