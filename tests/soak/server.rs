//! A server that sends back what it gets, compressed or not, and may end the conversation after so many messages.

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use crate::echo::{listen, take_frame};
use crate::friendly::{answer, head, hello_of_tls};
use crate::wire::Wire;

/// How the server ends a conversation, and behind how many messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ServersEnd {
    /// Not at all.
    Never,
    /// By a close frame, [`CODE`].
    Close(usize),
    Reset(usize),
}

/// The code of the server's close frame.
pub(crate) const CODE: u16 = 4001;
const CLOSE: &[u8] = b"\x88\x05\x0f\xa1bye";

impl ServersEnd {
    /// The path that asks for it.
    pub(crate) fn path(self) -> String {
        match self {
            ServersEnd::Never => "/never".to_owned(),
            ServersEnd::Close(n) => format!("/close/{n}"),
            ServersEnd::Reset(n) => format!("/reset/{n}"),
        }
    }

    fn asked(head: &str) -> ServersEnd {
        let path = head.split(' ').nth(1).unwrap_or_default();
        let mut parts = path.split('/').skip(1);
        let kind = parts.next().unwrap_or_default();
        let messages = parts.next().and_then(|number| number.parse().ok()).unwrap_or(0);
        match kind {
            "close" => ServersEnd::Close(messages),
            "reset" => ServersEnd::Reset(messages),
            _ => ServersEnd::Never,
        }
    }
}

/// The ports, bare and TLS; it runs as long as the process does.
pub(crate) struct Server {
    pub(crate) bare: u16,
    pub(crate) tls: u16,
}

impl Server {
    pub(crate) fn start() -> Server {
        Server { bare: listen(false, serve), tls: listen(true, serve) }
    }
}

fn serve(tcp: TcpStream, tls: bool) -> io::Result<()> {
    let mut wire = Wire::new(tcp)?;
    // A socket may have nothing to do for long.
    wire.patience = Duration::from_secs(24 * 60 * 60);
    if tls {
        hello_of_tls(&mut wire)?;
        wire.complete_tls()?;
    }
    let request = head(&mut wire)?;
    let end = ServersEnd::asked(&request);
    let extension = match request.contains("permessage-deflate") {
        true => "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        false => "",
    };
    wire.send(&answer(&request, extension))?;
    let (mut messages, mut closed) = (0, false);
    while !wire.ended {
        while let Some((frame, is_close)) = take_frame(&mut wire.heard) {
            if is_close {
                if !closed {
                    wire.send(&frame)?;
                }
                wire.end(true)?;
                closed = true;
            }
            if closed {
                continue;
            }
            wire.send(&frame)?;
            messages += usize::from(frame[0] & 0x88 == 0x80);
            match end {
                ServersEnd::Close(n) if n == messages => {
                    wire.send(CLOSE)?;
                    closed = true;
                }
                ServersEnd::Reset(n) if n == messages => return wire.reset(),
                _ => {}
            }
        }
        wire.hear()?;
    }
    Ok(())
}
