//! Digest authorization (RFC 7616), for servers and for HTTP proxies: asked for, it is given once more, and nobody else is
//! told. API2 section 4.

mod judge;
mod proxy;
mod secret;
mod server;
#[path = "../wire/mod.rs"]
mod wire;

use wire::RawPeer;

/// A challenge with these further parameters.
fn challenge(more: &str) -> String {
    format!("Digest realm=\"the realm\", nonce=\"number 1\"{more}")
}

/// Asks for an authorization, with a body of a known length.
fn asks(peer: &mut RawPeer, status: &str, header: &str, challenges: &[&str], more: &str) {
    let lines: String = challenges.iter().map(|one| format!("{header}: {one}\r\n")).collect();
    peer.say(format!("HTTP/1.1 {status}\r\n{lines}{more}Content-Length: 4\r\n\r\nwho?"));
}

/// The URL with the user and password of these tests.
fn with_user(url: &str) -> String {
    url.replacen("://", "://anna:se%20cret@", 1)
}
