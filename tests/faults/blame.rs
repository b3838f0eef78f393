//! Who asked for the memory whose refusal ended the process: Rust's other crates and aws-lc abort, and nothing above them can
//! help it. They are told apart from what is the library's own by the stack that the shim wrote.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

/// How the functions of those begin that abort without memory.
const OTHERS: [&str; 4] = ["rustls::", "<rustls::", "aws_lc", "jent_"];
/// Rust's own, which only pass on what they were asked for.
const PASS_ON: [&str; 8] = ["alloc::", "<alloc::", "core::", "<core::", "std::", "<std::", "__r", "??"];

pub(crate) struct Blame {
    library: PathBuf,
    /// All that abort are named, the library's own too: to list who does below the size at which none of ours may.
    all: bool,
    /// What is known of a stack already: finding out takes a second.
    known: Mutex<HashMap<Vec<String>, String>>,
}

impl Blame {
    pub(crate) fn new(library: PathBuf, all: bool) -> Blame {
        Blame { library, all, known: Mutex::default() }
    }

    /// The crate that cannot survive it, and the size; `None` where the library itself has asked last.
    pub(crate) fn other(&self, said: &str) -> Option<String> {
        let (stacks, _) = said.rsplit_once(" bytes were refused")?;
        let (before, size) = stacks.rsplit_once('\n')?;
        // Of the stacks before it, the last one.
        let stack = before.rsplit_once(" bytes were refused").map_or(before, |(_, stack)| stack);
        let offset = |line: &str| {
            Some(line.split_once("libws4d.so")?.1.split_once("(+")?.1.split_once(')')?.0.to_owned())
        };
        let frames: Vec<String> = stack.lines().filter_map(offset).take(24).collect();
        let asked = self.known.lock().expect("stacks").get(&frames).cloned();
        let asked = asked.unwrap_or_else(|| {
            let asked = self.first_of(&frames);
            self.known.lock().expect("stacks").insert(frames, asked.clone());
            asked
        });
        let is_other = self.all || OTHERS.iter().any(|other| asked.starts_with(other));
        is_other.then(|| format!("{size} bytes, {asked}"))
    }

    /// The function of the innermost frame that is not Rust's own.
    fn first_of(&self, frames: &[String]) -> String {
        let output =
            Command::new("addr2line").args(["-f", "-C", "-e"]).arg(&self.library).args(frames).output();
        let told = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let told = told.unwrap_or_default();
        // A line for the function, one for the place.
        let mut functions = told.lines().step_by(2);
        let asked = functions.find(|name| !PASS_ON.iter().any(|pass_on| name.starts_with(pass_on)));
        asked.unwrap_or("somebody").to_owned()
    }
}
