//! What is sent: cuts of one long text and one long blob, so that a model keeps two numbers for each message.

use std::sync::OnceLock;

use crate::random::Random;
use ws4d_test_host::codes::{WS_DATA_TYPE_BLOB, WS_DATA_TYPE_OBJECT, WS_DATA_TYPE_TEXT};

/// The longest message is about half of this.
const POOL: usize = 2 << 20;

struct Pool {
    /// Letters and umlauts: a character begins at each even place.
    text: Vec<u8>,
    blob: Vec<u8>,
}

fn pool() -> &'static Pool {
    static POOLS: OnceLock<Pool> = OnceLock::new();
    POOLS.get_or_init(|| {
        let mut random = Random::new(1, 1);
        let mut text = Vec::with_capacity(POOL);
        while text.len() < POOL {
            match random.below(12) {
                0 => text.extend("ü".as_bytes()),
                letter => text.extend([b'a' + letter as u8, b'a' + random.below(20) as u8]),
            }
        }
        let blob = (0..POOL).map(|_| random.below(256) as u8).collect();
        Pool { text, blob }
    })
}

/// One message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content {
    pub(crate) kind: i32,
    at: usize,
    len: usize,
}

impl Content {
    /// Most are small, a few fill buffers.
    pub(crate) fn any(random: &mut Random, kind: i32) -> Content {
        let longest = random.weighted(&[(60, 200), (25, 8_000), (12, 128 << 10), (3, 1 << 20)]);
        let len = random.below(longest) & !1;
        Content { kind, at: random.below(POOL - len) & !1, len }
    }

    /// As it is sent.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let range = self.at..self.at + self.len;
        match self.kind {
            WS_DATA_TYPE_BLOB => pool().blob[range].to_vec(),
            WS_DATA_TYPE_TEXT => pool().text[range].to_vec(),
            WS_DATA_TYPE_OBJECT => {
                let begin = format!("{{\"at\":{},\"text\":\"", self.at);
                [begin.as_bytes(), &pool().text[range], b"\"}"].concat()
            }
            other => unreachable!("{other}"),
        }
    }

    /// Whether that is what came.
    pub(crate) fn is(self, kind: i32, bytes: &[u8]) -> bool {
        let range = self.at..self.at + self.len;
        kind == self.kind
            && match kind {
                WS_DATA_TYPE_BLOB => bytes == &pool().blob[range],
                WS_DATA_TYPE_TEXT => bytes == &pool().text[range],
                _ => bytes == self.bytes(),
            }
    }

    pub(crate) fn len(self) -> usize {
        self.len
    }
}
