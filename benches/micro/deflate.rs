//! Compression: what it costs, and what it makes of JSON.

use std::time::Instant;

use divan::Bencher;
use divan::counter::BytesCount;
use ws4d_protocol::deflate::{Compressor, Deflater, Params, compressor_memory, history_memory};

/// Where compressing begins to pay: beside the time of `deflate_json`, what it makes of messages of so many bytes.
const SMALL_SIZES: [usize; 8] = [32, 64, 96, 128, 192, 256, 512, 1024];

const PARAMS: Params = Params {
    client_window_bits: 15,
    server_window_bits: 15,
    client_context_takeover: true,
    server_context_takeover: true,
};

/// What the options are by default.
const LEVEL: u8 = 1;
const MEMORY_LEVEL: u8 = 5;

/// Quotes as a market sends them, cut to a size; each is another one.
fn quotes(size: usize) -> Vec<Vec<u8>> {
    let quote = |i: usize| {
        let (price, volume) = (64_000 + i * 7919 % 997, i * 104_729 % 9973);
        format!(
            r#"{{"type":"quote","symbol":"BTC-USD","bid":{price}.25,"ask":{price}.75,"volume":{volume},"time":{i}}},"#
        )
    };
    (0..64).map(|i| (i * 40..).map(quote).flat_map(String::into_bytes).take(size).collect()).collect()
}

/// Messages as an exchange's: of several kinds, symbols and sides, so that what is farther back is worth something.
fn trades(size: usize, count: usize) -> Vec<Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 20) % below
    };
    let symbols = ["BTC-USD", "ETH-USD", "SOL-EUR", "XRP-USD", "ADA-BTC", "DOGE-USD", "LTC-EUR", "DOT-USD"];
    let mut trade = |n: usize| {
        format!(
            r#"{{"type":"{}","symbol":"{}","price":"{}.{:02}","size":"0.{:05}","side":"{}","time":{},"id":{}}},"#,
            ["trade", "quote", "book"][random(3) as usize],
            symbols[random(8) as usize],
            64_000 + random(900),
            random(100),
            random(100_000),
            ["buy", "sell"][random(2) as usize],
            1_700_000_000_000 + n as u64 * 37 + random(30),
            10_000_000 + n * 7
        )
    };
    (0..count)
        .map(|n| {
            let mut message = Vec::new();
            while message.len() < size {
                message.extend(trade(n).bytes());
            }
            message.truncate(size);
            message
        })
        .collect()
}

/// The same tables as in `docs/performance.md`.
pub(crate) fn print_tables() {
    println!("bytes of a JSON message, level {LEVEL}: as it is, with context takeover, without");
    for size in SMALL_SIZES {
        let made = [true, false].map(|takeover| {
            let params = Params { client_context_takeover: takeover, ..PARAMS };
            let mut deflater = Deflater::new(LEVEL, MEMORY_LEVEL, &params);
            let mut compressor = None;
            let messages = quotes(size);
            let bytes: usize = messages
                .iter()
                .map(|message| {
                    let mut out = Vec::new();
                    let compressed = deflater.compress(message, &mut out, &mut compressor).expect("memory");
                    if compressed { out.len() } else { message.len() }
                })
                .sum();
            bytes / messages.len()
        });
        println!("{size:>6} {:>6} {:>6}", made[0], made[1]);
    }
    println!(
        "\nJSON messages of 256 B, 1 KiB, 16 KiB, with context takeover: per cent of the bytes that are left, microseconds"
    );
    println!(
        "| compression | memory level | a socket keeps, KiB | a compressor, KiB | its own: 256 B | 1 KiB | 16 KiB | a shared one: 256 B | 1 KiB | 16 KiB |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for level in [1, 6, 9] {
        for memory_level in 1..=9 {
            let kept = history_memory(memory_level) as f64 / 1024.0;
            print!("| {level} | {memory_level} | {kept} | {} |", compressor_memory(memory_level, 15) / 1024);
            for shared in [false, true] {
                for (size, count) in [(256, 2000), (1024, 1000), (16 * 1024, 100)] {
                    let (left, time) = measure(level, memory_level, shared, &trades(size, count));
                    print!(" {left:.1} %, {time:.1} |");
                }
            }
            println!();
        }
    }
}

/// What is left of the messages, in per cent, and the time of one: the best of ten runs. `shared`: each is compressed by a
/// compressor that has served another socket meanwhile.
fn measure(level: u8, memory_level: u8, shared: bool, messages: &[Vec<u8>]) -> (f64, f64) {
    let mut best = f64::MAX;
    let mut bytes = 0;
    for _ in 0..10 {
        let mut sockets = [(); 2].map(|()| Deflater::new(level, memory_level, &PARAMS));
        let mut compressor: Option<Compressor> = None;
        let mut out = Vec::with_capacity(64 * 1024);
        let begun = Instant::now();
        bytes = 0;
        for message in messages {
            for socket in &mut sockets[..if shared { 2 } else { 1 }] {
                out.clear();
                let compressed = socket.compress(message, &mut out, &mut compressor).expect("memory");
                bytes += if compressed { out.len() } else { message.len() };
            }
        }
        best = best.min(begun.elapsed().as_secs_f64() * 1e6);
    }
    let count = messages.len() * if shared { 2 } else { 1 };
    (100.0 * bytes as f64 / (count * messages[0].len()) as f64, best / count as f64)
}

#[divan::bench(args = SMALL_SIZES)]
fn deflate_json(bencher: Bencher, size: usize) {
    let messages = quotes(size);
    let mut deflater = Deflater::new(LEVEL, MEMORY_LEVEL, &PARAMS);
    let mut compressor = None;
    let mut out = Vec::with_capacity(2 * size + 64);
    let mut next = messages.iter().cycle();
    bencher.counter(BytesCount::new(size)).bench_local(|| {
        out.clear();
        deflater.compress(next.next().expect("cycles"), &mut out, &mut compressor)
    });
}
