//! What we deflate, any server inflates; within the window that was agreed; and what was not sent is never
//! referred to.

mod support;

use proptest::prelude::*;
use support::cases;
use support::deflate::*;
use ws4d_protocol::deflate::{self, Compressor, Compressors, Params};

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
        self.receives_from(content, |out| deflater.compress(content, out).expect("memory"))
    }

    fn receives_from(&mut self, content: &[u8], compress: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
        let mut out = b"before".to_vec();
        let compressed = compress(&mut out);
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
    fn sockets_with_every_agreement_share_compressors(
        params in prop::collection::vec(params(), 6),
        levels in (1u8..=9, 1u8..=9),
        turns in prop::collection::vec((content(), 0usize..6, 0u8..10), 1..40),
    ) {
        let (level, memory_level) = levels;
        let mut sockets: Vec<Shared> = params.iter().map(|params| Shared::new(level, memory_level, *params)).collect();
        let mut compressors = Compressors::new();
        for (content, socket, chance) in turns {
            if chance == 0 {
                // Another one in its place.
                sockets[socket] = Shared::new(level, memory_level, params[socket]);
            }
            sockets[socket].sends(&content, &mut compressors);
        }
    }
}

/// A socket that shares its compressors, and its server.
struct Shared {
    deflater: deflate::Deflater,
    server: Server,
}

impl Shared {
    fn new(level: u8, memory_level: u8, params: Params) -> Shared {
        Shared { deflater: deflate::Deflater::new(level, memory_level, &params), server: Server::new(params) }
    }

    fn sends(&mut self, content: &[u8], compressors: &mut Compressors) -> bool {
        let mut lent = compressors.take(&self.deflater);
        let sent = self.sends_with(content, &mut lent);
        drop(lent.and_then(|compressor| compressors.keep(compressor)));
        sent
    }

    fn sends_with(&mut self, content: &[u8], lent: &mut Option<Compressor>) -> bool {
        let Shared { deflater, server } = self;
        server.receives_from(content, |out| deflater.compress(content, out, lent).expect("memory"))
    }

    /// How many bytes this becomes with that compressor.
    fn size_of(&mut self, content: &[u8], lent: &mut Option<Compressor>) -> usize {
        let mut out = Vec::new();
        assert_eq!(self.deflater.compress(content, &mut out, lent), Ok(true));
        assert_eq!(self.server.reference.message(&out).as_deref(), Some(content));
        out.len()
    }
}

#[test]
fn with_takeover_any_compressor_knows_the_end_of_what_was_sent() {
    for (memory_level, kept) in
        [(1, 512), (2, 512), (3, 1 << 10), (5, 1 << 12), (7, 1 << 14), (8, 1 << 15), (9, 1 << 15)]
    {
        for level in [1, 6] {
            let content = noise(9, 200);
            // What lies between it and its repetition: just near enough, just too far.
            for (between, known) in [(kept - 262 - 200, true), (kept - 262 + 10, false)] {
                let mut socket = Shared::new(level, memory_level, PARAMS);
                let mut own = None;
                socket.size_of(&content, &mut own);
                socket.size_of(&vec![b'x'; between], &mut own);
                let size = socket.size_of(&content, &mut None);
                assert_eq!(size < 100, known, "level {level}, {memory_level}, {between}: {size} bytes");
            }
        }
    }
}

#[test]
fn a_compressor_that_has_served_nobody_else_knows_the_whole_window() {
    let mut socket = Shared::new(6, 1, PARAMS);
    let mut own = None;
    let content = noise(9, 200);
    socket.size_of(&content, &mut own);
    socket.size_of(&vec![b'x'; 30_000], &mut own);
    assert!(socket.size_of(&content, &mut own) < 100);
}

#[test]
fn a_compressor_is_never_lent_with_anothers_messages_in_its_window() {
    let content = json(5, 50).into_bytes();
    for (first, second) in
        [(PARAMS, PARAMS), (PARAMS, NO_TAKEOVER), (NO_TAKEOVER, PARAMS), (NO_TAKEOVER, NO_TAKEOVER)]
    {
        let (mut one, mut other) = (Shared::new(6, 5, first), Shared::new(6, 5, second));
        let mut lent = None;
        for _ in 0..3 {
            assert!(one.sends_with(&content, &mut lent));
            assert!(other.sends_with(&content, &mut lent));
        }
    }
}

