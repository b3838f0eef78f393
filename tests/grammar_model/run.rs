//! Plays the sequences, several at a time, and reports the first that goes wrong.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use std::{env, io, process, ptr, thread};

use ws4d_test_host::codes::WS_OK;
use ws4d_test_host::{api, name};

use crate::assistant::Assistant;
use crate::coverage;
use crate::life::LATE;
use crate::plan::Plan;
use crate::random::Random;
use crate::script::PATIENCE;
use crate::server::Server;
use crate::system::{self, library_threads, open_descriptors};
use crate::wire::{Bell, lock};
use crate::world::{World, report};

/// One sequence in so many has the process for itself.
const ALONE: u64 = 100;
const PLAYERS: usize = 6;
/// A sequence that takes longer hangs.
pub(crate) const HANG: Duration = PATIENCE.saturating_mul(6);

struct Run {
    seed: u64,
    first: u64,
    count: u64,
    /// Whether all are the first again.
    same: bool,
    next: AtomicU64,
    failed: AtomicBool,
    failure: Mutex<Option<String>>,
    counts: Mutex<BTreeMap<String, u64>>,
    gate: RwLock<()>,
    playing: Mutex<BTreeMap<u64, (Instant, Arc<World>)>>,
}

pub(crate) fn number(name: &str) -> Option<u64> {
    env::var(name).ok().filter(|value| !value.is_empty()).map(|value| value.parse().expect(name))
}

/// The system may list a joined thread for a moment.
pub(crate) fn end_of_threads() -> bool {
    let limit = Instant::now() + PATIENCE;
    while !library_threads().is_empty() && Instant::now() < limit {
        thread::yield_now();
    }
    library_threads().is_empty()
}

pub(crate) fn all() {
    let only = number("WS4D_MODEL_SEQUENCE");
    let run = Run {
        seed: number("WS4D_MODEL_SEED").unwrap_or_else(|| RandomState::new().hash_one(0) % 1_000_000_000),
        first: only.unwrap_or(0),
        count: number("WS4D_MODEL_SEQUENCES").unwrap_or(if only.is_some() { 1 } else { 10_000 }),
        same: only.is_some(),
        next: AtomicU64::new(0),
        failed: AtomicBool::new(false),
        failure: Mutex::default(),
        counts: Mutex::default(),
        gate: RwLock::new(()),
        playing: Mutex::default(),
    };
    // Not by println, which a test that succeeds keeps to itself.
    system::handle_signals();
    let line = format!("WS4D_MODEL_SEED={} WS4D_MODEL_SEQUENCES={}\n", run.seed, run.count);
    let _ = io::stderr().write_all(line.as_bytes());
    // The server lives as long as the process.
    let server: &'static Server = Box::leak(Box::new(Server::start()));
    (api().ws_set_error_handler)(Some(report), ptr::null_mut());
    assert_eq!(name((api().ws_shutdown)(0)), "WS_OK");
    let descriptors_before = open_descriptors();
    thread::scope(|scope| {
        let players: Vec<_> = (0..PLAYERS).map(|_| scope.spawn(|| run.play(server))).collect();
        while !players.iter().all(|player| player.is_finished()) {
            thread::park_timeout(Duration::from_millis(100));
            run.watch();
        }
    });
    coverage::print(&lock(&run.counts));
    if let Some(failure) = lock(&run.failure).take() {
        panic!("{failure}");
    }
    assert_eq!(name((api().ws_shutdown)(20_000)), "WS_OK");
    assert!(lock(&LATE).is_empty(), "{:?}", lock(&LATE));
    assert!(end_of_threads(), "threads outlive ws_shutdown: {:?}", library_threads());
    let descriptors = open_descriptors();
    assert!(descriptors <= descriptors_before, "descriptors leak: {descriptors_before}, {descriptors}");
    coverage::check(&lock(&run.counts), run.count);
}

