//! Names of mailboxes within a dispatcher.

/// Names a mailbox of one dispatcher; stale once its socket has terminated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Key {
    pub(super) index: usize,
    pub(super) serial: u64,
}

/// The number of bits of a token that hold the index.
pub(super) const PLACES: u32 = usize::BITS / 2;

impl Key {
    /// The index, and as much of the serial number as fits, so that a late event is not taken for another socket's.
    pub(super) fn token(self) -> usize {
        self.index | ((self.serial as usize) << PLACES)
    }
}
