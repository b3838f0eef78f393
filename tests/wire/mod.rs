//! The road between the library and the server, as a test sees it: attempts that fail, the bytes that left, and a
//! relay that holds them back.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test crate uses its part")]

mod count;
mod deflate_echo;
mod raw;
mod relay;

pub use count::{Count, Own, count};
pub use deflate_echo::deflate_echo;
pub use raw::{RawPeer, RawServer, head_value};
pub use relay::Relay;

use socket2::SockRef;
use std::fmt::Write as _;
use std::net::{TcpListener, TcpStream};
use std::ptr;
use ws4d_test_host::{Errors, Options, RawErrors, RawHandler, Socket, api, c, text};
use ws4d_test_server::{Event, Seen, Server};

/// A connection that could not be made: its error stack.
pub struct Refusal {
    raw: *mut RawErrors,
    /// A copy of the stack.
    pub errors: Errors,
}

impl Refusal {
    /// `ws_errors_http_header`
    pub fn header(&self, name: &str, i: usize) -> Option<String> {
        text((api().ws_errors_http_header)(self.raw, c(name).as_ptr(), i))
    }

    /// Entry 0's code, in words.
    pub fn code(&self) -> String {
        self.errors.name()
    }

    /// Entry 0's component.
    pub fn component(&self) -> &str {
        &self.errors.entries[0].1
    }

    /// Entry 0's message.
    pub fn message(&self) -> &str {
        &self.errors.entries[0].2
    }

    /// Asserts entry 0's code and that its message says `why`.
    #[track_caller]
    pub fn assert(&self, code: &str, why: &str) {
        let said = self.message().to_lowercase().contains(&why.to_lowercase());
        assert!(self.code() == code && said, "expected {code} that says {why:?}, got {:?}", self.errors);
    }
}

impl Drop for Refusal {
    fn drop(&mut self) {
        (api().ws_errors_free)(self.raw);
    }
}

/// A `ws_new` that has to fail.
#[track_caller]
pub fn refused(url: &str, options: &Options) -> Refusal {
    let mut raw = ptr::null_mut();
    let ws = (api().ws_new)(c(url).as_ptr(), ptr::null(), options.0, &mut raw);
    assert!(ws == Socket::NULL, "{url} was to be refused");
    assert!(!raw.is_null(), "a failure comes with its errors");
    let errors = Errors::copy(raw);
    assert!(
        !errors.entries.is_empty() && errors.entries.iter().all(|entry| entry.1.len() == 4),
        "{errors:?}"
    );
    Refusal { raw, errors }
}

/// A socket without a handler, open when this returns.
#[track_caller]
pub fn silent(url: &str, options: &Options) -> Socket {
    let mut raw = ptr::null_mut();
    let ws = (api().ws_new)(c(url).as_ptr(), ptr::null::<RawHandler>(), options.0, &mut raw);
    assert!(raw.is_null(), "{url}: {:?}", Errors::take(raw));
    ws
}

/// A port whose queue of connections is full, so that the next one gets no answer.
pub struct BlackHole {
    /// Its number.
    pub port: u16,
    _listener: TcpListener,
    _first: TcpStream,
}

/// At that port of the address; 0: a free one.
pub fn black_hole(address: &str, port: u16) -> BlackHole {
    let listener = TcpListener::bind((address, port)).expect("a free port");
    SockRef::from(&listener).listen(0).expect("it listens already");
    let at = listener.local_addr().expect("bound");
    let first = TcpStream::connect(at).expect("one finds room");
    BlackHole { port: at.port(), _listener: listener, _first: first }
}

/// The URL of a script; see the server's PATHS.txt.
pub fn script(server: &Server, commands: &str) -> String {
    server.ws(&format!("/script?do={}", commands.replace('|', "%7C")))
}

/// Bytes as scripts want them.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Bytes as queries want them.
pub fn percent(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "%{byte:02x}");
        text
    })
}

/// Waits for a request and gives its head's lines.
pub fn request(server: &Server) -> Vec<String> {
    server.wait_until(|log| {
        log.iter().find_map(|event| match &event.seen {
            Seen::Request { head, .. } => Some(head.split("\r\n").map(str::to_owned).collect()),
            _ => None,
        })
    })
}

/// Waits until the server has got a close frame; its code and reason.
pub fn close_seen(server: &Server) -> (Option<u16>, String) {
    let event = server.wait_for(|event| matches!(event.seen, Seen::Close(..)));
    let Seen::Close(code, reason) = event.seen else { unreachable!("waited for it") };
    (code, reason)
}

/// The texts that the server has got, in order.
pub fn texts(log: &[Event]) -> Vec<&str> {
    let texts = log.iter().filter_map(|event| match &event.seen {
        Seen::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// Waits until the server has got so many texts; gives them.
pub fn wait_texts(server: &Server, count: usize) -> Vec<String> {
    server.wait_until(|log| {
        let texts = texts(log);
        (texts.len() >= count).then(|| texts.iter().map(|&text| text.to_owned()).collect())
    })
}

/// Waits until a script of this server has come to the gate.
pub fn at_gate(server: &Server, name: &str) {
    server.wait_for(|event| matches!(&event.seen, Seen::Gate(gate) if gate == name));
}
