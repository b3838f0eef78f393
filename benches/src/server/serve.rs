//! What a connection does once it is open.

use std::io::{self, Read, Write};
use std::sync::Arc;

use super::Link;
use crate::frame::{self, Frames};

const CLOSE: [u8; 4] = [0x88, 2, 3, 232];

/// Answers each message with what `answer(its length)` puts into the buffer.
pub(crate) fn echo(
    mut link: impl Read + Write,
    mut answer: impl FnMut(usize, &mut Vec<u8>),
) -> io::Result<()> {
    // Small while nothing comes: thousands of these may be idle.
    let mut frames = Frames::new(4096);
    let mut bytes = Vec::new();
    let mut size = 0;
    while let Some(frame) = frames.next(&mut link)? {
        if frame.is_close() {
            return link.write_all(&CLOSE);
        }
        if frame.is_data() {
            size += frame.payload;
        }
        if frame.payload > 2048 {
            frames.grow(256 * 1024);
        }
        if frame.ends_a_message() {
            answer(size, &mut bytes);
            link.write_all(&bytes)?;
            size = 0;
        }
    }
    Ok(())
}

/// An answer of the same length, made once for many of one length: what is in it costs the server no work.
pub(crate) fn same_length() -> impl FnMut(usize, &mut Vec<u8>) {
    let mut last = None;
    move |size, bytes| {
        if last.replace(size) != Some(size) {
            *bytes = frame::text(size, false);
        }
    }
}

/// Answers each `messages` messages with one.
pub(crate) fn sink<L: Link>(mut link: L, messages: usize) -> io::Result<()> {
    let mut frames = Frames::new(1024 * 1024);
    let answer = frame::text(4, false);
    let mut left = messages;
    while let Some(frame) = frames.next(&mut link)? {
        if frame.is_close() {
            return link.write_all(&CLOSE);
        }
        if frame.ends_a_message() {
            left -= 1;
            if left == 0 {
                link.write_all(&answer)?;
                left = messages;
            }
        }
    }
    Ok(())
}

/// Sends `messages` messages of `size` bytes once the client has sent one.
pub(crate) fn flood<L: Link>(link: L, response: &[u8], size: usize, messages: usize) -> io::Result<()> {
    let one = frame::text(size, false);
    let per_write = (512 * 1024 / one.len()).max(1);
    let many: Arc<[u8]> = one.repeat(per_write).into();
    let mut left = messages;
    link.flood(response, move || {
        let now = left.min(per_write);
        left -= now;
        match now {
            0 => None,
            n if n == per_write => Some(Arc::clone(&many)),
            n => Some(one.repeat(n).into()),
        }
    })
}
