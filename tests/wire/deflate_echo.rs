//! A server that gives compressed messages back as they came, without looking into them: what was compressed for it is
//! compressed for the client as well, where both directions have the same windows and the same takeover.

use super::raw::{RawPeer, RawServer};
use std::io::Read;

/// Agrees to permessage-deflate with these parameters. A message that is not compressed ends the connection.
pub fn deflate_echo(parameters: &'static str) -> RawServer {
    RawServer::start(move |peer| {
        let head = peer.head();
        peer.accept(&head, &format!("Sec-WebSocket-Extensions: permessage-deflate{parameters}\r\n"));
        while let Some((first, payload)) = frame(peer) {
            let is_close = first & 0x0f == 8;
            if !is_close && first & 0x40 == 0 {
                return;
            }
            let len = u64::try_from(payload.len()).expect("a length");
            let header = match len {
                0..126 => vec![first, len as u8],
                126..0x1_0000 => [&[first, 126][..], &(len as u16).to_be_bytes()].concat(),
                _ => [&[first, 127][..], &len.to_be_bytes()].concat(),
            };
            peer.say([header, payload].concat());
            if is_close {
                return;
            }
        }
    })
}

/// The next frame of the client's: its first byte and its payload.
fn frame(peer: &mut RawPeer) -> Option<(u8, Vec<u8>)> {
    let [first, second] = bytes(peer)?;
    let len = match second & 0x7f {
        126 => u16::from_be_bytes(bytes(peer)?).into(),
        127 => u64::from_be_bytes(bytes(peer)?),
        len => len.into(),
    };
    let key: [u8; 4] = bytes(peer)?;
    let mut payload = vec![0; len.try_into().ok()?];
    peer.stream.read_exact(&mut payload).ok()?;
    payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    Some((first, payload))
}

fn bytes<const N: usize>(peer: &mut RawPeer) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    peer.stream.read_exact(&mut bytes).ok()?;
    Some(bytes)
}
