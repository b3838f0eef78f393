//! Renders the header, compiles the one file of C, and tells the linker what a shared library of ours is.
//!
//! The header goes to `OUT_DIR/ws4d.h`, never into the source tree; `WS4D_HEADER` tells the tests where it is.
//! `make header` copies it into `include/`.

use std::env;
use std::fs;
use std::path::Path;

/// In the order in which the header shows them.
const SOURCES: &[&str] = &[
    "result",
    "types",
    "handler",
    "open",
    "send",
    "send_many",
    "send_parts",
    "socket",
    "inspect",
    "tls_info",
    "stats",
    "close_info",
    "dispatcher",
    "batch",
    "event",
    "json",
    "utf16",
    "errors",
    "options",
    "options/compression",
    "options/frames",
    "options/network",
    "options/tls",
    "reconnector/policy",
    "reconnector",
    "reconnector/state",
    "names",
    "library",
    "log",
];

fn main() {
    if env::var("CARGO_CFG_TARGET_POINTER_WIDTH").as_deref() != Ok("64") {
        // The library says so too, but only when all crates before it have compiled.
        println!(
            "cargo::error=libws4d needs a 64-bit target: its handles are tokens of 47 bits in pointer-sized values"
        );
        return;
    }
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let out = env::var("OUT_DIR").expect("cargo sets it");
    let header = Path::new(&out).join("ws4d.h");
    fs::write(&header, render(Path::new(&root))).expect("OUT_DIR is writable");
    println!("cargo::rustc-env=WS4D_HEADER={}", header.display());
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=cbindgen.toml");
    compile_call_host();
    link();
}

fn render(root: &Path) -> String {
    let mut config =
        cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml is readable");
    config.after_includes = config.after_includes.map(|text| fill_version(&text));
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(root.join("src").join(source).with_extension("rs"));
    }
    let mut header = Vec::new();
    builder.generate().expect("cbindgen understands src/*.rs").write(&mut header);
    let header = polish(&String::from_utf8(header).expect("the sources are UTF-8"));
    let results = fs::read_to_string(root.join("src/result.rs")).expect("src/result.rs is there");
    fill_overview(&with_block_headings(&header, &results))
}

fn fill_version(text: &str) -> String {
    ["CARGO_PKG_VERSION_MAJOR", "CARGO_PKG_VERSION_MINOR", "CARGO_PKG_VERSION_PATCH", "CARGO_PKG_VERSION"]
        .iter()
        .fold(text.to_owned(), |text, name| {
            text.replace(&format!("@{name}@"), &env::var(name).expect("cargo sets it"))
        })
}

/// What cbindgen has no option for: tags for structs, short comments on one line, and Rust's safety sections as
/// what they are to a C programmer.
fn polish(header: &str) -> String {
    let mut polished: Vec<String> = Vec::new();
    for line in header.lines() {
        let before = polished.iter().rev().map(String::as_str).take(2).collect::<Vec<_>>();
        match (line.trim(), before.as_slice()) {
            ("*/", [text, open]) if open.trim() == "/**" => {
                let comment = format!("{open} {} */", text.trim().trim_start_matches("* "));
                polished.truncate(polished.len() - 2);
                polished.push(comment);
            }
            (text, [safety, ..]) if safety.trim() == "* # Safety" => {
                polished.pop();
                polished.push(text.replacen("* ", " * @pre ", 1));
            }
            _ => polished.push(line.to_owned()),
        }
    }
    for end in 0..polished.len() {
        let Some(name) = polished[end].strip_prefix("} ").and_then(|line| line.strip_suffix(';')) else {
            continue;
        };
        let name = name.to_owned();
        if let Some(begin) = polished[..end].iter().rposition(|line| line == "typedef struct {") {
            polished[begin] = format!("typedef struct {name} {{");
        }
    }
    polished.join("\n") + "\n"
}

/// Puts the headings of the blocks of `ws_result` into the header: plain comments in the source, which cbindgen drops.
/// Each stands above the comment of the first member of its block.
fn with_block_headings(header: &str, source: &str) -> String {
    let mut lines: Vec<String> = header.lines().map(str::to_owned).collect();
    let members = source.lines().skip_while(|line| !line.starts_with("pub enum ws_result"));
    let mut heading = None;
    for line in members.take_while(|line| *line != "}").map(str::trim_start) {
        if let Some(text) = line.strip_prefix("// ") {
            heading = Some(text);
        } else if let (false, Some((name, _))) = (line.starts_with("///"), line.split_once(" = ")) {
            let Some(text) = heading.take() else { continue };
            let member = lines.iter().position(|line| line.starts_with(&format!("    {name} = ")));
            let member = member.unwrap_or_else(|| panic!("{name} is not in the header"));
            let comment = lines[..member].iter().rposition(|line| line.starts_with("    /**"));
            let comment = comment.unwrap_or_else(|| panic!("{name} has no comment"));
            lines.splice(comment..comment, [String::new(), format!("    /* {text} */"), String::new()]);
        }
    }
    lines.join("\n") + "\n"
}

