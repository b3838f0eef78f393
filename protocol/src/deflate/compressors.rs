//! Compressors that wait for the next message of any socket, and the choice of the best one for it.

use super::compressor::Compressor;
use super::deflater::Deflater;
use super::history::Turn;

/// So many are made before a socket is lent one that holds another socket's messages.
const ENOUGH: usize = 4;

/// So many are kept: with more than [`ENOUGH`] threads that compress at once there are more.
const MOST_KEPT: usize = 16;

/// Compressors between two messages. Where few sockets send, each finds its own again and goes on with it.
#[derive(Debug, Default)]
pub struct Compressors {
    /// The one that was used last comes last.
    kept: Vec<Compressor>,
}

impl Compressors {
    /// None.
    pub const fn new() -> Compressors {
        Compressors { kept: Vec::new() }
    }

    /// The best one for this socket's next message; `None`: it is to make another one.
    pub fn take(&mut self, deflater: &Deflater) -> Option<Compressor> {
        let (settings, history) = deflater.wants();
        let alike = |kept: &Compressor| kept.settings == settings;
        let own = |kept: &Compressor| history.is_some_and(|history| history.is_in(kept.holds.as_ref()));
        let nobodys = |kept: &Compressor| !kept.holds.as_ref().is_some_and(Turn::is_anybodys);
        let at = self
            .kept
            .iter()
            .rposition(|kept| alike(kept) && own(kept))
            .or_else(|| self.kept.iter().rposition(|kept| alike(kept) && nobodys(kept)))
            .or_else(|| {
                let enough = self.kept.len() >= ENOUGH;
                self.kept.iter().position(alike).filter(|_| enough)
            })?;
        Some(self.kept.remove(at))
    }

    /// Returns whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Takes out those that have not been used since the last sweep, to be dropped.
    #[must_use]
    pub fn sweep(&mut self) -> Vec<Compressor> {
        let unused = self.kept.extract_if(.., |kept| !std::mem::take(&mut kept.used)).collect();
        if self.kept.is_empty() {
            self.kept = Vec::new();
        }
        unused
    }

    /// Keeps one for the next message. What is one too many is given back, to be dropped.
    #[must_use]
    pub fn keep(&mut self, mut compressor: Compressor) -> Option<Compressor> {
        compressor.used = true;
        let same = |kept: &Compressor| kept.settings == compressor.settings;
        // Where sockets with other options come and go, theirs do not add up.
        let stranger = self.kept.iter().position(|kept| !same(kept)).filter(|_| self.kept.len() >= ENOUGH);
        let surplus = match stranger {
            Some(at) => Some(self.kept.remove(at)),
            None if self.kept.len() >= MOST_KEPT => return Some(compressor),
            None => None,
        };
        if self.kept.try_reserve(1).is_err() {
            return Some(compressor);
        }
        self.kept.push(compressor);
        surplus
    }
}
