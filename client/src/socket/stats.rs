//! Statistics of a socket: counted with plain additions where the bytes pass, collected on request.

use super::Socket;
use crate::connect::progress::Phases;
use crate::dispatch::Mailbox;
use crate::transport::Traffic;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Statistics of a socket since it was made.
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
    /// Bytes written to the network, from the upgrade request on: frames, their headers, TLS.
    pub wire_bytes_sent: u64,
    /// Bytes read from the network, from the answer to the upgrade on.
    pub wire_bytes_received: u64,
    /// Messages that came after the host had closed, and that the receive buffer had no room for.
    pub messages_discarded: u64,
    /// Bytes in the send buffer.
    pub send_buffered: usize,
    /// Bytes in the receive buffer.
    pub receive_buffered: usize,
    /// When the last read returned that brought something, in microseconds since 1970; 0: never.
    pub last_received_us: i64,
    /// Time from the last answered ping to its pong.
    pub ping: Option<Duration>,
    /// Times that the steps of connecting took.
    pub phases: Phases,
}

impl Stats {
    /// The statistics of no socket.
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
            last_received_us: 0,
            ping: None,
            phases: Phases::none(),
        }
    }

    /// The sum of the counters, with the buffers and times of `later`.
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

    /// The counters and buffers of `self`, with all times of `other`.
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

/// Counters of the reader, updated once per step.
#[derive(Default)]
pub(super) struct ReceivedCounts {
    pub(super) messages: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) discarded: AtomicU64,
    /// When something came last.
    pub(super) last_us: AtomicI64,
}

/// Counters of the sender, guarded by `Socket::outgoing`.
#[derive(Default)]
pub(super) struct SentCounts {
    pub(super) messages: u64,
    pub(super) bytes: u64,
    /// Network bytes received and sent, once the transport is gone.
    wire: (u64, u64),
}

impl SentCounts {
    /// Counts an accepted message of that many bytes.
    #[inline]
    pub(super) fn message(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
    }

    /// Keeps the counters of a transport that is about to be dropped.
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
    /// Returns the statistics so far. Any thread; takes locks that are never held for long.
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
            last_received_us: self.received.last_us.load(Ordering::Relaxed),
            ping: outgoing.round_trip,
            phases: self.progress.phases(),
        }
    }
}
