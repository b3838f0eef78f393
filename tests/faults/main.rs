//! Faults of the network and of the system, all of them in all places: the matrix of steps and faults, and calls of the
//! system that fail one after the other.

#![cfg(target_os = "linux")]

mod blame;
mod calls;
mod echo;
mod friendly;
mod matrix;
mod play;
mod server;
mod tls;
mod tools;
mod wire;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, thread};

use matrix::Case;
use ws4d_test_host::{Host, Options, PATIENCE};

/// Set in the child, whose names are looked up by the shim.
const CHILD: &str = "WS4D_FAULTS_CHILD";
/// `Open x`, or `ws plain driven, recv`: these cases alone.
const ONLY: &str = "WS4D_FAULTS";
/// All runs of the failing calls, not a sample.
const ALL: &str = "WS4D_FAULTS_ALL";
/// Waiting costs no processor: many cases at once.
const WORKERS: usize = 8;

/// The right error, the right code to the server, an end by the library's own times, and each callback of an end once.
#[test]
fn every_fault_at_every_step_ends_as_it_should() {
    if env::var_os(CHILD).is_none() {
        return in_a_child("every_fault_at_every_step_ends_as_it_should");
    }
    let (mut senseless, mut sound) = (BTreeMap::<_, usize>::new(), Vec::new());
    let only = env::var(ONLY).unwrap_or_default();
    for case in matrix::cases().filter(|case| case.to_string().contains(&only)) {
        match case.nonsense() {
            Some(why) => *senseless.entry(why).or_default() += 1,
            None => sound.push(case),
        }
    }
    let failures = play_all(&sound);
    let left_out: usize = senseless.values().sum();
    for (why, count) in &senseless {
        println!("    {count:4} left out: {why}");
    }
    println!(
        "fault matrix: {} cases of {} steps, {} faults, {} roads and {} ways; {} played, {left_out} left out, {} wrong",
        sound.len() + left_out,
        matrix::STEPS.len(),
        matrix::FAULTS.len(),
        matrix::ROADS.len(),
        matrix::WAYS.len(),
        sound.len(),
        failures.len()
    );
    let words = failures.iter().map(|(case, words)| format!("{case}: {words}")).collect::<Vec<_>>();
    assert!(words.is_empty(), "{}", words.join("\n"));
}

/// `getaddrinfo` cannot be cancelled, so that a lookup that hangs keeps its worker. Both families of each name have one.
#[test]
fn a_name_that_waits_for_a_worker_is_told_apart_from_one_that_is_looked_up() {
    if env::var_os(CHILD).is_none() {
        return in_a_child("a_name_that_waits_for_a_worker_is_told_apart_from_one_that_is_looked_up");
    }
    const WORKERS_FOR_LOOKUPS: usize = 512;
    let host = Host::new();
    for i in 0..WORKERS_FOR_LOOKUPS / 2 {
        host.to(format!("ws://{i}.hang.faults.test/")).named(&i.to_string()).open_async();
    }
    let start = Instant::now();
    while tools::threads("ws4d-worker") < WORKERS_FOR_LOOKUPS {
        assert!(start.elapsed() < PATIENCE, "{} workers", tools::threads("ws4d-worker"));
        thread::yield_now();
    }
    let options = Options::new().set(|api, o| (api.ws_options_set_connect_timeout_ms)(o, 250));
    let last = host.to("ws://last.hang.faults.test/").named("last").with(options);
    let errors = last.try_open().expect_err("nobody has begun with it");
    assert_eq!(errors.name(), "WS_ERR_TIMEOUT");
    let said = &errors.entries[0].2;
    assert!(said.contains("was given up while waiting for a free worker: lookups of other names"), "{said}");
}

/// An error each time, or none; no abort, no hang, nothing lost silently; and a second life that knows nothing of it.
#[test]
fn no_call_that_fails_breaks_the_library() {
    let laboratory = calls::Laboratory::new();
    let only = env::var(ONLY).unwrap_or_default();
    let wrong = calls::play_all(&laboratory, env::var_os(ALL).is_some() || !only.is_empty(), &only);
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Those that failed, and why.
fn play_all(cases: &[Case]) -> Vec<(Case, String)> {
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let play_on = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(failure) = catch_unwind(AssertUnwindSafe(|| play::play(*case))) {
                let words = failure.downcast_ref::<String>().map(String::as_str);
                let words = words.or(failure.downcast_ref::<&str>().copied()).unwrap_or("?");
                failures.lock().expect("failures").push((*case, words.to_owned()));
            }
        }
    };
    // The words come in the end, together.
    std::panic::set_hook(Box::new(|_| {}));
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(play_on);
        }
    });
    drop(std::panic::take_hook());
    failures.into_inner().expect("failures")
}

/// Runs the test of that name in a child where the shim looks names up.
fn in_a_child(test: &str) {
    let names = tools::build("names.c", &["-shared", "-fPIC", "-ldl"]);
    let mut child = Command::new(env::current_exe().expect("an executable"))
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .env("LD_PRELOAD", names)
        .spawn()
        .expect("a child");
    let status = tools::wait(&mut child, Duration::from_secs(300));
    assert!(status.is_some_and(|status| status.success()), "{status:?}");
}
