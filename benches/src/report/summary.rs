//! All cases in a table in the shape of the goals: the floor, the best of the others, and ours; and a smaller table of
//! the hosts that wait, or are written, in another way.

use std::fmt::Write;

use super::{columns, floors};
use crate::cases::{CASES, Case, Told};
use crate::chart::short;
use crate::clients::Client;
use crate::results::Results;

const MAIN: [&str; 5] = ["ours-inline", "ours-wait", "ours-driving", "ours-pull", "ours-busy"];

/// Beside each other, with what the last of ours competes with.
const HOSTS: [&str; 4] = ["ours-busy-inline", "ours-wake", "ours-fd", "ours-python"];
const PYTHON: &str = "picows";

pub(super) fn write(text: &mut String, clients: &[Client], results: &Results) {
    *text += "\n## Summary\n\nWall time, and CPU time in brackets; then the ratio of the wall times to the raw socket, which spins where both \
              sides do.\n\n";
    let find = |id: &str| clients.iter().find(|client| client.id == id);
    let main: Vec<&Client> = MAIN.iter().copied().filter_map(find).collect();
    let best = |case: &Case, group: &str| {
        let of_group = clients.iter().filter(|client| client.group == group);
        let all = of_group.filter_map(|client| Some((value(case, client, results)?, client)));
        let (_, client) = all.min_by(|a, b| a.0.total_cmp(&b.0))?;
        Some(format!("{} {}", cell(case, client, results)?, client.name))
    };
    let others = ["best C or C++", "best Rust"];
    table(text, &main, &others, results, |case| vec![best(case, "c"), best(case, "rust")]);

    let hosts: Vec<&Client> = HOSTS.iter().copied().filter_map(find).collect();
    if hosts.is_empty() {
        return;
    }
    *text += "\n## Other hosts\n\nThe same for programs that wait in other ways, and for one in Python.\n\n";
    match find(PYTHON) {
        Some(python) => {
            let name: &str = &python.name;
            table(text, &hosts, &[name], results, |case| vec![cell(case, python, results)]);
        }
        None => table(text, &hosts, &[], results, |_| Vec::new()),
    }
}

/// The cases that any of `ours` took part in.
fn table(
    text: &mut String,
    ours: &[&Client],
    others: &[&str],
    results: &Results,
    of_others: impl Fn(&Case) -> Vec<Option<String>>,
) {
    let names =
        ours.iter().map(|client| client.name.trim_start_matches("libws4d").trim_start_matches([',', ' ']));
    let headings: Vec<&str> = ["raw"].into_iter().chain(others.iter().copied()).chain(names).collect();
    let _ = writeln!(text, "| case | {} |\n| --- |{}", headings.join(" | "), " --- |".repeat(headings.len()));
    for case in CASES {
        let of_ours: Vec<_> = ours.iter().map(|client| cell(case, client, results)).collect();
        if of_ours.iter().all(Option::is_none) {
            continue;
        }
        let unit = if case.told == Told::Memory { ", KiB" } else { "" };
        let cells = [said(case, "raw", &[], results)].into_iter().chain(of_others(case)).chain(of_ours);
        let cells: Vec<String> = cells.map(Option::unwrap_or_default).collect();
        let _ = writeln!(text, "| {}{unit} | {} |", case.title, cells.join(" | "));
    }
}

fn value(case: &Case, client: &Client, results: &Results) -> Option<f64> {
    results.median(case.id, &client.id, columns(case)[0].0)
}

fn cell(case: &Case, client: &Client, results: &Results) -> Option<String> {
    said(case, &client.id, floors(case), results)
}

fn said(case: &Case, id: &str, floors: &[(&str, &str)], results: &Results) -> Option<String> {
    let first = columns(case)[0].0;
    let value = results.median(case.id, id, first)?;
    let mut cell = short(value);
    if let Some(cpu) = results.median(case.id, id, "cpu").filter(|_| first == "wall") {
        let _ = write!(cell, " ({})", short(cpu));
    }
    for (floor, heading) in floors {
        if let Some(floor) = results.median(case.id, floor, first).filter(|floor| *floor > 0.0) {
            let which = heading.trim_start_matches("x raw").trim_start_matches('x');
            let _ = write!(cell, ", {:.2}x{which}", value / floor);
        }
    }
    Some(cell)
}
