//! A panic inside the library at each of its marked points, under the model: a sequence is played once to count the
//! points that it passes, then once for each of them with a panic there. After it at most one call has said
//! `WS_ERR_INTERNAL` and at most one socket has ended with that error; everything else is as in any other sequence, in
//! the sequence's own dispatcher and beside it.
//!
//! `make panics` builds the library and this test with `--cfg ws4d_panics`. `WS4D_PANICS_SECONDS` is how long it goes
//! on; `WS4D_MODEL_SEED`, `WS4D_MODEL_SEQUENCE` and `WS4D_PANICS_AT` play one panic again.

/// Whether a thread of the library has panicked in this sequence because the test wanted it.
#[cfg(not(ws4d_panics))]
pub(crate) fn has_fired() -> bool {
    false
}

#[cfg(ws4d_panics)]
pub(crate) use wanted::has_fired;

#[cfg(ws4d_panics)]
mod wanted {
    use std::collections::BTreeMap;
    use std::collections::hash_map::RandomState;
    use std::ffi::{CString, c_char, c_void};
    use std::hash::BuildHasher;
    use std::io::{self, Write};
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::{Arc, Mutex, OnceLock};
    use std::time::{Duration, Instant};
    use std::{mem, process, ptr, thread};

    use ws4d_test_host::codes::*;
    use ws4d_test_host::{api, library_path, name, text};

    use crate::assistant::Assistant;
    use crate::life::LATE;
    use crate::neighbour::Neighbours;
    use crate::plan::Plan;
    use crate::random::Random;
    use crate::run::{HANG, describe, end_of_threads, number};
    use crate::script::PATIENCE;
    use crate::server::Server;
    use crate::system::{library_threads, open_descriptors};
    use crate::wire::{Bell, lock};
    use crate::world::{World, report};

    /// One sequence in so many may shut the library down.
    const ALONE: u64 = 4;

    /// What the library exports in this build alone; see `src/fault.rs`.
    struct Hooks {
        arm: extern "C" fn(u64),
        disarm: extern "C" fn() -> u64,
        fired: extern "C" fn() -> *const c_char,
        known: extern "C" fn() -> *const c_char,
    }

