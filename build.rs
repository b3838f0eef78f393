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
    polish(&String::from_utf8(header).expect("the sources are UTF-8"))
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
