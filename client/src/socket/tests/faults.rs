//! A panic at each marked point of a send, one after the other: the socket goes on, or it has ended with an error.

use super::peer::{Life, agreed, noise};
use crate::error::ErrorCode;
use crate::fault::{arm, disarm};
use crate::socket::SendKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use ws4d_protocol::deflate::Params;

/// A panic at the `n`th point of one send; `false`: it has no more of them.
fn fault_at(n: u32, agreed: Option<Params>, message: &[u8]) -> bool {
    let life = Life::begin(agreed);
    let (before, after) = (vec![b'b'; 5000], [message, b"after"].concat());
    life.send(&before).unwrap();
    assert!(life.arrives(&before));
    arm(n);
    let sent = catch_unwind(AssertUnwindSafe(|| life.send(message)));
    let fired = disarm();
    assert_eq!(fired, sent.is_err(), "point {n}");
    match life.send(&after) {
        Ok(()) => {
            // Where all was written before the panic, it has left.
            assert!(life.arrives(&after) || life.arrives(&after), "point {n}");
            life.until_nothing_is_buffered();
            let sent = life.socket.stats().messages_sent;
            assert!((2 + u64::from(!fired)..=3).contains(&sent), "point {n}: {sent} messages");
            life.socket.terminate(1000, b"").unwrap();
            life.socket.abort().unwrap();
            assert!(!life.ended_with_an_error(), "point {n}");
        }
        Err(error) => {
            assert_eq!((fired, error), (true, ErrorCode::Closed), "point {n}");
            assert!(life.ended_with_an_error(), "point {n}: the end of a broken connection is told");
            assert_eq!(life.socket.buffered_amount(), 0, "point {n}");
        }
    }
    fired
}

#[test]
fn a_panic_at_any_point_of_a_send_leaves_a_socket_that_works_or_has_ended() {
    let noise = noise(1_500_000);
    for (way, agreed, message) in [
        ("direct", None, &noise[..100]),
        ("a ticket", None, &noise[..20_000]),
        ("a ticket of several frames", None, &noise[..]),
        ("compressed", Some(agreed(false)), &[7; 20_000][..]),
        ("compressed, in turn", Some(agreed(true)), &[7; 20_000][..]),
    ] {
        let points = (1..).take_while(|&n| fault_at(n, agreed, message)).count();
        assert!(points >= 4, "{way}: {points} points");
    }
}

fn in_parts(life: &Life, message: &[u8]) -> Result<(), ErrorCode> {
    life.socket.send_begin(SendKind::Blob, false)?;
    message.chunks(message.len() / 3).try_for_each(|part| life.socket.send_part(part))?;
    life.socket.send_end()
}

/// A panic at the `n`th point of an act of the host's that ends the socket: the end comes all the same.
fn fault_in_end_at(n: u32, act: fn(&Life) -> Result<(), ErrorCode>) -> bool {
    let life = Life::begin(None);
    life.send(b"before").unwrap();
    assert!(life.arrives(b"before"));
    arm(n);
    let done = catch_unwind(AssertUnwindSafe(|| act(&life)));
    let fired = disarm();
    assert_eq!(done.ok(), Some(Ok(())), "point {n}: each step is done, whatever becomes of another");
    // Its server answers no close frame: then the end is by an error of the fault's, or by the close timeout.
    let _ = life.ended_with_an_error();
    fired
}

#[test]
fn a_panic_at_any_point_of_an_end_keeps_no_end_away() {
    let terminate: fn(&Life) -> Result<(), ErrorCode> = |life| life.socket.terminate(1000, b"");
    for (least, act) in [(2, terminate), (2, |life| life.socket.abort())] {
        let points = (1..).take_while(|&n| fault_in_end_at(n, act)).count();
        assert!(points >= least, "{points} points");
    }
}

/// A part that a panic has kept away leaves the message open, and others behind it: the host ends it, or the socket.
fn fault_in_parts_at(n: u32, agreed: Option<Params>, message: &[u8]) -> bool {
    let life = Life::begin(agreed);
    arm(n);
    let sent = catch_unwind(AssertUnwindSafe(|| in_parts(&life, message)));
    let fired = disarm();
    assert_eq!(fired, sent.is_err(), "point {n}");
    // Open still, or not any more, or never begun.
    let _ = life.socket.send_end();
    match life.send(b"after") {
        Ok(()) => {
            assert!(life.arrives(b"after") || life.arrives(b"after"), "point {n}");
            life.socket.abort().unwrap();
            assert!(!life.ended_with_an_error(), "point {n}");
        }
        Err(error) => {
            assert_eq!((fired, error), (true, ErrorCode::Closed), "point {n}");
            assert!(life.ended_with_an_error(), "point {n}: the end of a broken connection is told");
        }
    }
    fired
}

#[test]
fn a_panic_at_any_point_of_a_message_in_parts_leaves_a_socket_that_works_or_has_ended() {
    for agreed in [None, Some(agreed(false)), Some(agreed(true))] {
        let points = (1..).take_while(|&n| fault_in_parts_at(n, agreed, &[7; 30_000])).count();
        assert!(points >= 8, "{agreed:?}: {points} points");
    }
}

/// Messages that are sent together: after a panic all of them are there that had left, and the others nowhere.
fn fault_in_many_at(n: u32, agreed: Option<Params>, messages: &[&[u8]]) -> bool {
    let life = Life::begin(agreed);
    let before = vec![b'b'; 5000];
    life.send(&before).unwrap();
    assert!(life.arrives(&before));
    arm(n);
    let sent = catch_unwind(AssertUnwindSafe(|| life.socket.send_many(SendKind::Blob, messages, false)));
    let fired = disarm();
    assert_eq!(fired, sent.is_err(), "point {n}");
    if let Ok(count) = sent {
        assert_eq!(count, Ok(messages.len()));
    }
    match life.send(b"after") {
        Ok(()) => {
            let arrived =
                messages.iter().take_while(|message| life.arrives_before(message, b"after")).count();
            assert!(fired || arrived == messages.len(), "point {n}: {arrived}");
            assert!(arrived < messages.len() || life.arrives(b"after"), "point {n}");
            life.socket.terminate(1000, b"").unwrap();
            life.socket.abort().unwrap();
            assert!(!life.ended_with_an_error(), "point {n}");
        }
        Err(error) => {
            assert_eq!((fired, error), (true, ErrorCode::Closed), "point {n}");
            assert!(life.ended_with_an_error(), "point {n}: the end of a broken connection is told");
            assert_eq!(life.socket.buffered_amount(), 0, "point {n}");
        }
    }
    fired
}

#[test]
fn a_panic_at_any_point_of_many_messages_leaves_a_socket_that_works_or_has_ended() {
    let noise = noise(700_000);
    let [short, medium] = [&noise[..100], &noise[..20_000]];
    for (way, agreed, messages) in [
        ("short", None, &[short; 3][..]),
        ("a large one between", None, &[short, &noise, short, short, medium, short]),
        ("compressed", Some(agreed(false)), &[&[7; 900], medium, &[8; 900], &[9; 20_000], short]),
        ("compressed, in turn", Some(agreed(true)), &[&[7; 900], medium, &[8; 900], &[9; 20_000], short]),
    ] {
        let points = (1..).take_while(|&n| fault_in_many_at(n, agreed, messages)).count();
        assert!(points >= if way == "short" { 4 } else { 10 }, "{way}: {points} points");
    }
}
