//! One server for one case: friendly up to the step, then the fault, then whatever the client still says.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::Receiver;

use crate::friendly::{answer, head, hello_of_tls, more};
use crate::matrix::{Case, Clock, Fault, Road, Step};
use crate::wire::Wire;

/// What it sends at a step.
struct Place {
    /// Before the fault: what begins the thing in whose middle it strikes.
    before: Vec<u8>,
    /// What should follow.
    right: Vec<u8>,
    /// How a flood begins, and what it repeats.
    flood: (Vec<u8>, Vec<u8>),
}

/// What the client said.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The code of its first close frame; 1005 for one without.
    pub(crate) close_code: Option<u16>,
    /// What went wrong in the server, where that is not the point of the case.
    pub(crate) trouble: Option<String>,
}

const CLOSE: &[u8] = b"\x88\x05\x0f\xa1bye";
const HELLO: &[u8] = b"\x81\x05hello";
const GARBAGE: [u8; 64] = [0xff; 64];
/// So much of a legal flood is enough for the host.
const ENOUGH: usize = 256 * 1024;

/// Plays the case with the first connection that comes. Where it is to be open, the host says in `open` that it is; the host
/// is told through `enough` when a flood has lasted a while.
pub(crate) fn serve(listener: &TcpListener, case: Case, open: &Receiver<()>, enough: impl FnOnce()) -> Seen {
    let mut seen = Seen::default();
    let played = listener.accept().and_then(|(tcp, _)| play(tcp, case, open, enough, &mut seen));
    seen.trouble = played.err().map(|error| error.to_string());
    seen
}

fn play(
    tcp: TcpStream,
    case: Case,
    open: &Receiver<()>,
    enough: impl FnOnce(),
    seen: &mut Seen,
) -> io::Result<()> {
    let mut wire = Wire::new(tcp)?;
    // The step, and the friendly answers up to it.
    if matches!(case.step, Step::Proxy | Step::Socks) {
        tunnel(&mut wire, case)?;
    } else if case.road == Road::Tls {
        hello_of_tls(&mut wire)?;
        if case.step != Step::Tls {
            wire.complete_tls()?;
        }
    }
    let mut accepted = Vec::new();
    if case.step >= Step::Upgrade {
        accepted = answer(&head(&mut wire)?, "");
    }
    let place = place(case, &mut wire, accepted)?;
    wire.send(&place.before)?;
    if case.step >= Step::Open {
        open.recv().map_err(io::Error::other)?;
    }
    if case.step == Step::Closing {
        closed(&mut wire, seen)?;
    }
    let struck = strike(&mut wire, case, place, enough);
    match case.fault {
        Fault::Reset => return wire.reset(),
        // What the client's end does to our writing is no trouble.
        Fault::Flood => {}
        _ => struck?,
    }
    if goes_on(case) {
        finish(&mut wire, case)?;
    }
    // A client that has enough ends the connection in its own way.
    while !wire.ended {
        wire.hear()?;
    }
    seen.close_code = seen.close_code.or(close_code(&wire.heard));
    Ok(())
}

fn tunnel(wire: &mut Wire, case: Case) -> io::Result<()> {
    if case.step == Step::Proxy {
        if case.road == Road::Tls {
            hello_of_tls(wire)?;
            wire.complete_tls()?;
        }
        head(wire)?;
        return Ok(());
    }
    // One method or two, then the request with a name and a port.
    while wire.heard.len() < 2 || wire.heard.len() < 2 + usize::from(wire.heard[1]) {
        more(wire)?;
    }
    wire.heard.clear();
    wire.send(&[5, 0])?;
    while wire.heard.len() < 5 || wire.heard.len() < 7 + usize::from(wire.heard[4]) {
        more(wire)?;
    }
    wire.heard.clear();
    Ok(())
}

