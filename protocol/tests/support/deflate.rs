//! The other side of permessage-deflate: a server that deflates as RFC 7692 §7.2.1 allows, and contents to
//! deflate.

pub use super::reference::Reference;

use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;
use ws4d_protocol::deflate::{self, Compressor, Params};
use ws4d_protocol::send::OutOfMemory;

/// The first byte of a whole compressed message, and of its first fragment.
pub const TEXT_DEFLATED: u8 = 0xc1;
pub const BINARY_DEFLATED: u8 = 0xc2;

pub const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// What goes without saying: the largest windows, with takeover.
pub const PARAMS: Params = Params {
    client_window_bits: 15,
    server_window_bits: 15,
    client_context_takeover: true,
    server_context_takeover: true,
};

pub const NO_TAKEOVER: Params =
    Params { client_context_takeover: false, server_context_takeover: false, ..PARAMS };

/// A deflater with a compressor of its own, which keeps all that may be referred to.
pub struct Deflater {
    inner: deflate::Deflater,
    compressor: Option<Compressor>,
}

impl Deflater {
    pub fn new(level: u8, params: &Params) -> Deflater {
        Deflater { inner: deflate::Deflater::new(level, 8, params), compressor: None }
    }

    pub fn compress(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<bool, OutOfMemory> {
        self.inner.compress(payload, out, &mut self.compressor)
    }

    pub fn forget(&mut self) {
        self.inner.forget();
    }
}

/// How a server ends and flushes the blocks of a message (RFC 7692 §7.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// One flush at the end.
    Plain,
    /// A flush behind every so many bytes, of all kinds in turn.
    Flushing(usize),
    /// The message is a stream of its own, with BFINAL, and an empty block behind it.
    Final,
    /// As `Final`, without the byte of the empty block.
    FinalBare,
    /// A final block in the middle, and a new stream behind it.
    FinalInside,
    /// More empty blocks behind the message.
    EmptyBlocks(usize),
}

pub fn style() -> impl Strategy<Value = Style> {
    prop_oneof![
        4 => Just(Style::Plain),
        2 => (1usize..300).prop_map(Style::Flushing),
        1 => Just(Style::Final),
        1 => Just(Style::FinalBare),
        1 => Just(Style::FinalInside),
        1 => (1usize..9).prop_map(Style::EmptyBlocks),
    ]
}

/// A server's deflater.
pub struct Peer {
    stream: Compress,
    takeover: bool,
}

impl Peer {
    pub fn new(level: u32, params: &Params) -> Peer {
        let bits = params.server_window_bits.max(9);
        Peer {
            stream: Compress::new_with_window_bits(Compression::new(level), false, bits),
            takeover: params.server_context_takeover,
        }
    }

    /// The payload of a compressed message.
    pub fn message(&mut self, content: &[u8], style: Style) -> Vec<u8> {
        if !self.takeover {
            self.stream.reset();
        }
        let mut out = Vec::new();
        let kinds = [FlushCompress::Partial, FlushCompress::Sync, FlushCompress::Full];
        match style {
            Style::Plain | Style::EmptyBlocks(_) => self.run(content, FlushCompress::Sync, &mut out),
            Style::Flushing(every) => {
                for (piece, kind) in content.chunks(every).zip(kinds.into_iter().cycle()) {
                    self.run(piece, kind, &mut out);
                }
                self.run(b"", FlushCompress::Sync, &mut out);
            }
            Style::Final | Style::FinalBare => self.finish(content, &mut out),
            Style::FinalInside => {
                let (first, second) = content.split_at(content.len() / 2);
                self.finish(first, &mut out);
                self.run(second, FlushCompress::Sync, &mut out);
            }
        }
        if let Style::EmptyBlocks(blocks) = style {
            out.extend([0x00, 0x00, 0x00, 0xff, 0xff].repeat(blocks));
        }
        if style == Style::FinalBare {
            return out;
        }
        if !out.ends_with(&TAIL) || style == Style::Final {
            out.extend([0x00, 0x00, 0x00, 0xff, 0xff]);
        }
        out.truncate(out.len() - TAIL.len());
        out
    }

    fn finish(&mut self, content: &[u8], out: &mut Vec<u8>) {
        self.run(content, FlushCompress::Finish, out);
        self.stream.reset();
    }

    fn run(&mut self, content: &[u8], flush: FlushCompress, out: &mut Vec<u8>) {
        out.reserve(content.len() * 2 + 1000);
        let before = self.stream.total_in();
        self.stream.compress_vec(content, out, flush).expect("deflates");
        assert_eq!(self.stream.total_in() - before, content.len() as u64);
        assert!(out.len() < out.capacity());
    }
}

/// Contents of every temper: nothing, noise, few letters, runs, periods about the sizes of windows, JSON.
pub fn content() -> impl Strategy<Value = Vec<u8>> {
    let period = prop_oneof![1usize..600, 240usize..270, 500usize..520, Just(32_500), Just(32_768)];
    prop_oneof![
        1 => Just(Vec::new()),
        3 => prop::collection::vec(any::<u8>(), 1..300),
        1 => (any::<u64>(), 1usize..70_000).prop_map(|(seed, len)| noise(seed, len)),
        3 => prop::collection::vec(97u8..101, 1..2000),
        1 => (any::<u8>(), 1usize..100_000).prop_map(|(byte, len)| vec![byte; len]),
        4 => (any::<u64>(), period, 1usize..6).prop_map(|(seed, period, times)| noise(seed, period).repeat(times)),
        4 => (any::<u64>(), 1usize..400).prop_map(|(seed, trades)| json(seed, trades).into_bytes()),
    ]
}

/// Bytes that do not compress.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

/// A message of market data, of some 100 bytes a trade.
pub fn json(seed: u64, trades: usize) -> String {
    let bytes = noise(seed, trades * 8);
    let trades: Vec<String> = bytes
        .as_chunks::<8>()
        .0
        .iter()
        .enumerate()
        .map(|(i, r)| {
            format!(
                r#"{{"e":"trade","s":"BTC€USD","p":"{}.{:02}","q":"0.{:05}","T":{},"m":{}}}"#,
                64_000 + u32::from(r[0]),
                r[1] % 100,
                u32::from(r[2]) * 391 + u32::from(r[3]),
                1_700_000_000_000 + i * 37 + usize::from(r[4]),
                r[5] % 2 == 0
            )
        })
        .collect();
    format!("[{}]", trades.join(","))
}
