//! Calls of the system that fail, one after the other, in every way to live: the n-th socket, connect, send, recv, and so on,
//! and the n-th allocation of 32 KiB or more; that one alone, or that one and all later ones. `life.c` lives, `shim.c`
//! fails, and both lives of each run must be as they must be.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{env, fs, thread};

use libc::{EAGAIN, ECONNRESET, EINTR, EMFILE, ENETUNREACH, ENOBUFS, ENOMEM, ENOSPC};
use ws4d_test_host::library_path;

use crate::blame::Blame;
use crate::echo::Echo;
use crate::tls::identity;
use crate::tools;

const WAYS: [&str; 4] = ["inline", "dispatched", "driven", "pulled"];
const ROADS: [&str; 2] = ["ws", "wss"];
const COMPRESSION: [bool; 2] = [false, true];

/// Calls, and with what they fail. Those that are interrupted succeed when they are made again, so these never go `on`.
const FAULTS: [(&str, i32); 14] = [
    ("socket", EMFILE),
    ("connect", ENETUNREACH),
    ("send", ECONNRESET),
    ("send", ENOBUFS),
    ("send", EINTR),
    ("recv", ECONNRESET),
    ("recv", ENOMEM),
    ("recv", EINTR),
    ("setsockopt", ENOBUFS),
    ("epoll_create", EMFILE),
    ("epoll_ctl", ENOSPC),
    ("eventfd", EMFILE),
    ("pthread_create", EAGAIN),
    ("malloc", ENOMEM),
];

/// From how many bytes on an allocation may be refused: with less than the shim's own 32 KiB, who aborts is listed.
const BYTES: &str = "WS4D_FAULTS_BYTES";

/// So many runs are a sample: seconds, where all are a quarter of an hour.
const SAMPLE: usize = 64;
const WORKERS: usize = 4;
/// A life ends by itself long before: `life.c` has a patience of its own.
const WATCHDOG: Duration = Duration::from_secs(90);

#[derive(Clone, Copy, PartialEq, Eq)]
struct Life {
    road: &'static str,
    compression: bool,
    way: &'static str,
}

#[derive(Clone, Copy)]
struct Run {
    life: Life,
    call: &'static str,
    n: usize,
    onwards: bool,
    error: i32,
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Life { road, compression, way } = self;
        write!(f, "{road} {} {way}", if *compression { "deflate" } else { "plain" })
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Run { life, call, n, onwards, error } = self;
        let mode = if *onwards { "on" } else { "once" };
        write!(f, "{life}, {call} {n} {mode} {error}")
    }
}

/// What a run is made with.
pub(crate) struct Laboratory {
    echo: Echo,
    ca_file: PathBuf,
    life: PathBuf,
    /// The shim, and the library, which is found by no other way: it is where it was built.
    preload: OsString,
    blame: Blame,
}

