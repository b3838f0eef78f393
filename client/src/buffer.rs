//! Byte buffers that messages share. Read buffers are pooled: one returns to the pool when the last message in it is
//! dropped, so that a fast reader does not allocate fresh pages for each read. Large buffers, which hold a message or
//! a part of one to be sent, are pooled too, because allocating their pages costs more than copying the message.

use crate::error::ErrorCode;
use crate::fork::PerProcess;
use crate::sync::Mutex;
use std::ops::{Deref, DerefMut, RangeInclusive};

/// Maximum number of bytes in one read.
pub(crate) const MAX_READ: usize = 256 * 1024;
/// Capacity of a read buffer: one byte more, for the NUL behind a text that ends with the buffer. Other buffers have
/// this capacity only by chance.
const CAPACITY: usize = MAX_READ + 1;
/// Number of read buffers that the whole process keeps.
const MAX_POOLED: usize = 8;

static POOL: PerProcess<Mutex<Vec<Vec<u8>>>> = PerProcess::new(|| Mutex::new(Vec::new()));

/// Capacities of the large buffers that are pooled as well; the whole process keeps up to `KEPT_LARGE` bytes of them.
const LARGE: RangeInclusive<usize> = 64 * 1024..=4 * 1024 * 1024;
const KEPT_LARGE: usize = 8 * 1024 * 1024;

static LARGE_POOL: PerProcess<Mutex<Large>> = PerProcess::new(|| Mutex::new(Large::default()));

#[derive(Default)]
struct Large {
    /// The most recently used one is last.
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl Large {
    fn take(&mut self, fits: impl Fn(usize) -> bool) -> Option<Vec<u8>> {
        let at = self.buffers.iter().rposition(|buffer| fits(buffer.capacity()))?;
        let taken = self.buffers.remove(at);
        self.bytes -= taken.capacity();
        Some(taken)
    }

    fn keep(&mut self, buffer: Vec<u8>) {
        if self.bytes + buffer.capacity() <= KEPT_LARGE {
            self.bytes += buffer.capacity();
            self.buffers.push(buffer);
        }
    }
}

/// A `Vec` of bytes that returns to its pool when it is dropped.
#[derive(Default, Debug)]
pub(crate) struct Buffer(Vec<u8>);

impl Buffer {
    /// Returns an empty buffer for one read.
    pub(crate) fn for_reading() -> Result<Buffer, ErrorCode> {
        if let Some(bytes) = POOL.get().lock().pop() {
            return Ok(Buffer(bytes));
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(CAPACITY).map_err(|_| ErrorCode::OutOfMemory)?;
        Ok(Buffer(bytes))
    }

    /// Returns an empty buffer for `wanted` bytes.
    pub(crate) fn with_room(wanted: usize) -> Result<Buffer, ErrorCode> {
        if LARGE.contains(&wanted)
            && let Some(large) =
                LARGE_POOL.get().lock().take(|capacity| (wanted..=2 * wanted).contains(&capacity))
        {
            return Ok(Buffer(large));
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(wanted).map_err(|_| ErrorCode::OutOfMemory)?;
        Ok(Buffer(bytes))
    }

    /// Returns the most recently used large buffer, for a message whose size is not known yet.
    pub(crate) fn spare() -> Option<Buffer> {
        LARGE_POOL.get().lock().take(|_| true).map(Buffer)
    }

    /// Returns the bytes as a plain `Vec`, which does not return to the pool by itself.
    pub(crate) fn into_vec(mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }

    /// Frees the pooled buffers.
    #[cfg(not(ws4d_loom))]
    pub(crate) fn free_pool() {
        POOL.get().lock().clear();
        *LARGE_POOL.get().lock() = Large::default();
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
        let capacity = self.0.capacity();
        if capacity != CAPACITY && !LARGE.contains(&capacity) {
            return;
        }
        let mut bytes = std::mem::take(&mut self.0);
        bytes.clear();
        if capacity != CAPACITY {
            return LARGE_POOL.get().lock().keep(bytes);
        }
        let mut pool = POOL.get().lock();
        if pool.len() < MAX_POOLED {
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
        assert!(!pool.is_empty() && pool.len() <= MAX_POOLED);
        assert!(pool.iter().all(|bytes| bytes.is_empty() && bytes.capacity() == CAPACITY));
    }

    #[test]
    fn large_buffers_are_kept_up_to_a_bound_and_given_to_who_fills_half_of_them() {
        let mut large = Large::default();
        for n in 0..100 {
            large.keep(Vec::with_capacity(100_000 + n));
        }
        assert!(large.bytes <= KEPT_LARGE && large.bytes > KEPT_LARGE - 100_100);
        assert_eq!(large.bytes, large.buffers.iter().map(Vec::capacity).sum::<usize>());
        let newest = large.buffers.last().map(Vec::capacity);
        assert_eq!(large.take(|_| true).map(|buffer| buffer.capacity()), newest);
        assert!(large.take(|capacity| capacity > 200_000).is_none());
        while large.take(|_| true).is_some() {}
        assert_eq!(large.bytes, 0);
        drop(Buffer::with_room(300_000).unwrap());
        assert!(Buffer::with_room(200_000).unwrap().0.capacity() <= 2 * 200_000);
    }
}
