//! Close frames: what is read as one was legal, and is written again as it came.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ws4d_fuzz::planted;
use ws4d_fuzz::support::{CLOSE, Event, decode_whole, frame};
use ws4d_protocol::close;

fuzz_target!(|payload: &[u8]| {
    // Whatever is legal at the end was legal at each byte before, and the other way round.
    let parsed = close::parse(payload);
    let beginnings_pass = (0..=payload.len()).all(|len| close::check_beginning(&payload[..len]).is_ok());
    match &parsed {
        Ok(close) => {
            assert!(beginnings_pass);
            match close.code {
                None => assert!(payload.is_empty() && close.reason.is_empty()),
                // RFC 6455 section 7.4 and the IANA registry, by hand.
                Some(code) => assert!(
                    (1000..=1014).contains(&code) && ![1004, 1005, 1006].contains(&code)
                        || (3000..=4999).contains(&code)
                ),
            }
            let mut written = Vec::new();
            close::encode(close.code, &close.reason, &mut written);
            // A longer reason than a control frame holds is cut at a character.
            if payload.len() <= 125 {
                assert_eq!(written, payload);
            } else {
                assert!(written.len() > 121 && written.len() <= 125 && payload.starts_with(&written));
            }
        }
        // Without its end only a code or a character may be missing.
        Err(_) if beginnings_pass => {
            assert!(
                payload.len() == 1 || std::str::from_utf8(&payload[2..]).unwrap_err().error_len().is_none()
            );
        }
        Err(_) => {}
    }
    if payload.len() <= 125 {
        let outcome = decode_whole(&frame(CLOSE, payload));
        match parsed {
            Ok(close) => assert_eq!(outcome.events, [Event::Close(close.code, close.reason)]),
            Err(failure) => assert_eq!(
                outcome.failure.map(|(_, failure)| failure.close_code()),
                Some(failure.close_code())
            ),
        }
        planted(|| matches!(&outcome.events[..], [Event::Close(Some(4999), reason)] if reason.contains('€')));
    }
});
