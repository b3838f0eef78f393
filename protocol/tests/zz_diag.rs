//! x
mod support;
use support::deflate::*;
use ws4d_protocol::deflate::*;
use flate2::*;
#[test]
fn diag() {
    for level in 1..=9u8 { for bits in [9u8,12,15] { for seed in 0..200u64 { for n in [50usize, 300,1000,2000] {
        let content: Vec<u8> = noise(seed*7919+1, n).iter().map(|b| 97 + b % 4).collect();
        let p = Params { client_window_bits: bits, ..PARAMS };
        let mut d = Deflater::new(level, &p);
        let mut out = vec![];
        if !d.compress(&content, &mut out).unwrap() { continue }
        let mut r = Reference::default();
        let a = r.message(&out);
        let mut w = out.clone(); w.extend(TAIL);
        let mut z = Decompress::new(false);
        let mut o = Vec::with_capacity(10000);
        let s = z.decompress_vec(&w, &mut o, FlushDecompress::None);
        if a.as_deref() != Some(&content[..]) || o != content {
            println!("level {level} bits {bits} n {n} seed {seed} ref {:?} z {:?} {}", a.map(|a| a.len()), s.map_err(|e| e.to_string()), o == content);
            std::fs::write(format!("/tmp/bad-{level}-{bits}-{n}"), &w).unwrap();
            return;
        }
    }}}}
}
