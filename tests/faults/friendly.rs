//! What every server here does: TLS, up to the client's hello, and the upgrade.

use std::io;

use ws4d_test_server::derive_accept_key;

use crate::tls::identity;
use crate::wire::Wire;

/// Up to the client's hello, which is whole in its first record.
pub(crate) fn hello_of_tls(wire: &mut Wire) -> io::Result<()> {
    let whole = |heard: &[u8]| {
        heard.len() >= 5 && heard.len() >= 5 + usize::from(u16::from_be_bytes([heard[3], heard[4]]))
    };
    while !whole(&wire.heard) {
        more(wire)?;
    }
    wire.begin_tls(&identity().config)
}

/// Waits for more of the client, which is not to be gone.
pub(crate) fn more(wire: &mut Wire) -> io::Result<()> {
    if wire.ended {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the client has gone"));
    }
    wire.hear()
}

/// Takes the head of a request.
pub(crate) fn head(wire: &mut Wire) -> io::Result<String> {
    loop {
        if let Some(end) = wire.heard.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = wire.heard.drain(..end + 4).collect();
            return String::from_utf8(head).map_err(io::Error::other);
        }
        more(wire)?;
    }
}

/// The 101 to that request, with further header lines.
pub(crate) fn answer(request: &str, further: &str) -> Vec<u8> {
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key");
    let accept = derive_accept_key(key.as_bytes());
    let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade";
    format!("{head}\r\nSec-WebSocket-Accept: {accept}\r\n{further}\r\n").into_bytes()
}
