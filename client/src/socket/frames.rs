//! Encodes a message, or a part of one, as frames in the chunks that leave.

use super::fragments::{Fragments, Unqueued};
use super::queue::{Chunk, LONG_CHUNK};
use crate::buffer::Buffer;
use crate::random::mask_key;
use std::iter::Peekable;
use ws4d_protocol::frame::OpCode;
use ws4d_protocol::send::{OutOfMemory, encode, encode_compressed, frame_len};

/// Bytes to encode, and how.
#[derive(Clone, Copy)]
pub(super) struct Payload<'a> {
    /// Of the first frame; those after it are continuations.
    pub(super) opcode: OpCode,
    pub(super) bytes: &'a [u8],
    /// The bytes are UTF-8, which is cut between characters.
    pub(super) text: bool,
    /// The bytes were compressed.
    pub(super) compressed: bool,
    /// The last frame ends the message.
    pub(super) ends: bool,
}

/// The chunks of a payload, in order. They share its charge.
pub(super) struct Frames<'a> {
    fragments: Peekable<Fragments<'a>>,
    opcode: OpCode,
    compressed: bool,
    ends: bool,
    left: Unqueued,
    frame_size: usize,
}

impl<'a> Frames<'a> {
    pub(super) fn of(payload: Payload<'a>, frame_size: usize, charge: usize) -> Frames<'a> {
        let Payload { opcode, bytes, text, compressed, ends } = payload;
        Frames {
            fragments: Fragments::of(bytes, frame_size, text).peekable(),
            opcode,
            compressed,
            ends,
            left: Unqueued { payload: bytes.len(), charge },
            frame_size,
        }
    }

    /// Encodes the next chunk, and says whether it is the last; `None` behind that one.
    pub(super) fn next_chunk(&mut self) -> Result<Option<(Chunk, bool)>, OutOfMemory> {
        let Some((first, _)) = self.fragments.peek() else { return Ok(None) };
        let mut frames = Buffer::with_room(self.left.room(first.len(), self.frame_size))
            .map_err(|_| OutOfMemory { wanted: frame_len(first.len()) })?;
        let (mut payload, mut last) = (0, false);
        while let Some((part, is_last)) = self
            .fragments
            .next_if(|(part, _)| frames.is_empty() || frames.len() + frame_len(part.len()) <= LONG_CHUNK)
        {
            let fin = is_last && self.ends;
            match self.opcode {
                OpCode::Text | OpCode::Binary if self.compressed => {
                    encode_compressed(self.opcode, fin, part, mask_key(), &mut frames)?;
                }
                _ => encode(self.opcode, fin, part, mask_key(), &mut frames)?,
            }
            self.opcode = OpCode::Continuation;
            payload += part.len();
            last = is_last;
        }
        Ok(Some((Chunk::new(frames, self.left.take(payload)), last)))
    }
}
