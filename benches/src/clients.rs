//! Who takes part: what `setup.sh` found and built, a line each in `clients.tsv`.

use std::path::{Path, PathBuf};

use crate::cases::Case;

pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    /// raw, ours, rust, c, other
    pub(crate) group: String,
    pub(crate) command: Vec<String>,
}

/// Where the benchmarks keep what they made.
pub(crate) fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os("WS4D_BENCH_FOLDER").unwrap_or_else(|| "build/bench".into()))
}

impl Client {
    pub(crate) fn ours(&self) -> bool {
        self.group == "ours"
    }

    /// It looks for messages for as long as it runs: what is counted of it is how long that was.
    pub(crate) fn spins(&self) -> bool {
        matches!(self.id.as_str(), "ours-busy" | "ours-busy-inline")
    }

    /// Hosts that differ from the others in how they wait, not in what they do then, are for the cases that show it.
    pub(crate) fn takes_part(&self, case: &Case) -> bool {
        let kind = case.kind;
        let differs = match self.id.as_str() {
            "ours-driving" => matches!(kind, "echo" | "receive" | "send" | "connect" | "tick" | "idle"),
            "ours-pull" => matches!(kind, "echo" | "receive" | "tick" | "fan-in"),
            "ours-busy" => matches!(kind, "echo" | "spin" | "receive" | "tick"),
            "ours-busy-inline" => matches!(kind, "echo" | "spin"),
            "raw-post-quantum" => case.id == "wss-connect",
            "ours-wake" | "ours-fd" => matches!(case.id, "echo-32" | "receive-32" | "tick"),
            _ => true,
        };
        differs && (case.io_threads == 0 || matches!(self.id.as_str(), "ours-inline" | "ours-wait"))
    }
}

/// All clients, the floor first; CLIENTS picks some by their ids, the floor always.
pub(crate) fn all() -> Vec<Client> {
    let list = std::fs::read_to_string(folder().join("clients.tsv")).expect("benches/setup.sh has run");
    let wanted = wanted("CLIENTS");
    list.lines()
        .filter_map(|line| {
            let mut fields = line.split('\t').map(str::to_owned);
            let mut next = || fields.next();
            let (id, group, name, version) = (next()?, next()?, next()?, next()?);
            Some(Client { id, group, name, version, command: fields.collect() })
        })
        .filter(|client| client.group == "raw" || is_wanted(&wanted, &client.id))
        .collect()
}

/// The words of an environment variable.
pub(crate) fn wanted(variable: &str) -> Vec<String> {
    let words = std::env::var(variable).unwrap_or_default();
    words.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// `name` is one of the words, or begins like one that ends with `*`; no words want all.
pub(crate) fn is_wanted(words: &[String], name: &str) -> bool {
    words.is_empty()
        || words.iter().any(|word| match word.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == word,
        })
}

/// The file with the sample messages of a case.
pub(crate) fn samples(folder: &Path, path: &str) -> PathBuf {
    folder.join(if path.ends_with("64k") { "json-64k" } else { "json-1k" })
}
