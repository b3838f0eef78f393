//! Frames by hand: what the server and the floor need of RFC 6455, and no more.

use std::io::{self, Read};

/// Header of a final text frame of `size` bytes; `mask`: with a mask key of zeros, which leaves the payload as it is.
pub(crate) fn header(size: usize, mask: bool) -> Vec<u8> {
    header_of(0x81, size, mask)
}

pub(crate) fn header_of(first: u8, size: usize, mask: bool) -> Vec<u8> {
    let bit = if mask { 0x80 } else { 0 };
    let mut head = vec![first];
    match size {
        0..126 => head.push(bit | size as u8),
        126..65536 => {
            head.push(bit | 126);
            head.extend_from_slice(&(size as u16).to_be_bytes());
        }
        _ => {
            head.push(bit | 127);
            head.extend_from_slice(&(size as u64).to_be_bytes());
        }
    }
    if mask {
        head.extend_from_slice(&[0; 4]);
    }
    head
}

/// A whole text message of `size` times `x`.
pub(crate) fn text(size: usize, mask: bool) -> Vec<u8> {
    let mut frame = header(size, mask);
    frame.resize(frame.len() + size, b'x');
    frame
}

/// A frame that went by.
pub(crate) struct Frame {
    pub(crate) first: u8,
    pub(crate) payload: usize,
}

impl Frame {
    pub(crate) fn is_close(&self) -> bool {
        self.first & 15 == 8
    }

    pub(crate) fn is_data(&self) -> bool {
        self.first & 8 == 0
    }

    /// It ends a message of data.
    pub(crate) fn ends_a_message(&self) -> bool {
        self.first & 0x80 != 0 && self.is_data()
    }
}

/// Reads frames and forgets what is in them, whole buffers at a time.
pub(crate) struct Frames {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Frames {
    pub(crate) fn new(size: usize) -> Frames {
        Frames { buffer: vec![0; size], start: 0, end: 0 }
    }

    /// More room, once it is known that there is use for it.
    pub(crate) fn grow(&mut self, size: usize) {
        if self.buffer.len() < size {
            self.buffer.resize(size, 0);
        }
    }

    /// The next frame, once all of it has arrived; `None` at the end of the stream.
    pub(crate) fn next(&mut self, stream: &mut impl Read) -> io::Result<Option<Frame>> {
        let (frame, head) = loop {
            if let Some(found) = parse(&self.buffer[self.start..self.end]) {
                break found;
            }
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            match stream.read(&mut self.buffer[self.end..])? {
                0 => return Ok(None),
                n => self.end += n,
            }
        };
        self.start += head;
        let mut left = frame.payload;
        loop {
            let here = left.min(self.end - self.start);
            self.start += here;
            left -= here;
            if left == 0 {
                return Ok(Some(frame));
            }
            (self.start, self.end) = (0, 0);
            match stream.read(&mut self.buffer)? {
                0 => return Ok(None),
                n => self.end = n,
            }
        }
    }
}

/// A frame and the length of its header.
#[inline]
fn parse(bytes: &[u8]) -> Option<(Frame, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let (payload, head) = match second & 0x7f {
        126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4 + mask),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize, 10 + mask),
        size => (usize::from(size), 2 + mask),
    };
    (bytes.len() >= head).then_some((Frame { first, payload }, head))
}
