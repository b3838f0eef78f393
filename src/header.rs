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

/// What each cell says follows from the function's own comment: `build.rs` writes the rows.
#[test]
fn the_overview_of_the_header_has_each_exported_function_once_and_no_other() {
    let header = committed("ws4d.h");
    let rows = header.lines().skip_while(|line| !line.starts_with(" *     function  ")).skip(1);
    let rows = rows.map_while(|line| line.strip_prefix(" *     "));
    let mut functions: Vec<&str> =
        rows.map(|row| row.split_whitespace().next().unwrap_or_default()).collect();
    functions.sort_unstable();
    let symbols = committed("ws4d.symbols");
    let exported = symbols.lines().filter(|line| !line.starts_with('#'));
    let mut exported: Vec<&str> = exported.filter_map(|line| line.split(' ').next()).collect();
    exported.sort_unstable();
    assert!(exported.len() > 80, "include/ws4d.symbols was not understood");
    assert_eq!(functions, exported);
}

/// The public modules that a file declares, and those that theirs declare, as build.rs names them.
fn public_modules(root: &Path, file: &str, found: &mut BTreeSet<String>) {
    let text = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let folder = if file == "lib.rs" { String::new() } else { file.replace(".rs", "/") };
    for line in text.lines() {
        let Some(name) = line.strip_prefix("pub mod ").and_then(|line| line.strip_suffix(';')) else {
            continue;
        };
        found.insert(format!("{folder}{name}"));
        public_modules(root, &format!("{folder}{name}.rs"), found);
    }
}

#[test]
fn the_header_is_rendered_from_every_public_module() {
    let script = include_str!("../build.rs");
    let (_, sources) = script.split_once("const SOURCES: &[&str] = &[").unwrap();
    let (sources, _) = sources.split_once("];").unwrap();
    let sources: BTreeSet<String> = sources.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    let mut modules = BTreeSet::new();
    public_modules(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "lib.rs", &mut modules);
    assert!(modules.contains("options/network"), "src/lib.rs was not understood");
    assert_eq!(sources, modules, "SOURCES in build.rs (left) are not the public modules (right)");
}
