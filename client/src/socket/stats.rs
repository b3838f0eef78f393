//! What a socket has counted. Counted where the bytes pass, with plain additions; put together when asked.

use super::Socket;
use crate::connect::progress::Phases;
use crate::dispatch::Mailbox;
use crate::transport::Traffic;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a socket has counted since it was made.
#[derive(Clone, Debug)]
pub struct Stats {
    /// Messages accepted for sending.
    pub messages_sent: u64,
    /// Messages received whole, those discarded later included.
    pub messages_received: u64,
    /// The payload of the messages sent, before compression.
    pub bytes_sent: u64,
    /// The payload of the messages received, after decompression.
    pub bytes_received: u64,
    /// What the kernel took of the connection, from the request of the upgrade on: frames, their headers, TLS.
    pub wire_bytes_sent: u64,
    /// What came over the connection, from the answer to the upgrade on.
    pub wire_bytes_received: u64,
    /// Messages that came after the host had closed, and that the receive buffer had no room for.
    pub messages_discarded: u64,
    /// How full the send buffer is.
    pub send_buffered: usize,
    /// How full the receive buffer is.
    pub receive_buffered: usize,
    /// From a ping to its pong, the last time.
    pub ping: Option<Duration>,
    /// How long connecting took.
    pub phases: Phases,
}

impl Stats {
    /// Of no socket.
    pub(crate) fn none() -> Stats {
        Stats {
            messages_sent: 0,
            messages_received: 0,
            bytes_sent: 0,
            bytes_received: 0,
            wire_bytes_sent: 0,
            wire_bytes_received: 0,
            messages_discarded: 0,
            send_buffered: 0,
            receive_buffered: 0,
            ping: None,
            phases: Phases::none(),
        }
    }

    /// The counters of both, the buffers of the later one; times as that has them.
    pub(crate) fn and_then(&self, later: &Stats) -> Stats {
        Stats {
            messages_sent: self.messages_sent + later.messages_sent,
            messages_received: self.messages_received + later.messages_received,
            bytes_sent: self.bytes_sent + later.bytes_sent,
            bytes_received: self.bytes_received + later.bytes_received,
            wire_bytes_sent: self.wire_bytes_sent + later.wire_bytes_sent,
            wire_bytes_received: self.wire_bytes_received + later.wire_bytes_received,
            messages_discarded: self.messages_discarded + later.messages_discarded,
            ..later.clone()
        }
    }

    /// Counters and buffers of this one, all times of `other`.
    pub(crate) fn with_times_of(self, other: &Stats) -> Stats {
        Stats {
            messages_sent: self.messages_sent,
            messages_received: self.messages_received,
            bytes_sent: self.bytes_sent,
            bytes_received: self.bytes_received,
            wire_bytes_sent: self.wire_bytes_sent,
            wire_bytes_received: self.wire_bytes_received,
            messages_discarded: self.messages_discarded,
            send_buffered: self.send_buffered,
            receive_buffered: self.receive_buffered,
            ..other.clone()
        }
    }
}

/// What the reading side counts, once a turn.
#[derive(Default)]
pub(super) struct Received {
    pub(super) messages: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) discarded: AtomicU64,
}

/// What the sending side counts, under its lock.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) messages: u64,
    pub(super) bytes: u64,
    /// The wire's bytes, received and sent, once the transport is gone.
    wire: (u64, u64),
}

impl Sent {
    /// A message of so many bytes was accepted.
    #[inline]
    pub(super) fn message(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
    }

    /// The transport goes.
    pub(super) fn keep(&mut self, traffic: &Traffic) {
        self.wire = (traffic.received(), traffic.sent());
    }
}

pub(super) fn add(counter: &AtomicU64, n: u64) {
    if n > 0 {
        counter.fetch_add(n, Ordering::Relaxed);
    }
}

impl Socket {
    /// What was counted so far. Any thread; takes locks that are never held for long.
    pub fn stats(&self) -> Stats {
        let receive_buffered = self.key.get().and_then(|key| self.dispatcher.inspect(*key, Mailbox::charge));
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let outgoing = self.outgoing.lock();
        let wire = match &outgoing.transport {
            Some(transport) => (transport.traffic().received(), transport.traffic().sent()),
            None => outgoing.sent.wire,
        };
        Stats {
            messages_sent: outgoing.sent.messages,
            messages_received: read(&self.received.messages),
            bytes_sent: outgoing.sent.bytes,
            bytes_received: read(&self.received.bytes),
            wire_bytes_sent: wire.1,
            wire_bytes_received: wire.0,
            messages_discarded: read(&self.received.discarded),
            send_buffered: outgoing.queue.buffered(),
            receive_buffered: receive_buffered.unwrap_or(0),
            ping: outgoing.round_trip,
            phases: self.progress.phases(),
        }
    }
}
