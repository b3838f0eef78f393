//! What we deflate, any server inflates; within the window that was agreed; and what was not sent is never
//! referred to.

mod support;

use proptest::prelude::*;
use support::cases;
use support::deflate::*;
use ws4d_protocol::deflate::{Deflater, Params};

fn params() -> impl Strategy<Value = Params> {
    (8u8..=15, any::<bool>()).prop_map(|(client_window_bits, client_context_takeover)| Params {
        client_window_bits,
        client_context_takeover,
        ..PARAMS
    })
}

/// A server that inflates what the deflater made of each message, and has not seen what was sent plain.
struct Server {
    reference: Reference,
    params: Params,
}

impl Server {
    fn new(params: Params) -> Server {
        Server { reference: Reference::default(), params }
    }

    /// Whether the message went compressed; it came through either way.
    fn receives(&mut self, deflater: &mut Deflater, content: &[u8]) -> bool {
        let mut out = b"before".to_vec();
        let compressed = deflater.compress(content, &mut out).expect("memory");
        assert_eq!(&out[..6], b"before");
        let payload = &out[6..];
        if !compressed {
            assert!(payload.is_empty(), "nothing is left of a message that goes plain");
            return false;
        }
        if !self.params.client_context_takeover {
            self.reference.forget();
        }
        let inflated = self.reference.message(payload);
        assert!(
            inflated.as_deref() == Some(content),
            "{:?} for {}",
            inflated.map(|i| i.len()),
            content.len()
        );
        let window = 1 << self.params.client_window_bits;
        assert!(self.reference.farthest <= window, "{} > {window}", self.reference.farthest);
        let kept = self.params.client_context_takeover && content.len() < window.max(512);
        if kept {
            assert!(payload.len() <= content.len() + 6, "{} of {}", payload.len(), content.len());
        } else {
            assert!(payload.len() < content.len(), "{} of {}", payload.len(), content.len());
        }
        true
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn every_message_comes_through_with_every_agreement_and_level(
        params in params(),
        level in 1u8..=9,
        contents in prop::collection::vec(content(), 1..12),
    ) {
        let mut deflater = Deflater::new(level, &params);
        let mut server = Server::new(params);
        for content in contents {
            server.receives(&mut deflater, &content);
        }
    }

    #[test]
    fn without_takeover_one_deflater_serves_many_sockets(
        level in 1u8..=9,
        contents in prop::collection::vec((content(), 0usize..3), 1..12),
    ) {
        let mut deflater = Deflater::new(level, &NO_TAKEOVER);
        let mut servers = [NO_TAKEOVER; 3].map(Server::new);
        for (content, server) in contents {
            servers[server].receives(&mut deflater, &content);
        }
    }
}

#[test]
fn where_8_bits_were_agreed_no_match_is_farther_than_250_bytes_on_data_that_tempt_to_it() {
    let params = Params { client_window_bits: 8, ..PARAMS };
    for level in 1..=9 {
        let mut farthest = 0;
        for takeover in [true, false] {
            let params = Params { client_context_takeover: takeover, ..params };
            for period in (240..=264).chain([505, 511, 512, 513]) {
                let mut deflater = Deflater::new(level, &params);
                let mut server = Server::new(params);
                let content = noise(period as u64, period).repeat(3);
                // In one message, and again in the next ones, whole and in pieces.
                server.receives(&mut deflater, &content);
                for piece in content.chunks(97) {
                    server.receives(&mut deflater, piece);
                }
                // Matches of every length at every distance.
                let mut tempting = Vec::new();
                for len in (3..300).step_by(7) {
                    tempting.extend_from_slice(&content[..len]);
                    tempting.extend(noise(len as u64, (period + len) % 300));
                }
                server.receives(&mut deflater, &tempting);
                farthest = farthest.max(server.reference.farthest);
            }
        }
        assert_eq!(farthest, 250, "level {level}: the test reaches what it is about");
    }
}

#[test]
fn the_whole_window_is_used_but_for_262_bytes() {
    for bits in 9..=15 {
        let params = Params { client_window_bits: bits, ..PARAMS };
        let mut server = Server::new(params);
        let mut deflater = Deflater::new(6, &params);
        for period in [(1 << bits) - 262, (1 << bits) - 261] {
            server.receives(&mut deflater, &noise(period as u64, period).repeat(2));
            assert_eq!(server.reference.farthest, (1 << bits) - 262);
        }
    }
}

#[test]
fn a_message_that_does_not_shrink_goes_plain_and_is_never_referred_to() {
    for params in [PARAMS, NO_TAKEOVER] {
        let (mut deflater, mut server) = (Deflater::new(6, &params), Server::new(params));
        let first = json(1, 20).into_bytes();
        assert!(server.receives(&mut deflater, &first));
        let plain = noise(7, 40_000);
        assert!(!server.receives(&mut deflater, &plain));
        // What repeats it is compressed as if it had never been.
        let mut repeats = plain[..20_000].to_vec();
        repeats.extend_from_slice(&first);
        assert!(server.receives(&mut deflater, &repeats));
        assert!(server.receives(&mut deflater, &first));
    }
}

#[test]
fn with_takeover_a_short_message_that_does_not_shrink_keeps_the_context() {
    let (mut deflater, mut server) = (Deflater::new(6, &PARAMS), Server::new(PARAMS));
    let content = json(3, 3).into_bytes();
    assert!(server.receives(&mut deflater, &content));
    assert!(server.receives(&mut deflater, &noise(5, 300)), "some bytes longer, but compressed");
    let mut out = Vec::new();
    assert_eq!(deflater.compress(&content, &mut out), Ok(true));
    assert!(out.len() < 24, "the context is still there: {} bytes", out.len());
    // Without takeover there is no context to keep.
    assert!(!Server::new(NO_TAKEOVER).receives(&mut Deflater::new(6, &NO_TAKEOVER), &noise(5, 300)));
}

#[test]
fn an_empty_message_goes_plain_and_changes_nothing() {
    for params in [PARAMS, NO_TAKEOVER] {
        let (mut deflater, mut server) = (Deflater::new(6, &params), Server::new(params));
        for content in [&b""[..], b"aaaaaaaaaaaaaaaaaaaaaaaa", b"", b"", b"aaaaaaaaaaaaaaaaaaaaaaaa"] {
            assert_eq!(server.receives(&mut deflater, content), !content.is_empty());
        }
    }
}

#[test]
fn the_example_of_the_rfc_is_compressed_as_the_rfc_says() {
    // RFC 7692 §7.2.3.1 and §7.2.3.2: "Hello", and again with context takeover.
    let mut deflater = Deflater::new(9, &PARAMS);
    let mut out = Vec::new();
    assert_eq!(deflater.compress(b"Hello", &mut out), Ok(true));
    assert_eq!(out, [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
    out.clear();
    assert_eq!(deflater.compress(b"Hello", &mut out), Ok(true));
    assert_eq!(out, [0xf2, 0x00, 0x11, 0x00, 0x00]);
}

#[test]
fn only_a_deflater_without_takeover_of_the_same_level_and_window_serves_others() {
    let deflater = Deflater::new(6, &NO_TAKEOVER);
    assert!(deflater.serves(6, &NO_TAKEOVER));
    assert!(!deflater.serves(5, &NO_TAKEOVER));
    assert!(!deflater.serves(6, &PARAMS));
    assert!(!deflater.serves(6, &Params { client_window_bits: 14, ..NO_TAKEOVER }));
    assert!(!Deflater::new(6, &PARAMS).serves(6, &NO_TAKEOVER));
}
