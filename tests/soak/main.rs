//! Hundreds of sockets that do everything at random, in all ways to wait, over ws and wss, compressed and not; a model
//! judges every byte and every event. Here for a moment, with `make soak MINUTES=n` for long.
#![cfg(target_os = "linux")]

#[allow(dead_code)]
#[path = "../faults/echo.rs"]
mod echo;
#[path = "../faults/friendly.rs"]
mod friendly;
#[path = "../grammar_model/random.rs"]
mod random;
#[allow(dead_code)]
#[path = "../faults/tls.rs"]
mod tls;
#[allow(dead_code)]
#[path = "../faults/wire.rs"]
mod wire;

mod content;
mod context;
mod life;
mod server;

use std::env;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use context::{Context, WAYS};
use life::{COUNTS, WRONG};
use random::Random;
use server::Server;
use ws4d_test_host::Dispatcher;

/// So many minutes; without it each context has [`TURNS`] turns.
const MINUTES: &str = "WS4D_SOAK_MINUTES";
/// Plays the same choices again, as far as threads and the network let it.
const SEED: &str = "WS4D_SOAK_SEED";
const TURNS: u64 = 60;
/// So many sockets each context has for long, and for a moment.
const SOCKETS: usize = 40;
const FEW_SOCKETS: usize = 12;

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

#[test]
fn whatever_is_done_every_message_comes_back_once_and_in_order() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_nanos() as u64;
    let (minutes, seed) = (number(MINUTES), number(SEED).unwrap_or(now));
    println!("soak: {SEED}={seed}");
    let server = Server::start();
    let ca = tls::identity().ca_pem.as_str();
    let begun = Instant::now();
    let end = minutes.map(|minutes| begun + Duration::from_secs(60 * minutes));
    let (turns, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let (tell, dispatchers) = mpsc::channel::<Dispatcher>();
    thread::scope(|scope| {
        let contexts: Vec<_> = (0..WAYS.len())
            .map(|at| {
                let (server, turns, tell) = (&server, &turns, tell.clone());
                scope.spawn(move || {
                    let mut context = Context::new(WAYS[at], server, ca, Random::new(seed, at as u64));
                    tell.send(context.dispatcher()).expect("a listener");
                    let mut turn = 0;
                    while end.map_or(turn < TURNS, |end| Instant::now() < end) {
                        context.turn(if end.is_some() { SOCKETS } else { FEW_SOCKETS });
                        turn += 1;
                        turns.fetch_add(1, Ordering::Relaxed);
                    }
                    context.finish();
                })
            })
            .collect();
        // Ends the waits of all, now and then: run returns for nothing else, and no wait may lose anything for it.
        let over = &over;
        scope.spawn(move || {
            let dispatchers: Vec<Dispatcher> = dispatchers.iter().take(WAYS.len()).collect();
            while !over.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(20));
                for d in dispatchers.iter().filter(|d| **d != Dispatcher::NULL) {
                    d.stop();
                }
            }
        });
        let ended: Vec<_> = contexts.into_iter().map(thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::SeqCst);
        assert!(ended.iter().all(Result::is_ok), "a context has panicked");
    });
    println!("soak: {} s, {} turns", begun.elapsed().as_secs(), turns.load(Ordering::Relaxed));
    COUNTS.show();
    let wrong = WRONG.lock().expect("what is wrong");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}