impl Laboratory {
    pub(crate) fn new() -> Laboratory {
        let ca_file =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("ca.{}.pem", std::process::id()));
        fs::write(&ca_file, &identity().ca_pem).expect("a file");
        let library = library_path().canonicalize().expect("the library");
        let life = tools::build("life.c", &[library.to_str().expect("a path"), "-ldl"]);
        let mut preload = tools::build("shim.c", &["-shared", "-fPIC", "-ldl"]).into_os_string();
        preload.push(":");
        preload.push(&library);
        let blame = Blame::new(library, env::var_os(BYTES).is_some());
        Laboratory { echo: Echo::start(), ca_file, life, preload, blame }
    }

    fn command(&self, life: Life) -> Command {
        let port = if life.road == "wss" { self.echo.tls } else { self.echo.bare };
        let mut command = Command::new(&self.life);
        command
            .arg(format!("{}://127.0.0.1:{port}/", life.road))
            .arg(&self.ca_file)
            .arg(life.way)
            .arg(if life.compression { "1" } else { "0" })
            .env("LD_PRELOAD", &self.preload)
            .env("WS4D_FAULTS_TRACE", "1")
            // Its own stack of an abort says no more, and wants memory.
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// How it ended, where that is not well, and what it said.
    fn finish(&self, mut command: Command) -> (Option<String>, String) {
        let mut child = command.spawn().expect("life");
        // Read meanwhile, so that a life that says much does not wait for its pipe.
        let (out, err) = (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
        let (out, err) = (thread::spawn(move || all_of(out)), thread::spawn(move || all_of(err)));
        let status = tools::wait(&mut child, WATCHDOG);
        let said = out.join().expect("what it said") + &err.join().expect("what it said");
        let wrong = match status {
            None => Some("hangs".to_owned()),
            Some(status) if status.success() => None,
            Some(status) => Some(status.to_string()),
        };
        (wrong, said)
    }

    /// How often a life makes each of these calls.
    fn count(&self, life: Life) -> impl Fn(&str) -> usize {
        let (wrong, said) = self.finish(self.command(life));
        assert_eq!(wrong, None, "a life without a fault: {said}");
        let line = said.lines().find(|line| line.starts_with("hits")).expect("counts").to_owned();
        move |call| {
            let word = line.split(' ').find_map(|word| word.strip_prefix(call)?.strip_prefix('='));
            word.expect("a count").parse().expect("a count")
        }
    }

    fn runs_of(&self, life: Life) -> Vec<Run> {
        let count = self.count(life);
        let each = |(call, error): (&'static str, i32)| {
            let modes: &[bool] = if error == EINTR { &[false] } else { &[false, true] };
            (1..=count(call)).flat_map(move |n| {
                modes.iter().map(move |onwards| Run { life, call, n, onwards: *onwards, error })
            })
        };
        FAULTS.into_iter().flat_map(each).collect()
    }

    fn play(&self, run: Run) -> Outcome {
        let mut command = self.command(run.life);
        let mode = if run.onwards { "on" } else { "once" };
        command.args([run.call, &run.n.to_string(), mode, &run.error.to_string()]);
        let (wrong, said) = self.finish(command);
        if wrong.as_ref().is_some_and(|why| why.contains("SIGABRT"))
            && let Some(other) = self.blame.other(&said)
        {
            return Outcome::Abort(other);
        }
        match wrong {
            Some(why) => Outcome::Wrong(format!("{run}: {why}\n{said}")),
            // The calls of a life are not always as many.
            _ if said.contains("hits 0;") => Outcome::Missed,
            _ if said.lines().next().is_some_and(is_whole) => Outcome::Survived,
            _ => Outcome::Told,
        }
    }
}

impl Drop for Laboratory {
    fn drop(&mut self) {
        // It is of no use to anybody else.
        let _ = fs::remove_file(&self.ca_file);
    }
}

fn all_of(mut pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    // What came before an end of any kind is what there is.
    let _ = pipe.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether that first life had all its messages back.
fn is_whole(line: &str) -> bool {
    line.contains(" made 0,") && line.contains(" echoed 8,") && line.contains(" on_error 0,")
}

enum Outcome {
    /// There was no such call this time.
    Missed,
    /// All went well in spite of it.
    Survived,
    /// The host was told of an error.
    Told,
    /// Another crate ended the process: it cannot do without the memory.
    Abort(String),
    Wrong(String),
}

/// Plays all runs, or a sample, and says what was wrong with them. `only`: those whose words contain it.
pub(crate) fn play_all(laboratory: &Laboratory, all: bool, only: &str) -> Vec<String> {
    let lives = ROADS.into_iter().flat_map(|road| {
        COMPRESSION
            .into_iter()
            .flat_map(move |compression| WAYS.into_iter().map(move |way| Life { road, compression, way }))
    });
    // A life that nobody asks for need not be counted.
    let wanted = |life: &Life| life.to_string().contains(only.split(',').next().unwrap_or_default());
    let mut runs: Vec<Run> = thread::scope(|scope| {
        let counting: Vec<_> =
            lives.filter(wanted).map(|life| scope.spawn(move || laboratory.runs_of(life))).collect();
        counting.into_iter().flat_map(|runs| runs.join().expect("counts")).collect()
    });
    runs.retain(|run| run.to_string().contains(only));
    let total = runs.len();
    if !all {
        let every = runs.len().div_ceil(SAMPLE).max(1);
        runs = runs.into_iter().step_by(every).collect();
    }
    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = laboratory.play(*run);
                    outcomes.lock().expect("outcomes").push((*run, outcome));
                }
            });
        }
    });
    tell(total, outcomes.into_inner().expect("outcomes"))
}

/// Prints the counts, a line for each call.
fn tell(total: usize, outcomes: Vec<(Run, Outcome)>) -> Vec<String> {
    for (call, error) in FAULTS {
        let count = |wanted: fn(&Outcome) -> bool| {
            let of = outcomes.iter().filter(|(run, _)| run.call == call && run.error == error);
            of.filter(|(_, outcome)| wanted(outcome)).count()
        };
        println!(
            "    {call:14} errno {error:3}: {:4} runs, {:4} told, {:4} survived, {:3} missed, {:3} of others, {:3} wrong",
            count(|_| true),
            count(|outcome| matches!(outcome, Outcome::Told)),
            count(|outcome| matches!(outcome, Outcome::Survived)),
            count(|outcome| matches!(outcome, Outcome::Missed)),
            count(|outcome| matches!(outcome, Outcome::Abort(_))),
            count(|outcome| matches!(outcome, Outcome::Wrong(_)))
        );
    }
    let mut reasons = BTreeMap::<String, usize>::new();
    for (_, outcome) in &outcomes {
        if let Outcome::Abort(who) = outcome {
            *reasons.entry(who.clone()).or_default() += 1;
        }
    }
    for (reason, count) in reasons {
        println!("    {count:4} of others: {reason}");
    }
    println!("failing calls: {} runs of {total}", outcomes.len());
    let wrong = outcomes.into_iter().filter_map(|(_, outcome)| match outcome {
        Outcome::Wrong(words) => Some(words),
        _ => None,
    });
    wrong.collect()
}
