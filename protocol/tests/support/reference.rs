//! An inflater that is nobody's library, written from RFC 1951 to be read, which sees how far back a stream
//! reaches.

use super::deflate::TAIL;

/// Inflates by the letter of RFC 1951, and notes how far back it was sent.
#[derive(Default)]
pub struct Reference {
    /// All that ever came out.
    history: Vec<u8>,
    pub farthest: usize,
    /// The last message ended inside the code tables of a block.
    pub cut_in_tables: bool,
}

impl Reference {
    /// The next message has no context.
    pub fn forget(&mut self) {
        self.history.clear();
    }

    /// What comes out of any message that a server may send (RFC 7692 §7.2.2, §7.2.3): final blocks included,
    /// behind which a new stream begins. `None`: it is none. Stops when more than `limit` bytes came out.
    pub fn inflate(&mut self, payload: &[u8], limit: usize) -> Option<Vec<u8>> {
        let whole = [payload, &TAIL].concat();
        let mut bits = Bits { bytes: &whole, at: 0, end: payload.len() * 8, ran_out: false };
        let mut out = Vec::new();
        while !payload.is_empty() && bits.at < whole.len() * 8 && out.len() <= limit {
            let start = self.history.len();
            let last = self.block(&mut bits)?;
            out.extend_from_slice(&self.history[start..]);
            if last {
                self.forget();
                bits.at = bits.at.next_multiple_of(8);
                if bits.at > payload.len() * 8 {
                    // The tail is no final block, nor a part of one.
                    return None;
                }
                if bits.at == payload.len() * 8 {
                    break;
                }
            }
        }
        Some(out)
    }

    /// One message of ours, whose context is what came before.
    pub fn message(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let whole = [payload, &TAIL].concat();
        let start = self.history.len();
        let mut bits = Bits { bytes: &whole, at: 0, end: payload.len() * 8, ran_out: false };
        while bits.at < whole.len() * 8 {
            if self.block(&mut bits)? {
                // Ours never ends its stream.
                return None;
            }
        }
        Some(self.history[start..].to_vec())
    }

    /// Whether it was the final one.
    fn block(&mut self, bits: &mut Bits<'_>) -> Option<bool> {
        self.cut_in_tables = false;
        let last = bits.take(1)? == 1;
        match bits.take(2)? {
            0 => {
                bits.at = bits.at.next_multiple_of(8);
                let len = bits.take(16)?;
                (bits.take(16)? == !len & 0xffff).then_some(())?;
                for _ in 0..len {
                    let byte = bits.take(8)? as u8;
                    bits.of_payload()?;
                    self.history.push(byte);
                }
            }
            1 => {
                let lengths: Vec<u8> = (0..288)
                    .map(|i| [8, 9, 7, 8][usize::from(i > 143) + usize::from(i > 255) + usize::from(i > 279)])
                    .collect();
                self.symbols(bits, &Code::new(&lengths)?, &Code::new(&[5; 32])?)?;
            }
            2 => {
                let (literals, distances) = self.tables(bits)?;
                self.symbols(bits, &literals, &distances)?;
            }
            _ => return None,
        }
        Some(last)
    }

    fn tables(&mut self, bits: &mut Bits<'_>) -> Option<(Code, Code)> {
        let tables = Self::read_tables(bits);
        self.cut_in_tables = tables.is_none() && bits.ran_out;
        tables
    }

