//! Samples of JSON, for the cases of compression: like an exchange's messages, alike but never the same.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::frame;

const MESSAGES: usize = 32;

/// What the server answers: compressed messages, each by itself, so that it is right with context takeover and without.
pub(crate) struct Samples {
    small: Vec<Vec<u8>>,
    large: Vec<Vec<u8>>,
}

impl Samples {
    pub(crate) fn load(folder: &Path) -> Samples {
        let compressed = |name| {
            let lines = fs::read_to_string(folder.join(name)).expect("the samples are there");
            lines.lines().map(|line| compressed_frame(line.as_bytes())).collect()
        };
        Samples { small: compressed("json-1k"), large: compressed("json-64k") }
    }

    pub(crate) fn compressed(&self, large: bool) -> &[Vec<u8>] {
        if large { &self.large } else { &self.small }
    }
}

fn compressed_frame(message: &[u8]) -> Vec<u8> {
    let mut deflated = Vec::with_capacity(message.len() + 64);
    flate2::Compress::new(flate2::Compression::new(6), false)
        .compress_vec(message, &mut deflated, flate2::FlushCompress::Sync)
        .expect("room for it");
    deflated.truncate(deflated.len() - 4);
    let mut bytes = frame::header_of(0xc1, deflated.len(), false);
    bytes.append(&mut deflated);
    bytes
}

/// Writes `json-1k` and `json-64k`, a message a line, for the server and for the clients.
pub(crate) fn write_samples(folder: &Path) {
    for (name, size) in [("json-1k", 1024), ("json-64k", 64 * 1024)] {
        // A small generator of its own, so that every run has the same bytes.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        let mut lines = String::new();
        for n in 0..MESSAGES {
            let mut line = format!(r#"{{"channel":"trades","sequence":{},"trades":["#, 1_000_000 + n);
            while line.len() < size - 160 {
                let comma = if line.ends_with('[') { "" } else { "," };
                let _ = write!(
                    line,
                    r#"{comma}{{"id":{},"symbol":"{}","price":"{}.{:02}","size":"0.{:05}","side":"{}","ts":{}}}"#,
                    random() % 1_000_000_000,
                    ["BTC-EUR", "ETH-EUR", "SOL-USD", "XRP-USD"][random() as usize % 4],
                    20_000 + random() % 5_000,
                    random() % 100,
                    random() % 100_000,
                    ["buy", "sell"][random() as usize % 2],
                    1_790_000_000_000_u64 + random() % 100_000,
                );
            }
            let _ = write!(line, r#"],"pad":"{}"}}"#, "-".repeat(size - line.len() - 11));
            debug_assert_eq!(line.len(), size);
            lines.push_str(&line);
            lines.push('\n');
        }
        fs::write(folder.join(name), lines).expect("the samples are written");
    }
}
