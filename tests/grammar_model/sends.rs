//! What the host sends that is more than one message, or less: many at once, and one in parts. Who stands before whom
//! is written down, and judged by what the server got.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use ws4d_test_host::codes::*;
use ws4d_test_host::{RawSlice, Socket, api};

use crate::life::Life;
use crate::wire::{WireState, lock};

/// Stands for a thread's number in messages that were sent in parts, which are no thread's.
pub(crate) const IN_PARTS: u32 = 99;

/// How many messages came so far, of each thread.
pub(crate) type Counts = HashMap<u32, u64>;

#[derive(Default)]
struct Streams {
    /// What was accepted of the message that is open.
    open: Option<Vec<u8>>,
    ended: Vec<Vec<u8>>,
    /// What was accepted before each of them was begun.
    before: Vec<Counts>,
    /// A panic has made unsure what was accepted of them.
    unsure: bool,
}

#[derive(Default)]
struct Places {
    /// How many messages in parts were begun before this one was sent.
    behind: HashMap<(u32, u64), u64>,
    /// How many messages `ws_send_many` took together, by the first of them.
    together: HashMap<(u32, u64), u64>,
    /// Those of calls that a panic has ended: accepted or not.
    unsure: HashSet<(u32, u64)>,
}

#[derive(Default)]
pub(crate) struct Sends {
    streams: Mutex<Streams>,
    begun: AtomicU64,
    places: Mutex<Places>,
}

impl Sends {
    /// Whether a message was begun and not ended, so that all others wait.
    pub(crate) fn is_open(&self) -> bool {
        let streams = lock(&self.streams);
        streams.open.is_some() || streams.unsure
    }

    /// Asked before a message is sent.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(SeqCst)
    }

    /// So many messages of a thread were accepted in one call, before which so many in parts were begun.
    pub(crate) fn accepted(&self, tag: u32, first: u64, count: u64, begun: u64) {
        let mut places = lock(&self.places);
        places.behind.extend((first..first + count).map(|number| ((tag, number), begun)));
        places.together.insert((tag, first), count);
    }
}

/// The bytes of a message in parts from `at` on: a head, then letters that tell one place from the next.
fn stretch(number: usize, at: usize, len: usize) -> Vec<u8> {
    let head = format!("{IN_PARTS}.{number}:").into_bytes();
    let byte = |at: usize| head.get(at).copied().unwrap_or(b'a' + (at % 23) as u8);
    let end = if at == 0 { len.max(head.len()) } else { at + len };
    (at..end).map(byte).collect()
}

impl Life {
    /// A call that a panic has ended may have sent so many messages.
    pub(crate) fn perhaps_accepted(&self, tag: u32, first: u64, count: u64) {
        *lock(&self.accepted).entry(tag).or_default() += count;
        lock(&self.sends.places).unsure.extend((first..first + count).map(|number| (tag, number)));
    }

    /// Whether a panic has made unsure what was accepted.
    pub(crate) fn is_unsure(&self) -> bool {
        lock(&self.sends.streams).unsure || !lock(&self.sends.places).unsure.is_empty()
    }

    /// `ws_send_many`; says `WS_OK` where some were accepted.
    pub(crate) fn send_many(&self, ws: Socket, tag: u32, count: usize, len: usize) -> i32 {
        let first = lock(&self.accepted).get(&tag).copied().unwrap_or(0);
        let begun = self.sends.begun();
        let message = |at: usize| {
            let mut message = format!("{tag}.{}:", first + at as u64).into_bytes();
            message.resize(len.max(message.len()), b'y');
            message
        };
        let messages: Vec<Vec<u8>> = (0..count).map(message).collect();
        let slice = |message: &Vec<u8>| RawSlice { data: message.as_ptr().cast(), len: message.len() };
        let slices: Vec<RawSlice> = messages.iter().map(slice).collect();
        let data_type = if count % 2 == 1 { WS_DATA_TYPE_TEXT } else { WS_DATA_TYPE_BLOB };
        let result = (api().ws_send_many)(ws, data_type, slices.as_ptr(), count, 0);
        if result == WS_ERR_WOULD_BLOCK || (0..count as i32).contains(&result) {
            self.would_block.fetch_add(1, SeqCst);
        }
        if result == WS_ERR_INTERNAL {
            self.perhaps_accepted(tag, first, count as u64);
        }
        if result <= 0 {
            if result == 0 && count > 0 {
                self.wrong(format!("ws_send_many took none of {count}, and no error says so"));
            }
            return result;
        }
        if result as usize > count {
            self.wrong(format!("ws_send_many took {result} of {count}"));
        }
        *lock(&self.accepted).entry(tag).or_default() += result as u64;
        self.sends.accepted(tag, first, result as u64, begun);
        self.world.count(if result as usize == count { "many, all" } else { "many, some" });
        WS_OK
    }

