//! Frames that a server must not send, and odd ones that it may. `docs/hostile.md`, lines 15 to 20, byte by byte
//! through scripts.

mod close;
mod fragment;
mod limit;
mod ping;
mod rule;
mod text;
mod unjudged;
#[path = "../wire/mod.rs"]
mod wire;

use crate::wire::{close_seen, script};
use ws4d_test_host::{Host, Options};
use ws4d_test_server::Server;

/// Plays `commands` and asserts that the connection fails: what was delivered before, the host's error with a message
/// that says `why`, and the close code that the server got.
#[track_caller]
fn fails(server: &Server, commands: &str, delivered: &[&str], error: &str, why: &str, close: u16) {
    fails_with(server, Options::new(), commands, delivered, error, why, close);
}

#[track_caller]
fn fails_with(
    server: &Server,
    options: Options,
    commands: &str,
    delivered: &[&str],
    error: &str,
    why: &str,
    close: u16,
) {
    let host = Host::new();
    let said = why.to_owned();
    host.once("error", move |call| {
        let errors = call.event.errors();
        let (_, component, message) = &errors.entries[0];
        assert_eq!(component, if errors.name() == "WS_ERR_INVALID_JSON" { "json" } else { "ws  " });
        assert!(message.to_lowercase().contains(&said.to_lowercase()), "expected {said:?} in {message:?}");
    });
    let url = script(server, commands);
    host.to(url.as_str()).with(options).open();
    host.run_until("free");
    let mut life = vec!["open"];
    life.extend(delivered);
    let error = format!("error {error}");
    life.extend([error.as_str(), "terminate 1006", "free"]);
    assert_eq!(host.trace(), life, "{commands}");
    // As it goes to the server.
    let path = url.split_at(url.find("/script").expect("a script")).1.replace('|', "%7C");
    let seen = server
        .wait_for(|event| event.path == path && matches!(event.seen, ws4d_test_server::Seen::Close(..)));
    let ws4d_test_server::Seen::Close(code, _) = seen.seen else { unreachable!("waited for it") };
    assert_eq!(code, Some(close), "{commands}");
}

/// Plays `commands`, of which the last closes with 1000, and asserts what was delivered.
#[track_caller]
fn delivers(commands: &str, delivered: &[&str]) {
    delivers_with(Options::new(), commands, delivered);
}

#[track_caller]
fn delivers_with(options: Options, commands: &str, delivered: &[&str]) {
    let server = Server::start();
    let host = Host::new();
    host.to(script(&server, &format!("{commands},close:1000:"))).with(options).open();
    host.run_until("free");
    let mut life = vec!["open"];
    life.extend(delivered);
    life.extend(["terminate 1000 clean", "free"]);
    assert_eq!(host.trace(), life, "{commands}");
    assert_eq!(close_seen(&server).0, Some(1000));
}
