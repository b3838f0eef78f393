//! Runs the cases: first each client once, to see whether it can and how long it takes, then all of them in turns.

use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::cases::{CASES, Case, Told};
use crate::clients::{self, Client};
use crate::launch::{Server, command};
use crate::quiet::Quiet;
use crate::results::{BESIDE, Conditions, NOISY, Results};
use crate::{counted, quiet, report};

/// A client that takes longer than this is stuck.
const PATIENCE: Duration = Duration::from_secs(30);

/// A case whose figures are spread too far is given up after so many rounds.
const MOST_ROUNDS: usize = 15;

/// A client's place in the rounds of a case.
struct Turn<'a> {
    client: &'a Client,
    does: &'a Case,
    known_as: &'a str,
    count: usize,
}

/// What a client printed, by name; `None` if it does not do this.
pub(crate) type Sample = Option<Vec<(String, f64)>>;

/// One run; an error is what the client said last.
pub(crate) fn once(client: &Client, case: &Case, server: &Server, count: usize) -> Result<Sample, String> {
    let mut command = command(client, case, server, count, &[]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
    let id = child.id() as libc::pid_t;
    let (ended, watched) = mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        if watched.recv_timeout(PATIENCE).is_err_and(|why| why == mpsc::RecvTimeoutError::Timeout) {
            // SAFETY: a child that was not waited for yet.
            unsafe { libc::kill(id, libc::SIGKILL) };
        }
    });
    let output = child.wait_with_output();
    drop(ended);
    let _ = watch.join();
    let output = output.map_err(|e| e.to_string())?;
    if output.status.code() == Some(3) {
        return Ok(None);
    }
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {}", output.status, said.lines().last().unwrap_or("")));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let values = said
        .split_whitespace()
        .filter_map(|word| word.split_once('='))
        .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
        .collect();
    Ok(Some(values))
}

pub(crate) fn is_quick() -> bool {
    std::env::var_os("QUICK").is_some_and(|value| !value.is_empty() && value != "0")
}

pub(crate) fn all() {
    let (quick, wanted) = (is_quick(), clients::wanted("CASES"));
    let whole = wanted.is_empty() && clients::wanted("CLIENTS").is_empty();
    let mut results = if whole { Results::new() } else { Results::load() };
    let clients = clients::all();
    let server = Server::start();
    let begun = Instant::now();
    let mut quiet = Quiet::new(quick);
    for case in CASES {
        let in_turn =
            if wanted.is_empty() { !quick || case.quick } else { clients::is_wanted(&wanted, case.id) };
        if in_turn {
            let busy = quiet.wait();
            if busy > quiet::QUIET {
                println!(
                    "\nTHE MACHINE IS BUSY with other things ({:.0} %): the figures are noisy.",
                    busy * 100.0
                );
            }
            run_case(case, &clients, &server, quick, &mut results);
            results.note(case.id, &Conditions { quick, busy });
            results.save();
            report::print_case(case, &clients, &results);
        }
    }
    if wanted.is_empty() || clients::is_wanted(&wanted, "syscalls") {
        counted::system_calls(&clients, &server, &mut results);
        results.save();
    }
    report::write(&results);
    println!("\n{} s; docs/benchmarks.md has the report", begun.elapsed().as_secs());
}

/// The client whose wall time is spread furthest, if that is too far.
fn noisiest<'a>(case: &Case, turns: &[Turn<'a>], results: &Results) -> Option<(&'a Client, f64)> {
    let spreads = turns.iter().filter_map(|turn| {
        let spread = results.spread(case.id, turn.known_as, report::first_figure(case))?;
        (spread > NOISY).then_some((turn.client, spread))
    });
    spreads.max_by(|a, b| a.1.total_cmp(&b.1))
}

fn run_case(case: &Case, clients: &[Client], server: &Server, quick: bool, results: &mut Results) {
    let seconds = if quick { 0.06 } else { 0.2 };
    let rounds = match (case.told, quick) {
        (Told::Memory, _) | (Told::Cpu | Told::Fairness, true) => 1,
        (Told::Cpu | Told::Fairness, false) | (_, true) => 3,
        _ => 5,
    };
    // What is told of a case comes from one run: ratios of different runs say nothing.
    results.forget(case.id, None);
    let clients_of = clients.iter().filter(|client| client.takes_part(case));
    let beside = case.beside().into_iter().flat_map(|other| {
        let floor = clients.iter().filter(|client| client.group == "raw");
        floor.map(move |floor| Turn { client: floor, does: other, known_as: BESIDE, count: other.count })
    });
    let mut turns: Vec<Turn> = clients_of
        .map(|client| Turn { client, does: case, known_as: &client.id, count: case.count })
        .chain(beside)
        .collect();
    if !case.fixed {
        turns.retain_mut(|turn| match once(turn.client, turn.does, server, turn.count) {
            Ok(None) => false,
            Ok(Some(sample)) => {
                let wall = sample.iter().find(|(name, _)| name == "wall").map_or(1.0, |(_, value)| *value);
                turn.count = turn.does.count_for(seconds, wall);
                true
            }
            Err(said) => {
                println!("skipped: {} at {}: {said}", turn.client.name, turn.does.title);
                false
            }
        });
    }
    for round in 0.. {
        let noisy = noisiest(case, &turns, results);
        if round >= rounds && (rounds < 3 || quick || round >= MOST_ROUNDS || noisy.is_none()) {
            if let Some((client, spread)) = noisy {
                println!("noisy: {} at {}: spread by {:.0} %", client.name, case.title, spread * 100.0);
            }
            break;
        }
        turns.retain(|turn| match once(turn.client, turn.does, server, turn.count) {
            Ok(None) => false,
            Ok(Some(sample)) => {
                sample.iter().for_each(|(name, value)| results.add(case.id, turn.known_as, name, *value));
                true
            }
            Err(said) => {
                println!("lost: a run of {} at {}: {said}", turn.client.name, turn.does.title);
                true
            }
        });
    }
}