#[test]
fn few_sockets_find_their_own_compressors_again_and_many_share_them() {
    let content = json(6, 20).into_bytes();
    let far = noise(7, 6000);
    for (count, own) in [(1, true), (4, true), (5, false), (40, false)] {
        let mut compressors = Compressors::new();
        let mut sockets: Vec<Shared> = (0..count).map(|_| Shared::new(6, 5, PARAMS)).collect();
        // Farther back than what is kept at this level.
        for message in [&content, &far, &far] {
            for socket in &mut sockets {
                socket.sends(message, &mut compressors);
            }
        }
        let mut lent = compressors.take(&sockets[0].deflater);
        assert_eq!(sockets[0].size_of(&content, &mut lent) < 100, own, "{count} sockets");
    }
}

/// Parts refer to those before them, also where messages do not, and other sockets send between them.
#[test]
fn the_parts_of_a_message_go_through_whichever_compressor_is_lent() {
    let parts: Vec<Vec<u8>> = (0..6).map(|n| json(n % 2, 30).into_bytes()).collect();
    for params in [PARAMS, NO_TAKEOVER, Params { client_window_bits: 9, ..NO_TAKEOVER }] {
        for between in [false, true] {
            let mut compressors = Compressors::new();
            let mut others: Vec<Shared> = (0..5).map(|_| Shared::new(6, 5, params)).collect();
            let (mut deflater, mut reference) = (deflate::Deflater::new(6, 5, &params), Reference::default());
            let mut payload = Vec::new();
            for part in &parts {
                let mut lent = compressors.take(&deflater);
                assert_eq!(deflater.compress_part(part, &mut payload, &mut lent), Ok(()));
                drop(lent.and_then(|compressor| compressors.keep(compressor)));
                for other in others.iter_mut().filter(|_| between) {
                    other.sends(part, &mut compressors);
                }
            }
            payload.extend_from_slice(deflate::END_OF_PARTS);
            assert!(reference.message(&payload) == Some(parts.concat()), "{params:?}");
            assert!(reference.farthest <= 1 << params.client_window_bits, "{}", reference.farthest);
        }
    }
}

#[test]
fn a_compressor_of_a_socket_that_is_gone_serves_the_next_one() {
    let mut compressors = Compressors::new();
    for _ in 0..10 {
        Shared::new(6, 5, PARAMS).sends(&json(1, 20).into_bytes(), &mut compressors);
    }
    let next = Shared::new(6, 5, PARAMS);
    assert!(compressors.take(&next.deflater).is_some());
    assert!(compressors.take(&next.deflater).is_none(), "all of them have used one");
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
        // What came before it is known still, and what repeats it is compressed as if it had never been.
        let mut out = Vec::new();
        let mut again = [&first[..10], &first].concat();
        assert_eq!(deflater.compress(&again, &mut out), Ok(true));
        assert_eq!(out.len() < 50, params.client_context_takeover, "{} bytes", out.len());
        if !params.client_context_takeover {
            server.reference.forget();
        }
        assert_eq!(server.reference.message(&out), Some(again.clone()));
        again.splice(..0, plain[..20_000].iter().copied());
        assert!(server.receives(&mut deflater, &again));
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
fn only_a_compressor_of_the_same_levels_and_window_serves_others() {
    let narrow = Params { client_window_bits: 14, ..PARAMS };
    let mut compressors = Compressors::new();
    let mut socket = Shared::new(6, 5, PARAMS);
    socket.sends(&json(1, 20).into_bytes(), &mut compressors);
    drop(socket);
    for (level, memory_level, params) in [(5, 5, PARAMS), (6, 4, PARAMS), (6, 5, narrow)] {
        assert!(compressors.take(&deflate::Deflater::new(level, memory_level, &params)).is_none());
    }
    for params in [NO_TAKEOVER, PARAMS] {
        let lent = compressors.take(&deflate::Deflater::new(6, 5, &params)).expect("the one that is there");
        assert!(compressors.keep(lent).is_none());
    }
}

#[test]
fn the_compressors_that_are_kept_are_few() {
    let mut compressors = Compressors::new();
    let content = json(1, 20).into_bytes();
    let mut sockets: Vec<Shared> = (0..40).map(|_| Shared::new(1, 1, PARAMS)).collect();
    // As of so many threads at once.
    let made: Vec<_> = sockets
        .iter_mut()
        .filter_map(|socket| {
            let mut lent = None;
            socket.sends_with(&content, &mut lent);
            lent
        })
        .collect();
    assert_eq!(made.len(), 40);
    let surplus = made.into_iter().filter_map(|made| compressors.keep(made)).count();
    assert_eq!(surplus, 24);
}
