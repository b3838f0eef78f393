//! TLS over a non-blocking socket, or over another such session (a proxy's): one rustls connection behind a lock, for
//! reading and writing. Any thread may use it. Records are sent in the order in which they were made, because they
//! are written under the lock; the lock of the session below is taken inside it, never the other way round.

use super::pace::{ONE_PACKET, Pace};
use super::{Layer, Received, Written};
use crate::buffer::MAX_READ;
use crate::sync::Mutex;
use crate::thread_slot::thread_slot;
use rustls::ClientConnection;
use std::io::{self, BufRead, ErrorKind, IoSlice, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Capacity for one read of the socket. Its plaintext, with that of a record whose beginning had come before, fits
/// into a read buffer.
const CIPHERTEXT: usize = MAX_READ - 32 * 1024;

thread_slot! {
    /// Buffers of the thread, not of the socket, so that an idle socket needs none. A read takes one for each
    /// session: a session inside another takes a second one.
    static SCRATCH: Vec<Vec<u8>>;
}

/// A buffer of the thread's, with room for one read.
fn take_scratch() -> io::Result<Vec<u8>> {
    let mut free = SCRATCH.take().unwrap_or_default();
    let mut scratch = free.pop().unwrap_or_default();
    SCRATCH.keep(free);
    scratch.clear();
    scratch.try_reserve_exact(CIPHERTEXT).map_err(|_| io::Error::from(ErrorKind::OutOfMemory))?;
    Ok(scratch)
}

fn keep_scratch(scratch: Vec<u8>) {
    let mut free = SCRATCH.take().unwrap_or_default();
    free.push(scratch);
    SCRATCH.keep(free);
}

/// An established TLS session.
pub(crate) struct TlsSession {
    connection: Mutex<ClientConnection>,
    /// Locked inside `connection`; costs nothing beside an encryption.
    pace: Mutex<Pace>,
    /// The server has sent close_notify: nothing more will come.
    ended: AtomicBool,
}

impl TlsSession {
    /// Makes a session of a connection whose handshake is complete.
    pub(crate) fn new(mut connection: ClientConnection) -> TlsSession {
        // Limits the records that are encrypted ahead of what the kernel takes.
        connection.set_buffer_limit(Some(256 * 1024));
        TlsSession {
            connection: Mutex::new(connection),
            pace: Mutex::new(Pace::default()),
            ended: AtomicBool::new(false),
        }
    }

    /// Returns whether the server has sent close_notify, so that every later read is [`Received::End`].
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Reads and decrypts the available records and appends the plaintext to `into`.
    pub(super) fn receive(&self, under: Layer<'_>, into: &mut Vec<u8>) -> io::Result<Received> {
        if self.has_ended() {
            return Ok(Received::End);
        }
        let mut scratch = take_scratch()?;
        let received = under
            .receive(None, &mut scratch)
            .and_then(|received| self.decrypt(under, received, &scratch, into));
        keep_scratch(scratch);
        received
    }

    fn decrypt(
        &self,
        under: Layer<'_>,
        received: Received,
        mut records: &[u8],
        into: &mut Vec<u8>,
    ) -> io::Result<Received> {
        let start = into.len();
        let mut connection = self.connection.lock();
        let drained = match received {
            Received::Nothing => return Ok(Received::Nothing),
            Received::End => {
                // Tell rustls, so that an end without close_notify is known as one.
                connection.read_tls(&mut io::empty())?;
                take_plaintext(&mut connection, into)?;
                if into.len() == start {
                    return Ok(Received::End);
                }
                // The end will be seen again at the next read.
                false
            }
            Received::Data { drained, .. } => {
                while !records.is_empty() {
                    let taken = connection.read_tls(&mut records)?;
                    let state = connection.process_new_packets();
                    take_plaintext(&mut connection, into)?;
                    match state {
                        Ok(state) if state.peer_has_closed() || taken == 0 => {
                            self.ended.store(true, Ordering::Relaxed);
                            break;
                        }
                        Ok(_) => {}
                        Err(error) => {
                            // Send the alert for the server.
                            let _ = write_records(&mut connection, under);
                            return Err(io::Error::new(ErrorKind::InvalidData, error));
                        }
                    }
                }
                drained && !self.has_ended()
            }
        };
        if connection.wants_write() {
            // Answers of TLS itself (key updates). Those that cannot be sent now are sent with the next write.
            let _ = write_records(&mut connection, under);
        }
        let buffered = into.len() - start;
        if buffered == 0 {
            return Ok(if drained {
                Received::Nothing
            } else {
                Received::Data { direct: 0, buffered, drained }
            });
        }
        Ok(Received::Data { direct: 0, buffered, drained })
    }

    /// Encrypts and sends as much as the kernel takes. Records that it does not take wait in the session.
    pub(super) fn send(&self, under: Layer<'_>, slices: &[IoSlice<'_>]) -> io::Result<Written> {
        let mut connection = self.connection.lock();
        let mut taken = 0;
        if write_records(&mut connection, under)? {
            return Ok(Written { taken, blocked: true });
        }
        let mut pace = self.pace.lock();
        if slices.iter().map(|slice| slice.len()).sum::<usize>() > ONE_PACKET {
            pace.begin(Instant::now());
        }
        for slice in slices {
            let mut rest = &slice[..];
            while !rest.is_empty() {
                // Each call makes records of its own.
                let n = connection.writer().write(&rest[..pace.next(rest.len())])?;
                pace.sent(n);
                taken += n;
                rest = &rest[n..];
                // The session is full: write its records before adding more.
                if n == 0 && write_records(&mut connection, under)? {
                    return Ok(Written { taken, blocked: true });
                }
            }
        }
        let blocked = write_records(&mut connection, under)?;
        Ok(Written { taken, blocked })
    }

    /// Sends waiting records; returns whether some still wait.
    pub(super) fn flush(&self, under: Layer<'_>) -> io::Result<bool> {
        write_records(&mut self.connection.lock(), under)
    }

    pub(super) fn close_notify(&self, under: Layer<'_>) {
        let mut connection = self.connection.lock();
        connection.send_close_notify();
        let _ = write_records(&mut connection, under);
    }
}

fn take_plaintext(connection: &mut ClientConnection, into: &mut Vec<u8>) -> io::Result<()> {
    let mut reader = connection.reader();
    loop {
        match reader.fill_buf() {
            Ok([]) => return Ok(()),
            Ok(chunk) => {
                // One byte more, for the NUL that the caller may add.
                into.try_reserve(chunk.len() + 1).map_err(|_| io::Error::from(ErrorKind::OutOfMemory))?;
                into.extend_from_slice(chunk);
                let len = chunk.len();
                reader.consume(len);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            // No close_notify: the end of the TCP connection says so too.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Writes records; returns whether the kernel takes no more.
fn write_records(connection: &mut ClientConnection, mut under: Layer<'_>) -> io::Result<bool> {
    while connection.wants_write() {
        match connection.write_tls(&mut under) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        }
    }
    // A session below may still hold records that it has taken.
    under.flush()
}
