//! Tells the results: a table on the terminal after each case, `docs/benchmarks.md` with a chart a case at the end.

mod goals;
mod summary;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::cases::{CASES, Case, Told};
use crate::chart::{self, Bar, short};
use crate::clients::{self, Client};
use crate::quiet::QUIET;
use crate::results::{BESIDE, NOISY, Results};

const CHARTS: &str = "docs/benchmarks";

/// What a case tells of each client: names of values, headings, and whether they are compared with the floor.
fn columns(case: &Case) -> &'static [(&'static str, &'static str, bool)] {
    match case.told {
        Told::WallAndCpu => &[("wall", "wall µs", true), ("cpu", "CPU µs", true)],
        Told::Cpu => &[("cpu", "CPU µs", true)],
        Told::Memory => &[("kib", "KiB", false)],
        Told::Fairness => {
            &[("wall", "wall µs", true), ("cpu", "CPU µs", true), ("fairness", "fairness", false)]
        }
    }
}

/// The figure that a case is about first of all.
pub(crate) fn first_figure(case: &Case) -> &'static str {
    columns(case)[0].0
}

/// What the figures of a case are divided by: clients' ids, and headings.
fn floors(case: &Case) -> &'static [(&'static str, &'static str)] {
    if case.beside.is_some() { &[("raw", "x raw"), (BESIDE, "x blocking")] } else { &[("raw", "x raw")] }
}

/// Who may have a row: id, name, group.
fn participants<'a>(case: &Case, clients: &'a [Client]) -> Vec<(&'a str, &'a str, &'a str)> {
    let mut all: Vec<_> = clients.iter().map(|one| (&*one.id, &*one.name, &*one.group)).collect();
    if let (Some(_), Some(at)) = (case.beside, all.iter().position(|(.., group)| *group == "raw")) {
        // Here the floor does not block either; the one that does is the other case's.
        let blocking = all[at].1;
        all[at].1 = "raw spinning socket";
        all.insert(at + 1, (BESIDE, blocking, "raw"));
    }
    all
}

/// A row for each client that did it.
fn rows(case: &Case, clients: &[Client], results: &Results) -> Vec<(String, Vec<String>)> {
    let mut rows = Vec::new();
    for (id, name, _) in participants(case, clients) {
        let mut cells = Vec::new();
        for (what, _, compared) in columns(case) {
            let Some(value) = results.median(case.id, id, what) else { break };
            cells.push(short(value));
            if *what == first_figure(case) && case.told != Told::Memory {
                cells.push(results.spread(case.id, id, what).map_or(String::new(), spread));
            }
            for (floor, _) in floors(case).iter().filter(|_| *compared) {
                let floor = results.median(case.id, floor, what).filter(|value| *value > 0.0);
                cells.push(floor.map_or(String::new(), |floor| format!("{:.2}", value / floor)));
            }
        }
        if !cells.is_empty() {
            rows.push((name.to_owned(), cells));
        }
    }
    rows
}

fn spread(share: f64) -> String {
    let mark = if share > NOISY { " (noisy)" } else { "" };
    format!("{:.0} %{mark}", share * 100.0)
}

fn headings(case: &Case) -> Vec<&'static str> {
    let mut headings = Vec::new();
    for (what, heading, compared) in columns(case) {
        headings.push(*heading);
        if *what == first_figure(case) && case.told != Told::Memory {
            headings.push("spread");
        }
        headings.extend(floors(case).iter().filter(|_| *compared).map(|(_, heading)| *heading));
    }
    headings
}

pub(crate) fn print_case(case: &Case, clients: &[Client], results: &Results) {
    println!("\n{} ({})", case.title, case.id);
    let line = |name: &str, cells: &[String]| {
        let cells: String = cells.iter().map(|cell| format!("{cell:>14}")).collect();
        println!("  {name:<56}{cells}");
    };
    line("", &headings(case).into_iter().map(str::to_owned).collect::<Vec<_>>());
    for (name, cells) in rows(case, clients, results) {
        line(&name, &cells);
    }
}

