//! The way of a message out, decided once from what there is when it comes. Pure: no lock, no I/O.

use super::outgoing::{Encoder, Phase};
use crate::error::ErrorCode;

/// Up to this size a message is encoded under the lock: that costs less than taking the lock twice.
pub(super) const SHORT: usize = 4 * 1024;

/// How a message leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// It is not taken.
    Refused(ErrorCode),
    /// A copy waits for its turn to be encoded, with its place in the queue.
    Waiting,
    /// Encoded outside the lock, to a place in the queue. `in_turn`: with the turn of the deflater whose context goes from
    /// message to message.
    Ticket { compressed: bool, in_turn: bool },
    /// Encoded where it will leave from, with others, once nothing holds it any more.
    Held,
    /// Encoded behind what waits.
    Appended,
    /// From the caller's bytes through a buffer of the thread to the kernel, with no place in the queue.
    Direct,
}

/// What decides about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation {
    pub(super) phase: Phase,
    /// The network, or a fault of ours, has ended the sending side.
    pub(super) broken: bool,
    /// The send buffer is full.
    pub(super) full: bool,
    /// How long the message is.
    pub(super) len: usize,
    /// It is longer than a frame may be.
    pub(super) fragmented: bool,
    /// A cork of the host's, or of a callback on the I/O thread, holds messages.
    pub(super) held: bool,
    /// It is to be compressed, if anything was agreed; `takeover`: with the context of those before it.
    pub(super) compressed: bool,
    pub(super) takeover: bool,
    pub(super) encoder: Encoder,
    /// Nothing waits, nobody writes, and the kernel takes more.
    pub(super) clear: bool,
}

impl Situation {
    pub(super) fn way(&self) -> Way {
        match self.phase {
            Phase::Closing | Phase::Lingering | Phase::Over => Way::Refused(ErrorCode::Closed),
            _ if self.broken => Way::Refused(ErrorCode::Closed),
            _ if self.full => Way::Refused(ErrorCode::WouldBlock),
            // What will be agreed about compression is not known yet.
            Phase::Connecting => Way::Waiting,
            Phase::Open if self.compressed => match self.encoder {
                Encoder::Nobody => Way::Ticket { compressed: true, in_turn: self.takeover },
                _ if !self.takeover => Way::Ticket { compressed: true, in_turn: false },
                Encoder::Sender | Encoder::IoThread => Way::Waiting,
            },
            Phase::Open if self.len > SHORT || self.fragmented => {
                Way::Ticket { compressed: false, in_turn: false }
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
        let plain = Way::Ticket { compressed: false, in_turn: false };
        let alone = Way::Ticket { compressed: true, in_turn: false };
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
            (takeover, Way::Ticket { compressed: true, in_turn: true }),
            (Situation { encoder: Encoder::Sender, ..takeover }, Way::Waiting),
            (Situation { encoder: Encoder::IoThread, ..takeover }, Way::Waiting),
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