fn place(case: Case, wire: &mut Wire, accepted: Vec<u8>) -> io::Result<Place> {
    let step = case.step;
    let line = b"X-Flood: more and more and more\r\n".repeat(100);
    let behind = |bytes: &[u8]| [&accepted, bytes].concat();
    Ok(match step {
        Step::Dns | Step::Tcp => Place { before: Vec::new(), right: Vec::new(), flood: Default::default() },
        Step::Proxy => Place {
            before: Vec::new(),
            right: b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
            flood: (b"HTTP/1.1 200 OK\r\n".to_vec(), line),
        },
        Step::Socks => Place {
            before: Vec::new(),
            right: vec![5, 0, 0, 1, 127, 0, 0, 1, 0, 80],
            flood: (Vec::new(), vec![0xff; 4096]),
        },
        // A message of the handshake that says it had 16 MiB.
        Step::Tls => Place {
            before: Vec::new(),
            right: wire.records()?,
            flood: (
                vec![22, 3, 3, 0, 4, 2, 0xff, 0xff, 0xff],
                [&[22, 3, 3, 0x10, 0][..], &[0; 4096]].concat(),
            ),
        },
        Step::Upgrade => Place {
            before: Vec::new(),
            right: accepted,
            flood: (b"HTTP/1.1 101 Switching Protocols\r\n".to_vec(), line),
        },
        Step::Open | Step::Closing => Place {
            before: accepted,
            right: if step == Step::Open { [HELLO, CLOSE].concat() } else { CLOSE.to_vec() },
            // Large, so that few of them are much: a message costs the host that records it.
            flood: (Vec::new(), [b"\x89\x04ping\x82\x7e\xf0\x00", &[b'x'; 0xf000][..]].concat()),
        },
        Step::Header => Place {
            before: behind(&HELLO[..1]),
            right: HELLO[1..].to_vec(),
            flood: ([&[0x7f, 0x7f][..], &[0xff; 7]].concat(), vec![0; 4096]),
        },
        Step::Payload => Place {
            before: behind(&match case.fault {
                // A message without a last frame.
                Fault::Flood => *b"\x01\x05hel",
                // There is room for it in the message.
                Fault::CloseFrame => *b"\x82\x0ahel",
                _ => *b"\x81\x05hel",
            }),
            right: b"lo".to_vec(),
            flood: (b"lo".to_vec(), [b"\x00\x7e\x10\x00", &[b'x'; 4096][..]].concat()),
        },
        Step::Fragments => Place {
            before: behind(b"\x01\x02he"),
            right: b"\x80\x03llo".to_vec(),
            flood: (Vec::new(), b"\x89\x00\x00\x00".repeat(500)),
        },
    })
}

fn strike(wire: &mut Wire, case: Case, place: Place, enough: impl FnOnce()) -> io::Result<()> {
    let in_tls = case.step == Step::Tls;
    let say = |wire: &mut Wire, bytes: &[u8]| if in_tls { wire.send_raw(bytes) } else { wire.send(bytes) };
    match case.fault {
        Fault::Reset | Fault::Silence => Ok(()),
        Fault::HalfClose => wire.end(!in_tls),
        Fault::Drip if in_tls => wire.drip_raw(&place.right),
        Fault::Drip => wire.drip(&place.right),
        Fault::Garbage => say(wire, &GARBAGE),
        Fault::CloseFrame => say(wire, CLOSE),
        Fault::Alert if in_tls => wire.send_raw(&[21, 3, 3, 0, 2, 2, 40]),
        Fault::Alert => wire.alert(),
        Fault::HalfRecord => {
            let records = if in_tls { place.right } else { wire.sealed(&place.right)? };
            wire.send_raw(&records[..records.len() / 2])?;
            wire.end(false)
        }
        Fault::Flood => {
            say(wire, &place.flood.0)?;
            let (mut sent, mut enough) = (0, Some(enough));
            while !wire.ended {
                say(wire, &place.flood.1)?;
                wire.hear_now()?;
                sent += place.flood.1.len();
                if sent > ENOUGH
                    && case.expected().ended_by == Clock::Close
                    && let Some(enough) = enough.take()
                {
                    enough();
                }
            }
            Ok(())
        }
    }
}

/// Whether the conversation is a good one up to its end.
fn goes_on(case: Case) -> bool {
    case.expected().terminate != "terminate 1006"
}

/// What is still missing of: 101, hello, close frame, and the client's answer to it.
fn finish(wire: &mut Wire, case: Case) -> io::Result<()> {
    if case.step == Step::Tls {
        wire.complete_tls()?;
    }
    if case.step < Step::Upgrade {
        let accepted = answer(&head(wire)?, "");
        wire.send(&accepted)?;
    }
    if case.step <= Step::Upgrade {
        wire.send(HELLO)?;
    }
    let said = case.fault == Fault::CloseFrame && case.step != Step::Payload;
    if !said && !matches!(case.step, Step::Open | Step::Closing) {
        wire.send(CLOSE)?;
    }
    while close_code(&wire.heard).is_none() && case.step != Step::Closing {
        more(wire)?;
    }
    wire.end(true)
}

/// Waits for the host's close frame.
fn closed(wire: &mut Wire, seen: &mut Seen) -> io::Result<()> {
    while seen.close_code.is_none() {
        more(wire)?;
        seen.close_code = close_code(&wire.heard);
    }
    Ok(())
}

/// The code of the first close frame in what the client sent.
pub(crate) fn close_code(mut heard: &[u8]) -> Option<u16> {
    while let [first, second, rest @ ..] = heard {
        let (len, rest) = match second & 0x7f {
            126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), rest.get(2..)?),
            127 => (u64::from_be_bytes(*rest.first_chunk()?) as usize, rest.get(8..)?),
            len => (usize::from(len), rest),
        };
        let (mask, payload) = rest.split_at_checked(4)?;
        let payload = payload.get(..len)?;
        match (first & 0x0f, payload) {
            (8, [a, b, ..]) => return Some(u16::from_be_bytes([a ^ mask[0], b ^ mask[1]])),
            (8, _) => return Some(1005),
            _ => heard = &rest[4 + len..],
        }
    }
    None
}
