//! What can be counted instead of timed: system calls a message (strace), instructions a message (callgrind). Both are
//! the difference of two runs, so that what a program does once does not count; a busy machine does not disturb them.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;

use crate::cases::{CASES, Case};
use crate::clients::{self, Client};
use crate::launch::{self, Server};
use crate::results::Results;

const COUNTED: [&str; 5] = ["echo-32", "receive-32", "send-32", "send-32-together", "send-32-many"];

fn counted() -> impl Iterator<Item = &'static Case> {
    CASES.iter().filter(|case| COUNTED.contains(&case.id))
}

/// Runs a client under `tool`, with few messages and with more; `read` finds the counts. What one message costs.
fn difference(
    client: &Client,
    case: &Case,
    server: &Server,
    counts: (usize, usize),
    tool: &[&str],
    read: impl Fn(&str) -> BTreeMap<String, f64>,
) -> Option<BTreeMap<String, f64>> {
    let of = |count| {
        let mut command = launch::command(client, case, server, count, tool);
        let output = command.stdout(Stdio::null()).stderr(Stdio::piped()).output().ok()?;
        output.status.success().then(|| read(&String::from_utf8_lossy(&output.stderr)))
    };
    let (few, mut many) = (of(counts.0)?, of(counts.1)?);
    let messages = (counts.1 - counts.0) as f64;
    for (name, value) in &mut many {
        *value = (*value - few.get(name).copied().unwrap_or(0.0)) / messages;
    }
    Some(many)
}

/// System calls a message, into the results under the case `syscalls:ID`.
pub(crate) fn system_calls(clients: &[Client], server: &Server, results: &mut Results) {
    if !launch::exists("strace") {
        println!("skipped: system calls: no strace");
        return;
    }
    println!("\nsystem calls a message (strace -c)");
    for case in counted() {
        for client in clients {
            if client.group == "other" || client.spins() || !client.takes_part(case) {
                continue;
            }
            let into = clients::folder().join("strace");
            let into = into.to_str().expect("a path");
            let read = |_: &str| {
                let text = fs::read_to_string(into).unwrap_or_default();
                text.lines().filter_map(line_of_strace).collect()
            };
            // Enough that the answers of the kind `batch` and a first fill of buffers do not count.
            let few = if matches!(case.kind, "batch" | "many") { 8 * 4096 } else { 2_000 };
            let tool = ["strace", "-f", "-c", "-o", into];
            let id = format!("syscalls:{}", case.id);
            results.forget(&id, Some(&client.id));
            if let Some(calls) = difference(client, case, server, (few, 2 * few), &tool, read) {
                let mut said: Vec<_> = calls.into_iter().filter(|(_, n)| n.abs() >= 0.005).collect();
                said.sort_by(|a, b| b.1.total_cmp(&a.1));
                for (name, n) in &said {
                    results.add(&id, &client.id, name, *n);
                }
                let said: Vec<String> = said.iter().map(|(name, n)| format!("{name} {n:.2}")).collect();
                println!("  {:<20} {:<42} {}", case.id, client.name, said.join(", "));
            }
        }
    }
}

/// `% time, seconds, usecs/call, calls, [errors,] syscall`
fn line_of_strace(line: &str) -> Option<(String, f64)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let name = fields.last().filter(|_| fields.len() >= 5)?;
    // In one version of strace the sum has no time per call.
    (*name != "total").then_some(())?;
    Some(((*name).to_owned(), fields[3].parse().ok()?))
}

/// Prints instructions a message of libws4d and of the floor.
pub(crate) fn instructions() {
    assert!(launch::exists("valgrind"), "valgrind is there");
    let server = Server::start();
    println!("{:<20} {:<42} {:>14}", "", "", "instructions");
    let wanted = clients::wanted("CASES");
    for case in counted().filter(|case| clients::is_wanted(&wanted, case.id)) {
        for client in clients::all() {
            let counts = client.ours() && !client.spins() && client.takes_part(case);
            if !(counts || client.group == "raw") {
                continue;
            }
            let into = clients::folder().join(format!("callgrind.{}.{}", case.id, client.id));
            let out = format!("--callgrind-out-file={}", into.display());
            let tool = ["valgrind", "--tool=callgrind", out.as_str()];
            let read = |said: &str| {
                let collected = said.lines().find_map(|line| line.split("Collected : ").nth(1));
                let n = collected.and_then(|text| text.split(' ').next()?.parse().ok());
                n.map(|n| ("instructions".to_owned(), n)).into_iter().collect()
            };
            let few = match case.kind {
                "batch" | "many" => 8 * 4096,
                "receive" => 20_000,
                _ => 1_000,
            };
            if let Some(found) = difference(&client, case, &server, (few, 3 * few), &tool, read) {
                let n = found.get("instructions").copied().unwrap_or(f64::NAN);
                println!("{:<20} {:<42} {n:>14.0}", case.id, client.name);
            }
        }
    }
    println!("\nWhere they went: callgrind_annotate {}/callgrind.CASE.CLIENT", clients::folder().display());
}