/// What a function's `Thread:` line may say, and the cells of the overview that follow from it. A line is one of `WHO`,
/// one of `WHERE` and one of `BLOCKS`, in this order; after the last words it may go on as it likes.
const WHO: &[(&str, &str)] = &[
    ("Thread: any", "any"),
    ("Thread: the dispatcher's own", "owner"),
    ("Thread: the dispatcher's own, or any if there is none", "owner/any"),
];
/// Callback, `wake`, signal handler.
const WHERE: &[(&str, [&str; 3])] = &[
    (", but not in callbacks; ", ["no", "no", "no"]),
    (", also in callbacks, but not on an I/O thread; ", ["not I/O", "no", "no"]),
    (", also in callbacks; ", ["yes", "no", "no"]),
    (", also in callbacks and in `wake`; ", ["yes", "yes", "no"]),
    (", also in callbacks, in `wake` and in signal handlers; ", ["yes", "yes", "yes"]),
];
const BLOCKS: &[(&str, &str)] =
    &[("never blocks", "no"), ("may block", "yes"), ("may wait for a callback", "callback")];

/// The cells of the overview for what a `Thread:` line says; `None` if it is not one of the known forms.
fn overview_cells(thread: &str) -> Option<[&'static str; 5]> {
    WHO.iter().find_map(|(who, owner)| {
        let rest = thread.strip_prefix(who)?;
        WHERE.iter().find_map(|(place, [callback, wake, signal])| {
            let rest = rest.strip_prefix(place)?;
            let (_, blocks) = BLOCKS.iter().find(|(blocks, _)| rest.starts_with(blocks))?;
            Some([*owner, *blocks, *callback, *wake, *signal])
        })
    })
}

/// Each function of the header, with the `Thread:` paragraph of its comment, which is empty if there is none.
fn thread_lines(header: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let mut comment = String::new();
    let mut inside = false;
    for line in header.lines() {
        if line.starts_with("/**") {
            comment.clear();
            inside = true;
        }
        if inside {
            // A paragraph ends with an empty line or a tag, and is broken anywhere.
            let text = line.trim_start_matches("/**").trim_start_matches(" *").trim_end_matches("*/").trim();
            let ends = text.is_empty() || text.starts_with('@');
            comment += &if ends { "\n".to_owned() } else { format!("{text} ") };
            inside = !line.ends_with("*/");
            continue;
        }
        let declares = line.starts_with(|first: char| first.is_ascii_lowercase());
        let Some((before, _)) = line.split_once('(').filter(|_| declares) else { continue };
        let name = before.rsplit([' ', '*']).next().unwrap_or_default();
        if name.starts_with("ws_") {
            let thread = comment.lines().find(|text| text.starts_with("Thread: ")).unwrap_or_default();
            found.push((name, thread.trim().to_owned()));
        }
    }
    found
}

/// Puts the overview where the introduction has `@OVERVIEW@`: a row for each function, from its own `Thread:` line. A
/// function without one, or with words that are not known, ends the build.
fn fill_overview(header: &str) -> String {
    let row = |name: &str, [owner, blocks, callback, wake, signal]: [&str; 5]| {
        format!(" *     {name:43} {owner:9}  {blocks:8}  {callback:8}  {wake:4}  {signal}")
    };
    let mut rows = vec![row("function", ["thread", "blocks", "callback", "wake", "signal"])];
    rows.extend(thread_lines(header).iter().map(|(name, thread)| {
        let cells = overview_cells(thread);
        row(name, cells.unwrap_or_else(|| panic!("{name}: not a known `Thread:` line (see WHO): {thread:?}")))
    }));
    assert!(header.contains(" * @OVERVIEW@"), "cbindgen.toml has no @OVERVIEW@");
    header.replace(" * @OVERVIEW@", &rows.join("\n"))
}

/// The frames of C through which the host's functions are called. They need tables for unwinding, which a compiler
/// of C leaves out where it is not told.
fn compile_call_host() {
    println!("cargo::rerun-if-changed=src/call_host.c");
    cc::Build::new()
        .file("src/call_host.c")
        .std("gnu99")
        .flag_if_supported("-fexceptions")
        .flag_if_supported("-fvisibility=hidden")
        .warnings(true)
        .extra_warnings(true)
        .compile("ws4d_call_host");
}

fn link() {
    let major = env::var("CARGO_PKG_VERSION_MAJOR").expect("cargo sets it");
    match env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("linux" | "android" | "freebsd") => {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libws4d.so.{major}");
            // A name lookup that hangs outlives ws_shutdown, and with it its code must outlive dlclose.
            println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
        }
        Ok("macos") => {
            println!("cargo::rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libws4d.{major}.dylib")
        }
        _ => {}
    }
}
