//! The parts of a message's way, each alone: `cargo bench --package ws4d-benches`. On a busy machine take the
//! fastest of the runs, or count instructions (`make bench-instructions`).

use std::sync::Arc;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use ws4d_client::HandOver;
use ws4d_client::handle_table::HandleTable;
use ws4d_protocol::deflate::{Deflater, Params};
use ws4d_protocol::frame::{self, FrameHeader, OpCode};
use ws4d_protocol::receive::{Limits, Receiver};
use ws4d_protocol::{mask, send, utf8};

const SIZES: [usize; 4] = [32, 1024, 65_536, 1 << 20];
const KEY: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

fn main() {
    divan::main();
    what_deflate_saves();
}

/// Where compressing begins to pay: beside the time of `deflate_json`, what it makes of messages of so many bytes.
const SMALL_SIZES: [usize; 8] = [32, 64, 96, 128, 192, 256, 512, 1024];

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

fn what_deflate_saves() {
    println!("bytes of a JSON message, level 1: as it is, with context takeover, without");
    for size in SMALL_SIZES {
        let made = [true, false].map(|takeover| {
            let mut deflater = Deflater::new(1, &Params { client_context_takeover: takeover, ..PARAMS });
            let messages = quotes(size);
            let bytes: usize = messages
                .iter()
                .map(|message| {
                    let mut out = Vec::new();
                    let compressed = deflater.compress(message, &mut out).expect("memory");
                    if compressed { out.len() } else { message.len() }
                })
                .sum();
            bytes / messages.len()
        });
        println!("{size:>6} {:>6} {:>6}", made[0], made[1]);
    }
}

const PARAMS: Params = Params {
    client_window_bits: 15,
    server_window_bits: 15,
    client_context_takeover: true,
    server_context_takeover: true,
};

#[divan::bench(args = SMALL_SIZES)]
fn deflate_json(bencher: Bencher, size: usize) {
    let messages = quotes(size);
    let mut deflater = Deflater::new(1, &PARAMS);
    let mut out = Vec::with_capacity(2 * size + 64);
    let mut next = messages.iter().cycle();
    bencher.counter(BytesCount::new(size)).bench_local(|| {
        out.clear();
        deflater.compress(next.next().expect("cycles"), &mut out)
    });
}

#[divan::bench(args = SIZES)]
fn mask_in_place(bencher: Bencher, size: usize) {
    let mut data = vec![b'x'; size];
    bencher.counter(BytesCount::new(size)).bench_local(|| mask::apply_mask(black_box(&mut data), KEY, 0));
}

#[divan::bench(args = SIZES)]
fn mask_while_copying(bencher: Bencher, size: usize) {
    let data = vec![b'x'; size];
    let mut out = Vec::with_capacity(size);
    bencher.counter(BytesCount::new(size)).bench_local(|| {
        out.clear();
        mask::append_masked(&mut out, black_box(&data), KEY, 0);
    });
}

#[divan::bench(args = SIZES)]
fn utf8_ascii(bencher: Bencher, size: usize) {
    let data = vec![b'x'; size];
    bencher.counter(BytesCount::new(size)).bench_local(|| utf8::check(black_box(&data)).is_ok());
}

#[divan::bench(args = SIZES)]
fn utf8_mixed(bencher: Bencher, size: usize) {
    let text: String = "grüße, 世界 ".chars().cycle().take(size).collect();
    let data = text.as_bytes();
    bencher.counter(BytesCount::new(data.len())).bench_local(|| utf8::check(black_box(data)).is_ok());
}

#[divan::bench]
fn parse_a_header() -> bool {
    matches!(frame::parse(black_box(&[0x81, 32, 0, 0])), Ok(Some(_)))
}

#[divan::bench]
fn encode_a_header() -> usize {
    let header = FrameHeader { fin: true, rsv1: false, opcode: OpCode::Text, len: 32 };
    frame::encode(black_box(&header), KEY).1
}

#[divan::bench(args = [32, 1024, 65_536])]
fn encode_a_message(bencher: Bencher, size: usize) {
    let data = vec![b'x'; size];
    let mut out = Vec::with_capacity(size + 14);
    bencher.counter(BytesCount::new(size)).bench_local(|| {
        out.clear();
        send::encode(OpCode::Text, true, black_box(&data), KEY, &mut out).is_ok()
    });
}

/// What one read brings: 256 KiB of messages of one size.
#[divan::bench(args = [32, 1024, 65_536])]
fn decode_a_read(bencher: Bencher, size: usize) {
    let header = match size {
        0..126 => vec![0x81, size as u8],
        126..65_536 => vec![0x81, 126, (size >> 8) as u8, size as u8],
        _ => [&[0x81, 127][..], &(size as u64).to_be_bytes()].concat(),
    };
    let mut one = header;
    one.resize(one.len() + size, b'x');
    let messages = 256 * 1024 / one.len();
    let input = one.repeat(messages);
    let mut receiver = Receiver::new(Limits { max_message_size: 0 });
    bencher.counter(ItemsCount::new(messages)).bench_local(|| {
        let (mut at, mut found) = (0, 0);
        while let Ok(Some(_)) = receiver.next(black_box(&input), &mut at) {
            found += 1;
        }
        assert_eq!(found, messages);
    });
}

/// A batch into the mailbox, its callbacks out of it.
#[divan::bench(args = [1, 64, 4096])]
fn mailbox_hand_over(bencher: Bencher, messages: usize) {
    let handover = HandOver::new();
    bencher.counter(ItemsCount::new(messages)).bench_local(|| handover.pass(black_box(messages), 32));
}

/// The goal: under 20 ns.
#[divan::bench(sample_size = 10_000)]
fn handle_look_up(bencher: Bencher) {
    let table = HandleTable::new();
    let keys: Vec<u64> = (0..1000).filter_map(|n| table.insert(Arc::new(n))).collect();
    let mut next = keys.iter().cycle();
    bencher.bench_local(|| table.get(black_box(*next.next().unwrap_or(&0))).is_some());
}

#[divan::bench(sample_size = 10_000)]
fn handle_look_up_of_a_stale_one(bencher: Bencher) {
    let table = HandleTable::new();
    let key = table.insert(Arc::new(1)).unwrap_or(0);
    table.remove(key);
    bencher.bench_local(|| table.get(black_box(key)).is_none());
}
