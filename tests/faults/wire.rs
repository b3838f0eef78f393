//! The server's end of one connection, bare or TLS: whole, byte by byte, past TLS, cut, ended and reset.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection};

/// How long the server waits for anything where nobody says so: a watchdog, longer than every time-out of the tests.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Wire {
    tcp: TcpStream,
    tls: Option<Box<ServerConnection>>,
    /// What the client has sent and nobody has taken yet.
    pub(crate) heard: Vec<u8>,
    /// The client has ended its side, or all of it.
    pub(crate) ended: bool,
    /// How long the server waits for anything.
    pub(crate) patience: Duration,
}

impl Wire {
    pub(crate) fn new(tcp: TcpStream) -> io::Result<Wire> {
        tcp.set_nodelay(true)?;
        tcp.set_nonblocking(true)?;
        Ok(Wire { tcp, tls: None, heard: Vec::new(), ended: false, patience: PATIENCE })
    }

    /// From here on TLS is spoken; what was heard so far belongs to it.
    pub(crate) fn begin_tls(&mut self, config: &Arc<ServerConfig>) -> io::Result<()> {
        let mut tls = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        tls.set_buffer_limit(None);
        tls.read_tls(&mut &self.heard[..])?;
        tls.process_new_packets().map_err(io::Error::other)?;
        self.heard.clear();
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    /// Completes the handshake.
    pub(crate) fn complete_tls(&mut self) -> io::Result<()> {
        while self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            self.flush()?;
            if !self.tls.as_ref().is_some_and(|tls| tls.wants_read()) {
                continue;
            }
            self.hear()?;
            if self.ended {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        self.flush()
    }

    /// What TLS has to say, taken out of it.
    pub(crate) fn records(&mut self) -> io::Result<Vec<u8>> {
        let mut records = Vec::new();
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() {
                tls.write_tls(&mut records)?;
            }
        }
        Ok(records)
    }

    /// The records that bring `bytes`; without TLS the bytes.
    pub(crate) fn sealed(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match &mut self.tls {
            None => return Ok(bytes.to_vec()),
            Some(tls) => tls.writer().write_all(bytes)?,
        }
        self.records()
    }

    fn flush(&mut self) -> io::Result<()> {
        let records = self.records()?;
        self.send_raw(&records)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let sealed = self.sealed(bytes)?;
        self.send_raw(&sealed)
    }

    /// Past TLS; hears meanwhile what the client says, so that nobody waits for the other.
    pub(crate) fn send_raw(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.tcp.write(bytes) {
                Ok(n) => bytes = &bytes[n..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if self.wait(libc::POLLOUT | self.hearing())? & libc::POLLIN != 0 {
                        self.hear_now()?;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Each byte in a write of its own; with TLS in a record of its own.
    pub(crate) fn drip(&mut self, bytes: &[u8]) -> io::Result<()> {
        bytes.iter().try_for_each(|byte| self.send(&[*byte]))
    }

    /// The same past TLS.
    pub(crate) fn drip_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        bytes.iter().try_for_each(|byte| self.send_raw(&[*byte]))
    }

    /// Makes TLS send a fatal alert (bad_record_mac): it is shown a record that nobody could have made.
    pub(crate) fn alert(&mut self) -> io::Result<()> {
        let tls = self.tls.as_mut().expect("TLS");
        tls.read_tls(&mut &[&[23, 3, 3, 0, 32][..], &[0; 32]].concat()[..])?;
        assert!(tls.process_new_packets().is_err(), "a forged record is taken");
        self.flush()
    }

    /// Ends our side: politely, with TLS's own goodbye, or as a crash does.
    pub(crate) fn end(&mut self, politely: bool) -> io::Result<()> {
        if let (true, Some(tls)) = (politely, &mut self.tls) {
            tls.send_close_notify();
            self.flush()?;
        }
        self.tcp.shutdown(Shutdown::Write)
    }

    pub(crate) fn reset(self) -> io::Result<()> {
        socket2::SockRef::from(&self.tcp).set_linger(Some(Duration::ZERO))
    }

    /// Waits for more of the client, or its end.
    pub(crate) fn hear(&mut self) -> io::Result<()> {
        self.wait(libc::POLLIN)?;
        self.hear_now()
    }

    /// Takes what is there.
    pub(crate) fn hear_now(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        while !self.ended {
            match self.tcp.read(&mut buffer) {
                Ok(0) => self.ended = true,
                Ok(n) => self.take(&buffer[..n])?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Reset: an end like another.
                Err(_) => self.ended = true,
            }
        }
        Ok(())
    }

    fn take(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            self.heard.extend_from_slice(bytes);
            return Ok(());
        };
        while !bytes.is_empty() {
            tls.read_tls(&mut bytes)?;
            let Ok(state) = tls.process_new_packets() else {
                // The client has sent an alert, or broken the rules: nothing more is to be understood.
                self.ended = true;
                return Ok(());
            };
            let mut plain = vec![0; state.plaintext_bytes_to_read()];
            tls.reader().read_exact(&mut plain)?;
            self.heard.append(&mut plain);
        }
        Ok(())
    }

    fn hearing(&self) -> i16 {
        if self.ended { 0 } else { libc::POLLIN }
    }

    fn wait(&self, events: i16) -> io::Result<i16> {
        let mut poll = libc::pollfd { fd: self.tcp.as_raw_fd(), events, revents: 0 };
        // SAFETY: `poll` lives through the call.
        match unsafe { libc::poll(&mut poll, 1, self.patience.as_millis() as i32) } {
            0 => Err(ErrorKind::TimedOut.into()),
            1.. => Ok(poll.revents),
            _ => match io::Error::last_os_error() {
                error if error.kind() == ErrorKind::Interrupted => Ok(0),
                error => Err(error),
            },
        }
    }
}
