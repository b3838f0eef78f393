//! The header that is committed is the one that the source renders, and no symbol of it is forgotten.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Where build.rs has put what it rendered from this source.
const RENDERED: &str = env!("WS4D_HEADER");

fn committed(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("include").join(name)).unwrap_or_default()
}

#[test]
fn the_committed_header_is_what_the_source_renders() {
    let rendered = fs::read_to_string(RENDERED).unwrap();
    assert!(committed("ws4d.h") == rendered, "include/ws4d.h has drifted: cp '{RENDERED}' include/ws4d.h");
}

#[test]
fn each_function_of_the_header_has_its_version_in_the_symbols_file() {
    let rendered = fs::read_to_string(RENDERED).unwrap();
    let declarations =
        rendered.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
    let functions: BTreeSet<&str> = declarations
        .filter_map(|line| line.split_once('('))
        .filter_map(|(before, _)| before.rsplit([' ', '*']).next())
        .filter(|name| name.starts_with("ws_"))
        .collect();
    let symbols = committed("ws4d.symbols");
    let listed: BTreeSet<&str> = symbols
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(functions.len() > 80, "the header was not understood");
    assert_eq!(functions, listed);
}
