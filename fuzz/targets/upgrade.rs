//! The answer to the upgrade: in every cut the same judgement, and nothing is accepted that does not have what
//! RFC 6455 section 4.1 wants.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ws4d_client::Options;
use ws4d_client::fuzzing::{ACCEPT, Answer, answer};
use ws4d_fuzz::support::cut;
use ws4d_fuzz::{places, planted, take};

fuzz_target!(|data: &[u8]| {
    let mut bytes = data;
    let [asked] = take::<1>(&mut bytes);
    let places = places(&mut bytes);
    let mut options = Options::default();
    options.set_compression((asked & 1).into()).expect("a level");
    let windows = 15 - i32::from(asked >> 1 & 7);
    options.set_compression_window_bits(windows, windows).expect("windows");
    options.set_compression_context_takeover(asked & 16 == 0, asked & 32 == 0).expect("compression");
    if asked & 64 != 0 {
        options.set_subprotocol("chat").expect("a token");
        options.set_subprotocol("superchat").expect("a token");
    }

    // What an error quotes is what had arrived when it was found.
    let whole = answer(&[bytes], &options).map_err(|error| error.code());
    assert_eq!(answer(&cut(bytes, &places), &options).map_err(|error| error.code()), whole);
    let dripped: Vec<&[u8]> = bytes.chunks(1).take(2000).collect();
    if dripped.len() == bytes.len() {
        assert_eq!(answer(&dripped, &options).map_err(|error| error.code()), whole);
    }

    let Ok(Answer::Accepted(subprotocol, deflate, rest)) = whole else { return };
    let head = bytes.strip_suffix(&rest[..]).expect("the rest is what follows");
    // The last of the heads: interim answers may come before it.
    let head = String::from_utf8_lossy(head.strip_suffix(b"\r\n\r\n").expect("the end of a head"));
    let head = head.rsplit("\r\n\r\n").next().expect("a head");
    let mut lines = head.split("\r\n");
    assert!(lines.next().expect("a first line").starts_with("HTTP/1.1 101"));
    let headers: Vec<(String, &str)> = lines
        .map(|line| line.split_once(':').expect("a header"))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim_matches([' ', '\t'])))
        .collect();
    let all = |wanted: &str| -> Vec<&str> {
        headers.iter().filter(|(name, _)| name == wanted).map(|(_, value)| *value).collect()
    };
    assert!(!head.contains('\0') && !head.replace("\r\n", "").contains(['\r', '\n']));
    assert_eq!(all("sec-websocket-accept"), [ACCEPT]);
    assert!(matches!(all("upgrade")[..], [value] if value.eq_ignore_ascii_case("websocket")));
    assert!(all("connection").join(",").to_ascii_lowercase().contains("upgrade"));
    match &subprotocol {
        None => assert!(all("sec-websocket-protocol").is_empty()),
        Some(one) => assert!(asked & 64 != 0 && all("sec-websocket-protocol") == [one]),
    }
    let extensions = all("sec-websocket-extensions").join(",");
    assert_eq!(deflate.is_some(), extensions.contains("permessage-deflate"));
    if let Some(params) = deflate {
        assert!(asked & 1 != 0);
        assert!((8..=windows).contains(&params.client_window_bits.into()));
        // A server that grants less than was asked of it is accepted: its messages can be read all the same.
        assert!((8..=15).contains(&params.server_window_bits));
        assert!(!params.client_context_takeover || asked & 16 == 0);
    }
    planted(|| deflate.is_some_and(|params| params.server_window_bits < 15) && subprotocol.is_some());
});
