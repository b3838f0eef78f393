//! Reading and writing on a bare socket.

use super::{Received, Traffic, Written};
use crate::sys::stream::{self, Spare, Stream};
use std::io::{self, ErrorKind, IoSlice};

/// Appends what the kernel has to the buffers, within their capacity.
pub(super) fn receive(
    stream: &Stream,
    traffic: &Traffic,
    direct: Option<(&mut Vec<u8>, usize)>,
    into: &mut Vec<u8>,
) -> io::Result<Received> {
    let mut parts = [Spare::NONE; 2];
    let (direct, direct_room) = match direct {
        Some((buffer, wanted)) => {
            parts[0] = Spare::of(buffer, wanted);
            let room = parts[0].len();
            (Some(buffer), room)
        }
        None => (None, 0),
    };
    // One byte stays free, for the NUL behind a text that ends with the buffer.
    let free = into.capacity() - into.len();
    parts[1] = Spare::of(into, free.saturating_sub(1));
    let room = direct_room + parts[1].len();
    let skip = usize::from(direct_room == 0);
    let got = loop {
        // SAFETY: both buffers are borrowed mutably, and not touched before this returns.
        let error = match unsafe { stream::receive(stream, &mut parts[skip..]) } {
            Ok(got) => break got,
            Err(error) => error,
        };
        match error.kind() {
            ErrorKind::Interrupted => {}
            ErrorKind::WouldBlock => return Ok(Received::Nothing),
            _ => return Err(error),
        }
    };
    if got == 0 && room > 0 {
        return Ok(Received::End);
    }
    traffic.receive(got);
    let in_direct = got.min(direct_room);
    // SAFETY: the kernel has filled the first `in_direct` bytes of the first buffer's spare capacity and the
    // first `got - in_direct` of the second's.
    unsafe {
        if let Some(buffer) = direct {
            buffer.set_len(buffer.len() + in_direct);
        }
        into.set_len(into.len() + got - in_direct);
    }
    Ok(Received::Data { direct: in_direct, buffered: got - in_direct, drained: got < room })
}

/// Sends as much of the slices as the kernel takes.
pub(super) fn send(stream: &Stream, traffic: &Traffic, slices: &[IoSlice<'_>]) -> io::Result<Written> {
    let total: usize = slices.iter().map(|slice| slice.len()).sum();
    let mut taken = 0;
    if total == 0 {
        return Ok(Written { taken, blocked: false });
    }
    loop {
        match stream::send(stream, slices) {
            Ok(n) => {
                traffic.send(n);
                taken += n;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Ok(Written { taken, blocked: true });
            }
            Err(error) => return Err(error),
        }
        // A short write has filled the socket buffer.
        return Ok(Written { taken, blocked: taken < total });
    }
}