    /// `ws_send_begin`
    pub(crate) fn send_begin(&self, ws: Socket, text: bool) -> i32 {
        let mut streams = lock(&self.sends.streams);
        let before = lock(&self.accepted).clone();
        let data_type = if text { WS_DATA_TYPE_TEXT } else { WS_DATA_TYPE_BLOB };
        let result = (api().ws_send_begin)(ws, data_type, 0);
        self.check_open(&streams, "ws_send_begin", false, result);
        match result {
            WS_OK => {
                streams.open = Some(Vec::new());
                streams.before.push(before);
                self.sends.begun.store(streams.before.len() as u64, SeqCst);
            }
            WS_ERR_WOULD_BLOCK => drop(self.would_block.fetch_add(1, SeqCst)),
            WS_ERR_INTERNAL => streams.unsure = true,
            _ => {}
        }
        result
    }

    /// `ws_send_part`
    pub(crate) fn send_part(&self, ws: Socket, len: usize) -> i32 {
        let mut streams = lock(&self.sends.streams);
        let (number, at) = (streams.ended.len(), streams.open.as_ref().map_or(0, Vec::len));
        let part = if len == 0 { Vec::new() } else { stretch(number, at, len) };
        let result = (api().ws_send_part)(ws, part.as_ptr().cast(), part.len());
        self.check_open(&streams, "ws_send_part", true, result);
        match (result, &mut streams.open) {
            (WS_OK, Some(open)) => open.extend(part),
            (WS_ERR_WOULD_BLOCK, _) => drop(self.would_block.fetch_add(1, SeqCst)),
            (WS_ERR_INTERNAL, _) => streams.unsure = true,
            _ => {}
        }
        result
    }

    /// `ws_send_end`
    pub(crate) fn send_end(&self, ws: Socket) -> i32 {
        let mut streams = lock(&self.sends.streams);
        let result = (api().ws_send_end)(ws);
        self.check_open(&streams, "ws_send_end", true, result);
        streams.unsure |= result == WS_ERR_INTERNAL;
        if result == WS_OK {
            let message = streams.open.take().unwrap_or_default();
            self.world.count(if message.is_empty() { "sent in no parts" } else { "sent in parts" });
            streams.ended.push(message);
            *lock(&self.accepted).entry(IN_PARTS).or_default() += 1;
        }
        result
    }

    fn check_open(&self, streams: &Streams, what: &str, wants: bool, result: i32) {
        let open = streams.open.is_some();
        let refused = result == WS_ERR_INVALID_ARGUMENT;
        if streams.unsure {
            return;
        }
        if (result == WS_OK && open != wants) || (refused && open == wants) {
            self.wrong(format!("{what} says {result}; a message is open: {open}"));
        }
    }

    /// The messages of each thread came in their order, those of one call together, and none overtook one that was
    /// begun before it. Says how many came of each thread.
    pub(crate) fn check_order(&self, wire: &WireState) -> Result<Counts, String> {
        let (streams, places) = (lock(&self.sends.streams), lock(&self.sends.places));
        let mut next = Counts::new();
        if streams.unsure {
            return Ok(next);
        }
        // Whose messages have to follow, and up to which.
        let mut together: Option<(u32, u64)> = None;
        for message in &wire.got {
            let (tag, number) = parsed(message, &next).ok_or(format!("the server got {message:?}"))?;
            let mut expected = next.get(&tag).copied().unwrap_or(0);
            while expected < number && places.unsure.contains(&(tag, expected)) {
                expected += 1;
            }
            if number != expected {
                return Err(format!("the server got message {number} of thread {tag}, not {expected}"));
            }
            if let Some((whose, end)) = together.filter(|(whose, _)| *whose != tag) {
                return Err(format!(
                    "{message} came before {whose}.{end}, which ws_send_many took with others"
                ));
            }
            let whole = next.get(&IN_PARTS).copied().unwrap_or(0);
            if tag == IN_PARTS {
                let before =
                    streams.before.get(number as usize).ok_or(format!("{message} was never begun"))?;
                let missing = before.iter().find(|(tag, count)| {
                    let mut between = next.get(tag).copied().unwrap_or(0)..**count;
                    between.any(|number| !places.unsure.contains(&(**tag, number)))
                });
                if let Some((whose, count)) = missing {
                    return Err(format!("{message} came before message {} of thread {whose}", count - 1));
                }
            } else if places.behind.get(&(tag, number)).is_some_and(|begun| *begun > whole) {
                return Err(format!("{message} came before one in parts that was begun before it"));
            }
            if let Some(count) = places.together.get(&(tag, number)) {
                together = Some((tag, number + count - 1));
            }
            together = together.filter(|(_, end)| number < *end);
            next.insert(tag, number + 1);
        }
        match wire.in_parts.iter().zip(&streams.ended).position(|(got, sent)| got != sent) {
            Some(at) => Err(format!("message {at} that was sent in parts has other bytes than they had")),
            None => Ok(next),
        }
    }
}

/// Whose message it is, and the how manieth. One that was sent in no parts is empty.
fn parsed(message: &str, next: &Counts) -> Option<(u32, u64)> {
    if message.is_empty() {
        return Some((IN_PARTS, next.get(&IN_PARTS).copied().unwrap_or(0)));
    }
    let (tag, number) = message.split_once('.')?;
    Some((tag.parse().ok()?, number.parse().ok()?))
}
