//! The parts of a message's way, each alone: `cargo bench --package ws4d-benches`. On a busy machine take the
//! fastest of the runs, or count instructions (`make bench-instructions`).

mod deflate;

use std::sync::Arc;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use ws4d_client::HandOver;
use ws4d_client::handle_table::HandleTable;
use ws4d_protocol::frame::{self, FrameHeader, OpCode};
use ws4d_protocol::receive::{Limits, Receiver};
use ws4d_protocol::{mask, send, utf8};

const SIZES: [usize; 4] = [32, 1024, 65_536, 1 << 20];
const KEY: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

fn main() {
    divan::main();
    deflate::print_tables();
}

#[divan::bench(args = SIZES)]
fn mask_and_copy(bencher: Bencher, size: usize) {
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
