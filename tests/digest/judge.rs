//! Whether an answer to a challenge is right: the rule of RFC 7616 once more, from the other side.

use aws_lc_rs::digest::{SHA256, digest};
use md5::{Digest, Md5};
use std::collections::HashMap;
use std::fmt::Write;

/// The parameters of an answer.
pub(crate) fn parameters(answer: &str) -> HashMap<String, String> {
    let list = answer.strip_prefix("Digest ").unwrap_or_else(|| panic!("no digest: {answer}"));
    let pairs = list.split(", ").map(|pair| pair.split_once('=').expect("a parameter"));
    pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect()
}

/// Asserts that this answers a challenge to anna, whose password is "se cret".
#[track_caller]
pub(crate) fn assert_right(answer: &str, method: &str, target: &str) {
    let given = parameters(answer);
    let get = |name: &str| given.get(name).map_or("", String::as_str);
    assert_eq!((get("username"), get("realm"), get("uri")), ("anna", "the realm", target), "{answer}");
    let algorithm = given.get("algorithm").map_or("MD5", String::as_str);
    let hash = |text: &str| match algorithm.trim_end_matches("-sess") {
        "MD5" => hex(&Md5::digest(text)),
        "SHA-256" => hex(digest(&SHA256, text.as_bytes()).as_ref()),
        other => panic!("{other} was not asked for"),
    };
    let mut secret = hash("anna:the realm:se cret");
    if algorithm.ends_with("-sess") {
        secret = hash(&format!("{secret}:{}:{}", get("nonce"), get("cnonce")));
    }
    let request = hash(&format!("{method}:{target}"));
    let middle = match get("qop") {
        "" => get("nonce").to_owned(),
        qop => format!("{}:{}:{}:{qop}", get("nonce"), get("nc"), get("cnonce")),
    };
    assert_eq!(get("response"), hash(&format!("{secret}:{middle}:{request}")), "{answer}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
