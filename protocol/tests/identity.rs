//! What is encoded, and unmasked by the letter of RFC 6455 §5.3, is decoded as it was: with every agreement about
//! compression, in fragments, with control frames between them, in every cut.

mod support;

use proptest::prelude::*;
use support::deflate::*;
use support::*;
use ws4d_protocol::deflate::Params;
use ws4d_protocol::frame::OpCode;
use ws4d_protocol::receive::{Limits, Receiver};
use ws4d_protocol::{close, send};

/// A client's stream as a server's: each frame unmasked, byte for byte.
fn unmasked(mut stream: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let [first, second, rest @ ..] = stream {
        assert_eq!(second & 0x80, 0x80, "a client masks");
        let (extended, len) = match second & 0x7f {
            126 => (2, usize::from(u16::from_be_bytes([rest[0], rest[1]]))),
            127 => (8, u64::from_be_bytes(rest[..8].try_into().expect("eight bytes")) as usize),
            short => (0, usize::from(short)),
        };
        let key = &rest[extended..extended + 4];
        let payload = &rest[extended + 4..extended + 4 + len];
        out.extend_from_slice(&[*first, second & 0x7f]);
        out.extend_from_slice(&rest[..extended]);
        out.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]));
        stream = &rest[extended + 4 + len..];
    }
    out
}

#[derive(Clone, Debug)]
struct Message {
    content: Vec<u8>,
    places: Vec<usize>,
    key: [u8; 4],
    ping: Option<Vec<u8>>,
    plain: bool,
}

fn message() -> impl Strategy<Value = Message> {
    (
        content(),
        prop::collection::vec(any::<usize>(), 0..4),
        any::<[u8; 4]>(),
        prop::option::of(prop::collection::vec(any::<u8>(), 0..=125)),
        any::<bool>(),
    )
        .prop_map(|(content, places, key, ping, plain)| Message { content, places, key, ping, plain })
}

fn encode(message: &Message, deflater: Option<&mut Deflater>, stream: &mut Vec<u8>) -> Vec<Event> {
    let mut payload = Vec::new();
    let compressed = match deflater {
        Some(deflater) if !message.plain => {
            deflater.compress(&message.content, &mut payload).expect("memory")
        }
        _ => false,
    };
    let payload = if compressed { &payload } else { &message.content };
    let text = std::str::from_utf8(&message.content).is_ok();
    let opcode = if text { OpCode::Text } else { OpCode::Binary };
    let pieces = cut(payload, &message.places);
    let mut events = Vec::new();
    for (i, piece) in pieces.iter().enumerate() {
        let fin = i + 1 == pieces.len();
        let encode = match i {
            0 if compressed => send::encode_compressed,
            _ => send::encode,
        };
        let opcode = if i == 0 { opcode } else { OpCode::Continuation };
        encode(opcode, fin, piece, message.key, stream).expect("memory");
        if let (Some(ping), false) = (&message.ping, fin) {
            send::encode(OpCode::Ping, true, ping, message.key, stream).expect("memory");
            events.push(Event::Ping(ping.clone()));
        }
    }
    events.push(if text { Event::Text } else { Event::Binary }(message.content.clone()));
    events
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn what_is_encoded_is_decoded_as_it_was(
        messages in prop::collection::vec(message(), 0..5),
        agreed in prop::option::of((8u8..=15, any::<bool>(), 1u8..=9)),
        code in prop_oneof![1000u16..=1003, 1007u16..=1014, 3000u16..=4999],
        reason in "[a-z€]{0,41}",
        places in places(),
    ) {
        let agreed = agreed.map(|(bits, takeover, level)| {
            let params = Params {
                client_window_bits: bits,
                server_window_bits: bits,
                client_context_takeover: takeover,
                server_context_takeover: takeover,
            };
            (params, Deflater::new(level, &params))
        });
        let params = agreed.as_ref().map(|(params, _)| *params);
        let mut deflater = agreed.map(|(_, deflater)| deflater);
        let (mut stream, mut events) = (Vec::new(), Vec::new());
        for message in &messages {
            events.extend(encode(message, deflater.as_mut(), &mut stream));
        }
        let mut payload = Vec::new();
        close::encode(Some(code), &reason, &mut payload);
        send::encode(OpCode::Close, true, &payload, [7, 7, 7, 7], &mut stream).expect("memory");
        events.push(Event::Close(Some(code), reason));

        let stream = unmasked(&stream);
        let mut receiver = Receiver::with_deflate(Limits::default(), params.as_ref());
        let outcome = decode_with(&mut receiver, cut(&stream, &places), false);
        prop_assert_eq!(outcome, Outcome { events, failure: None });
    }
}
