//! Byte buffers that messages share. Those of the size that a turn reads are lent: when the last message in one is
//! gone it comes back, so that a fast reader does not ask the system for fresh pages at each turn.

use crate::error::ErrorCode;
use crate::fork::PerProcess;
use crate::sync::Mutex;
use std::ops::{Deref, DerefMut};

/// One turn of a socket reads at most so much.
pub(crate) const TURN: usize = 256 * 1024;
/// One byte more, for the NUL behind a text that ends with the buffer. No other buffer has this capacity but by chance.
const CAPACITY: usize = TURN + 1;
/// So many are kept for the next turn, by the whole process.
const KEPT: usize = 8;

static POOL: PerProcess<Mutex<Vec<Vec<u8>>>> = PerProcess::new(|| Mutex::new(Vec::new()));

/// Bytes; a plain `Vec` but for what becomes of it.
#[derive(Debug)]
pub(crate) struct Buffer(Vec<u8>);

impl Buffer {
    /// An empty buffer for one turn.
    pub(crate) fn for_reading() -> Result<Buffer, ErrorCode> {
        if let Some(bytes) = POOL.get().lock().pop() {
            return Ok(Buffer(bytes));
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(CAPACITY).map_err(|_| ErrorCode::OutOfMemory)?;
        Ok(Buffer(bytes))
    }

    /// Gives the memory of the buffers that wait back to the system.
    #[cfg(not(ws4d_loom))]
    pub(crate) fn free_pool() {
        POOL.get().lock().clear();
    }
}

impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Buffer {
        Buffer(bytes)
    }
}

impl Deref for Buffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.0.capacity() != CAPACITY {
            return;
        }
        let mut bytes = std::mem::take(&mut self.0);
        let mut pool = POOL.get().lock();
        if pool.len() < KEPT {
            bytes.clear();
            pool.push(bytes);
        }
    }
}

#[cfg(all(test, not(ws4d_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_read_buffer_is_used_again_and_others_are_not_kept() {
        let mut buffer = Buffer::for_reading().unwrap();
        buffer.extend_from_slice(b"abc");
        drop(buffer);
        drop(Buffer::from(vec![1; 100]));
        let pool = POOL.get().lock();
        assert!(!pool.is_empty() && pool.len() <= KEPT);
        assert!(pool.iter().all(|bytes| bytes.is_empty() && bytes.capacity() == CAPACITY));
    }
}