    fn read_tables(bits: &mut Bits<'_>) -> Option<(Code, Code)> {
        let (literals, distances, order) =
            (bits.take(5)? as usize + 257, bits.take(5)? as usize + 1, bits.take(4)? as usize + 4);
        (literals <= 286 && distances <= 30).then_some(())?;
        let mut lengths = [0; 19];
        for &place in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15].iter().take(order) {
            lengths[place] = bits.take(3)? as u8;
        }
        if lengths == [0; 19] {
            // No code at all: zlib reads a bit for each length, and then misses the end of the block.
            (0..literals + distances).try_for_each(|_| bits.take(1).map(drop))?;
            return None;
        }
        let code = Code::new(&lengths).filter(|code| code.left == 0)?;
        let mut lengths = Vec::new();
        while lengths.len() < literals + distances {
            let (value, times) = match code.read(bits)? {
                16 => {
                    let times = 3 + bits.take(2)?;
                    (*lengths.last()?, times)
                }
                17 => (0, 3 + bits.take(3)?),
                18 => (0, 11 + bits.take(7)?),
                len => (len as u8, 1),
            };
            lengths.extend((0..times).map(|_| value));
        }
        (lengths.len() == literals + distances && lengths[256] > 0).then_some(())?;
        let (literals, distances) = lengths.split_at(literals);
        Some((Code::new(literals)?, Code::new(distances)?))
    }

    fn symbols(&mut self, bits: &mut Bits<'_>, literals: &Code, distances: &Code) -> Option<()> {
        loop {
            let symbol = literals.read(bits)?;
            let len = match symbol {
                0..=255 => {
                    bits.of_payload()?;
                    self.history.push(symbol as u8);
                    continue;
                }
                256 => return Some(()),
                257..=264 => symbol - 254,
                265..=284 => {
                    let extra = (symbol - 261) / 4;
                    ((4 + (symbol - 261) % 4) << extra) + 3 + bits.take(extra)?
                }
                285 => 258,
                _ => return None,
            };
            let distance = match distances.read(bits)? {
                short @ 0..=3 => short + 1,
                long @ 4..=29 => {
                    let extra = long / 2 - 1;
                    ((2 + long % 2) << extra) + 1 + bits.take(extra)?
                }
                _ => return None,
            } as usize;
            bits.of_payload()?;
            self.farthest = self.farthest.max(distance);
            let from = self.history.len().checked_sub(distance)?;
            for i in 0..len as usize {
                self.history.push(self.history[from + i]);
            }
        }
    }
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the payload ends; what comes out must come out of it, and not of the tail.
    end: usize,
    ran_out: bool,
}

impl Bits<'_> {
    fn of_payload(&self) -> Option<()> {
        (self.at <= self.end).then_some(())
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for i in 0..count {
            let byte = self.bytes.get(self.at / 8);
            self.ran_out = byte.is_none();
            let byte = byte?;
            value |= u32::from(byte >> (self.at % 8) & 1) << i;
            self.at += 1;
        }
        Some(value)
    }
}

/// A canonical Huffman code (RFC 1951 §3.2.2): of each length how many, and the symbols in order.
struct Code {
    counts: [usize; 16],
    symbols: Vec<u32>,
    /// How many codes of 15 bits would still have been free.
    left: usize,
}

impl Code {
    /// `None`: more codes than there are, or fewer, which is allowed where there is but one, or none (RFC 1951
    /// §3.2.7 for distances, and zlib for both).
    fn new(lengths: &[u8]) -> Option<Code> {
        let mut counts = [0; 16];
        lengths.iter().filter(|&&len| len > 0).for_each(|&len| counts[usize::from(len)] += 1);
        let mut symbols: Vec<u32> = (0..lengths.len() as u32).filter(|&i| lengths[i as usize] > 0).collect();
        symbols.sort_by_key(|&symbol| lengths[symbol as usize]);
        let used: usize = (1..16).map(|len| counts[len] << (15 - len)).sum();
        let left = (1usize << 15).checked_sub(used)?;
        let lonely = symbols.is_empty() || (symbols.len() == 1 && counts[1] == 1);
        (left == 0 || lonely).then_some(Code { counts, symbols, left })
    }

    fn read(&self, bits: &mut Bits<'_>) -> Option<u32> {
        let (mut code, mut first, mut index) = (0, 0, 0);
        for len in 1..16 {
            code = code << 1 | bits.take(1)? as usize;
            if code < first + self.counts[len] {
                return self.symbols.get(index + code - first).copied();
            }
            index += self.counts[len];
            first = (first + self.counts[len]) << 1;
        }
        None
    }
}
