//! The same bytes to tungstenite and to us: the same events, or an error of both. The places where it is
//! laxer are listed in `protocol/tests/support/judge.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ws4d_fuzz::planted;
use ws4d_fuzz::support::{Event, decode_whole, judge};

fuzz_target!(|stream: &[u8]| {
    judge::compare(stream.to_vec());
    planted(|| matches!(&decode_whole(stream).events[..], [Event::Ping(_), .., Event::Binary(_)]));
});
