//! tungstenite as the judge; `support/judge.rs` has the few places where it is laxer, and the last test shows
//! each of them.

mod support;

use proptest::prelude::*;
use support::judge::{compare, tungstenite};
use support::*;
use tungstenite::protocol::Role;
use ws4d_protocol::frame::OpCode;
use ws4d_protocol::{close, send};

/// Lengths of each form that a header has for them.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![0usize..300, 65_530usize..65_540]
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_legal_stream_says_the_same_to_both(script in script()) {
        compare(script.stream);
    }

    #[test]
    fn a_mutated_stream_says_the_same_to_both_or_fails_in_both(stream in mutated()) {
        compare(stream);
    }

    #[test]
    fn what_we_encode_is_what_a_server_reads(
        messages in prop::collection::vec((any::<bool>(), length(), any::<[u8; 4]>()), 0..6),
        code in prop_oneof![1000u16..=1003, 1007u16..=1011, 3000u16..=4999],
        reason in "[a-z€]{0,41}",
    ) {
        let mut stream = Vec::new();
        let mut expected = Vec::new();
        for (text, len, key) in messages {
            let payload: Vec<u8> = (0..len).map(|i| b'a' + (i % 23) as u8).collect();
            let opcode = if text { OpCode::Text } else { OpCode::Binary };
            // Two fragments with a ping between them, then one frame.
            let middle = len / 3;
            send::encode(opcode, false, &payload[..middle], key, &mut stream).unwrap();
            send::encode(OpCode::Ping, true, b"ping", key, &mut stream).unwrap();
            send::encode(OpCode::Continuation, true, &payload[middle..], key, &mut stream).unwrap();
            send::encode(opcode, true, &payload, key, &mut stream).unwrap();
            let event = if text { Event::Text } else { Event::Binary };
            let ping = Event::Ping(b"ping".to_vec());
            expected.extend([ping, event(payload.clone()), event(payload)]);
        }
        let mut payload = Vec::new();
        close::encode(Some(code), &reason, &mut payload);
        send::encode(OpCode::Close, true, &payload, [9, 8, 7, 6], &mut stream).unwrap();
        expected.push(Event::Close(Some(code), reason));
        prop_assert_eq!(tungstenite(Role::Server, stream), (expected, false));
    }
}

#[test]
fn the_listed_places_are_the_ones_where_tungstenite_is_laxer() {
    // 1. Bad text in a frame that is not whole: it waits.
    let unfinished = [TEXT, 20, 0xff];
    assert!(decode_whole(&unfinished).failure.is_some());
    assert_eq!(tungstenite(Role::Client, unfinished.to_vec()), (vec![], false));
    // 2. A long form for a short length: it takes it.
    let long_form = [BINARY, 126, 0, 1, 7];
    assert!(decode_whole(&long_form).failure.is_some());
    assert_eq!(tungstenite(Role::Client, long_form.to_vec()), (vec![Event::Binary(vec![7])], false));
    let long_form = [PING, 126, 0, 1, 7];
    assert!(decode_whole(&long_form).failure.is_some());
    assert_eq!(tungstenite(Role::Client, long_form.to_vec()), (vec![Event::Ping(vec![7])], false));
    // 3. and 4. A bad code, and one that it does not know: 1002.
    let replaced = (vec![Event::Close(Some(1002), "Protocol violation".to_owned())], false);
    assert!(decode_whole(&frame(CLOSE, &[0x03, 0xed])).failure.is_some());
    assert_eq!(tungstenite(Role::Client, frame(CLOSE, &[0x03, 0xed])), replaced);
    assert_eq!(decode_whole(&frame(CLOSE, &[0x03, 0xf6])).events, [Event::Close(Some(1014), String::new())]);
    assert_eq!(tungstenite(Role::Client, frame(CLOSE, &[0x03, 0xf6])), replaced);
}
