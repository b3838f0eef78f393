//! Through proxies: HTTP CONNECT, over TLS too, and SOCKS5; what they are asked, what they get to see, and how each of
//! their refusals is told. `docs/hostile.md`, line 13.

mod option;
mod refusal;
mod secret;
mod socks;
mod tunnel;
#[path = "../wire/mod.rs"]
mod wire;

use ws4d_test_host::{Options, c};
use ws4d_test_server::{CertKind, Conduct, Server};

/// Options with that proxy, and the server's CA.
fn through(server: &Server, proxy: &str) -> Options {
    let ca = c(server.ca_file().to_str().expect("UTF-8"));
    Options::new()
        .set(|api, o| (api.ws_options_set_proxy)(o, c(proxy).as_ptr()))
        .set(|api, o| (api.ws_options_set_ca_file)(o, ca.as_ptr()))
}

/// The same with a short connect timeout, for proxies that never come to an end.
fn impatiently(server: &Server, proxy: &str, ms: u32) -> Options {
    through(server, proxy).set(|api, o| (api.ws_options_set_connect_timeout_ms)(o, ms))
}

/// A URL with a name that nobody but a proxy finds.
fn far(server: &Server, path: &str) -> String {
    format!("ws://far.invalid:{}{path}", server.ws_port())
}

fn tls() -> Conduct {
    Conduct { certificate: Some(CertKind::Good), ..Conduct::default() }
}

fn answering(answer: impl Into<Vec<u8>>) -> Conduct {
    Conduct { answers: vec![answer.into()], ..Conduct::default() }
}
