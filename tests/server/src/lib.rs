//! The local server of the tests, the demo and the benchmarks: friendly services, and every way to misbehave.
//!
//! It judges the library from outside: well-behaved paths run on tungstenite, the others write their own
//! bytes. It knows nothing of the library.
//!
//! ```
//! use ws4d_test_server::{Seen, Server};
//!
//! let server = Server::start();
//! let url = server.ws("/script?do=text:hello,gate:later,close:4001:bye");
//! # let _ = url;
//! // … the client connects, and the test waits for what the server sees instead of sleeping:
//! // server.wait_for(|event| matches!(event.seen, Seen::Gate(_)));
//! server.open_gate("later");
//! ```
//!
//! # Paths
//!
#![doc = concat!("```text\n", include_str!("../PATHS.txt"), "```")]

mod certificates;
mod chat;
mod flood;
mod frames;
mod handshakes;
mod listen;
mod log;
mod odd_certificates;
mod proxy;
mod request;
mod response;
mod route;
mod script;
mod server;
mod services;
mod stream;
mod ticker;

pub use certificates::CertKind;
pub use log::{Event, Seen};
pub use proxy::{Conduct, Proxy, Talk, Then};
pub use response::accept_for;
pub use server::{Config, Server};
pub use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The authority of [`CertKind::Sha1`] and [`CertKind::Version1`].
pub const RSA_CA_PEM: &str = include_str!("../keys/rsa_ca.pem");

/// The table of paths, as `--help` prints it.
pub const PATHS: &str = include_str!("../PATHS.txt");
