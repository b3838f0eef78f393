//! Options of permessage-deflate (RFC 7692).

use super::Options;
use super::refusal::Refusal;
use crate::error::ErrorCode;
use ws4d_protocol::deflate;

/// The use of permessage-deflate (RFC 7692).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compression {
    /// 1 (fast) to 9 (small); 0: none is offered.
    pub(crate) level: u8,
    /// 1 to 9: how much memory it may take, zlib's `memLevel`.
    pub(crate) memory: u8,
    /// Below this size a message is sent as it is.
    pub(crate) min_size: usize,
    pub(crate) offer: deflate::Config,
}

/// Below this, deflating costs more time than the bytes it saves are worth.
const COMPRESSION_MIN_SIZE: usize = 128;
/// Fast; JSON shrinks to a third or less all the same.
const COMPRESSION_LEVEL: u8 = 1;
/// 4 KiB of what each socket has sent are kept. With 32, JSON of 1 KiB gets 6 % smaller where many sockets share compressors,
/// and compressing it takes four times as long.
const COMPRESSION_MEMORY: u8 = 5;

impl Default for Compression {
    fn default() -> Compression {
        Compression {
            level: COMPRESSION_LEVEL,
            memory: COMPRESSION_MEMORY,
            min_size: COMPRESSION_MIN_SIZE,
            offer: deflate::Config::default(),
        }
    }
}

impl Options {
    /// The level of permessage-deflate, 1 to 9; 0 offers none. [`ErrorCode::InvalidArgument`] for others.
    pub fn set_compression(&mut self, level: i32) -> Result<(), Refusal> {
        self.compression.level = u8::try_from(level).ok().filter(|level| *level <= 9).ok_or_else(|| {
            Refusal::new(ErrorCode::InvalidArgument, "levels are 1 (fast) to 9 (small), and 0 for none")
        })?;
        Ok(())
    }

    /// The memory level of compression, 1 to 9. [`ErrorCode::InvalidArgument`] for others.
    pub fn set_compression_memory(&mut self, level: i32) -> Result<(), Refusal> {
        let refused = || Refusal::new(ErrorCode::InvalidArgument, "memory levels are 1 (little) to 9 (much)");
        self.compression.memory =
            u8::try_from(level).ok().filter(|level| (1..=9).contains(level)).ok_or_else(refused)?;
        Ok(())
    }

    /// The largest windows, 8 to 15 bits: ours and the server's. [`ErrorCode::InvalidArgument`] for others.
    pub fn set_compression_window_bits(&mut self, ours: i32, servers: i32) -> Result<(), Refusal> {
        let bits = |bits: i32| {
            u8::try_from(bits)
                .ok()
                .filter(|bits| (8..=15).contains(bits))
                .ok_or_else(|| Refusal::new(ErrorCode::InvalidArgument, "windows have 8 to 15 bits"))
        };
        (self.compression.offer.client_max_window_bits, self.compression.offer.server_max_window_bits) =
            (bits(ours)?, bits(servers)?);
        Ok(())
    }

    /// Sets whether a compressed message may refer to earlier ones: ours, the server's.
    pub fn set_compression_context_takeover(&mut self, ours: bool, servers: bool) {
        self.compression.offer.client_context_takeover = ours;
        self.compression.offer.server_context_takeover = servers;
    }

    /// Below this size a message is sent as it is.
    pub fn set_compression_min_size(&mut self, bytes: usize) {
        self.compression.min_size = bytes;
    }
}
