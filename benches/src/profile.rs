//! Where the time above the floor goes: each case's clients under `perf record`, and the shares of what was sampled. It
//! samples the clock of the CPU, because virtual machines seldom have counters.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Stdio;

use crate::cases::{CASES, Case, Told};
use crate::clients::{self, Client};
use crate::launch::{self, Server};

const LIBRARY: &str = "libws4d";
/// So many names are said of each part.
const NAMED: usize = 5;
/// What a profiled run takes, in seconds.
const SECONDS: f64 = 1.5;

/// One sampled function: where it is, its name, its share in percent.
type Sampled = (String, String, f64);

/// Writes docs/profile.md; CASES and CLIENTS choose as for the benchmarks.
pub(crate) fn write() {
    assert!(launch::exists("perf"), "perf is there (Debian: linux-perf)");
    let server = Server::start();
    let wanted = clients::wanted("CASES");
    let mut page = String::from(HEAD);
    for case in CASES.iter().filter(|case| clients::is_wanted(&wanted, case.id)) {
        if matches!(case.told, Told::Memory | Told::Fairness) || case.io_threads > 0 {
            continue;
        }
        let _ = writeln!(page, "\n## {}\n\n{COLUMNS}", case.title);
        let of_interest = |client: &Client| client.group == "raw" || client.ours();
        for client in clients::all().iter().filter(|client| of_interest(client) && client.takes_part(case)) {
            if let Some(row) = row(client, case, &server) {
                println!("{:<20} {row}", case.id);
                let _ = writeln!(page, "{row}");
            }
        }
    }
    std::fs::write("docs/profile.md", page).expect("the page is written");
}

const HEAD: &str = "# Where the time goes\n\nWritten by `make bench-profile`: each client under `perf record -e cpu-clock`, the server on another core, all \
of the client's life (so that a little of it is starting up). Shares are of the client's CPU time: in the kernel, in this library, in libc, \
elsewhere (the client's own code); then the functions with the largest shares, with theirs in percent. What the raw socket \
spends in the kernel nobody can save; what is left is the library's.\n";
const COLUMNS: &str = "| | µs a message (CPU) | kernel | library | libc | elsewhere | kernel functions | library and libc functions |\n\
                       | --- | ---: | ---: | ---: | ---: | ---: | --- | --- |";

fn row(client: &Client, case: &Case, server: &Server) -> Option<String> {
    let first = crate::run::once(client, case, server, case.count).ok()??;
    let value =
        |sample: &[(String, f64)], name| sample.iter().find(|(n, _)| n == name).map(|(_, value)| *value);
    let count = case.count_for(SECONDS, value(&first, "wall").unwrap_or(1.0));
    let data = clients::folder().join("perf.data");
    let data = data.to_str()?;
    let tool = ["perf", "record", "-q", "-F", "2500", "-e", "cpu-clock", "-o", data, "--"];
    let output = launch::command(client, case, server, count, &tool)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let cpu = said.split_whitespace().find_map(|word| word.strip_prefix("cpu=")).unwrap_or("?").to_owned();
    let sampled = report(data)?;
    let mut shares = BTreeMap::<&str, f64>::new();
    for (place, _, share) in &sampled {
        *shares.entry(part(place)).or_default() += share;
    }
    let share = |of| shares.get(of).copied().unwrap_or(0.0);
    Some(format!(
        "| {} | {cpu} | {:.0} % | {:.0} % | {:.0} % | {:.0} % | {} | {} |",
        client.name,
        share("kernel"),
        share("library"),
        share("libc"),
        share("elsewhere"),
        names(&sampled, |part| part == "kernel"),
        names(&sampled, |part| part == "library" || part == "libc"),
    ))
}

fn part(place: &str) -> &'static str {
    match place {
        // The clock is read there.
        "[vdso]" => "libc",
        place if place.starts_with('[') => "kernel",
        place if place.starts_with(LIBRARY) => "library",
        place if place.starts_with("libc.") => "libc",
        _ => "elsewhere",
    }
}

fn names(sampled: &[Sampled], wanted: impl Fn(&str) -> bool) -> String {
    let of_part = sampled.iter().filter(|(place, _, _)| wanted(part(place)));
    let named = of_part.filter(|(_, _, share)| *share >= 0.5).take(NAMED);
    named.map(|(_, name, share)| format!("`{}` {share:.0}", short(name))).collect::<Vec<_>>().join(", ")
}

/// `<impl a::b::C>::d::{{closure}}` as `C::d`.
fn short(name: &str) -> String {
    let name = name.replace("::{{closure}}", "").replace(['<', '>', '|'], " ");
    let words: Vec<&str> = name.split("::").map(str::trim).filter(|word| !word.is_empty()).collect();
    let last = words.iter().rev().take(2).rev().copied().collect::<Vec<_>>().join("::");
    last.rsplit(' ').next().unwrap_or(&last).to_owned()
}

/// What perf has sampled, the most first.
fn report(data: &str) -> Option<Vec<Sampled>> {
    let arguments = ["report", "-i", data, "--stdio", "--sort", "dso,sym", "-g", "none", "-t", "\t"];
    let output = std::process::Command::new("perf").args(arguments).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = |line: &str| {
        let mut fields = line.split('\t').map(str::trim);
        let share = fields.next()?.strip_suffix('%')?.parse().ok()?;
        let place = fields.next()?.to_owned();
        let name = fields.next()?;
        Some((place, name.trim_start_matches("[k] ").trim_start_matches("[.] ").to_owned(), share))
    };
    Some(text.lines().filter(|line| !line.starts_with('#')).filter_map(line).collect())
}
