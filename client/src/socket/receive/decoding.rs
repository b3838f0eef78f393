//! From bytes to messages: the receiver decodes, and each message is noted where it lies.

use super::decoded::DecodedInput;
use super::failures::name_close;
use super::incoming::Incoming;
use crate::event::{Batch, DataType, Item, ItemKind};
use crate::socket::Socket;
use std::sync::Arc;
use ws4d_protocol::receive::{Data, Incoming as Decoded, Part, PartKind};

impl Socket {
    /// Decodes until the end of the buffer, or until the receive buffer is full; returns the offset that was reached.
    pub(super) fn decode(
        self: &Arc<Self>,
        incoming: &mut Incoming,
        buffer: &[u8],
        mut at: usize,
        room: usize,
        decoded: &mut DecodedInput,
    ) -> usize {
        let checks_json = self.checks_json();
        while decoded.charge < room && decoded.failure.is_none() {
            if !checks_json && let Some((kind, range)) = incoming.receiver.next_whole(buffer, &mut at) {
                // Most messages take this way.
                decoded.whole(Item { kind: item_kind(kind), start: range.start, len: range.len() });
                continue;
            }
            let begin = at;
            match incoming.receiver.next(buffer, &mut at) {
                Ok(None) => break,
                Ok(Some(Decoded::Text(data))) => self.message(ItemKind::Text, data, buffer, decoded),
                Ok(Some(Decoded::Binary(data))) => self.message(ItemKind::Blob, data, buffer, decoded),
                Ok(Some(Decoded::Part(part))) => receive_part(part, buffer, decoded),
                Ok(Some(Decoded::Ping(payload))) => {
                    self.outgoing.lock().pong(&payload);
                    decoded.answers = true;
                    if self.settings.ping_events {
                        decoded.own(of_control(ItemKind::Ping, &payload));
                    }
                }
                Ok(Some(Decoded::Pong(payload))) => {
                    if self.outgoing.lock().answers_ping(&payload) {
                        decoded.own(of_control(ItemKind::Pong, &payload));
                    }
                }
                Ok(Some(Decoded::Close(frame))) => {
                    decoded.close_code = Some(frame.code.unwrap_or(1005));
                    self.close_received(frame, decoded.time_us());
                    decoded.answers = true;
                }
                Err(failure) => {
                    let described = self.name_http(self.describe(failure), &buffer[begin..]);
                    decoded.failure = Some(name_close(described, incoming.receiver.forbidden_close()))
                }
            }
        }
        // Nothing is decoded after a failure, so nothing is kept.
        if decoded.failure.is_some() { buffer.len() } else { at }
    }

    fn message(&self, kind: ItemKind, data: Data, buffer: &[u8], decoded: &mut DecodedInput) {
        decoded.count_message(data.bytes(buffer).len());
        if kind == ItemKind::Text
            && self.checks_json()
            && let Err(failure) = self.check_json(data.bytes(buffer))
        {
            decoded.failure = Some(failure);
            return;
        }
        match data {
            Data::Range(range) => decoded.shared(Item { kind, start: range.start, len: range.len() }),
            Data::Assembled(mut bytes) => {
                let len = bytes.len();
                // The receiver has left room for it.
                bytes.push(0);
                decoded.own(Batch::single(kind, bytes, len));
            }
        }
    }

    fn checks_json(&self) -> bool {
        self.settings.strict_json && self.settings.data_type == DataType::Object
    }
}

/// Takes a part of a message in; the message counts with its last part.
fn receive_part(part: Part, buffer: &[u8], decoded: &mut DecodedInput) {
    let Part { kind, data, offset, last } = part;
    let kind = match kind {
        PartKind::Text => ItemKind::TextPart { last },
        PartKind::Binary => ItemKind::BlobPart { last },
    };
    decoded.messages += u64::from(last);
    decoded.bytes += data.bytes(buffer).len() as u64;
    match data {
        Data::Range(range) => {
            decoded.shared_part(Item { kind, start: range.start, len: range.len() }, offset)
        }
        Data::Assembled(mut bytes) => {
            let len = bytes.len();
            // The receiver has left room for it.
            bytes.push(0);
            decoded.own_part(Batch::single(kind, bytes, len), offset);
        }
    }
}

fn item_kind(kind: PartKind) -> ItemKind {
    match kind {
        PartKind::Text => ItemKind::Text,
        PartKind::Binary => ItemKind::Blob,
    }
}

/// A batch of one ping or pong.
fn of_control(kind: ItemKind, payload: &[u8]) -> Batch {
    let mut bytes = Vec::with_capacity(payload.len() + 1);
    bytes.extend_from_slice(payload);
    bytes.push(0);
    Batch::single(kind, bytes, payload.len())
}
