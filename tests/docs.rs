//! The indexes in `docs/` are true: each test that they name exists and runs, and no line is without one or without
//! the reason why not.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The rows of the tables of a document, with their line numbers; without heads and rules.
fn rows(document: &str) -> Vec<(usize, String)> {
    let text = fs::read_to_string(root().join(document)).expect(document);
    let lines: Vec<&str> = text.lines().collect();
    let is_rule = |i: usize| lines.get(i).is_some_and(|line| line.starts_with("| ---"));
    (0..lines.len())
        .filter(|&i| lines[i].starts_with('|') && !is_rule(i) && !is_rule(i + 1))
        .map(|i| (i + 1, lines[i].to_owned()))
        .collect()
}

/// The tests that a row names: `file::function` between backticks.
fn named(row: &str) -> Vec<(&str, &str)> {
    row.split('`').skip(1).step_by(2).filter_map(|code| code.split_once("::")).collect()
}

/// Why a test that a document names is none; `None`: it is one.
fn flaw(file: &str, function: &str) -> Option<&'static str> {
    let Ok(text) = fs::read_to_string(root().join(file)) else { return Some("there is no such file") };
    let lines: Vec<&str> = text.lines().collect();
    let (declared, marks): (String, &[&str]) = match file.rsplit_once('.')?.1 {
        "rs" => (format!("fn {function}("), &["#[test]", "#[tokio::test"]),
        "py" => (format!("def {function}("), &[]),
        "cpp" => (format!("PROMISE({function})"), &[]),
        _ => (format!("{function}("), &[]),
    };
    let Some(at) = lines.iter().position(|line| line.contains(&declared)) else {
        return Some("there is no such function in it");
    };
    // Its attributes and comments.
    let above = || {
        lines[..at].iter().rev().map(|line| line.trim()).take_while(|line| !matches!(*line, "" | "}" | "{"))
    };
    if !marks.is_empty() && !above().any(|line| marks.iter().any(|mark| line.starts_with(mark))) {
        return Some("it is no test");
    }
    if above().any(|line| line.starts_with("#[ignore")) {
        return Some("it is ignored");
    }
    None
}

