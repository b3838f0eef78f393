//! The hand-over of messages from an I/O thread to a host in isolation, for the micro-benchmarks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Claim, Dispatcher, Gate, Key, Mailbox, ServiceOutcome, Target};
use crate::context::InCallback;
use crate::error::Error;
use crate::event::{Batch, DataType, Ending, Event, Item, ItemKind};

/// A dispatcher with one mailbox, whose host counts bytes.
pub struct HandOver {
    dispatcher: Arc<Dispatcher<Count>>,
    key: Key,
    count: Arc<Count>,
}

struct Count {
    gate: Gate,
    bytes: AtomicUsize,
}

impl HandOver {
    /// A hand-over whose socket is open.
    #[allow(clippy::new_without_default)]
    pub fn new() -> HandOver {
        let dispatcher = Dispatcher::new(None);
        let count = Arc::new(Count { gate: Gate::new(), bytes: AtomicUsize::new(0) });
        let key = dispatcher.register(Mailbox::new(0, Claim::Nothing), Arc::clone(&count));
        let key = key.unwrap_or_else(|code| panic!("{code:?}"));
        dispatcher.update(key, |mailbox| mailbox.opened(0)).1.send(&dispatcher);
        let _ = dispatcher.dispatch(0);
        HandOver { dispatcher, key, count }
    }

    /// Puts a batch of `messages` messages of `size` bytes into the mailbox and runs their callbacks. Returns the
    /// number of bytes that all callbacks have seen so far.
    pub fn pass(&self, messages: usize, size: usize) -> usize {
        let items = (0..messages)
            .map(|n| Item { kind: ItemKind::Text, start: n * (size + 1), len: size })
            .collect::<Vec<_>>();
        let bytes = vec![0; messages * (size + 1)];
        let batch = Batch::shared(Arc::new(bytes.into()), items.into());
        self.dispatcher.update(self.key, |mailbox| mailbox.push(batch)).1.send(&self.dispatcher);
        let mut left = messages;
        while left > 0 {
            match self.dispatcher.dispatch(0) {
                Ok(ran) if ran > 0 => left -= ran as usize,
                _ => break,
            }
        }
        self.count.bytes.load(Ordering::Relaxed)
    }
}

impl Target for Count {
    fn gate(&self) -> &Gate {
        &self.gate
    }

    fn mode(&self) -> DataType {
        DataType::Text
    }

    fn event(&self, event: &Event, _: &InCallback) {
        self.bytes.fetch_add(event.data().map_or(0, <[u8]>::len), Ordering::Relaxed);
    }

    fn report(&self, _: &Error) {}

    fn over(&self) {}

    fn free(&self) {}

    fn service(self: &Arc<Self>, _: bool, _: bool) -> ServiceOutcome {
        ServiceOutcome::Drained
    }

    fn fail(self: &Arc<Self>) {}

    fn nudge(&self) {}

    fn lose(self: &Arc<Self>) {}

    fn hang_up(self: &Arc<Self>, _: u16) -> Ending {
        Ending::abnormal()
    }
}
