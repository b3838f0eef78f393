//! How the network cuts the stream changes nothing: the same events, the same failure, at the same
//! byte.

mod support;

use proptest::prelude::*;
use support::*;
use ws4d_protocol::receive::{Limits, Receiver};

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn a_legal_stream_gives_its_events_in_every_split(script in script(), places in places()) {
        let expected = Outcome { events: script.events, failure: None };
        prop_assert_eq!(&decode_whole(&script.stream), &expected);
        prop_assert_eq!(&decode(cut(&script.stream, &places), 0), &expected);
        prop_assert_eq!(&drip(&script.stream, 0), &expected);
    }

    #[test]
    fn a_broken_stream_fails_at_the_same_byte_in_every_split(
        stream in mutated(),
        places in places(),
        limit in prop_oneof![Just(0u64), 0u64..300],
    ) {
        let whole = decode([&stream[..]], limit);
        prop_assert_eq!(&decode(cut(&stream, &places), limit), &whole);
        prop_assert_eq!(&drip(&stream, limit), &whole);
    }

    #[test]
    fn a_failure_needs_no_byte_behind_it_and_none_less(stream in mutated()) {
        if let Some((shown_at, failure)) = decode_whole(&stream).failure {
            let without_rest = decode_whole(&stream[..shown_at]);
            prop_assert_eq!(without_rest.failure, Some((shown_at, failure)));
            prop_assert_eq!(decode_whole(&stream[..shown_at - 1]).failure, None);
        }
    }

    #[test]
    fn reading_into_the_buffer_of_the_message_gives_the_same_events(
        scripts in prop::collection::vec(script(), 1..3),
        places in places(),
    ) {
        for script in scripts {
            let mut receiver = Receiver::new(Limits::default());
            let outcome = decode_with(&mut receiver, cut(&script.stream, &places), true);
            prop_assert_eq!(outcome, Outcome { events: script.events, failure: None });
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(stream in prop::collection::vec(any::<u8>(), 0..400), places in places()) {
        decode(cut(&stream, &places), 1000);
    }
}
