//! What parts must be, whatever their sizes: the messages that a receiver without parts gives.

use super::{Event, Outcome};

/// Compares what came in parts of `size` bytes with what came whole. `judged`: texts are cut between characters. Parts of
/// a message whose end never came may be left over; where it failed is not compared.
pub fn compare(parts: &Outcome, whole: &Outcome, size: usize, judged: bool) {
    assert_eq!(
        parts.failure.map(|(_, failure)| failure),
        whole.failure.map(|(_, failure)| failure),
        "the same failure"
    );
    assert_eq!(put_together(&parts.events, size, judged), whole_messages(&whole.events), "the same messages");
    assert_eq!(controls(&parts.events), controls(&whole.events), "the same control frames");
}

fn controls(events: &[Event]) -> Vec<&Event> {
    events
        .iter()
        .filter(|event| matches!(event, Event::Ping(_) | Event::Pong(_) | Event::Close(..)))
        .collect()
}

fn whole_messages(events: &[Event]) -> Vec<(bool, Vec<u8>)> {
    let message = |event: &Event| match event {
        Event::Text(bytes) => Some((true, bytes.clone())),
        Event::Binary(bytes) => Some((false, bytes.clone())),
        Event::Part { .. } => panic!("nobody asked for parts"),
        Event::Ping(_) | Event::Pong(_) | Event::Close(..) => None,
    };
    events.iter().filter_map(message).collect()
}

fn put_together(events: &[Event], size: usize, judged: bool) -> Vec<(bool, Vec<u8>)> {
    let mut messages = Vec::new();
    let mut open: Option<(bool, Vec<u8>)> = None;
    for event in events {
        match event {
            Event::Text(bytes) | Event::Binary(bytes) => {
                assert!(open.is_none(), "a message inside another");
                assert!(bytes.len() <= size, "a message of {} bytes that is no part of {size}", bytes.len());
                messages.push((matches!(event, Event::Text(_)), bytes.clone()));
            }
            Event::Part { text, offset, last, bytes } => {
                let (kind, mut message) = open.take().unwrap_or((*text, Vec::new()));
                assert_eq!(*text, kind);
                assert_eq!(*offset, message.len() as u64);
                shape(bytes, *last, size, judged && kind);
                message.extend_from_slice(bytes);
                match *last {
                    true => {
                        assert!(message.len() > size, "{} bytes in parts of {size}", message.len());
                        messages.push((kind, message));
                    }
                    false => open = Some((kind, message)),
                }
            }
            Event::Ping(_) | Event::Pong(_) | Event::Close(..) => {}
        }
    }
    messages
}

fn shape(bytes: &[u8], last: bool, size: usize, text: bool) {
    if !text {
        assert!(if last { bytes.len() <= size } else { bytes.len() == size }, "{} of {size}", bytes.len());
        return;
    }
    let text = std::str::from_utf8(bytes).expect("cut between characters");
    assert!(text.len() <= size || text.chars().count() == 1, "{} of {size}", text.len());
    // Less is missing than a character has.
    assert!(last || !text.is_empty() && text.len() + 3 >= size, "{} of {size}", text.len());
}