impl Run {
    fn play(&self, server: &'static Server) {
        let (assistant, bell) = (Assistant::start(), Bell::new());
        loop {
            let number = self.next.fetch_add(1, SeqCst);
            if number >= self.count || self.failed.load(SeqCst) {
                return;
            }
            let number = if self.same { self.first } else { number };
            let alone = number % ALONE == ALONE - 1;
            let mut random = Random::new(self.seed, number);
            let plan = Plan::new(&mut random, alone);
            let (_shared, _exclusive) = match alone {
                true => (None, Some(self.gate.write().unwrap_or_else(PoisonError::into_inner))),
                false => (Some(self.gate.read().unwrap_or_else(PoisonError::into_inner)), None),
            };
            if alone {
                self.new_threads(&mut random);
            }
            let world = World::new(plan, server, assistant.clone(), Arc::clone(&bell));
            lock(&self.playing).insert(number, (Instant::now(), Arc::clone(&world)));
            world.play();
            if world.is_right() {
                world.judge();
                world.count(if world.plan.driving { "world: driving" } else { "world: others" });
            }
            if alone && world.is_right() && world.does_without_threads() && !end_of_threads() {
                world.wrong(format!(
                    "threads of the library, for a driving dispatcher: {:?}",
                    library_threads()
                ));
            }
            lock(&self.playing).remove(&number);
            let late = std::mem::take(&mut *lock(&LATE));
            late.into_iter().for_each(|late| world.wrong(late));
            for (what, count) in lock(&world.counts).iter() {
                *lock(&self.counts).entry(what.clone()).or_default() += count;
            }
            if !world.is_right() {
                self.failed.store(true, SeqCst);
                lock(&self.failure).get_or_insert_with(|| self.report(number, &world));
                // What belongs to it may call back still.
                return;
            }
            world.forget();
        }
    }

    /// Ends all threads of the library; as many as it pleases begin anew.
    fn new_threads(&self, random: &mut Random) {
        for result in [(api().ws_shutdown)(20_000), (api().ws_set_io_threads)(1 + random.below(3) as u32)] {
            if result != WS_OK {
                self.failed.store(true, SeqCst);
                lock(&self.failure).get_or_insert(format!("between sequences: {}", name(result)));
            }
        }
    }

    fn report(&self, number: u64, world: &World) -> String {
        let again =
            format!("WS4D_MODEL_SEED={} WS4D_MODEL_SEQUENCE={number} WS4D_MODEL_SEQUENCES=1000", self.seed);
        describe(&format!("with {again}, wrong: {:?}", lock(&world.wrongs)), world)
    }

    /// A call that does not return hangs the test: then the process says so and ends.
    fn watch(&self) {
        let playing = lock(&self.playing);
        let hanging = playing.iter().find(|(_, (since, _))| since.elapsed() > HANG);
        if let Some((number, (_, world))) = hanging {
            // Not by eprintln, which a test keeps to itself.
            let line = format!("a call does not return; {}\n", self.report(*number, world));
            let _ = io::stderr().write_all(line.as_bytes());
            process::exit(101);
        }
    }
}

/// All that is known of a sequence, behind this line.
pub(crate) fn describe(head: &str, world: &World) -> String {
    let mut report = format!("{head}\n{:?}\n", world.plan);
    for line in lock(&world.log).iter() {
        report.push_str(&format!("  {line}\n"));
    }
    if let Some(comeback) = world.comeback() {
        report.push_str(&format!("reconnector: {:?}\n", comeback.trace()));
    }
    for life in world.all_lives() {
        let (record, wire) = (lock(&life.record), life.wire.state());
        report.push_str(&format!(
            "socket {}: {:?}\n  causes {}, created {}, released {}, server: {:?}, whole {} of {}, got {:?}, \
             close got {:?}, answer {:?}, reading {}, gone {}\n",
            life.index,
            record.trace,
            life.causes.load(SeqCst),
            life.created.load(SeqCst),
            life.released.load(SeqCst),
            wire.enders,
            wire.whole,
            wire.sent.len(),
            wire.got,
            wire.close_got.as_deref().map(String::from_utf8_lossy),
            wire.answer,
            wire.reading,
            wire.gone
        ));
    }
    report
}
