//! Hands events out for good, to a host that pulls them.

use super::{Mailbox, Work};
use crate::error::ErrorCode;
use crate::event::{Item, Message, Origin};

/// A pulled event.
pub(crate) enum Pulled {
    Message(Message),
    Other(Work),
}

impl Mailbox {
    /// Hands out one event for good: no callback will return.
    pub(crate) fn pull(&mut self) -> Result<Option<Pulled>, ErrorCode> {
        if !self.is_deliverable() {
            return Ok(None);
        }
        if let Some(front) = self.network.next_messages()
            && let Some(message) = front.take_one()?
        {
            self.pulled(message.item.charge());
            return Ok(Some(Pulled::Message(message)));
        }
        let work = self.network.next_work(self.host.is_paused());
        self.host.note_open_returned(self.network.opening());
        Ok(work.map(Pulled::Other))
    }

    /// Hands messages out for good, as [`Batch::take_into`] does, as long as a message comes next.
    pub(crate) fn pull_into(
        &mut self,
        block: &mut Vec<u8>,
        most_bytes: usize,
        mut take: impl FnMut(Item, Origin) -> bool,
    ) -> Result<(), ErrorCode> {
        let mut more = true;
        while more && self.is_deliverable() {
            let paused = self.host.is_paused();
            let Some(front) = self.network.next_messages() else { break };
            let (mut charge, mut any) = (0, false);
            let taken = front.take_into(block, most_bytes, |item, origin| {
                (charge, any) = (charge + item.charge(), true);
                more = take(item, origin);
                // A message that the pause holds back may follow a pong.
                more && !paused
            });
            if any {
                self.pulled(charge);
            }
            taken?;
            more &= any;
        }
        Ok(())
    }

    fn pulled(&mut self, charge: usize) {
        self.network.taken_of_first(charge);
        self.host.pulled();
    }
}
