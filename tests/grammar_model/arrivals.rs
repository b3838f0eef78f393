//! Messages that arrive, whole or in parts, against what the server sent.

use ws4d_test_host::codes::*;
use ws4d_test_host::{Event, api};

use crate::life::{Life, Record};
use crate::wire::Sent;

fn shown(bytes: &[u8]) -> String {
    let bytes = String::from_utf8_lossy(bytes);
    format!("{} ({} bytes)", bytes.trim_end_matches('x'), bytes.len())
}

impl Life {
    /// A message that came whole.
    pub(crate) fn check_message(&self, event: &Event, record: &mut Record, wrong: &mut Vec<String>) {
        let text = (api().ws_event_data_type)(event.0) == WS_DATA_TYPE_TEXT;
        let message = Sent { text, bytes: event.data() };
        if let Some(partial) = &record.partial {
            wrong.push(format!("a message, though the last part of {:?} is missing", shown(&partial.bytes)));
        }
        if self.plan.part_size != 0 && message.bytes.len() > self.plan.part_size {
            wrong.push(format!("a message of {} bytes came whole", message.bytes.len()));
        }
        self.check_whole(&message, record, wrong);
    }

    /// A ping of the server's stands where it was sent among the messages.
    pub(crate) fn check_ping(&self, event: &Event, record: &mut Record, wrong: &mut Vec<String>) {
        let data = event.data();
        let state = self.wire.state();
        let expected = state.pings.get(record.pinged);
        if !self.plan.pings || expected != Some(&(record.position, &data[..])) {
            let (position, number) = (record.position, record.pinged);
            wrong.push(format!(
                "ping {number}, {:?}, behind {position} messages, not {expected:?}",
                shown(&data)
            ));
        }
        record.pinged += 1;
        self.world.count(if record.partial.is_some() { "a ping between parts" } else { "a ping" });
    }

    /// A part: it goes on where the one before has ended, with what the server sent there.
    pub(crate) fn check_part(&self, event: &Event, record: &mut Record, wrong: &mut Vec<String>) {
        let (data, last) = (event.data(), event.part_last());
        let text = (api().ws_event_data_type)(event.0) == WS_DATA_TYPE_TEXT;
        let first = record.partial.is_none();
        let mut message = record.partial.take().unwrap_or(Sent { text, bytes: Vec::new() });
        if message.text != text || event.part_offset() != message.bytes.len() as u64 {
            let (offset, before) = (event.part_offset(), message.bytes.len());
            wrong.push(format!(
                "a part at {offset}, text: {text}, behind {before} bytes, text: {}",
                message.text
            ));
        }
        if data.len() > self.plan.part_size || (data.is_empty() && (first || !last)) {
            let size = self.plan.part_size;
            wrong.push(format!("a part of {} bytes, last: {last}, where part_size is {size}", data.len()));
        }
        message.bytes.extend_from_slice(&data);
        if last {
            if message.bytes.len() <= self.plan.part_size {
                wrong.push(format!("a message of {} bytes came in parts", message.bytes.len()));
            }
            self.world.count("a message in parts");
            return self.check_whole(&message, record, wrong);
        }
        let begins = |bytes: &[u8]| bytes.len() >= message.bytes.len() && bytes.starts_with(&message.bytes);
        let state = self.wire.state();
        let sent = state.sent.get(record.position);
        let unfinished = state.unfinished.filter(|(at, _)| *at == record.position);
        let right = sent.is_some_and(|sent| sent.text == text && begins(&sent.bytes))
            || unfinished.is_some_and(|(_, bytes)| text && begins(bytes));
        if !right {
            let expected = sent.map(|sent| shown(&sent.bytes));
            let position = record.position;
            wrong.push(format!(
                "message {position} begins with {:?}, not as {expected:?}",
                shown(&message.bytes)
            ));
        }
        record.partial = Some(message);
    }

    /// What came is the next of what was sent.
    fn check_whole(&self, message: &Sent, record: &mut Record, wrong: &mut Vec<String>) {
        let state = self.wire.state();
        let expected = state.sent.get(record.position);
        if expected != Some(message) {
            let expected = expected.map(|sent| shown(&sent.bytes));
            wrong.push(format!(
                "message {} is {:?}, not {expected:?}",
                record.position,
                shown(&message.bytes)
            ));
        }
        record.position += 1;
        record.messages += 1;
    }
}
