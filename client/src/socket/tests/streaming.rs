//! Messages in parts where the server inflates: the contexts on both sides stay the same.

use super::peer::{Life, agreed, noise};
use crate::socket::SendKind;
use std::thread;

fn numbers(count: u64) -> Vec<u8> {
    (0..count).flat_map(|i| format!("{} ", i * 7919 % 10_007).into_bytes()).collect()
}

/// Before it, behind it, and, from another thread, while it is open.
#[test]
fn messages_around_one_in_parts_are_inflated_with_it_and_without_context_takeover() {
    for takeover in [true, false] {
        let life = Life::begin(Some(agreed(takeover)));
        let (text, noise) = (numbers(4000), noise(50_000));
        life.send(&text[..5000]).unwrap();
        assert!(life.arrives(&text[..5000]));
        for message in [&text, &noise, &text[..1].to_vec()] {
            let socket = &life.socket;
            socket.send_begin(SendKind::Blob, false).unwrap();
            thread::scope(|scope| {
                scope.spawn(|| {
                    (0..20).for_each(|n| socket.send(SendKind::Text, &text[n..2000 + n], false).unwrap())
                });
                for part in message.chunks(message.len().div_ceil(7)) {
                    socket.send_part(part).unwrap();
                }
            });
            socket.send_end().unwrap();
            assert!(life.arrives(message), "takeover {takeover}: {} bytes", message.len());
            for n in 0..20 {
                assert!(life.arrives(&text[n..2000 + n]), "takeover {takeover}: message {n} behind it");
            }
        }
        life.until_nothing_is_buffered();
        life.socket.abort().unwrap();
    }
}

#[test]
fn a_message_in_parts_is_compressed_and_a_plain_one_is_not() {
    for takeover in [true, false] {
        let life = Life::begin(Some(agreed(takeover)));
        let mut sent = life.socket.stats().wire_bytes_sent;
        for (plain, least, most) in [(false, 1000, 90_000), (true, 100_000, 101_000), (false, 100, 90_000)] {
            life.socket.send_begin(SendKind::Blob, plain).unwrap();
            let message = &numbers(30_000)[..100_000];
            message.chunks(20_000).for_each(|part| life.socket.send_part(part).unwrap());
            life.socket.send_end().unwrap();
            assert!(life.arrives(message));
            let now = life.socket.stats().wire_bytes_sent;
            assert!((least..most).contains(&(now - sent)), "plain {plain}: {} bytes", now - sent);
            sent = now;
        }
        life.socket.abort().unwrap();
    }
}

/// The deflater is another message's just then.
#[test]
fn parts_wait_for_the_deflater_in_their_order() {
    let life = Life::begin(Some(agreed(true)));
    let (large, small) = (numbers(400_000), numbers(100));
    for round in 0..5 {
        thread::scope(|scope| {
            let socket = &life.socket;
            let other = scope.spawn(|| socket.send(SendKind::Blob, &large, false).unwrap());
            for _ in 0..20 {
                life.socket.send_begin(SendKind::Blob, false).unwrap();
                small.chunks(50).for_each(|part| life.socket.send_part(part).unwrap());
                life.socket.send_end().unwrap();
            }
            other.join().unwrap();
        });
        let arrived: Vec<bool> = (0..21).map(|_| life.arrives_one_of(&[&large, &small])).collect();
        assert!(arrived.iter().all(|is| *is), "round {round}");
    }
    life.socket.abort().unwrap();
}