/// Of each row: that it names tests which exist, or says why there is none.
fn check(document: &str) {
    let mut wrong = Vec::new();
    let rows = rows(document);
    for (number, row) in &rows {
        let tests = named(row);
        let excused =
            ["**no test**", "**not kept**", "**missing**"].iter().any(|excuse| row.contains(excuse));
        if tests.is_empty() && !excused {
            wrong.push(format!("{document}:{number} names no test and gives no reason"));
        }
        for (file, function) in tests {
            if let Some(flaw) = flaw(file, function) {
                wrong.push(format!("{document}:{number} names {file}::{function}: {flaw}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(rows.len() > 50, "{document} was not understood");
}

#[test]
fn the_index_of_the_rfcs_names_tests_that_exist() {
    check("docs/rfc6455.md");
}

#[test]
fn the_table_of_what_a_client_must_survive_names_tests_that_exist() {
    check("docs/hostile.md");
}

#[test]
fn the_page_on_4d_names_tests_that_exist() {
    check("docs/4d.md");
}

#[test]
fn the_table_of_what_a_client_must_survive_has_all_of_its_24_lines() {
    let numbers: BTreeSet<u32> = rows("docs/hostile.md")
        .iter()
        .filter_map(|(_, row)| row.split('|').nth(1)?.trim().parse().ok())
        .collect();
    assert_eq!(numbers, (1..=24).collect());
}

/// Tests by name, and files and folders of tests.
#[test]
fn the_tables_of_the_readme_and_of_the_features_name_tests_that_exist() {
    names_tests_that_exist("README.md", 25);
    names_tests_that_exist("docs/guide/features.md", 30);
}

/// `least`: how many paths the tables have at least, else they were not understood.
fn names_tests_that_exist(document: &str, least: usize) {
    let rows = rows(document);
    let mut wrong = Vec::new();
    let mut paths = 0;
    for (number, row) in &rows {
        for (file, function) in named(row) {
            wrong.extend(
                flaw(file, function).map(|flaw| format!("line {number}, {file}::{function}: {flaw}")),
            );
        }
        let codes = row.split('`').skip(1).step_by(2);
        for path in codes.filter(|code| code.starts_with("tests/") || code.starts_with("docs/")) {
            paths += 1;
            let path = path.split("::").next().unwrap_or_default();
            let parts = path.rsplit_once('/').unwrap_or_default();
            let there = match parts.1.split_once('*') {
                None => root().join(path).exists(),
                Some((before, after)) => fs::read_dir(root().join(parts.0)).is_ok_and(|mut entries| {
                    entries.any(|entry| {
                        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
                        name.starts_with(before) && name.ends_with(after)
                    })
                }),
            };
            if !there {
                wrong.push(format!("line {number}: there is no {path}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{document}: {}", wrong.join("\n"));
    assert!(paths > least, "{document} was not understood");
}

#[test]
fn a_name_that_means_nothing_would_be_noticed() {
    assert_eq!(flaw("tests/docs.rs", "a_name_that_means_nothing_would_be_noticed"), None);
    assert!(flaw("tests/docs.rs", "a_name_that_means_nothing").is_some());
    assert!(flaw("tests/docs.rs", "flaw").is_some(), "a function that is no test");
    assert!(flaw("tests/no_such_file.rs", "a").is_some());
    assert!(flaw("plugin-4d/tests/ends.cpp", "no_promise").is_some());
    assert_eq!(named("| 1 | `a.rs::b`, `c` | `d/e.py::f` |"), [("a.rs", "b"), ("d/e.py", "f")]);
}

/// The lines of `docs/hostile.md` that a comment names: one, or several with commas and "and" between them.
fn hostile_lines(comment: &str) -> Vec<u32> {
    let mut numbers = Vec::new();
    for list in comment.split("`docs/hostile.md`, line").skip(1) {
        for word in list.trim_start_matches('s').split_whitespace() {
            let number = word.trim_end_matches(|letter: char| letter.is_ascii_punctuation());
            numbers.extend(number.parse::<u32>().ok());
            let goes_on = word.ends_with(',') || word == number;
            if !goes_on || (number.parse::<u32>().is_err() && !matches!(word, "and" | "to")) {
                break;
            }
        }
    }
    numbers
}

#[test]
fn comments_name_lines_of_the_table_of_what_a_client_must_survive() {
    let mut named = BTreeSet::new();
    for file in written() {
        for line in fs::read_to_string(&file).unwrap_or_default().lines() {
            let numbers = hostile_lines(line);
            assert!(numbers.iter().all(|line| (1..=24).contains(line)), "{}: {line}", file.display());
            named.extend(numbers);
        }
    }
    assert!(named.len() > 15, "comments were not understood: {named:?}");
    assert_eq!(hostile_lines(&["`docs/hostile.md`", ", lines 2, 3 and 40: 7"].concat()), [2, 3, 40]);
}

/// The files of the tree that may say something of the library, from the root on.
fn written() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> =
        ["src", "client/src", "protocol", "tests", "include", "docs", "c-examples", "benches"]
            .map(|folder| root().join(folder))
            .to_vec();
    for entry in fs::read_dir(root()).expect("the root").map(|entry| entry.expect("an entry").path()) {
        files.extend(entry.is_file().then_some(entry));
    }
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() { &mut folders } else { &mut files }.push(entry);
        }
    }
    let known = |path: &PathBuf| {
        path.extension()
            .is_some_and(|kind| ["rs", "md", "toml", "h", "hpp", "c", "cpp", "py"].iter().any(|k| kind == *k))
    };
    files.into_iter().filter(known).collect()
}

/// A line of the grammar of callbacks without what differs between the places: `on_`, white space, comment marks.
fn grammar(line: &str) -> String {
    line.replace("on_", "").split(|letter: char| !letter.is_ascii_graphic()).collect()
}

#[test]
fn the_grammar_of_callbacks_is_the_header_s_wherever_it_is_written() {
    let header = fs::read_to_string(root().join("include/ws4d.h")).expect("the header");
    let (_, callbacks) = header.split_once("* CALLBACKS\n").expect("the header has the grammar");
    let line = callbacks.lines().find(|line| line.contains("on_open?")).expect("the grammar is a line");
    let whole = grammar(line.trim_start().trim_start_matches('*'));
    let life = whole.strip_suffix("free").expect("a life ends with on_free");
    let mut places = BTreeSet::new();
    // The headers of released versions stay as they were.
    let released = root().join("tests/abi");
    let files = written().into_iter().filter(|file| !file.starts_with(&released));
    for file in files.filter(|file| !file.ends_with("tests/docs.rs")) {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let name = file.strip_prefix(root()).expect("in the tree").display().to_string();
        for (number, line) in
            text.lines().enumerate().filter(|(_, line)| line.contains("open?") && line.contains(")*"))
        {
            assert!(
                grammar(line).contains(life),
                "{name}:{}: {line:?} is not the header's {life}",
                number + 1
            );
            places.insert(name.clone());
        }
    }
    for place in [
        "README.md",
        "include/ws4d.hpp",
        "tests/host/src/grammar.rs",
        "client/src/dispatch/mailbox.rs",
        "src/handler.rs",
        "tests/c/host.h",
    ] {
        assert!(places.contains(place), "{place} has no grammar, but {places:?}");
    }
}

/// The functions of C that the C++ header does not call: what stands in their place there.
const NOT_IN_CPP: &[(&str, &str)] = &[
    ("ws_send_text", "ws_send"),
    ("ws_send_blob", "ws_send"),
    ("ws_send_object", "ws_send"),
    ("ws_event_reason", "ws_event_data"),
    ("ws_batch_data", "ws_batch_items"),
    ("ws_batch_time_us", "ws_event_time_us"),
    ("ws_json_key_utf16", "ws_json_key"),
    ("ws_version_number", "ws_version_string"),
    ("ws_get_handler", "handlers are lambdas, which hold what they need"),
    ("ws_get_user_data", "handlers are lambdas, which hold what they need"),
];

#[test]
fn each_function_and_each_callback_of_c_has_its_place_in_the_cpp_header() {
    let symbols = fs::read_to_string(root().join("include/ws4d.symbols")).expect("the symbols");
    let header = fs::read_to_string(root().join("include/ws4d.h")).expect("the header");
    let cpp = fs::read_to_string(root().join("include/ws4d.hpp")).expect("the C++ header");
    let words: BTreeSet<&str> =
        cpp.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').collect();
    let functions = symbols.lines().filter(|line| line.starts_with("ws_"));
    let functions: BTreeSet<&str> = functions.filter_map(|line| line.split(' ').next()).collect();
    let callbacks = header.lines().filter_map(|line| {
        line.trim().strip_prefix("ws_callback ").and_then(|field| field.strip_suffix(';'))
    });
    let callbacks: BTreeSet<&str> = callbacks.collect();
    assert!(functions.len() > 150 && callbacks.len() > 7, "the headers were not understood");
    let missing: BTreeSet<&str> =
        functions.union(&callbacks).copied().filter(|name| !words.contains(name)).collect();
    let excused: BTreeSet<&str> = NOT_IN_CPP.iter().map(|(name, _)| *name).collect();
    assert_eq!(missing, excused, "of ws4d.h, and not in ws4d.hpp");
    for (name, instead) in NOT_IN_CPP {
        assert!(instead.contains(' ') || words.contains(instead), "{name} is {instead}, which is not there");
    }
}

/// `docs/hostile.md`, line 24: RFC 6455 §5.3 and §10.3 want keys that nobody can predict. That `random.rs` has
/// such a generator, its own test shows.
#[test]
fn mask_keys_come_from_the_cryptographic_generator_and_from_nowhere_else() {
    let mut folders: Vec<PathBuf> =
        ["src", "client/src", "protocol/src"].map(|folder| root().join(folder)).to_vec();
    let mut masks = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let text = fs::read_to_string(&entry).expect("UTF-8");
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in code.take_while(|line| !line.contains("cfg(test)")) {
                masks += usize::from(line.contains("mask_key("));
                let random = ["rand::", "fastrand", "SmallRng", "StdRng", "srand", "XorShift", "drand"];
                let elsewhere = !entry.ends_with("client/src/random.rs");
                assert!(
                    !(elsewhere && random.iter().any(|word| line.contains(word))),
                    "{} has random numbers of its own: {line}",
                    entry.display()
                );
            }
        }
    }
    assert!(masks > 1, "nobody asks random.rs for keys");
}
