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
            level: if cfg!(feature = "compression") { COMPRESSION_LEVEL } else { 0 },
            memory: COMPRESSION_MEMORY,
            min_size: COMPRESSION_MIN_SIZE,
            offer: deflate::Config::default(),
        }
    }
}

/// [`ErrorCode::Unsupported`] in a build without compression.
fn ensure_compression() -> Result<(), Refusal> {
    match cfg!(feature = "compression") {
        true => Ok(()),
        false => Err(Refusal::new(ErrorCode::Unsupported, "this library was built without compression")),
    }
}

/// In a build without compression each of these gives [`ErrorCode::Unsupported`], but for the level 0.
impl Options {
    /// The level of permessage-deflate, 1 to 9; 0 offers none. [`ErrorCode::InvalidArgument`] for others.
    pub fn set_compression(&mut self, level: i32) -> Result<(), Refusal> {
        let level = u8::try_from(level).ok().filter(|level| *level <= 9).ok_or_else(|| {
            Refusal::new(ErrorCode::InvalidArgument, "levels are 1 (fast) to 9 (small), and 0 for none")
        })?;
        if level > 0 {
            ensure_compression()?;
        }
        self.compression.level = level;
        Ok(())
    }

    /// The memory level of compression, 1 to 9. [`ErrorCode::InvalidArgument`] for others.
    pub fn set_compression_memory(&mut self, level: i32) -> Result<(), Refusal> {
        let refused = || Refusal::new(ErrorCode::InvalidArgument, "memory levels are 1 (little) to 9 (much)");
        let level = u8::try_from(level).ok().filter(|level| (1..=9).contains(level)).ok_or_else(refused)?;
        ensure_compression()?;
        self.compression.memory = level;
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
        let (ours, servers) = (bits(ours)?, bits(servers)?);
        ensure_compression()?;
        self.compression.offer.client_max_window_bits = ours;
        self.compression.offer.server_max_window_bits = servers;
        Ok(())
    }

    /// Sets whether a compressed message may refer to earlier ones: ours, the server's.
    pub fn set_compression_context_takeover(&mut self, ours: bool, servers: bool) -> Result<(), Refusal> {
        ensure_compression()?;
        self.compression.offer.client_context_takeover = ours;
        self.compression.offer.server_context_takeover = servers;
        Ok(())
    }

    /// Below this size a message is sent as it is.
    pub fn set_compression_min_size(&mut self, bytes: usize) -> Result<(), Refusal> {
        ensure_compression()?;
        self.compression.min_size = bytes;
        Ok(())
    }
}
