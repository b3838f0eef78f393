//! What the sequences have met: a model that never comes to a case says nothing about it.

use std::collections::BTreeMap;

use crate::system;

/// From so many sequences on, all of it must have occurred.
const ENOUGH: u64 = 5000;

const MUST: &[&str] = &[
    "a batch of several",
    "a message in parts",
    "closed by its owner",
    "closed inline",
    "closed inside its callback",
    "a ping between parts",
    "filled by Blobs",
    "filled by Many",
    "filled by Parts",
    "goodbye",
    "goodbye of a driving one",
    "goodbye of one",
    "inside: CloseDispatcher",
    "inside: Dispatch",
    "inside: Open",
    "inside: Stop",
    "interrupted",
    "looked for messages",
    "many, all",
    "many, some",
    "opened elsewhere",
    "reconnector closed by its owner",
    "reconnector closed inline",
    "reconnector closed inside its callback",
    "reconnector: dispatcher",
    "reconnector: host",
    "reconnector: refused",
    "reconnector: shut down",
    "reconnector: open again",
    "sent in no parts",
    "sent in parts",
    "settled",
    "step CloseDispatcher",
    "step Lend",
    "step Shutdown",
    "step Trespass",
    "told of messages",
    "trace with drain",
    "trace with pong",
    "trace: never open WS_ERR_CONNECTION_REFUSED terminate 1006",
    "trace: never open WS_ERR_CONNECTION_RESET terminate 1006",
    "trace: never open WS_ERR_HANDSHAKE terminate 1006",
    "trace: never open WS_ERR_HTTP_STATUS terminate 1006",
    "trace: never open terminate 1006",
    "trace: no socket, WS_ERR_CANCELLED",
    "trace: no socket, WS_ERR_HTTP_STATUS",
    "trace: no socket, WS_ERR_INVALID_URL",
    "trace: no socket, WS_ERR_SHUT_DOWN",
    "trace: no socket, WS_ERR_WRONG_THREAD",
    "trace: open WS_ERR_CONNECTION_RESET terminate 1006",
    "trace: open WS_ERR_PROTOCOL terminate 1006",
    "trace: open terminate 1000 clean",
    "trace: open terminate 1005 clean",
    "trace: open terminate 1006",
    "trace: open terminate 3001 clean",
    "trace: open terminate 4001 clean",
    "world: driving",
];

pub(crate) fn print(counts: &BTreeMap<String, u64>) {
    for (what, count) in counts {
        println!("{count:>8}  {what}");
    }
}

pub(crate) fn check(counts: &BTreeMap<String, u64>, sequences: u64) {
    if sequences >= ENOUGH {
        let can_occur = |what: &&&str| system::HAS_SIGNALS || **what != "interrupted";
        let missing: Vec<_> =
            MUST.iter().filter(can_occur).filter(|what| !counts.contains_key(**what)).collect();
        assert!(missing.is_empty(), "{sequences} sequences never met {missing:?}");
    }
}
