//! The grammar of a socket's callbacks (`ws_handler` in the header).

/// Asserts that the whole life of one socket that `ws_new*` returned was
///
/// ```text
/// open?  (message | part | drain | ping | pong)*  error?  terminate  free
/// ```
///
/// or, where it returned NULL, `free` alone. Between the first part of a message and its last nothing comes but `drain`,
/// `ping` and `pong`.
///
/// # Panics
/// If it was not; the message shows the trace.
pub fn check_grammar(trace: &[String]) {
    check_grammar_so_far(trace);
    assert_eq!(trace.last().map(String::as_str), Some("free"), "a life ends with free: {trace:#?}");
}

/// Asserts that a trace may go on to be one that [`check_grammar`] accepts.
///
/// # Panics
/// If it may not; the message shows the trace.
pub fn check_grammar_so_far(trace: &[String]) {
    // How far the life has come: 0 new, 1 open, 2 failed, 3 terminated, 4 freed.
    let mut stage = 0;
    // The bytes of the message whose last part is still to come.
    let mut open_message = None;
    for (at, entry) in trace.iter().enumerate() {
        let kind = entry.split(' ').next().unwrap_or_default();
        let next = match (kind, stage) {
            ("open", 0) => 1,
            ("message", 1) if open_message.is_none() => 1,
            ("part", 1) => {
                let mut words = entry.split(' ').skip(1);
                let offset: u64 = words.next().and_then(|offset| offset.parse().ok()).expect("an offset");
                assert_eq!(offset == 0, open_message.is_none(), "entry {at}: {trace:#?}");
                assert!(open_message < Some(offset) || offset == 0, "entry {at}: {trace:#?}");
                open_message = (words.next() != Some("last")).then_some(offset);
                1
            }
            ("drain" | "ping" | "pong", 1) => 1,
            ("error", 0 | 1) => 2,
            ("terminate", 0..=2) => 3,
            ("free", 3) => 4,
            // A socket that could not be made.
            ("free", 0) => 4,
            _ => panic!("entry {at}, {entry:?}, may not come there: {trace:#?}"),
        };
        stage = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(trace: &str) -> bool {
        let trace: Vec<String> = trace.split(", ").map(str::to_owned).collect();
        std::panic::catch_unwind(|| check_grammar(&trace)).is_ok()
    }

    #[test]
    fn lives_that_keep_the_grammar_pass() {
        for trace in [
            "free",
            "terminate 1006, free",
            "error WS_ERR_DNS, terminate 1006, free",
            "open, message text a, pong, drain, terminate 1000 bye clean, free",
            "open, message text a, error WS_ERR_PROTOCOL, terminate 1006, free",
            "open, part 0 text a, pong, part 1 last text, part 0 blob 00, terminate 1006, free",
        ] {
            assert!(whole(trace), "{trace}");
        }
    }

    #[test]
    fn lives_that_break_it_do_not() {
        for trace in [
            "open",
            "open, free",
            "open, terminate 1000",
            "message text a, open, terminate 1000, free",
            "open, open, terminate 1000, free",
            "open, error X, message text a, terminate 1006, free",
            "open, error X, error X, terminate 1006, free",
            "open, terminate 1000, terminate 1000, free",
            "open, terminate 1000, free, free",
            "open, terminate 1000, message text a, free",
            "open, part 1 text a, terminate 1006, free",
            "open, part 0 text a, message text b, terminate 1006, free",
            "open, part 0 text a, part 0 text b, terminate 1006, free",
            "free, free",
        ] {
            assert!(!whole(trace), "{trace}");
        }
    }
}