    fn hooks() -> &'static Hooks {
        static HOOKS: OnceLock<Hooks> = OnceLock::new();
        HOOKS.get_or_init(|| {
            api();
            let path = CString::new(library_path().into_os_string().into_encoded_bytes()).expect("a path");
            // SAFETY: a library that is loaded already.
            let library = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
            let find = |name: &str| -> *mut c_void {
                let symbol = CString::new(name).expect("a name");
                // SAFETY: a handle of dlopen's, and a text.
                let found = unsafe { libc::dlsym(library, symbol.as_ptr()) };
                assert!(!found.is_null(), "{name}: build the library with --cfg ws4d_panics (make panics)");
                found
            };
            // SAFETY: the types are those of `src/fault.rs`.
            unsafe {
                Hooks {
                    arm: mem::transmute::<*mut c_void, extern "C" fn(u64)>(find("ws4d_panics_arm")),
                    disarm: mem::transmute::<*mut c_void, extern "C" fn() -> u64>(find("ws4d_panics_disarm")),
                    fired: mem::transmute::<*mut c_void, extern "C" fn() -> *const c_char>(find(
                        "ws4d_panics_fired",
                    )),
                    known: mem::transmute::<*mut c_void, extern "C" fn() -> *const c_char>(find(
                        "ws4d_panics_known",
                    )),
                }
            }
        })
    }

    pub(crate) fn has_fired() -> bool {
        !(hooks().fired)().is_null()
    }

    /// What one play has come to.
    struct Played {
        points: u64,
        /// Where a thread panicked.
        place: Option<String>,
        wrong: Option<String>,
    }

    struct Walk {
        seed: u64,
        server: &'static Server,
        assistant: Assistant,
        bell: Arc<Bell>,
        descriptors: AtomicUsize,
        playing: Arc<Mutex<Option<(Instant, String, Arc<World>)>>>,
    }

    impl Walk {
        fn begin() -> Walk {
            crate::signals::install();
            // The server lives as long as the process.
            let server: &'static Server = Box::leak(Box::new(Server::start()));
            (api().ws_set_error_handler)(Some(report), ptr::null_mut());
            assert_eq!(name((api().ws_shutdown)(0)), "WS_OK");
            // Neighbours bring descriptors that stay.
            let first = Neighbours::open(server);
            assert_eq!(first.judge(true), None);
            assert_eq!(name((api().ws_shutdown)(20_000)), "WS_OK");
            let seed = number("WS4D_MODEL_SEED");
            let walk = Walk {
                seed: seed.unwrap_or_else(|| RandomState::new().hash_one(0) % 1_000_000_000),
                server,
                assistant: Assistant::start(),
                bell: Bell::new(),
                descriptors: AtomicUsize::new(open_descriptors()),
                playing: Arc::default(),
            };
            let playing = Arc::clone(&walk.playing);
            thread::spawn(move || watch(&playing));
            walk
        }

        /// Plays one sequence, with a panic at the `at`th point; 0: none.
        fn play(&self, sequence: u64, at: u64) -> Played {
            let alone = sequence % ALONE == ALONE - 1;
            let plan = Plan::new(&mut Random::new(self.seed, sequence), alone);
            let neighbours = (!alone).then(|| Neighbours::open(self.server));
            (hooks().arm)(at);
            let world = World::new(plan, self.server, self.assistant.clone(), Arc::clone(&self.bell));
            let again =
                format!("WS4D_MODEL_SEED={} WS4D_MODEL_SEQUENCE={sequence} WS4D_PANICS_AT={at}", self.seed);
            *lock(&self.playing) = Some((Instant::now(), again.clone(), Arc::clone(&world)));
            world.play();
            if alone && world.is_right() {
                // A shutdown that a panic has ended is made once more.
                world.shut_down();
            }
            let points = (hooks().disarm)();
            if world.is_right() {
                world.judge();
            }
            let broken = world.all_lives().iter().any(|life| life.is_broken());
            if let Some(wrong) = neighbours.and_then(|neighbours| neighbours.judge(broken)) {
                world.wrong(wrong);
            }
            world.all_lives().iter().for_each(|life| life.wire.dismiss());
            world.comeback().iter().flat_map(|comeback| comeback.wires()).for_each(|wire| wire.dismiss());
            self.end_all(&world);
            *lock(&self.playing) = None;
            let place = text((hooks().fired)());
            let place = place.map(|place| place.trim_end_matches('\0').to_owned());
            let wrong = (!world.is_right()).then(|| {
                let head = format!("with {again}, a panic at {place:?}, wrong: {:?}", lock(&world.wrongs));
                describe(&head, &world)
            });
            if wrong.is_none() {
                world.forget();
            }
            Played { points, place, wrong }
        }

        /// Nothing stays of a sequence.
        fn end_all(&self, world: &World) {
            let result = (api().ws_shutdown)(PATIENCE.as_millis() as i32);
            if result != WS_OK {
                world.wrong(format!("ws_shutdown behind it: {}", name(result)));
            } else if !end_of_threads() {
                world.wrong(format!("threads outlive ws_shutdown: {:?}", library_threads()));
            } else if world.is_right() && !self.end_of_descriptors() {
                world.wrong(format!("descriptors leak: {:?}, {}", self.descriptors, open_descriptors()));
            }
            // What is wrong once is told once.
            self.descriptors.fetch_max(open_descriptors(), SeqCst);
            mem::take(&mut *lock(&LATE)).into_iter().for_each(|late| world.wrong(late));
        }
    }

    impl Walk {
        /// The server's own are closed when it comes to it.
        fn end_of_descriptors(&self) -> bool {
            let limit = Instant::now() + PATIENCE;
            let before = self.descriptors.load(SeqCst);
            while open_descriptors() > before && Instant::now() < limit {
                thread::yield_now();
            }
            open_descriptors() <= before
        }
    }

    fn watch(playing: &Mutex<Option<(Instant, String, Arc<World>)>>) {
        loop {
            thread::park_timeout(Duration::from_secs(1));
            if let Some((since, again, world)) = &*lock(playing)
                && since.elapsed() > HANG
            {
                let place = text((hooks().fired)());
                let head = format!("a call does not return; with {again}, a panic at {place:?}");
                // Not by eprintln, which a test keeps to itself.
                let _ = io::stderr().write_all(describe(&head, world).as_bytes());
                process::exit(101);
            }
        }
    }

    /// The sequences, for as long as it may take; every point of each.
    pub(crate) fn walk() {
        let walk = Walk::begin();
        let limit = Instant::now() + Duration::from_secs(number("WS4D_PANICS_SECONDS").unwrap_or(240));
        let only = number("WS4D_MODEL_SEQUENCE");
        let at = number("WS4D_PANICS_AT");
        let repeats = number("WS4D_MODEL_SEQUENCES").unwrap_or(1);
        let most = number("WS4D_PANICS_FAILURES").unwrap_or(1) as usize;
        eprintln!("WS4D_MODEL_SEED={}", walk.seed);
        let (mut sequences, mut panics) = (0, 0);
        let mut failures = BTreeMap::<String, String>::new();
        for sequence in only.unwrap_or(0).. {
            // At first without a panic, to see how many points there are.
            let (mut n, mut points) = (0, 1);
            while n <= points && Instant::now() < limit {
                let played = walk.play(sequence, at.unwrap_or(n));
                points = at.map_or(points.max(played.points), |_| repeats);
                let missed = n > 0 && played.place.is_none();
                panics += u64::from(played.place.is_some());
                if let Some(wrong) = played.wrong {
                    let place = played.place.unwrap_or_default();
                    eprintln!("RED at {place}: {}", wrong.lines().next().unwrap_or_default());
                    failures.entry(place).or_insert(wrong);
                }
                if failures.len() >= most {
                    break;
                }
                if missed && at.is_none() {
                    // Another run passes fewer of them.
                    break;
                }
                n += 1;
            }
            sequences += 1;
            if Instant::now() >= limit || only.is_some() || failures.len() >= most {
                break;
            }
        }
        let known = text((hooks().known)()).unwrap_or_default();
        let places = known.lines().count();
        let hit = known.lines().filter(|line| line.split(' ').nth(1) != Some("0")).count();
        println!("{known}");
        println!("{sequences} sequences, {panics} panics, at {hit} of {places} points that were passed");
        for failure in failures.values() {
            println!("{failure}");
        }
        assert!(failures.is_empty(), "{} places are red: {:?}", failures.len(), failures.keys());
    }
}

#[cfg(ws4d_panics)]
#[test]
fn after_a_panic_at_any_marked_point_sockets_work_or_have_ended_with_an_error() {
    wanted::walk();
}