/// Writes the report and its charts into `docs`.
pub(crate) fn write(results: &Results) {
    let clients = clients::all();
    fs::create_dir_all(CHARTS).expect("a folder for the charts");
    let mut text = head(&clients, results);
    summary::write(&mut text, &clients, results);
    goals::write(&mut text, &clients, results);
    for case in CASES {
        let rows = rows(case, &clients, results);
        if rows.is_empty() {
            continue;
        }
        let _ = write!(text, "\n## {}\n\n![{}](benchmarks/{}.svg)\n\n", case.title, case.title, case.id);
        if !case.text.is_empty() {
            let _ = writeln!(text, "{}\n", case.text);
        }
        let headings = headings(case);
        let _ = writeln!(text, "| | {} |\n| --- |{}", headings.join(" | "), " ---: |".repeat(headings.len()));
        for (name, cells) in rows {
            let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
        }
        draw(case, &clients, results);
    }
    system_calls(&mut text, &clients, results);
    fs::write("docs/benchmarks.md", text).expect("the report is written");
}

fn head(clients: &[Client], results: &Results) -> String {
    let of = |file: &str, key: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or("").to_owned();
        line.split_once(':').map_or(String::new(), |(_, value)| value.trim().to_owned())
    };
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // The number, not who built it.
    let kernel = kernel.trim().split('-').next().unwrap_or("").to_owned();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let quick = results.worst("quick") > 0.0;
    let command = if quick { "make bench QUICK=1" } else { "make bench" };
    let mut text = format!(
        "# Benchmarks\n\n\
         Written by `{command}` on {} ({cores} cores), Linux {kernel}. The server is on one core, the client on another; each client is a\n\
         process of its own, and they take turns, so that what the machine does besides meets all of them. Times are\n\
         microseconds a message, medians of at least five runs; \"spread\" is how far the middle half of\n\
         them is apart: where it is above 10 %, a case is run again, up to fifteen times, and what is still above it then is marked. CPU is the client process's, in the kernel and outside; \"x raw\" is the ratio to\n\
         a raw blocking socket with hand-made frames in the same run. What else is measured is said by\n\
         [benches/clients/bench.h](../benches/clients/bench.h).\n",
        of("/proc/cpuinfo", "model name"),
    );
    if quick {
        text += "\n**A quick run: few cases, short, three rounds. For orientation only.**\n";
    }
    if results.worst("busy") > QUIET {
        let _ = write!(
            text,
            "\n**The machine was busy with other things when this was measured ({:.0} % of the time): the figures are noisy.**\n",
            results.worst("busy") * 100.0
        );
    }
    text += "\n| client | version |\n| --- | --- |\n";
    for client in clients {
        let _ = writeln!(text, "| {} | {} |", client.name, client.version);
    }
    text
}

fn draw(case: &Case, clients: &[Client], results: &Results) {
    let what = columns(case)[0].0;
    let both = what == "wall";
    let mut bars: Vec<Bar> = participants(case, clients)
        .into_iter()
        .filter_map(|(id, name, group)| {
            Some(Bar {
                name: name.to_owned(),
                value: results.median(case.id, id, what)?,
                second: results.median(case.id, id, "cpu").filter(|_| both),
                group: group.to_owned(),
            })
        })
        .collect();
    let unit = match case.told {
        Told::Memory => "KiB of resident memory a socket; shorter is better",
        Told::Cpu => "µs of CPU time a message; shorter is better",
        _ => "µs a message: wall time, and below it (in brackets) the client's CPU time; shorter is better",
    };
    let svg = chart::svg(case.title, unit, &mut bars);
    let file = Path::new(CHARTS).join(format!("{}.svg", case.id));
    fs::write(file, svg).expect("the chart is written");
}

fn system_calls(text: &mut String, clients: &[Client], results: &Results) {
    let mut lines = String::new();
    for case in CASES {
        let id = format!("syscalls:{}", case.id);
        for client in clients {
            let calls: BTreeMap<&str, f64> = results.of(&id, &client.id).collect();
            let mut calls: Vec<_> = calls.into_iter().collect();
            calls.sort_by(|a, b| b.1.total_cmp(&a.1));
            if !calls.is_empty() {
                let said: Vec<String> = calls.iter().map(|(name, n)| format!("{name} {n:.2}")).collect();
                let _ = writeln!(lines, "| {} | {} | {} |", case.title, client.name, said.join(", "));
            }
        }
    }
    if !lines.is_empty() {
        *text += "\n## System calls a message\n\n`strace -f -c`, the difference of two runs, so that what is done once does not count.\n\n\
                  | case | client | system calls |\n| --- | --- | --- |\n";
        *text += &lines;
    }
}
